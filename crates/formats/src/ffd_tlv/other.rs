//! Elements that no field of the canonical record gives back.
//!
//! A field stands for an element if the element can be written again from the field alone, byte for byte, in the one way
//! in which this module writes a value of that type. Whatever a register wrote otherwise is kept as it is.

use std::borrow::Cow;

use super::{
    cp866, tag,
    tlv::{Tlv, Tlvs},
    value,
};
use crate::{Context, MAX_DEPTH};

/// How the elements of one object are divided between fields and other tags.
///
/// A tag is divided as a whole: if one of its elements is not given back, or there are several, all are kept. So whoever
/// writes the object again takes from the fields what the other tags do not have.
#[derive(Debug)]
pub(super) struct Others {
    keeps_personal_data: bool,
    fields: Tags,
    kept: Tags,
    /// What is known to be kept, in the order of the object.
    elements: Vec<u8>,
    /// An element that seemed to be given back has to be kept after all: `elements` is not all.
    is_short: bool,
}

/// About what a receipt has of other tags.
const USUAL_BYTES: usize = 256;

impl Others {
    pub(super) const fn new(context: &Context<'_>) -> Self {
        Self {
            keeps_personal_data: context.keeps_personal_data,
            fields: Tags([0; 4]),
            kept: Tags([0; 4]),
            elements: Vec::new(),
            is_short: false,
        }
    }

    /// An element that was read into a field, and whether the field gives it back.
    #[inline]
    pub(super) fn field(&mut self, element: &Tlv<'_>, is_given_back: bool) {
        let is_first = self.fields.insert(element.tag);
        if is_first && is_given_back {
            self.is_short |= self.kept.contains(element.tag);
            return;
        }
        // Of two that are alike the first may seem to be given back.
        self.is_short |= !is_first && !self.kept.contains(element.tag);
        self.kept.insert(element.tag);
        self.element(element);
    }

    /// An element that no field gives back.
    #[inline]
    pub(super) fn element(&mut self, element: &Tlv<'_>) {
        if self.keeps_personal_data || !is_personal(element) {
            if self.elements.capacity() == 0 {
                self.elements.reserve(USUAL_BYTES.max(element.whole_length()));
            }
            element.write(&mut self.elements);
        }
    }

    /// Objects of the record that come any number of times.
    #[inline]
    pub(super) const fn object(&mut self, tag: u16) {
        self.fields.insert(tag);
    }

    /// Keeps the elements of tags whose fields something else was read into.
    pub(super) fn keep(&mut self, tags: &[u16]) {
        for tag in tags {
            self.is_short |= self.kept.insert(*tag) && self.fields.contains(*tag);
        }
    }

    pub(super) const fn keeps(&self, tag: u16) -> bool {
        self.kept.contains(tag)
    }

    /// What is kept of the object's elements, in their order.
    pub(super) fn collect<'b>(self, elements: Tlvs<'b>) -> Option<Cow<'b, [u8]>> {
        if !self.is_short {
            return (!self.elements.is_empty()).then_some(self.elements.into());
        }
        let mut kept = Vec::with_capacity(self.elements.len());
        for element in elements.flatten() {
            let is_field = self.fields.contains(element.tag) && !self.kept.contains(element.tag);
            let is_secret = !self.keeps_personal_data && is_personal(&element);
            if !is_field && !is_secret {
                element.write(&mut kept);
            }
        }
        (!kept.is_empty()).then_some(kept.into())
    }
}

/// Whether an element tells who the buyer is, or holds one that does, however deep: it is left out whole.
fn is_personal(element: &Tlv<'_>) -> bool {
    tag::is_personal(element.tag) || holds_personal(element, MAX_DEPTH)
}

fn holds_personal(element: &Tlv<'_>, depth: usize) -> bool {
    // Most values are no elements, which the first of them tells.
    element
        .children()
        .map_while(Result::ok)
        .any(|part| tag::is_personal(part.tag) || depth > 0 && part.value.len() > 4 && holds_personal(&part, depth - 1))
}

/// Tags from 1000 to 1255: no field stands for one outside of these.
#[derive(Debug, Default)]
struct Tags([u64; 4]);

impl Tags {
    const fn place(tag: u16) -> Option<(usize, u64)> {
        match tag {
            1000..=1255 => Some(((tag as usize - 1000) / 64, 1 << ((tag - 1000) % 64))),
            _ => None,
        }
    }

    /// Whether it is new.
    const fn insert(&mut self, tag: u16) -> bool {
        let Some((word, bit)) = Self::place(tag) else { return false };
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    const fn contains(&self, tag: u16) -> bool {
        match Self::place(tag) {
            Some((word, bit)) => self.0[word] & bit != 0,
            None => false,
        }
    }
}

/// Whether an element is what is written for the value that was read from it.
impl Tlv<'_> {
    /// A code of one byte (type B).
    pub(super) const fn is_byte(&self) -> bool {
        self.value.len() == 1
    }

    /// A number or a time of four bytes (types I and T).
    pub(super) const fn is_word(&self) -> bool {
        self.value.len() == 4
    }

    /// Kopecks (type V): as few bytes as they need, none for zero.
    pub(super) const fn is_sum(&self) -> bool {
        !matches!(self.value, [.., 0])
    }

    /// A quantity above zero (type F): as few digits after the point and as few bytes as it needs. Zero is what an item
    /// without a quantity has, too.
    pub(super) fn is_quantity(&self) -> bool {
        let [digits, mantissa @ ..] = self.value else { return false };
        let is_shortest = !matches!(mantissa, [] | [.., 0]);
        is_shortest && *digits <= 6 && (*digits == 0 || !value::little_endian(mantissa).is_multiple_of(10))
    }

    /// A text (type S).
    pub(super) fn is_text(&self) -> bool {
        cp866::is_given_back(self.value)
    }

    /// A text of a fixed width (type X): blanks behind it, and nowhere else at its ends.
    pub(super) fn is_padded(&self, width: usize) -> bool {
        let padding = self.value.iter().rev().take_while(|byte| **byte == b' ').count();
        let text = &self.value[..self.value.len() - padding];
        let is_bare = !matches!(text, [] | [b' ', ..]) && !text.contains(&0);
        is_bare && self.value.len() == width && cp866::is_given_back(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(value: &[u8]) -> Tlv<'_> {
        Tlv { tag: 1000, value, offset: 0 }
    }

    #[test]
    fn a_quantity_has_one_spelling() {
        for usual in [&[0, 3][..], &[3, 0xDD, 5], &[1, 15], &[6, 1], &[0, 100]] {
            assert!(element(usual).is_quantity(), "{usual:?}");
        }
        for other in [&[][..], &[0], &[0, 0], &[1, 10], &[3, 0xDC, 5, 0], &[7, 1], &[255, 1]] {
            assert!(!element(other).is_quantity(), "{other:?}");
        }
    }

    #[test]
    fn a_text_of_a_fixed_width_has_one_padding() {
        assert!(element(b"12  ").is_padded(4) && element(b"1234").is_padded(4));
        for other in [&b"    "[..], b"12", b" 12 ", b"12\0\0", b"12345", b""] {
            assert!(!element(other).is_padded(4), "{other:?}");
        }
    }

    #[test]
    fn a_set_of_tags_knows_what_is_in_it() {
        let mut tags = Tags::default();
        assert!(tags.insert(1000) && tags.insert(1255) && !tags.insert(1000) && !tags.insert(2108));
        assert!(tags.contains(1000) && tags.contains(1255) && !tags.contains(1064) && !tags.contains(999));
    }
}
