//! Documents as they lie in a body: bare, or in the fiscal drive's container.

use super::{
    tag,
    tlv::{self, Broken, Tlv, Tlvs},
};

const HEADER_BYTES: usize = 32;
const SIGN_BYTES: usize = 10;
const MARK: u8 = 0xA5;
const GREATEST_DOCUMENT_TAG: u16 = 84;

/// A document and what is around it.
#[derive(Debug, Clone)]
pub(super) struct Envelope<'b> {
    pub tag: u16,
    document: Tlv<'b>,
    /// What the container's header says, where there is a container.
    pub header: Option<Header>,
    /// Where the next document begins.
    pub end: usize,
}

impl<'b> Envelope<'b> {
    /// The document's elements.
    pub(super) const fn children(&self) -> Tlvs<'b> {
        self.document.children()
    }
}

/// The identity that a container's header repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    drive: [u8; 8],
    pub document_number: u32,
}

impl Header {
    /// Whether the header names that drive. It holds one digit per half byte; F is padding.
    pub(super) fn names_drive(&self, number: &str) -> bool {
        let halves = self.drive.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        halves.filter(|half| *half != 15).map(|half| half + b'0').eq(number.bytes())
    }
}

/// Opens the document at `offset` of `body`. Its elements are not looked at.
pub(super) fn open(body: &[u8], offset: usize) -> Result<Envelope<'_>, Broken> {
    let bytes = body.get(offset..).unwrap_or_default();
    if is_container(bytes) { in_container(bytes, offset) } else { bare(bytes, offset) }
}

/// A header has its mark where a bare document has the tag of its first element, which may look
/// the same (tag 1189). What decides is the first number: a container's length, or a document's
/// tag, of which 84 is the greatest. No document is so short that its container is no longer.
fn is_container(bytes: &[u8]) -> bool {
    matches!(bytes, [low, high, _, _, MARK, _, 1, ..] if u16::from_le_bytes([*low, *high]) > GREATEST_DOCUMENT_TAG)
}

fn bare(bytes: &[u8], offset: usize) -> Result<Envelope<'_>, Broken> {
    let document = tlv::first(bytes, offset)?;
    if !tag::DOCUMENTS.contains(&document.tag) {
        return Err(Broken::new(offset, format!("tag {} begins no document", document.tag)));
    }
    Ok(Envelope { tag: document.tag, document, header: None, end: document.offset + document.value.len() })
}

fn in_container(bytes: &[u8], offset: usize) -> Result<Envelope<'_>, Broken> {
    let length = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let Some(container) = bytes.get(..length) else {
        return Err(Broken::new(offset, format!("the container claims {length} bytes, {} are left", bytes.len())));
    };
    let stated = u16::from_le_bytes([container[2], container[3]]);
    let computed = crc(container[..2].iter().chain(&container[4..]));
    if stated != computed {
        return Err(Broken::new(
            offset + 2,
            format!("the container's checksum is {stated:#06x}, its bytes give {computed:#06x}"),
        ));
    }
    let inner = offset + HEADER_BYTES;
    let document = tlv::first(&container[HEADER_BYTES..], inner)?;
    if document.tag != u16::from(container[5]) {
        let text = format!(
            "the container says document {}, inside stands tag {}: encrypted, or damaged",
            container[5], document.tag
        );
        return Err(Broken::new(inner, text));
    }
    let sign = container.len() - HEADER_BYTES - 4 - document.value.len();
    if sign != 0 && sign != SIGN_BYTES {
        let text = format!("{sign} bytes follow the document in its container; a message sign has {SIGN_BYTES}");
        return Err(Broken::new(document.offset + document.value.len(), text));
    }
    let mut drive = [0; 8];
    drive.copy_from_slice(&container[9..17]);
    let document_number = u32::from_be_bytes([0, container[17], container[18], container[19]]);
    Ok(Envelope { tag: document.tag, document, header: Some(Header { drive, document_number }), end: offset + length })
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, begins with 0xFFFF, nothing reflected.
fn crc<'b>(bytes: impl Iterator<Item = &'b u8>) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut index = 0_u16;
        while index < 256 {
            let mut value = index << 8;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 0x8000 == 0 { value << 1 } else { (value << 1) ^ 0x1021 };
                bit += 1;
            }
            table[index as usize] = value;
            index += 1;
        }
        table
    };
    bytes.fold(0xFFFF, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8).to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc(b"123456789".iter()), 0x29B1);
    }

    #[test]
    fn the_drive_of_a_header_is_compared_digit_by_digit() {
        let header = Header { drive: [0x99, 0x99, 0x07, 0x89, 0x12, 0x34, 0x56, 0x7F], document_number: 1 };
        assert!(header.names_drive("999907891234567"));
        assert!(!header.names_drive("9999078912345678"));
        assert!(!header.names_drive(""));
    }

    #[test]
    fn a_document_that_begins_with_the_marks_byte_is_no_container() {
        // Tag 1189 is 0x04A5: its bytes look like mark, document 4, version 1.
        let document = [2, 0, 5, 0, 0xA5, 0x04, 0x01, 0x00, 0x02];
        let envelope = open(&document, 0).unwrap();
        assert_eq!((envelope.tag, envelope.header, envelope.end), (2, None, 9));
    }
}
