//! Owns the servers of a test run. Each line of its input is an order, `kill` or `start`; at the beginning and after
//! each order it prints one line of JSON: where the servers are, and the ids of their processes.

use std::io;

use kassaflow_local_servers::{Ephemeral, Error, Home, Server};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let home = Home::find()?;
    // Started from a thread that ends at once: the servers are to live on.
    let started = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(Ephemeral::start(&home))).join());
    let mut servers = started.map_err(|_| "the starting thread panicked")??;
    say(&servers)?;
    for line in io::stdin().lines() {
        runtime.block_on(obey(&mut servers, &line?))?;
        say(&servers)?;
    }
    Ok(())
}

async fn obey(servers: &mut Ephemeral, order: &str) -> Result<(), Error> {
    let Ephemeral { kafka, registry, mongodb, postgres } = servers;
    if order == "kill" {
        tokio::join!(kafka.kill(), registry.stop(), mongodb.kill(), postgres.kill());
    } else {
        tokio::try_join!(kafka.start(), registry.start(), mongodb.start(), postgres.start())?;
    }
    Ok(())
}

fn say(servers: &Ephemeral) -> serde_json::Result<()> {
    let pids: Vec<u32> = servers.servers().into_iter().filter_map(Server::pid).collect();
    println!("{}", serde_json::to_string(&(servers.endpoints(), pids))?);
    Ok(())
}
