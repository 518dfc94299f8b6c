//! Idempotency keys at the doors: how a client gives one, how an answer tells of a repeat, how a clash is told.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::problem::Problem;
use super::tmf630::Ask;
use crate::orders::keys::{self, Taken};
use crate::store::{Tenant, Tx};

/// The header that gives the key.
const HEADER: &str = "Idempotency-Key";
/// What `orders` keeps before a key of the header. A key that is an external id has another word there, so that the
/// two never meet.
const OF_HEADER: &str = "key:";
const OF_EXTERNAL_ID: &str = "ext:";

/// The key that the header gives, as `orders` keeps it; none without the header.
///
/// # Errors
/// 400 unless it is given once and has 1 to 255 visible ASCII characters.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(Problem::invalid(HEADER, "must be given once"));
    }
    match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(format!("{OF_HEADER}{text}")))
        }
        _ => Err(Problem::invalid(HEADER, "must be 1 to 255 visible ASCII characters")),
    }
}

/// Says in an answer that it repeats one given before.
pub fn replayed(response: &mut Response) {
    let name = HeaderName::from_static("idempotency-replayed");
    response.headers_mut().insert(name, HeaderValue::from_static("true"));
}

/// Takes the key that a request gives for the entry of this kind that it is to make; what was made under it before, if
/// anything was.
///
/// # Errors
/// 400 for a key that is none, 409 when it was used with other content.
pub async fn made_before(
    ask: &Ask,
    tx: &mut Tx<Tenant>,
    kind: &str,
    given: &Value,
    made: Uuid,
) -> Result<Option<Uuid>, Problem> {
    let Some(key) = key(&ask.headers)? else { return Ok(None) };
    let content = keys::canonical(given);
    match keys::take(ask.engine(), tx, (&ask.caller, kind), &key, &content, made).await? {
        Taken::New => Ok(None),
        Taken::Same(uid) => Ok(Some(uid)),
        Taken::Other(uid) => Err(conflict(&key, &format!("{kind} {uid}"), HEADER)),
    }
}

/// 201 with what a key made before, as it is now.
///
/// # Errors
/// 409 when it was deleted since.
pub fn again(ask: &Ask, shown: Option<Value>) -> Result<Response, Problem> {
    let Some(shown) = shown else {
        let message = format!("{HEADER}: what was made under this key has been deleted since");
        return Err(Problem::conflict("idempotencyConflict", message));
    };
    let mut response = ask.created(shown);
    replayed(&mut response);
    Ok(response)
}

/// 409: the key was used with other content, and made `made` then. Names what the client sent: the header, or its
/// member `external_id`.
#[must_use]
pub fn conflict(key: &str, made: &str, external_id: &str) -> Problem {
    let (name, value) = match (key.strip_prefix(OF_HEADER), key.strip_prefix(OF_EXTERNAL_ID)) {
        (Some(value), _) => (HEADER, value),
        (None, Some(value)) => (external_id, value),
        (None, None) => ("key", key),
    };
    let message = format!("{name}: {value:?} was used before with other content, for {made}");
    Problem::new(StatusCode::CONFLICT, "idempotencyConflict", "the idempotency key is used", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for v in values {
            headers.append("idempotency-key", HeaderValue::from_bytes(v).unwrap());
        }
        key(&headers).map_err(|p| p.message)
    }

    #[test]
    fn a_key_is_visible_characters_given_once() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"a-1"]), Ok(Some("key:a-1".into())));
        assert!(read(&[&[b'x'; 255]]).unwrap().is_some());
        for bad in [&[&b""[..]][..], &[&[b'x'; 256]], &[b"a b"], &[b"a\tb"], &[&[0xc3, 0xa4]], &[b"a", b"a"]]
        {
            assert!(read(bad).unwrap_err().starts_with("Idempotency-Key: "), "{bad:?}");
        }
    }

    #[test]
    fn a_clash_names_what_the_client_sent() {
        let told = |key| conflict(key, "order 1", "externalId").message;
        assert!(told("key:ext:7").starts_with("Idempotency-Key: \"ext:7\" was used"));
        assert!(told("ext:key:7").starts_with("externalId: \"key:7\" was used"));
    }
}
