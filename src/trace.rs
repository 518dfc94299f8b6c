//! The trace of a request (W3C Trace Context): from the door through the rows of its order and jobs and the messages
//! about them to the worker's steps and the callbacks.
//!
//! A client's `traceparent` is taken over; a request without one begins a trace, which is not sampled. Everything that
//! is logged about it carries `trace_id`. With the feature `otlp` the spans themselves are exported
//! (`telemetry.rs`), and [`follow`] makes them one tree.

use tracing::Span;

use crate::clock::new_id;

/// A trace parent, as rows keep it and headers carry it: `version-traceid-parentid-flags`.
#[must_use]
pub fn begin() -> String {
    let (trace, span) = (new_id().simple().to_string(), new_id().simple().to_string());
    format!("00-{trace}-{}-00", &span[16..])
}

/// The id of a trace.
#[must_use]
pub fn id(parent: Option<&str>) -> Option<&str> {
    parent?.split('-').nth(1)
}

/// Makes a span that is about to begin a child of a trace parent.
#[cfg(feature = "otlp")]
pub fn follow(span: &Span, parent: Option<&str>) {
    use opentelemetry::propagation::TextMapPropagator as _;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    let Some(parent) = parent else { return };
    let carrier = std::collections::HashMap::from([("traceparent".to_owned(), parent.to_owned())]);
    let context = opentelemetry_sdk::propagation::TraceContextPropagator::new().extract(&carrier);
    // A span that nobody records has no parent to set.
    span.set_parent(context).ok();
}

/// Without the feature `otlp` nobody reads the tree of spans.
#[cfg(not(feature = "otlp"))]
pub fn follow(_: &Span, _: Option<&str>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_begins_here_is_well_formed() {
        let parent = begin();
        let parts: Vec<_> = parent.split('-').collect();
        assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert!(parent.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_eq!(id(Some(&parent)), Some(parts[1]));
        assert_ne!(begin(), parent);
        assert_eq!(id(None), None);
    }
}
