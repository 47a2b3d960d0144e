//! Documents of the Evotor cloud, version 1: lists of transactions, roubles, instants with the register's offset.

use super::text::{Quantity, Quoted, Roubles, Writer, barcode, before_discount, in_notes, paid};
use crate::{
    clock::Clock,
    document::{Body, Document, Item, Receipt, Vat},
    product_key::code,
    world::{Register, World},
};

/// Writes a receipt, the opening or the closing of a shift. Cash put in or taken out becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    match &document.body {
        Body::Receipt(body) => receipt(&mut writer, body),
        Body::ShiftOpen => session(&mut writer, "OPEN_SESSION"),
        Body::ShiftClose(_) => session(&mut writer, "CLOSE_SESSION"),
        Body::Encashment { .. } => {}
    }
    writer.out.into_bytes()
}

/// The vendor's id of a register.
#[must_use]
pub fn device(register: &Register) -> String {
    format!("20260101-D58C-40E4-8051-{:012}", register.device)
}

fn head(writer: &mut Writer<'_>, kind: &str) {
    let Writer { register, document, world, .. } = *writer;
    writer.put(format_args!(
        r#"{{"type":"{kind}","uuid":"{}-{}","number":{},"closeDate":"{}.000+0000","timezone":{},"deviceUuid":"{}","sessionNumber":"{}""#,
        register.serial,
        document.number,
        document.number,
        Clock::iso(document.at),
        world.shop_of(register).zone.hours * 3_600_000,
        device(register),
        document.shift,
    ));
}

fn session(writer: &mut Writer<'_>, kind: &str) {
    head(writer, kind);
    writer.put(format_args!(r#","closeSum":null,"closeResultSum":null,"transactions":[{{"type":"{kind}"}}]}}"#));
}

fn receipt(writer: &mut Writer<'_>, receipt: &Receipt) {
    // What goes back to the shop has negative sums and quantities, but for prices and the sums of the document.
    let sign = if receipt.refund { "-" } else { "" };
    let before: u64 = receipt.items.iter().map(|item| before_discount(item).1).sum();
    head(writer, if receipt.refund { "PAYBACK" } else { "SELL" });
    writer.put(format_args!(
        r#","closeSum":"{}","closeResultSum":"{}","transactions":[{{"type":"DOCUMENT_OPEN"}}"#,
        Roubles(before),
        Roubles(receipt.total)
    ));
    for item in &receipt.items {
        position(writer, item, sign);
    }
    for (kind, amount) in paid(&receipt.payments, ["CASH", "ELECTRON", "ADVANCE"]) {
        let handed = if kind == "CASH" && !receipt.refund { in_notes(amount) } else { amount };
        writer.put(format_args!(r#",{{"type":"PAYMENT","paymentType":"{kind}","sum":{sign}{}}}"#, Roubles(handed)));
        if handed > amount {
            let change = Roubles(handed - amount);
            writer.put(format_args!(r#",{{"type":"PAYMENT","paymentType":"{kind}","sum":-{change}}}"#));
        }
    }
    writer.put(format_args!(
        r#",{{"type":"DOCUMENT_CLOSE_FPRINT","total":{},"receiptNumber":"{}","sessionNumber":"{}","documentNumber":"{}"}},{{"type":"DOCUMENT_CLOSE","sum":{sign}{}}}]}}"#,
        Roubles(receipt.total),
        receipt.number_in_shift,
        writer.document.shift,
        writer.document.number,
        Roubles(receipt.total),
    ));
}

fn position(writer: &mut Writer<'_>, item: &Item, sign: &str) {
    let Writer { world, register, .. } = *writer;
    let good = writer.good(item);
    let (price, sum) = before_discount(item);
    let vat = match item.vat {
        Vat::Full => "VAT_18",
        Vat::Reduced => "VAT_10",
        Vat::Five => "VAT_5",
        Vat::None => "NO_VAT",
    };
    let code = code(world, register.family, register.tenant, item.good);
    let barcode = barcode(good.barcode, item.thousandths);
    writer.put(format_args!(
        r#",{{"type":"REGISTER_POSITION","commodityName":"{}","commodityCode":{},"barcode":{},"measureName":"{}","mark":null,"quantity":{sign}{},"price":{},"sum":{sign}{},"resultPrice":{},"resultSum":{sign}{}}},{{"type":"POSITION_TAX","tax":"{vat}""#,
        good.name(register.spelling).json,
        Quoted(code.as_deref()),
        Quoted(barcode.as_deref()),
        good.measure.unit(),
        Quantity(item.thousandths),
        Roubles(price),
        Roubles(sum),
        Roubles(item.price.into()),
        Roubles(item.sum),
    ));
    if item.vat != Vat::None {
        writer.put(format_args!(r#","resultTaxSum":{sign}{}"#, Roubles(item.vat.within(item.sum))));
    }
    writer.out.push('}');
}
