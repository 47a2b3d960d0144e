//! From the bytes of a text document to its characters.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, IBM866, KOI8_R, KOI8_U, UTF_8, WINDOWS_1251};

use crate::flags;

/// Most bytes by which an encoding is guessed.
const DETECTED: usize = 4_096;

/// The characters of a document, and the name of the encoding that gave them. Valid UTF-8 is that, whatever was declared: no text in another encoding looks like it.
/// Otherwise the declared encoding counts, unless it gives no letters. What was not as declared, or not declared at all, is
/// flagged.
pub(crate) fn decode<'b>(
    bytes: &'b [u8],
    declared: Option<&str>,
    flags: &mut Vec<&'static str>,
) -> (Cow<'b, str>, &'static str) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let (used, text) = match simdutf8::basic::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => return (text.into(), UTF_8.name()),
        Ok(text) => (UTF_8, text.into()),
        Err(_) => {
            let used = single_byte(bytes, declared.filter(|declared| *declared != UTF_8));
            (used, used.decode_without_bom_handling(bytes).0)
        }
    };
    match declared {
        None if used == UTF_8 => {}
        None => flags::raise(flags, flags::ENCODING_GUESSED),
        Some(declared) if declared == used => {}
        Some(_) => flags::raise(flags, flags::ENCODING_DISAGREES),
    }
    (text, used.name())
}

/// What a text that is not UTF-8 is in.
fn single_byte(bytes: &[u8], declared: Option<&'static Encoding>) -> &'static Encoding {
    if let Some(declared) = declared.filter(|declared| gives_letters(bytes, declared)) {
        return declared;
    }
    // The detector weighs some thirty encodings for each byte: what begins with the first letter tells enough.
    let begin = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or_default();
    let telling = &bytes[begin..bytes.len().min(begin + DETECTED)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(telling, true);
    let guessed = detector.guess(Some(b"ru"), Utf8Detection::Deny);
    // Nothing else is sent by registers here; of KOI8 the letters for Russian are those of KOI8-R.
    if guessed == KOI8_U {
        KOI8_R
    } else if guessed == IBM866 {
        IBM866
    } else {
        WINDOWS_1251
    }
}

/// Whether three quarters of what is not ASCII are Russian letters and the signs that go with them. The wrong one of
/// windows-1251 and CP866 gives frames and signs of other languages.
fn gives_letters(bytes: &[u8], encoding: &'static Encoding) -> bool {
    let text = encoding.decode_without_bom_handling(bytes).0;
    let is_russian = |c: &char| matches!(c, 'А'..='я' | 'Ё' | 'ё' | '№' | '«' | '»' | '–' | '—' | '\u{A0}' | '°');
    let others = text.chars().filter(|c| !c.is_ascii());
    let (all, russian) = (others.clone().count(), others.filter(is_russian).count());
    russian * 4 >= all * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Молоко \"Луговое\" 2,5% 0,9 л; Иванова А.П.";

    fn read(bytes: &[u8], declared: Option<&str>) -> (String, Vec<&'static str>) {
        let mut flags = Vec::new();
        let (text, _) = decode(bytes, declared, &mut flags);
        (text.into_owned(), flags)
    }

    #[test]
    fn a_declared_encoding_is_used() {
        for (label, encoding) in
            [("windows-1251", WINDOWS_1251), ("cp866", IBM866), ("KOI8-R", KOI8_R), ("utf-8", UTF_8)]
        {
            let bytes = encoding.encode(TEXT).0;
            assert_eq!(read(&bytes, Some(label)), (TEXT.to_owned(), vec![]), "{label}");
        }
    }

    #[test]
    fn an_encoding_that_nobody_declared_is_guessed_and_said_so() {
        for encoding in [WINDOWS_1251, IBM866, KOI8_R] {
            for text in [TEXT, "ХЛЕБ БОРОДИНСКИЙ", "Молоко"] {
                let bytes = encoding.encode(text).0;
                assert_eq!(read(&bytes, None), (text.to_owned(), vec![flags::ENCODING_GUESSED]), "{}", encoding.name());
            }
        }
        assert_eq!(read(TEXT.as_bytes(), None), (TEXT.to_owned(), vec![]));
        assert_eq!(read(b"Milk 2.5%", None), ("Milk 2.5%".to_owned(), vec![]));
    }

    #[test]
    fn a_declaration_that_lies_is_not_believed() {
        let lies = [("windows-1251", IBM866), ("cp866", WINDOWS_1251), ("koi8-r", IBM866), ("utf-8", KOI8_R)];
        for (label, encoding) in lies.into_iter().chain([("windows-1251", UTF_8)]) {
            let bytes = encoding.encode(TEXT).0;
            assert_eq!(read(&bytes, Some(label)), (TEXT.to_owned(), vec![flags::ENCODING_DISAGREES]), "{label}");
        }
        let marked = [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat();
        assert_eq!(read(&marked, Some("utf-8")), (TEXT.to_owned(), vec![]));
    }
}
