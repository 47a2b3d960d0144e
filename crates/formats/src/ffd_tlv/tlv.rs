//! Tag, length, value.

/// One element. What takes it by reference, or is too long to be inlined, takes slices of it instead: else all of it is
/// written down for every element that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tlv<'b> {
    pub tag: u16,
    pub value: &'b [u8],
    /// Where the value begins in the body.
    pub offset: usize,
    /// With tag and length.
    whole: &'b [u8],
    /// The body from the value on, and its first eight bytes, which are read together with tag and length.
    from_value: &'b [u8],
    word: u64,
}

/// Where the bytes stop being a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub offset: usize,
    pub text: String,
}

impl Broken {
    pub(super) fn new(offset: usize, text: impl Into<String>) -> Self {
        Self { offset, text: text.into() }
    }
}

/// Where the bytes stop being TLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    offset: usize,
    left: usize,
    /// The element that claims more bytes than are left; nothing where no tag and no length are left.
    claims: Option<(u16, u16)>,
}

impl From<Cut> for Broken {
    fn from(Cut { offset, left, claims }: Cut) -> Self {
        let text = match claims {
            None => format!("a tag and a length need 4 bytes, {left} are left"),
            Some((tag, length)) => format!("tag {tag} claims {length} bytes, {left} are left"),
        };
        Self { offset, text }
    }
}

impl<'b> Tlv<'b> {
    /// The elements of an object.
    pub(super) const fn children(self) -> Tlvs<'b> {
        Tlvs { rest: self.from_value, left: self.value.len(), offset: self.offset }
    }

    /// The value as a number, little-endian: of a longer one the first eight bytes. Numbers are as long as they need, and a
    /// loop over the bytes would be guessed wrongly at each of them.
    #[inline]
    pub(super) const fn number(self) -> u64 {
        const MASKS: [u64; 9] = {
            let mut masks = [u64::MAX; 9];
            let mut length = 0;
            while length < 8 {
                masks[length] = (1 << (8 * length)) - 1;
                length += 1;
            }
            masks
        };
        let length = self.value.len();
        self.word & MASKS[if length < 8 { length } else { 8 }]
    }

    /// The element as it was, with tag and length.
    #[inline]
    pub(super) const fn whole(self) -> &'b [u8] {
        self.whole
    }
}

/// Elements one after another. They end before the first broken one, which [`Tlvs::finish`] tells.
#[derive(Debug, Clone)]
pub(super) struct Tlvs<'b> {
    /// The body from the next element on.
    rest: &'b [u8],
    /// So many bytes of it belong to the object.
    left: usize,
    offset: usize,
}

impl<'b> Iterator for Tlvs<'b> {
    type Item = Tlv<'b>;

    #[inline]
    fn next(&mut self) -> Option<Tlv<'b>> {
        let (tag, length) = self.head()?;
        let end = HEAD + usize::from(length);
        if end > self.left {
            return None;
        }
        let (whole, rest) = self.rest.split_at_checked(end)?;
        let (value, from_value) = (&whole[HEAD..], &self.rest[HEAD..]);
        let element = Tlv { tag, value, offset: self.offset + HEAD, whole, from_value, word: word(from_value) };
        (self.rest, self.left, self.offset) = (rest, self.left - end, self.offset + end);
        Some(element)
    }
}

impl<'b> Tlvs<'b> {
    pub(super) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// How long the elements are that are left.
    pub(super) const fn bytes(&self) -> usize {
        self.left
    }

    /// Of the value of an object of which nobody asks where it stands.
    pub(super) const fn of(value: &'b [u8]) -> Self {
        Self { rest: value, left: value.len(), offset: 0 }
    }

    #[inline]
    fn head(&self) -> Option<(u16, u16)> {
        let ([tag, length, ..], _) = self.rest.first_chunk::<HEAD>()?.as_chunks() else { return None };
        Some((u16::from_le_bytes(*tag), u16::from_le_bytes(*length)))
    }

    /// Whether the elements that were read are all of the object's bytes.
    #[inline]
    pub(super) fn finish(&self) -> Result<(), Cut> {
        if self.left == 0 { Ok(()) } else { Err(self.cut()) }
    }

    /// As [`Self::finish`], with the elements read by nobody.
    pub(super) fn check(mut self) -> Result<(), Cut> {
        self.by_ref().for_each(drop);
        self.finish()
    }

    #[cold]
    fn cut(&self) -> Cut {
        let claims = self.head().filter(|_| self.left >= HEAD);
        let left = if claims.is_some() { self.left - HEAD } else { self.left };
        Cut { offset: self.offset, left, claims }
    }
}

/// Bytes of a tag and a length.
const HEAD: usize = 4;

/// The element at the begin of `bytes`, which stand at `offset` of the body.
pub(super) fn first(bytes: &[u8], offset: usize) -> Result<Tlv<'_>, Cut> {
    let mut elements = Tlvs { rest: bytes, left: bytes.len(), offset };
    elements.next().ok_or_else(|| elements.cut())
}

/// The first eight bytes as a number, little-endian.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or_else(|| short_word(bytes), |word| u64::from_le_bytes(*word))
}

/// Of fewer: at the end of a body.
#[cold]
fn short_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
impl<'b> Tlv<'b> {
    /// An element that stands alone.
    pub(super) fn alone(tag: u16, value: &'b [u8]) -> Self {
        Self { tag, value, offset: 0, whole: &[], from_value: value, word: word(value) }
    }
}
