//! Texts of the format: code page 866, one byte a letter.

use std::{borrow::Cow, sync::LazyLock};

use canonical::product::Letters;

/// From 0x80 on.
const HIGH: &str = "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп\
    ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{a0}";

/// All of them.
pub(super) static LETTERS: LazyLock<Letters> = LazyLock::new(|| {
    Letters::new(|byte| match byte {
        // Databases refuse U+0000.
        0 => '\u{FFFD}',
        1..0x80 => byte.into(),
        0x80.. => HIGH.chars().nth(usize::from(byte - 0x80)).unwrap_or('\u{FFFD}'),
    })
});

/// The text, or `None` where there is nothing but blanks.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if is_blank(bytes) {
        return None;
    }
    if is_plain(bytes) {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    Some(LETTERS.text(bytes).into())
}

/// ASCII, without U+0000.
fn is_plain(bytes: &[u8]) -> bool {
    // A byte of zero takes from the next, which then has been found already.
    words(bytes).all(|word| (word | word.wrapping_sub(ONES)) & HIGHEST == 0)
}

/// Eight bytes each, little-endian; the last ones may have been in the word before, and fewer are filled up with blanks.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, rest) = bytes.as_chunks();
    let last = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut filled = [b' '; 8];
        filled.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        filled
    });
    whole.iter().copied().chain([last]).map(u64::from_le_bytes)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// What `str::trim` takes for blanks.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(*byte, 9..=13 | b' ' | 0xFF))
}

/// Whether the text is given back: one of nothing but blanks has no field, and U+FFFD is in no code page.
pub(super) fn is_given_back(bytes: &[u8]) -> bool {
    words(bytes).all(|word| word.wrapping_sub(ONES) & !word & HIGHEST == 0) && !is_blank(bytes)
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
        let names: [&[u8]; 8] = [
            b" \x91\xEB\xE0  50% / \xFC1 ",
            b"\0\xFFa~",
            b"\x80\xF0\xB0",
            b"\t",
            b"",
            &[0x8F; 64],
            &[0x8F; 65],
            &[0x8F; 150],
        ];
        let names = names.into_iter().map(<[u8]>::to_vec).chain((0..=255).map(|byte| vec![b'A', byte, byte, b'b']));
        let units = ["шт", "кг", "л", "", "Шт.", " 1/2 ", "упаковка по двенадцать"];
        for (sent, unit) in names.flat_map(|name| units.map(|unit| (name.clone(), unit))) {
            let (name, key) = canonical::product::name_and_key(&sent, &LETTERS, unit);
            let published = encoding_rs::IBM866.decode_without_bom_handling(&sent).0.replace('\0', "\u{FFFD}");
            assert_eq!(name, published);
            let facts = canonical::product::ProductFacts { name: Some(&name), unit: Some(unit), ..Default::default() };
            assert_eq!(key, canonical::product_key(&facts), "{name} {unit}");
        }
    }

    #[test]
    fn a_zero_and_letters_beyond_ascii_are_found_at_every_place() {
        for length in 0..40 {
            let text = vec![b'a'; length];
            assert_eq!((is_plain(&text), is_given_back(&text)), (true, length > 0));
            for at in 0..length {
                for (byte, plain, given_back) in
                    [(0, false, false), (1, true, true), (0x80, false, true), (0xFF, false, true)]
                {
                    let mut text = text.clone();
                    text[at] = byte;
                    let is_blank = is_blank(&text);
                    assert_eq!((is_plain(&text), is_given_back(&text)), (plain, given_back && !is_blank), "{text:?}");
                }
            }
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
