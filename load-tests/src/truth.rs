//! From a document to what every right copy of it says.

use crate::{
    content::{ContentHash, ContentText, Header, Item, Receipt as ReceiptContent},
    document::{Body, Document, Receipt},
    product_key::{ProductKey, told},
    world::{Family, Register, World},
};

/// Key of a fiscal document: tenant, drive and the number with ten digits.
#[must_use]
pub fn fiscal_id(world: &World, register: &Register, number: u32) -> String {
    format!("{}/{}/{number:010}", world.tenant_of(register).id, register.drive)
}

/// Symbol of the kind of document.
#[must_use]
pub fn kind(body: &Body) -> &'static str {
    match body {
        Body::Receipt(_) => "RECEIPT",
        Body::ShiftOpen => "OPEN",
        Body::ShiftClose(_) => "CLOSE",
        Body::Encashment { inward: true, .. } => "CASH_IN",
        Body::Encashment { inward: false, .. } => "CASH_OUT",
    }
}

/// The text that every right copy of the document gives; see [`crate::content`].
#[must_use]
pub fn content(world: &World, document: &Document) -> ContentText {
    let register = &world.registers[document.register as usize];
    let (tenant, shop) = (world.tenant_of(register), world.shop_of(register));
    let cashier = &tenant.cashiers[document.cashier as usize];
    // The Evotor cloud knows its employees by numbers of its own.
    let tells_cashier = register.family != Family::Evotor;
    let fiscal = document.number > 0;
    let id = fiscal.then(|| fiscal_id(world, register, document.number));
    let drive = fiscal.then(|| register.drive.to_string());
    let header = Header {
        document: match document.body {
            Body::Receipt(_) => "receipt",
            Body::ShiftOpen | Body::ShiftClose(_) => "shift",
            Body::Encashment { .. } => "event",
        },
        id: id.as_deref(),
        tenant: &tenant.id,
        shop: Some(&shop.id),
        register: &register.id,
        source: register.family.name(),
        drive: drive.as_deref(),
        number: fiscal.then_some(document.number.into()),
        sign: fiscal.then_some(document.sign.into()),
        registration: fiscal.then_some(&register.registration),
        kind: kind(&document.body),
        shift: Some(document.shift.into()),
        local_ms: Some((document.at + shop.zone.hours * 3_600) * 1_000),
        utc_ms: Some(document.at * 1_000),
        cashier: tells_cashier.then_some(&cashier.name),
        cashier_inn: cashier.inn.as_deref().filter(|_| tells_cashier),
    };
    let mut text = ContentText::start(&header);
    match &document.body {
        Body::Receipt(receipt) => self::receipt(&mut text, world, register, receipt),
        Body::ShiftOpen => text.shift(None, None, None),
        Body::ShiftClose(totals) if register.family == Family::Atol => {
            text.shift(Some(totals.receipts.into()), None, None);
        }
        Body::ShiftClose(totals) => {
            text.shift(Some(totals.receipts.into()), Some(totals.documents.into()), Some(totals.unsent.into()));
        }
        Body::Encashment { sum, .. } => text.event(Some(&register.device.to_string()), Some(*sum as i64)),
    }
    text
}

/// The hash of the text.
#[must_use]
pub fn content_hash(world: &World, document: &Document) -> ContentHash {
    content(world, document).hash()
}

fn receipt(text: &mut ContentText, world: &World, register: &Register, receipt: &Receipt) {
    use Family::{Atol, AtolOnline, Dreamkas, FfdTlv, FnsJson};
    let tells_vat_sums = matches!(register.family, FfdTlv | FnsJson | AtolOnline);
    let tells_taxation = matches!(register.family, FfdTlv | FnsJson | AtolOnline | Atol);
    let tells_vat_of_items = register.family != Dreamkas;
    let vat_sums = if tells_vat_sums {
        receipt.vat_sums().map(|(rate, sum)| (rate.symbol(), sum as i64)).to_vec()
    } else {
        Vec::new()
    };
    text.receipt(&mut ReceiptContent {
        operation: if receipt.refund { "SELL_RETURN" } else { "SELL" },
        number_in_shift: Some(receipt.number_in_shift.into()),
        total: receipt.total as i64,
        payments: vec![
            ("CASH", receipt.payments.cash as i64),
            ("CARD", receipt.payments.card as i64),
            ("PREPAID", receipt.payments.prepaid as i64),
        ],
        vat_sums,
        taxation: tells_taxation.then_some(world.tenant_of(register).taxation.bits().into()),
    });
    for item in &receipt.items {
        let name = world.goods[item.good as usize].name(register.spelling);
        let told = told(world, register, item.good);
        text.item(&Item {
            name: Some(&name.text),
            product_key: Some(&ProductKey::of(world, register, item.good).text(world)),
            quantity_millionths: i64::from(item.thousandths) * 1_000,
            unit: told.unit.as_deref(),
            price: Some(item.price.into()),
            sum: Some(item.sum as i64),
            vat: Some(item.vat.symbol()),
            vat_sum: (tells_vat_of_items && item.vat != crate::document::Vat::None)
                .then(|| item.vat.within(item.sum) as i64),
            gtin: told.gtin.as_deref(),
            vendor_code: told.vendor_code.as_deref(),
        });
    }
}
