//! receipt-writer: receipts and shifts to MongoDB.

fn main() -> std::process::ExitCode {
    service::main("receipt-writer", receipt_writer::ABOUT, receipt_writer::run)
}
