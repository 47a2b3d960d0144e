//! What two copies of a document must agree on, as a plain text and its hash.
//!
//! The fleet makes the text from what it meant to say, the check from what a database or a topic holds; equal
//! hashes mean equal content. The text has one line `name=value` per known fact, in the order of the functions
//! below; what is null has no line. A line feed within a text becomes `\n`, a backslash `\\`. Money is in
//! kopecks, quantities in millionths, times in milliseconds since 1970 (local times counted as if they were
//! UTC). Payments and VAT sums of zero are left out, the others are sorted by their symbol; items keep the
//! order of the document. The hash is the first half of the SHA-256 of the text in UTF-8.

use sha2::{Digest, Sha256};

/// Half a SHA-256: enough to tell documents apart, and half as much to keep in memory.
pub type ContentHash = [u8; 16];

/// What all documents say.
#[derive(Debug, Default, Clone, Copy)]
pub struct Header<'a> {
    /// `receipt`, `shift` or `event`.
    pub document: &'a str,
    /// Key within the collection, for fiscal documents tenant/drive/number.
    pub id: Option<&'a str>,
    /// Id of the tenant.
    pub tenant: &'a str,
    /// Name of the shop.
    pub shop: Option<&'a str>,
    /// Id of the register.
    pub register: &'a str,
    /// Family of the format.
    pub source: &'a str,
    /// Number of the fiscal drive.
    pub drive: Option<&'a str>,
    /// Fiscal document number.
    pub number: Option<i64>,
    /// Fiscal sign.
    pub sign: Option<i64>,
    /// Registration number of the register.
    pub registration: Option<&'a str>,
    /// Symbol of the kind of document.
    pub kind: &'a str,
    /// Number of the shift.
    pub shift: Option<i64>,
    /// Time on the register's clock.
    pub local_ms: Option<i64>,
    /// The same instant in UTC.
    pub utc_ms: Option<i64>,
    /// Name of the cashier.
    pub cashier: Option<&'a str>,
    /// Taxpayer number of the cashier.
    pub cashier_inn: Option<&'a str>,
}

/// A line of a receipt.
#[derive(Debug, Default, Clone, Copy)]
pub struct Item<'a> {
    /// Name as printed.
    pub name: Option<&'a str>,
    /// Key of the product.
    pub product_key: Option<&'a str>,
    /// Quantity in millionths.
    pub quantity_millionths: i64,
    /// Unit as printed.
    pub unit: Option<&'a str>,
    /// Price of one unit.
    pub price: Option<i64>,
    /// Sum of the line.
    pub sum: Option<i64>,
    /// Symbol of the VAT rate.
    pub vat: Option<&'a str>,
    /// VAT within the sum.
    pub vat_sum: Option<i64>,
    /// GTIN, 14 digits.
    pub gtin: Option<&'a str>,
    /// The vendor's own code.
    pub vendor_code: Option<&'a str>,
}

/// What only receipts say, but for the items.
#[derive(Debug, Default, Clone)]
pub struct Receipt<'a> {
    /// Symbol of the operation.
    pub operation: &'a str,
    /// Number within the shift.
    pub number_in_shift: Option<i64>,
    /// Total as stated.
    pub total: i64,
    /// Symbol and amount of each payment.
    pub payments: Vec<(&'a str, i64)>,
    /// Symbol of the rate and sum of each VAT sum as stated.
    pub vat_sums: Vec<(&'a str, i64)>,
    /// Bits of the applied tax system.
    pub taxation: Option<i64>,
}

/// The text as it grows.
#[derive(Debug, Default)]
pub struct ContentText(String);

impl ContentText {
    /// Starts the text of a document.
    #[must_use]
    pub fn start(header: &Header<'_>) -> Self {
        let mut text = Self(String::with_capacity(2_560));
        text.line("document", header.document);
        text.text("id", header.id);
        text.line("tenant", header.tenant);
        text.text("shop", header.shop);
        text.line("register", header.register);
        text.line("source", header.source);
        text.text("drive", header.drive);
        text.number("number", header.number);
        text.number("sign", header.sign);
        text.text("registration", header.registration);
        text.line("kind", header.kind);
        text.number("shift", header.shift);
        text.number("local", header.local_ms);
        text.number("utc", header.utc_ms);
        text.text("cashier", header.cashier);
        text.text("cashier_inn", header.cashier_inn);
        text
    }

    /// Adds what only receipts say. The items follow.
    pub fn receipt(&mut self, receipt: &mut Receipt<'_>) {
        self.line("operation", receipt.operation);
        self.number("number_in_shift", receipt.number_in_shift);
        self.number("total", Some(receipt.total));
        for (name, sums) in [("payment", &mut receipt.payments), ("vat", &mut receipt.vat_sums)] {
            sums.retain(|(_, sum)| *sum != 0);
            sums.sort_unstable();
            for (symbol, sum) in sums {
                self.line(name, symbol);
                self.number("amount", Some(*sum));
            }
        }
        self.number("taxation", receipt.taxation);
    }

    /// Adds a line of a receipt.
    pub fn item(&mut self, item: &Item<'_>) {
        self.text("item", Some(item.name.unwrap_or_default()));
        self.text("product_key", item.product_key);
        self.number("quantity", Some(item.quantity_millionths));
        self.text("unit", item.unit);
        self.number("price", item.price);
        self.number("sum", item.sum);
        self.text("vat_rate", item.vat);
        self.number("vat_sum", item.vat_sum);
        self.text("gtin", item.gtin);
        self.text("vendor_code", item.vendor_code);
    }

    /// Adds the counters of a shift report.
    pub fn shift(&mut self, receipts: Option<i64>, documents: Option<i64>, unsent: Option<i64>) {
        self.number("receipts", receipts);
        self.number("documents", documents);
        self.number("unsent", unsent);
    }

    /// Adds what only events say.
    pub fn event(&mut self, device: Option<&str>, amount: Option<i64>) {
        self.text("device", device);
        self.number("amount", amount);
    }

    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of the text.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut half = ContentHash::default();
        half.copy_from_slice(&digest[..16]);
        half
    }

    fn line(&mut self, name: &str, value: &str) {
        for part in [name, "=", value, "\n"] {
            self.0.push_str(part);
        }
    }

    fn number(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.line(name, itoa::Buffer::new().format(value));
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        match value {
            // A text must not forge lines.
            Some(value) if value.bytes().any(|byte| matches!(byte, b'\n' | b'\\')) => {
                self.line(name, &value.replace('\\', "\\\\").replace('\n', "\\n"));
            }
            Some(value) => self.line(name, value),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_have_no_line_and_texts_cannot_forge_lines() {
        let header = Header {
            document: "shift",
            tenant: "a",
            register: "b",
            source: "c",
            kind: "OPEN",
            cashier: Some("x\ny=\\"),
            ..Header::default()
        };
        let mut text = ContentText::start(&header);
        text.shift(Some(1), None, Some(0));
        assert_eq!(
            text.as_str(),
            "document=shift\ntenant=a\nregister=b\nsource=c\nkind=OPEN\ncashier=x\\ny=\\\\\nreceipts=1\nunsent=0\n"
        );
    }

    #[test]
    fn order_and_zeros_of_payments_do_not_count() {
        let receipt = |payments: &[(&'static str, i64)]| {
            let mut text = ContentText::start(&Header::default());
            text.receipt(&mut Receipt { payments: payments.to_vec(), ..Receipt::default() });
            text.hash()
        };
        assert_eq!(receipt(&[("CARD", 1), ("CASH", 2)]), receipt(&[("CASH", 2), ("PREPAID", 0), ("CARD", 1)]));
        assert_ne!(receipt(&[("CARD", 1)]), receipt(&[("CARD", 2)]));
    }
}
