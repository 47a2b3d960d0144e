//! normalizer: raw documents to canonical receipts, shifts and events.

fn main() -> std::process::ExitCode {
    service::main("normalizer", normalizer::ABOUT, normalizer::run)
}
