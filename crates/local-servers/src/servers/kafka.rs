//! Apache Kafka: one node, broker and controller in one process.

use std::fs;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use super::{Site, java, loaded_classes};
use crate::home::{Home, make_folder};
use crate::process::Invocation;
use crate::{Error, Result};

pub(super) fn prepare(site: &Site, home: &Home) -> Result<Invocation> {
    let formatted = home.download("kafka/formatted")?;
    let logs = site.data.join("log");
    let temporary = site.data.join("tmp");
    make_folder(&logs)?;
    make_folder(&temporary)?;
    // The identity goes last: a folder that has it is whole.
    for name in ["bootstrap.checkpoint", "meta.properties"] {
        let target = logs.join(name);
        if !target.exists() {
            fs::copy(formatted.join(name), &target).map_err(Error::io(format!("writing {}", target.display())))?;
        }
    }
    let settings = site.data.join("server.properties");
    fs::write(&settings, properties(site, &logs.to_string_lossy()))
        .map_err(Error::io(format!("writing {}", settings.display())))?;
    let logging = site.data.join("log4j2.properties");
    fs::write(&logging, LOGGING).map_err(Error::io(format!("writing {}", logging.display())))?;

    let mut arguments: Vec<_> = [
        // A gigabyte of heap and a quarter beside it: a third of what the four servers may use.
        "-Xms256m",
        "-Xmx1g",
        "-XX:MaxDirectMemorySize=256m",
        // These servers live for minutes, in which the second compiler takes more than it gives back.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
    ]
    .map(Into::into)
    .into();
    arguments.extend(loaded_classes(home, site.kind));
    arguments.extend([
        format!("-Djava.io.tmpdir={}", temporary.display()).into(),
        format!("-Dlog4j2.configurationFile={}", logging.display()).into(),
        "-cp".into(),
        home.download("kafka")?.join("*").into(),
        "kafka.Kafka".into(),
        settings.into(),
    ]);
    Ok(Invocation { program: java()?, arguments, user: None })
}

/// The voter is named here and not stored with the data, so that a server whose ports were taken can
/// move to other ones.
fn properties(site: &Site, logs: &str) -> String {
    let port = site.port;
    let controller = site.inner_port.unwrap_or(0);
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
# One node keeps one copy.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# 50 by default: files, and time at the first consumer.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
num.network.threads=2
num.io.threads=2
# A group's first member need not wait for others.
group.initial.rebalance.delay.ms=0
# A broker that was killed may come back when its old session has run out: 9 s by default.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
# The largest record of the catalogue is 2 MiB.
message.max.bytes=3145728
# Retention is looked at once an hour, out of the way of measurements.
log.retention.check.interval.ms=3600000
# 128 MiB of heap by default.
log.cleaner.dedupe.buffer.size=16777216
"
    )
}

const LOGGING: &str = "\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
# Several lines for each partition of each topic.
logger.log.name = kafka.log
logger.log.level = warn
logger.storage.name = org.apache.kafka.storage
logger.storage.level = warn
logger.cluster.name = kafka.cluster
logger.cluster.level = warn
logger.state.name = state.change.logger
logger.state.level = warn
logger.controller.name = org.apache.kafka.controller
logger.controller.level = warn
logger.group.name = org.apache.kafka.coordinator
logger.group.level = warn
";

/// Silent: what the probe finds out goes to its caller.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: rdkafka::error::KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// Asks for the cluster's brokers: a broker that may not serve yet is not among them.
pub(super) async fn healthy(port: u16) -> std::result::Result<(), String> {
    let ask = move || {
        let config = ClientConfig::new()
            .set("bootstrap.servers", format!("127.0.0.1:{port}"))
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "100")
            .clone();
        let consumer: BaseConsumer<Quiet> =
            BaseConsumer::from_config_and_context(&config, Quiet).map_err(|error| error.to_string())?;
        let metadata = consumer.fetch_metadata(None, Duration::from_secs(3)).map_err(|error| error.to_string())?;
        if metadata.brokers().is_empty() {
            return Err("the broker has not joined its cluster yet".to_owned());
        }
        Ok(())
    };
    tokio::task::spawn_blocking(ask).await.map_err(|error| error.to_string())?
}
