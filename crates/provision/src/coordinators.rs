//! A cluster that has never seen a consumer group makes its topic of offsets at the first question for one, and says
//! for a moment that nobody coordinates the group. That is no reason to give up.

use std::time::{Duration, Instant};

use kafka::{Client, client::ClientError};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode,
};
use schemas::catalogue::Catalogue;

use crate::Error;

/// How long the groups are waited for.
const BOUND: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until every group of the catalogue has a coordinator. Blocks.
///
/// # Errors
/// [`Error::Admin`] when one has none in time, or the brokers cannot be asked.
pub(crate) fn wait(client: &Client, catalogue: &Catalogue) -> Result<(), Error> {
    let begun = Instant::now();
    for (name, topic) in &catalogue.topics {
        for group in &topic.groups {
            let mut config = client.config();
            config.set("group.id", client.prefixed(group));
            let consumer: BaseConsumer = config.create().map_err(ClientError::Refused)?;
            let mut question = TopicPartitionList::new();
            question.add_partition(&client.prefixed(name), 0);
            while let Err(error) = consumer.committed_offsets(question.clone(), BOUND) {
                let soon = matches!(
                    error.rdkafka_error_code(),
                    Some(
                        RDKafkaErrorCode::NotCoordinator
                            | RDKafkaErrorCode::CoordinatorNotAvailable
                            | RDKafkaErrorCode::CoordinatorLoadInProgress
                    )
                );
                if !soon || begun.elapsed() > BOUND {
                    return Err(Error::Admin(error.into()));
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(())
}
