//! Structured logs on standard error: JSON lines for machines, coloured text for people.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::{Common, SettingsError};

/// Starts logging.
///
/// # Errors
/// When the format or the filter is not understood.
pub fn init(settings: &Common) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|e| SettingsError::Unusable(format!("log: `{}` is no filter: {e}", settings.log)))?;
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format.as_str() {
        "json" => logs.json().flatten_event(true).init(),
        "human" => logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        other => return Err(SettingsError::Unusable(format!("log_format: `{other}` is neither json nor human"))),
    }
    Ok(())
}
