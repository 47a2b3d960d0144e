//! What the normalizer and a loop that only forwards bytes are compared on: one raw topic, read by both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use kafka::{Client, Delivered, Producer, ProducerSettings, SendError, admin};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode,
    topic_partition_list::Offset,
};
use schemas::{
    Timestamp,
    catalogue::{Catalogue, Topic},
    raw::{self, RawDocument},
    wire,
    wire::SchemaId,
};
use tokio_util::sync::CancellationToken;

use crate::{encode, till::Till, world::World};

/// Where the loop sends what it reads, without prefix.
pub const TOPIC: &str = "bench.forwarded.v1";
/// The loop's consumer group, without prefix.
pub const GROUP: &str = "forward";

/// Seconds between two documents of a register.
const STEP: i64 = 31;
/// The longest that the brokers may take for anything.
const BOUND: Duration = Duration::from_secs(60);
/// Records and bytes that may wait for their acknowledgement while the topic is filled.
const QUEUE: (usize, usize) = (100_000, 128 * 1024 * 1024);

/// The catalogue, and what the loop needs beside it.
///
/// # Errors
/// When the catalogue contradicts itself.
pub fn catalogue(partitions: i32) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::load()?.with_at_most(partitions);
    let raw = catalogue.topics.get_mut(raw::TOPIC).context("the catalogue has no raw topic")?;
    raw.groups.push(GROUP.to_owned());
    let forwarded = Topic { groups: Vec::new(), with: Vec::new(), ..raw.clone() };
    catalogue.topics.insert(TOPIC.to_owned(), forwarded);
    Ok(catalogue)
}

/// Sends so many documents to raw, as the hub would. Returns the bytes of the documents alone. Blocks.
///
/// # Errors
/// When the brokers refuse.
pub fn fill(client: &Client, schema: SchemaId, world: &World, records: usize) -> anyhow::Result<usize> {
    let queue = ProducerSettings {
        linger: Duration::from_millis(20),
        message_timeout: None,
        queue_records: QUEUE.0,
        queue_bytes: QUEUE.1,
    };
    let producer = Producer::new(client, &queue, CancellationToken::new())?;
    let topic = client.prefixed(raw::TOPIC);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (mut bytes, mut record) = (0, Vec::new());
    let registers = world.selling_registers();
    let mut tills = Till::all(world);
    let begin = jiff::Timestamp::now().as_second() - STEP * (records / registers) as i64;
    for number in 0..records {
        let (till, step) = (number % registers, number / registers);
        let document = tills[till].next(world, begin + STEP * step as i64);
        let body = encode::document(world, &document);
        bytes += body.len();
        let register = &world.registers[till];
        let family = register.family;
        let raw = RawDocument {
            tenant: (&*world.tenant_of(register).id).into(),
            register: (&*register.id).into(),
            shop: Some((&*world.shop_of(register).id).into()),
            time_zone: Some(world.shop_of(register).zone.name.into()),
            primary_source: Some(family.name().into()),
            directory_offset: Some(till as i64),
            format: family.name().into(),
            content_type: Some(family.content_type().into()),
            received_at: Timestamp::now(),
            document_hash: canonical::document_hash(&body).into(),
            body: body.into(),
            ..RawDocument::default()
        };
        record.clear();
        wire::write(schema, &raw, &mut record);
        let key = format!("{}/{}", raw.tenant, raw.register);
        let mut counted = Counted(Arc::clone(&acknowledged));
        while let Err((error, back)) = producer.send(&topic, key.as_bytes(), &record, counted) {
            ensure!(error == SendError::Full, "{topic}: {error}");
            std::thread::sleep(Duration::from_millis(1));
            counted = *back;
        }
    }
    producer.flush(BOUND)?;
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    ensure!(acknowledged == records, "{topic}: {acknowledged} of {records} are acknowledged");
    Ok(bytes)
}

struct Counted(Arc<AtomicUsize>);

impl Delivered for Counted {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts what has arrived in topics, and what a group has committed. Blocks.
pub struct Progress {
    consumer: BaseConsumer,
    outputs: TopicPartitionList,
    inputs: TopicPartitionList,
}

impl Progress {
    /// Of a group that reads raw and writes these topics, all of so many partitions.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn of(client: &Client, group: &str, outputs: &[&str], catalogue: &Catalogue) -> anyhow::Result<Self> {
        let list = |topics: &[&str]| {
            let mut list = TopicPartitionList::new();
            for topic in topics {
                let partitions = catalogue.topics.get(*topic).map_or(0, |topic| topic.partitions);
                list.add_partition_range(&client.prefixed(topic), 0, partitions - 1);
            }
            list
        };
        let consumer = client.config().set("group.id", client.prefixed(group)).create()?;
        Ok(Self { consumer, outputs: list(outputs), inputs: list(&[raw::TOPIC]) })
    }

    /// Records that have arrived.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub fn arrived(&self) -> anyhow::Result<usize> {
        Ok(usize::try_from(admin::ends(&self.consumer, &self.outputs)?.iter().sum::<i64>())?)
    }

    /// Records that the group has finished.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub fn committed(&self) -> anyhow::Result<usize> {
        let committed = self.consumer.committed_offsets(self.inputs.clone(), BOUND)?;
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        Ok(usize::try_from(committed.elements().iter().map(|element| offset(element.offset())).sum::<i64>())?)
    }
}
