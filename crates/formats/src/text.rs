//! Texts of documents.

use std::borrow::Cow;

/// The text as sent, or `None` where there is nothing but blanks. The character U+0000 becomes
/// U+FFFD: databases refuse it, and one bad name must stop nothing.
pub(crate) fn clean(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.trim().is_empty() {
        return None;
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        let zeros = memchr::memchr_iter(0, text.as_bytes()).count();
        let mut clean = String::with_capacity(text.len() + 2 * zeros);
        clean.extend(text.chars().map(|letter| if letter == '\0' { '\u{FFFD}' } else { letter }));
        return Some(clean.into());
    }
    Some(text)
}

/// A text as it is quoted in a reason: its begin. A value may fill its document, and becomes six times as long where it is
/// spelled out.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let end = text.floor_char_boundary(MOST);
    if end < text.len() { format!("{:?}…", &text[..end]) } else { format!("{text:?}") }
}
