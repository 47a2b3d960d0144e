//! The fake as a process, for the demo.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use fake_iiko::{FakeIiko, Scenario};

/// How many items change at once.
const CHANGES: usize = 10;

/// Plays the iiko Cloud API with invented restaurants. `GET /control/stop-lists` tells the truth
/// that a synchronisation has to arrive at.
#[derive(Debug, Parser)]
#[command(name = "fake-iiko", version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Number of organisations.
    #[arg(long, default_value_t = 2)]
    organizations: usize,
    /// Terminal groups of each organisation.
    #[arg(long, default_value_t = 3)]
    groups: usize,
    /// Items on each group's stop list at the beginning.
    #[arg(long, default_value_t = 20)]
    items: usize,
    /// Change ten items every so many seconds; 0 changes nothing.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    change_every: f64,
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An accepted login (version 1) or key (version 2); may be repeated, organisations are dealt in turn.
    #[arg(long, default_value = "demo-login", value_name = "WORD")]
    login: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Ok(period) = Duration::try_from_secs_f64(arguments.change_every) else {
        eprintln!("fake-iiko: --change-every: {} is no number of seconds", arguments.change_every);
        return ExitCode::from(2);
    };
    let scenario = Scenario {
        seed: arguments.seed,
        organizations: arguments.organizations,
        groups: arguments.groups,
        items: arguments.items,
        logins: arguments.login,
        listen: arguments.listen,
        ..Scenario::default()
    };
    let fake = match FakeIiko::start(scenario).await {
        Ok(fake) => fake,
        Err(error) => {
            eprintln!("fake-iiko: cannot listen on {}: {error}", arguments.listen);
            return ExitCode::FAILURE;
        }
    };
    println!("fake-iiko: listening on {}", fake.base_url());
    if period.is_zero() {
        std::future::pending::<()>().await;
    }
    loop {
        tokio::time::sleep(period).await;
        fake.mutate(CHANGES);
    }
}
