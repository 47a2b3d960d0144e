//! Fiscal documents as an operator of fiscal data hands them out: kopecks, decimal quantities, local times in seconds.

use super::text::{Quantity, Quoted, Writer};
use crate::{
    document::{Body, Document, Item, Receipt, ShiftTotals, Vat},
    world::World,
};

/// Writes a receipt or a shift report. Cash put in or taken out is no fiscal document: it becomes an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    match &document.body {
        Body::Receipt(body) => receipt(&mut writer, body),
        Body::ShiftOpen => shift(&mut writer, "openShift", None),
        Body::ShiftClose(totals) => shift(&mut writer, "closeShift", Some(totals)),
        Body::Encashment { .. } => {}
    }
    writer.out.into_bytes()
}

fn head(writer: &mut Writer<'_>, kind: &str) {
    let Writer { register, document, .. } = *writer;
    let (cashier, local) = (writer.cashier(), writer.local());
    writer.put(format_args!(
        r#"{{"{kind}":{{"fiscalDriveNumber":"{}","fiscalDocumentNumber":{},"fiscalSign":{},"kktRegId":"{:<20}","dateTime":{local},"shiftNumber":{},"operator":"{}","operatorInn":{}"#,
        register.drive,
        document.number,
        document.sign,
        register.registration,
        document.shift,
        cashier.name,
        Quoted(cashier.inn.as_deref()),
    ));
}

fn receipt(writer: &mut Writer<'_>, receipt: &Receipt) {
    head(writer, "receipt");
    let taxation = writer.world.tenant_of(writer.register).taxation.bits();
    writer.put(format_args!(
        r#","code":3,"requestNumber":{},"operationType":{},"appliedTaxationType":{taxation},"totalSum":{},"cashTotalSum":{},"ecashTotalSum":{},"prepaidSum":{},"creditSum":0,"provisionSum":0"#,
        receipt.number_in_shift,
        if receipt.refund { 2 } else { 1 },
        receipt.total,
        receipt.payments.cash,
        receipt.payments.card,
        receipt.payments.prepaid,
    ));
    for (rate, sum) in receipt.vat_sums() {
        match rate {
            _ if sum == 0 => {}
            Vat::Full => writer.put(format_args!(r#","nds18":{sum}"#)),
            Vat::Reduced => writer.put(format_args!(r#","nds10":{sum}"#)),
            Vat::None => writer.put(format_args!(r#","ndsNo":{sum}"#)),
            Vat::Five => writer.put(format_args!(
                r#","amountsReceiptNds":{{"amountsNds":[{{"nds":{},"ndsSum":{sum}}}]}}"#,
                rate.code()
            )),
        }
    }
    writer.out.push_str(r#","items":["#);
    writer.list(receipt.items.iter().enumerate(), |writer, (place, item)| self::item(writer, place, item));
    writer.out.push_str("]}}");
}

fn item(writer: &mut Writer<'_>, place: usize, item: &Item) {
    let good = writer.good(item);
    writer.put(format_args!(
        r#"{{"name":"{}","price":{},"quantity":{},"sum":{},"nds":{},"unit":"{}","paymentType":4,"productType":{}"#,
        good.name(writer.register.spelling).json,
        item.price,
        Quantity(item.thousandths),
        item.sum,
        item.vat.code(),
        good.measure.unit(),
        if good.marked { 33 } else { 1 },
    ));
    if item.vat != Vat::None {
        writer.put(format_args!(r#","ndsSum":{}"#, item.vat.within(item.sum)));
    }
    if let Some((gtin, serial)) = writer.mark(place, item) {
        writer.put(format_args!(
            r#","productCodeNew":{{"gs1m":{{"gtin":"{gtin:014}","sernum":"{serial:08X}","rawProductCode":"01{gtin:014}21{serial:08X}\u001d93Zz09"}}}}"#
        ));
    }
    writer.out.push('}');
}

fn shift(writer: &mut Writer<'_>, kind: &str, totals: Option<&ShiftTotals>) {
    head(writer, kind);
    if let Some(ShiftTotals { receipts, documents, unsent }) = totals {
        writer.put(format_args!(
            r#","receiptsQuantity":{receipts},"documentsQuantity":{documents},"notTransmittedDocumentsQuantity":{unsent}"#
        ));
    }
    writer.out.push_str("}}");
}
