//! The servers of a test run, with the clients that our services use. Starts its own.

#![allow(clippy::unwrap_used)] // its helpers are test code too

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use kassaflow_local_servers::{Endpoints, Home, Kind, Server, testing};
use mongodb::bson::{Document, doc};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio_postgres::NoTls;

const TOPIC: &str = "receipts";

/// One set of servers for the whole story: they belong to a process of their own, which is killed at the end.
#[tokio::test(flavor = "multi_thread")]
async fn data_survive_kills_and_the_servers_die_with_their_owner() {
    let mut owner = Owner::start();
    let (endpoints, _): (Endpoints, Vec<u32>) = owner.answer();
    produce(&endpoints, "a receipt").await;
    let schema_id = register_schema(&endpoints).await;
    insert_document(&endpoints, "first").await;
    let database = testing::postgres_database(&endpoints).await;
    query(&database, "CREATE TABLE t (n int)").await;
    query(&database, "INSERT INTO t VALUES (42)").await;

    owner.tell("kill");
    let (same, pids): (Endpoints, Vec<u32>) = owner.answer();
    assert!(pids.is_empty());
    for address in addresses(&endpoints) {
        assert!(TcpStream::connect(&address).is_err(), "{address} answers");
    }
    assert_eq!(same, endpoints);

    owner.tell("start");
    let (same, pids): (Endpoints, Vec<u32>) = owner.answer();
    assert_eq!(same, endpoints);
    assert_eq!(consume_first(&endpoints).await, "a receipt");
    assert_eq!(register_schema(&endpoints).await, schema_id);
    assert_eq!(count_documents(&endpoints, "first").await, 1);
    assert_eq!(query(&database, "SELECT n FROM t").await, ["42"]);

    assert_eq!(pids.len(), 4);
    if cfg!(target_os = "linux") {
        owner.process.kill().unwrap();
    } else {
        // Elsewhere only an owner that ends in good order takes its servers along.
        owner.orders = None;
    }
    owner.process.wait().unwrap();
    eventually("the servers end", || pids.iter().all(|pid| has_ended(*pid)));
    eventually("the ports are free", || {
        addresses(&endpoints).iter().all(|address| TcpStream::connect(address).is_err())
    });
}

/// `examples/owner.rs` as a process: told what to do with its servers, and killed.
struct Owner {
    process: Child,
    orders: Option<ChildStdin>,
    words: Lines<BufReader<ChildStdout>>,
}

impl Owner {
    fn start() -> Self {
        // Cargo builds examples with the tests: target/debug/examples beside target/debug/deps.
        let program = env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("owner");
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { orders: process.stdin.take(), words: BufReader::new(process.stdout.take().unwrap()).lines(), process }
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
    }

    fn answer<T: serde::de::DeserializeOwned>(&mut self) -> T {
        // What it says when it ends stands in the output of the test.
        serde_json::from_str(&self.words.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let downloads = Home::find().unwrap().root().join(".local/downloads");
    fs::create_dir(folder.path().join(".local")).unwrap();
    std::os::unix::fs::symlink(downloads, folder.path().join(".local/downloads")).unwrap();
    let home = Home::at(folder.path()).unwrap();
    let mut server = Server::start_new(&home, Kind::MongoDb).await.unwrap();
    server.stop().await;
    // Somebody else sits on its port now.
    let port = port_of(&server.url());
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let message = server.start().await.unwrap_err().to_string();
    assert!(message.contains(&server.log().display().to_string()), "{message}");
    assert!(message.contains("Address already in use"), "{message}");
    drop(taken);

    server.start().await.unwrap();
    let pid = server.pid().unwrap();
    drop(server);
    assert!(has_ended(pid), "process {pid} runs on");
    let data = fs::read_dir(home.root().join(".local/ephemeral")).unwrap();
    assert_eq!(data.count(), 0);
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that has ended and was not collected has an empty command line.
fn has_ended(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
        || !fs::exists(format!("/proc/{pid}")).unwrap()
}

fn addresses(endpoints: &Endpoints) -> [String; 4] {
    [&endpoints.kafka, &endpoints.registry, &endpoints.mongodb, &endpoints.postgres]
        .map(|url| format!("127.0.0.1:{}", port_of(url)))
}

fn port_of(url: &str) -> u16 {
    let (_, rest) = url.split_once("127.0.0.1:").unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn kafka(endpoints: &Endpoints) -> ClientConfig {
    ClientConfig::new().set("bootstrap.servers", &endpoints.kafka).set("group.id", "readers").clone()
}

async fn produce(endpoints: &Endpoints, payload: &str) {
    let admin: AdminClient<DefaultClientContext> = kafka(endpoints).create().unwrap();
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let producer: FutureProducer = kafka(endpoints).set("acks", "all").create().unwrap();
    let record = FutureRecord::to(TOPIC).key("key").payload(payload);
    producer.send(record, Duration::from_secs(10)).await.unwrap();
}

async fn consume_first(endpoints: &Endpoints) -> String {
    let config = kafka(endpoints);
    let consume = move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
        consumer.assign(&partitions).unwrap();
        let message = consumer.poll(Duration::from_secs(20)).unwrap().unwrap();
        String::from_utf8(message.payload().unwrap().to_vec()).unwrap()
    };
    tokio::task::spawn_blocking(consume).await.unwrap()
}

/// Registering the same schema again answers with the id that it has.
async fn register_schema(endpoints: &Endpoints) -> u64 {
    let url = format!("{}/subjects/a-subject/versions", endpoints.registry);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer: serde_json::Value = client
        .post(url)
        .json(&serde_json::json!({ "schema": "\"long\"" }))
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["id"].as_u64().unwrap()
}

async fn collection(endpoints: &Endpoints) -> mongodb::Collection<Document> {
    let client = mongodb::Client::with_uri_str(&endpoints.mongodb).await.unwrap();
    client.database("test").collection("documents")
}

async fn insert_document(endpoints: &Endpoints, id: &str) {
    let majority =
        mongodb::options::WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build();
    collection(endpoints).await.insert_one(doc! { "_id": id }).write_concern(majority).await.unwrap();
}

async fn count_documents(endpoints: &Endpoints, id: &str) -> u64 {
    let documents = collection(endpoints).await;
    documents.count_documents(doc! { "_id": id }).await.unwrap()
}

async fn query(url: &str, statement: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let answers = client.simple_query(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    answers
        .into_iter()
        .filter_map(|answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .collect()
}
