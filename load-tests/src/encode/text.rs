//! What the encoders of texts share.

use std::fmt::{self, Write as _};

use crate::{
    check_digits::gtin_check_digit,
    clock::Clock,
    document::{Document, Item, Payments},
    goods::{Barcode, Good},
    random::mix,
    world::{Cashier, Register, World},
};

/// A document on its way to text.
pub struct Writer<'a> {
    /// The text so far.
    pub out: String,
    /// The world that it is of.
    pub world: &'a World,
    /// Its register.
    pub register: &'a Register,
    /// What it says.
    pub document: &'a Document,
}

impl<'a> Writer<'a> {
    /// An empty text.
    #[must_use]
    pub fn new(world: &'a World, document: &'a Document) -> Self {
        let register = &world.registers[document.register as usize];
        Self { out: String::with_capacity(2_048), world, register, document }
    }

    /// Appends.
    pub fn put(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        self.out.write_fmt(arguments).unwrap_or_default();
    }

    /// Appends all elements with commas between them.
    pub fn list<T>(&mut self, elements: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (place, element) in elements.into_iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            write(self, element);
        }
    }

    /// The cashier of the document.
    #[must_use]
    pub fn cashier(&self) -> &'a Cashier {
        &self.world.tenant_of(self.register).cashiers[self.document.cashier as usize]
    }

    /// The good of an item.
    #[must_use]
    pub fn good(&self, item: &Item) -> &'a Good {
        &self.world.goods[item.good as usize]
    }

    /// Seconds of the register's clock, counted like Unix time.
    #[must_use]
    pub fn local(&self) -> i64 {
        self.document.at + self.world.shop_of(self.register).zone.hours * 3_600
    }

    /// The mark of an item of a marked good: GTIN and a serial number of its own.
    #[must_use]
    pub fn mark(&self, place: usize, item: &Item) -> Option<(u64, u64)> {
        let good = self.good(item);
        let serial = mix(&[self.register.drive, self.document.number.into(), place as u64]);
        good.gtin().filter(|_| good.marked).map(|gtin| (gtin, serial >> 32))
    }
}

/// Kopecks as roubles.
#[derive(Debug, Clone, Copy)]
pub struct Roubles(pub u64);

impl fmt::Display for Roubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Thousandths of a piece, or grams, as pieces or kilograms.
#[derive(Debug, Clone, Copy)]
pub struct Quantity(pub u32);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1_000 {
            0 => write!(f, "{}", self.0 / 1_000),
            grams => write!(f, "{}.{grams:03}", self.0 / 1_000),
        }
    }
}

/// A text in quotes, or null.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'t>(pub Option<&'t str>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "\"{text}\""),
            None => f.write_str("null"),
        }
    }
}

/// The ways of paying that were used, in the order cash, card, prepaid.
pub fn paid<T: Copy>(payments: &Payments, names: [T; 3]) -> impl Iterator<Item = (T, u64)> {
    let amounts = [payments.cash, payments.card, payments.prepaid];
    names.into_iter().zip(amounts).filter(|(_, amount)| *amount > 0)
}

/// A time on the register's clock as `20.11.2026` and `14:05:00`.
#[must_use]
pub fn day_first(local: i64) -> (String, String) {
    let spaced = Clock::spaced(local).to_string();
    let (date, clock) = spaced.split_once(' ').unwrap_or_default();
    let mut parts: Vec<&str> = date.split('-').collect();
    parts.reverse();
    (parts.join("."), clock.to_owned())
}

/// Cash as it is handed over for a sum: in notes of a hundred roubles, and what is above the sum goes back.
#[must_use]
pub fn in_notes(cash: u64) -> u64 {
    cash.next_multiple_of(10_000)
}

/// Price and sum of a line before its discount: one good in six is sold at a tenth less than stands on its tag.
#[must_use]
pub fn before_discount(item: &Item) -> (u64, u64) {
    let raised = |kopecks: u64| if item.good.is_multiple_of(6) { kopecks + kopecks / 9 } else { kopecks };
    (raised(item.price.into()), raised(item.sum))
}

/// The bar code as the register shows it: the scales print the weight into it.
#[must_use]
pub fn barcode(code: Barcode, thousandths: u32) -> Option<String> {
    match code {
        Barcode::None => None,
        Barcode::Gtin(digits) | Barcode::Mistyped(digits) if digits < 100_000_000 => Some(format!("{digits:08}")),
        Barcode::Gtin(digits) | Barcode::Mistyped(digits) => Some(format!("{digits:013}")),
        Barcode::InStore(good) => {
            let digits = 210_000_000_000 + u64::from(good) * 100_000 + u64::from(thousandths);
            Some(format!("{digits}{}", gtin_check_digit(digits)))
        }
    }
}
