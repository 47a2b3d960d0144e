//! Fiscal documents in the TLV encoding of FFD 1.05: tag and length in 16 bits, little endian, texts in code page 866.

use crate::{
    document::{Body, Document, Item, Receipt, ShiftTotals, Vat},
    goods::Measure,
    random::mix,
    world::{Register, World},
};

/// Writes a receipt (tag 3), the opening (2) or the closing (5) of a shift. Cash put in or taken out is no fiscal document: it becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let register = &world.registers[document.register as usize];
    let mut writer = Writer { out: Vec::with_capacity(1_024), world, register, document };
    match &document.body {
        Body::Receipt(receipt) => writer.object(3, |writer| writer.receipt(receipt)),
        Body::ShiftOpen => writer.object(2, Writer::shift_open),
        Body::ShiftClose(totals) => writer.object(5, |writer| writer.shift_close(totals)),
        Body::Encashment { .. } => {}
    }
    writer.out
}

struct Writer<'a> {
    out: Vec<u8>,
    world: &'a World,
    register: &'a Register,
    document: &'a Document,
}

impl Writer<'_> {
    fn receipt(&mut self, receipt: &Receipt) {
        self.header(0x31);
        self.u32(1042, receipt.number_in_shift);
        self.u8(1054, if receipt.refund { 2 } else { 1 });
        self.u8(1055, self.world.tenant_of(self.register).taxation.bits());
        for (place, item) in receipt.items.iter().enumerate() {
            self.object(1059, |writer| writer.item(place as u64, item));
        }
        self.number(1020, receipt.total);
        self.number(1031, receipt.payments.cash);
        self.number(1081, receipt.payments.card);
        self.number(1215, receipt.payments.prepaid);
        self.number(1216, 0);
        self.number(1217, 0);
        for (rate, sum) in receipt.vat_sums() {
            match rate {
                _ if sum == 0 => {}
                Vat::Full => self.number(1102, sum),
                Vat::Reduced => self.number(1103, sum),
                Vat::None => self.number(1105, sum),
                // Rates without a tag of their own stand in a list.
                Vat::Five => self.object(1115, |writer| {
                    writer.object(1119, |writer| {
                        writer.u8(1199, rate.code());
                        writer.number(1120, sum);
                    });
                }),
            }
        }
    }

    fn item(&mut self, place: u64, item: &Item) {
        let good = &self.world.goods[item.good as usize];
        let (digits, quantity) = match good.measure {
            Measure::Piece => (0, item.thousandths / 1_000),
            Measure::Kilogram => (3, item.thousandths),
        };
        self.u8(1214, 4);
        self.u8(1212, if good.marked { 33 } else { 1 });
        self.bytes(1030, &good.name(self.register.spelling).cp866);
        self.number(1079, item.price.into());
        self.decimal(1023, digits, quantity.into());
        self.bytes(
            1197,
            match good.measure {
                Measure::Piece => &[0xE8, 0xE2],
                Measure::Kilogram => &[0xAA, 0xA3],
            },
        );
        self.u8(1199, item.vat.code());
        if item.vat != Vat::None {
            self.number(1200, item.vat.within(item.sum));
        }
        self.number(1043, item.sum);
        if let Some(gtin) = good.gtin().filter(|_| good.marked) {
            self.bytes(1162, &product_code(gtin, mix(&[self.register.drive, self.document.number.into(), place])));
        }
    }

    fn shift_open(&mut self) {
        self.header(0x23);
        self.bytes(1188, b"4.2.17");
        self.u8(1189, 2);
    }

    fn shift_close(&mut self, totals: &ShiftTotals) {
        self.header(0x24);
        self.u32(1118, totals.receipts);
        self.u32(1111, totals.documents);
        self.u32(1097, totals.unsent);
        if totals.unsent > 0 {
            self.u32(1098, self.local() - 3_600);
            self.u32(1116, self.document.number - totals.unsent);
        }
    }

    /// What every document has; `kind` is the first byte of the fiscal sign.
    fn header(&mut self, kind: u8) {
        let Self { register, document, .. } = *self;
        self.bytes(1041, register.drive.to_string().as_bytes());
        self.bytes(1037, format!("{:<20}", register.registration).as_bytes());
        self.bytes(1013, register.serial.as_bytes());
        self.bytes(1018, format!("{:<12}", self.world.tenant_of(register).inn).as_bytes());
        self.u8(1209, 2);
        self.u32(1040, document.number);
        self.u32(1038, document.shift);
        self.u32(1012, self.local());
        let [a, b, c, d] = document.sign.to_be_bytes();
        self.bytes(1077, &[kind, 0x04, a, b, c, d]);
        let cashier = &self.world.tenant_of(register).cashiers[document.cashier as usize];
        self.bytes(1021, &cashier.name_cp866);
        if let Some(inn) = &cashier.inn {
            self.bytes(1203, inn.as_bytes());
        }
    }

    /// The clock of the register.
    fn local(&self) -> u32 {
        (self.document.at + self.world.shop_of(self.register).zone.hours * 3_600) as u32
    }

    fn object(&mut self, tag: u16, children: impl FnOnce(&mut Self)) {
        self.bytes(tag, &[]);
        let start = self.out.len();
        children(self);
        let length = (self.out.len() - start) as u16;
        self.out[start - 2..start].copy_from_slice(&length.to_le_bytes());
    }

    fn bytes(&mut self, tag: u16, value: &[u8]) {
        self.out.extend_from_slice(&tag.to_le_bytes());
        self.out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.out.extend_from_slice(value);
    }

    fn u8(&mut self, tag: u16, value: u8) {
        self.bytes(tag, &[value]);
    }

    fn u32(&mut self, tag: u16, value: u32) {
        self.bytes(tag, &value.to_le_bytes());
    }

    /// As few bytes as the number needs; none for zero.
    fn number(&mut self, tag: u16, value: u64) {
        self.bytes(tag, &value.to_le_bytes()[..significant_bytes(value)]);
    }

    /// The digits after the point, then the number without the point.
    fn decimal(&mut self, tag: u16, digits: u8, value: u64) {
        let [a, b, c, d, ..] = value.to_le_bytes();
        self.bytes(tag, &[digits, a, b, c, d][..1 + significant_bytes(value).clamp(1, 4)]);
    }
}

fn significant_bytes(value: u64) -> usize {
    (64 - value.leading_zeros() as usize).div_ceil(8)
}

/// The code of a marked good: 44 4D, the GTIN in six bytes, a serial of 13 characters.
fn product_code(gtin: u64, serial: u64) -> Vec<u8> {
    let mut code = vec![0x44, 0x4D];
    code.extend_from_slice(&gtin.to_be_bytes()[2..]);
    code.extend_from_slice(format!("{:013}", serial % 10_000_000_000_000).as_bytes());
    code
}
