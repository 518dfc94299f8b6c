//! Who is let in: credentials against clients. Every door goes through [`authenticate`].
//!
//! ```text
//! credentials ─> (nonce and time in order?) ─> client by name ─> right a moment ago? ─> blocked? ─> hash or digest
//!             ─> nonce not used before ─> Caller
//! ```
//! A name that nobody has costs what a wrong secret costs, and gets the same answer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use telvisor_model::ClientState;

use super::{Caller, DEFAULT_TENANT, Door, Origin, Scopes, clients, secret};
use crate::config::AccessMode;
use crate::engine::Engine;
use crate::secrets::UnsealError;
use crate::store::clients::ClientRow;
use crate::store::{StoreError, retrying};

/// How far `Created` may lie from our clock, either way.
const FRESH: TimeDelta = TimeDelta::seconds(300);
/// How long a nonce is kept: longer than its `Created` can be fresh.
const KEPT: TimeDelta = TimeDelta::seconds(600);
/// Most octets of a nonce, and most characters of `Created`.
const NONCE: usize = 128;
const CREATED: usize = 64;
/// Most nonces of one client that are kept.
pub const NONCES: i64 = 100_000;
/// Replicas that may each think that there is room.
const REPLICAS: i64 = 8;
/// Longest wait for a free core to hash on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a request brings to prove who sends it. `nonce`, `created` and `digest` are as they were sent (Base64,
/// xsd:dateTime, Base64).
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// HTTP Basic (RFC 7617), and Login of contract B.
    Basic {
        name: String,
        secret: String,
    },
    /// WS-Security UsernameToken.
    PasswordText {
        name: String,
        secret: String,
        nonce: Option<String>,
        created: Option<String>,
    },
    /// WS-Security UsernameToken: Base64(SHA-1(nonce + created + secret)).
    PasswordDigest {
        name: String,
        nonce: String,
        created: String,
        digest: String,
    },
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("credentials are needed: the name and secret of a client")]
    Needed,
    #[error("no client has this name and secret")]
    Wrong,
    #[error("this was tried too often with wrong credentials; try again in {0} s")]
    TooOften(u32),
    #[error("a password in the clear is taken over TLS, or from this machine, only")]
    Clear,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("Created lies more than 300 s from the time here, {now}", now = crate::clock::show(*.0))]
    Stale(DateTime<Utc>),
    #[error("the nonce was used before")]
    Replayed,
    #[error("the client has used more nonces in ten minutes than are kept; try again in {0} s")]
    TooMany(u32),
    #[error("the secret of the client cannot be read: {0}")]
    Sealed(#[from] UnsealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::store::Again for AccessError {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}

/// The fault codes of WS-Security (SOAP Message Security 1.1, 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wsse {
    FailedAuthentication,
    InvalidSecurity,
    UnsupportedSecurityToken,
    MessageExpired,
}

impl AccessError {
    /// The fault that a SOAP door answers; none where it is no fault of the security header.
    #[must_use]
    pub const fn wsse(&self) -> Option<Wsse> {
        match self {
            Self::Needed | Self::Wrong => Some(Wsse::FailedAuthentication),
            Self::Malformed(_) | Self::Replayed => Some(Wsse::InvalidSecurity),
            Self::Clear => Some(Wsse::UnsupportedSecurityToken),
            Self::Stale(_) => Some(Wsse::MessageExpired),
            Self::TooOften(_) | Self::TooMany(_) | Self::Sealed(_) | Self::Store(_) => None,
        }
    }

    /// Seconds after which trying again may help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooOften(seconds) | Self::TooMany(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// Whether it is written into the audit, in one word.
    const fn audited(&self) -> Option<&'static str> {
        match self {
            Self::Wrong => Some("wrong"),
            Self::Clear => Some("clear"),
            Self::Malformed(_) => Some("malformed"),
            Self::Stale(_) => Some("stale"),
            Self::Replayed => Some("replayed"),
            _ => None,
        }
    }
}

impl Credentials {
    fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Basic { name, .. }
            | Self::PasswordText { name, .. }
            | Self::PasswordDigest { name, .. } => Some(name),
        }
    }
}

/// Says who calls.
///
/// On an open server that is `local` where no credentials are given; given ones are always checked.
///
/// # Errors
/// [`AccessError`]; it has been written into the audit.
pub async fn authenticate(
    engine: &Engine,
    credentials: &Credentials,
    door: Door,
    origin: &Origin,
) -> Result<Caller, AccessError> {
    let Some(name) = credentials.name() else {
        return match engine.config.access.mode {
            AccessMode::Open => Ok(Caller::local(door).from(origin)),
            AccessMode::Required => Err(AccessError::Needed),
        };
    };
    let client = client(engine, credentials, name, door, origin).await?;
    Ok(caller(&client, door, origin))
}

/// The client that these credentials prove.
///
/// # Errors
/// [`AccessError`]; it has been written into the audit.
pub(super) async fn client(
    engine: &Engine,
    credentials: &Credentials,
    name: &str,
    door: Door,
    origin: &Origin,
) -> Result<ClientRow, AccessError> {
    let proven = prove(engine, credentials, name, origin).await;
    if let Err(why) = &proven
        && let Some(word) = why.audited()
    {
        refused(engine, Some(name), door, origin, word).await?;
    }
    proven
}

fn caller(client: &ClientRow, door: Door, origin: &Origin) -> Caller {
    let scopes = Scopes::Only(client.scopes.0.clone());
    Caller::client(&client.name, &client.tenant, scopes, door).from(origin)
}

/// Counts a failure, and writes it into the audit of the client's tenant. The doors call it for what they refuse
/// before there are credentials to check; `why` is one word.
///
/// # Errors
/// When the database does not answer.
pub async fn refused(
    engine: &Engine,
    name: Option<&str>,
    door: Door,
    origin: &Origin,
    why: &str,
) -> Result<(), StoreError> {
    // What is no name may be a secret that was put in the wrong place.
    let name = name.filter(|n| clients::is_name(n)).unwrap_or("?");
    let (now, address) = (engine.db.clock().now(), address(origin));
    // Who tries on while blocked fills no table.
    let blocked = engine.access.blocked(name, &address, now).is_some();
    engine.access.wrong(name, &address, now);
    metrics::counter!("telvisor_access_refused_total", "door" => door.as_str(), "why" => why.to_owned())
        .increment(1);
    if blocked {
        return Ok(());
    }
    tracing::warn!(client = name, source = address, why, "not let in");
    let known = engine.db.read_system().await?.client(name).await?;
    let tenant = known.map_or_else(|| DEFAULT_TENANT.to_owned(), |c| c.tenant);
    let caller = Caller::client(name, &tenant, Scopes::Only(vec![]), door).from(origin);
    retrying("audit", async || {
        let mut tx = engine.db.tenant(&tenant).await?;
        tx.audit(&caller, "access.refused", name, Some(&json!({ "why": why }))).await?;
        tx.commit().await.map(drop)
    })
    .await
}

fn address(origin: &Origin) -> String {
    origin.address.map_or_else(String::new, |a| a.to_string())
}

async fn prove(
    engine: &Engine,
    credentials: &Credentials,
    name: &str,
    origin: &Origin,
) -> Result<ClientRow, AccessError> {
    let now = engine.db.clock().now();
    match credentials {
        Credentials::None => Err(AccessError::Needed),
        Credentials::Basic { secret, .. } => by_text(engine, name, secret, origin).await,
        Credentials::PasswordText { secret, nonce, created, .. } => {
            if !origin.private {
                return Err(AccessError::Clear);
            }
            let once = match (nonce, created) {
                (Some(nonce), Some(created)) => Some((octets(nonce)?, fresh(created, now)?)),
                (None, Some(created)) => fresh(created, now).map(|_| None)?,
                (None, None) => None,
                (Some(_), None) => return Err(AccessError::Malformed("there is a Nonce and no Created")),
            };
            let client = by_text(engine, name, secret, origin).await?;
            if let Some((nonce, created)) = once {
                use_once(engine, name, &nonce, created).await?;
            }
            Ok(client)
        }
        Credentials::PasswordDigest { nonce, created, digest, .. } => {
            let (nonce, created) = (octets(nonce)?, fresh(created, now)?);
            let client = by_digest(engine, name, [&nonce, created.as_bytes()], digest, origin).await?;
            use_once(engine, name, &nonce, created).await?;
            Ok(client)
        }
    }
}

fn octets(nonce: &str) -> Result<Vec<u8>, AccessError> {
    let decoded = STANDARD.decode(nonce).map_err(|_| AccessError::Malformed("the Nonce is not Base64"))?;
    if decoded.is_empty() || decoded.len() > NONCE {
        return Err(AccessError::Malformed("the Nonce must have 1 to 128 octets"));
    }
    Ok(decoded)
}

fn fresh(created: &str, now: DateTime<Utc>) -> Result<&str, AccessError> {
    let at = DateTime::parse_from_rfc3339(created).ok().filter(|_| created.len() <= CREATED);
    let at = at.ok_or(AccessError::Malformed(
        "Created must be a time with Z or an offset, as 2026-11-23T08:00:00Z",
    ))?;
    if (now - at.to_utc()).abs() > FRESH {
        return Err(AccessError::Stale(now));
    }
    Ok(created)
}

async fn look_up(engine: &Engine, name: &str) -> Result<Option<ClientRow>, StoreError> {
    if !clients::is_name(name) {
        return Ok(None);
    }
    engine.db.read_system().await?.client(name).await
}

/// Refuses who failed too often lately.
fn not_blocked(engine: &Engine, name: &str, address: &str, now: DateTime<Utc>) -> Result<(), AccessError> {
    let name = if clients::is_name(name) { name } else { "?" };
    engine.access.blocked(name, address, now).map_or(Ok(()), |seconds| Err(AccessError::TooOften(seconds)))
}

fn let_in(found: Option<ClientRow>, right: bool) -> Result<ClientRow, AccessError> {
    found.filter(|c| right && c.state == ClientState::Active).ok_or(AccessError::Wrong)
}

async fn by_text(
    engine: &Engine,
    name: &str,
    secret: &str,
    origin: &Origin,
) -> Result<ClientRow, AccessError> {
    let (now, address) = (engine.db.clock().now(), address(origin));
    let found = look_up(engine, name).await?;
    let hash = found.as_ref().map_or(secret::NOBODYS, |c| &c.secret_hash).to_owned();
    // The hash is part of it: a new secret is another key, here and in every other process.
    let key = engine.secrets.digest("verified", &[name.as_bytes(), hash.as_bytes(), secret.as_bytes()]);
    if engine.access.was_right(&key, now) {
        return let_in(found, true);
    }
    not_blocked(engine, name, &address, now)?;
    let permit = tokio::time::timeout(PATIENCE, engine.access.hashing.acquire()).await;
    let permit = permit.map_err(|_| AccessError::TooOften(1))?;
    let given = secret.to_owned();
    let right = tokio::task::spawn_blocking(move || secret::verify(&given, &hash)).await.unwrap_or(false);
    drop(permit);
    let client = let_in(found, right)?;
    engine.access.right(Some(key), name, &address, now);
    Ok(client)
}

async fn by_digest(
    engine: &Engine,
    name: &str,
    [nonce, created]: [&[u8]; 2],
    digest: &str,
    origin: &Origin,
) -> Result<ClientRow, AccessError> {
    let (now, address) = (engine.db.clock().now(), address(origin));
    let found = look_up(engine, name).await?;
    not_blocked(engine, name, &address, now)?;
    let sealed = match found.as_ref().and_then(|c| Some((&c.tenant, c.digest_secret?))) {
        Some((tenant, id)) => Some(engine.db.read(tenant).await?.sealed(id).await?),
        None => None,
    };
    let has_one = sealed.is_some();
    let secret =
        sealed.map(|row| clients::unseal(&engine.secrets, name, row)).transpose()?.unwrap_or_default();
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in [nonce, created, &secret] {
        sha1.update(part);
    }
    let wanted = sha1.finish();
    // Keyed digests of both are compared, which takes the same time wherever they differ.
    let given = STANDARD.decode(digest).unwrap_or_default();
    let of = engine.secrets.digest("compared", &[wanted.as_ref()]);
    let right = has_one && engine.secrets.verify("compared", &[&given], &of);
    let client = let_in(found, right)?;
    engine.access.right(None, name, &address, now);
    Ok(client)
}

/// Notes a nonce as used, if it was not.
async fn use_once(engine: &Engine, client: &str, nonce: &[u8], created: &str) -> Result<(), AccessError> {
    let nonce = hex::encode(nonce);
    retrying("nonce", async || {
        let mut tx = engine.db.system().await?;
        let now = tx.lease_now().await?;
        if !engine.access.take_room(client) {
            tx.forget_nonces(now).await?;
            let left = NONCES - tx.count_nonces(client).await?;
            if left <= 0 {
                tx.commit().await?;
                return Err(AccessError::TooMany(60));
            }
            // Each replica takes a part of what is left, so that all together take no more; one of it is used now.
            engine.access.set_room(client, (left + REPLICAS - 1) / REPLICAS - 1);
        }
        let new = tx.use_nonce(client, &nonce, created, now + KEPT).await?;
        tx.commit().await?;
        if new { Ok(()) } else { Err(AccessError::Replayed) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_fresh_within_five_minutes_either_way_in_any_zone() {
        let now: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().unwrap();
        for good in ["2026-11-23T08:00:00Z", "2026-11-23T07:55:00.000Z", "2026-11-23T10:05:00+02:00"] {
            assert!(fresh(good, now).is_ok(), "{good}");
        }
        for stale in ["2026-11-23T07:54:59Z", "2026-11-23T08:05:00.001Z", "2026-11-23T08:00:00+02:00"] {
            assert!(matches!(fresh(stale, now), Err(AccessError::Stale(_))), "{stale}");
        }
        let long = format!("2026-11-23T08:00:00.{}Z", "0".repeat(60));
        for bad in ["", "2026-11-23T08:00:00", "now", "2026-11-23", long.as_str()] {
            assert!(matches!(fresh(bad, now), Err(AccessError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn a_nonce_has_up_to_128_octets_in_base64() {
        assert_eq!(octets("AAEC").unwrap(), [0, 1, 2]);
        assert!(octets(&STANDARD.encode([7; 128])).is_ok());
        let long = STANDARD.encode([7; 129]);
        for bad in ["", "x", "%%%%", long.as_str()] {
            assert!(matches!(octets(bad), Err(AccessError::Malformed(_))), "{bad}");
        }
    }
}
