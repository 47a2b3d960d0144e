//! Avro's binary encoding, as the generated code uses it (Avro specification 1.12, "Binary Encoding").

use std::fmt;

/// A value that can be written and read without its schema at hand.
pub trait Datum<'a>: Sized {
    /// Appends the value.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads the value; text and bytes borrow from the input.
    ///
    /// # Errors
    /// When the bytes are not such a value.
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// The root record of a topic's schema.
pub trait Message<'a>: Datum<'a> {
    /// JSON text of the schema.
    const SCHEMA: &'static str;

    /// Reads what a writer of a published version has written, counted from 1, as [`Datum::decode`] reads the newest.
    ///
    /// # Errors
    /// When the bytes are not such a value, or there is no such version.
    fn decode_version(version: usize, input: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// As [`from_slice`], borrowing nothing.
    ///
    /// # Errors
    /// As [`from_slice`].
    fn owned_from_slice(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// Reads exactly one value.
///
/// # Errors
/// When the bytes are not such a value or when some are left over.
pub fn from_slice<'a, T: Datum<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    whole(bytes, T::decode)
}

/// Reads exactly one value of a published version, counted from 1, as one of the newest version.
///
/// # Errors
/// As [`Message::decode_version`], and when some bytes are left over.
pub fn from_slice_of<'a, T: Message<'a>>(version: usize, bytes: &'a [u8]) -> Result<T, DecodeError> {
    whole(bytes, |reader| T::decode_version(version, reader))
}

fn whole<'a, T>(
    bytes: &'a [u8],
    decode: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = decode(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.error("bytes are left over")) }
}

/// Why bytes are not the value that was expected. The caller can only reject them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Byte offset in the Avro body.
    pub offset: usize,
    /// What was wrong there.
    pub problem: &'static str,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Avro body, byte {}: {}", self.offset, self.problem)
    }
}

impl std::error::Error for DecodeError {}

/// Microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Microseconds since 1970-01-01 00:00 on a clock whose zone is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocalTimestamp(pub i64);

impl Timestamp {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A decimal number with `SCALE` digits after the point, held as an integer of its last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const SCALE: u32>(i64);

impl<const SCALE: u32> Decimal<SCALE> {
    /// `unscaled` is the number times 10 to the power of `SCALE`.
    #[must_use]
    pub const fn from_unscaled(unscaled: i64) -> Self {
        Self(unscaled)
    }

    /// The number times 10 to the power of `SCALE`.
    #[must_use]
    pub const fn unscaled(self) -> i64 {
        self.0
    }

    /// Appends the shortest two's complement form, big-endian, with its length.
    pub fn encode(self, out: &mut Vec<u8>) {
        // A leading byte is needless when the next one has the sign bit already.
        let signs = if self.0 < 0 { self.0.leading_ones() } else { self.0.leading_zeros() };
        let needless = (signs.saturating_sub(1) / 8).min(7);
        put_bytes(out, &self.0.to_be_bytes()[needless as usize..]);
    }

    /// Reads a two's complement number of at most 8 significant bytes.
    ///
    /// # Errors
    /// When the number does not fit into 64 bits.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = input.bytes()?;
        let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
        let fill = if negative { 0xFF } else { 0x00 };
        let significant = bytes.len().min(8);
        let (padding, tail) = bytes.split_at(bytes.len() - significant);
        let sign_kept = tail.first().is_none_or(|b| (b & 0x80 != 0) == negative);
        if padding.iter().any(|b| *b != fill) || !sign_kept {
            return Err(input.error("a decimal does not fit into 64 bits"));
        }
        let mut whole = [fill; 8];
        whole[8 - significant..].copy_from_slice(tail);
        Ok(Self(i64::from_be_bytes(whole)))
    }
}

impl<const SCALE: u32> fmt::Display for Decimal<SCALE> {
    /// Without trailing zeros: `1`, `0.35`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u64.pow(SCALE);
        let (whole, part) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let sign = if self.0 < 0 { "-" } else { "" };
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{part:0width$}", width = SCALE as usize);
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Appends a zigzag variable-length integer.
#[inline]
pub fn put_long(out: &mut Vec<u8>, value: i64) {
    let number = zigzag(value);
    if number < 0x80 {
        out.push(number.to_le_bytes()[0]);
    } else {
        put_wide(out, number);
    }
}

/// Appends the branch of a `["null", T]` union, and its integer.
#[inline]
pub fn put_optional_long(out: &mut Vec<u8>, value: Option<i64>) {
    let Some(value) = value else { return out.push(0) };
    let number = zigzag(value);
    if number < 0x80 {
        out.extend_from_slice(&[2, number.to_le_bytes()[0]]);
    } else {
        put_present_wide(out, number);
    }
}

/// Appends a length and the bytes: Avro's `bytes` and `string`.
#[inline(never)]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len().cast_signed() as i64);
    out.extend_from_slice(bytes);
}

/// Appends the branch of a `["null", T]` union, and its bytes.
#[inline]
pub fn put_optional_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => put_present_bytes(out, bytes),
        None => out.push(0),
    }
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

// What every field would repeat, and few need, stands apart: with it a receipt's code would not fit into a processor's
// first cache.

#[inline(never)]
fn put_present_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_optional_long(out, Some(bytes.len().cast_signed() as i64));
    out.extend_from_slice(bytes);
}

#[inline(never)]
fn put_present_wide(out: &mut Vec<u8>, number: u64) {
    match wide(number) {
        Some((bytes, count)) if number < 1 << 49 => put_first(out, bytes << 8 | 2, count + 1),
        _ => put_present_widest(out, number),
    }
}

#[inline(never)]
fn put_present_widest(out: &mut Vec<u8>, number: u64) {
    out.push(2);
    put_wide(out, number);
}

#[inline(never)]
fn put_wide(out: &mut Vec<u8>, number: u64) {
    match wide(number) {
        Some((bytes, count)) => put_first(out, bytes, count),
        None => put_widest(out, number),
    }
}

#[cold]
fn put_widest(out: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// The bytes of a number below 2^56, little-endian, and how many they are. Seven bits go to a byte, spread by halves: a
/// loop would be guessed wrongly at its end.
#[inline]
fn wide(number: u64) -> Option<(u64, usize)> {
    const MORE: u64 = 0x8080_8080_8080_8080;
    if number >= 1 << 56 {
        return None;
    }
    let halves = (number & 0x0FFF_FFFF) | (number & 0x00FF_FFFF_F000_0000) << 4;
    let quarters = (halves & 0x0000_3FFF_0000_3FFF) | (halves & 0x0FFF_C000_0FFF_C000) << 2;
    let bytes = (quarters & 0x007F_007F_007F_007F) | (quarters & 0x3F80_3F80_3F80_3F80) << 1;
    let last = (63 - (bytes | 1).leading_zeros()) / 8;
    Some((bytes | MORE & ((1 << (8 * last)) - 1), last as usize + 1))
}

/// Appends the first of eight bytes, little-endian: all are written, which is one store.
#[inline]
fn put_first(out: &mut Vec<u8>, bytes: u64, count: usize) {
    let bytes = bytes.to_le_bytes();
    let length = out.len();
    if out.capacity().wrapping_sub(length) < bytes.len() {
        return put_with_more_room(out, bytes, count);
    }
    out.extend_from_slice(&bytes);
    out.truncate(length + count);
}

/// What the usual way calls last, it needs to keep nothing for.
#[cold]
#[inline(never)]
fn put_with_more_room(out: &mut Vec<u8>, bytes: [u8; 8], count: usize) {
    out.extend_from_slice(&bytes[..count]);
}

/// Opens an array of `count` items as one block. An empty array is its own end.
#[inline]
pub fn put_block(out: &mut Vec<u8>, count: usize) {
    put_long(out, count.cast_signed() as i64);
}

/// Reads values from the front of a slice.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// An error at the present position.
    #[must_use]
    pub const fn error(&self, problem: &'static str) -> DecodeError {
        DecodeError { offset: self.length - self.rest.len(), problem }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.error("the body ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Avro `long`.
    ///
    /// # Errors
    /// When the number is longer than 64 bits or cut.
    #[inline]
    pub fn long(&mut self) -> Result<i64, DecodeError> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            if index == 9 && *byte > 1 {
                return Err(self.error("a number is longer than 64 bits"));
            }
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(self.error(if self.rest.len() < 10 {
            "the body ends too early"
        } else {
            "a number is longer than 64 bits"
        }))
    }

    /// Avro `int`.
    ///
    /// # Errors
    /// When the number does not fit into 32 bits.
    pub fn int(&mut self) -> Result<i32, DecodeError> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| self.error("an int does not fit into 32 bits"))
    }

    /// Avro `boolean`.
    ///
    /// # Errors
    /// When the byte is neither 0 nor 1.
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.error("a boolean is neither 0 nor 1")),
        }
    }

    /// Avro `bytes`.
    ///
    /// # Errors
    /// When the length is negative or goes past the end.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| self.error("a length is negative"))?;
        self.take(length)
    }

    /// Avro `string`.
    ///
    /// # Errors
    /// As [`Reader::bytes`], and when the bytes are not UTF-8.
    #[inline]
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("text is not UTF-8"))
    }

    /// The branch of a `["null", T]` union: whether a value follows.
    ///
    /// # Errors
    /// When there is no such branch.
    #[inline]
    pub fn present(&mut self) -> Result<bool, DecodeError> {
        match self.long()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.error("a union has no such branch")),
        }
    }

    /// A symbol of an enum.
    ///
    /// # Errors
    /// When the schema has no such symbol.
    pub fn symbol<T: Copy>(&mut self, symbols: &'static [T]) -> Result<T, DecodeError> {
        let index = self.long()?;
        usize::try_from(index)
            .ok()
            .and_then(|index| symbols.get(index).copied())
            .ok_or_else(|| self.error("an enum has no such symbol"))
    }

    /// An array, in any number of blocks.
    ///
    /// # Errors
    /// When an item is not readable or a count cannot be true.
    pub fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(items);
            }
            if count < 0 {
                self.long()?; // the size of the block in bytes, for those who want to skip it
                count = count.checked_neg().ok_or_else(|| self.error("a count cannot be true"))?;
            }
            // Every item of our schemas takes at least one byte, so a greater count is a lie: it
            // must not make us ask for memory.
            let count = usize::try_from(count).ok().filter(|c| *c <= self.rest.len());
            let count = count.ok_or_else(|| self.error("a count cannot be true"))?;
            items.reserve_exact(count);
            for _ in 0..count {
                items.push(item(self)?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_short_as_possible() {
        for (unscaled, bytes) in
            [(0, &[0][..]), (127, &[127]), (128, &[0, 128]), (-1, &[0xFF]), (-128, &[0x80]), (-129, &[0xFF, 0x7F])]
        {
            let mut out = Vec::new();
            Decimal::<6>::from_unscaled(unscaled).encode(&mut out);
            assert_eq!(out[1..], *bytes, "{unscaled}");
            assert_eq!(Decimal::<6>::decode(&mut Reader::new(&out)), Ok(Decimal::from_unscaled(unscaled)));
        }
    }

    #[test]
    fn integers_of_every_length_are_as_short_as_possible_and_read_back() {
        let around = |power: u32| [-2, -1, 0, 1].map(|offset| 1_i64.wrapping_shl(power).wrapping_add(offset));
        for value in (0..64).flat_map(around).flat_map(|value| [value, value.wrapping_neg()]) {
            // With room and without any: the quick way writes more than counts.
            for mut out in [Vec::with_capacity(64), Vec::new()] {
                put_long(&mut out, value);
                put_optional_long(&mut out, Some(value));
                put_optional_long(&mut out, None);
                let bits = 64 - zigzag(value).leading_zeros();
                let length = bits.max(1).div_ceil(7) as usize;
                assert_eq!(out.len(), length + 1 + length + 1, "{value}");
                let mut reader = Reader::new(&out);
                assert_eq!(reader.long(), Ok(value));
                assert_eq!((reader.present(), reader.long(), reader.present()), (Ok(true), Ok(value), Ok(false)));
            }
        }
    }

    #[test]
    fn a_decimal_wider_than_64_bits_is_refused() {
        let mut out = Vec::new();
        put_bytes(&mut out, &[0, 0xFF, 0, 0, 0, 0, 0, 0, 0]);
        assert!(Decimal::<6>::decode(&mut Reader::new(&out)).is_err());
        out.clear();
        put_bytes(&mut out, &[0, 0, 0x7F, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Decimal::<6>::decode(&mut Reader::new(&out)).unwrap().unscaled(), 0x7F << 56);
    }

    #[test]
    fn decimals_are_shown_without_trailing_zeros() {
        let shown = |n| Decimal::<6>::from_unscaled(n).to_string();
        assert_eq!([shown(1_000_000), shown(350_000), shown(-1_500_000), shown(1)], ["1", "0.35", "-1.5", "0.000001"]);
    }

    #[test]
    fn a_lying_count_takes_no_memory() {
        let mut out = Vec::new();
        put_long(&mut out, i64::MAX);
        let error = Reader::new(&out).array(|r| r.long()).unwrap_err();
        assert_eq!(error.problem, "a count cannot be true");
    }
}
