//! Elements that no field of the canonical record gives back.
//!
//! A field stands for an element if the element can be written again from the field alone, byte for byte, in the one way
//! in which this module writes a value of that type. Whatever a register wrote otherwise is kept as it is.

use std::borrow::Cow;

use super::{
    cp866, tag,
    tlv::{Tlv, Tlvs},
};
use crate::{Context, MAX_DEPTH};

/// How the elements of one object are divided between fields and other tags.
///
/// A tag is divided as a whole: if one of its elements is not given back, or there are several, all are kept. So whoever
/// writes the object again takes from the fields what the other tags do not have.
#[derive(Debug)]
pub(super) struct Others {
    keeps_personal_data: bool,
    tags: Tags,
    /// What is known to be kept, in the order of the object.
    elements: Vec<u8>,
    /// Of how many elements.
    count: usize,
    /// An element that seemed to be given back has to be kept after all: `elements` is not all.
    is_short: bool,
}

/// About what a receipt has of other tags.
const USUAL_BYTES: usize = 256;

impl Others {
    pub(super) const fn new(context: &Context<'_>) -> Self {
        Self {
            keeps_personal_data: context.keeps_personal_data,
            tags: Tags([0; 256]),
            elements: Vec::new(),
            count: 0,
            is_short: false,
        }
    }

    /// An element that was read into a field, and whether the field gives it back.
    #[inline]
    pub(super) fn field(&mut self, element: Tlv<'_>, is_given_back: bool) {
        match self.tags.of(element.tag) {
            Some(marks @ 0) if is_given_back => *marks = Tags::FIELD,
            _ => self.keep_field(element.tag, element.whole(), is_given_back),
        }
    }

    fn keep_field(&mut self, tag: u16, whole: &[u8], is_given_back: bool) {
        let before = self.tags.insert(tag, Tags::FIELD);
        let (is_again, is_kept) = (before & Tags::FIELD != 0, before & Tags::KEPT != 0);
        if !is_again && is_given_back {
            self.is_short = true;
            return;
        }
        // Of two that are alike the first may seem to be given back.
        self.is_short |= is_again && !is_kept;
        self.tags.insert(tag, Tags::KEPT);
        self.element(whole);
    }

    /// An element that no field gives back, with tag and length.
    #[inline(never)]
    pub(super) fn element(&mut self, whole: &[u8]) {
        if self.keeps_personal_data || !is_personal(whole) {
            if self.elements.capacity() == 0 {
                self.elements.reserve(USUAL_BYTES.max(whole.len()));
            }
            self.elements.extend_from_slice(whole);
            self.count += 1;
        }
    }

    /// Elements that are kept. Of those that are repeated all are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Objects of the record that come any number of times.
    #[inline]
    pub(super) fn object(&mut self, tag: u16) {
        self.tags.insert(tag, Tags::FIELD);
    }

    /// Keeps the elements of tags whose fields something else was read into.
    pub(super) fn keep(&mut self, tags: &[u16]) {
        for tag in tags {
            self.is_short |= self.tags.insert(*tag, Tags::KEPT) == Tags::FIELD;
        }
    }

    pub(super) fn keeps(&self, tag: u16) -> bool {
        self.tags.has(tag) & Tags::KEPT != 0
    }

    /// What is kept of the object's elements, in their order.
    pub(super) fn collect<'b>(self, elements: Tlvs<'b>) -> Option<Cow<'b, [u8]>> {
        if !self.is_short {
            return (!self.elements.is_empty()).then_some(self.elements.into());
        }
        let mut kept = Vec::with_capacity(self.elements.len());
        for element in elements {
            let is_field = self.tags.has(element.tag) == Tags::FIELD;
            let is_secret = !self.keeps_personal_data && is_personal(element.whole());
            if !is_field && !is_secret {
                kept.extend_from_slice(element.whole());
            }
        }
        (!kept.is_empty()).then_some(kept.into())
    }
}

/// Whether an element tells who the buyer is, or holds one that does, however deep: it is left out whole.
fn is_personal(whole: &[u8]) -> bool {
    holds_personal(whole, MAX_DEPTH + 1)
}

fn holds_personal(elements: &[u8], depth: usize) -> bool {
    // Most values are no elements, which the first of them tells. One without a value tells nothing, and a number of four
    // bytes may look like it.
    Tlvs::of(elements).any(|part| {
        tag::is_personal(part.tag) || depth > 0 && part.value.len() > 4 && holds_personal(part.value, depth - 1)
    })
}

/// Marks of tags from 1000 to 1255: no field stands for another one.
#[derive(Debug)]
struct Tags([u8; 256]);

impl Tags {
    /// It was read into a field.
    const FIELD: u8 = 1;
    /// It is kept.
    const KEPT: u8 = 2;

    #[inline]
    fn of(&mut self, tag: u16) -> Option<&mut u8> {
        self.0.get_mut(usize::from(tag.wrapping_sub(1000)))
    }

    /// What it had before it got another mark. Other tags are kept without being marked.
    #[inline]
    fn insert(&mut self, tag: u16, mark: u8) -> u8 {
        let Some(marks) = self.of(tag) else { return Self::FIELD | Self::KEPT };
        let before = *marks;
        *marks |= mark;
        before
    }

    fn has(&self, tag: u16) -> u8 {
        self.0.get(usize::from(tag.wrapping_sub(1000))).copied().unwrap_or_default()
    }
}

/// Whether an element is what is written for the value that was read from it.
impl Tlv<'_> {
    /// A code of one byte (type B).
    pub(super) const fn is_byte(self) -> bool {
        self.value.len() == 1
    }

    /// A number or a time of four bytes (types I and T).
    pub(super) const fn is_word(self) -> bool {
        self.value.len() == 4
    }

    /// Kopecks (type V): as few bytes as they need, none for zero.
    pub(super) const fn is_sum(self) -> bool {
        !matches!(self.value, [.., 0])
    }

    /// A quantity above zero (type F): as few digits after the point and as few bytes as it needs. Zero is what an item
    /// without a quantity has, too.
    pub(super) fn is_quantity(self) -> bool {
        let [digits, .., last] = self.value else { return false };
        *last != 0 && *digits <= 6 && (*digits == 0 || !(self.number() >> 8).is_multiple_of(10))
    }

    /// A text (type S).
    #[inline]
    pub(super) fn is_text(self) -> bool {
        is_text(self.value)
    }

    /// A text of a fixed width (type X): blanks behind it, and nowhere else at its ends.
    #[inline]
    pub(super) fn is_padded(self, width: usize) -> bool {
        is_padded(self.value, width)
    }
}

/// As [`Tlv::is_text`].
pub(super) fn is_text(value: &[u8]) -> bool {
    cp866::is_given_back(value)
}

/// As [`Tlv::is_padded`].
#[inline(never)]
pub(super) fn is_padded(value: &[u8], width: usize) -> bool {
    if value.len() != width {
        return false;
    }
    let padding = value.iter().rev().take_while(|byte| **byte == b' ').count();
    let text = &value[..value.len() - padding];
    !matches!(text, [b' ', ..]) && cp866::is_given_back(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(value: &[u8]) -> Tlv<'_> {
        Tlv::alone(1000, value)
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
    fn what_tells_who_the_buyer_is_is_found_however_deep() {
        let of = |tag: u16, value: &[u8]| {
            [&tag.to_le_bytes()[..], &u16::try_from(value.len()).unwrap().to_le_bytes(), value].concat()
        };
        let name = of(tag::BUYER_NAME, b"A");
        assert!(is_personal(&name) && is_personal(&of(1084, &name)) && is_personal(&of(1084, &of(1086, &name))));
        assert!(is_personal(&of(1084, &[of(1085, b"key"), name].concat())));
        // The number 1227 in four bytes looks like an element without a value.
        assert!(!is_personal(&of(1098, &u32::from(tag::BUYER_NAME).to_le_bytes())));
        assert!(!is_personal(&of(1018, b"7736207543  ")));
    }

    #[test]
    fn a_tag_keeps_its_marks() {
        let mut tags = Tags([0; 256]);
        assert_eq!((tags.insert(1000, Tags::FIELD), tags.insert(1255, Tags::KEPT)), (0, 0));
        assert_eq!((tags.insert(1000, Tags::KEPT), tags.insert(1000, Tags::FIELD)), (Tags::FIELD, 3));
        assert_eq!([1000, 1255, 1064, 999, 1256].map(|tag| tags.has(tag)), [3, Tags::KEPT, 0, 0, 0]);
    }
}
