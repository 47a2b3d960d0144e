//! Texts of documents.

use std::borrow::Cow;

/// The text as sent, or `None` where there is nothing but blanks. The character U+0000 becomes
/// U+FFFD: databases refuse it, and one bad name must stop nothing.
pub(crate) fn clean(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.trim().is_empty() {
        return None;
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Some(text.replace('\0', "\u{FFFD}").into());
    }
    Some(text)
}
