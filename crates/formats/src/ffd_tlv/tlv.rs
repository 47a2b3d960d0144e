//! Tag, length, value.

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tlv<'b> {
    pub tag: u16,
    pub value: &'b [u8],
    /// Where the value begins in the body.
    pub offset: usize,
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

/// Where the bytes stop being TLV. It has no text yet: every element is read through a result that could hold one, and
/// a small result is read twice as fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    offset: u32,
    left: u32,
    /// The element that claims more bytes than are left; nothing where no tag and no length are left.
    claims: Option<(u16, u16)>,
}

impl From<Cut> for Broken {
    fn from(Cut { offset, left, claims }: Cut) -> Self {
        let text = match claims {
            None => format!("a tag and a length need 4 bytes, {left} are left"),
            Some((tag, length)) => format!("tag {tag} claims {length} bytes, {left} are left"),
        };
        Self { offset: usize::try_from(offset).unwrap_or(usize::MAX), text }
    }
}

impl<'b> Tlv<'b> {
    /// The elements of an object.
    pub(super) const fn children(&self) -> Tlvs<'b> {
        Tlvs { rest: self.value, offset: self.offset }
    }

    /// Bytes with tag and length.
    pub(super) const fn whole_length(&self) -> usize {
        4 + self.value.len()
    }

    /// Appends the element as it was.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [tag_low, tag_high] = self.tag.to_le_bytes();
        // Read from two bytes: no longer one is lost.
        let [length_low, length_high, ..] = self.value.len().to_le_bytes();
        out.extend_from_slice(&[tag_low, tag_high, length_low, length_high]);
        out.extend_from_slice(self.value);
    }
}

/// Elements one after another. Ends after the first broken one.
#[derive(Debug, Clone)]
pub(super) struct Tlvs<'b> {
    rest: &'b [u8],
    offset: usize,
}

impl<'b> Iterator for Tlvs<'b> {
    type Item = Result<Tlv<'b>, Cut>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let element = first(self.rest, self.offset);
        match &element {
            Ok(element) => {
                let end = 4 + element.value.len();
                self.rest = self.rest.get(end..).unwrap_or_default();
                self.offset += end;
            }
            Err(_) => self.rest = &[],
        }
        Some(element)
    }
}

/// The element at the begin of `bytes`, which stand at `offset` of the body.
#[inline]
pub(super) fn first(bytes: &[u8], offset: usize) -> Result<Tlv<'_>, Cut> {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let [tag_low, tag_high, length_low, length_high, rest @ ..] = bytes else {
        return Err(Cut { offset: small(offset), left: small(bytes.len()), claims: None });
    };
    let tag = u16::from_le_bytes([*tag_low, *tag_high]);
    let length = u16::from_le_bytes([*length_low, *length_high]);
    match rest.get(..usize::from(length)) {
        Some(value) => Ok(Tlv { tag, value, offset: offset + 4 }),
        None => Err(Cut { offset: small(offset), left: small(rest.len()), claims: Some((tag, length)) }),
    }
}
