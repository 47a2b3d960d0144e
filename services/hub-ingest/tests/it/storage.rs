//! What is on the topic after an answer of 200.

use flate2::{Compression, write::GzEncoder};
use provision::{Enrolment, testing::Consumed};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use schemas::{
    Timestamp,
    raw::{RawDocument, TOPIC},
};
use std::io::Write as _;

use crate::support::{PARTITIONS, answer, hub, statuses, tlv_receipt};

/// The partition of a key as Kafka's Java clients choose it, written down from their documentation.
fn java_partition(key: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    let mut hash = 0x9747_b28c ^ u32::try_from(key.len()).unwrap();
    let chunks = key.chunks_exact(4);
    let tail = chunks.remainder();
    for chunk in chunks {
        hash = hash.wrapping_mul(M) ^ mix(u32::from_le_bytes(chunk.try_into().unwrap()));
    }
    if !tail.is_empty() {
        let last = tail.iter().enumerate().fold(0, |sum, (index, byte)| sum | u32::from(*byte) << (8 * index));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^= hash >> 15;
    i32::try_from((hash & 0x7FFF_FFFF) % u32::try_from(PARTITIONS).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_holds_the_bytes_and_what_the_directory_knows() {
    let hub = hub().await;
    let tenant = hub.installation.tenant.clone();
    let token = hub
        .installation
        .enrol_as(&Enrolment {
            tenant: tenant.clone(),
            register: "till-1".into(),
            shop: "shop-7".into(),
            time_zone: "Asia/Omsk".into(),
            families: vec!["ffd-tlv".into(), "dreamkas".into()],
            ..Enrolment::default()
        })
        .await;
    hub.wait_until_known("till-1", &token).await;
    let before = Timestamp::now();
    let document = r#"{"name":"Молоко 3,2 %"}"#;
    assert_eq!(hub.send_json("till-1", &token, document).await.0, 200);
    let records = hub.installation.read_all(TOPIC).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.key(), format!("{tenant}/till-1"));
    let raw: RawDocument<'_> = record.decode();
    assert!(raw.received_at >= before && raw.received_at <= Timestamp::now());
    let directory = hub.installation.read_all(schemas::directory::TOPIC).await;
    let expected = RawDocument {
        tenant: tenant.into(),
        register: "till-1".into(),
        shop: Some("shop-7".into()),
        time_zone: Some("Asia/Omsk".into()),
        primary_source: Some("ffd-tlv".into()),
        directory_offset: directory.last().map(|entry| entry.offset),
        format: "dreamkas".into(),
        content_type: Some("application/vnd.kassaflow.dreamkas+json".into()),
        received_at: raw.received_at,
        document_hash: canonical::document_hash(document.as_bytes()).into(),
        body: document.as_bytes().into(),
        document_id: None,
        keeps_personal_data: false,
    };
    assert_eq!(raw, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lies_where_every_kafka_client_looks_for_it() {
    let hub = hub().await;
    for number in 0..12 {
        let register = format!("till-{number}");
        let token = hub.enrol(&register).await;
        assert_eq!(hub.send_json(&register, &token, "[{},{}]").await.0, 200);
    }
    let records = hub.installation.read_all(TOPIC).await;
    assert_eq!(records.len(), 24);
    for Consumed { key, partition, .. } in &records {
        assert_eq!(*partition, java_partition(key), "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_stored_as_what_they_hold() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let batch: Vec<u8> = (0..200).flat_map(tlv_receipt).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&batch).unwrap();
    for (encoding, body) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(&batch[..], 3).unwrap())] {
        let request = hub
            .post("till-1", &token)
            .header(CONTENT_TYPE, "application/vnd.kassaflow.ffd-tlv")
            .header(CONTENT_ENCODING, encoding);
        let (status, body) = answer(request.body(body).send().await.unwrap()).await;
        assert_eq!((status, statuses(&body).len()), (200, 200), "{encoding}");
    }
    let records = hub.installation.read_all(TOPIC).await;
    let bodies: Vec<u8> =
        records.iter().flat_map(|record| record.decode::<RawDocument<'_>>().body.into_owned()).collect();
    assert_eq!(bodies, [batch.clone(), batch].concat());
}
