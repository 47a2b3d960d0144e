//! A migration that is added must be embedded, and cargo does not see a new file by itself.

fn main() {
    println!("cargo::rerun-if-changed=../../schemas/postgres");
}
