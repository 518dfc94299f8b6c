//! Idempotency keys: under one key of a client, one thing is made.

use serde_json::Value;
use uuid::Uuid;

use crate::access::Caller;
use crate::engine::Engine;
use crate::store::{StoreError, Tenant, Tx};

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing did: from now on it is what is being made.
    New,
    /// This was made of the same content.
    Same(Uuid),
    /// This was made of other content.
    Other(Uuid),
}

/// Takes a key of the caller for what is being made of this content. A caller's keys count at one `door`: a door of
/// orders, or one kind of entries.
///
/// # Errors
/// When the database does not answer.
pub async fn take(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    (caller, door): (&Caller, &str),
    key: &str,
    content: &str,
    made: Uuid,
) -> Result<Taken, StoreError> {
    let digest = hex::encode(engine.secrets.digest("idempotency", &[content.as_bytes()]));
    let client = caller.principal.name();
    Ok(match tx.take_key(&client, door, key, &digest, made).await? {
        None => Taken::New,
        Some((before, id)) if before == digest => Taken::Same(id),
        Some((_, id)) => Taken::Other(id),
    })
}

/// JSON text with sorted members, so that equal content gives equal text. What only tells the types of members says
/// nothing of the content, and differs between the versions of an API; in a value of the client's own everything
/// counts.
#[must_use]
pub fn canonical(value: &Value) -> String {
    text(value, false)
}

fn text(value: &Value, whole: bool) -> String {
    match value {
        Value::Object(map) => {
            let says = |k: &str| whole || !(k.starts_with('@') || k == "valueType");
            let mut members: Vec<_> = map.iter().filter(|(k, _)| says(k)).collect();
            members.sort_by_key(|(k, _)| *k);
            let inner: Vec<String> = members
                .into_iter()
                .map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), text(v, whole || k == "value")))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(list) => {
            format!("[{}]", list.iter().map(|v| text(v, whole)).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_equal_text() {
        let a: Value = serde_json::from_str(r#"{"b":[1,{"y":2,"x":"\""}],"a":null}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{ "a":null, "b":[1, {"x":"\"","y":2}] }"#).unwrap();
        let c: Value = serde_json::from_str(r#"{"b":[{"y":2,"x":"\""},1],"a":null}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_ne!(canonical(&a), canonical(&c));
    }

    #[test]
    fn types_are_no_content_but_in_a_value() {
        let text = |value: &str| canonical(&serde_json::from_str(value).unwrap());
        assert_eq!(
            text(r#"{"@type":"A","p":[{"@type":"B","id":"1","valueType":"string"}]}"#),
            text(r#"{"p":[{"id":"1"}]}"#)
        );
        assert_ne!(text(r#"{"value":{"@type":"A"}}"#), text(r#"{"value":{"@type":"B"}}"#));
    }
}
