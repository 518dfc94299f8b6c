//! A hint as a message: JSON, with the kind and a version, so that releases side by side understand each other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::Hint;

/// The form of this release. A reader takes older ones; a newer one goes to the dead letters.
const VERSION: u32 = 1;

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
        Hint::Line { tenant, customer_id } => About::Line { tenant, customer_id },
        Hint::Job { class, tenant, id } => About::Job { class, tenant, id },
        Hint::News => About::News,
    };
    serde_json::to_vec(&Message { v: VERSION, about }).unwrap_or_default()
}

/// The hint of a message.
///
/// # Errors
/// In words, for what is no hint of this release or an older one.
pub fn read(octets: &[u8]) -> Result<Hint, String> {
    let message: Message = serde_json::from_slice(octets).map_err(|e| format!("no hint: {e}"))?;
    if message.v > VERSION {
        return Err(format!("a hint of version {}; this release reads up to {VERSION}", message.v));
    }
    Ok(match message.about {
        About::Line { tenant, customer_id } => Hint::Line { tenant, customer_id },
        About::Job { class, tenant, id } => Hint::Job { class, tenant, id },
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
        for hint in [
            Hint::Line { tenant: "t".into(), customer_id: "C-1".into() },
            Hint::Job { class: "machine".into(), tenant: "t".into(), id: Uuid::nil() },
            Hint::News,
        ] {
            assert_eq!(read(&write(&hint)).as_ref(), Ok(&hint));
        }
        assert_eq!(
            key(&Hint::Job { class: "machine".into(), tenant: "t".into(), id: Uuid::nil() }),
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
            assert!(read(octets).unwrap_err().contains(why));
        }
    }
}
