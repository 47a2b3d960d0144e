//! The local servers by hand: `cargo run -p kassaflow-local-servers --example servers -- up|down|status|hold`.
//!
//! `hold` starts servers of its own, prints their addresses, and keeps them until its input ends.

use std::io::Write;
use std::time::Instant;

use kassaflow_local_servers::{Ephemeral, Error, Home, down, status, up};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let home = Home::find()?;
    match std::env::args().nth(1).as_deref() {
        Some("up") => println!("{:#?}", up(&home).await?),
        Some("down") => println!("{:#?}", down(&home).await?),
        Some("status") => println!("{:#?}", status(&home).await?),
        Some("hold") => hold(&home).await?,
        _ => println!("up, down, status or hold"),
    }
    Ok(())
}

async fn hold(home: &Home) -> Result<(), Error> {
    let begun = Instant::now();
    let servers = Ephemeral::start(home).await?;
    for (name, value) in servers.endpoints().test_env() {
        println!("{name}={value}");
    }
    for server in [&servers.kafka, &servers.registry, &servers.mongodb, &servers.postgres] {
        println!("pid={}", server.pid().unwrap_or_default());
    }
    println!("ready after {} ms", begun.elapsed().as_millis());
    // Whoever waits for the line above has lost interest if this fails.
    drop(std::io::stdout().flush());
    drop(std::io::stdin().read_line(&mut String::new()));
    Ok(())
}
