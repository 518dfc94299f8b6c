//! HTTP around a SOAP message: SOAP 1.1 over HTTP (SOAP 1.1, 6; Basic Profile 1.1, 3.4) and the HTTP binding of SOAP
//! 1.2 (part 2, 7).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use telvisor_soap::addressing::Addressing;
use telvisor_soap::fault::{WSA, envelope};
use telvisor_soap::{Element, Envelope, Fault, Limits, Version, Writer, parse};
use uuid::Uuid;

use super::fault::{Refusal, Refused, Trace, What};
use crate::access::Origin;
use crate::api::{Doors, request};
use crate::clock::show;

/// A message as it came.
#[derive(Debug)]
pub struct Message {
    /// What its media type says.
    pub sent_as: Version,
    /// `SOAPAction`, or the `action` of the media type; none where it is absent or empty.
    pub action: Option<String>,
    pub root: Element,
}

/// What is refused before there is a message: an HTTP status, and the version in which the fault is written.
#[derive(Debug)]
pub struct Early {
    pub status: Option<StatusCode>,
    pub version: Version,
    pub refused: Refused,
}

impl Early {
    /// A refusal of a message that was read, with the status that goes with its fault.
    #[must_use]
    pub fn of(version: Version, refused: Refused) -> Self {
        Self { status: None, version, refused }
    }

    fn http(status: StatusCode, version: Version, what: What, message: impl Into<String>) -> Self {
        Self { status: Some(status), version, refused: Refusal::new(what, message).into() }
    }
}

/// Reads a message.
///
/// # Errors
/// 415 for what is no SOAP, or compressed; 413 for a body that is too long; a fault for what is not well-formed.
pub async fn receive(request: Request, doors: &Doors) -> Result<Message, Early> {
    let (version, charset, of_type) = media_type(request.headers())?;
    let compressed = |v: &HeaderValue| !v.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(compressed) {
        let message = "Content-Encoding is not supported; send the message as it is";
        return Err(Early::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, version, What::InvalidEnvelope, message));
    }
    let action = match version {
        Version::Soap12 => of_type.or_else(|| soap_action(request.headers())),
        Version::Soap11 => soap_action(request.headers()),
    };
    let octets = request::read(request, doors)
        .await
        .map_err(|p| Early::http(p.status, version, What::LimitExceeded, p.message))?;
    let refuse = |refusal: Refusal| Early { status: None, version, refused: refusal.into() };
    encoded(charset.as_deref(), &octets).map_err(refuse)?;
    if octets.is_empty() {
        return Err(refuse(Refusal::new(What::InvalidEnvelope, "EMPTY_MESSAGE: the body is empty")));
    }
    let root = parse(&octets, &limits(doors)).map_err(|e| refuse(e.into()))?;
    Ok(Message { sent_as: version, action, root })
}

fn limits(doors: &Doors) -> Limits {
    Limits { bytes: doors.engine.config.api.body_limit_kib * 1024, ..Limits::default() }
}

/// The version, the charset and the action that a media type names.
fn media_type(headers: &HeaderMap) -> Result<(Version, Option<String>, Option<String>), Early> {
    let given = headers.get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap_or("?"));
    let mut parts = given.unwrap_or("").split(';');
    let version = match parts.next().unwrap_or("").trim() {
        kind if kind.eq_ignore_ascii_case("text/xml") => Version::Soap11,
        kind if kind.eq_ignore_ascii_case("application/soap+xml") => Version::Soap12,
        other => {
            let given = if other.is_empty() {
                "there is no Content-Type".to_owned()
            } else {
                format!("Content-Type {other} is no SOAP")
            };
            let message = format!("{given}; text/xml is SOAP 1.1, application/soap+xml is SOAP 1.2");
            return Err(Early::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Version::Soap11,
                What::InvalidEnvelope,
                message,
            ));
        }
    };
    let (mut charset, mut action) = (None, None);
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { continue };
        let value = unquoted(value);
        match name.trim().to_ascii_lowercase().as_str() {
            "charset" => charset = Some(value.to_owned()),
            "action" if !value.is_empty() => action = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok((version, charset, action))
}

/// `SOAPAction`; clients also send it without quotes, empty, or not at all.
fn soap_action(headers: &HeaderMap) -> Option<String> {
    let value = unquoted(headers.get("soapaction")?.to_str().ok()?);
    (!value.is_empty()).then(|| value.to_owned())
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value).trim()
}

/// The charset that the client names must be that of the octets: what another one would mean is never guessed.
fn encoded(charset: Option<&str>, octets: &[u8]) -> Result<(), Refusal> {
    let Some(charset) = charset else { return Ok(()) };
    let marked = octets.starts_with(&[0xFE, 0xFF]) || octets.starts_with(&[0xFF, 0xFE]);
    let fits = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => !marked,
        "utf-16" => marked,
        _ => {
            let message =
                format!("UNSUPPORTED_ENCODING: charset {charset} is not read; UTF-8 and UTF-16 are");
            return Err(Refusal::new(What::MalformedXml, message));
        }
    };
    if fits {
        return Ok(());
    }
    let message = format!(
        "the body is not in {charset}, which Content-Type says (UTF-16 begins with a byte order mark)"
    );
    Err(Refusal::new(What::MalformedXml, message))
}

/// Refuses an envelope of another version of SOAP than its media type says.
///
/// # Errors
/// `VersionMismatch`.
pub fn check_version(envelope: &Envelope<'_>, message: &Message) -> Result<(), Refused> {
    if envelope.version == message.sent_as {
        return Ok(());
    }
    let text = "the Envelope is of another version of SOAP than the Content-Type (text/xml is 1.1, application/soap+xml 1.2)";
    Err(Refused::version(text))
}

/// Refuses a `wsa:Action` that is not the operation's `own` (WS-Addressing 1.0, SOAP Binding, 6.4.1.7).
///
/// # Errors
/// `ActionMismatch`.
pub fn check_related_action(a: &Addressing, own: &str, operation: &str) -> Result<(), Refused> {
    if a.action == own {
        return Ok(());
    }
    let message = format!("wsa:Action {} is not that of {operation}", a.action);
    Err(Refused::addressing("ActionMismatch", &message))
}

/// Refuses the action of another operation. One that is missing, or that no operation has, says nothing.
///
/// # Errors
/// [`What::ActionMismatch`].
pub fn check_action(
    given: Option<&str>,
    own: &str,
    all: impl Iterator<Item = String>,
) -> Result<(), Refusal> {
    let Some(given) = given else { return Ok(()) };
    if given == own || !all.into_iter().any(|a| a == given) {
        return Ok(());
    }
    let message = format!("the action says {given}, the Body {own}; nothing was done");
    Err(Refusal::new(What::ActionMismatch, message))
}

/// The header blocks of an answer to a message with WS-Addressing (Core, 3.4).
#[must_use]
pub fn related(action: &str, id: Uuid, relates_to: &str) -> String {
    let mut w = Writer::new();
    let wsa = [("xmlns:wsa", WSA)];
    w.attributed("wsa:Action", &wsa, action);
    w.attributed("wsa:MessageID", &wsa, format!("urn:uuid:{id}"));
    w.attributed("wsa:RelatesTo", &wsa, relates_to);
    w.finish()
}

/// What a call comes to.
#[derive(Debug)]
pub enum Answer {
    /// Header blocks and the content of the Body.
    Message { headers: String, body: String },
    /// The answer follows on another way: 202.
    Later,
}

/// The HTTP response: the answer, or the fault that `typed` makes of a refusal with the header blocks `headers`.
pub fn respond(
    version: Version,
    answer: Result<Answer, Early>,
    headers: &str,
    typed: impl Fn(&Refusal) -> Fault,
) -> Response {
    let (version, status, refused) = match answer {
        Ok(Answer::Message { headers, body }) => {
            return response(version, StatusCode::OK, envelope(version, &headers, &body));
        }
        Ok(Answer::Later) => return StatusCode::ACCEPTED.into_response(),
        Err(early) => (early.version, early.status, early.refused),
    };
    let (mut fault, mut retry_after_s, mut challenge) = (None, None, false);
    let fault = match &refused {
        Refused::Protocol(protocol) => protocol,
        Refused::Challenge(protocol) => {
            challenge = true;
            protocol
        }
        Refused::Typed(refusal) => {
            retry_after_s = refusal.retryable().then_some(refusal.retry_after_s);
            &*fault.insert(typed(refusal))
        }
    };
    let of_fault = StatusCode::from_u16(fault.status(version)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let status = if challenge { StatusCode::UNAUTHORIZED } else { status.unwrap_or(of_fault) };
    let mut response = response(version, status, fault.message(version, headers));
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if challenge {
        let basic = HeaderValue::from_static("Basic realm=\"telvisor\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// An HTTP response with a whole message.
fn response(version: Version, status: StatusCode, message: String) -> Response {
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(version.media_type());
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What a fault of this request is traced by.
#[must_use]
pub fn trace(doors: &Doors, origin: &Origin) -> Trace {
    let of_trace = origin.trace_parent.as_deref().and_then(|t| t.split('-').nth(1));
    let id = of_trace.or(origin.request_id.as_deref()).unwrap_or_default().to_owned();
    Trace { id, now: show(doors.engine.db.clock().now()) }
}
