//! A hint as a message: JSON, with the kind and a version, so that releases side by side understand each other.

use lapin::types::{AMQPValue, FieldTable};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Hint, Trace};

/// The form of this release. A reader takes older ones; a newer one goes to the dead letters.
const VERSION: u32 = 1;
/// The header field of the trace parent (W3C Trace Context, AMQP).
const TRACE: &str = "traceparent";

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    v: u32,
    #[serde(flatten)]
    about: About,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum About {
    #[serde(rename_all = "camelCase")]
    Line {
        tenant: String,
        customer_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Job {
        class: String,
        tenant: String,
        id: Uuid,
    },
    News,
}

/// The octets of a hint.
#[must_use]
pub fn write(hint: &Hint) -> Vec<u8> {
    let about = match hint.clone() {
        Hint::Line { tenant, customer_id, .. } => About::Line { tenant, customer_id },
        Hint::Job { class, tenant, id, .. } => About::Job { class, tenant, id },
        Hint::News => About::News,
    };
    serde_json::to_vec(&Message { v: VERSION, about }).unwrap_or_default()
}

/// The header fields of a hint: its trace, where it has one.
#[must_use]
pub fn headers(hint: &Hint) -> FieldTable {
    let mut headers = FieldTable::default();
    if let Some(trace) = hint.trace() {
        headers.insert(TRACE.into(), AMQPValue::LongString(trace.into()));
    }
    headers
}

/// The hint of a message.
///
/// # Errors
/// In words, for what is no hint of this release or an older one.
pub fn read(octets: &[u8], headers: Option<&FieldTable>) -> Result<Hint, String> {
    let message: Message = serde_json::from_slice(octets).map_err(|e| format!("no hint: {e}"))?;
    if message.v > VERSION {
        return Err(format!("a hint of version {}; this release reads up to {VERSION}", message.v));
    }
    let trace = headers.and_then(|h| h.inner().get(TRACE)?.as_long_string().map(ToString::to_string));
    let trace = Trace(trace);
    Ok(match message.about {
        About::Line { tenant, customer_id } => Hint::Line { tenant, customer_id, trace },
        About::Job { class, tenant, id } => Hint::Job { class, tenant, id, trace },
        About::News => Hint::News,
    })
}

/// The routing key of a hint.
#[must_use]
pub fn key(hint: &Hint) -> String {
    match hint {
        Hint::Line { .. } => "lines".to_owned(),
        Hint::Job { class, .. } => format!("jobs.{class}"),
        Hint::News => "news".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_back_as_they_were() {
        let trace = Trace(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()));
        for hint in [
            Hint::Line { tenant: "t".into(), customer_id: "C-1".into(), trace: trace.clone() },
            Hint::Job { class: "machine".into(), tenant: "t".into(), id: Uuid::nil(), trace: trace.clone() },
            Hint::Job {
                class: "machine".into(),
                tenant: "t".into(),
                id: Uuid::nil(),
                trace: Trace::default(),
            },
            Hint::News,
        ] {
            let headers = headers(&hint);
            let came = read(&write(&hint), Some(&headers)).unwrap();
            assert_eq!((&came, came.trace()), (&hint, hint.trace()));
            assert_eq!(
                read(&write(&hint), None).unwrap().trace(),
                None,
                "from a release that tells no trace"
            );
        }
        assert_eq!(
            key(&Hint::Job { class: "machine".into(), tenant: "t".into(), id: Uuid::nil(), trace }),
            "jobs.machine"
        );
    }

    #[test]
    fn what_is_no_hint_says_why() {
        for (octets, why) in [
            (&b"hello"[..], "no hint"),
            (b"{\"v\":1,\"kind\":\"dance\"}", "no hint"),
            (b"{\"v\":2,\"kind\":\"news\"}", "version 2"),
        ] {
            assert!(read(octets, None).unwrap_err().contains(why));
        }
    }
}
