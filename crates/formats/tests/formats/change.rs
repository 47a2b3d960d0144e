//! Documents with another value at one place. Each syntax has its own reader here, which knows nothing of the product's.

use quick_xml::{Reader, events::Event};
use serde_json::Value;

/// Words that may stand for each other.
const WORDS: &[&[&str]] = &[
    &["SALE", "REFUND"],
    &["MONEY_IN", "MONEY_OUT"],
    &["SELL", "PAYBACK"],
    &["SELL", "BUYBACK"],
    &["PAYBACK", "BUY"],
    &["OPEN_SESSION", "CLOSE_SESSION"],
    &["CASH_INCOME", "CASH_OUTCOME"],
    &["ACCEPT", "CASH_INCOME"],
    &["sell", "buy", "sellReturn"],
    &["sellReturnCorrection", "buyCorrection", "sell"],
    &["openShift", "closeShift"],
    &["sell_refund", "sell"],
    &["sell_correction", "buy_correction"],
    &["true", "false"],
];

/// The document with other values of the same kind at a place, one at a time; nothing where there is no such place.
pub(crate) fn changed(family: &str, document: &[u8], place: &str) -> Vec<Vec<u8>> {
    if place.contains('*') {
        // Any of the elements.
        let elements = (0..64).map(|index| match family {
            "frontol" | "kassir-5" => place.replace("line *", &format!("line {}", index + 1)),
            _ if index == 0 => place.replace("[*]", ""),
            _ => place.replace("[*]", &format!("[{}]", index + 1)),
        });
        return elements.flat_map(|place| changed(family, document, &place)).collect();
    }
    match family {
        "ffd-tlv" => in_tlv(document, place),
        "frontol" | "kassir-5" => in_lines(document, place),
        "set-retail" | "xml-1c" => in_xml(document, place),
        _ => in_json(document, place),
    }
}

/// Other values of the same kind.
fn others(value: &[u8]) -> Vec<Vec<u8>> {
    let mut others = Vec::new();
    let digit = |at: usize, by: u8| value[at].is_ascii_digit().then(|| b'0' + (value[at] - b'0' + by) % 10);
    for at in 0..value.len() {
        for by in [1, 9] {
            let Some(digit) = digit(at, by) else { continue };
            let mut other = value.to_vec();
            other[at] = digit;
            others.push(other);
        }
        if value.len() > 1 && value[at].is_ascii_digit() {
            others.push([&value[..at], &value[at + 1..]].concat());
        }
        // Keeps check digits right, which count every other digit alike.
        if let (Some(up @ b'1'..), Some(down @ ..b'9')) =
            (digit(at, 1), value.get(at + 2).and_then(|_| digit(at + 2, 9)))
        {
            let mut other = value.to_vec();
            (other[at], other[at + 2]) = (up, down);
            others.push(other);
        }
    }
    let known = WORDS.iter().filter(|words| words.iter().any(|word| word.as_bytes() == value));
    let words = known.flat_map(|words| words.iter()).filter(|word| word.as_bytes() != value);
    others.extend(words.map(|word| word.as_bytes().to_vec()));
    if value.iter().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()) {
        others.push([value, b"x"].concat());
    }
    others
}

fn in_json(document: &[u8], place: &str) -> Vec<Vec<u8>> {
    let whole: Value = serde_json::from_slice(document).unwrap();
    let pointer = place.strip_prefix('$').unwrap().replace(['.', '['], "/").replace(']', "");
    let Some(value) = whole.pointer(&pointer) else { return Vec::new() };
    let text = |text: Vec<u8>| String::from_utf8(text).unwrap();
    let others: Vec<Value> = match value {
        Value::String(value) => others(value.as_bytes()).into_iter().map(|other| Value::String(text(other))).collect(),
        Value::Number(number) => {
            let others = others(number.to_string().as_bytes()).into_iter();
            others.filter_map(|other| serde_json::from_str(&text(other)).ok()).collect()
        }
        Value::Bool(truth) => vec![Value::Bool(!truth)],
        Value::Null => vec![Value::from(1), Value::from("1")],
        Value::Array(_) | Value::Object(_) => Vec::new(),
    };
    let with = |other: Value| {
        let mut whole = whole.clone();
        *whole.pointer_mut(&pointer).unwrap() = other;
        serde_json::to_vec(&whole).unwrap()
    };
    others.into_iter().map(with).collect()
}

/// `line 2, field 16`
fn in_lines(document: &[u8], place: &str) -> Vec<Vec<u8>> {
    let numbers: Vec<usize> = place.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [line, field] = numbers[..] else { panic!("{place}") };
    let mut lines: Vec<Vec<Vec<u8>>> = document
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b';').map(<[u8]>::to_vec).collect())
        .collect();
    let Some(value) = lines.get(line - 1).and_then(|line| line.get(field - 1)).cloned() else { return Vec::new() };
    let with = |other: Vec<u8>| {
        lines[line - 1][field - 1] = other;
        lines.iter().map(|line| line.join(&b';')).collect::<Vec<_>>().join(&b'\n')
    };
    others(&value).into_iter().map(with).collect()
}

/// `/purchase/positions/position[2]/@amount`
fn in_xml(document: &[u8], place: &str) -> Vec<Vec<u8>> {
    let (element, attribute) = place.split_once("/@").unwrap();
    // One letter for each byte that is not ASCII: text of the same length.
    let text: String = document.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { 'x' }).collect();
    let mut reader = Reader::from_str(&text);
    let mut path: Vec<String> = Vec::new();
    let mut seen: Vec<Vec<String>> = vec![Vec::new()];
    loop {
        let begin = usize::try_from(reader.buffer_position()).unwrap();
        let event = reader.read_event().unwrap();
        let (start, is_empty) = match &event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                path.pop();
                seen.pop();
                continue;
            }
            Event::Eof => return Vec::new(),
            _ => continue,
        };
        let name = start.name().as_ref().to_owned();
        let before = seen.last().unwrap().iter().filter(|one| **one == name).count();
        path.push(if before == 0 { name.clone() } else { format!("{name}[{}]", before + 1) });
        seen.last_mut().unwrap().push(name);
        seen.push(Vec::new());
        if format!("/{}", path.join("/")) == element {
            let end = usize::try_from(reader.buffer_position()).unwrap();
            let Some(found) = text[begin..end].find(&format!(" {attribute}=\"")) else { return Vec::new() };
            let from = begin + found + attribute.len() + 3;
            let to = from + text[from..].find('"').unwrap();
            let with = |other: Vec<u8>| [&document[..from], &other, &document[to..]].concat();
            return others(&document[from..to]).into_iter().map(with).collect();
        }
        if is_empty {
            path.pop();
            seen.pop();
        }
    }
}

/// `3/1059[0]/1043`
fn in_tlv(document: &[u8], place: &str) -> Vec<Vec<u8>> {
    const HEADER: usize = 32;
    let is_container = document[4] == 0xA5 && document[1] != 0;
    let start = if is_container { HEADER } else { 0 };
    let word = |at: usize| usize::from(u16::from_le_bytes([document[at], document[at + 1]]));
    let mut steps = place.split('/').map(|step| {
        let (tag, index) = step.split_once('[').unwrap_or((step, "0]"));
        (tag.parse::<usize>().unwrap(), index.trim_end_matches(']').parse::<usize>().unwrap())
    });
    assert_eq!(steps.next(), Some((word(start), 0)));
    let mut range = start + 4..start + 4 + word(start + 2);
    for (tag, index) in steps {
        let mut at = range.start;
        let mut found = Vec::new();
        while at < range.end {
            if word(at) == tag {
                found.push(at + 4..at + 4 + word(at + 2));
            }
            at += 4 + word(at + 2);
        }
        let Some(inner) = found.get(index) else { return Vec::new() };
        range = inner.clone();
    }
    let mut others = Vec::new();
    for at in range {
        for by in [1, 255] {
            let mut other = document.to_vec();
            other[at] = other[at].wrapping_add(by);
            if is_container {
                let sum = crc(other[..2].iter().chain(&other[4..])).to_le_bytes();
                other[2..4].copy_from_slice(&sum);
            }
            others.push(other);
        }
    }
    others
}

/// CRC-16/CCITT-FALSE, bit by bit.
fn crc<'b>(bytes: impl Iterator<Item = &'b u8>) -> u16 {
    bytes.fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}
