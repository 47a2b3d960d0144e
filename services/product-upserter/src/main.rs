//! product-upserter: what receipts tell of products and prices, to PostgreSQL and the catalogue topic.

fn main() -> std::process::ExitCode {
    service::main("product-upserter", product_upserter::ABOUT, product_upserter::run)
}
