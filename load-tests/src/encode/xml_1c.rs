//! The `CheckPackage` of 1C: roubles, decimal quantities, neither a time nor a number.
//!
//! Half of the registers write its first revision in UTF-8, the others a later one in windows-1251, which calls everything something else.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    cp1251,
    text::{Quantity, Roubles, Writer, before_discount, in_notes},
    xml::Escaped,
};
use crate::{
    document::{Body, Document, Item, Receipt, Vat},
    goods::Measure,
    world::{Taxation, World},
};

/// Writes a check. 1C hands over nothing else: all other documents become an empty body.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    let mut writer = Writer::new(world, document);
    let Body::Receipt(receipt) = &document.body else { return Vec::new() };
    if writer.register.empty_texts {
        later(&mut writer, receipt);
        cp1251::encode(&writer.out)
    } else {
        first(&mut writer, receipt);
        writer.out.into_bytes()
    }
}

/// What 1C calls a document by, beside its text.
#[must_use]
pub fn document_id(document: &Document) -> String {
    format!("ЧК-{:08}", document.number)
}

fn first(writer: &mut Writer<'_>, receipt: &Receipt) {
    let cashier = writer.cashier();
    writer.put(format_args!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<CheckPackage><Parameters CashierName="{}" CashierINN="{}" OperationType="{}" TaxationSystem="{}" AdditionalAttribute=""/><Positions>"#,
        Escaped(&cashier.name),
        cashier.inn.as_deref().unwrap_or_default(),
        operation(receipt),
        taxation(writer),
    ));
    for (place, item) in receipt.items.iter().enumerate() {
        let (_, sum) = before_discount(item);
        let measure = match writer.good(item).measure {
            Measure::Piece => 0,
            Measure::Kilogram => 11,
        };
        writer.put(format_args!(
            r#"<FiscalString Name="{}" Quantity="{}" PriceWithDiscount="{}" AmountWithDiscount="{}" DiscountAmount="{}" VATRate="{}" PaymentMethod="4" CalculationSubject="{}" MeasureOfQuantity="{measure}""#,
            Escaped(&writer.good(item).name(writer.register.spelling).text),
            Quantity(item.thousandths),
            Roubles(item.price.into()),
            Roubles(item.sum),
            Roubles(sum - item.sum),
            rate(item.vat),
            subject(writer, item),
        ));
        rest_of_item(writer, "VATAmount", place, item);
    }
    let (cash, card, prepaid) = payments(receipt);
    writer.put(format_args!(
        r#"<TextString Text="Спасибо за покупку"/></Positions><Payments Cash="{cash}" ElectronicPayment="{card}" PrePayment="{prepaid}" PostPayment="0" Barter="0"/></CheckPackage>"#
    ));
}

fn later(writer: &mut Writer<'_>, receipt: &Receipt) {
    let cashier = writer.cashier();
    writer.put(format_args!(
        r#"<?xml version="1.0" encoding="windows-1251"?>
<CheckPackage><Parameters CashierName="{}" CashierVATIN="{}" PaymentType="{}" TaxVariant="{}" SenderEmail=""/><Positions>"#,
        Escaped(&cashier.name),
        cashier.inn.as_deref().unwrap_or_default(),
        operation(receipt),
        taxation(writer),
    ));
    for (place, item) in receipt.items.iter().enumerate() {
        // Its price is the one before the discount, so that a line with one would not tell what was paid for a piece.
        writer.put(format_args!(
            r#"<FiscalString Name="{}" Quantity="{}" Price="{}" SumWithDiscount="{}" DiscountSum="0" Tax="{}" SignMethodCalculation="4" SignCalculationObject="{}" MeasurementUnit="{}""#,
            Escaped(&writer.good(item).name(writer.register.spelling).text),
            Quantity(item.thousandths),
            Roubles(item.price.into()),
            Roubles(item.sum),
            rate(item.vat),
            subject(writer, item),
            writer.good(item).measure.unit(),
        ));
        rest_of_item(writer, "TaxSum", place, item);
    }
    let (cash, card, prepaid) = payments(receipt);
    writer.put(format_args!(
        r#"</Positions><Payments Cash="{cash}" ElectronicPayment="{card}" AdvancePayment="{prepaid}" Credit="0" CashProvision="0"/></CheckPackage>"#
    ));
}

fn rest_of_item(writer: &mut Writer<'_>, vat_sum: &str, place: usize, item: &Item) {
    if item.vat != Vat::None {
        writer.put(format_args!(r#" {vat_sum}="{}""#, Roubles(item.vat.within(item.sum))));
    }
    if let Some((gtin, serial)) = writer.mark(place, item) {
        let mark = BASE64_STANDARD.encode(format!("01{gtin:014}21{serial:08X}\u{1d}93Zz09"));
        writer.put(format_args!(r#" MarkingCode="{mark}""#));
    }
    writer.out.push_str("/>");
}

fn operation(receipt: &Receipt) -> u8 {
    if receipt.refund { 2 } else { 1 }
}

fn taxation(writer: &Writer<'_>) -> u8 {
    match writer.world.tenant_of(writer.register).taxation {
        Taxation::General => 0,
        Taxation::Simplified | Taxation::SimplifiedVat5 => 1,
    }
}

fn rate(vat: Vat) -> &'static str {
    match vat {
        Vat::Full => "20",
        Vat::Reduced => "10",
        Vat::Five => "5",
        Vat::None => "none",
    }
}

fn subject(writer: &Writer<'_>, item: &Item) -> u8 {
    if writer.good(item).marked { 33 } else { 1 }
}

/// In cash as it was handed over, by card and prepaid.
fn payments(receipt: &Receipt) -> (Roubles, Roubles, Roubles) {
    let crate::document::Payments { cash, card, prepaid } = receipt.payments;
    let handed = if receipt.refund { cash } else { in_notes(cash) };
    (Roubles(handed), Roubles(card), Roubles(prepaid))
}
