//! `lag`: how far each consumer group is behind.

use std::collections::BTreeMap;

use kafka::{
    Client,
    admin::{Lag, lag},
};
use rdkafka::Message as _;
use schemas::catalogue::Catalogue;
use serde::Serialize;

use crate::{
    Outcome,
    output::{Out, ago, grouped},
    seek::first_records,
    settings::Settings,
};

/// A group on one topic.
#[derive(Debug, Default, Serialize)]
struct Behind {
    group: String,
    topic: String,
    /// Records that the group has not finished.
    lag: i64,
    partitions: usize,
    partitions_behind: usize,
    /// The group would not know where to begin there.
    partitions_without_offset: usize,
    /// When the oldest record that the group has not finished was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_at: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_seconds: Option<i64>,
}

pub(crate) async fn run(settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let client = settings.installation()?.client().clone();
    let lags = lag(&client, &Catalogue::load()?).await?;
    anyhow::ensure!(!lags.is_empty(), "there are no topics yet: `kassactl topics apply` creates them");
    let behind = tokio::task::spawn_blocking(move || by_group_and_topic(&client, &lags)).await??;
    let lost = behind.iter().any(|group| group.partitions_without_offset > 0);
    if out.json {
        out.json(&behind)?;
    } else {
        out.table(["group", "topic", "lag", "partitions behind", "oldest unread"], behind.into_iter().map(row))?;
        if lost {
            eprintln!("groups without an offset cannot begin to read: `kassactl topics apply` gives them one");
        }
    }
    Ok(if lost { Outcome::Problems } else { Outcome::Fine })
}

fn by_group_and_topic(client: &Client, lags: &[Lag]) -> anyhow::Result<Vec<Behind>> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Lag>> = BTreeMap::new();
    for lag in lags {
        groups.entry((&lag.group, &lag.topic)).or_default().push(lag);
    }
    let now = jiff::Timestamp::now();
    let behind = groups.into_iter().map(|((group, topic), lags)| {
        let unread = lags.iter().filter_map(|lag| Some((lag.partition, lag.committed.filter(|next| *next < lag.end)?)));
        let records = first_records(client, topic, &unread.collect::<Vec<_>>())?;
        let oldest = records.values().filter_map(|record| record.timestamp().to_millis()).min();
        let oldest = oldest.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        Ok(Behind {
            group: group.to_owned(),
            topic: topic.to_owned(),
            lag: lags.iter().map(|lag| lag.records()).sum(),
            partitions: lags.len(),
            partitions_behind: lags.iter().filter(|lag| lag.records() > 0).count(),
            partitions_without_offset: lags.iter().filter(|lag| lag.committed.is_none()).count(),
            oldest_at: oldest,
            oldest_seconds: oldest.map(|oldest| now.duration_since(oldest).as_secs().max(0)),
        })
    });
    behind.collect()
}

fn row(behind: Behind) -> [String; 5] {
    let mut partitions = format!("{} of {}", behind.partitions_behind, behind.partitions);
    if behind.partitions_without_offset > 0 {
        partitions = format!("{partitions}, {} without an offset", behind.partitions_without_offset);
    }
    let oldest = behind.oldest_seconds.map_or_else(|| "-".to_owned(), ago);
    [behind.group, behind.topic, grouped(behind.lag), partitions, oldest]
}
