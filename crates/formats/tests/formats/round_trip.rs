//! A truth, written down by encoders of our own, must come back from the parsers.

use proptest::prelude::*;
use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, PaymentKind, VatRate},
};
use serde_json::{Value, json};

use crate::support::{
    ATOL, CONTEXT, DREAMKAS, EVOTOR, FNS, FRONTOL, SET_RETAIL, TLV, XML_1C, documents,
    encoder::{container, number, padded, sign, text, thousandths, tlv, wide},
    flags, receipt,
};

/// What a sale was, before any format wrote it down.
#[derive(Debug, Clone)]
struct Truth {
    operation: Operation,
    drive: String,
    number: u32,
    sign: u32,
    shift: u32,
    receipt_number: u32,
    /// Seconds of the register's clock.
    time: u32,
    goods: Vec<Good>,
    cash: i64,
    cashier: String,
}

#[derive(Debug, Clone)]
struct Good {
    name: String,
    price: i64,
    thousandths: i64,
    vat: VatRate,
}

impl Good {
    /// By hand: half a kopeck or more rounds up.
    fn sum(&self) -> i64 {
        let exact = self.price * self.thousandths;
        exact / 1_000 + i64::from(exact % 1_000 >= 500)
    }
}

impl Truth {
    fn total(&self) -> i64 {
        self.goods.iter().map(Good::sum).sum()
    }

    fn card(&self) -> i64 {
        self.total() - self.cash
    }

    fn check(&self, parsed: &schemas::receipts::Receipt<'_>) {
        assert_eq!(parsed.cashier_name.as_deref(), Some(&*self.cashier));
        self.check_without_cashier(parsed);
    }

    fn check_without_cashier(&self, parsed: &schemas::receipts::Receipt<'_>) {
        assert_eq!(parsed.receipt_id, format!("acme/{}/{:010}", self.drive, self.number));
        assert_eq!(parsed.drive_number.as_deref(), Some(&*self.drive));
        assert_eq!((parsed.document_number, parsed.fiscal_sign), (Some(self.number.into()), Some(self.sign.into())));
        assert_eq!(
            (parsed.shift_number, parsed.receipt_number),
            (Some(self.shift.into()), Some(self.receipt_number.into()))
        );
        assert_eq!(parsed.operation, self.operation);
        let local = i64::from(self.time) * 1_000_000;
        assert_eq!(parsed.local_time, Some(LocalTimestamp(local)));
        assert_eq!(parsed.utc_time, Some(Timestamp(local - 5 * 3_600_000_000)));
        assert_eq!(parsed.total_kopecks, self.total());
        let paid = |kind| parsed.payments.iter().filter(|p| p.kind == kind).map(|p| p.amount_kopecks).sum::<i64>();
        assert_eq!((paid(PaymentKind::Cash), paid(PaymentKind::Card)), (self.cash, self.card()));
        assert_eq!(parsed.items.len(), self.goods.len());
        for (item, good) in parsed.items.iter().zip(&self.goods) {
            assert_eq!(item.name.as_deref(), Some(&*good.name));
            assert_eq!(item.quantity.unscaled(), good.thousandths * 1_000);
            assert_eq!((item.price_kopecks, item.sum_kopecks), (Some(good.price), Some(good.sum())));
            assert_eq!(item.vat_rate, Some(good.vat));
            assert!(item.product_key.as_deref().is_some_and(|key| key.starts_with("name:")));
        }
        assert!(flags(parsed).is_empty(), "{:?}", parsed.flags);
    }

    fn as_dreamkas(&self) -> String {
        let word = match self.operation {
            Operation::Sell => "SALE",
            Operation::SellReturn => "REFUND",
            Operation::Buy => "OUTFLOW",
            _ => "OUTFLOW_REFUND",
        };
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let local =
            format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        let positions: Vec<_> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => json!("NDS_20"),
                    VatRate::Vat10 => json!("NDS_10"),
                    VatRate::Vat0 => json!(0),
                    _ => json!("NDS_NO_TAX"),
                };
                json!({"name": good.name, "quantity": good.thousandths, "price": good.price, "tax": tax, "whatever": [1, {}]})
            })
            .collect();
        json!({
            "type": word, "amount": self.total(), "shiftId": self.shift, "number": self.receipt_number, "localDate": local,
            "payments": [{"type": "CASH", "amount": self.cash}, {"type": "CASHLESS", "amount": self.card()}],
            "positions": positions, "cashier": {"name": self.cashier}, "fnNumber": self.drive,
            "fiscalDocumentNumber": self.number.to_string(), "fiscalDocumentSign": self.sign.to_string(),
        })
        .to_string()
    }

    /// A task of the driver and its answer.
    fn as_atol(&self, by_number: bool) -> String {
        let word = match self.operation {
            Operation::Sell => "sell",
            Operation::SellReturn => "sellReturn",
            Operation::Buy => "buy",
            _ => "buyReturn",
        };
        let decimal = |figure: i64, digits: usize| -> Value {
            let divisor = 10_i64.pow(u32::try_from(digits).unwrap());
            serde_json::from_str(&format!("{}.{:0digits$}", figure / divisor, figure % divisor)).unwrap()
        };
        let items: Vec<Value> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => "vat20",
                    VatRate::Vat10 => "vat10",
                    VatRate::Vat0 => "vat0",
                    _ => "none",
                };
                json!({
                    "type": "position", "name": good.name, "price": decimal(good.price, 2), "quantity": decimal(good.thousandths, 3),
                    "amount": decimal(good.sum(), 2), "tax": {"type": tax},
                })
            })
            .collect();
        let kinds = if by_number { ["0", "1"] } else { ["cash", "electronically"] };
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let at = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+05:00",
            second / 3_600,
            second / 60 % 60,
            second % 60
        );
        let request = json!({
            "type": word, "operator": {"name": self.cashier}, "items": items,
            "payments": [{"type": kinds[0], "sum": decimal(self.cash, 2)}, {"type": kinds[1], "sum": decimal(self.card(), 2)}],
        });
        let result = json!({
            "fiscalDocumentDateTime": at, "fiscalDocumentNumber": self.number, "fiscalDocumentSign": format!("{:010}", self.sign),
            "fiscalReceiptNumber": self.receipt_number, "fnNumber": self.drive, "shiftNumber": self.shift,
            "total": decimal(self.total(), 2),
        });
        if by_number {
            json!({"task": request, "result": result}).to_string()
        } else {
            let results = json!([{"status": "ready", "result": {"fiscalParams": result, "warnings": null}}]);
            json!({"uuid": "u", "request": [request], "results": results}).to_string()
        }
    }

    /// Version 2 of the vendor's cloud, whose figures are in roubles.
    fn as_evotor(&self, wrapped: bool) -> String {
        let word = match self.operation {
            Operation::Sell => "SELL",
            Operation::SellReturn => "PAYBACK",
            Operation::Buy => "BUY",
            _ => "BUYBACK",
        };
        let roubles = |kopecks: i64| -> Value {
            serde_json::from_str(&format!("{}.{:02}", kopecks / 100, kopecks % 100)).unwrap()
        };
        let wrap = |name: &str, value: Value| if wrapped { json!({ name: value }) } else { value };
        let positions: Vec<Value> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => "VAT_18",
                    VatRate::Vat10 => "VAT_10",
                    VatRate::Vat0 => "VAT_0",
                    _ => "NO_VAT",
                };
                let quantity: Value =
                    serde_json::from_str(&format!("{}.{:03}", good.thousandths / 1_000, good.thousandths % 1_000)).unwrap();
                wrap("position", json!({
                    "product_name": good.name, "quantity": quantity, "price": roubles(good.price), "result_price": roubles(good.price),
                    "sum": roubles(good.sum()), "result_sum": roubles(good.sum()), "tax": {"type": tax},
                }))
            })
            .collect();
        let payments = [
            wrap(
                "payment",
                json!({"type": "CASH", "sum": roubles(self.cash + 1_234), "parts": [{"change": roubles(1_234)}]}),
            ),
            wrap("payment", json!({"type": "ELECTRON", "sum": roubles(self.card())})),
        ];
        // The test's register is five hours east.
        let utc = self.time - 5 * 3_600;
        let (day, second) = (utc / 86_400, utc % 86_400);
        let (year, month, day) = date(day);
        let at = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000+0000",
            second / 3_600,
            second / 60 % 60,
            second % 60
        );
        json!({
            "type": word, "version": "V2", "number": 1, "session_number": 2, "device_id": "d", "close_date": at,
            "time_zone_offset": 18_000_000,
            "body": {
                "positions": positions, "payments": payments, "sum": roubles(self.total()), "result_sum": roubles(self.total()),
                "pos_print_results": [{
                    "receipt_number": self.receipt_number, "session_number": self.shift, "fn_serial_number": self.drive,
                    "fiscal_document_number": self.number, "fiscal_sign_doc_number": self.sign.to_string(),
                }],
            },
        })
        .to_string()
    }

    /// What a document without a fiscal identity and without names must tell.
    fn check_figures(&self, parsed: &schemas::receipts::Receipt<'_>, shown: &[&'static str]) {
        assert_eq!((parsed.operation, parsed.total_kopecks), (self.operation, self.total()));
        let paid = |kinds: &[PaymentKind]| -> i64 {
            let of_kinds = parsed.payments.iter().filter(|payment| kinds.contains(&payment.kind));
            of_kinds.map(|payment| payment.amount_kopecks).sum()
        };
        assert_eq!(paid(&[PaymentKind::Cash]), self.cash);
        assert_eq!(paid(&[PaymentKind::Card, PaymentKind::Other]), self.card());
        assert_eq!(parsed.items.len(), self.goods.len());
        for (item, good) in parsed.items.iter().zip(&self.goods) {
            assert_eq!(item.quantity.unscaled(), good.thousandths * 1_000);
            assert_eq!((item.price_kopecks, item.sum_kopecks), (Some(good.price), Some(good.sum())));
        }
        assert!(flags(parsed).iter().all(|flag| shown.contains(flag)), "{:?}", parsed.flags);
    }

    /// `20.11.2026` and `14:05:00`, and the same as the XML writes it.
    fn clock(&self) -> (String, String, String) {
        let (year, month, day) = date(self.time / 86_400);
        let second = self.time % 86_400;
        let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        (format!("{day:02}.{month:02}.{year:04}"), clock.clone(), format!("{year:04}-{month:02}-{day:02}T{clock}"))
    }

    fn is_return(&self) -> bool {
        self.operation == Operation::SellReturn
    }

    /// The lines of a check; every sum is negative in a return.
    fn as_frontol(&self) -> String {
        let (date, clock, _) = self.clock();
        let roubles = |kopecks: i64| {
            let sign = if self.is_return() && kopecks > 0 { "-" } else { "" };
            format!("{sign}{},{:02}", kopecks / 100, kopecks % 100)
        };
        let operation = u8::from(self.is_return());
        let head = |code: u8| format!("1;{date};{clock};{code};1;{};1", self.receipt_number);
        let mut lines = vec![format!("{};;;0;1;{};{operation};{}", head(42), roubles(self.total()), self.shift)];
        for (code, good) in self.goods.iter().enumerate() {
            let quantity = format!("{},{:03}", good.thousandths / 1_000, good.thousandths % 1_000);
            // Before and after the discount, of which there is none.
            let (price, sum) = (roubles(good.price).replace('-', ""), roubles(good.sum()));
            lines.push(format!(
                "{};{code};;{price};{quantity};{sum};{operation};{};{price};{sum}",
                head(11),
                self.shift
            ));
        }
        // Something that was rung up by mistake.
        for (code, sign) in [(1, ""), (2, "-")] {
            lines.push(format!("{};mistake;;1;{sign}1;{sign}1;{operation};{};1;{sign}1", head(code), self.shift));
        }
        lines.push(format!("{};;1;;;{}", head(40), roubles(self.cash)));
        lines.push(format!("{};;3;;;{}", head(41), roubles(self.card())));
        lines.push(format!(
            "{};;;0;1;{};{operation};{};;{}",
            head(55),
            roubles(self.total()),
            self.shift,
            roubles(self.total())
        ));
        lines.join("\r\n") + "\r\n"
    }

    fn as_set_retail(&self) -> String {
        let (_, _, time) = self.clock();
        let roubles = |kopecks: i64| format!("{}.{:02}", kopecks / 100, kopecks % 100);
        let positions: String = self
            .goods
            .iter()
            .enumerate()
            .map(|(code, good)| {
                format!(
                    "<position goodsCode='{code}' count='{}.{:03}' cost='{}' amount='{}'/>",
                    good.thousandths / 1_000,
                    good.thousandths % 1_000,
                    roubles(good.price),
                    roubles(good.sum())
                )
            })
            .collect();
        format!(
            "<purchase operationType='{}' cash='1' shift='{}' number='{}' saletime='{time}+05:00' amount='{}'>\
             <positions>{positions}</positions><payments>\
             <payment typeClass='CashPaymentEntity' amount='{}'/><payment typeClass='BankCardPaymentEntity' amount='{}'/>\
             <payment typeClass='CashChangePaymentEntity' amount='12.34'/></payments></purchase>",
            !self.is_return(),
            self.shift,
            self.receipt_number,
            roubles(self.total()),
            roubles(self.cash + 1_234),
            roubles(self.card()),
        )
    }

    fn as_1c(&self) -> String {
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

    /// In one of the ways in which the tax service and the operators spell it.
    fn as_fns(&self, spelling: u8) -> String {
        let operation = match self.operation {
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            _ => 4,
        };
        let either =
            |bit: u8, one: &'static str, other: &'static str| if spelling >> bit & 1 == 0 { one } else { other };
        let items: Vec<_> = self
            .goods
            .iter()
            .map(|good| {
                let code = match good.vat {
                    VatRate::Vat20 => 1,
                    VatRate::Vat10 => 2,
                    VatRate::Vat0 => 5,
                    _ => 6,
                };
                let quantity = format!("{}.{:03}", good.thousandths / 1_000, good.thousandths % 1_000);
                let quantity: Value = serde_json::from_str(&quantity).unwrap();
                json!({"name": good.name, "quantity": quantity, "price": good.price, "sum": good.sum(), either(0, "nds", "ndsRate"): code})
            })
            .collect();
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let time = match spelling >> 1 & 3 {
            0 => json!(self.time),
            1 => json!({"$date": i64::from(self.time) * 1_000}),
            _ => json!(format!(
                "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
                second / 3_600,
                second / 60 % 60,
                second % 60
            )),
        };
        let receipt = json!({
            "code": 3, "operationType": operation, "totalSum": self.total(), "shiftNumber": self.shift,
            "requestNumber": self.receipt_number, "dateTime": time, "cashTotalSum": self.cash, "ecashTotalSum": self.card(),
            "items": items, "operator": self.cashier, "fiscalDriveNumber": self.drive,
            "fiscalDocumentNumber": self.number, "fiscalSign": self.sign, "metadata": {"id": 1},
        });
        match spelling >> 3 & 3 {
            0 => receipt.to_string(),
            1 => json!({"receipt": receipt}).to_string(),
            2 => json!({"data": {"json": receipt}, "code": 1}).to_string(),
            _ => json!({"_id": "1", "ticket": {"document": {"receipt": receipt}}}).to_string(),
        }
    }

    fn as_tlv(&self) -> Vec<u8> {
        let operation = match self.operation {
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            _ => 4,
        };
        let mut children = [
            tlv(1041, &padded(&self.drive, 16)),
            tlv(1040, &wide(self.number)),
            tlv(1012, &wide(self.time)),
            tlv(1077, &sign(0x31, self.sign)),
            tlv(1038, &wide(self.shift)),
            tlv(1042, &wide(self.receipt_number)),
            tlv(1054, &[operation]),
            tlv(1021, &text(&self.cashier)),
            tlv(1020, &number(self.total())),
            tlv(1031, &number(self.cash)),
            tlv(1081, &number(self.card())),
            tlv(65_000, b"a tag of tomorrow"),
        ]
        .concat();
        for good in &self.goods {
            let rate = match good.vat {
                VatRate::Vat20 => 1,
                VatRate::Vat10 => 2,
                VatRate::Vat0 => 5,
                _ => 6,
            };
            let item = [
                tlv(1030, &text(&good.name)),
                tlv(1079, &number(good.price)),
                tlv(1023, &thousandths(good.thousandths)),
                tlv(1043, &number(good.sum())),
                tlv(1199, &[rate]),
            ]
            .concat();
            children.extend(tlv(1059, &item));
        }
        tlv(3, &children)
    }
}

/// Days since 1970 by counting years and months.
fn date(days: u32) -> (u32, u32, u32) {
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u32::from(leap(year)) {
        rest -= 365 + u32::from(leap(year));
        year += 1;
    }
    let february = 28 + u32::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

fn good() -> impl Strategy<Value = Good> {
    let vat = prop::sample::select(vec![VatRate::Vat20, VatRate::Vat10, VatRate::Vat0, VatRate::None]);
    ("[А-Яа-яЁё№a-zA-Z0-9\"%/,.]{1,20}( [а-яё]{1,10}){0,3}", 0..10_000_000_i64, 1..100_000_i64, vat)
        .prop_map(|(name, price, thousandths, vat)| Good { name, price, thousandths, vat })
}

fn truth() -> impl Strategy<Value = Truth> {
    let operation =
        prop::sample::select(vec![Operation::Sell, Operation::SellReturn, Operation::Buy, Operation::BuyReturn]);
    // From 2019-01-01, when VAT became 20 %, to the reception.
    let until = u32::try_from(CONTEXT.received_at.0 / 1_000_000).unwrap();
    let numbers = (1..=u32::MAX, any::<u32>(), any::<u32>(), any::<u32>(), 1_546_300_800..until);
    (
        operation,
        "[0-9]{15,16}",
        numbers,
        prop::collection::vec(good(), 1..12),
        0..=100_i64,
        "[А-Я][а-яё]{1,12} [А-Я]\\.",
    )
        .prop_map(|(operation, drive, (number, sign, shift, receipt_number, time), goods, percent, cashier)| {
            let mut truth =
                Truth { operation, drive, number, sign, shift, receipt_number, time, goods, cash: 0, cashier };
            truth.cash = truth.total() * percent / 100;
            truth
        })
}

/// The fields that every family tells.
fn shared(receipt: &schemas::receipts::Receipt<'_>) -> impl PartialEq + std::fmt::Debug {
    let items = receipt.items.iter().map(|item| (item.quantity.unscaled(), item.price_kopecks, item.sum_kopecks));
    (receipt.operation, receipt.total_kopecks, items.collect::<Vec<_>>())
}

/// The fields of those with a fiscal identity.
fn fiscal(receipt: &schemas::receipts::Receipt<'_>) -> impl PartialEq + std::fmt::Debug {
    let paid = |kind| receipt.payments.iter().filter(|p| p.kind == kind).map(|p| p.amount_kopecks).sum::<i64>();
    let items = receipt.items.iter().map(|item| (item.name.as_deref().map(str::to_owned), item.vat_rate));
    (
        receipt.receipt_id.to_string(),
        (receipt.fiscal_sign, receipt.shift_number, receipt.receipt_number),
        (receipt.local_time, receipt.utc_time),
        (paid(PaymentKind::Cash), paid(PaymentKind::Card)),
        items.collect::<Vec<_>>(),
    )
}

proptest! {
    #[test]
    fn the_same_sale_is_the_same_in_all_families(truth in truth()) {
        let truth = Truth { operation: if truth.is_return() { Operation::SellReturn } else { Operation::Sell }, ..truth };
        let (atol, dreamkas, evotor, fns) = (truth.as_atol(true), truth.as_dreamkas(), truth.as_evotor(true), truth.as_fns(1));
        let (tlv, frontol, set_retail) = (truth.as_tlv(), truth.as_frontol(), truth.as_set_retail());
        let fiscal_ones = [
            receipt("ffd-tlv", &tlv),
            receipt("atol", atol.as_bytes()),
            receipt("dreamkas", dreamkas.as_bytes()),
            receipt("evotor", evotor.as_bytes()),
            receipt("fns-json", fns.as_bytes()),
        ];
        for other in &fiscal_ones[1..] {
            prop_assert_eq!(fiscal(&fiscal_ones[0]), fiscal(other), "{}", other.source);
        }
        let others = [receipt("frontol", frontol.as_bytes()), receipt("set-retail", set_retail.as_bytes())];
        for other in fiscal_ones.iter().chain(&others) {
            prop_assert_eq!(shared(&fiscal_ones[0]), shared(other), "{}", other.source);
        }
    }

    #[test]
    fn atol_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, by_number)| truth.as_atol(*by_number)).collect();
        let body = format!("[{}]", written.join(","));
        let documents = documents(ATOL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("atol", document));
        }
    }

    #[test]
    fn evotor_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, wrapped)| truth.as_evotor(*wrapped)).collect();
        let body = format!("{{\"items\":[{}]}}", written.join(","));
        let documents = documents(EVOTOR, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check_without_cashier(&receipt("evotor", document));
        }
    }

    #[test]
    fn frontol_comes_back(mut truths in prop::collection::vec(truth(), 1..4)) {
        // Neighbours with the same number would be one check.
        for (truth, number) in truths.iter_mut().zip(1..) {
            truth.receipt_number = number;
            truth.operation = if truth.operation == Operation::Sell { Operation::Sell } else { Operation::SellReturn };
        }
        let body: String = truths.iter().map(Truth::as_frontol).collect();
        let body = format!("#\r\n1\r\n1\r\n{body}");
        let documents = documents(FRONTOL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            let parsed = receipt("frontol", document);
            truth.check_figures(&parsed, &["unknown-code"]);
            prop_assert_eq!(parsed.local_time, Some(LocalTimestamp(i64::from(truth.time) * 1_000_000)));
            prop_assert_eq!((parsed.shift_number, parsed.receipt_number), (Some(truth.shift.into()), Some(truth.receipt_number.into())));
        }
    }

    #[test]
    fn set_retail_comes_back(mut truths in prop::collection::vec(truth(), 1..4)) {
        for truth in &mut truths {
            truth.operation = if truth.operation == Operation::Sell { Operation::Sell } else { Operation::SellReturn };
        }
        let written: String = truths.iter().map(Truth::as_set_retail).collect();
        let body = format!("<purchases>{written}</purchases>");
        let documents = documents(SET_RETAIL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            let parsed = receipt("set-retail", document);
            truth.check_figures(&parsed, &[]);
            prop_assert_eq!(parsed.utc_time, Some(Timestamp((i64::from(truth.time) - 5 * 3_600) * 1_000_000)));
            prop_assert_eq!((parsed.shift_number, parsed.receipt_number), (Some(truth.shift.into()), Some(truth.receipt_number.into())));
        }
    }

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

    #[test]
    fn fns_json_comes_back(truths in prop::collection::vec((truth(), any::<u8>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, spelling)| truth.as_fns(*spelling)).collect();
        let body = format!("[{}]", written.join(","));
        let documents = documents(FNS, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("fns-json", document));
        }
    }

    #[test]
    fn dreamkas_comes_back(truths in prop::collection::vec(truth(), 1..4)) {
        let written: Vec<String> = truths.iter().map(Truth::as_dreamkas).collect();
        let body = format!("{{\"query\":{{}},\"data\":[{}]}}", written.join(","));
        let documents = documents(DREAMKAS, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            truth.check(&receipt("dreamkas", document));
        }
    }

    #[test]
    fn tlv_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let body: Vec<u8> = truths
            .iter()
            .flat_map(|(truth, contained)| match contained {
                true if truth.number < 1 << 24 => container(&truth.as_tlv(), &truth.drive, truth.number),
                _ => truth.as_tlv(),
            })
            .collect();
        let documents = documents(TLV, &body);
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("ffd-tlv", document));
        }
    }
}
