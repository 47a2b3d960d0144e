//! From a document to what every right copy of it says.

use crate::{
    clock::Clock,
    content::{ContentHash, ContentText, Header, Item, Receipt as ReceiptContent},
    document::{Body, Document, Payments, Receipt},
    encode::{evotor_v1, frontol, set_retail, xml_1c},
    family::Family,
    product_key::{ProductKey, escape, told},
    world::{Register, World},
};

/// Key of a fiscal document: tenant, drive and the number with ten digits.
#[must_use]
pub fn fiscal_id(world: &World, register: &Register, number: u32) -> String {
    format!("{}/{}/{number:010}", world.tenant_of(register).id, register.drive)
}

/// Key of a document in a format without a fiscal identity: tenant, format and what tells documents of that format apart.
/// `None` where drive and number are the key, or where there is none.
#[must_use]
pub fn named_id(world: &World, document: &Document) -> Option<String> {
    let register = &world.registers[document.register as usize];
    let local = document.at + world.shop_of(register).zone.hours * 3_600;
    let kind = match &document.body {
        Body::Receipt(receipt) if receipt.refund => "sell_return",
        Body::Receipt(_) => "sell",
        Body::ShiftOpen => "shift_open",
        Body::ShiftClose(_) => "shift_close",
        Body::Encashment { .. } => return None,
    };
    let told = match register.family {
        Family::EvotorV1 => {
            // Its times are instants, and so its days are those of UTC.
            let day = &Clock::iso(document.at).to_string()[..10];
            format!("{}/{day}/{}/{}/{kind}", evotor_v1::device(register), document.shift, document.number)
        }
        Family::Frontol => {
            let number = match &document.body {
                Body::Receipt(receipt) => receipt.number_in_shift.into(),
                // The report has no number; that of its line tells it apart.
                _ => frontol::first_line(document),
            };
            let day = &Clock::iso(local).to_string()[..10];
            format!("{}:{}/{day}/{}/{number}/{kind}", register.id, register.desk(), document.shift)
        }
        Family::SetRetail => {
            let Body::Receipt(Receipt { number_in_shift, .. }) = &document.body else { return None };
            let (shop, day) = (set_retail::shop(register.shop), set_retail::business_day(local));
            format!("{shop}:{}/{day}/{}/{number_in_shift}/{kind}", register.desk(), document.shift)
        }
        Family::Xml1c => escape(&format!("{}:{}", register.id, xml_1c::document_id(document))),
        _ => return None,
    };
    Some(format!("{}/{}/{told}", world.tenant_of(register).id, register.family.name()))
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
    // The Evotor cloud and the back offices know their people by numbers of their own.
    let tells_cashier =
        !matches!(register.family, Family::Evotor | Family::EvotorV1 | Family::Frontol | Family::SetRetail);
    let tells_time = register.family.tells_time();
    let fiscal = document.number > 0 && register.family.is_fiscal();
    let id = if fiscal { Some(fiscal_id(world, register, document.number)) } else { named_id(world, document) };
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
        shift: tells_time.then_some(document.shift.into()),
        local_ms: tells_time.then_some((document.at + shop.zone.hours * 3_600) * 1_000),
        utc_ms: tells_time.then_some(document.at * 1_000),
        cashier: tells_cashier.then_some(&cashier.name),
        cashier_inn: cashier.inn.as_deref().filter(|_| tells_cashier),
    };
    let mut text = ContentText::start(&header);
    match &document.body {
        Body::Receipt(receipt) => self::receipt(&mut text, world, register, receipt),
        Body::ShiftOpen => text.shift(None, None, None),
        Body::ShiftClose(_) if matches!(register.family, Family::Frontol | Family::EvotorV1) => {
            text.shift(None, None, None);
        }
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
    use Family::{Atol, AtolOnline, Dreamkas, FfdTlv, FnsJson, Frontol, Xml1c};
    let family = register.family;
    let tells_vat_sums = matches!(family, FfdTlv | FnsJson | AtolOnline);
    let tells_taxation = matches!(family, FfdTlv | FnsJson | AtolOnline | Atol | Xml1c);
    let tells_vat_of_items = !matches!(family, Dreamkas | Frontol);
    let vat_sums = if tells_vat_sums {
        receipt.vat_sums().map(|(rate, sum)| (rate.symbol(), sum as i64)).to_vec()
    } else {
        Vec::new()
    };
    text.receipt(&mut ReceiptContent {
        operation: if receipt.refund { "SELL_RETURN" } else { "SELL" },
        number_in_shift: (family != Xml1c).then_some(receipt.number_in_shift.into()),
        total: receipt.total as i64,
        payments: payments(family, receipt.payments),
        vat_sums,
        taxation: tells_taxation.then_some(world.tenant_of(register).taxation.bits().into()),
    });
    for item in &receipt.items {
        let name = world.goods[item.good as usize].name(register.spelling);
        let told = told(world, register, item.good);
        text.item(&Item {
            name: family.tells_names().then_some(&name.text),
            product_key: Some(&ProductKey::of(world, register, item.good).text(world)),
            quantity_millionths: i64::from(item.thousandths) * 1_000,
            unit: told.unit.as_deref(),
            price: Some(item.price.into()),
            sum: Some(item.sum as i64),
            vat: (family != Frontol).then(|| item.vat.symbol()),
            vat_sum: (tells_vat_of_items && item.vat != crate::document::Vat::None)
                .then(|| item.vat.within(item.sum) as i64),
            gtin: told.gtin.as_deref(),
            vendor_code: told.vendor_code.as_deref(),
        });
    }
}

/// In Frontol's file only cash has a number that means the same everywhere.
fn payments(family: Family, payments: Payments) -> Vec<(&'static str, i64)> {
    let Payments { cash, card, prepaid } = payments;
    if family == Family::Frontol {
        return vec![("CASH", cash as i64), ("OTHER", (card + prepaid) as i64)];
    }
    vec![("CASH", cash as i64), ("CARD", card as i64), ("PREPAID", prepaid as i64)]
}
