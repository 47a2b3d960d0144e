//! The frame around every service: configuration, logs, the admin port, readiness and a bounded shutdown.
//!
//! A service's `main.rs` is one call:
//!
//! ```no_run
//! #[derive(confique::Config)]
//! struct Settings {
//!     #[config(nested)]
//!     common: service::settings::Common,
//! }
//! # impl service::ServiceSettings for Settings {
//! #     fn common(&self) -> &service::settings::Common { &self.common }
//! # }
//! fn main() -> std::process::ExitCode {
//!     service::main("normalizer", "Turns raw documents into receipts.", |context, settings: Settings| async move {
//!         context.health.component("consumer").ready();
//!         context.shutdown.cancelled().await;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! A service ends in one of three ways: SIGTERM or SIGINT turn readiness off and cancel
//! [`Context::shutdown`], and the service has [`settings::Common::shutdown_timeout_seconds`] to finish and
//! commit (exit status 0; 3 when it took longer); an error that it returns ends the process with
//! status 1, to be started again by whoever supervises it; unusable settings end it with status 2.

pub mod admin;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod reference;
pub mod settings;

use std::{future::Future, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use mimalloc::MiMalloc;
use tokio_util::sync::CancellationToken;

pub use health::{Component, Health};
pub use settings::ServiceSettings;

/// A document's memory is taken on one thread and given back on another, and its size is another each time: glibc
/// spends a tenth of a service's time on that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What every part of a service needs to know of its surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// Cancelled when the process was asked to end: stop taking work, finish what is at hand.
    pub shutdown: CancellationToken,
    /// Cancelled by a part that can never work again: the process ends at once, with status 1.
    pub fatal: CancellationToken,
    /// Readiness of the parts, shown at `/readyz`.
    pub health: Health,
    /// Where the service registers its metrics, shown at `/metrics`.
    pub metrics: prometheus::Registry,
}

impl Context {
    /// A context for a service that is started inside a test or a tool.
    #[must_use]
    pub fn detached() -> Self {
        Self {
            shutdown: CancellationToken::new(),
            fatal: CancellationToken::new(),
            health: Health::default(),
            metrics: prometheus::Registry::new(),
        }
    }

    /// What a metric shows, for tests: the sum over its labels, of a histogram the number of observations.
    /// `None` before it is registered.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        let families = self.metrics.gather();
        let metrics = families.iter().find(|family| family.name() == name)?.get_metric().iter();
        #[allow(clippy::cast_precision_loss)] // a test observes few
        let shown = metrics.map(|metric| {
            let observations = metric.get_histogram().get_sample_count() as f64;
            metric.get_counter().get_value() + metric.get_gauge().get_value() + observations
        });
        Some(shown.sum())
    }
}

/// An error that ends a service; the text is for the operator.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Arguments {
    /// TOML file with settings; environment variables win over it.
    #[arg(long, env = "KASSAFLOW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every setting with its meaning, default and environment variable, and end.
    #[arg(long)]
    print_settings: bool,
}

/// Runs a service from the command line to its exit status. See the crate's documentation.
pub fn main<S, F, R>(name: &'static str, about: &'static str, run: F) -> ExitCode
where
    S: ServiceSettings,
    F: FnOnce(Context, S) -> R,
    R: Future<Output = Result<(), Fatal>>,
{
    let command = <Arguments as clap::CommandFactory>::command().name(name).about(about);
    let arguments = match <Arguments as clap::FromArgMatches>::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if arguments.print_settings {
        print!("{}", reference::markdown::<S>(name));
        return ExitCode::SUCCESS;
    }
    let settings: S = match settings::load(arguments.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{name}: {error}\n{name}: see `{name} --print-settings` for every setting");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = logs::init(settings.common()) {
        eprintln!("{name}: {error}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let status = runtime.block_on(supervise(name, settings, run));
    runtime.shutdown_timeout(Duration::from_secs(1));
    status
}

async fn supervise<S, F, R>(name: &'static str, settings: S, run: F) -> ExitCode
where
    S: ServiceSettings,
    F: FnOnce(Context, S) -> R,
    R: Future<Output = Result<(), Fatal>>,
{
    let context = Context::detached();
    let bound = Duration::from_secs(settings.common().shutdown_timeout_seconds);
    let admin = match admin::serve(&settings.common().admin_listen, name, &context).await {
        Ok(address) => address,
        Err(error) => {
            tracing::error!(%error, address = settings.common().admin_listen, "the admin port cannot be opened");
            return ExitCode::from(2);
        }
    };
    tracing::info!(service = name, version = env!("CARGO_PKG_VERSION"), %admin, "starting");
    let overdue = {
        let context = context.clone();
        async move {
            stop_signal().await;
            tracing::info!(service = name, "asked to end: finishing what is at hand");
            context.health.drain();
            context.shutdown.cancel();
            tokio::time::sleep(bound).await;
        }
    };
    let result = tokio::select! {
        result = run(context.clone(), settings) => result,
        () = context.fatal.cancelled() => Err("a part can never work again; its last message says why".into()),
        () = overdue => {
            tracing::error!(service = name, seconds = bound.as_secs(), "did not finish in time");
            return ExitCode::from(3);
        }
    };
    context.health.drain();
    context.shutdown.cancel();
    match result {
        Ok(()) => {
            tracing::info!(service = name, "ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(service = name, error = %error, "ended by an error");
            ExitCode::FAILURE
        }
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be received; end this process with SIGKILL");
            std::future::pending::<()>().await;
        }
    }
}
