//! The documents of the fleet are what registers of their families send: checked by reading them back with
//! independent means (a JSON parser, and a TLV reader written here from the tag table).

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, HashSet};

use load_tests::{
    check_digits::gtin_check_digit,
    document::{Body, Document},
    encode,
    family::Family,
    till::Till,
    world::World,
};
use proptest::prelude::*;
use serde_json::Value;

/// All documents that the registers of a world make, each `steps` times, half a minute apart.
fn documents(world: &World, steps: i64) -> Vec<Document> {
    (0..world.registers.len() as u32)
        .flat_map(|register| {
            let mut till = Till::new(world, register);
            (0..steps).map(move |step| till.next(world, 1_760_000_000 + step * 31)).collect::<Vec<_>>()
        })
        .collect()
}

fn family(world: &World, document: &Document) -> Family {
    world.registers[document.register as usize].family
}

/// Children of a TLV object by tag. Panics unless every length is exact.
fn read_tlv(mut bytes: &[u8]) -> BTreeMap<u16, Vec<&[u8]>> {
    let mut tags: BTreeMap<u16, Vec<&[u8]>> = BTreeMap::new();
    while !bytes.is_empty() {
        let tag = u16::from_le_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        tags.entry(tag).or_default().push(&bytes[4..4 + length]);
        bytes = &bytes[4 + length..];
    }
    tags
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn a_json_receipt_has_about_1_7_kilobytes() {
    let world = World::new(20, 60);
    let sizes: Vec<usize> = documents(&world, 200)
        .iter()
        .filter(|document| family(&world, document) == Family::Dreamkas && matches!(document.body, Body::Receipt(_)))
        .filter(|document| !world.registers[document.register as usize].probe)
        .map(|document| encode::document(&world, document).len())
        .collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((1_500..=1_900).contains(&mean), "{mean} bytes");
}

#[test]
fn required_tags_are_there_and_texts_fit() {
    let world = World::new(21, 30);
    let mut kinds = HashSet::new();
    for document in documents(&world, 150).iter().filter(|document| family(&world, document) == Family::FfdTlv) {
        let bytes = encode::document(&world, document);
        let outer = read_tlv(&bytes);
        let (tag, body) = outer.first_key_value().unwrap();
        assert_eq!(outer.len(), 1);
        assert!(body[0].len() <= if *tag == 3 { 32_768 } else { 4_096 });
        kinds.insert(*tag);
        let tags = read_tlv(body[0]);
        let required: &[u16] = match tag {
            3 => &[1209, 1042, 1012, 1038, 1054, 1037, 1059, 1020, 1040, 1041, 1077],
            2 => &[1209, 1018, 1012, 1038, 1037, 1188, 1189, 1040, 1041, 1077],
            5 => &[1209, 1018, 1012, 1038, 1037, 1118, 1111, 1040, 1041, 1077],
            other => panic!("document {other}"),
        };
        for tag in required {
            assert!(tags.contains_key(tag), "{tag}");
        }
        for (tag, values) in &tags {
            assert!(values.len() == 1 || *tag == 1059, "{tag} is repeated");
        }
        let length = |tag: u16| tags[&tag][0].len();
        assert_eq!(
            (length(1041), length(1037), length(1018), length(1077), length(1012), length(1209)),
            (16, 20, 12, 6, 4, 1)
        );
        assert!(length(1021) <= 64 && length(1013) <= 20);
        assert_eq!(number(tags[&1040][0]), u64::from(document.number));
        assert_eq!(tags[&1077][0][2..], document.sign.to_be_bytes());
        assert_eq!(number(tags[&1012][0]) % 60, 0, "registers print minutes");
        for item in tags.get(&1059).into_iter().flatten() {
            assert!(item.len() <= 1_024);
            let item = read_tlv(item);
            for tag in [1030, 1023, 1043, 1079, 1199, 1212, 1214] {
                assert!(item.contains_key(&tag), "{tag}");
            }
            assert!(item[&1030][0].len() <= 128 && (1..=8).contains(&item[&1023][0].len()));
            if let Some(code) = item.get(&1162) {
                assert!(code[0].len() <= 32 && code[0][..2] == [0x44, 0x4D]);
                let gtin = code[0][2..8].iter().fold(0u64, |gtin, byte| gtin << 8 | u64::from(*byte));
                assert_eq!(gtin % 10, gtin_check_digit(gtin / 10));
            }
        }
    }
    assert_eq!(kinds, HashSet::from([2, 3, 5]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn tlv_receipts_add_up(seed in any::<u64>()) {
        let world = World::new(seed, 8);
        for document in documents(&world, 60) {
            let (Family::FfdTlv, Body::Receipt(receipt)) = (family(&world, &document), &document.body) else { continue };
            let bytes = encode::document(&world, &document);
            let tags = read_tlv(read_tlv(&bytes)[&3][0]);
            let items: Vec<_> = tags[&1059].iter().map(|item| read_tlv(item)).collect();
            prop_assert_eq!(items.len(), receipt.items.len());
            prop_assert_eq!(items.iter().map(|item| number(item[&1043][0])).sum::<u64>(), number(tags[&1020][0]));
            prop_assert_eq!([1031, 1081, 1215].iter().map(|tag| number(tags[tag][0])).sum::<u64>(), receipt.total);
            for item in &items {
                let (digits, quantity) = (u32::from(item[&1023][0][0]), number(&item[&1023][0][1..]));
                let scale = 10u64.pow(digits);
                prop_assert_eq!((number(item[&1079][0]) * quantity + scale / 2) / scale, number(item[&1043][0]));
            }
            let item_vat: u64 = items.iter().filter_map(|item| item.get(&1200)).map(|vat| number(vat[0])).sum();
            let single: u64 = [1102, 1103].iter().filter_map(|tag| tags.get(tag)).map(|vat| number(vat[0])).sum();
            let listed: u64 = tags.get(&1115).map_or(0, |list| number(read_tlv(read_tlv(list[0])[&1119][0])[&1120][0]));
            prop_assert_eq!(item_vat, single + listed);
        }
    }

    #[test]
    fn json_receipts_add_up(seed in any::<u64>()) {
        let world = World::new(seed, 8);
        for document in documents(&world, 60) {
            if family(&world, &document) != Family::Dreamkas { continue }
            let json: Value = serde_json::from_slice(&encode::document(&world, &document)).unwrap();
            let register = &world.registers[document.register as usize];
            prop_assert_eq!(json["deviceId"].as_u64(), Some(register.device.into()));
            let Body::Receipt(receipt) = &document.body else {
                prop_assert!(["MONEY_IN", "MONEY_OUT"].contains(&json["type"].as_str().unwrap()));
                continue;
            };
            prop_assert_eq!(json["fnNumber"].as_str().unwrap().len(), 16);
            let document_number = document.number.to_string();
            prop_assert_eq!(json["fiscalDocumentNumber"].as_str(), Some(document_number.as_str()));
            let sum: u64 = json["positions"].as_array().unwrap().iter().map(|position| {
                (position["price"].as_u64().unwrap() * position["quantity"].as_u64().unwrap() + 500) / 1000
            }).sum();
            prop_assert_eq!(sum, receipt.total);
            prop_assert_eq!(json["amount"].as_u64(), Some(sum));
            prop_assert_eq!(json["payments"].as_array().unwrap().iter().map(|payment| payment["amount"].as_u64().unwrap()).sum::<u64>(), sum);
        }
    }
}

#[test]
fn the_seed_decides_every_byte() {
    let bytes = |seed| {
        let world = World::new(seed, 6);
        documents(&world, 40).iter().map(|document| encode::document(&world, document)).collect::<Vec<_>>()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}
