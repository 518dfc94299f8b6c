//! The entry of all doors: where a request comes from, what credentials it brings, what it needs to be let in.
//!
//! The SOAP doors look for credentials in the envelope, too: they get [`Origin`] and what HTTP brought as extensions,
//! and ask [`check::authenticate`] themselves. Every other door gets its caller from here.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use telvisor_model::Scope;

use super::problem::Problem;
use super::tmf630::href;
use crate::access::check::{self, AccessError, Credentials};
use crate::access::{Caller, DEFAULT_TENANT, Door, Origin, Scopes};
use crate::engine::Engine;

/// What a caller needs for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: health, the documents, signed links.
    Nothing,
    /// To be known.
    Name,
    Scope(Scope),
}

/// What a request needs, by its path and method.
#[must_use]
pub fn needs(method: &Method, path: &str) -> Needs {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let of = |read, write| Needs::Scope(if reads { read } else { write });
    let below =
        |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(rest) = path.strip_prefix("/tmf-api/") {
        let mut parts = rest.split('/');
        let api = parts.next().unwrap_or("");
        if api == "alarm" {
            // Its hub, too: who is told of alarms reads them.
            let hub = parts.nth(1) == Some("hub");
            return if hub {
                Needs::Scope(Scope::AlarmsRead)
            } else {
                of(Scope::AlarmsRead, Scope::AlarmsWrite)
            };
        }
        if parts.nth(1) == Some("hub") {
            return Needs::Scope(Scope::Events);
        }
        return match api {
            "serviceOrdering" | "productOrderingManagement" => of(Scope::OrdersRead, Scope::OrdersWrite),
            "customerManagement" => of(Scope::CustomersRead, Scope::CustomersWrite),
            "productInventory" | "serviceInventory" | "resourceInventoryManagement" => {
                of(Scope::InventoryRead, Scope::InventoryWrite)
            }
            "productCatalogManagement" | "serviceCatalogManagement" => {
                of(Scope::CatalogueRead, Scope::CatalogueWrite)
            }
            "usageManagement" => of(Scope::UsageRead, Scope::UsageWrite),
            _ => Needs::Name,
        };
    }
    if below("/api/v1/clients") {
        return Needs::Scope(Scope::Admin);
    }
    if below("/api/v1/sdr/recipients") {
        return of(Scope::Operations, Scope::Admin);
    }
    if below("/api/v1/subscriptions") || below("/api/v1/backups") {
        return of(Scope::OrdersRead, Scope::OrdersWrite);
    }
    if below("/api/v1/orders") {
        return of(Scope::OrdersRead, Scope::Operations);
    }
    if below("/api/v1") || below("/metrics") {
        return Needs::Scope(Scope::Operations);
    }
    if below("/health") || below("/docs") || below("/download") { Needs::Nothing } else { Needs::Name }
}

/// The door that a path leads through; all versions of an API are one.
#[must_use]
pub fn door(path: &str) -> Door {
    [
        ("/tmf-api/serviceOrdering", Door::Tmf641),
        ("/tmf-api/productOrderingManagement", Door::Tmf622),
        ("/tmf-api/customerManagement", Door::Tmf629),
        ("/soap/orders", Door::Soap),
        ("/soap/ne", Door::SoapNe),
    ]
    .into_iter()
    .find_map(|(start, door)| path.starts_with(start).then_some(door))
    .unwrap_or(Door::Api)
}

/// Where a request comes from. A trusted proxy is believed about the client's address and about TLS.
#[must_use]
pub fn origin(trusted: &[IpNet], peer: Option<SocketAddr>, headers: &HeaderMap, id: &str) -> Origin {
    let is_trusted = |a: IpAddr| trusted.iter().any(|net| net.contains(&a));
    let near = peer.map(|p| p.ip());
    let behind_proxy = near.is_some_and(is_trusted);
    // From the nearest outwards: what a stranger tells of those before it counts for nothing.
    let told =
        behind_proxy.then(|| href::clients(headers).into_iter().rev().find(|a| !is_trusted(*a))).flatten();
    let private = match (behind_proxy, href::scheme_told(headers)) {
        (true, Some(scheme)) => scheme == "https",
        _ => near.is_some_and(|a| a.is_loopback()),
    };
    Origin {
        address: told.or(near),
        source: told.map(|a| a.to_string()).or_else(|| peer.map(|p| p.to_string())),
        private,
        request_id: Some(id.to_owned()),
        trace_parent: traceparent(headers).map(str::to_owned),
    }
}

/// What a SOAP door is told of the request around its message.
#[derive(Clone)]
pub struct Around {
    /// None where `Authorization` cannot be read.
    pub credentials: Option<Credentials>,
    pub origin: Origin,
}

/// The credentials that HTTP itself brings.
///
/// # Errors
/// 401 for a header that is none of Basic (RFC 7617), or more than one.
pub fn credentials(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = given.next() else { return Ok(Credentials::None) };
    let basic = || {
        let (scheme, rest) = first.to_str().ok()?.trim().split_once(' ')?;
        let octets = STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let text = String::from_utf8(octets).ok()?;
        let (name, secret) = text.split_once(':')?;
        Some(Credentials::Basic { name: name.to_owned(), secret: secret.to_owned() })
    };
    let only = given.next().is_none();
    only.then(basic).flatten().ok_or_else(|| {
        unauthorized("Authorization must be given once, as Basic with the name and secret of a client")
    })
}

/// Lets a request in: who calls, and whether the door is open to them.
///
/// # Errors
/// 401, 403 naming the scope, 429.
pub async fn enter(
    engine: &Engine,
    method: &Method,
    path: &str,
    credentials: &Credentials,
    origin: &Origin,
) -> Result<Caller, Problem> {
    let (needs, door) = (needs(method, path), door(path));
    if needs == Needs::Nothing && *credentials == Credentials::None {
        return Ok(Caller::client("", DEFAULT_TENANT, Scopes::Only(vec![]), door).from(origin));
    }
    let caller = check::authenticate(engine, credentials, door, origin).await?;
    match needs {
        Needs::Scope(scope) if !caller.scopes.allow(scope) => {
            let message = format!("{} has not the scope {scope}", caller.principal.name());
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "not for this caller", message))
        }
        _ => Ok(caller),
    }
}

fn unauthorized(message: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "wrong credentials", message)
}

impl From<AccessError> for Problem {
    fn from(e: AccessError) -> Self {
        match e {
            AccessError::Store(e) => Self::from(e),
            AccessError::Sealed(_) => {
                tracing::error!(error = %e, "a client could not be checked");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "internal", "internal error", "see the server's log")
            }
            AccessError::TooOften(seconds) | AccessError::TooMany(seconds) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut problem = Self::new(status, "tooManyRequests", "too many requests", e.to_string());
                problem.retry_after = Some(seconds);
                problem
            }
            other => unauthorized(&other.to_string()),
        }
    }
}

/// `version-traceid-parentid-flags` in lower-case hex (W3C Trace Context, 3.2): no version ff, no id of zeros. What is
/// none is dropped, as the standard says.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(HeaderName::from_static("traceparent"))?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let some = |id: &str| id.bytes().any(|b| b != b'0');
    let good = lengths == [2, 32, 16, 2]
        && parts.iter().all(|p| p.bytes().all(hex))
        && parts[0] != "ff"
        && some(parts[1])
        && some(parts[2]);
    good.then_some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::api::openapi::DOCUMENTS;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_traceparent_is_kept_only_in_its_form() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = |text: &'static str| traceparent(&headers(&[("traceparent", text)])).map(str::to_owned);
        assert_eq!(kept(good).as_deref(), Some(good));
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "'; DROP TABLE orders; --",
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    /// No operation of any document may be open to everybody, or to everybody with a name.
    #[test]
    fn every_documented_operation_needs_a_scope() {
        let mut seen = 0;
        for document in DOCUMENTS.iter() {
            let base = document.body["servers"][0]["url"].as_str().unwrap();
            for (path, item) in document.body["paths"].as_object().unwrap() {
                for method in item.as_object().unwrap().keys() {
                    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                    let path = format!("{base}{path}");
                    assert!(matches!(needs(&method, &path), Needs::Scope(_)), "{method} {path}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn each_door_has_its_scope() {
        for (method, path, scope) in [
            (Method::GET, "/tmf-api/serviceOrdering/v4/serviceOrder", Scope::OrdersRead),
            (Method::POST, "/tmf-api/productOrderingManagement/v5/productOrder", Scope::OrdersWrite),
            (Method::POST, "/tmf-api/serviceOrdering/v4/hub", Scope::Events),
            (Method::DELETE, "/tmf-api/usageManagement/v4/hub/1", Scope::Events),
            (Method::PATCH, "/tmf-api/customerManagement/v4/customer/1", Scope::CustomersWrite),
            (Method::HEAD, "/tmf-api/resourceInventoryManagement/v5/resource", Scope::InventoryRead),
            (Method::POST, "/tmf-api/productCatalogManagement/v4/category", Scope::CatalogueWrite),
            (Method::GET, "/tmf-api/usageManagement/v4/usage", Scope::UsageRead),
            (Method::GET, "/tmf-api/alarm/v4/alarm", Scope::AlarmsRead),
            (Method::POST, "/tmf-api/alarm/v4/hub", Scope::AlarmsRead),
            (Method::POST, "/tmf-api/alarm/v4/ackAlarms", Scope::AlarmsWrite),
            (Method::GET, "/api/v1/orders/1", Scope::OrdersRead),
            (Method::POST, "/api/v1/orders/1/approval", Scope::Operations),
            (Method::POST, "/api/v1/backups/1/download-links", Scope::OrdersWrite),
            (Method::GET, "/api/v1/jobs", Scope::Operations),
            (Method::GET, "/api/v1/clients", Scope::Admin),
            (Method::GET, "/api/v1/sdr/recipients/a", Scope::Operations),
            (Method::PUT, "/api/v1/sdr/recipients/a", Scope::Admin),
            (Method::POST, "/api/v1/sdr/records/1/corrections", Scope::Operations),
            (Method::POST, "/api/v1/clients/a/rotate", Scope::Admin),
            (Method::GET, "/metrics", Scope::Operations),
        ] {
            assert_eq!(needs(&method, path), Needs::Scope(scope), "{method} {path}");
        }
        for path in ["/health/ready", "/docs/", "/docs/openapi/x.json", "/download/default/1"] {
            assert_eq!(needs(&Method::GET, path), Needs::Nothing, "{path}");
        }
        for path in ["/", "/healthy", "/tmf-api/none/v4", "/tmf-api", "/documents"] {
            assert_eq!(needs(&Method::GET, path), Needs::Name, "{path}");
        }
    }

    #[test]
    fn basic_is_read_and_nothing_else_is() {
        let read = |value: &'static str| credentials(&headers(&[("authorization", value)]));
        let Ok(Credentials::Basic { name, secret }) = read("Basic YTpiOmM=") else { panic!("it is Basic") };
        assert_eq!((name.as_str(), secret.as_str()), ("a", "b:c"));
        assert!(matches!(read("basic  YTo= "), Ok(Credentials::Basic { .. })));
        assert!(matches!(credentials(&headers(&[])), Ok(Credentials::None)));
        for bad in ["", "Basic", "Basic !", "Bearer YTpiOmM=", "Basic YQ==", "Basic /w=="] {
            assert_eq!(read(bad).err().map(|p| p.status), Some(StatusCode::UNAUTHORIZED), "{bad}");
        }
        let mut two = headers(&[("authorization", "Basic YTpiOmM=")]);
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Basic YTpiOmM="));
        assert!(credentials(&two).is_err());
    }

    #[test]
    fn the_client_is_whom_the_nearest_trusted_proxy_saw() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str, pairs: &[(&'static str, &'static str)]| {
            let o = origin(&trusted, peer.parse().ok(), &headers(pairs), "r");
            (o.address.map(|a| a.to_string()).unwrap_or_default(), o.private)
        };
        let seen = |address: &str, private| (address.to_owned(), private);
        assert_eq!(of("127.0.0.1:9", &[]), seen("127.0.0.1", true));
        assert_eq!(of("192.0.2.9:9", &[]), seen("192.0.2.9", false));
        let x = [("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.1.1.1"), ("x-forwarded-proto", "https")];
        assert_eq!(of("10.0.0.1:9", &x), seen("192.0.2.7", true));
        assert_eq!(of("192.0.2.9:9", &x), seen("192.0.2.9", false), "a stranger is not believed");
        let standard = [("forwarded", "for=1.1.1.1;proto=http, for=\"[2001:db8::1]:7\";proto=http")];
        assert_eq!(of("10.0.0.1:9", &standard), seen("2001:db8::1", false));
        assert_eq!(of("10.0.0.1:9", &[]), seen("10.0.0.1", false));
    }
}
