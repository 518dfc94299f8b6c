//! Which addresses a callback may have: whoever registers a listener must not make us call what only we can reach.
//!
//! Public addresses are allowed; internal ones only where the configuration says so (`notify.callback_allow`), and
//! loopback where the server itself is bound to loopback. A literal address is judged when it is registered and at
//! each delivery; a name is resolved at each connection, and only allowed ones of its addresses are connected to, so
//! that a name that points elsewhere later gains nothing. Redirects are not followed at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::Config;

/// Longest that a registration waits for a name to be resolved.
const LOOKING: Duration = Duration::from_secs(3);

/// Longest callback, in octets.
const LONGEST: usize = 2048;

/// Why a callback is refused, in words for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0:?} is not a URL: {1}")]
    NoUrl(String, String),
    #[error("the scheme must be http or https, not {0:?}")]
    Scheme(String),
    #[error("must not be longer than {LONGEST} octets")]
    TooLong,
    #[error("must not hold a user, a password or a fragment")]
    Extra,
    #[error(
        "{0} is an internal address; the operator of this server can allow it by notify.callback_allow (TELVISOR_CALLBACK_ALLOW)"
    )]
    Internal(IpAddr),
    #[error(
        "{0} has internal addresses only; the operator of this server can allow them by notify.callback_allow (TELVISOR_CALLBACK_ALLOW)"
    )]
    InternalName(String),
}

/// Judges callbacks.
#[derive(Debug, Clone)]
pub struct Guard {
    allow: Vec<IpNet>,
    loopback: bool,
}

impl Guard {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let bound = &config.listen;
        let loopback = !bound.is_empty() && bound.iter().all(|a| a.ip().is_loopback());
        Self { allow: config.notify.callback_allow.clone(), loopback }
    }

    /// Whether this address may be called.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = inner(address);
        is_public(address)
            || (self.loopback && address.is_loopback())
            || self.allow.iter().any(|net| net.contains(&address))
    }

    /// Judges the form of a callback, and its address where it holds one.
    ///
    /// # Errors
    /// Saying what is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::TooLong);
        }
        let url = Url::parse(text).map_err(|e| Refused::NoUrl(text.to_owned(), e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Refused::Extra);
        }
        match literal(&url) {
            Some(address) if !self.allows(address) => Err(Refused::Internal(address)),
            _ => Ok(url),
        }
    }

    /// Resolves the name in a callback and refuses one that has internal addresses only. A name that cannot be
    /// resolved now is no mistake: it is resolved again at each delivery.
    ///
    /// # Errors
    /// [`Refused::InternalName`].
    pub async fn name(&self, url: &Url) -> Result<(), Refused> {
        let (None, Some(host)) = (literal(url), url.host_str()) else { return Ok(()) };
        let looking = tokio::net::lookup_host((host, 0));
        match tokio::time::timeout(LOOKING, looking).await {
            Ok(Ok(found)) => self.choose(host, found).map(drop),
            _ => Ok(()),
        }
    }

    /// The allowed ones of a name's addresses; an error when there is none.
    fn choose(
        &self,
        host: &str,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Refused> {
        let allowed: Vec<_> = found.filter(|a| self.allows(a.ip())).collect();
        if allowed.is_empty() { Err(Refused::InternalName(host.to_owned())) } else { Ok(allowed) }
    }
}

/// The resolver of the client that delivers: it connects to nothing that was not judged.
pub struct Guarded(pub Arc<Guard>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = guard.choose(name.as_str(), found).map_err(io::Error::other)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The address that stands in a URL in place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn inner(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => is_public_v4(a),
        IpAddr::V6(a) => is_public_v6(a),
    }
}

/// Not in the IANA registry of special purposes (RFC 6890), and no multicast.
fn is_public_v4(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (second == 18 || second == 19);
    let protocols = (first, second, third) == (192, 0, 0);
    !(first == 0
        || first >= 224
        || shared
        || benchmark
        || protocols
        || a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_documentation())
}

/// Global unicast (2000::/3) without the protocol and documentation blocks.
fn is_public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    let protocols = s[0] == 0x2001 && s[1] < 0x0200;
    let documentation = (s[0] == 0x2001 && s[1] == 0x0db8) || (s[0] == 0x3fff && s[1] < 0x1000);
    s[0] & 0xe000 == 0x2000 && !protocols && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(loopback: bool, allow: &[&str]) -> Guard {
        Guard { allow: allow.iter().map(|n| n.parse().unwrap()).collect(), loopback }
    }

    #[test]
    fn internal_addresses_are_refused_in_whatever_form() {
        let strict = guard(false, &[]);
        for bad in [
            "http://127.0.0.1/x",
            "http://127.1:8080/x",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0.0.0.0/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://192.0.0.8/",
            "http://198.18.0.1/",
            "http://203.0.113.7/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:a00:1::]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://[ff02::1]/",
            "http://[2001:db8::1]/",
            "http://[2001::1]/",
        ] {
            assert!(matches!(strict.url(bad), Err(Refused::Internal(_))), "{bad}: {:?}", strict.url(bad));
        }
        for good in [
            "http://8.8.8.8/",
            "https://[2606:4700::1111]/x?y=1",
            "http://172.32.0.1:81/",
            "http://a.example/",
        ] {
            assert!(strict.url(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn loopback_and_listed_networks_can_be_allowed() {
        let local = guard(true, &[]);
        assert!(local.url("http://127.0.0.1:9000/cb").is_ok() && local.url("http://[::1]/").is_ok());
        assert!(local.url("http://10.0.0.1/").is_err());
        let listed = guard(false, &["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]);
        for good in
            ["http://10.9.9.9/", "http://[fd00::5]/", "http://127.0.0.1/", "http://[::ffff:10.0.0.1]/"]
        {
            assert!(listed.url(good).is_ok(), "{good}");
        }
        assert!(listed.url("http://127.0.0.2/").is_err() && listed.url("http://192.168.0.1/").is_err());
    }

    #[test]
    fn what_is_no_callback_is_refused() {
        let local = guard(true, &[]);
        for (bad, words) in [
            ("", "not a URL"),
            ("/relative", "not a URL"),
            ("ftp://a.example/", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("http://user@a.example/", "user"),
            ("http://a:b@a.example/", "user"),
            ("http://a.example/#x", "fragment"),
            (&format!("http://a.example/{}", "x".repeat(2048)), "longer"),
        ] {
            let refused = local.url(bad).expect_err(bad).to_string();
            assert!(refused.contains(words), "{bad}: {refused}");
        }
    }

    #[test]
    fn of_a_names_addresses_only_the_allowed_are_called() {
        let strict = guard(false, &[]);
        let found = |list: &[&str]| {
            let list: Vec<SocketAddr> = list.iter().map(|a| SocketAddr::new(a.parse().unwrap(), 0)).collect();
            strict.choose("n.example", list.into_iter()).map(|l| l.len())
        };
        assert_eq!(found(&["10.0.0.1", "8.8.8.8", "::1"]), Ok(1));
        assert_eq!(found(&["10.0.0.1", "::1"]), Err(Refused::InternalName("n.example".into())));
        assert!(found(&[]).is_err());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let url = Url::parse("http://localhost:1/").unwrap();
        assert_eq!(guard(true, &[]).name(&url).await, Ok(()));
        assert_eq!(guard(false, &[]).name(&url).await, Err(Refused::InternalName("localhost".into())));
        let resolver = Guarded(Arc::new(guard(false, &[])));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_err());
        let resolver = Guarded(Arc::new(guard(true, &[])));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.unwrap().count() > 0);
    }
}
