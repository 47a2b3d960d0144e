//! A sale as a check of 1C.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};

use super::truth::{Truth, truth};
use crate::support::{CONTEXT, XML_1C, documents};

impl Truth {
    pub(super) fn as_1c(&self) -> String {
        let roubles = |kopecks: i64| format!("{}.{:02}", kopecks / 100, kopecks % 100);
        let escape = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        let goods: String = self
            .goods
            .iter()
            .map(|good| {
                let vat = match good.vat {
                    VatRate::Vat20 => "20",
                    VatRate::Vat10 => "10",
                    VatRate::Vat0 => "0",
                    _ => "none",
                };
                format!(
                    "<FiscalString Name=\"{}\" Quantity=\"{}.{:03}\" PriceWithDiscount=\"{}\" AmountWithDiscount=\"{}\" VATRate=\"{vat}\"/>",
                    escape(&good.name),
                    good.thousandths / 1_000,
                    good.thousandths % 1_000,
                    roubles(good.price),
                    roubles(good.sum())
                )
            })
            .collect();
        let operation = match self.operation {
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            _ => 4,
        };
        format!(
            "<CheckPackage><Parameters CashierName=\"{}\" OperationType=\"{operation}\"/><Positions>{goods}</Positions>\
             <Payments Cash=\"{}\" ElectronicPayment=\"{}\"/></CheckPackage>",
            escape(&self.cashier),
            roubles(self.cash),
            roubles(self.card()),
        )
    }
}

proptest! {
    #[test]
    fn xml_1c_comes_back((truth, encoding) in (truth(), prop::sample::select(vec!["UTF-8", "windows-1251", "IBM866", "KOI8-R"]))) {
        let text = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}", truth.as_1c());
        let (body, _, lost) = encoding_rs::Encoding::for_label(encoding.as_bytes()).unwrap().encode(&text);
        // Not every encoding has a number sign.
        prop_assume!(!lost);
        let [document] = documents(XML_1C, &body)[..] else { panic!() };
        let context = formats::Context { document_id: Some("a1"), ..CONTEXT };
        let parsed = formats::family("xml-1c").unwrap().parse(document, &context).unwrap();
        let formats::Parsed::Receipt(parsed) = parsed else { panic!("{parsed:?}") };
        truth.check_figures(&parsed, &[]);
        prop_assert_eq!(parsed.cashier_name.as_deref(), Some(&*truth.cashier));
        for (item, good) in parsed.items.iter().zip(&truth.goods) {
            prop_assert_eq!((item.name.as_deref(), item.vat_rate), (Some(&*good.name), Some(good.vat)));
        }
    }
}
