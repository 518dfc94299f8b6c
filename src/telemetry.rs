//! Log lines: for people on a terminal, JSON when asked; always on stderr, so that stdout stays a command's answer.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Log;

/// Starts logging; a second call changes nothing.
///
/// # Errors
/// In words, when `log.filter` or `log.format` is not understood.
pub fn start(config: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|e| format!("log.filter: {e}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format.as_str() {
        "json" => registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
        "text" => {
            let color = std::io::stderr().is_terminal();
            registry
                .with(tracing_subscriber::fmt::layer().with_ansi(color).with_writer(std::io::stderr))
                .try_init()
        }
        other => return Err(format!("log.format: {other:?} is neither text nor json")),
    };
    // Whoever embeds the library may have a subscriber of its own.
    started.ok();
    Ok(())
}
