//! Every raw document becomes exactly one record, whatever happens around the normalizer.

use local_servers::{Endpoints, Home, Kind, Server, testing::endpoints};
use provision::testing::install;
use schemas::{
    dead_letters::DeadLetter,
    events::{EventKind, RegisterEvent},
    receipts::{Operation, Receipt},
    shifts::ShiftDocument,
};

use crate::support::{dreamkas_receipt, raw, send, start};

#[tokio::test(flavor = "multi_thread")]
async fn each_document_becomes_a_receipt_a_shift_or_an_event_that_says_where_it_comes_from() {
    let installation = install(&endpoints(), 3).await;
    let encashment = r#"{"deviceId":17,"shopId":3,"type":"MONEY_IN","shiftId":5,"cashier":{"name":"Ветрова А. Б."},"sum":500000,"localDate":"2026-03-01 09:00:00","date":"2026-03-01T06:00:00.000Z"}"#;
    let shift_open = tlv_shift_open();
    send(
        &installation,
        vec![
            raw(&installation, "dreamkas", dreamkas_receipt(132)),
            raw(&installation, "dreamkas", encashment.into()),
            raw(&installation, "ffd-tlv", shift_open),
        ],
    )
    .await;
    let service = start(&installation);
    installation.until_read("normalizer").await;
    service.stop().await;

    let receipts = installation.read_all("registers.receipts.v1").await;
    let raws = installation.read_all("registers.raw.v1").await;
    assert_eq!(receipts.len(), 1);
    let receipt: Receipt<'_> = receipts[0].decode();
    assert_eq!(receipt.receipt_id, format!("{}/9999078900001234/0000000132", installation.tenant));
    assert_eq!((receipt.operation, receipt.total_kopecks), (Operation::Sell, 10_998));
    assert_eq!((receipt.shop.as_deref(), &*receipt.register), (Some("shop-1"), "till-1"));
    assert_eq!((receipt.raw_partition, receipt.raw_offset), (raws[0].partition, raws[0].offset));
    assert_eq!(
        (receipts[0].partition, &receipts[0].key),
        (raws[0].partition, &raws[0].key),
        "same key, same partition"
    );
    assert_eq!(receipt.items[0].product_key.as_deref(), Some("gtin:04607161623886"));

    let events = installation.read_all("registers.events.v1").await;
    let event: RegisterEvent<'_> = events[0].decode();
    assert_eq!((events.len(), event.kind, event.amount_kopecks), (1, EventKind::CashIn, Some(500_000)));
    let shifts = installation.read_all("registers.shifts.v1").await;
    let shift: ShiftDocument<'_> = shifts[0].decode();
    assert_eq!((shifts.len(), shift.shift_number), (1, Some(4)));
    assert!(installation.read_all("registers.dead-letters.v1").await.is_empty());
}

/// A shift that is opened (document 2, FFD 1.05): tags of the order's table, made-up values.
fn tlv_shift_open() -> Vec<u8> {
    fn tag(number: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&number.to_le_bytes()[..], &length.to_le_bytes()[..], value].concat()
    }
    let children = [
        tag(1041, b"9999078900001234"),
        tag(1037, b"0000000001005209    "),
        tag(1018, b"7700000016  "),
        tag(1040, &131_u32.to_le_bytes()),
        tag(1012, &1_772_355_600_u32.to_le_bytes()),
        tag(1077, &[0x23, 0x04, 0x91, 0xE5, 0x63, 0xD7]),
        tag(1038, &4_u32.to_le_bytes()),
        tag(1209, &[2]),
        tag(1188, b"1.0     "),
        tag(1189, &[2]),
    ]
    .concat();
    tag(2, &children)
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_becomes_a_dead_letter_with_its_bytes_and_place_and_the_partition_goes_on() {
    let installation = install(&endpoints(), 1).await;
    let nonsense = br#"{"type":"SALE","amount":-5,"fiscalDocumentNumber":"-1","fnNumber":"not a drive"}"#.to_vec();
    send(
        &installation,
        vec![
            raw(&installation, "dreamkas", nonsense.clone()),
            raw(&installation, "no-such-format", b"?".to_vec()),
            raw(&installation, "ffd-tlv", vec![3, 0, 200, 0, 1, 2, 3]),
            raw(&installation, "dreamkas", dreamkas_receipt(1)),
        ],
    )
    .await;
    let key = format!("{}/till-1", installation.tenant);
    installation.produce_bytes("registers.raw.v1", &[(key.as_bytes(), b"no Avro".to_vec())]).await;
    let service = start(&installation);
    installation.until_read("normalizer").await;
    service.stop().await;

    let letters = installation.read_all("registers.dead-letters.v1").await;
    let letters: Vec<DeadLetter<'_>> = letters.iter().map(provision::testing::Consumed::decode).collect();
    assert_eq!(letters.len(), 4);
    assert_eq!(letters[0].body.as_deref(), Some(&nonsense[..]));
    assert!(letters[0].error_place.as_deref().is_some_and(|place| place.starts_with('$')), "{:?}", letters[0]);
    assert_eq!((&*letters[0].stage, letters[0].tenant.as_deref()), ("normalizer", Some(&*installation.tenant)));
    assert_eq!(&*letters[1].error_class, "unknown-format");
    assert_eq!((&*letters[2].error_class, letters[2].source_offset), ("undecodable", 2));
    assert_eq!(letters[3].body.as_deref(), Some(&b"no Avro"[..]));
    assert_eq!(installation.read_all("registers.receipts.v1").await.len(), 1);
}

/// A reason quotes what it found: six bytes for each byte of a value that fills its document.
#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_would_not_fit_into_a_letter_stops_nobody() {
    let installation = install(&endpoints(), 1).await;
    let large = format!(r#"{{"type":"SALE","amount":1,"localDate":"{}"}}"#, "\u{7f}".repeat(520_000));
    let documents = [large.into_bytes(), dreamkas_receipt(1)];
    send(&installation, documents.map(|document| raw(&installation, "dreamkas", document)).to_vec()).await;
    let service = start(&installation);
    installation.until_read("normalizer").await;
    service.stop().await;
    let letters = installation.read_all("registers.dead-letters.v1").await;
    let letter: DeadLetter<'_> = letters[0].decode();
    assert!(letter.body.is_some_and(|body| body.len() > 520_000) && letter.error_text.len() < 5_000);
    assert_eq!(installation.read_all("registers.receipts.v1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_is_dropped_even_by_a_normalizer_that_has_just_started() {
    let installation = install(&endpoints(), 2).await;
    let document = || raw(&installation, "dreamkas", dreamkas_receipt(9));
    send(&installation, vec![document()]).await;
    let service = start(&installation);
    installation.until_read("normalizer").await;
    send(&installation, vec![document(), document()]).await;
    installation.until_read("normalizer").await;
    service.stop().await;
    assert_eq!(installation.read_all("registers.receipts.v1").await.len(), 1);

    let service = start(&installation);
    send(&installation, vec![document()]).await;
    installation.until_read("normalizer").await;
    service.stop().await;
    assert_eq!(installation.read_all("registers.receipts.v1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_registry_is_away_it_waits_and_then_catches_up() {
    let mut registry = Server::start_new(&Home::find().unwrap(), Kind::Registry).await.unwrap();
    let installation = install(&Endpoints { registry: registry.url(), ..endpoints() }, 1).await;
    send(&installation, vec![raw(&installation, "dreamkas", dreamkas_receipt(1))]).await;
    registry.kill().await;
    let service = start(&installation);
    registry.start().await.unwrap();
    installation.until_read("normalizer").await;
    service.stop().await;
    assert_eq!(installation.read_all("registers.receipts.v1").await.len(), 1);
    assert!(installation.read_all("registers.dead-letters.v1").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_and_comes_back_costs_nothing() {
    let mut broker = Server::start_new(&Home::find().unwrap(), Kind::Kafka).await.unwrap();
    let installation = install(&Endpoints { kafka: broker.url(), ..endpoints() }, 2).await;
    let documents =
        |range: std::ops::Range<u32>| range.map(|n| raw(&installation, "dreamkas", dreamkas_receipt(n))).collect();
    send(&installation, documents(1..500)).await;
    let service = start(&installation);
    installation.wait_for("registers.receipts.v1", "first receipt", |seen| !seen.is_empty()).await;
    broker.kill().await;
    broker.start().await.unwrap();
    send(&installation, documents(500..600)).await;
    installation.until_read("normalizer").await;
    service.stop().await;
    let receipts = installation.read_all("registers.receipts.v1").await;
    let ids: std::collections::HashSet<String> =
        receipts.iter().map(|r| r.decode::<Receipt<'_>>().receipt_id.to_string()).collect();
    assert_eq!(ids.len(), 599);
    assert!(installation.read_all("registers.dead-letters.v1").await.is_empty());
}
