//! `send`: a file of documents to the hub, as a register would send it.

use std::{fs, io::Write as _, path::Path, time::Duration};

use anyhow::Context as _;
use formats::{Choice, Context, Family, Framed, Limits};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use schemas::Timestamp;
use serde_json::Value;

use crate::{
    Outcome,
    cli::{Send, SenderId},
    output::{Out, spinner},
    paper::cut,
    settings::Settings,
};

/// How long the hub may take; registers wait for 30 s.
const BOUND: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: Send, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let name = arguments.file.display().to_string();
    let body = read(&arguments.file)?;
    let choice = choose(&arguments.file, &body, arguments.format.as_deref()).with_context(|| name.clone())?;
    let (register, token) = sender(arguments.register, arguments.token, settings)?;
    let hub = arguments.url.unwrap_or_else(|| settings.hub.url.clone());
    let mut parameters = vec![("format", choice.family.name)];
    parameters.extend(arguments.document_id.as_deref().map(|id| ("document_id", id)));
    let path = format!("{}/v1/registers/{register}/documents", hub.trim_end_matches('/'));
    let url = reqwest::Url::parse_with_params(&path, parameters).with_context(|| hub.clone())?;
    let waiting = spinner(format!("sending {name} to {hub}"));
    let client = reqwest::Client::builder().timeout(BOUND).build()?;
    let request = client.post(url).bearer_auth(token).header(CONTENT_TYPE, choice.media_type.name).body(body);
    let answer = request.send().await;
    let answer = answer.with_context(|| format!("the hub at {hub} does not answer; is hub-ingest running there?"))?;
    let status = answer.status();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()).map(str::to_owned);
    let text = answer.text().await?;
    waiting.finish_and_clear();
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        anyhow::bail!("the answer is not the hub's: status {status}, {}", crate::paper::cut(&text, 200));
    };
    if out.json {
        out.json(&answer)?;
    } else {
        show(&answer, status.as_u16(), retry_after.as_deref(), &mut out)?;
    }
    let all_accepted = results(&answer).iter().all(|result| result["status"] == "accepted");
    let fine = status.is_success() && all_accepted && answer["unread_from"].is_null();
    Ok(if fine { Outcome::Fine } else { Outcome::Problems })
}

/// The documents of a file; one that ends with `.hex` spells them.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let body = fs::read(file).with_context(|| name.to_string())?;
    if extension(file) != "hex" {
        return Ok(body);
    }
    bytes_of_hex(&body).with_context(|| format!("{name}: a .hex file has hexadecimal digits and white space"))
}

/// Format and content type: those that were named, or the only ones that read the file's first document.
pub(crate) fn choose(file: &Path, body: &[u8], format: Option<&str>) -> anyhow::Result<Choice> {
    let content_type = match &*extension(file) {
        "json" => Some("application/json"),
        "ndjson" | "jsonl" => Some("application/x-ndjson"),
        _ => None,
    };
    if let Some(format) = format {
        return Ok(formats::choose(Some(format), content_type).or_else(|_| formats::choose(Some(format), None))?);
    }
    let fitting = formats::recognise(body, None);
    let names: Vec<&str> = fitting.iter().map(|choice| choice.family.name).collect();
    match fitting[..] {
        [only] => Ok(only),
        [] => anyhow::bail!("no format reads its first document:\n{}", reasons(body)),
        _ => anyhow::bail!("it could be {}: add --format NAME", names.join(" or ")),
    }
}

/// Why each format does not read the first document of a body.
fn reasons(body: &[u8]) -> String {
    const MOST: usize = 110;
    let of_family = |family: &&'static Family| {
        let choice = formats::choose(Some(family.name), None).ok()?;
        let mut first = None;
        choice.frame(body, &Limits::default(), &mut |framed| {
            first.get_or_insert(framed);
        });
        let reason = match first {
            None => "it holds no document".to_owned(),
            Some(Framed::Rejected(rejection)) => format!("{}: {}", rejection.place, rejection.reason),
            Some(Framed::Document(range)) => {
                // Whose document it is does not matter.
                let context = Context {
                    tenant: "tenant",
                    register: "register",
                    shop: None,
                    time_zone: None,
                    document_id: family.needs_document_id.then_some("document"),
                    charset: None,
                    keeps_personal_data: false,
                    received_at: Timestamp::now(),
                    document_hash: "",
                    raw_topic: schemas::raw::TOPIC,
                    raw_partition: 0,
                    raw_offset: 0,
                };
                family.parse(&body[range], &context).err()?.to_string()
            }
        };
        Some(format!("  {:<12} {}", family.name, cut(&reason, MOST)))
    };
    formats::FAMILIES.iter().filter_map(of_family).collect::<Vec<_>>().join("\n")
}

fn extension(file: &Path) -> String {
    file.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The register that sends, and its token: the one that was given, or one made with the keys.
fn sender(id: Option<SenderId>, token: Option<String>, settings: &Settings) -> anyhow::Result<(String, String)> {
    match (id, token) {
        (Some(id), Some(token)) => Ok((id.register, token)),
        (Some(SenderId { tenant: Some(tenant), register }), None) => {
            let keys = settings.token_keys()?;
            let token = keys.issue(&tenant, &register, keys.newest_version())?;
            Ok((register, token))
        }
        (None, Some(token)) => {
            let register = token.split('.').nth(2).map(str::to_owned);
            Ok((register.context("that is no register token: `kassactl registers enrol` prints one")?, token))
        }
        (Some(_), None) => anyhow::bail!("without --token the tenant is needed: --register TENANT/REGISTER"),
        (None, None) => anyhow::bail!("--register or --token is needed"),
    }
}

fn results(answer: &Value) -> &[Value] {
    answer["results"].as_array().map_or(&[], Vec::as_slice)
}

fn show(answer: &Value, status: u16, retry_after: Option<&str>, out: &mut Out) -> std::io::Result<()> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let results = results(answer);
    if !results.is_empty() {
        let rows =
            results.iter().map(|result| ["index", "status", "id", "reason", "place"].map(|name| text(&result[name])));
        out.table(["document", "verdict", "id", "reason", "place"], rows)?;
    }
    if status != 200 {
        let said = ["title", "detail"].map(|name| text(&answer[name]));
        let said: Vec<&str> = said.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        writeln!(out, "{status} {}", said.join(": "))?;
    }
    if let Some(byte) = answer["unread_from"].as_u64() {
        writeln!(out, "nothing was read from byte {byte} on: send that again without the rejected document")?;
    }
    if let Some(seconds) = retry_after {
        writeln!(out, "send again in {seconds} s")?;
    }
    out.flush()
}

/// The bytes that hexadecimal digits spell; white space between them does not count.
fn bytes_of_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(file: &str, body: &str, format: Option<&str>) -> anyhow::Result<(&'static str, &'static str)> {
        choose(Path::new(file), body.as_bytes(), format).map(|choice| (choice.family.name, choice.media_type.name))
    }

    #[test]
    fn the_documents_tell_their_format_where_it_is_not_named() {
        let sale = "{\"type\":\"SALE\",\"amount\":1,\"deviceId\":1,\"shiftId\":1,\"number\":1,\"localDate\":\"2026-11-20 14:05:00\"}";
        assert_eq!(chosen("receipt", sale, None).unwrap(), ("dreamkas", "application/json"));
        let lines = format!("{sale}\n{sale}\n");
        assert_eq!(chosen("receipts", &lines, None).unwrap(), ("dreamkas", "application/x-ndjson"));
        assert_eq!(chosen("a.xml", "<CheckPackage/>", Some("xml-1c")).unwrap().0, "xml-1c");
        assert_eq!(chosen("a.json", "{}", Some("ffd-tlv")).unwrap().0, "ffd-tlv");
        assert!(chosen("receipt.json", "{}", None).unwrap_err().to_string().contains("no format reads"));
        assert!(chosen("receipt.json", sale, Some("punch-cards")).is_err());
    }

    #[test]
    fn hex_is_read_with_white_space() {
        assert_eq!(bytes_of_hex(b"03 00\n10Ff"), Some(vec![0x03, 0x00, 0x10, 0xFF]));
        assert_eq!(bytes_of_hex(b"030"), None);
        assert_eq!(bytes_of_hex(b"0x03"), None);
    }
}
