use formats::{Context, Parsed};
use schemas::receipts::{Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate};

use crate::support::{self, CONTEXT, XML_1C, documents, flags, quantity};

const CHECK: &str = include_str!("../../documents/xml-1c/check.xml");
const OLD: &[u8] = include_bytes!("../../documents/xml-1c/old-revision.xml");

fn receipt(document: &[u8]) -> Receipt<'_> {
    let context = Context { document_id: Some("a1b2"), ..CONTEXT };
    match formats::family("xml-1c").unwrap().parse(document, &context).unwrap() {
        Parsed::Receipt(receipt) => *receipt,
        other => panic!("{other:?}"),
    }
}

fn fault(from: &str, to: &str) -> (&'static str, String) {
    let document = CHECK.replacen(from, to, 1);
    assert_ne!(document, CHECK, "{from}");
    let context = Context { document_id: Some("a1b2"), ..CONTEXT };
    let invalid = formats::family("xml-1c").unwrap().parse(document.as_bytes(), &context).unwrap_err();
    (invalid.class.name(), invalid.place)
}

#[test]
fn a_check_has_every_value_that_was_sent() {
    let [document] = documents(XML_1C, CHECK.as_bytes())[..] else { panic!() };
    // With its declaration.
    assert_eq!(document.len(), CHECK.trim_end().len());
    let check = receipt(document);
    assert_eq!(check.receipt_id, "acme/xml-1c/till-7:a1b2");
    assert_eq!((check.kind, check.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((check.local_time, check.utc_time, check.shift_number), (None, None, None));
    assert_eq!((check.total_kopecks, check.taxation), (44_751, Some(1)));
    assert_eq!(
        check.payments,
        [
            // Without the change.
            Payment { kind: PaymentKind::Cash, amount_kopecks: 40_000 },
            Payment { kind: PaymentKind::Card, amount_kopecks: 4_751 },
        ]
    );
    assert_eq!(check.cashier_name.as_deref(), Some("Лапина Ольга Сергеевна"));
    assert_eq!((check.cashier_inn.as_deref(), flags(&check)), (Some("770000000156"), vec![]));
    let [milk, cheese] = &check.items[..] else { panic!("{:?}", check.items) };
    assert_eq!((milk.name.as_deref(), quantity(milk).as_str()), (Some("Молоко \"Луговое\" 2,5% 0,9 л"), "2"));
    assert_eq!((milk.price_kopecks, milk.sum_kopecks, milk.discount_kopecks), (Some(8_990), Some(17_980), Some(2_000)));
    assert_eq!(
        (milk.vat_rate, milk.vat_sum_kopecks, milk.unit.as_deref()),
        (Some(VatRate::Vat10), Some(1_635), Some("шт"))
    );
    assert_eq!((milk.payment_method, milk.payment_subject), (Some(4), Some(1)));
    assert_eq!((cheese.vat_rate, cheese.unit.as_deref()), (Some(VatRate::None), Some("кг")));
    assert_eq!((cheese.gtin.as_deref(), cheese.marking_serial.as_deref()), (Some("04064057194699"), Some("5AbC<d")));
    // The number of a bit there, the bits here.
    assert_eq!((cheese.agent, cheese.supplier_inn.as_deref()), (Some(32), Some("7700000016")));
    assert_eq!((cheese.supplier_name.as_deref(), milk.agent), (Some("ООО \"Сыры\""), None));
    assert_eq!(check.encoding.as_deref(), Some("UTF-8"));
}

#[test]
fn the_old_revision_in_windows_1251_is_read() {
    let [document] = documents(XML_1C, OLD)[..] else { panic!() };
    let check = receipt(document);
    assert_eq!((check.operation, check.taxation, check.total_kopecks), (Operation::SellReturn, Some(2), 4_550));
    assert_eq!(check.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 4_550 }]);
    assert_eq!((check.cashier_name.as_deref(), flags(&check)), (Some("Лапина О.С."), vec![]));
    let [bread] = &check.items[..] else { panic!("{:?}", check.items) };
    assert_eq!((bread.name.as_deref(), bread.price_kopecks), (Some("Хлеб бородинский"), Some(4_550)));
    assert_eq!(bread.vat_rate, Some(VatRate::Vat10));
    assert_eq!(check.encoding.as_deref(), Some("windows-1251"));
}

#[test]
fn a_declaration_that_lies_is_flagged_and_the_text_is_right() {
    let text = encoding_rs::WINDOWS_1251.decode(OLD).0;
    let lies = [text.replace("windows-1251", "UTF-8").into_bytes(), text.clone().into_owned().into_bytes()];
    let [in_1251, in_utf8] =
        [encoding_rs::WINDOWS_1251.encode(std::str::from_utf8(&lies[0]).unwrap()).0.into_owned(), lies[1].clone()];
    for document in [in_1251, in_utf8] {
        let check = receipt(&document);
        assert_eq!(flags(&check), ["encoding-disagrees"]);
        assert_eq!(check.items[0].name.as_deref(), Some("Хлеб бородинский"));
    }
}

#[test]
fn corrections_and_the_third_revision_are_read() {
    let correction =
        CHECK.replacen("</Parameters>", "<CorrectionData Type=\"0\" Date=\"2026-11-19\"/></Parameters>", 1);
    let read = receipt(correction.as_bytes());
    assert_eq!((read.kind, read.correction_type), (ReceiptKind::ReceiptCorrection, Some(0)));
    assert_eq!(read.correction_date.as_deref(), Some("2026-11-19"));
    let bare = "<CheckPackage><Parameters OperationType=\"3\"><CorrectionData Type=\"0\"/></Parameters><Positions/><Payments Cash=\"12.50\" AdvancePayment=\"1\"/></CheckPackage>";
    let bare = receipt(bare.as_bytes());
    assert_eq!(
        (bare.kind, bare.operation, bare.total_kopecks),
        (ReceiptKind::ReceiptCorrection, Operation::Buy, 1_350)
    );
    assert_eq!(bare.payments[1], Payment { kind: PaymentKind::Prepaid, amount_kopecks: 100 });
    let package = "<CheckPackage><Parameters PaymentType=\"1\" TaxVariant=\"1\" CashierVATIN=\"770000000156\"/><Positions>\
        <FiscalString Name=\"Ball\" Quantity=\"2\" Price=\"100\" SumWithDiscount=\"180\" DiscountSum=\"20\" Tax=\"20\" SignMethodCalculation=\"3\" \
        SignCalculationObject=\"10\" SignSubjectCalculationAgent=\"5\" TaxSum=\"30\"><PurveyorData PurveyorVATIN=\"7700000016\" PurveyorName=\"S\"/>\
        </FiscalString></Positions><Payments Cash=\"180\"/></CheckPackage>";
    let package = receipt(package.as_bytes());
    let ball = &package.items[0];
    assert_eq!((ball.price_kopecks, ball.sum_kopecks, ball.discount_kopecks), (None, Some(18_000), Some(2_000)));
    assert_eq!((ball.vat_sum_kopecks, ball.payment_method, ball.payment_subject), (Some(3_000), Some(3), Some(10)));
    assert_eq!(
        (ball.agent, ball.supplier_inn.as_deref(), ball.supplier_name.as_deref()),
        (Some(32), Some("7700000016"), Some("S"))
    );
    assert_eq!(package.cashier_inn.as_deref(), Some("770000000156"));
    let own_root = "<CheckCorrectionPackage><Parameters PaymentType=\"1\" CorrectionType=\"1\" CorrectionBaseDate=\"2026-11-19T00:00:00\" \
        CorrectionBaseNumber=\"17-3\" Sum=\"200\"/><Payments Cash=\"200\"/></CheckCorrectionPackage>";
    let [own_root] = documents(XML_1C, own_root.as_bytes())[..] else { panic!() };
    let own_root = receipt(own_root);
    assert_eq!((own_root.kind, own_root.total_kopecks), (ReceiptKind::ReceiptCorrection, 20_000));
    assert_eq!((own_root.correction_type, own_root.correction_date.as_deref()), (Some(1), Some("2026-11-19")));
    // There `Price` is the price before the discount.
    let third = CHECK.replace("AmountWithDiscount", "SumWithDiscount").replace("PriceWithDiscount", "Price");
    let third = receipt(third.as_bytes());
    assert_eq!((third.items[0].price_kopecks, third.items[1].price_kopecks), (None, Some(74_990)));
    assert_eq!(third.total_kopecks, 44_751);
}

#[test]
fn without_an_id_beside_it_a_check_is_refused() {
    let invalid = support::parse("xml-1c", CHECK.as_bytes()).unwrap_err();
    assert_eq!((invalid.class.name(), &*invalid.place), ("invalid", "document_id"));
    assert!(invalid.text.contains("?document_id="), "{invalid}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let at = |place: &str| ("invalid", format!("/CheckPackage/{place}"));
    assert_eq!(fault("OperationType=\"1\"", "OperationType=\"5\""), at("Parameters/@OperationType"));
    assert_eq!(fault("OperationType=\"1\"", ""), at("Parameters/@OperationType"));
    assert_eq!(fault("Quantity=\"0.357\"", "Quantity=\"x\""), at("Positions/FiscalString[2]/@Quantity"));
    assert_eq!(fault("AmountWithDiscount=\"267.71\"", ""), at("Positions/FiscalString/@AmountWithDiscount"));
    assert_eq!(fault("Cash=\"500\"", "Cash=\"-500\""), at("Payments/@Cash"));
    assert_eq!(fault("</CheckPackage>", "").0, "undecodable");
}

#[test]
fn oddities_are_flagged_and_the_figures_stay() {
    let odd = |from: &str, to: &str| {
        let document = CHECK.replacen(from, to, 1);
        assert_ne!(document, CHECK, "{from}");
        receipt(document.as_bytes()).flags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(odd("VATRate=\"10\"", "VATRate=\"33\""), ["unknown-code"]);
    assert_eq!(odd("TaxationSystem=\"0\"", "TaxationSystem=\"9\""), ["unknown-code"]);
    assert_eq!(odd("MeasureOfQuantity=\"11\"", "MeasureOfQuantity=\"99\""), ["unknown-code"]);
    assert_eq!(odd("AmountWithDiscount=\"179.8\"", "AmountWithDiscount=\"179.804\""), ["money-rounded"]);
}
