//! `topics apply`, `topics list`.

use schemas::catalogue::{Catalogue, Topic};
use serde::Serialize;

use crate::{
    Outcome,
    cli::{Topics, TopicsApply},
    output::{Out, spinner},
    settings::Settings,
};

/// The brokers' own `default.replication.factor`.
const BROKERS_DEFAULT: i32 = -1;

pub(crate) async fn run(command: Topics, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    match command {
        Topics::Apply(arguments) => apply(arguments, settings, out).await,
        Topics::List => list(settings, out).await,
    }
}

#[derive(Serialize)]
struct Applied {
    topic: String,
    partitions: i32,
    created: bool,
}

async fn apply(arguments: TopicsApply, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let mut catalogue = Catalogue::load()?;
    if let Some(most) = arguments.max_partitions {
        catalogue = catalogue.with_at_most(most);
    }
    let waiting = spinner("creating topics");
    let applied =
        settings.installation()?.topics_apply(&catalogue, arguments.replication.unwrap_or(BROKERS_DEFAULT)).await;
    waiting.finish_and_clear();
    let applied = applied?.into_iter().map(|done| Applied {
        topic: done.topic,
        partitions: done.partitions,
        created: done.created,
    });
    if out.json {
        out.json(&applied.collect::<Vec<_>>())?;
    } else {
        let done = |created| if created { "created" } else { "was there" };
        let rows = applied.map(|topic| [topic.topic, topic.partitions.to_string(), done(topic.created).to_owned()]);
        out.table(["topic", "partitions", ""], rows)?;
    }
    Ok(Outcome::Fine)
}

#[derive(Serialize)]
struct Listed<'a> {
    topic: String,
    about: &'a str,
    key: &'a str,
    /// As the brokers say; `None` where they do not have the topic.
    partitions: Option<usize>,
    kept: String,
    groups: &'a [String],
}

async fn list(settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let catalogue = Catalogue::load()?;
    let client = settings.installation()?.client().clone();
    let existing = kafka::admin::partition_counts(&client).await?;
    let topics = catalogue.topics.iter().map(|(name, topic)| {
        let full = client.prefixed(name);
        Listed {
            about: &topic.about,
            key: &topic.key,
            partitions: existing.get(&full).copied(),
            kept: kept(topic),
            groups: &topic.groups,
            topic: full,
        }
    });
    if out.json {
        out.json(&topics.collect::<Vec<_>>())?;
        return Ok(Outcome::Fine);
    }
    let rows = topics.map(|topic| {
        let partitions = topic.partitions.map_or_else(|| "missing".to_owned(), |count| count.to_string());
        [topic.topic, partitions, topic.key.to_owned(), topic.kept, topic.groups.join(", ")]
    });
    out.table(["topic", "partitions", "key", "kept", "consumer groups"], rows)?;
    if catalogue.topics.keys().any(|name| !existing.contains_key(&client.prefixed(name))) {
        eprintln!("`kassactl topics apply` creates the missing topics");
    }
    Ok(Outcome::Fine)
}

fn kept(topic: &Topic) -> String {
    topic.retention_days.map_or_else(|| "newest of each key".to_owned(), |days| format!("{days} days"))
}
