//! What the addresses in answers begin with.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// Scheme, host, port and prefix that hrefs begin with, without a slash at the end. The layer around all doors puts it
/// beside each request.
#[derive(Debug, Clone)]
pub struct Base(pub String);

/// The setting `base_url`, else what the client called: as a trusted proxy tells it, or the Host header.
#[must_use]
pub fn base(base_url: &str, trusted: &[IpNet], peer: Option<IpAddr>, headers: &HeaderMap) -> Base {
    let configured = base_url.trim_end_matches('/');
    if !configured.is_empty() {
        return Base(configured.to_owned());
    }
    let told = match peer {
        Some(peer) if trusted.iter().any(|net| net.contains(&peer)) => told(headers),
        _ => Told::default(),
    };
    let host = told.host.or_else(|| first(headers, &header::HOST)).unwrap_or_else(|| "127.0.0.1".to_owned());
    let (scheme, prefix) = (told.scheme.unwrap_or("http"), told.prefix.unwrap_or_default());
    Base(format!("{scheme}://{host}{prefix}"))
}

/// What a proxy tells of the address that the client called.
#[derive(Debug, Default)]
struct Told {
    scheme: Option<&'static str>,
    host: Option<String>,
    prefix: Option<String>,
}

/// `Forwarded` (RFC 7239), and where it does not say, `X-Forwarded-Proto`, `-Host`, `-Prefix`. The first entry of each
/// is the outermost proxy's. What is no scheme, host or path is passed over.
fn told(headers: &HeaderMap) -> Told {
    let mut told = Told::default();
    let forwarded = first(headers, &header::FORWARDED).unwrap_or_default();
    for pair in forwarded.split(';') {
        let (name, value) = pair.trim().split_once('=').unwrap_or((pair, ""));
        match name.to_ascii_lowercase().as_str() {
            "proto" => told.scheme = scheme(unquoted(value)),
            "host" => told.host = host(unquoted(value)),
            _ => {}
        }
    }
    let x = |name: &'static str| first(headers, &HeaderName::from_static(name)).unwrap_or_default();
    told.scheme = told.scheme.or_else(|| scheme(&x("x-forwarded-proto")));
    told.host = told.host.or_else(|| host(&x("x-forwarded-host")));
    told.prefix = prefix(&x("x-forwarded-prefix"));
    told
}

/// The scheme that a proxy tells.
#[must_use]
pub fn scheme_told(headers: &HeaderMap) -> Option<&'static str> {
    told(headers).scheme
}

/// The addresses that proxies tell, the client's own first: `for` of `Forwarded`, else `X-Forwarded-For`.
#[must_use]
pub fn clients(headers: &HeaderMap) -> Vec<IpAddr> {
    let all = |name: &HeaderName| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
        values.flat_map(|v| v.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    let of_pair = |pair: &str| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| address(unquoted(value))).flatten()
    };
    let forwarded: Vec<IpAddr> =
        all(&header::FORWARDED).iter().filter_map(|entry| entry.split(';').find_map(of_pair)).collect();
    if !forwarded.is_empty() {
        return forwarded;
    }
    all(&HeaderName::from_static("x-forwarded-for")).iter().filter_map(|text| address(text)).collect()
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
}

/// The first entry of a header.
fn first(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.split(',').next().unwrap_or("").trim().to_owned())
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|s| s.eq_ignore_ascii_case(text))
}

fn host(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    (!text.is_empty() && text.len() <= 260 && text.chars().all(fits)).then(|| text.to_owned())
}

fn prefix(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let fits = |c: char| c.is_ascii_alphanumeric() || "/.-_~".contains(c);
    let good = text.starts_with('/') && !text.starts_with("//") && text.chars().all(fits);
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(base_url: &str, peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut map = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("inner:8080"))]);
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        base(base_url, &trusted, peer.parse().ok(), &map).0
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let x = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "api.example.com, inner"),
            ("x-forwarded-prefix", "/cloud/"),
        ];
        assert_eq!(of("", "10.1.2.3", &x), "https://api.example.com/cloud");
        assert_eq!(of("", "::1", &x), "https://api.example.com/cloud");
        for stranger in ["11.1.2.3", "127.0.0.1", "none"] {
            assert_eq!(of("", stranger, &x), "http://inner:8080", "{stranger}");
        }
        assert_eq!(of("https://set.example/x/", "10.1.2.3", &x), "https://set.example/x");
        let standard =
            [("forwarded", "for=1.2.3.4;proto=https;host=\"a.example:8443\", for=5.6.7.8;host=b.example")];
        assert_eq!(of("", "10.1.2.3", &standard), "https://a.example:8443");
        assert_eq!(of("", "10.1.2.3", &[]), "http://inner:8080");
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        for headers in [
            [("x-forwarded-host", "a b")],
            [("x-forwarded-host", "a/evil?")],
            [("x-forwarded-host", "")],
            [("x-forwarded-proto", "javascript")],
            [("x-forwarded-prefix", "cloud")],
            [("x-forwarded-prefix", "//evil.example")],
            [("x-forwarded-prefix", "/a<b>")],
        ] {
            assert_eq!(of("", "10.1.2.3", &headers), "http://inner:8080", "{headers:?}");
        }
    }
}
