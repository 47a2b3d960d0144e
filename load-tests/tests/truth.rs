//! What the hub's parsers make of every document of the fleet is what the fleet meant to say. The check would find a
//! difference, too, but only after a run on real servers.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, HashSet};

use formats::{Context, Framed, Limits, Parsed};
use load_tests::{
    check::mongo,
    content::{ContentText, Header},
    document::{Body, Document},
    encode,
    family::Family,
    till::Till,
    truth,
    world::World,
};
use mongodb::bson::RawDocumentBuf;
use schemas::{Timestamp, bson, events::RegisterEvent};

/// Later than any document.
const NOW: i64 = 1_795_400_000;

/// All documents that the registers of a world make, each `steps` times, some minutes apart, so that days and shifts pass.
fn documents(world: &World, steps: i64) -> Vec<Document> {
    (0..world.registers.len() as u32)
        .flat_map(|register| {
            let mut till = Till::new(world, register);
            (0..steps).map(move |step| till.next(world, 1_760_000_000 + step * 431)).collect::<Vec<_>>()
        })
        .collect()
}

/// The one document of a body, as hub-ingest cuts it out.
fn framed(family: Family, body: &[u8]) -> &[u8] {
    let choice = formats::choose(Some(family.name()), Some(family.content_type())).unwrap();
    let mut found = Vec::new();
    let outcome = choice.frame(body, &Limits::default(), &mut |framed| found.push(framed));
    assert_eq!(outcome.unread_from, None);
    match &found[..] {
        [Framed::Document(range)] => &body[range.clone()],
        other => panic!("{other:?} of {}", String::from_utf8_lossy(body)),
    }
}

/// Has the hub read a document. Returns its id, what it says and its flags.
fn read(world: &World, document: &Document) -> (String, ContentText, Vec<String>) {
    let register = &world.registers[document.register as usize];
    let (shop, family) = (world.shop_of(register), register.family);
    let body = encode::document(world, document);
    let document_id = encode::document_id(world, document);
    let context = Context {
        tenant: &world.tenant_of(register).id,
        register: &register.id,
        shop: Some(&shop.id),
        time_zone: Some(shop.zone.name),
        document_id: document_id.as_deref(),
        charset: formats::charset(family.content_type()),
        keeps_personal_data: false,
        received_at: Timestamp(NOW * 1_000_000),
        document_hash: "00112233445566778899aabbccddeeff",
        raw_topic: "registers.raw.v1",
        raw_partition: 0,
        raw_offset: 0,
    };
    let text = || String::from_utf8_lossy(&body).into_owned();
    let parsed = formats::family(family.name()).unwrap().parse(framed(family, &body), &context);
    let parsed = parsed.unwrap_or_else(|invalid| panic!("{invalid}: {}", text()));
    let id = parsed.id().to_owned();
    let flags = |flags: &[_]| flags.iter().map(|flag: &std::borrow::Cow<'_, str>| flag.to_string()).collect();
    match &parsed {
        Parsed::Receipt(receipt) => {
            let stored = RawDocumentBuf::from_bytes(bson::to_document(&**receipt)).unwrap();
            (id, mongo::receipt(&stored), flags(&receipt.flags))
        }
        Parsed::Shift(shift) => {
            let stored = RawDocumentBuf::from_bytes(bson::to_document(&**shift)).unwrap();
            (id, mongo::shift(&stored), flags(&shift.flags))
        }
        Parsed::Event(event) => (id, of_event(event), flags(&event.flags)),
    }
}

/// What an event says, as the check takes it from the topic.
fn of_event(event: &RegisterEvent<'_>) -> ContentText {
    let mut text = ContentText::start(&Header {
        document: "event",
        tenant: &event.tenant,
        shop: event.shop.as_deref(),
        register: &event.register,
        source: &event.source,
        kind: event.kind.symbol(),
        shift: event.shift_number,
        local_ms: event.local_time.map(|time| time.0 / 1_000),
        utc_ms: event.utc_time.map(|time| time.0 / 1_000),
        cashier: event.cashier_name.as_deref(),
        cashier_inn: event.cashier_inn.as_deref(),
        ..Header::default()
    });
    text.event(event.device.as_deref(), event.amount_kopecks);
    text
}

#[test]
fn every_document_is_read_as_it_was_meant() {
    // Every seed lets other formats be spoken in other shops.
    let mut read_of: BTreeMap<Family, HashSet<&str>> = BTreeMap::new();
    for seed in 40..42 {
        let world = World::new(seed, 150);
        let mut ids = HashSet::new();
        let mut made = 0;
        for document in documents(&world, 130) {
            let family = world.registers[document.register as usize].family;
            let (id, content, flags) = read(&world, &document);
            let expected = truth::content(&world, &document);
            assert_eq!(content.as_str(), expected.as_str(), "{id}");
            // How a card is numbered is up to the shop: the hub says that it does not know.
            let card = matches!(&document.body, Body::Receipt(receipt) if receipt.payments.cash < receipt.total);
            let known = family == Family::Frontol && card;
            assert_eq!(flags, if known { vec!["unknown-code"] } else { vec![] }, "{id}");
            if !matches!(document.body, Body::Encashment { .. }) {
                assert_eq!(truth::named_id(&world, &document).is_some(), !family.is_fiscal());
                made += 1;
                ids.insert(id);
            }
            read_of.entry(family).or_default().insert(truth::kind(&document.body));
        }
        assert_eq!(ids.len(), made, "two documents have the same id");
    }
    let kinds = |family: Family| {
        let mut kinds: Vec<_> = read_of.get(&family).into_iter().flatten().copied().collect();
        kinds.sort_unstable();
        kinds
    };
    for family in Family::ALL {
        let expected: &[&str] = match family {
            Family::Atol | Family::EvotorV1 | Family::FfdTlv | Family::FnsJson => &["CLOSE", "OPEN", "RECEIPT"],
            Family::Frontol => &["CLOSE", "RECEIPT"],
            Family::Dreamkas => &["CASH_IN", "CASH_OUT", "RECEIPT"],
            Family::AtolOnline | Family::Evotor | Family::SetRetail | Family::Xml1c => &["RECEIPT"],
        };
        assert_eq!(kinds(family), expected, "{}", family.name());
    }
}
