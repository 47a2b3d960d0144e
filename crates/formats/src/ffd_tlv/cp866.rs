//! Texts of the format: code page 866, one byte a letter.

use std::{borrow::Cow, sync::LazyLock};

use canonical::product::Letters;

/// Letters that are written in one piece.
const PIECE: usize = 128;

/// SIMD checks of UTF-8 begin at this many bytes; for less they call the ordinary one.
const LEAST_FOR_SIMD: usize = 64;

/// What CP866 has from 0xB0 to 0xDF, and from 0xF0 on.
const FRAMES: &str = "░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀";
const SIGNS: &str = "ЁёЄєЇїЎў°∙·√№¤■\u{a0}";

/// Each letter in UTF-8, and how many of the three bytes it has.
static LETTERS: [[u8; 4]; 256] = letters();

const fn letters() -> [[u8; 4]; 256] {
    let mut table = [[0; 4]; 256];
    let mut byte = 0;
    while byte < 0x80 {
        table[byte] = [byte.to_le_bytes()[0], 0, 0, 1];
        byte += 1;
    }
    // U+0000 becomes U+FFFD: databases refuse it.
    table[0] = [0xEF, 0xBF, 0xBD, 3];
    put(&mut table, 0x80, "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп");
    put(&mut table, 0xB0, FRAMES);
    put(&mut table, 0xE0, "рстуфхцчшщъыьэюя");
    put(&mut table, 0xF0, SIGNS);
    table
}

const fn put(table: &mut [[u8; 4]; 256], first: usize, letters: &str) {
    let bytes = letters.as_bytes();
    let (mut letter, mut at) = (first, 0);
    while at < bytes.len() {
        table[letter] = if bytes[at] < 0xE0 {
            [bytes[at], bytes[at + 1], 0, 2]
        } else {
            [bytes[at], bytes[at + 1], bytes[at + 2], 3]
        };
        at += table[letter][3] as usize;
        letter += 1;
    }
}

/// The text, or `None` where there is nothing but blanks.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if is_blank(bytes) {
        return None;
    }
    if is_plain(bytes) {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    if bytes.len() <= PIECE {
        return Some(with_decoded(bytes, str::to_owned).into());
    }
    let mut text = String::with_capacity(2 * bytes.len());
    bytes.chunks(PIECE).for_each(|piece| with_decoded(piece, |piece| text.push_str(piece)));
    Some(text.into())
}

/// Of at most [`PIECE`] letters.
fn with_decoded<T>(piece: &[u8], take: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0; 3 * PIECE + 1];
    let mut end = 0;
    // Every letter writes three bytes and the next one begins where it ends: no letter is a branch.
    for byte in piece {
        let [a, b, c, length] = LETTERS[usize::from(*byte)];
        if let Some(place) = buffer.get_mut(end..end + 3) {
            place.copy_from_slice(&[a, b, c]);
        }
        end += usize::from(length);
    }
    let checked = simdutf8::basic::from_utf8(&buffer[..end.max(LEAST_FOR_SIMD)]);
    take(checked.unwrap_or_default().get(..end).unwrap_or_default())
}

/// What is in a key of a product for each letter.
pub(super) static KEYS: LazyLock<Letters> =
    LazyLock::new(|| Letters::new(|byte| with_decoded(&[byte], |letter| letter.chars().next().unwrap_or_default())));

/// ASCII, without U+0000. All bytes are looked at, many at a time.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & (byte.wrapping_sub(1) < 0x7F))
}

/// What `str::trim` takes for blanks.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(*byte, 9..=13 | b' ' | 0xFF))
}

/// Whether the text is given back: one of nothing but blanks has no field, and U+FFFD is in no code page.
pub(super) fn is_given_back(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |whole, byte| whole & (*byte != 0)) && !is_blank(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_the_published_one() {
        for byte in 0..=u8::MAX {
            let bytes = [b'x', byte];
            let published = encoding_rs::IBM866.decode_without_bom_handling(&bytes).0.replace('\0', "\u{FFFD}");
            assert_eq!(decode(&bytes), Some(published.into()), "{byte:#04x}");
        }
    }

    #[test]
    fn texts_of_any_length_are_whole() {
        for length in [1, 31, 32, 63, 64, 127, 128, 129, 255, 256, 257, 1_000] {
            let bytes: Vec<u8> = (0..length).map(|at| [0xE0, b'a', 0xDB, 0x80][at % 4]).collect();
            let published = encoding_rs::IBM866.decode_without_bom_handling(&bytes).0;
            assert_eq!(decode(&bytes), Some(published), "{length}");
        }
    }

    #[test]
    fn a_key_is_the_same_from_bytes_and_from_text() {
        let names: [&[u8]; 5] = [b" \x91\xEB\xE0  50% / \xFC1 ", b"\0\xFFa~", b"\x80\xF0\xB0", b"\t", &[0x8F; 150]];
        for sent in names.into_iter().map(<[u8]>::to_vec).chain((0..=255).map(|byte| vec![b'A', byte, byte, b'b'])) {
            let Some(name) = decode(&sent) else { continue };
            let facts =
                canonical::product::ProductFacts { name: Some(&name), unit: Some("кг"), ..Default::default() };
            let key = canonical::product::name_key_of_letters(&name, &sent, &KEYS, "кг");
            assert_eq!(key, canonical::product_key(&facts), "{name}");
        }
    }

    #[test]
    fn blanks_alone_are_no_text() {
        for blank in [&b""[..], b" ", b" \t\r\n\x0b\x0c", &[0xFF, b' ']] {
            assert!(decode(blank).is_none() && !is_given_back(blank), "{blank:?}");
        }
        assert!(is_given_back(b" a ") && !is_given_back(b"a\0"));
    }
}
