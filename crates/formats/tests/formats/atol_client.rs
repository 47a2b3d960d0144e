//! ATOL's tasks and results as a client that is not ours sends and gets them: PyPI's `atol-client`, which
//! `tests/atol_client.py` sells with. What the program asked for is what the receipts say.

use std::{collections::BTreeSet, path::Path, process::Command};

use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, VatRate},
    shifts::ShiftKind,
};
use serde_json::{Value, json};

use crate::support::{self, flags, quantity};

/// What was asked for, and the document of the task with its results.
fn played() -> Vec<(Value, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../.local/venv/bin/python");
    assert!(python.exists(), "run `make setup`");
    let mut command = Command::new(python);
    // The driver is on this machine, whatever proxy there is for others.
    let output = command.arg(root.join("tests/atol_client.py")).env("NO_PROXY", "127.0.0.1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let played = lines.lines().map(|line| {
        let Value::Object(mut line) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let document = json!({"task": line["task"], "results": line["results"]});
        (line.remove("asked").unwrap(), document.to_string())
    });
    played.collect()
}

/// What a constant of the client means.
fn taxation(name: &str) -> i32 {
    match name {
        "TAXATION_TYPE_OSN" => 1,
        "TAXATION_TYPE_USN_INCOME" => 2,
        "TAXATION_TYPE_USN_INCOME_OUTCOME" => 4,
        "TAXATION_TYPE_ENVD" => 8,
        "TAXATION_TYPE_ESN" => 16,
        "TAXATION_TYPE_PATENT" => 32,
        other => panic!("{other}"),
    }
}

fn payment(name: &str) -> PaymentKind {
    match name {
        "PAY_TYPE_CASH" => PaymentKind::Cash,
        "PAY_TYPE_ELECTRONICALLY" => PaymentKind::Card,
        "PAY_TYPE_PREPAID" => PaymentKind::Prepaid,
        "PAY_TYPE_CREDIT" => PaymentKind::Credit,
        "PAY_TYPE_OTHER" => PaymentKind::CounterProvision,
        other => panic!("{other}"),
    }
}

fn vat(name: &str) -> VatRate {
    match name {
        "TAX_TYPE_NONE" => VatRate::None,
        "TAX_TYPE_VAT0" => VatRate::Vat0,
        "TAX_TYPE_VAT10" => VatRate::Vat10,
        "TAX_TYPE_VAT18" => VatRate::Vat18,
        "TAX_TYPE_VAT110" => VatRate::Vat10_110,
        "TAX_TYPE_VAT118" => VatRate::Vat18_118,
        other => panic!("{other}"),
    }
}

/// Codes of tag 1214, in its order.
const METHODS: [&str; 7] = [
    "PAY_METHOD_FULL_PREPAYMENT",
    "PAY_METHOD_PREPAYMENT",
    "PAY_METHOD_ADVANCE",
    "PAY_METHOD_FULL_PAYMENT",
    "PAY_METHOD_PARTIAL_PAYMENT",
    "PAY_METHOD_CREDIT",
    "PAY_METHOD_CREDIT_PAYMENT",
];

/// Codes of tag 1212, in its order.
const OBJECTS: [&str; 13] = [
    "PAY_OBJ_COMMODITY",
    "PAY_OBJ_EXCISE",
    "PAY_OBJ_JOB",
    "PAY_OBJ_SERVICE",
    "PAY_OBJ_GAMBLING_BET",
    "PAY_OBJ_GAMBLING_PRIZE",
    "PAY_OBJ_LOTTERY",
    "PAY_OBJ_LOTTERY_PRIZE",
    "PAY_OBJ_INTELLECTUAL_ACTIVITY",
    "PAY_OBJ_PAYMENT",
    "PAY_OBJ_AGENT_COMMISSION",
    "PAY_OBJ_COMPOSITE",
    "PAY_OBJ_ANOTHER",
];

/// Bits of tag 1222, in its order.
const AGENTS: [&str; 7] = [
    "AGENT_TYPE_BANK_PAYING_AGENT",
    "AGENT_TYPE_BANK_PAYING_SUBAGENT",
    "AGENT_TYPE_PAYING_AGENT",
    "AGENT_TYPE_PAYING_SUBAGENT",
    "AGENT_TYPE_ATTORNEY",
    "AGENT_TYPE_COMMISSION_AGENT",
    "AGENT_TYPE_ANOTHER",
];

fn place(names: &[&str], name: &str) -> i32 {
    let place = names.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name}"));
    i32::try_from(place).unwrap()
}

/// Roubles with at most one digit after the point, as kopecks.
fn kopecks(roubles: &Value) -> i64 {
    let text = format!("{:.2}", roubles.as_f64().unwrap());
    text.replace('.', "").parse().unwrap()
}

#[test]
fn what_a_client_that_is_not_ours_sells_is_read_as_it_was_asked_for() {
    let mut words = BTreeSet::new();
    let played = played();
    assert!(played.len() > OBJECTS.len());
    for (number, (asked, document)) in (1_i64..).zip(&played) {
        let text = |field: &str| asked[field].as_str().unwrap();
        let operation = match text("operation") {
            "sell" => Operation::Sell,
            "sell_return" => Operation::SellReturn,
            "buy" => Operation::Buy,
            "buy_return" => Operation::BuyReturn,
            "fail" => {
                let fault = support::parse("atol", document.as_bytes()).unwrap_err();
                assert_eq!((&*fault.place, fault.class.name()), ("$.results[0].status", "invalid"));
                assert!(fault.text.ends_with("no paper"), "{fault}");
                continue;
            }
            shift => {
                let read = support::shift("atol", document.as_bytes());
                let kind = if shift == "open_shift" { ShiftKind::Open } else { ShiftKind::Close };
                assert_eq!((read.kind, read.shift_number), (kind, Some(12)));
                assert_eq!(read.receipts, (shift == "close_shift").then_some(number));
                continue;
            }
        };
        let receipt = support::receipt("atol", document.as_bytes());
        assert_eq!(receipt.operation, operation);
        assert_eq!(receipt.receipt_id, format!("acme/9999078900001234/{:010}", 100 + number));
        assert_eq!((receipt.fiscal_sign, receipt.document_number), (Some(1000 + number), Some(100 + number)));
        assert_eq!((receipt.shift_number, receipt.receipt_number), (Some(12), Some(number)));
        assert_eq!(receipt.registration_number.as_deref(), Some("0000000123006163"));
        // 2018-11-20 14:00 and so many minutes, five hours east of UTC.
        let minutes = number * 60_000_000;
        assert_eq!(receipt.local_time, Some(LocalTimestamp(1_542_722_400_000_000 + minutes)));
        assert_eq!(receipt.utc_time, Some(Timestamp(1_542_704_400_000_000 + minutes)));
        assert_eq!(
            (receipt.total_kopecks, receipt.taxation),
            (kopecks(&asked["amount"]), Some(taxation(text("taxation"))))
        );
        let paid = Payment { kind: payment(text("payment")), amount_kopecks: kopecks(&asked["amount"]) };
        assert_eq!(receipt.payments, [paid]);
        assert_eq!(receipt.cashier_name.as_deref(), Some("Лапина О.С."));
        assert_eq!(receipt.cashier_inn.as_deref(), Some("770000000156"));
        let [item] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
        assert_eq!((item.name.as_deref(), quantity(item).as_str()), (Some(text("name")), "2"));
        assert_eq!(item.price_kopecks, Some(kopecks(&asked["price"])));
        assert_eq!(item.sum_kopecks, Some(kopecks(&asked["amount"])));
        assert_eq!(item.vat_rate, Some(vat(text("vat"))));
        assert_eq!(item.payment_method, Some(1 + place(&METHODS, text("method"))));
        assert_eq!(item.payment_subject, Some(1 + place(&OBJECTS, text("object"))));
        assert_eq!(item.agent, Some(1 << place(&AGENTS, text("agent"))));
        assert_eq!(flags(&receipt), [""; 0]);
        words.extend(["taxation", "payment", "vat", "method", "object", "agent"].map(text).map(str::to_owned));
    }
    // Every word that the client knows came up.
    assert_eq!(words.len(), 6 + 5 + 6 + METHODS.len() + OBJECTS.len() + AGENTS.len());
}
