//! Log lines: for people on a terminal, JSON when asked; always on stderr, so that stdout stays a command's answer. And
//! spans to an OTLP collector, in a build with the feature `otlp`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Log;

#[cfg(feature = "otlp")]
mod export;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/no_export.rs"]
mod export;

pub use export::stop;

/// Starts logging; a second call changes nothing.
///
/// # Errors
/// In words, when `log.filter`, `log.format` or `log.otlp` is not understood.
pub fn start(config: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|e| format!("log.filter: {e}"))?;
    let registry = tracing_subscriber::registry().with(filter).with(export::layer(&config.otlp)?);
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

#[cfg(all(test, not(feature = "otlp")))]
mod tests {
    use super::export::layer;

    #[test]
    fn a_collector_is_refused_by_a_build_that_cannot_send() {
        assert_eq!(layer("").err(), None);
        assert!(layer("http://127.0.0.1:4318/v1/traces").unwrap_err().starts_with("log.otlp: "));
    }
}
