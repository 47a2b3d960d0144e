//! Fields that vendors send in several spellings, and reading a document with the place of a fault.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};

use serde_json::value::RawValue;

use crate::{
    Invalid,
    bounds::{self, Share, most_elements},
    number::Number,
    text,
};

/// Reads a document. A fault names its JSON path; finding it costs a second pass, which only
/// broken documents pay.
pub(crate) fn read<'b, T: Deserialize<'b>>(document: &'b [u8]) -> Result<T, Invalid> {
    read_at(utf8(document)?, "$")
}

/// The document as text.
pub(crate) fn utf8(document: &[u8]) -> Result<&str, Invalid> {
    simdutf8::basic::from_utf8(document).map_err(|_| Invalid::undecodable("$", "the document is not UTF-8"))
}

/// Reads a part of a document, which stands at `place`.
pub(crate) fn read_at<'b, T: Deserialize<'b>>(text: &'b str, place: &str) -> Result<T, Invalid> {
    let share = Share::present();
    let error = match serde_json::from_str::<Object<T>>(text) {
        Ok(Object(value)) => return Ok(value),
        Err(error) => error,
    };
    share.restore();
    let mut json = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut json) {
        Ok(_) => Err(fault(place, &error)),
        Err(error) => {
            // The path ends with a question mark where the text breaks off before a field is named.
            let path = error.path().to_string();
            let path = path.trim_end_matches('?').trim_end_matches('.');
            let inner = if path.is_empty() { place.to_owned() } else { format!("{place}.{path}") };
            Err(fault(&inner, error.inner()))
        }
    }
}

/// The first element of an array, which stands at `place`, and how many there are.
pub(crate) fn first_of<'b>(text: &'b str, place: &str) -> Result<(Option<&'b str>, usize), Invalid> {
    let first: First<'_> = serde_json::from_str(text).map_err(|error| fault(place, &error))?;
    Ok((first.element.map(RawValue::get), first.count))
}

struct First<'a> {
    element: Option<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<First<'de>, A::Error> {
        let element = elements.next_element()?;
        let mut count = usize::from(element.is_some());
        while elements.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(First { element, count })
    }
}

fn fault(place: &str, error: &serde_json::Error) -> Invalid {
    if error.is_data() {
        Invalid::new(place, error.to_string())
    } else {
        Invalid::undecodable(place, error.to_string())
    }
}

/// A text as serde quotes it: all of it would become six times as long.
pub(crate) fn begin_of(text: &str) -> Unexpected<'_> {
    Unexpected::Str(&text[..text.floor_char_boundary(100)])
}

/// A struct that is written as an object. Without it serde takes an array too and reads its
/// elements as the fields, in the order in which the source code declares them.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectsOnly(deserializer)).map(Object)
    }
}

struct ObjectsOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Map(visitor))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Map<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Map<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        Err(E::invalid_type(begin_of(value), &self))
    }
}

/// An object in one of its own kind.
#[derive(Debug)]
pub(crate) struct Inner<T>(pub(crate) Box<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bounds::take(size_of::<T>()).map_err(D::Error::custom)?;
        Object::deserialize(deserializer).map(|Object(value)| Self(Box::new(value)))
    }
}

/// An array of objects; nothing where it is null or missing. More elements than any receipt has are refused before memory
/// is taken for them.
///
/// They lie in pieces, so that nothing is copied as they become more, and a piece is given back once it was read.
#[derive(Debug)]
pub(crate) struct List<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

/// Elements of a piece: more than most receipts have.
const PIECE: usize = 32;

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> List<T> {
    pub(crate) fn len(&self) -> usize {
        self.full.len() * PIECE + self.last.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flatten().chain(&self.last)
    }

    /// Leaves nothing behind.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn push(&mut self, element: T) {
        if self.last.len() == PIECE {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.push(element);
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::iter::Flatten<std::vec::IntoIter<Vec<T>>>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.full.into_iter().flatten().chain(self.last)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<List<T>, E> {
        Err(E::invalid_type(begin_of(value), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        // The smallest room that a list takes.
        const LEAST: usize = 4;
        let mut list = List::default();
        while let Some(Object(element)) = next_within_bound(&mut elements, list.len())? {
            let room = match list.len() {
                0 => LEAST,
                1..LEAST => 0,
                _ => 1,
            };
            bounds::take(room * size_of::<T>()).map_err(A::Error::custom)?;
            list.push(element);
        }
        Ok(list)
    }
}

/// The next element of an array of which `before` are read.
fn next_within_bound<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(
    elements: &mut A,
    before: usize,
) -> Result<Option<T>, A::Error> {
    let (next, most) = (elements.next_element()?, most_elements());
    if next.is_some() && before == most { Err(too_many(most)) } else { Ok(next) }
}

pub(super) fn too_many<E: Error>(most: usize) -> E {
    E::custom(format!("more than {most} elements make no sense"))
}

/// An array of texts, with the bound of a [`List`].
#[derive(Debug, Default)]
pub(crate) struct Texts<'a>(pub(crate) Vec<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Texts<'de>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = next_within_bound(&mut elements, texts.len())? {
            bounds::take_growing::<Text<'_>>().map_err(A::Error::custom)?;
            texts.push(text);
        }
        Ok(Texts(texts))
    }
}

/// A string, or a number where a string was meant; nothing where it is null, missing or blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// As sent.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Without blanks around it.
    pub(crate) fn trimmed(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim)
    }

    /// This text, or the other one where it tells nothing.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// As sent; leaves nothing behind.
    pub(crate) fn take(&mut self) -> Option<Cow<'a, str>> {
        self.0.take()
    }

    /// Without blanks around it; leaves nothing behind.
    pub(crate) fn take_trimmed(&mut self) -> Option<Cow<'a, str>> {
        self.0.take().map(|text| match text {
            Cow::Borrowed(text) => text.trim().into(),
            Cow::Owned(text) => text.trim().to_owned().into(),
        })
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(text::clean(Cow::Owned(text)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(text::clean(Cow::Borrowed(value))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Text<'de>, E> {
        bounds::take(value.len()).map_err(E::custom)?;
        Ok(Text(text::clean(Cow::Owned(value.to_owned()))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(value.to_string().into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(value.to_string().into())))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }
}

/// A field that is read only where it is asked for. No document is refused for it: what has another form than it should
/// tells nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aside<'a>(Option<&'a RawValue>);

impl<'a> Aside<'a> {
    pub(crate) const fn is_told(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn text(self) -> Text<'a> {
        self.0.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }

    pub(crate) fn object<T: Deserialize<'a> + Default>(self) -> T {
        let object: Option<Object<T>> = self.0.and_then(|value| serde_json::from_str(value.get()).ok());
        object.map_or_else(T::default, |Object(value)| value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Aside<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

/// Also one in a string; nothing where it is null.
impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let number = match text.as_bytes() {
            [b'"', .., b'"'] => text[1..text.len() - 1].trim(),
            [b'-' | b'0'..=b'9', ..] => text,
            [b'n', ..] => "",
            _ => return Err(D::Error::invalid_type(Unexpected::Other(text.get(..1).unwrap_or_default()), &"a number")),
        };
        Ok(Self::new(Some(number)))
    }
}

/// A whole number, also one in a string; nothing where it is null, missing or blank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Integer(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
        Ok(Integer(Some(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Integer, E> {
        i64::try_from(value).map(|v| Integer(Some(v))).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    /// `382500.0` is a whole number too; beyond 2^53 a float no longer tells which.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Integer, E> {
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return format!("{value:.0}").parse().map(|v| Integer(Some(v))).map_err(E::custom);
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Integer, E> {
        let digits = value.trim();
        if digits.is_empty() {
            return Ok(Integer(None));
        }
        digits.parse().map(|v| Integer(Some(v))).map_err(|_| E::invalid_value(begin_of(value), &self))
    }

    fn visit_unit<E>(self) -> Result<Integer, E> {
        Ok(Integer(None))
    }
}
