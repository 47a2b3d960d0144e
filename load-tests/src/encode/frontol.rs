//! The sales file of Frontol: one check or one Z report, fields between semicolons, decimal commas, windows-1251.

use std::fmt::Display;

use super::{
    cp1251,
    text::{Quantity, Roubles, Writer, barcode, before_discount, day_first, in_notes, paid},
};
use crate::{
    document::{Body, Document, Item, Receipt},
    product_key::code,
    random::mix,
    world::World,
};

/// A document has fewer lines than this.
const MOST_LINES: u64 = 100;
/// One check in so many has a line that is rung up by mistake and taken back.
const TAKEN_BACK: u64 = 8;

/// Writes a check or the report that closes a shift. The file has no other documents: all else becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut lines = Lines { writer: Writer::new(world, document), written: 0 };
    match &document.body {
        Body::Receipt(receipt) => {
            lines.header();
            lines.check(receipt);
        }
        Body::ShiftClose(_) => {
            lines.header();
            lines.line(61, 0, &format!(";{}", document.shift));
        }
        Body::ShiftOpen | Body::Encashment { .. } => {}
    }
    cp1251::encode(&lines.writer.out)
}

/// The number of the first line of a document: lines are counted on from file to file.
#[must_use]
pub fn first_line(document: &Document) -> u64 {
    u64::from(document.number) * MOST_LINES
}

struct Lines<'a> {
    writer: Writer<'a>,
    written: u64,
}

impl Lines<'_> {
    fn header(&mut self) {
        let tenant = self.writer.register.tenant + 1;
        self.writer.put(format_args!("#\r\n{tenant}\r\n{}\r\n", self.writer.document.number));
    }

    /// A line with the fields that all lines have, and those from the eighth on.
    fn line(&mut self, code: u8, receipt: u32, rest: &str) {
        let Writer { register, document, .. } = self.writer;
        let (date, clock) = day_first(self.writer.local());
        self.writer.put(format_args!(
            "{};{date};{clock};{code};{};{receipt};{};{rest}\r\n",
            first_line(document) + self.written,
            register.desk(),
            document.cashier + 1,
        ));
        self.written += 1;
    }

    fn check(&mut self, receipt: &Receipt) {
        let Writer { register, document, .. } = self.writer;
        // Where something comes back, some desks write all figures negative.
        let sign = if receipt.refund && register.empty_texts { "-" } else { "" };
        let of_check = format!("{};{}", u8::from(receipt.refund), document.shift);
        let quantity: u32 = receipt.items.iter().map(|item| item.thousandths).sum();
        let before: u64 = receipt.items.iter().map(|item| before_discount(item).1).sum();
        let sums = format!(
            ";;0;{sign}{};{sign}{};{of_check};0;{sign}{}",
            comma(Quantity(quantity)),
            comma(Roubles(before)),
            comma(Roubles(receipt.total))
        );
        let number = receipt.number_in_shift;
        self.line(42, number, &sums);
        for item in &receipt.items {
            self.line(11, number, &self.item(item, sign, &of_check));
        }
        let mistake = mix(&[register.drive, document.number.into(), 0x57]).is_multiple_of(TAKEN_BACK);
        if let Some(item) = receipt.items.last().filter(|_| mistake) {
            self.line(11, number, &self.item(item, sign, &of_check));
            let back = if sign.is_empty() { "-" } else { "" };
            self.line(12, number, &self.item(item, back, &of_check));
        }
        for (kind, amount) in paid(&receipt.payments, [1, 2, 3]) {
            let handed = if kind == 1 && !receipt.refund { in_notes(amount) } else { amount };
            let code = if kind == 1 { 40 } else { 41 };
            self.line(code, number, &format!(";{kind};;;{sign}{};{of_check}", comma(Roubles(handed))));
        }
        self.line(55, number, &sums);
    }

    fn item(&self, item: &Item, sign: &str, of_check: &str) -> String {
        let Writer { world, register, .. } = self.writer;
        let good = self.writer.good(item);
        let (price, sum) = before_discount(item);
        let after = comma(Roubles(item.sum));
        format!(
            "{};;{};{sign}{};{sign}{};{of_check};{};{sign}{after};0;;{};{sign}{after};0",
            code(world, register.family, register.tenant, item.good).unwrap_or_default(),
            comma(Roubles(price)),
            comma(Quantity(item.thousandths)),
            comma(Roubles(sum)),
            comma(Roubles(item.price.into())),
            barcode(good.barcode, item.thousandths).unwrap_or_default(),
        )
    }
}

/// A figure with a comma before its fraction.
fn comma(figure: impl Display) -> String {
    figure.to_string().replace('.', ",")
}
