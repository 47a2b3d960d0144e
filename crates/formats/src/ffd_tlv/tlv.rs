//! Tag, length, value.

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tlv<'b> {
    pub tag: u16,
    pub value: &'b [u8],
    /// Where the value begins in the body.
    pub offset: usize,
}

/// Where the bytes stop being TLV.
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

impl<'b> Tlv<'b> {
    /// The elements of an object.
    pub(super) const fn children(&self) -> Tlvs<'b> {
        Tlvs { rest: self.value, offset: self.offset }
    }
}

/// Elements one after another. Ends after the first broken one.
#[derive(Debug, Clone)]
pub(super) struct Tlvs<'b> {
    rest: &'b [u8],
    offset: usize,
}

impl<'b> Iterator for Tlvs<'b> {
    type Item = Result<Tlv<'b>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let element = first(self.rest, self.offset);
        match &element {
            Ok(element) => {
                let end = element.offset - self.offset + element.value.len();
                self.rest = self.rest.get(end..).unwrap_or_default();
                self.offset += end;
            }
            Err(_) => self.rest = &[],
        }
        Some(element)
    }
}

/// The element at the begin of `bytes`, which stand at `offset` of the body.
pub(super) fn first(bytes: &[u8], offset: usize) -> Result<Tlv<'_>, Broken> {
    let [tag_low, tag_high, length_low, length_high, rest @ ..] = bytes else {
        return Err(Broken::new(offset, format!("a tag and a length need 4 bytes, {} are left", bytes.len())));
    };
    let tag = u16::from_le_bytes([*tag_low, *tag_high]);
    let length = usize::from(u16::from_le_bytes([*length_low, *length_high]));
    match rest.get(..length) {
        Some(value) => Ok(Tlv { tag, value, offset: offset + 4 }),
        None => Err(Broken::new(offset, format!("tag {tag} claims {length} bytes, {} are left", rest.len()))),
    }
}
