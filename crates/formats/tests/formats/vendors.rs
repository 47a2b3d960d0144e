//! The vendors' own documents, which must not be part of the repository.

use std::{collections::HashMap, fs, io::Write as _, path::PathBuf, sync::Once};

use formats::Parsed;
use schemas::{
    LocalTimestamp, Timestamp,
    events::{EventKind, RegisterEvent},
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum},
};
use serde_json::Value;

use crate::support::{self, DREAMKAS, EVOTOR, FNS, FRONTOL, TLV, XML_1C, documents, flags, frame, hex, quantity};

/// The folder that `KASSAFLOW_SAMPLES` names.
pub(crate) fn samples() -> Option<PathBuf> {
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

pub(crate) fn read(folder: &std::path::Path, file: &str) -> Vec<u8> {
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
fn dreamkas_device_is_kept_and_a_subscription_is_told_as_one() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "dreamkas/device.json");
    let stated: Value = serde_json::from_slice(&body).unwrap();
    let [document] = documents(DREAMKAS, &body)[..] else { panic!() };
    let event = support::event("dreamkas", document);
    assert_eq!(event.event_id, format!("acme/dreamkas/device:1:{}", support::HASH));
    assert_eq!((event.kind, event.name.as_deref()), (EventKind::Other, Some("device")));
    assert_eq!((event.device.as_deref(), stated["id"].as_i64()), (Some("1"), Some(1)));
    assert_eq!((event.local_time, event.utc_time, event.amount_kopecks), (None, None, None));
    assert_eq!((event.shift_number, event.cashier_name.as_deref(), event.flags.len()), (None, None, 0));

    let body = read(&folder, "dreamkas/webhook.json");
    let [document] = documents(DREAMKAS, &body)[..] else { panic!() };
    let fault = support::parse("dreamkas", document).unwrap_err();
    assert_eq!((fault.class.name(), &*fault.place), ("unsupported", "$.types"));
}

#[test]
fn atol_results_make_documents_with_their_tasks() {
    let Some(folder) = samples() else { return };
    let text = |file: &str| String::from_utf8(read(&folder, file)).unwrap();
    let (sell, close, error) = (
        text("atol-json/sell.result.json"),
        text("atol-json/closeShift.result.json"),
        text("atol-json/sell.error.json"),
    );
    for half in [&sell, &close, &error] {
        assert_eq!(support::parse("atol", half.as_bytes()).unwrap_err().place, "$.request");
    }
    let task = r#"{"type": "sell", "payments": [{"type": "cash", "sum": 390.75}],
        "items": [{"type": "position", "name": "Хлеб", "price": 390.75, "quantity": 1, "amount": 390.75}]}"#;
    let document = format!("{{\"request\": {task}, \"result\": {sell}}}");
    let receipt = support::receipt("atol", document.as_bytes());
    assert_eq!((&*receipt.receipt_id, receipt.fiscal_sign), ("acme/9999078900000961/0000000071", Some(1_494_325_660)));
    assert_eq!((receipt.shift_number, receipt.receipt_number, receipt.total_kopecks), (Some(12), Some(1), 39_075));
    assert_eq!(receipt.registration_number.as_deref(), Some("0000000001002292"));
    // 2018-03-06 13:52 +03:00
    assert_eq!(receipt.local_time, Some(LocalTimestamp(1_520_344_320_000_000)));
    assert_eq!(receipt.utc_time, Some(Timestamp(1_520_333_520_000_000)));
    assert_eq!(flags(&receipt), [""; 0]);
    let document = format!("{{\"request\": {{\"type\": \"closeShift\"}}, \"result\": {close}}}");
    let shift = support::shift("atol", document.as_bytes());
    assert_eq!((&*shift.shift_document_id, shift.receipts), ("acme/9999078900000961/0000000069", Some(3)));
    let document = format!("{{\"request\": {task}, \"result\": {error}}}");
    assert_eq!(support::parse("atol", document.as_bytes()).unwrap_err().place, "$.result.status");
}

#[test]
fn evotor_sale_with_an_advance() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "evotor/v2-sell-2020-advance.json");
    let [document] = documents(EVOTOR, &body)[..] else { panic!() };
    let sale = support::receipt("evotor", document);
    assert_eq!(sale.receipt_id, "acme/9283440300251791/0000000360");
    assert_eq!(
        (sale.fiscal_sign, sale.registration_number.as_deref()),
        (Some(3_566_743_109), Some("0003236243025918"))
    );
    assert_eq!((sale.shift_number, sale.receipt_number, sale.total_kopecks), (Some(43), Some(274), 1_710_000));
    // 2020-01-23 13:48 as printed, three hours east of the instant.
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_579_787_280_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_579_776_537_000_000)));
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Prepaid, amount_kopecks: 510_000 },
            Payment { kind: PaymentKind::Cash, amount_kopecks: 1_200_000 },
        ]
    );
    let [item] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!((item.name.as_deref(), quantity(item).as_str()), (Some("МЕБЕЛЬНЫЙ ГАРНИТУР"), "1"));
    assert_eq!(
        (item.price_kopecks, item.sum_kopecks, item.vat_rate),
        (Some(1_710_000), Some(1_710_000), Some(VatRate::None))
    );
    assert_eq!((item.vendor_code.as_deref(), item.payment_method), (Some("00-00006902"), Some(4)));
    assert_eq!(flags(&sale), [""; 0]);
}

#[test]
fn evotor_documents_of_version_1() {
    let Some(folder) = samples() else { return };
    let device = "5a188de4-49b8-4cb4-800e-eb6b5202437e";
    let (sell, payback) =
        (read(&folder, "evotor/v1-pos-docs/02-SELL.json"), read(&folder, "evotor/v1-pos-docs/03-PAYBACK.json"));
    for (body, id, operation) in
        [(&sell, "7/sell", Operation::Sell), (&payback, "8/sell_return", Operation::SellReturn)]
    {
        let [document] = documents(EVOTOR, body)[..] else { panic!() };
        let receipt = support::receipt("evotor", document);
        assert_eq!(receipt.receipt_id, format!("acme/evotor/{device}/2016-09-13/1/{id}"));
        assert_eq!(
            (receipt.operation, receipt.total_kopecks, receipt.drive_number.as_deref()),
            (operation, 354_800, None)
        );
        assert_eq!(receipt.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 354_800 }]);
        let [item] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
        assert_eq!(
            (item.name.as_deref(), quantity(item).as_str(), item.sum_kopecks),
            (Some("bla"), "1", Some(354_800))
        );
        assert_eq!((item.vat_rate, item.vat_sum_kopecks), (Some(VatRate::None), Some(0)));
        assert_eq!(flags(&receipt), [""; 0]);
    }
    for (file, number, kind) in [("06-CLOSE_SESSION", "1/11/shift_close", 1), ("07-OPEN_SESSION", "2/12/shift_open", 2)]
    {
        let body = read(&folder, &format!("evotor/v1-pos-docs/{file}.json"));
        let [document] = documents(EVOTOR, &body)[..] else { panic!() };
        let shift = support::shift("evotor", document);
        assert_eq!(
            (&*shift.shift_document_id, shift.shift_number),
            (&*format!("acme/evotor/{device}/2016-09-13/{number}"), Some(kind))
        );
    }
}

#[test]
fn fns_export_has_the_values_that_stand_in_it() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "fns-json/fns-app-export.json");
    let stated: Vec<Value> = serde_json::from_slice(&body).unwrap();
    let documents = documents(FNS, &body);
    assert_eq!((documents.len(), stated.len()), (3, 3));
    for (document, stated) in documents.into_iter().zip(&stated) {
        let stated = &stated["ticket"]["document"]["receipt"];
        let receipt = support::receipt("fns-json", document);
        let (text, number) = (|field: &str| stated[field].as_str(), |field: &str| stated[field].as_i64());
        assert_eq!(receipt.drive_number.as_deref(), text("fiscalDriveNumber"));
        assert_eq!(receipt.registration_number.as_deref(), text("kktRegId").map(str::trim));
        assert_eq!(
            (receipt.document_number, receipt.fiscal_sign),
            (number("fiscalDocumentNumber"), number("fiscalSign"))
        );
        assert_eq!((receipt.shift_number, receipt.receipt_number), (number("shiftNumber"), number("requestNumber")));
        assert_eq!((receipt.operation, Some(receipt.total_kopecks)), (Operation::Sell, number("totalSum")));
        assert_eq!(receipt.taxation.map(i64::from), number("appliedTaxationType"));
        assert_eq!(receipt.cashier_name.as_deref(), text("operator"));
        let vat = [("nds18", VatRate::Vat20), ("nds10", VatRate::Vat10), ("ndsNo", VatRate::None)];
        let vat: Vec<VatSum> =
            vat.into_iter().filter_map(|(field, rate)| Some(VatSum { rate, sum_kopecks: number(field)? })).collect();
        assert_eq!(receipt.vat_sums, vat);
        assert_eq!(
            receipt.payments,
            [Payment { kind: PaymentKind::Card, amount_kopecks: number("ecashTotalSum").unwrap() }]
        );
        let items = stated["items"].as_array().unwrap();
        assert_eq!(receipt.items.len(), items.len());
        for (item, stated) in receipt.items.iter().zip(items) {
            assert_eq!(
                (item.name.as_deref(), quantity(item)),
                (stated["name"].as_str(), stated["quantity"].to_string())
            );
            assert_eq!((item.price_kopecks, item.sum_kopecks), (stated["price"].as_i64(), stated["sum"].as_i64()));
            let rate = match stated["nds"].as_i64() {
                Some(1) => VatRate::Vat20,
                Some(2) => VatRate::Vat10,
                _ => VatRate::None,
            };
            assert_eq!((item.vat_rate, item.marking_code.as_deref()), (Some(rate), None));
        }
        assert_eq!(flags(&receipt), [""; 0]);
    }
    let first = support::receipt("fns-json", support::documents(FNS, &body)[0]);
    // By hand: 2022-11-01 16:09 on the register's clock.
    assert_eq!(first.local_time, Some(LocalTimestamp(1_667_318_940_000_000)));
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

/// A receipt without what names its family or only one of the two families has.
fn without_origin(receipt: Receipt<'_>) -> Receipt<'_> {
    let items = receipt.items.into_iter().map(|item| Item { other_tags: None, ..item }).collect();
    Receipt { source: "".into(), revision: 0, other_tags: None, items, ..receipt }
}

/// An independent program, yandex/ofd, turned these documents from TLV into the tax service's JSON.
#[test]
fn the_json_of_an_independent_decoder_gives_what_its_tlv_gives() {
    let Some(folder) = samples() else { return };
    for (tlv, json) in [
        ("receipt-ffd105.tlv.hex", "receipt-ffd105.decoded-by-yandex-ofd.json"),
        ("registration.tlv.hex", "registration.decoded-by-yandex-ofd.json"),
    ] {
        let tlv = hex(&String::from_utf8(read(&folder, &format!("ffd-tlv/{tlv}"))).unwrap());
        let json = read(&folder, &format!("ffd-tlv/{json}"));
        let [json] = documents(FNS, &json)[..] else { panic!() };
        match (support::parse("ffd-tlv", &tlv).unwrap(), support::parse("fns-json", json).unwrap()) {
            (Parsed::Receipt(tlv), Parsed::Receipt(json)) => {
                assert_eq!(without_origin(*json), without_origin(*tlv));
            }
            (Parsed::Event(tlv), Parsed::Event(json)) => {
                let without = |event: RegisterEvent<'_>| {
                    RegisterEvent { source: "".into(), revision: 0, other_tags: None, ..event }.into_owned()
                };
                assert_eq!(without(*json), without(*tlv));
            }
            (tlv, json) => panic!("{tlv:?} and {json:?}"),
        }
    }
}

#[test]
fn tlv_registration_bare_and_in_its_container() {
    let Some(folder) = samples() else { return };
    let stated: Value =
        serde_json::from_slice(&read(&folder, "ffd-tlv/registration.decoded-by-yandex-ofd.json")).unwrap();
    let stated = &stated["fiscalReport"];
    for file in ["ffd-tlv/container-registration.hex", "ffd-tlv/registration.tlv.hex"] {
        let body = hex(&String::from_utf8(read(&folder, file)).unwrap());
        assert_eq!(documents(TLV, &body), [&body[..]]);
        let event = support::event("ffd-tlv", &body);
        assert_eq!((event.kind, event.name.as_deref()), (EventKind::Other, Some("registration")));
        assert_eq!(event.drive_number.as_deref(), stated["fiscalDriveNumber"].as_str().map(str::trim));
        assert_eq!(event.document_number, stated["fiscalDocumentNumber"].as_i64());
        assert_eq!(event.fiscal_sign, stated["fiscalSign"].as_i64());
        assert_eq!(event.registration_number.as_deref(), stated["kktRegId"].as_str());
        assert_eq!(event.local_time.map(|time| time.0 / 1_000_000), stated["dateTime"].as_i64());
        assert_eq!(event.cashier_name.as_deref(), stated["operator"].as_str());
    }
}

#[test]
fn frontol_check_that_was_not_closed_yet() {
    let Some(folder) = samples() else { return };
    let body = read(&folder, "pos-text/frontol5-sales.cp1251.txt");
    let (framed, outcome) = frame(FRONTOL, &body);
    assert_eq!((outcome.documents, outcome.rejected), (0, 1), "{framed:?}");
    // With the lines that the file's next part would have.
    let rest =
        b"21;11.02.2016;10:26:00;40;1;4;1;;1;;;40\r\n22;11.02.2016;10:26:04;55;1;4;1;;;0;3,351;33,51;0;1;0;33,51";
    let closed = [body.trim_ascii_end(), b"\r\n", rest].concat();
    let [document] = documents(FRONTOL, &closed)[..] else { panic!() };
    let check = support::receipt("frontol", document);
    assert_eq!(check.receipt_id, "acme/frontol/till-7:1/2016-02-11/1/4/sell");
    assert_eq!((check.operation, check.total_kopecks), (Operation::Sell, 3_351));
    assert_eq!(check.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 3_351 }]);
    assert_eq!(check.local_time, Some(LocalTimestamp(1_455_186_364_000_000)));
    let items: Vec<_> = check
        .items
        .iter()
        .map(|item| (item.vendor_code.as_deref().unwrap(), quantity(item), item.price_kopecks, item.sum_kopecks))
        .collect();
    let one = |code, quantity: &str, sum| (code, quantity.to_owned(), Some(1_000), Some(sum));
    assert_eq!(
        items,
        [one("31105", "1", 1_000), one("14623", "0.351", 351), one("100213", "1", 1_000), one("9873", "1", 1_000)]
    );
    assert_eq!(check.items[3].gtin.as_deref(), Some("04607161623886"));
    assert_eq!(flags(&check), [""; 0]);
}

#[test]
fn check_package_of_1c_in_both_encodings() {
    let Some(folder) = samples() else { return };
    for file in ["xml-1c/SalesReceiptXML1.xml", "xml-1c/SalesReceiptXML1.derived-cp1251.xml"] {
        let body = read(&folder, file);
        let [document] = documents(XML_1C, &body)[..] else { panic!() };
        let context = formats::Context { document_id: Some("7"), ..support::CONTEXT };
        let parsed = formats::family("xml-1c").unwrap().parse(document, &context).unwrap();
        let formats::Parsed::Receipt(check) = parsed else { panic!("{parsed:?}") };
        assert_eq!((&*check.receipt_id, check.operation), ("acme/xml-1c/till-7:7", Operation::Sell));
        assert_eq!(
            (check.cashier_name.as_deref(), check.cashier_inn.as_deref()),
            (Some("Арина Браун"), Some("1111111111"))
        );
        assert_eq!((check.total_kopecks, check.taxation), (30_000, Some(1)));
        assert_eq!(check.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 30_000 }]);
        let [one, two] = &check.items[..] else { panic!("{:?}", check.items) };
        assert!(one.name.as_deref().unwrap().starts_with("Product 15 with SLN and code control"));
        assert_eq!((quantity(one).as_str(), one.price_kopecks, one.sum_kopecks), ("1", Some(10_000), Some(10_000)));
        assert_eq!((one.vat_rate, one.vat_sum_kopecks), (Some(VatRate::Vat18), Some(1_525)));
        assert_eq!((one.payment_method, one.payment_subject, one.unit.as_deref()), (Some(4), Some(1), None));
        // A sentence, no mark.
        assert_eq!(one.marking_code.as_deref(), Some("Q3VycmVudCByb3cgd2lsbCBkZWNvZGUgdG8gYmFzZTY0"));
        assert_eq!(one.gtin, None);
        assert_eq!((two.sum_kopecks, two.vat_rate, two.vat_sum_kopecks), (Some(20_000), Some(VatRate::Vat0), Some(0)));
        assert_eq!(flags(&check), [""; 0]);
    }
}
