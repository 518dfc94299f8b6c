//! Entity tags against lost updates (RFC 9110, 8.8 and 13).

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::api::problem::Problem;

/// The strong tag of a resource: of all that a GET without `fields` shows.
#[must_use]
pub fn of(shown: &Value) -> String {
    let digest = Sha256::digest(shown.to_string().as_bytes());
    format!("\"{}\"", hex::encode(&digest[..12]))
}

/// Whether the client has it already (`If-None-Match`; compared weakly).
#[must_use]
pub fn known(headers: &HeaderMap, tag: &str) -> bool {
    listed(headers, &header::IF_NONE_MATCH)
        .is_some_and(|list| list.iter().any(|t| t == "*" || t.trim_start_matches("W/") == tag))
}

/// Whether the client made its request depend on the state that it knows.
#[must_use]
pub fn conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_MATCH)
}

/// Holds `If-Match` against the resource as it is; a weak tag matches nothing.
///
/// # Errors
/// 412.
pub fn must_match(headers: &HeaderMap, stored: &Value) -> Result<(), Problem> {
    match listed(headers, &header::IF_MATCH) {
        None => Ok(()),
        Some(list) if list.iter().any(|t| t == "*" || *t == of(stored)) => Ok(()),
        Some(_) => Err(changed()),
    }
}

/// 412: it is not what the client knows any more.
#[must_use]
pub fn changed() -> Problem {
    let message = "If-Match: it was changed since; read it again, and repeat the change on what it is now";
    Problem::new(StatusCode::PRECONDITION_FAILED, "changed", "precondition failed", message)
}

/// The tags of a header; none without the header.
fn listed(headers: &HeaderMap, name: &header::HeaderName) -> Option<Vec<String>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts = values.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    Some(texts.flat_map(|t| t.split(',').map(|t| t.trim().to_owned()).collect::<Vec<_>>()).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_are_strong_and_lists_of_them_are_read() {
        let (one, two) = (json!({ "a": 1 }), json!({ "a": 2 }));
        assert_ne!(of(&one), of(&two));
        let headers =
            |name, value: &str| HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
        for (text, fits, knows) in [
            (of(&one), true, true),
            (format!("\"x\", {}", of(&one)), true, true),
            (format!("W/{}", of(&one)), false, true),
            ("*".to_owned(), true, true),
            (of(&two), false, false),
            (String::new(), false, false),
        ] {
            assert_eq!(must_match(&headers(header::IF_MATCH, &text), &one).is_ok(), fits, "{text}");
            assert_eq!(known(&headers(header::IF_NONE_MATCH, &text), &of(&one)), knows, "{text}");
        }
        assert!(must_match(&HeaderMap::new(), &one).is_ok());
        assert!(!known(&HeaderMap::new(), &of(&one)));
    }
}
