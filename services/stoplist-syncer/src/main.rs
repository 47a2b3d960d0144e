//! stoplist-syncer: restaurants' stop lists from iiko to PostgreSQL and Kafka.

fn main() -> std::process::ExitCode {
    service::main("stoplist-syncer", stoplist_syncer::ABOUT, stoplist_syncer::run)
}
