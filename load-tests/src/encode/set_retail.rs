//! Purchases of Set Retail 10: roubles, decimal quantities, times with the shop's offset.

use super::{
    text::{Quantity, Roubles, Writer, barcode, before_discount, in_notes, paid},
    xml::Escaped,
};
use crate::{
    clock::Clock,
    document::{Body, Document, Item, Receipt, Vat},
    product_key::code,
    world::World,
};

/// Seconds after midnight at which a new day of business begins.
const DAY_BEGINS: i64 = 3 * 3_600;

/// Writes a purchase. The server hands out nothing else: all other documents become an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    if let Body::Receipt(receipt) = &document.body {
        purchase(&mut writer, receipt);
    }
    writer.out.into_bytes()
}

/// The number that the server has for the shop of a register.
#[must_use]
pub fn shop(shop: u32) -> u32 {
    shop + 1
}

/// The day of business of a time on the register's clock, `2026-11-20`.
#[must_use]
pub fn business_day(local: i64) -> String {
    let spaced = Clock::spaced(local - DAY_BEGINS).to_string();
    spaced.split_once(' ').map(|(day, _)| day.to_owned()).unwrap_or_default()
}

fn purchase(writer: &mut Writer<'_>, receipt: &Receipt) {
    let Writer { world, register, document, .. } = *writer;
    let (local, hours) = (writer.local(), world.shop_of(register).zone.hours);
    let discount: u64 = receipt.items.iter().map(|item| before_discount(item).1 - item.sum).sum();
    writer.put(format_args!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<purchases count="1"><purchase tabNumber="{}" userName="{}" operationType="{}" operDay="{}+{hours:02}:00" shop="{}" cash="{}" shift="{}" number="{}" saletime="{}.000+{hours:02}:00" amount="{}" discountAmount="{}"><positions>"#,
        document.cashier + 1,
        Escaped(&writer.cashier().name),
        !receipt.refund,
        business_day(local),
        shop(register.shop),
        register.desk(),
        document.shift,
        receipt.number_in_shift,
        Clock::iso(local),
        Roubles(receipt.total),
        Roubles(discount),
    ));
    for (order, item) in (1..).zip(&receipt.items) {
        position(writer, order, item);
    }
    writer.out.push_str("</positions><payments>");
    let names = ["CashPaymentEntity", "BankCardPaymentEntity", "GiftCardPaymentEntity"];
    for (kind, amount) in paid(&receipt.payments, names) {
        let handed = if kind == names[0] && !receipt.refund { in_notes(amount) } else { amount };
        writer.put(format_args!(r#"<payment typeClass="{kind}" amount="{}"/>"#, Roubles(handed)));
        if handed > amount {
            let change = Roubles(handed - amount);
            writer.put(format_args!(r#"<payment typeClass="CashChangePaymentEntity" amount="{change}"/>"#));
        }
    }
    writer.out.push_str("</payments></purchase></purchases>");
}

fn position(writer: &mut Writer<'_>, order: u32, item: &Item) {
    let Writer { world, register, .. } = *writer;
    let good = writer.good(item);
    let (price, sum) = before_discount(item);
    let code = code(world, register.family, register.tenant, item.good).unwrap_or_default();
    let percent = match item.vat {
        Vat::Full => "20.0",
        Vat::Reduced => "10.0",
        Vat::Five => "5.0",
        Vat::None => "-1.0",
    };
    writer.put(format_args!(
        r#"<position order="{order}" departNumber="1" goodsCode="{}" barCode="{}" count="{}" cost="{}" nds="{percent}" discountValue="{}" amount="{}""#,
        Escaped(&code),
        barcode(good.barcode, item.thousandths).unwrap_or_default(),
        Quantity(item.thousandths),
        Roubles(price),
        Roubles(sum - item.sum),
        Roubles(item.sum),
    ));
    if price > item.price.into() {
        writer.put(format_args!(r#" costWithDiscount="{}""#, Roubles(item.price.into())));
    }
    if item.vat != Vat::None {
        writer.put(format_args!(r#" ndsSum="{}""#, Roubles(item.vat.within(item.sum))));
    }
    writer.out.push_str("/>");
}
