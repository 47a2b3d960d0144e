//! The items of a receipt, which are read one by one as they become items of the canonical one.

use std::{fmt, marker::PhantomData};

use schemas::receipts::Item;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::values::{Object, begin_of, read_at, too_many};
use crate::{
    Invalid,
    bounds::{self, NoRoom, most_elements},
};

/// An array of objects that become items; nothing where it is null or missing. More elements than any receipt has are
/// refused before memory is taken for them.
///
/// What is read with the document is larger than an item. So of a long list only the first elements are; the others are
/// found by their text, and read when their turn comes.
#[derive(Debug)]
pub(crate) struct Items<'a, T> {
    first: Vec<T>,
    others: Vec<Vec<&'a RawValue>>,
}

/// Elements that are read with their document: more than most receipts have.
const FIRST: usize = 32;
/// Texts of elements lie in pieces of so many, so that nothing is copied as they become more.
const PIECE: usize = 512;

impl<T> Default for Items<'_, T> {
    fn default() -> Self {
        Self { first: Vec::new(), others: Vec::new() }
    }
}

impl<'a, T> Items<'a, T> {
    /// Leaves nothing behind.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn len(&self) -> usize {
        self.first.len() + self.others.iter().map(Vec::len).sum::<usize>()
    }

    fn push(&mut self, text: &'a RawValue) {
        match self.others.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(text),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(text);
                self.others.push(piece);
            }
        }
    }
}

impl<'a, T: Deserialize<'a>> Items<'a, T> {
    /// Makes an item of each element, or none. The list stands at `place`.
    pub(crate) fn convert(
        self,
        place: &str,
        mut convert: impl FnMut(T) -> Result<Option<Item<'a>>, Invalid>,
    ) -> Result<Vec<Item<'a>>, Invalid> {
        let full = |full: NoRoom| Invalid::new(place, full.to_string());
        let mut items = bounds::room_for(self.len()).map_err(full)?;
        let at = |index: usize| format!("{place}[{index}]");
        let texts = self.others.into_iter().flatten().zip(FIRST..);
        let others = texts.map(|(text, index)| (read_at(text.get(), &at(index)), index));
        for (element, index) in self.first.into_iter().map(Ok).zip(0..).chain(others) {
            if let Some(item) = convert(element?).map_err(|invalid| invalid.below(&at(index)))? {
                bounds::take_texts(&item).map_err(full)?;
                items.push(item);
            }
        }
        Ok(items)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Items<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemsVisitor(PhantomData))
    }
}

struct ItemsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<Items<'de, T>, E> {
        Ok(Items::default())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Items<'de, T>, E> {
        Err(E::invalid_type(begin_of(value), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Items<'de, T>, A::Error> {
        let (mut items, most) = (Items::default(), most_elements());
        while items.first.len() < FIRST.min(most) {
            let Some(Object(element)) = elements.next_element()? else { return Ok(items) };
            bounds::take(size_of::<T>()).map_err(A::Error::custom)?;
            items.first.push(element);
        }
        let mut count = items.first.len();
        while let Some(text) = elements.next_element::<&RawValue>()? {
            if count == most {
                return Err(too_many(most));
            }
            bounds::take(size_of::<&RawValue>()).map_err(A::Error::custom)?;
            items.push(text);
            count += 1;
        }
        Ok(items)
    }
}
