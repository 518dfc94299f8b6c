//! Content negotiation: what may be sent and what is answered (RFC 9110, 12).

use axum::http::{HeaderMap, StatusCode, header};

use crate::api::problem::Problem;

/// Refuses a body that is not said to be JSON.
///
/// # Errors
/// 415.
pub fn sent_as_json(headers: &HeaderMap) -> Result<(), Problem> {
    match content_type(headers)?.as_str() {
        "application/json" => Ok(()),
        other => Err(unsupported(&format!("Content-Type {other} is not understood; send application/json"))),
    }
}

/// The media type of a body, lower case, without its parameters.
///
/// # Errors
/// 415 when there is none, or its charset is not UTF-8.
pub fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Err(unsupported("Content-Type is missing; send application/json"));
    };
    let text = String::from_utf8_lossy(given.as_bytes()).to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or("").to_owned();
    for parameter in parts {
        if let Some(charset) = parameter.strip_prefix("charset=")
            && !matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii")
        {
            return Err(unsupported(&format!(
                "Content-Type with charset {charset} is not understood; JSON is UTF-8"
            )));
        }
    }
    Ok(kind)
}

/// 415; the message names the header.
#[must_use]
pub fn unsupported(message: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "mediaType", "unsupported media type", message)
}

/// Refuses a client that does not take JSON. Among ranges that fit, the most specific one decides.
///
/// # Errors
/// 406.
pub fn takes_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given: Vec<_> =
        headers.get_all(header::ACCEPT).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    let accept = given.join(",").to_ascii_lowercase();
    if accept.trim().is_empty() {
        return Ok(());
    }
    let ranges = accept.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or("");
        let wanted = !parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)));
        (kind, wanted)
    });
    let weigh = |kind: &str| match kind {
        "application/json" => 3,
        "application/*" => 2,
        "*/*" => 1,
        _ => 0,
    };
    if ranges.filter(|r| weigh(r.0) > 0).max_by_key(|r| weigh(r.0)).is_some_and(|(_, wanted)| wanted) {
        return Ok(());
    }
    let message = format!("Accept {accept:?}: answers are application/json");
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "notAcceptable", "not acceptable", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn of(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn json_is_answered_to_whoever_takes_it() {
        assert!(takes_json(&HeaderMap::new()).is_ok());
        for good in [
            "*/*",
            "application/*",
            "application/json",
            "Application/JSON;charset=utf-8",
            "text/html, application/xhtml+xml, */*;q=0.8",
            "application/json;q=0.1, text/html",
            "",
        ] {
            assert!(takes_json(&of(header::ACCEPT, good)).is_ok(), "{good}");
        }
        for bad in ["text/html", "application/xml", "application/json;q=0, */*", "*/*;q=0.0"] {
            let problem = takes_json(&of(header::ACCEPT, bad)).unwrap_err();
            assert_eq!(problem.status, StatusCode::NOT_ACCEPTABLE, "{bad}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for good in
            ["application/json", "Application/Json; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(sent_as_json(&of(header::CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/xml", "application/json; charset=utf-16", ""] {
            let problem = sent_as_json(&of(header::CONTENT_TYPE, bad)).unwrap_err();
            assert_eq!(problem.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{bad}");
            assert!(problem.message.starts_with("Content-Type"), "{bad}");
        }
        assert!(sent_as_json(&HeaderMap::new()).is_err());
    }
}
