//! Texts and keys of usual letters, spelled on the stack in one pass.

use std::sync::LazyLock;

use crate::{
    ids::{MAX_PART_BYTES, push_part},
    product::normalized,
};

/// Longest unit that is spelled here.
const MAX_UNIT_BYTES: usize = 64;

/// No byte of a text becomes more than three.
const ROOM: usize = PREFIX.len() + 3 * MAX_PART_BYTES + 1 + 3 * MAX_UNIT_BYTES + size_of::<Spelling>();

const PREFIX: &[u8] = b"name:";

/// SIMD checks of UTF-8 begin at this many bytes; for less they call the ordinary one.
const LEAST_FOR_SIMD: usize = 64;

/// What a letter becomes in a key: three bytes, and how many of them count.
type Spelling = [u8; 4];

/// Marks of a spelling's last byte.
const BLANK: u8 = 0x80;
const UNUSUAL: u8 = 0x40;
const LENGTH: u8 = 0x03;

/// Letters of one and two bytes by their number, and last what the first of two bytes becomes: nothing yet.
static SPELLINGS: LazyLock<[Spelling; FIRST_OF_TWO + 1]> = LazyLock::new(|| {
    let mut spellings = [[0; 4]; FIRST_OF_TWO + 1];
    for letter in '\0'..='\u{7FF}' {
        spellings[letter as usize] = spelling(letter);
    }
    spellings
});

const FIRST_OF_TWO: usize = 0x800;

fn spelling(letter: char) -> Spelling {
    let lower = normalized(letter.encode_utf8(&mut [0; 4]));
    if lower.is_empty() {
        return [b'%', b'2', b'0', BLANK | 3];
    }
    let mut spelled = String::new();
    push_part(&mut spelled, &lower);
    // A text that gets longer in lower case may have to be cut.
    match *spelled.as_bytes() {
        _ if lower.len() > letter.len_utf8() => [0, 0, 0, UNUSUAL],
        [a] => [a, 0, 0, 1],
        [a, b] => [a, b, 0, 2],
        [a, b, c] => [a, b, c, 3],
        _ => [0, 0, 0, UNUSUAL],
    }
}

/// The key of a name and a unit, empty where the name is; `None` where something in them is unusual.
pub(crate) fn name_key(name: &str, unit: &str) -> Option<String> {
    if name.len() > MAX_PART_BYTES || unit.len() > MAX_UNIT_BYTES {
        return None;
    }
    let mut key = Spelled { bytes: &mut [0; ROOM], end: 0 };
    key.put(PREFIX)?;
    key.part(name)?;
    if key.end == PREFIX.len() {
        return Some(String::new());
    }
    key.put(b"/")?;
    key.part(unit)?;
    key.text().map(str::to_owned)
}

/// The letters of an encoding of one byte a letter: in UTF-8, and what they become in a key.
#[derive(Debug)]
pub struct Letters {
    texts: [Spelling; 256],
    keys: [Spelling; 256],
}

impl Letters {
    /// Letters that are spelled in one piece.
    const PIECE: usize = 64;

    /// Of the encoding in which a byte is that letter, of at most three bytes in UTF-8.
    #[must_use]
    pub fn new(letter: impl Fn(u8) -> char) -> Self {
        let (mut texts, mut keys) = ([[0; 4]; 256], [[0; 4]; 256]);
        for byte in 0..=u8::MAX {
            let letter = letter(byte);
            let length = letter.encode_utf8(&mut texts[usize::from(byte)]).len();
            texts[usize::from(byte)][3] = length.to_le_bytes()[0];
            keys[usize::from(byte)] = spelling(letter);
        }
        Self { texts, keys }
    }

    /// The text that was sent.
    #[must_use]
    pub fn text(&self, sent: &[u8]) -> String {
        let mut text = String::with_capacity(2 * sent.len());
        for piece in sent.chunks(Self::PIECE) {
            let mut spelled = Spelled { bytes: &mut [0; 3 * Self::PIECE + size_of::<Spelling>()], end: 0 };
            let whole = spelled.letters(piece, &self.texts).and_then(|()| spelled.text());
            text.push_str(whole.unwrap_or_default());
        }
        text
    }

    /// The name that was sent, and its key as [`name_key`] gives it. Made at once, one check is for both.
    pub(crate) fn name_and_key(&self, sent: &[u8], unit: &str) -> (String, Option<String>) {
        const MOST_UNIT: usize = 16;
        const ROOM: usize = 3 * (2 * Letters::PIECE + MOST_UNIT) + PREFIX.len() + 1 + size_of::<Spelling>();
        if sent.len() <= Self::PIECE && unit.len() <= MOST_UNIT {
            let mut spelled = Spelled { bytes: &mut [0; ROOM], end: 0 };
            if let Some((name, key)) = self.put_name_and_key(&mut spelled, sent, unit) {
                return (name.to_owned(), Some(key.to_owned()));
            }
        }
        let name = self.text(sent);
        let key = name_key(&name, unit);
        (name, key)
    }

    fn put_name_and_key<'s>(
        &self,
        spelled: &'s mut Spelled<'_>,
        sent: &[u8],
        unit: &str,
    ) -> Option<(&'s str, &'s str)> {
        spelled.letters(sent, &self.texts)?;
        let name_end = spelled.end;
        spelled.put(PREFIX)?;
        let begin = spelled.end;
        spelled.key_letters(sent, &self.keys)?;
        if spelled.end == begin {
            return Some((spelled.text()?.get(..name_end)?, ""));
        }
        spelled.put(b"/")?;
        spelled.part(unit)?;
        spelled.text()?.split_at_checked(name_end)
    }
}

/// What is being spelled. A letter is written with all bytes of its spelling, and the next one begins where the bytes end
/// that count: no letter, no case and no blank is a branch that could be guessed wrongly.
struct Spelled<'s> {
    bytes: &'s mut [u8],
    end: usize,
}

impl Spelled<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.end..self.end + bytes.len())?.copy_from_slice(bytes);
        self.end += bytes.len();
        Some(())
    }

    /// What has been spelled.
    fn text(&mut self) -> Option<&str> {
        // The last letter wrote more than counts, and the check may look at it.
        self.bytes.get_mut(self.end..self.end + size_of::<Spelling>())?.fill(0);
        let checked = simdutf8::basic::from_utf8(&self.bytes[..self.end.max(LEAST_FOR_SIMD)]).ok()?;
        checked.get(..self.end)
    }

    /// Letters of one byte.
    fn letters(&mut self, sent: &[u8], letters: &[Spelling; 256]) -> Option<()> {
        let mut end = self.end;
        for byte in sent {
            let spelling = letters[usize::from(*byte)];
            self.bytes.get_mut(end..end + 4)?.copy_from_slice(&spelling);
            end += usize::from(spelling[3]);
        }
        self.end = end;
        Some(())
    }

    /// As [`Self::part`], for letters of one byte: a quarter of the time.
    fn key_letters(&mut self, sent: &[u8], letters: &[Spelling; 256]) -> Option<()> {
        let (mut end, mut before, mut marks) = (self.end, BLANK, 0);
        for byte in sent {
            let spelling = letters[usize::from(*byte)];
            let mark = spelling[3];
            self.bytes.get_mut(end..end + 4)?.copy_from_slice(&spelling);
            // Nothing counts of a blank behind a blank: the mark is the uppermost bit.
            let counts = ((mark & before) >> 7).wrapping_sub(1) & LENGTH;
            end += usize::from(mark & counts);
            marks |= mark;
            before = mark;
        }
        if before & BLANK != 0 && end > self.end {
            end -= 3;
        }
        self.end = end;
        (marks & UNUSUAL == 0).then_some(())
    }

    /// A part of a key.
    fn part(&mut self, text: &str) -> Option<()> {
        let spellings = &*SPELLINGS;
        let (begin, mut marks, mut after_blank, mut before) = (self.end, 0, true, 0);
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte >= 0xE0 {
                let letter = [byte, bytes.next()?, bytes.next()?];
                if !matches!(&letter, b"\xE2\x84\x96" | b"\xE2\x80\x93" | b"\xE2\x80\x94") {
                    return None;
                }
                // № and dashes
                self.put(&letter)?;
                after_blank = false;
                continue;
            }
            let is_first = byte >= 0xC0;
            let second = usize::from(before & 0x1F) << 6 | usize::from(byte & 0x3F);
            let letter = if is_first {
                FIRST_OF_TWO
            } else if byte < 0x80 {
                byte.into()
            } else {
                second
            };
            let spelling = spellings[letter];
            let is_blank = spelling[3] & BLANK != 0;
            self.bytes.get_mut(self.end..self.end + 4)?.copy_from_slice(&spelling);
            self.end += if is_blank && after_blank { 0 } else { usize::from(spelling[3] & LENGTH) };
            marks |= spelling[3];
            after_blank = if is_first { after_blank } else { is_blank };
            before = byte;
        }
        if after_blank && self.end > begin {
            self.end -= 3;
        }
        (marks & UNUSUAL == 0).then_some(())
    }
}
