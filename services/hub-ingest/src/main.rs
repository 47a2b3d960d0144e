//! Takes the documents of cash registers over HTTP and stores them in Kafka.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main(
        "hub-ingest",
        "Takes the documents of cash registers over HTTP and stores them in Kafka.",
        hub_ingest::run,
    )
}
