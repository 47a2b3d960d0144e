//! Where a preview says that a value stands, there it stands: another value there is another value in the canonical
//! record. And what the tables say, the pages of the documentation say.

use std::collections::BTreeSet;

use formats::{Choice, Context, FAMILIES, Family, Framed, Invalid, Limits, Preview};
use serde_json::Value;

use crate::{
    change::changed,
    support::{
        CONTEXT,
        encoder::{number, padded, sign, text, thousandths, tlv, wide},
        hex,
    },
};

/// What comes from no place of the document: ids, keys, what the hub adds, and what is known by the whole.
const WITHOUT_PATH: [&str; 18] = [
    "receipt_id",
    "shift_document_id",
    "event_id",
    "tenant",
    "shop",
    "register",
    "source",
    "revision",
    "document_hash",
    "raw_topic",
    "raw_partition",
    "raw_offset",
    "received_at",
    "encoding",
    "flags",
    "items[].product_key",
    "other_tags",
    "items[].other_tags",
];

/// What is known by the name of a part rather than by its value in some formats.
const BY_NAME: [&str; 4] = ["kind", "name", "payments[].kind", "vat_sums[].rate"];

/// Documents with what no document under `documents/` has.
const MORE: &[(&str, &str)] = &[
    (
        "dreamkas",
        r#"{"type":"SALE","amount":500,"deviceId":5,"shiftId":12,"number":4,"localDate":"2026-11-21 23:59:59",
            "positions":[{"name":"Сыр","quantity":1000,"price":500,"exciseBarcode":"0104064057194699215AbC"}]}"#,
    ),
    (
        "evotor",
        r#"{"type":"SELL","uuid":"b4","number":9,"closeSum":"348","closeDate":"2026-11-20T10:00:00.000+0000","deviceUuid":"5a","sessionNumber":"12",
            "transactions":[{"type":"DOCUMENT_OPEN","timezone":10800000},
            {"type":"REGISTER_POSITION","sum":300,"quantity":1,"resultSum":300,"barcode":"17","mark":"0104064057194699215AbC","commodityName":"Сыр"},
            {"type":"REGISTER_POSITION","sum":48,"quantity":1,"resultSum":48,"commodityName":"Соль"},
            {"type":"POSITION_TAX","tax":"VAT_10","resultTaxSum":4.36},
            {"type":"PAYMENT","sum":340,"paymentType":"CASH"},{"type":"PAYMENT","sum":8,"paymentType":"ELECTRON"}]}"#,
    ),
    (
        "evotor",
        r#"{"type":"ACCEPT","uuid":"b5","number":3,"closeSum":"5","closeDate":"2026-11-20T10:00:00.000+0000","deviceUuid":"5a","transactions":[]}"#,
    ),
    (
        "evotor",
        r#"{"data":{"id":"b6","dateTime":"2026-11-20T09:05:31.000Z","type":"SELL","shiftId":"42","infoCheck":true,"totalAmount":687}}"#,
    ),
    (
        "atol",
        r#"{"task":[{"type":"sell","total":100,"items":[{"name":"Сыр","price":100,"quantity":1,"amount":100,
            "agentInfo":{"agents":["attorney"]},"supplierInfo":{"vatin":"7700000016","name":"ООО Сыры"},
            "markingCode":{"mark":"0104064057194699215AbC"}}]}],
            "result":{"fiscalDocumentDateTime":"2026-11-20T14:06:00+05:00","fiscalDocumentNumber":4372,"fiscalDocumentSign":"5","fnNumber":"9999078900001234"}}"#,
    ),
    (
        "atol-online",
        r#"{"operation":"buy","request":{"receipt":{"cashier_inn":"770000000156","items":[{"name":"Сыр","price":100,"quantity":1,"sum":100,
            "agent_info":{"type":"attorney"},"supplier_info":{"inn":"7700000016","name":"ООО Сыры"},"nomenclature_code":"0104064057194699215AbC"}]}},
            "report":{"status":"done","payload":{"total":100,"fn_number":"9999078900001234","receipt_datetime":"20.11.2026 14:06:00","fiscal_document_number":135,"fiscal_document_attribute":42}}}"#,
    ),
    (
        "fns-json",
        r#"{"document":{"kktRegId":"0000000123006163","fiscalDriveNumber":"9999078900001234","receipt":{"dateTime":{"$date":{"$numberLong":"1795183620000"}},
            "fiscalDocumentNumber":107543,"fiscalSign":18,"operationType":1,"totalSum":700,"postpaymentSum":700,"nds18118":117,"correctionType":1,
            "correctionBase":{"correctionDocumentDate":1795046400,"correctionDocumentNumber":"17"},
            "items":[{"name":"Сыр","price":700,"quantity":1,"sum":700,"paymentAgentByProductType":32,"providerInn":"7700000016","productCode":{"ean13":"4064057194699"}}]}}}"#,
    ),
    (
        "fns-json",
        r#"{"code":21,"dateTime":1795183620,"fiscalDriveNumber":"9999078900001234","fiscalDocumentNumber":107544,"fiscalSign":19}"#,
    ),
    (
        "set-retail",
        r#"<purchase operationType="true" shop="3" cash="2" shift="12" number="9" saletime="2026-11-20T14:05:00" amount="70.0"><positions>
            <position goodsCode="17" count="1" cost="70.0"/></positions></purchase>"#,
    ),
    (
        "xml-1c",
        r#"<CheckPackage><Parameters OperationType="1"><CorrectionData Type="1" Number="17" Date="2026-11-19T00:00:00"/></Parameters>
            <Positions><FiscalString Name="Сыр" Quantity="1" Price="50" DiscountSum="5" SumWithDiscount="45" MeasurementUnit="шт" TaxSum="4.5">
            <PurveyorData PurveyorVATIN="7700000016" PurveyorName="ООО Сыры"/></FiscalString></Positions>
            <Payments Cash="0" CashLessType1="40" CashLessType3="5"/></CheckPackage>"#,
    ),
    (
        "xml-1c",
        r#"<CheckCorrectionPackage><Parameters PaymentType="1" TaxVariant="0" CashierVATIN="770000000156" Sum="45" CorrectionType="1"
            CorrectionBaseNumber="17" CorrectionBaseDate="2026-11-19"/><Payments Cash="45"/></CheckCorrectionPackage>"#,
    ),
];

/// A receipt in TLV with bar code, mark, supplier, and VAT by rate before the other rates.
fn tlv_receipt() -> Vec<u8> {
    let item = |name: &str, more: &[u8]| {
        let own =
            [tlv(1030, &text(name)), tlv(1023, &thousandths(1_000)), tlv(1079, &number(500)), tlv(1043, &number(500))];
        tlv(1059, &[&own.concat(), more].concat())
    };
    let supplier = [tlv(1222, &[32]), tlv(1226, &padded("7700000016", 12)), tlv(1224, &tlv(1225, &text("ООО Сыры")))];
    let elements = [
        tlv(1041, &padded("9999078900001234", 16)),
        tlv(1040, &wide(7)),
        tlv(1077, &sign(3, 18)),
        tlv(1012, &wide(1_795_183_620)),
        tlv(1054, &[1]),
        tlv(1020, &number(1_000)),
        tlv(1081, &number(900)),
        tlv(1031, &number(100)),
        tlv(1115, &tlv(1119, &[tlv(1199, &[7]), tlv(1120, &number(24))].concat())),
        tlv(1103, &number(45)),
        tlv(1008, b"+79000000000"),
        tlv(1256, &[tlv(1227, &text("Лапина О. С.")), tlv(1228, &padded("660000012360", 12))].concat()),
        item("Сыр", &[tlv(1163, &tlv(1302, b"4064057194699")), supplier.concat()].concat()),
        item("Соль", &tlv(1163, &tlv(1305, b"0104064057194699215AbC"))),
    ];
    tlv(3, &elements.concat())
}

fn context(family: &Family) -> Context<'static> {
    Context { document_id: family.needs_document_id.then_some("17"), keeps_personal_data: true, ..CONTEXT }
}

/// The documents of all own files, and of [`MORE`].
fn documents() -> Vec<(Choice, String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/documents");
    let mut documents = Vec::new();
    for family in FAMILIES {
        let mut bodies: Vec<(String, Vec<u8>)> = std::fs::read_dir(format!("{folder}/{}", family.name))
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
            .collect();
        let more = MORE.iter().filter(|(name, _)| *name == family.name);
        bodies.extend(more.map(|(_, body)| ((*body).to_owned(), body.as_bytes().to_vec())));
        if family.name == "ffd-tlv" {
            bodies.push(("a receipt in TLV".to_owned(), tlv_receipt()));
        }
        assert!(!bodies.is_empty());
        for (name, body) in bodies {
            let body = if name.ends_with(".hex") { hex(&String::from_utf8(body).unwrap()) } else { body };
            let content_type = name.ends_with(".ndjson").then_some("application/x-ndjson");
            let choice = formats::choose(Some(family.name), content_type).unwrap();
            let mut framed = Vec::new();
            choice.frame(&body, &Limits::default(), &mut |one| framed.push(one));
            for one in framed {
                // A file may have a broken line on purpose.
                if let Framed::Document(range) = one {
                    documents.push((choice, name.clone(), body[range].to_vec()));
                }
            }
        }
    }
    documents
}

fn preview(choice: &Choice, document: &[u8]) -> Preview {
    choice.preview(0, document, &context(choice.family), None)
}

fn value(preview: &Preview) -> Option<Value> {
    preview.value.as_ref().map(|value| serde_json::from_str(value.get()).unwrap())
}

/// The value of `items[0].name`.
fn at<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.pointer(&format!("/{}", name.replace(['.', '['], "/").replace(']', "")))
}

/// The name as tables have it: `items[].name`.
fn general(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The names of all single values.
fn names(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in value.as_object().unwrap() {
        match value.as_array().filter(|_| name != "flags") {
            None => names.push(name.clone()),
            Some(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    names.extend(element.as_object().unwrap().keys().map(|field| format!("{name}[{index}].{field}")));
                }
            }
        }
    }
    names
}

/// Whether other values at a place of the document give other values of that name. Where none of them is read at all, the
/// faults must name the place; with faults elsewhere this document cannot tell.
fn depends(choice: &Choice, document: &[u8], name: &str, place: &str, was: &Value) -> Result<bool, String> {
    let others = changed(choice.family.name, document, place);
    if others.is_empty() {
        return Err("there is no such place".to_owned());
    }
    let mut faults = Vec::new();
    let mut read = 0;
    for other in &others {
        let preview = preview(choice, other);
        match value(&preview) {
            Some(value) if at(&value, name) != Some(was) => return Ok(true),
            Some(_) => read += 1,
            None => faults.push(preview.place.unwrap()),
        }
    }
    // The place, or a part around it that is not the whole document.
    let names_it = |fault: &String| {
        let inner = place.strip_prefix(&**fault);
        fault != "$" && inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(['.', '[', '/']))
    };
    if read > 0 {
        return Err(format!("{read} other values change nothing, faults are at {faults:?}"));
    }
    Ok(faults.iter().all(names_it))
}

#[test]
fn another_value_at_the_place_is_another_value_in_the_record() {
    let (mut problems, mut told, mut untold) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (choice, file, document) in documents() {
        let preview = preview(&choice, &document);
        let Some(value) = value(&preview) else { continue };
        for (name, places) in preview.paths.iter() {
            let was = at(&value, name).unwrap_or_else(|| panic!("{file}: {name} is not in {value}"));
            for place in places.split(" and ") {
                let field = (choice.family.name, general(name), general(place));
                match depends(&choice, &document, name, place, was) {
                    Ok(true) => _ = told.insert(field),
                    Ok(false) => _ = untold.insert(field),
                    Err(problem) => problems.push(format!("{file}: {name} = {was} is not from {place}: {problem}")),
                }
            }
        }
    }
    // What one document cannot tell, another one has to.
    problems.extend(untold.difference(&told).map(|field| format!("no document tells {field:?}")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_value_has_a_place() {
    let mut problems = Vec::new();
    for (choice, file, document) in documents() {
        let preview = preview(&choice, &document);
        let Some(value) = value(&preview) else { continue };
        let known: Vec<&str> = preview.paths.iter().map(|(name, _)| name).collect();
        let order: Vec<String> = names(&value).into_iter().filter(|name| known.contains(&&**name)).collect();
        // A document that is packed into a string has no places of its own: the string is one value.
        let packed = file.ends_with("packed.json");
        for name in names(&value).into_iter().filter(|_| !packed) {
            let general = general(&name);
            let needs_none = WITHOUT_PATH.contains(&&*general) || BY_NAME.contains(&&*general);
            if !known.contains(&&*name) && !needs_none && at(&value, &name).unwrap() != "UNKNOWN" {
                problems.push(format!("{file}: {name} = {} has no place", at(&value, &name).unwrap()));
            }
        }
        assert_eq!(order.len(), known.len());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_line_of_the_tables_is_tried() {
    let mut tried = BTreeSet::new();
    for (choice, _, document) in documents() {
        let preview = preview(&choice, &document);
        tried.extend(preview.paths.iter().map(|(name, _)| (choice.family.name, general(name))));
    }
    let mut problems = Vec::new();
    for family in FAMILIES {
        for field in family.fields.shapes.iter().flat_map(|shape| shape.fields) {
            let name = field.0.rsplit(": ").next().unwrap();
            if !name.ends_with("[]") && !tried.contains(&(family.name, name.to_owned())) {
                problems.push(format!("{}: {name}", family.name));
            }
        }
    }
    assert!(problems.is_empty(), "no document has\n{}", problems.join("\n"));
}

#[test]
fn a_fault_has_its_place_and_no_paths() {
    let choice = formats::choose(Some("dreamkas"), None).unwrap();
    let document = br#"{"type":"SALE","amount":-1,"localDate":"2026-11-20 14:05:00"}"#;
    let preview = preview(&choice, document);
    let Invalid { place, text, .. } = choice.family.parse(document, &CONTEXT).unwrap_err();
    let shown = serde_json::to_value(&preview).unwrap();
    let expected =
        serde_json::json!({"index": 0, "becomes": "dead-letter", "class": "invalid", "place": place, "reason": text});
    assert_eq!(shown, expected);
}

/// A line of a page's table of fields.
struct Row {
    /// `item`, `shift`, `event` or nothing.
    of: String,
    canonical: Vec<String>,
    sources: String,
}

fn rows(family: &str) -> Vec<Row> {
    let page = format!("{}/../../docs/formats/{family}.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(page).unwrap();
    let (_, fields) = page.split_once("## Fields").unwrap();
    let is_row = |line: &&str| ["| `", "| item", "| shift", "| event"].iter().any(|begin| line.starts_with(begin));
    let cells = fields.lines().filter(is_row);
    cells
        .map(|line| {
            let (first, sources) = line[2..].split_once(" | ").unwrap();
            let (of, names) = if first.starts_with('`') { ("", first) } else { first.rsplit_once(": ").unwrap() };
            Row {
                of: of.split(' ').next().unwrap().to_owned(),
                canonical: names.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
                sources: sources.to_owned(),
            }
        })
        .collect()
}

/// The names of the fields in the document that an expression looks at.
fn leaves(expression: &str) -> Vec<String> {
    let expression =
        [" else ", ", ", " + ", " by "].iter().fold(expression.to_owned(), |text, word| text.replace(word, " and "));
    let leaf = |path: &str| {
        let steps = path.split('.').map(|step| step.split('[').next().unwrap().trim_start_matches(['^', '>', '@']));
        let mut named = steps.filter(|step| !step.is_empty() && !step.starts_with(['*', '{', '(', '$']));
        named.next_back().map(str::to_owned)
    };
    let leaves = expression.split(" and ").filter_map(leaf);
    leaves
        .flat_map(|names| names.split('|').map(|name| name.trim_start_matches('@').to_owned()).collect::<Vec<_>>())
        .collect()
}

fn says(text: &str, word: &str) -> bool {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts.into_iter().any(|part| part == word)
}

#[test]
fn the_pages_say_what_the_tables_say() {
    let mut problems = Vec::new();
    for family in FAMILIES {
        let rows = rows(family.name);
        let mut known = BTreeSet::from(["encoding", "kind", "other_tags"].map(|name| (String::new(), name.to_owned())));
        for field in family.fields.shapes.iter().flat_map(|shape| shape.fields) {
            let (of, name) = field.0.split_once(": ").unwrap_or(("", field.0));
            let (of, name) = match name.split_once("[]") {
                None => (if of == "receipt" { "" } else { of }, name),
                Some(("items", "")) => continue,
                Some(("items", field)) => ("item", &field[1..]),
                Some((list, _)) => ("", list),
            };
            known.insert((of.to_owned(), name.to_owned()));
            known.insert((String::new(), name.to_owned()));
            let row = |row: &&Row| {
                (row.of == of || row.of.is_empty() && of != "item") && row.canonical.iter().any(|one| one == name)
            };
            let said: Vec<&str> = rows.iter().filter(row).map(|row| &*row.sources).collect();
            if said.is_empty() {
                problems.push(format!("{}: no line for {of} {name}", family.name));
                continue;
            }
            for leaf in leaves(field.1) {
                if !said.iter().any(|said| says(said, &leaf)) {
                    problems.push(format!("{}: the line for {of} {name} does not say {leaf}", family.name));
                }
            }
        }
        for row in &rows {
            for name in row.canonical.iter().filter(|name| !known.contains(&(row.of.clone(), (*name).clone()))) {
                problems.push(format!("{}: the table knows no {} {name}", family.name, row.of));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
