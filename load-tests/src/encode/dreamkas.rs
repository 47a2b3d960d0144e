//! Receipts and encashments as the Dreamkas cabinet gives them out: kopecks, thousandths of a piece, texts in UTF-8.

use std::fmt::Write as _;

use super::text::barcode;
use crate::{
    clock::Clock,
    document::{Body, Document, Item, Payments, Receipt, Vat},
    goods::Measure,
    random::mix,
    world::{Cashier, Register, World},
};

/// Writes a receipt or an encashment. The interface has no shift reports: they become an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let register = &world.registers[document.register as usize];
    let items = if let Body::Receipt(receipt) = &document.body { receipt.items.len() } else { 0 };
    let mut writer = Writer { out: String::with_capacity(900 + 400 * items), world, register, document };
    match &document.body {
        Body::Receipt(receipt) => writer.receipt(receipt),
        Body::Encashment { inward, sum } => writer.encashment(*inward, *sum),
        Body::ShiftOpen | Body::ShiftClose(_) => {}
    }
    writer.out.into_bytes()
}

struct Writer<'a> {
    out: String,
    world: &'a World,
    register: &'a Register,
    document: &'a Document,
}

impl Writer<'_> {
    fn receipt(&mut self, receipt: &Receipt) {
        let Self { register, document, .. } = *self;
        let identity = mix(&[register.drive, document.number.into()]);
        self.put(format_args!(
            r#"{{"id":{},"type":"{}","amount":{},"discount":0,"deviceId":{},"shopId":{},"operationId":"{identity:016x}{:08x}","shiftId":{},"number":{},"#,
            identity % 900_000_000,
            if receipt.refund { "REFUND" } else { "SALE" },
            receipt.total,
            register.device,
            register.shop + 5_000,
            document.sign,
            document.shift,
            receipt.number_in_shift,
        ));
        self.times();
        self.payments(&receipt.payments);
        self.out.push_str(r#","positions":["#);
        for (place, item) in receipt.items.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            self.position(identity, place as u64, item);
        }
        self.out.push_str("],");
        self.cashier();
        self.put(format_args!(
            r#","checkURL":"www.nalog.gov.ru","fiscalDocumentNumber":"{}","fiscalDocumentSign":"{}","fnNumber":"{}","registryNumber":"{}"}}"#,
            document.number, document.sign, register.drive, register.registration,
        ));
    }

    fn encashment(&mut self, inward: bool, sum: u64) {
        let Self { register, document, .. } = *self;
        self.put(format_args!(
            r#"{{"deviceId":{},"shopId":{},"type":"{}","shiftId":{},"sum":{sum},"#,
            register.device,
            register.shop + 5_000,
            if inward { "MONEY_IN" } else { "MONEY_OUT" },
            document.shift,
        ));
        self.times();
        self.cashier();
        self.out.push('}');
    }

    fn times(&mut self) {
        let at = self.document.at;
        let local = at + self.world.shop_of(self.register).zone.hours * 3_600;
        self.put(format_args!(r#""localDate":"{}","date":"{}.000Z","#, Clock::spaced(local), Clock::iso(at)));
    }

    fn payments(&mut self, payments: &Payments) {
        self.out.push_str(r#""payments":["#);
        let mut comma = "";
        for (kind, amount) in [("CASH", payments.cash), ("CASHLESS", payments.card), ("PREPAID", payments.prepaid)] {
            if amount > 0 {
                self.put(format_args!(r#"{comma}{{"type":"{kind}","amount":{amount}}}"#));
                comma = ",";
            }
        }
        self.out.push(']');
    }

    fn position(&mut self, identity: u64, place: u64, item: &Item) {
        let good = &self.world.goods[item.good as usize];
        let id = mix(&[identity, place]);
        self.put(format_args!(
            r#"{{"id":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","name":"{}","type":"{}","quantity":{},"price":{},"discount":0,"barcode":"#,
            id >> 32,
            id >> 16 & 0xFFFF,
            id & 0xFFF,
            id >> 12 & 0xFFF,
            id >> 7 & 0xFFFF_FFFF_FFFF,
            good.name(self.register.spelling).json,
            match good.measure {
                Measure::Piece => "COUNTABLE",
                Measure::Kilogram => "SCALABLE",
            },
            item.thousandths,
            item.price,
        ));
        self.text(barcode(good.barcode, item.thousandths));
        if good.marked {
            let gtin = good.gtin().unwrap_or_default();
            self.put(format_args!(r#","exciseBarcode":"01{gtin:014}215{:08X}\u001d93{:04X}""#, id >> 32, id & 0xFFFF));
        } else {
            self.out.push_str(r#","exciseBarcode":"#);
            self.text(None);
        }
        self.out.push_str(r#","vendorCode":"#);
        self.text(self.world.vendor_code(self.register.tenant, item.good));
        let tax = match item.vat {
            Vat::Full => "NDS_20",
            Vat::Reduced => "NDS_10",
            Vat::Five | Vat::None => "NDS_NO_TAX",
        };
        self.put(format_args!(r#","tax":"{tax}","departmentId":{}}}"#, item.good % 9 + 1));
    }

    fn cashier(&mut self) {
        let Cashier { name, inn, .. } = &self.world.tenant_of(self.register).cashiers[self.document.cashier as usize];
        let secret = mix(&[self.register.tenant.into(), self.document.cashier.into(), 0x5EC]);
        self.put(format_args!(r#""cashier":{{"tabNumber":"{:05}","name":"{name}","inn":"#, secret % 100_000));
        self.text(inn.clone());
        self.put(format_args!(
            r#","card":"{:06}","password":"{secret:016X}{:016X}","role":"Продавец-кассир","permissions":["SALE","REFUND"]}}"#,
            secret % 1_000_000,
            secret.rotate_left(21),
        ));
    }

    /// A text in quotes; what is missing is null or an empty text, as the register has it.
    fn text(&mut self, text: Option<String>) {
        match text {
            Some(text) => self.put(format_args!(r#""{text}""#)),
            None if self.register.empty_texts => self.out.push_str(r#""""#),
            None => self.out.push_str("null"),
        }
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        self.out.write_fmt(arguments).unwrap_or_default();
    }
}
