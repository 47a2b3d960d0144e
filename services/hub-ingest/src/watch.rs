//! Readiness is progress: a producer with waiting records and no acknowledgement makes none.

use std::{sync::Arc, time::Duration};

use service::Component;

use crate::documents::Hub;

const LOOK: Duration = Duration::from_millis(250);

/// Watches the producer for ever: while it is stalled the hub is not ready and its door is closed.
///
/// Records that wait are given up after `message.timeout.ms`, and the next request finds out whether
/// the broker is back.
pub async fn producer(hub: Arc<Hub>, bound: Duration, health: Component) {
    let mut was_stalled = false;
    health.ready();
    loop {
        let waited = hub.outlet.producer.stalled_for();
        let stalled = waited > bound;
        if stalled != was_stalled {
            hub.admission.set_stalled(stalled);
            if stalled {
                tracing::error!(
                    seconds = waited.as_secs(),
                    records = hub.outlet.producer.in_flight(),
                    "the broker acknowledges nothing"
                );
                health.not_ready(format!("no acknowledgement for {} s", waited.as_secs()));
            } else {
                tracing::info!("the broker is asked again");
                health.ready();
            }
            was_stalled = stalled;
        }
        tokio::time::sleep(LOOK).await;
    }
}
