//! Documents of the Evotor cloud, version 2: roubles, decimal quantities, instants with the register's offset.

use super::text::{Quantity, Quoted, Roubles, Writer, barcode, in_notes, paid};
use crate::{
    clock::Clock,
    document::{Body, Document, Item, Receipt, Vat},
    world::World,
};

/// Writes a receipt. The cloud's other documents have no fiscal number: they become an empty body.
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
    writer.put(format_args!(
        r#"{{"type":"{}","id":"{}-{}","number":{},"close_date":"{}.000+0000","time_zone_offset":{},"session_number":{},"device_id":"{}","version":"V2","body":{{"positions":["#,
        if receipt.refund { "PAYBACK" } else { "SELL" },
        register.drive,
        document.number,
        document.number,
        Clock::iso(document.at),
        world.shop_of(register).zone.hours * 3_600_000,
        document.shift,
        register.device,
    ));
    writer.list(&receipt.items, item);
    writer.out.push_str(r#"],"payments":["#);
    let payments = paid(&receipt.payments, ["CASH", "ELECTRON", "ADVANCE"]);
    writer.list(payments, |writer, (kind, amount)| {
        let change = if kind == "CASH" { in_notes(amount) - amount } else { 0 };
        writer.put(format_args!(
            r#"{{"type":"{kind}","sum":{},"parts":[{{"part_sum":{},"change":{}}}]}}"#,
            Roubles(amount + change),
            Roubles(amount),
            Roubles(change)
        ));
    });
    writer.put(format_args!(
        r#"],"sum":{},"result_sum":{},"pos_print_results":[{{"receipt_number":{},"session_number":{},"fn_serial_number":"{}","kkt_reg_number":"{} ","fiscal_document_number":{},"fiscal_sign_doc_number":"{:010}"}}]}}}}"#,
        Roubles(receipt.total),
        Roubles(receipt.total),
        receipt.number_in_shift,
        document.shift,
        register.drive,
        register.registration,
        document.number,
        document.sign,
    ));
}

fn item(writer: &mut Writer<'_>, item: &Item) {
    let good = writer.good(item);
    let vat = match item.vat {
        // Its word has stayed since it was 18 %.
        Vat::Full => "VAT_18",
        Vat::Reduced => "VAT_10",
        Vat::Five => "VAT_5",
        Vat::None => "NO_VAT",
    };
    let code = writer.world.vendor_code(writer.register.tenant, item.good);
    let barcode = barcode(good.barcode, item.thousandths);
    writer.put(format_args!(
        r#"{{"product_name":"{}","code":{},"barcode":{},"measure_name":"{}","quantity":{},"price":{},"result_price":{},"sum":{},"result_sum":{},"tax":{{"type":"{vat}""#,
        good.name(writer.register.spelling).json,
        Quoted(code.as_deref()),
        Quoted(barcode.as_deref()),
        good.measure.unit(),
        Quantity(item.thousandths),
        Roubles(item.price.into()),
        Roubles(item.price.into()),
        Roubles(item.sum),
        Roubles(item.sum),
    ));
    if item.vat != Vat::None {
        writer.put(format_args!(r#","result_sum":{}"#, Roubles(item.vat.within(item.sum))));
    }
    writer.out.push_str(r#"},"settlement_method":{"type":"CHECKOUT_FULL"}}"#);
}
