//! Sales, and what a receipt must say of one.

use proptest::prelude::*;
use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, PaymentKind, Receipt, VatRate},
};

use crate::support::{CONTEXT, flags};

/// What a sale was, before any format wrote it down.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pub operation: Operation,
    pub drive: String,
    pub number: u32,
    pub sign: u32,
    pub shift: u32,
    pub receipt_number: u32,
    /// Seconds of the register's clock.
    pub time: u32,
    pub goods: Vec<Good>,
    pub cash: i64,
    pub cashier: String,
}

#[derive(Debug, Clone)]
pub(super) struct Good {
    pub name: String,
    pub price: i64,
    pub thousandths: i64,
    pub vat: VatRate,
}

impl Good {
    /// By hand: half a kopeck or more rounds up.
    pub fn sum(&self) -> i64 {
        let exact = self.price * self.thousandths;
        exact / 1_000 + i64::from(exact % 1_000 >= 500)
    }
}

impl Truth {
    pub fn total(&self) -> i64 {
        self.goods.iter().map(Good::sum).sum()
    }

    pub fn card(&self) -> i64 {
        self.total() - self.cash
    }

    pub fn check(&self, parsed: &Receipt<'_>) {
        assert_eq!(parsed.cashier_name.as_deref(), Some(&*self.cashier));
        self.check_without_cashier(parsed);
    }

    pub fn check_without_cashier(&self, parsed: &Receipt<'_>) {
        assert_eq!(parsed.receipt_id, format!("acme/{}/{:010}", self.drive, self.number));
        assert_eq!(parsed.drive_number.as_deref(), Some(&*self.drive));
        assert_eq!((parsed.document_number, parsed.fiscal_sign), (Some(self.number.into()), Some(self.sign.into())));
        assert_eq!(
            (parsed.shift_number, parsed.receipt_number),
            (Some(self.shift.into()), Some(self.receipt_number.into()))
        );
        assert_eq!(parsed.operation, self.operation);
        let local = i64::from(self.time) * 1_000_000;
        assert_eq!(parsed.local_time, Some(LocalTimestamp(local)));
        assert_eq!(parsed.utc_time, Some(Timestamp(local - 5 * 3_600_000_000)));
        assert_eq!(parsed.total_kopecks, self.total());
        let paid = |kind| parsed.payments.iter().filter(|p| p.kind == kind).map(|p| p.amount_kopecks).sum::<i64>();
        assert_eq!((paid(PaymentKind::Cash), paid(PaymentKind::Card)), (self.cash, self.card()));
        assert_eq!(parsed.items.len(), self.goods.len());
        for (item, good) in parsed.items.iter().zip(&self.goods) {
            assert_eq!(item.name.as_deref(), Some(&*good.name));
            assert_eq!(item.quantity.unscaled(), good.thousandths * 1_000);
            assert_eq!((item.price_kopecks, item.sum_kopecks), (Some(good.price), Some(good.sum())));
            assert_eq!(item.vat_rate, Some(good.vat));
            assert!(item.product_key.as_deref().is_some_and(|key| key.starts_with("name:")));
        }
        assert!(flags(parsed).is_empty(), "{:?}", parsed.flags);
    }

    /// What a document without a fiscal identity and without names must tell.
    pub fn check_figures(&self, parsed: &Receipt<'_>, shown: &[&'static str]) {
        assert_eq!((parsed.operation, parsed.total_kopecks), (self.operation, self.total()));
        let paid = |kinds: &[PaymentKind]| -> i64 {
            let of_kinds = parsed.payments.iter().filter(|payment| kinds.contains(&payment.kind));
            of_kinds.map(|payment| payment.amount_kopecks).sum()
        };
        assert_eq!(paid(&[PaymentKind::Cash]), self.cash);
        assert_eq!(paid(&[PaymentKind::Card, PaymentKind::Other]), self.card());
        assert_eq!(parsed.items.len(), self.goods.len());
        for (item, good) in parsed.items.iter().zip(&self.goods) {
            assert_eq!(item.quantity.unscaled(), good.thousandths * 1_000);
            assert_eq!((item.price_kopecks, item.sum_kopecks), (Some(good.price), Some(good.sum())));
        }
        assert!(flags(parsed).iter().all(|flag| shown.contains(flag)), "{:?}", parsed.flags);
    }

    /// `20.11.2026` and `14:05:00`, and the same as the XML writes it.
    pub fn clock(&self) -> (String, String, String) {
        let (year, month, day) = date(self.time / 86_400);
        let second = self.time % 86_400;
        let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        (format!("{day:02}.{month:02}.{year:04}"), clock.clone(), format!("{year:04}-{month:02}-{day:02}T{clock}"))
    }

    pub fn is_return(&self) -> bool {
        self.operation == Operation::SellReturn
    }
}

/// Days since 1970 by counting years and months.
pub(super) fn date(days: u32) -> (u32, u32, u32) {
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u32::from(leap(year)) {
        rest -= 365 + u32::from(leap(year));
        year += 1;
    }
    let february = 28 + u32::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

fn good() -> impl Strategy<Value = Good> {
    let vat = prop::sample::select(vec![VatRate::Vat20, VatRate::Vat10, VatRate::Vat0, VatRate::None]);
    ("[А-Яа-яЁё№a-zA-Z0-9\"%/,.]{1,20}( [а-яё]{1,10}){0,3}", 0..10_000_000_i64, 1..100_000_i64, vat)
        .prop_map(|(name, price, thousandths, vat)| Good { name, price, thousandths, vat })
}

pub(super) fn truth() -> impl Strategy<Value = Truth> {
    let operation =
        prop::sample::select(vec![Operation::Sell, Operation::SellReturn, Operation::Buy, Operation::BuyReturn]);
    // From 2019-01-01, when VAT became 20 %, to the reception.
    let until = u32::try_from(CONTEXT.received_at.0 / 1_000_000).unwrap();
    let numbers = (1..=u32::MAX, any::<u32>(), any::<u32>(), any::<u32>(), 1_546_300_800..until);
    (
        operation,
        "[0-9]{15,16}",
        numbers,
        prop::collection::vec(good(), 1..12),
        0..=100_i64,
        "[А-Я][а-яё]{1,12} [А-Я]\\.",
    )
        .prop_map(|(operation, drive, (number, sign, shift, receipt_number, time), goods, percent, cashier)| {
            let mut truth =
                Truth { operation, drive, number, sign, shift, receipt_number, time, goods, cash: 0, cashier };
            truth.cash = truth.total() * percent / 100;
            truth
        })
}
