//! Keys of names of usual letters, spelled on the stack in one pass.

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
    spelled(name, unit, |key| key.part(name))
}

/// As [`name_key`], of a name that is also given as it came: in an encoding of one byte a letter.
pub(crate) fn name_key_of_letters(name: &str, sent: &[u8], letters: &Letters, unit: &str) -> Option<String> {
    spelled(name, unit, |key| key.letters(sent, letters))
}

#[inline]
fn spelled(name: &str, unit: &str, put_name: impl FnOnce(&mut Spelled) -> Option<()>) -> Option<String> {
    if name.len() > MAX_PART_BYTES || unit.len() > MAX_UNIT_BYTES {
        return None;
    }
    let mut key = Spelled { bytes: [0; ROOM], end: 0 };
    key.put(PREFIX)?;
    put_name(&mut key)?;
    if key.end == PREFIX.len() {
        return Some(String::new());
    }
    key.put(b"/")?;
    key.part(unit)?;
    // The last letter wrote more than counts, and the check may look at it.
    key.bytes.get_mut(key.end..key.end + size_of::<Spelling>())?.fill(0);
    let checked = simdutf8::basic::from_utf8(&key.bytes[..key.end.max(LEAST_FOR_SIMD)]).ok()?;
    checked.get(..key.end).map(str::to_owned)
}

/// What the letters of an encoding of one byte a letter become in a key.
#[derive(Debug)]
pub struct Letters([Spelling; 256]);

impl Letters {
    /// Of the encoding in which a byte is that letter.
    #[must_use]
    pub fn new(letter: impl Fn(u8) -> char) -> Self {
        let mut spellings = [[0; 4]; 256];
        for byte in 0..=u8::MAX {
            spellings[usize::from(byte)] = spelling(letter(byte));
        }
        Self(spellings)
    }
}

struct Spelled {
    bytes: [u8; ROOM],
    end: usize,
}

impl Spelled {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.end..self.end + bytes.len())?.copy_from_slice(bytes);
        self.end += bytes.len();
        Some(())
    }

    /// As [`Self::part`], for one byte a letter: a quarter of the time.
    fn letters(&mut self, text: &[u8], letters: &Letters) -> Option<()> {
        let (mut end, mut marks, mut after_blank) = (self.end, 0, true);
        for byte in text {
            let spelling = letters.0[usize::from(*byte)];
            let is_blank = spelling[3] & BLANK != 0;
            self.bytes.get_mut(end..end + 4)?.copy_from_slice(&spelling);
            end += if is_blank & after_blank { 0 } else { usize::from(spelling[3] & LENGTH) };
            marks |= spelling[3];
            after_blank = is_blank;
        }
        if after_blank && end > self.end {
            end -= 3;
        }
        self.end = end;
        (marks & UNUSUAL == 0).then_some(())
    }

    /// Every byte writes a whole spelling, and the next one begins where that ends: no letter, no case and no blank is a
    /// branch that could be guessed wrongly.
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
