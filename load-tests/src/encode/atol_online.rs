//! Reports of ATOL Online with their requests: roubles, decimal quantities, times of the register's clock.

use super::{
    atol::vat,
    text::{Quantity, Quoted, Roubles, Writer, day_first, paid},
};
use crate::{
    document::{Body, Document, Item, Receipt, Vat},
    world::{Taxation, World},
};

/// Writes a receipt. The cloud opens and closes shifts by itself: all else becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    if let Body::Receipt(body) = &document.body {
        receipt(&mut writer, body);
    }
    writer.out.into_bytes()
}

fn receipt(writer: &mut Writer<'_>, receipt: &Receipt) {
    let Writer { register, document, world, .. } = *writer;
    let tenant = world.tenant_of(register);
    let sno = if tenant.taxation == Taxation::General { "osn" } else { "usn_income" };
    writer.put(format_args!(
        r#"{{"operation":"{}","request":{{"external_id":"{}-{}","receipt":{{"client":{{"email":"buyer@example.org"}},"company":{{"sno":"{sno}","inn":"{}"}},"items":["#,
        if receipt.refund { "sell_refund" } else { "sell" },
        register.drive,
        document.number,
        tenant.inn,
    ));
    writer.list(receipt.items.iter().enumerate(), |writer, (place, item)| self::item(writer, place, item));
    writer.out.push_str(r#"],"payments":["#);
    writer.list(paid(&receipt.payments, [0, 1, 2]), |writer, (kind, amount)| {
        writer.put(format_args!(r#"{{"type":{kind},"sum":{}}}"#, Roubles(amount)));
    });
    writer.out.push_str(r#"],"vats":["#);
    let vats = receipt.vat_sums().into_iter().filter(|(_, sum)| *sum > 0);
    writer.list(vats, |writer, (rate, sum)| {
        writer.put(format_args!(r#"{{"type":"{}","sum":{}}}"#, vat(rate), Roubles(sum)));
    });
    let cashier = writer.cashier();
    let (day, clock) = day_first(writer.local());
    writer.put(format_args!(
        r#"],"cashier":"{}","cashier_inn":{},"total":{}}}}},"report":{{"status":"done","error":null,"payload":{{"total":{},"fns_site":"www.nalog.gov.ru","fn_number":"{}","shift_number":{},"receipt_datetime":"{day} {clock}","fiscal_receipt_number":{},"fiscal_document_number":{},"ecr_registration_number":"{:<20}","fiscal_document_attribute":{}}}}}}}"#,
        cashier.name,
        Quoted(cashier.inn.as_deref()),
        Roubles(receipt.total),
        Roubles(receipt.total),
        register.drive,
        document.shift,
        receipt.number_in_shift,
        document.number,
        register.registration,
        document.sign,
    ));
}

fn item(writer: &mut Writer<'_>, place: usize, item: &Item) {
    let good = writer.good(item);
    writer.put(format_args!(
        r#"{{"name":"{}","price":{},"quantity":{},"sum":{},"measurement_unit":"{}","payment_method":"full_payment","payment_object":"{}","vat":{{"type":"{}""#,
        good.name(writer.register.spelling).json,
        Roubles(item.price.into()),
        Quantity(item.thousandths),
        Roubles(item.sum),
        good.measure.unit(),
        if good.marked { "commodity_with_marking" } else { "commodity" },
        vat(item.vat),
    ));
    if item.vat != Vat::None {
        writer.put(format_args!(r#","sum":{}"#, Roubles(item.vat.within(item.sum))));
    }
    writer.out.push('}');
    if let Some((gtin, serial)) = writer.mark(place, item) {
        writer.put(format_args!(r#","mark_code":{{"gs1m":"01{gtin:014}21{serial:08X}\u001d93Zz09"}}"#));
    }
    writer.out.push('}');
}
