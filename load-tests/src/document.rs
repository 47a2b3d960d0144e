//! What a document says, before anybody writes it down in a format: the truth that the hub is judged by.

/// A VAT rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vat {
    /// 20 %.
    Full,
    /// 10 %.
    Reduced,
    /// 5 %, for those on the simplified system.
    Five,
    /// The seller pays no VAT.
    None,
}

impl Vat {
    /// All rates, in the order of this type.
    pub const ALL: [Self; 4] = [Self::Full, Self::Reduced, Self::Five, Self::None];

    /// The symbol in canonical receipts.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Full => "VAT_20",
            Self::Reduced => "VAT_10",
            Self::Five => "VAT_5",
            Self::None => "NONE",
        }
    }

    /// Code of tag 1199.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Full => 1,
            Self::Reduced => 2,
            Self::None => 6,
            Self::Five => 7,
        }
    }

    /// The VAT within a sum, in kopecks, rounded half up; 0 where none is paid.
    #[must_use]
    pub fn within(self, sum: u64) -> u64 {
        let percent = match self {
            Self::Full => 20,
            Self::Reduced => 10,
            Self::Five => 5,
            Self::None => return 0,
        };
        (2 * sum * percent + 100 + percent) / (2 * (100 + percent))
    }
}

/// A line of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Index of the good.
    pub good: u32,
    /// Price of a piece or a kilogram, kopecks.
    pub price: u32,
    /// Pieces times 1,000, or grams.
    pub thousandths: u32,
    /// Price times quantity, rounded half up, kopecks.
    pub sum: u64,
    /// VAT rate.
    pub vat: Vat,
}

/// How a receipt was paid, kopecks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payments {
    /// In cash.
    pub cash: u64,
    /// By card.
    pub card: u64,
    /// With a gift card paid for earlier.
    pub prepaid: u64,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// True where goods came back.
    pub refund: bool,
    /// Number within its shift.
    pub number_in_shift: u32,
    /// The lines, one to twelve.
    pub items: Vec<Item>,
    /// Sum of the lines, kopecks.
    pub total: u64,
    /// How it was paid; adds up to `total`.
    pub payments: Payments,
}

impl Receipt {
    /// What the register states per rate: the VAT as the sum of that of the lines, without VAT the turnover.
    #[must_use]
    pub fn vat_sums(&self) -> [(Vat, u64); 4] {
        Vat::ALL.map(|rate| {
            let lines = self.items.iter().filter(|item| item.vat == rate);
            let sum = lines.map(|item| if rate == Vat::None { item.sum } else { rate.within(item.sum) }).sum();
            (rate, sum)
        })
    }
}

/// The counters of a shift that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShiftTotals {
    /// Receipts of the shift.
    pub receipts: u32,
    /// Fiscal documents of the shift, both reports counted.
    pub documents: u32,
    /// Documents that the operator of fiscal data has not taken yet.
    pub unsent: u32,
}

/// What kind of document it is, and what only that kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A receipt.
    Receipt(Receipt),
    /// A shift was opened.
    ShiftOpen,
    /// A shift was closed.
    ShiftClose(ShiftTotals),
    /// Cash was put in (`inward`) or taken out; no fiscal document, so it has no number and no sign.
    Encashment {
        /// True for cash put in.
        inward: bool,
        /// Kopecks.
        sum: u64,
    },
}

/// A document of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Index of the register.
    pub register: u32,
    /// Fiscal document number, or where the format has none the register's own count; 0 for an encashment.
    pub number: u32,
    /// Fiscal sign, which not every format tells; 0 for an encashment.
    pub sign: u32,
    /// Number of the shift.
    pub shift: u32,
    /// When it was made, in seconds of Unix time; whole minutes on a TLV register.
    pub at: i64,
    /// Index of the cashier within the tenant.
    pub cashier: u32,
    /// The rest.
    pub body: Body,
}

impl Document {
    /// What the document adds to the register's money: returns and cash taken out count negative. Kopecks.
    #[must_use]
    pub fn signed_total(&self) -> i64 {
        match &self.body {
            Body::Receipt(receipt) if receipt.refund => -(receipt.total as i64),
            Body::Receipt(receipt) => receipt.total as i64,
            Body::Encashment { inward: false, sum } => -(*sum as i64),
            Body::Encashment { sum, .. } => *sum as i64,
            Body::ShiftOpen | Body::ShiftClose(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_is_rounded_half_up() {
        assert_eq!(Vat::Full.within(120), 20);
        assert_eq!(Vat::Full.within(3), 1); // 0.5
        assert_eq!(Vat::Full.within(2), 0); // 0.33
        assert_eq!(Vat::Reduced.within(3_532), 321); // 321.09
        assert_eq!(Vat::Five.within(105), 5);
        assert_eq!(Vat::None.within(105), 0);
    }
}
