//! Product codes of marked goods, in the spellings in which they arrive.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use canonical::gtin;

/// The GTIN that a product code tells: that of a GS1 mark (`01`, 14 digits, `21`, a serial number), or that of the six
/// bytes after `44 4D` in tag 1162, written in hex; either may be written in base64.
pub(crate) fn gtin_of_text(code: &str) -> Option<String> {
    gtin_of_plain(code).or_else(|| {
        let bytes = BASE64_STANDARD.decode(code.trim()).ok()?;
        gtin_of_bytes(&bytes).or_else(|| gtin_of_plain(std::str::from_utf8(&bytes).ok()?))
    })
}

fn gtin_of_plain(code: &str) -> Option<String> {
    let mark = code.trim().trim_start_matches("]C1").trim_start_matches('\u{1d}');
    if let Some((digits, serial)) = mark.strip_prefix("01").and_then(|rest| rest.split_at_checked(14))
        && (serial.is_empty() || serial.starts_with("21"))
        && let Some(gtin) = gtin::normalize(digits)
    {
        return Some(gtin);
    }
    let mut nibbles = code.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16));
    let mut byte = || Some(nibbles.next()?? << 4 | nibbles.next()??);
    let mut bytes = [0; 8];
    for place in &mut bytes {
        *place = u8::try_from(byte()?).ok()?;
    }
    gtin_of_bytes(&bytes)
}

/// The serial number of a mark of GS1, up to the separator that ends it; that of tag 1162 written in hex; either may be
/// written in base64.
pub(crate) fn serial_of_text(code: &str) -> Option<String> {
    serial_of_plain(code).or_else(|| {
        let bytes = BASE64_STANDARD.decode(code.trim()).ok()?;
        serial_of_bytes(&bytes).or_else(|| serial_of_plain(std::str::from_utf8(&bytes).ok()?))
    })
}

fn serial_of_plain(code: &str) -> Option<String> {
    gtin_of_plain(code)?;
    if let Some(bytes) = hex(code) {
        return serial_of_bytes(&bytes);
    }
    let mark = code.trim().trim_start_matches("]C1").trim_start_matches('\u{1d}');
    // A separator that was spelled out instead of sent.
    let end = ["\u{1d}", "\\u001d"].iter().filter_map(|separator| mark.find(separator)).min().unwrap_or(mark.len());
    let serial = mark.get(16..end).and_then(|rest| rest.strip_prefix("21")).filter(|_| mark.starts_with("01"));
    serial.filter(|serial| !serial.is_empty() && !serial.contains('\0')).map(str::to_owned)
}

/// The bytes of tag 1162 that a text spells.
fn hex(code: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = code
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes: Vec<u8> = digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.starts_with(&[0x44, 0x4D]).then_some(bytes)
}

/// The serial number of tag 1162, which is ASCII.
pub(crate) fn serial_of_bytes(code: &[u8]) -> Option<String> {
    gtin_of_bytes(code)?;
    serial_behind_gtin(code).map(str::to_owned)
}

/// The serial number of a tag 1162 whose GTIN is right.
pub(crate) fn serial_behind_gtin(code: &[u8]) -> Option<&str> {
    let serial = std::str::from_utf8(code.get(8..)?).ok()?.trim();
    (!serial.is_empty() && !serial.contains(char::is_control)).then_some(serial)
}

/// Tag 1162 of a marked product: `44 4D`, the GTIN in six bytes, big-endian, and the serial number.
pub(crate) fn gtin_of_bytes(code: &[u8]) -> Option<String> {
    let [0x44, 0x4D, a, b, c, d, e, f, ..] = code else { return None };
    gtin::of_number(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_code_tells_its_gtin() {
        let code = [0x44, 0x4D, 0x03, 0xB2, 0x3C, 0xAF, 0x78, 0xCB, b'p'];
        assert_eq!(gtin_of_bytes(&code).as_deref(), Some("04064057194699"));
        assert_eq!(gtin_of_bytes(&[0x44, 0x4D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(gtin_of_bytes(&code[..7]), None);
        for text in [
            "444D03B23CAF78CB70",
            "44 4d 03 b2 3c af 78 cb 70",
            "010406405719469921abc<\"",
            "]C1010406405719469921abc\u{1d}91EE06",
            "\u{1d}010406405719469921abc",
            "0104064057194699",
            "MDEwNDA2NDA1NzE5NDY5OTIxNUFiQzxkHTkzWnowOQ==",
            "RE0DsjyveMtw",
        ] {
            assert_eq!(gtin_of_text(text).as_deref(), Some("04064057194699"), "{text}");
        }
    }

    #[test]
    fn a_mark_tells_its_serial_number() {
        assert_eq!(serial_of_text("0104064057194699215AbC<d\"e\u{1d}93Zz09").as_deref(), Some("5AbC<d\"e"));
        assert_eq!(serial_of_text("0104064057194699215AbC\\u001d93Zz09").as_deref(), Some("5AbC"));
        assert_eq!(serial_of_text("]C10104064057194699215AbC").as_deref(), Some("5AbC"));
        assert_eq!(serial_of_text("MDEwNDA2NDA1NzE5NDY5OTIxNUFiQzxkHTkzWnowOQ==").as_deref(), Some("5AbC<d"));
        assert_eq!(serial_of_text("444D 03B23CAF78CB 705137").as_deref(), Some("pQ7"));
        assert_eq!(serial_of_bytes(b"\x44\x4D\x03\xB2\x3C\xAF\x78\xCBpQ7 ").as_deref(), Some("pQ7"));
        for text in ["", "0104064057194699", "4600000000008", "010406405719469821abc"] {
            assert_eq!(serial_of_text(text), None, "{text}");
        }
        assert_eq!(serial_of_text("444D 03B23CAF78CB 705137").as_deref(), Some("pQ7"));
        assert_eq!(serial_of_bytes(b"\x44\x4D\x03\xB2\x3C\xAF\x78\xCB\x01\x02"), None);
    }

    #[test]
    fn other_texts_tell_none() {
        for text in [
            "",
            "01",
            "0104064057194698",
            "01040640571946992",
            "444D03B23CAF78C",
            "№ 444D03B23CAF78CB",
            "0104064057194я99",
        ] {
            assert_eq!(gtin_of_text(text), None, "{text}");
        }
    }
}
