//! Tasks of the ATOL driver with their results: roubles, decimal quantities, times with the register's offset.

use super::text::{Quantity, Quoted, Roubles, Writer, paid};
use crate::{
    clock::Clock,
    document::{Body, Document, Item, Receipt, Vat},
    random::mix,
    world::{Taxation, World},
};

/// Writes a receipt, the opening or the closing of a shift. Cash put in or taken out becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    match &document.body {
        Body::Receipt(body) => receipt(&mut writer, body),
        Body::ShiftOpen => shift(&mut writer, "openShift", None),
        Body::ShiftClose(totals) => shift(&mut writer, "closeShift", Some(totals.receipts)),
        Body::Encashment { .. } => {}
    }
    writer.out.into_bytes()
}

/// The word for a rate, as the driver and the cloud write it.
#[must_use]
pub fn vat(rate: Vat) -> &'static str {
    match rate {
        Vat::Full => "vat20",
        Vat::Reduced => "vat10",
        Vat::Five => "vat5",
        Vat::None => "none",
    }
}

fn task(writer: &mut Writer<'_>, kind: &str) {
    let identity = mix(&[writer.register.drive, writer.document.number.into()]);
    let cashier = writer.cashier();
    writer.put(format_args!(
        r#"{{"uuid":"{identity:016x}","request":{{"type":"{kind}","operator":{{"name":"{}","vatin":{}}}"#,
        cashier.name,
        Quoted(cashier.inn.as_deref()),
    ));
}

/// What the drive answered, but for what only receipts or shifts have.
fn result(writer: &mut Writer<'_>) {
    let Writer { register, document, world, .. } = *writer;
    let (local, hours) = (writer.local(), world.shop_of(register).zone.hours);
    writer.put(format_args!(
        r#"}},"results":[{{"status":"ready","errorCode":0,"errorDescription":"Ошибок нет","result":{{"warnings":null,"fiscalParams":{{"fiscalDocumentDateTime":"{}+{hours:02}:00","fiscalDocumentNumber":{},"fiscalDocumentSign":"{:010}","fnNumber":"{}","registrationNumber":"{}","shiftNumber":{}"#,
        Clock::iso(local),
        document.number,
        document.sign,
        register.drive,
        register.registration,
        document.shift,
    ));
}

fn receipt(writer: &mut Writer<'_>, receipt: &Receipt) {
    task(writer, if receipt.refund { "sellReturn" } else { "sell" });
    let taxation = match writer.world.tenant_of(writer.register).taxation {
        Taxation::General => "osn",
        Taxation::Simplified | Taxation::SimplifiedVat5 => "usnIncome",
    };
    writer.put(format_args!(r#","taxationType":"{taxation}","items":["#));
    writer.list(receipt.items.iter().enumerate(), |writer, (place, item)| self::item(writer, place, item));
    writer.out.push_str(r#"],"payments":["#);
    let payments = paid(&receipt.payments, ["cash", "electronically", "prepaid"]);
    writer.list(payments, |writer, (kind, amount)| {
        writer.put(format_args!(r#"{{"type":"{kind}","sum":{}}}"#, Roubles(amount)));
    });
    writer.put(format_args!(r#"],"total":{}"#, Roubles(receipt.total)));
    result(writer);
    writer.put(format_args!(
        r#","fiscalReceiptNumber":{},"total":{}}}}}}}]}}"#,
        receipt.number_in_shift,
        Roubles(receipt.total)
    ));
}

fn item(writer: &mut Writer<'_>, place: usize, item: &Item) {
    let good = writer.good(item);
    writer.put(format_args!(
        r#"{{"type":"position","name":"{}","price":{},"quantity":{},"amount":{},"measurementUnit":"{}","paymentMethod":"fullPayment","paymentObject":"{}","tax":{{"type":"{}""#,
        good.name(writer.register.spelling).json,
        Roubles(item.price.into()),
        Quantity(item.thousandths),
        Roubles(item.sum),
        good.measure.unit(),
        if good.marked { "commodityWithMarking" } else { "commodity" },
        vat(item.vat),
    ));
    if item.vat != Vat::None {
        writer.put(format_args!(r#","sum":{}"#, Roubles(item.vat.within(item.sum))));
    }
    writer.out.push('}');
    if let Some((gtin, serial)) = writer.mark(place, item) {
        writer.put(format_args!(r#","imcParams":{{"imcType":"auto","imc":"01{gtin:014}21{serial:08X}\u001d93Zz09"}}"#));
    }
    writer.out.push('}');
}

fn shift(writer: &mut Writer<'_>, kind: &str, receipts: Option<u32>) {
    task(writer, kind);
    result(writer);
    if let Some(receipts) = receipts {
        writer.put(format_args!(r#","receiptsCount":{receipts}"#));
    }
    writer.out.push_str("}}}]}");
}
