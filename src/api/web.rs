//! Around every request: an id, a trace line, the open server's guard against foreign web pages, and who calls.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use super::io::Connection;
use super::problem::{self, Problem};
use super::tmf630::href;
use super::{Doors, entry};
use crate::access::{Door, Origin};
use crate::clock::new_id;
use crate::config::AccessMode;
use crate::engine::Engine;
use crate::trace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layer around all doors.
pub async fn door(State(doors): State<Doors>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let span = tracing::info_span!("request", request.id = %id, trace_id = tracing::field::Empty, method = %request.method(), path = request.uri().path());
    let peer = request.extensions().get::<ConnectInfo<Connection>>().map(|c| c.0.peer);
    let config = &doors.engine.config;
    let trusted = config.trusted_proxies();
    let base = href::base(&config.base_url, &trusted, peer.map(|p| p.ip()), request.headers());
    request.extensions_mut().insert(base);
    let mut origin = entry::origin(&trusted, peer, request.headers(), &id);
    let parent = origin.trace_parent.get_or_insert_with(trace::begin).as_str();
    span.record("trace_id", trace::id(Some(parent)));
    trace::follow(&span, Some(parent));
    let open = config.access.mode == AccessMode::Open;
    let refused = if open { foreign(request.headers()) } else { None };
    let method = request.method().clone();
    let engine = doors.engine.clone();
    let mut response = async {
        let let_in = match refused {
            Some(problem) => Err(problem),
            None => admit(&engine, &mut request, origin).await,
        };
        let response = match let_in {
            Err(problem) => problem.into_response(),
            // No id has this character, and PostgreSQL cannot even be asked for it.
            Ok(()) if request.uri().path().contains("%00") => {
                problem::no_such_path(request.uri().clone()).await.into_response()
            }
            Ok(()) => next.run(request).await,
        };
        tracing::debug!(status = response.status().as_u16(), ms = started.elapsed().as_millis(), "answered");
        response
    }
    .instrument(span)
    .await;
    drop(doors);
    let status = response.status().as_u16().to_string();
    metrics::counter!("telvisor_http_requests_total", "method" => method.to_string(), "status" => status)
        .increment(1);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Puts who calls beside the request. A SOAP door gets what it needs to find that out itself.
async fn admit(engine: &Engine, request: &mut Request, origin: Origin) -> Result<(), Problem> {
    let credentials = entry::credentials(request.headers());
    if matches!(entry::door(request.uri().path()), Door::Soap | Door::SoapNe) {
        request.extensions_mut().insert(entry::Around { credentials: credentials.ok(), origin });
        return Ok(());
    }
    let credentials = credentials?;
    let path = request.uri().path();
    let caller = entry::enter(engine, request.method(), path, &credentials, &origin).await?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// The client's own id where it is plain, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|v| v.to_str().ok());
    given
        .filter(|v| {
            !v.is_empty()
                && v.len() <= 64
                && v.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        })
        .map_or_else(|| new_id().to_string(), str::to_owned)
}

/// While the server is open, a web page in the user's browser must not place orders: only requests that name a
/// loopback host, and come from no foreign page, pass.
fn foreign(headers: &HeaderMap) -> Option<Problem> {
    let text = |name: &HeaderName| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let refuse = |what: String| {
        let message =
            format!("{what}; this server is open (access.mode = \"open\") and serves this machine only");
        Some(Problem::new(StatusCode::FORBIDDEN, "forbidden", "foreign request", message))
    };
    match text(&header::HOST) {
        Some(host) if is_loopback(host) => {}
        Some(host) => return refuse(format!("Host {host} is not a loopback name or address")),
        None => return refuse("there is no Host".to_owned()),
    }
    if let Some(origin) = text(&header::ORIGIN) {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or("");
        if !is_loopback(host) {
            return refuse(format!("Origin {origin} is foreign"));
        }
    }
    if let Some(site) = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok())
        && !matches!(site, "same-origin" | "none")
    {
        return refuse(format!("Sec-Fetch-Site {site} is foreign"));
    }
    None
}

/// Whether a Host (with or without a port) names this machine by a loopback name or address.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host }),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_pass() {
        for good in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "127.9.9.9"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in
            ["example.com", "localhost.example.com", "10.0.0.1:80", "127.0.0.1.example.com", "", "[::2]"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn foreign_pages_are_refused_with_the_setting() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
                .collect::<HeaderMap>()
        };
        assert!(foreign(&headers(&[("host", "127.0.0.1:8080")])).is_none());
        assert!(foreign(&headers(&[("host", "localhost"), ("origin", "http://localhost:8080")])).is_none());
        assert!(foreign(&headers(&[("host", "localhost"), ("sec-fetch-site", "same-origin")])).is_none());
        for bad in [
            headers(&[("host", "rebound.example")]),
            headers(&[("host", "localhost"), ("origin", "https://evil.example")]),
            headers(&[("host", "localhost"), ("origin", "null")]),
            headers(&[("host", "localhost"), ("sec-fetch-site", "cross-site")]),
            headers(&[]),
        ] {
            let problem = foreign(&bad).expect("refused");
            assert_eq!(problem.status, StatusCode::FORBIDDEN);
            assert!(problem.message.contains("access.mode"));
        }
    }
}
