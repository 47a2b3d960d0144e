//! The vendors' own documents, which must not be part of the repository.

use std::{collections::HashMap, fs, io::Write as _, path::PathBuf, sync::Once};

use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate, VatSum},
};
use serde_json::Value;

use crate::support::{self, DREAMKAS, TLV, documents, flags, hex, quantity};

/// The folder that `KASSAFLOW_SAMPLES` names.
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("KASSAFLOW_SAMPLES").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        static ONCE: Once = Once::new();
        // Written past the test harness, which would swallow it.
        ONCE.call_once(|| {
            let told = std::io::stderr()
                .write_all(b"KASSAFLOW_SAMPLES is not set: the vendors' own documents were not read\n");
            told.unwrap();
        });
    }
    folder.map(PathBuf::from)
}

fn read(folder: &std::path::Path, file: &str) -> Vec<u8> {
    let path = folder.join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn dreamkas_receipt() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "dreamkas/receipts.json");
    let [document] = documents(DREAMKAS, &body)[..] else { panic!() };
    let receipt = support::receipt("dreamkas", document);
    assert_eq!(receipt.receipt_id, "acme/9999078900001712/0000000200");
    assert_eq!(
        (receipt.fiscal_sign, receipt.registration_number.as_deref()),
        (Some(2_147_483_647), Some("0000000001056589"))
    );
    assert_eq!((receipt.kind, receipt.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((receipt.shift_number, receipt.receipt_number, receipt.total_kopecks), (Some(44), Some(1), 382_500));
    assert_eq!(receipt.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 382_500 }]);
    assert_eq!(receipt.local_time, Some(LocalTimestamp(1_516_740_722_000_000)));
    let [bun] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!((bun.name.as_deref(), quantity(bun).as_str()), (Some("Булочка с маком"), "1"));
    assert_eq!((bun.price_kopecks, bun.sum_kopecks, bun.vat_rate), (Some(6_380), Some(6_380), Some(VatRate::Vat20)));
    assert_eq!((bun.gtin.as_deref(), bun.barcode.as_deref()), (None, Some("58523523657")));
    assert_eq!(
        (bun.marking_code.as_deref(), bun.vendor_code.as_deref()),
        (Some("59520101001208381"), Some("АРТ-87499-847"))
    );
    assert_eq!(bun.product_key.as_deref(), Some("code:dreamkas/shop-1/АРТ-87499-847"));
    assert_eq!(receipt.cashier_inn.as_deref(), Some("1234567890"));
    // The example contradicts itself: a year between its times, and a total of other goods.
    assert_eq!(flags(&receipt), ["times-disagree", "items-do-not-add-up"]);
    assert!(!format!("{receipt:?}").contains("31544A08"));
}

#[test]
fn dreamkas_encashment_without_any_time_is_refused() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "dreamkas/encashments.json");
    let [document] = documents(DREAMKAS, &body)[..] else { panic!() };
    let invalid = support::parse("dreamkas", document).unwrap_err();
    assert_eq!((invalid.class.name(), &*invalid.place), ("invalid", "$.localDate"));
    // With a time it is an event.
    let dated = String::from_utf8(document.to_vec())
        .unwrap()
        .replace("\"localDate\": \"\"", "\"localDate\": \"2017-10-13 17:15:01\"");
    let event = support::event("dreamkas", dated.as_bytes());
    assert_eq!(event.event_id, "acme/dreamkas/0/2017-10-13T17:15:01/cash_in/0");
    assert_eq!((event.amount_kopecks, event.cashier_name.as_deref()), (Some(0), Some("Иванов Петр Олегович")));
}

#[test]
fn dreamkas_objects_that_are_no_documents_are_refused() {
    let Some(folder) = samples() else { return };
    for file in ["dreamkas/device.json", "dreamkas/webhook.json"] {
        let body = read(&folder, file);
        let [document] = documents(DREAMKAS, &body)[..] else { panic!("{file}") };
        assert_eq!(support::parse("dreamkas", document).unwrap_err().place, "$.type");
    }
}

#[test]
fn tlv_receipt_has_the_values_that_an_independent_decoder_found() {
    let Some(folder) = samples() else { return };
    let body = hex(&String::from_utf8(read(&folder, "ffd-tlv/receipt-ffd105.tlv.hex")).unwrap());
    let decoded: Value =
        serde_json::from_slice(&read(&folder, "ffd-tlv/receipt-ffd105.decoded-by-yandex-ofd.json")).unwrap();
    let decoded = &decoded["receipt"];
    let [document] = documents(TLV, &body)[..] else { panic!() };
    let receipt = support::receipt("ffd-tlv", document);
    let text = |field: &str| decoded[field].as_str();
    let number = |field: &str| decoded[field].as_i64();
    assert_eq!(receipt.receipt_id, "acme/9999078900011918/0000000132");
    assert_eq!(
        (receipt.drive_number.as_deref(), receipt.registration_number.as_deref()),
        (text("fiscalDriveNumber"), text("kktRegId"))
    );
    assert_eq!((receipt.document_number, receipt.fiscal_sign), (number("fiscalDocumentNumber"), number("fiscalSign")));
    assert_eq!(receipt.local_time.map(|time| time.0 / 1_000_000), number("dateTime"));
    assert_eq!(receipt.utc_time, Some(Timestamp(1_554_125_220_000_000)));
    assert_eq!((receipt.shift_number, receipt.receipt_number), (number("shiftNumber"), number("requestNumber")));
    assert_eq!((receipt.operation, number("operationType")), (Operation::Sell, Some(1)));
    assert_eq!(
        (Some(receipt.total_kopecks), receipt.taxation.map(i64::from)),
        (number("totalSum"), number("taxationType"))
    );
    assert_eq!(
        (receipt.cashier_name.as_deref(), receipt.cashier_inn.as_deref()),
        (text("operator"), text("operatorInn"))
    );
    assert_eq!(
        receipt.vat_sums,
        [VatSum { rate: VatRate::Vat10_110, sum_kopecks: number("ndsCalculated10").unwrap() }]
    );
    let paid: HashMap<PaymentKind, i64> = receipt.payments.iter().map(|p| (p.kind, p.amount_kopecks)).collect();
    let kinds = [
        ("cashTotalSum", PaymentKind::Cash),
        ("ecashTotalSum", PaymentKind::Card),
        ("prepaidSum", PaymentKind::Prepaid),
        ("creditSum", PaymentKind::Credit),
        ("provisionSum", PaymentKind::CounterProvision),
    ];
    for (field, kind) in kinds {
        assert_eq!(Some(paid.get(&kind).copied().unwrap_or_default()), number(field), "{field}");
    }
    let [item] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    let stated = &decoded["items"][0];
    assert_eq!((item.name.as_deref(), quantity(item)), (stated["name"].as_str(), stated["quantity"].to_string()));
    assert_eq!((item.price_kopecks, item.sum_kopecks), (stated["price"].as_i64(), stated["sum"].as_i64()));
    assert_eq!((item.vat_rate, stated["nds"].as_i64()), (Some(VatRate::Vat10_110), Some(4)));
    assert_eq!(item.vat_sum_kopecks, stated["ndsSum"].as_i64());
    assert_eq!(item.payment_method.map(i64::from), stated["paymentType"].as_i64());
    assert_eq!(item.payment_subject.map(i64::from), stated["productType"].as_i64());
    assert_eq!(flags(&receipt), [""; 0]);
}

#[test]
fn tlv_registration_is_framed_and_waits_for_another_revision() {
    let Some(folder) = samples() else { return };
    for file in ["ffd-tlv/container-registration.hex", "ffd-tlv/registration.tlv.hex"] {
        let body = hex(&String::from_utf8(read(&folder, file)).unwrap());
        assert_eq!(documents(TLV, &body), [&body[..]]);
        assert_eq!(support::parse("ffd-tlv", &body).unwrap_err().class.name(), "unsupported");
    }
}
