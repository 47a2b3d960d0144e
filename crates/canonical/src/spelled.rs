//! Texts and keys of usual letters, spelled on the stack in one pass.

use std::sync::LazyLock;

use crate::{
    ids::{MAX_PART_BYTES, push_part},
    product::normalized,
};

/// Longest unit that is spelled here.
const MAX_UNIT_BYTES: usize = 64;

/// No byte of a text becomes more than three.
const ROOM: usize = room_for(PREFIX.len() + 3 * MAX_PART_BYTES + 1 + 3 * MAX_UNIT_BYTES);

/// What a [`Spelled`] of so many bytes takes.
const fn room_for(bytes: usize) -> usize {
    bytes.next_power_of_two() + size_of::<Spelling>()
}

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
    let mut key = Spelled::<ROOM>::new();
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
    texts: [Letter; 256],
    /// Those that are unusual are no text, so that what has one is none.
    keys: [Letter; 256],
}

/// The bytes of a letter, of at most three, in the lower half, and in the upper one how many they are.
type Letter = u64;

/// Uppermost bit of a blank's letter: places are so small that it does not count for them.
const BLANK_LETTER: Letter = 1 << 63;

const fn letter([a, b, c, marks]: Spelling) -> Letter {
    let bytes = if marks & UNUSUAL == 0 { [a, b, c, 0, marks & LENGTH, 0, 0, 0] } else { [0xFF, 0, 0, 0, 1, 0, 0, 0] };
    Letter::from_le_bytes(bytes) | if marks & BLANK == 0 { 0 } else { BLANK_LETTER }
}

impl Letters {
    /// Letters that are spelled in one piece.
    const PIECE: usize = 64;

    /// Of the encoding in which a byte is that letter, of at most three bytes in UTF-8.
    #[must_use]
    pub fn new(letter_of: impl Fn(u8) -> char) -> Self {
        let (mut texts, mut keys) = ([0; 256], [0; 256]);
        for byte in 0..=u8::MAX {
            let letter = letter_of(byte);
            let mut text = [0; 4];
            text[3] = letter.encode_utf8(&mut text).len().to_le_bytes()[0];
            texts[usize::from(byte)] = self::letter(text);
            keys[usize::from(byte)] = self::letter(spelling(letter));
        }
        Self { texts, keys }
    }

    /// The text that was sent.
    #[must_use]
    pub fn text(&self, sent: &[u8]) -> String {
        let mut text = String::with_capacity(2 * sent.len());
        for piece in sent.chunks(Self::PIECE) {
            let mut spelled = Spelled::<{ room_for(3 * Self::PIECE) }>::new();
            spelled.letters(piece, &self.texts);
            text.push_str(spelled.text().unwrap_or_default());
        }
        text
    }

    /// The name that was sent, and its key as [`name_key`] gives it. Made at once, one check is for both.
    pub(crate) fn name_and_key(&self, sent: &[u8], unit: &str) -> (String, Option<String>) {
        const MOST_UNIT: usize = 16;
        const ROOM: usize = room_for(3 * (2 * Letters::PIECE + MOST_UNIT) + PREFIX.len() + 1);
        if sent.len() <= Self::PIECE && unit.len() <= MOST_UNIT {
            let mut spelled = Spelled::<ROOM>::new();
            if let Some((name, key)) = self.put_name_and_key(&mut spelled, sent, unit) {
                return (name.to_owned(), Some(key.to_owned()));
            }
        }
        let name = self.text(sent);
        let key = name_key(&name, unit);
        (name, key)
    }

    fn put_name_and_key<'s, const N: usize>(
        &self,
        spelled: &'s mut Spelled<N>,
        sent: &[u8],
        unit: &str,
    ) -> Option<(&'s str, &'s str)> {
        spelled.letters(sent, &self.texts);
        let name_end = spelled.end;
        spelled.put(PREFIX)?;
        let begin = spelled.end;
        spelled.key_letters(sent, &self.keys);
        if spelled.end == begin {
            return Some((spelled.text()?.get(..name_end)?, ""));
        }
        spelled.put(b"/")?;
        match unit {
            "шт" | "кг" | "л" => spelled.put(unit.as_bytes())?,
            _ => spelled.part(unit)?,
        }
        spelled.text()?.split_at_checked(name_end)
    }
}

/// A place of which blanks have changed the upper bits.
#[inline]
const fn place(end: u64) -> usize {
    (end & 0xFFFF) as usize
}

/// What is being spelled. A letter is written with all bytes of its spelling, and the next one begins where the bytes end
/// that count: no letter, no case and no blank is a branch that could be guessed wrongly.
///
/// `N` is a power of two and room for one spelling, so that a place needs no check but a mask: what does not fit is
/// written somewhere, and [`Self::text`] says that it was too much.
struct Spelled<const N: usize> {
    bytes: [u8; N],
    end: usize,
}

impl<const N: usize> Spelled<N> {
    const MASK: usize = {
        let room = N - size_of::<Spelling>();
        assert!(room.is_power_of_two());
        room - 1
    };

    const fn new() -> Self {
        Self { bytes: [0; N], end: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.end..self.end + bytes.len())?.copy_from_slice(bytes);
        self.end += bytes.len();
        Some(())
    }

    #[inline]
    fn put_letter(&mut self, at: u64, letter: Letter) {
        let [a, b, c, d, ..] = letter.to_le_bytes();
        let at = place(at) & Self::MASK;
        self.bytes[at..at + 4].copy_from_slice(&[a, b, c, d]);
    }

    /// What has been spelled; `None` where it is no text, or more than there is room for.
    fn text(&mut self) -> Option<&str> {
        // The last letter wrote more than counts, and the check may look at it.
        self.bytes.get_mut(self.end..self.end + size_of::<Spelling>())?.fill(0);
        let checked = simdutf8::basic::from_utf8(self.bytes.get(..self.end.max(LEAST_FOR_SIMD))?).ok()?;
        checked.get(..self.end)
    }

    /// Letters of one byte.
    #[inline]
    fn letters(&mut self, sent: &[u8], letters: &[Letter; 256]) {
        let mut end = self.end as u64;
        for byte in sent {
            let letter = letters[usize::from(*byte)];
            self.put_letter(end, letter);
            end += letter >> 32;
        }
        self.end = place(end);
    }

    /// As [`Self::part`], for letters of one byte: a quarter of the time.
    #[inline]
    fn key_letters(&mut self, sent: &[u8], letters: &[Letter; 256]) {
        let begin = self.end as u64;
        let (mut end, mut before) = (begin, BLANK_LETTER);
        for byte in sent {
            let letter = letters[usize::from(*byte)];
            self.put_letter(end, letter);
            // Nothing counts of a blank behind a blank, nor of one at the begin.
            end += (letter >> 32) - 3 * ((letter & before) >> 63);
            before = letter;
        }
        self.end = place(end);
        if before & BLANK_LETTER != 0 && self.end as u64 > begin {
            self.end -= 3;
        }
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
