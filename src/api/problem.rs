//! The TMF error body (TMF630, part 1, 3.4), for every refusal of every REST door.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::idempotency;
use super::tmf630::etag;
use crate::orders::{Member, OrderError};
use crate::store::StoreError;

/// What a client without credentials is asked for (RFC 7617).
pub const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"telvisor\", charset=\"UTF-8\"");

/// A refusal. The internal cause is logged, never sent.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// Short and stable, for programs.
    pub code: &'static str,
    /// What is the matter, short, for people.
    pub reason: String,
    /// What exactly, with the path of the wrong member, and what to do.
    pub message: String,
    pub retry_after: Option<u32>,
    /// What a PATCH may be sent as, where it came as something else.
    pub accept_patch: Option<&'static str>,
}

impl Problem {
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            reason: reason.to_owned(),
            message: message.into(),
            retry_after: None,
            accept_patch: None,
        }
    }

    /// 400: a member of the request is wrong.
    #[must_use]
    pub fn invalid(path: &str, message: impl AsRef<str>) -> Self {
        let message = if path.is_empty() {
            message.as_ref().to_owned()
        } else {
            format!("{path}: {}", message.as_ref())
        };
        Self::new(StatusCode::BAD_REQUEST, "invalid", "the request is not valid", message)
    }

    /// 404: there is no such thing (or it is another tenant's).
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "not found", format!("there is no {what} {id}"))
    }

    /// 409: a state forbids it.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "the present state forbids it", message)
    }

    /// 429: there is too much to do already.
    #[must_use]
    pub fn busy(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut busy =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "there is too much to do already", message);
        busy.retry_after = Some(retry_after_s);
        busy
    }

    /// Renders a refusal of `orders`, with the door's own paths.
    #[must_use]
    pub fn of_order(e: OrderError, path: impl Fn(Option<usize>, &Member) -> String) -> Self {
        let at = |item: Option<usize>| item.map(|n| path(Some(n), &Member::Items));
        let message_at = |item: Option<usize>, m: String| at(item).map_or(m.clone(), |p| format!("{p}: {m}"));
        match e {
            OrderError::Invalid { item, member, message } => Self::invalid(&path(item, &member), message),
            OrderError::Exists { item, message } => {
                Self::conflict("alreadyExists", message_at(item, message))
            }
            OrderError::Forbidden { item, message } => {
                Self::conflict("forbiddenState", message_at(item, message))
            }
            OrderError::KeyConflict { key, what, made } => {
                idempotency::conflict(&key, &format!("{what} {made}"), &path(None, &Member::ExternalId))
            }
            OrderError::Changed => etag::changed(),
            OrderError::NotFound(id) => Self::not_found("order", &id),
            OrderError::Busy { ref why, retry_after_s } => Self::busy(why.clone(), retry_after_s),
            OrderError::Store(e) => Self::from(e),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        if e.is_out_of_time() {
            let message = "the database did not find it within api.list_seconds; filter by an indexed attribute \
                           (docs/filters.md), and go on by the cursor of Link instead of a large offset";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Self::new(status, "tooSlow", "the list takes too long", message);
        }
        if e.is_full() {
            tracing::warn!("all connections to the database are in use; a request is turned away");
            return Self::busy("all connections to the database are in use; try again in a moment", 1);
        }
        tracing::error!(error = %e, "a request could not be answered");
        if e.is_transient() {
            let mut busy = Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the service is busy",
                "try again in a moment",
            );
            busy.retry_after = Some(1);
            return busy;
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error", "see the server's log")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "status": self.status.as_u16().to_string(),
            "referenceError": format!("urn:telvisor:error:{}", self.code),
            "@type": "Error",
        });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(kinds) = self.accept_patch {
            response.headers_mut().insert("accept-patch", HeaderValue::from_static(kinds));
        }
        response
    }
}

/// 404 for every path that is not a door.
pub async fn no_such_path(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "notFound",
        "not found",
        format!("there is nothing at {}", uri.path()),
    )
}

/// 405 for a method that a path does not have; axum adds `Allow`.
pub async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let message = format!("{} has no method {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "method not allowed", message)
}
