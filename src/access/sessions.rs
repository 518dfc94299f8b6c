//! Sessions: what contract B's Login opens and each later request names. They live in the database, so that every
//! replica serves them; only a digest of their id is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use super::check::{self, AccessError, Credentials};
use super::{Caller, DEFAULT_TENANT, Door, LOCAL, Origin, Scopes};
use crate::config::AccessMode;
use crate::engine::Engine;
use crate::secrets::random;
use crate::store::clients::ClientRow;
use crate::store::sessions::SessionRow;
use crate::store::{Json, StoreError, retrying};

/// A session that was opened.
#[derive(Clone)]
pub struct Opened {
    /// Shown to the client alone.
    pub id: String,
    /// Where the client begins to count its requests.
    pub base_sequence_id: i64,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("{client} has {most} sessions, which is the most (soap.sessions_per_user); close one by Logout")]
    TooMany { client: String, most: i64 },
    /// It was never opened, was closed, was not used for too long, or its client was changed.
    #[error("there is no such session; log in")]
    Unknown,
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::store::Again for SessionError {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}

/// Opens a session for a client. On an open server everybody is `local`, whatever name they give.
///
/// # Errors
/// [`SessionError::Access`], [`SessionError::TooMany`].
pub async fn open(
    engine: &Engine,
    name: &str,
    secret: &str,
    door: Door,
    origin: &Origin,
) -> Result<Opened, SessionError> {
    let client = match engine.config.access.mode {
        AccessMode::Open => None,
        AccessMode::Required => {
            let credentials = Credentials::Basic { name: name.to_owned(), secret: secret.to_owned() };
            Some(check::client(engine, &credentials, name, door, origin).await?)
        }
    };
    let id = URL_SAFE_NO_PAD.encode(random::<24>()?);
    let base_sequence_id = i64::from(u32::from_be_bytes(random::<4>()?) >> 1);
    retrying("login", || insert(engine, client.as_ref(), &id, base_sequence_id, door, origin)).await?;
    Ok(Opened { id, base_sequence_id })
}

async fn insert(
    engine: &Engine,
    client: Option<&ClientRow>,
    id: &str,
    base_sequence_id: i64,
    door: Door,
    origin: &Origin,
) -> Result<(), SessionError> {
    let (name, tenant) = client.map_or((LOCAL, DEFAULT_TENANT), |c| (&c.name, &c.tenant));
    let version = client.map_or(0, |c| c.version);
    let most = engine.config.soap.sessions_per_user;
    let mut tx = engine.db.system().await?;
    tx.lock_sessions(name).await?;
    let now = tx.lease_now().await?;
    if tx.count_sessions(name, version, now).await? >= most {
        return Err(SessionError::TooMany { client: name.to_owned(), most });
    }
    let session = SessionRow {
        id: digest(id),
        client: name.to_owned(),
        client_version: version,
        tenant: tenant.to_owned(),
        scopes: Json(client.map(|c| c.scopes.0.clone())),
        base_sequence_id,
        created_at: now,
        idle_until: now + idle(engine),
        expires_at: now + TimeDelta::seconds(engine.config.soap.session_max_s),
    };
    tx.insert_session(&session).await?;
    let mut tx = tx.for_tenant(tenant);
    tx.audit(&caller(&session, door, origin), "session.open", name, None).await?;
    tx.commit().await?;
    Ok(())
}

/// Who calls in a session; using it lets it live on.
///
/// # Errors
/// [`SessionError::Unknown`].
pub async fn use_(engine: &Engine, id: &str, door: Door, origin: &Origin) -> Result<Caller, SessionError> {
    let mut tx = engine.db.read_system().await?;
    let session = tx.session(&digest(id)).await?.ok_or(SessionError::Unknown)?;
    let now = tx.lease_now().await?;
    let lives = match tx.client(&session.client).await? {
        // What was changed at the client since the login ends its sessions.
        Some(client) => client.version == session.client_version,
        None => session.client_version == 0 && engine.config.access.mode == AccessMode::Open,
    };
    drop(tx);
    if !lives || session.idle_until <= now || session.expires_at <= now {
        return Err(SessionError::Unknown);
    }
    let idle = idle(engine);
    if session.idle_until - now < idle * 10 / 11 {
        let mut tx = engine.db.system().await?;
        tx.use_session(&session.id, now + idle).await?;
        tx.commit().await?;
    }
    Ok(caller(&session, door, origin))
}

/// Closes a session that lives.
///
/// # Errors
/// [`SessionError::Unknown`].
pub async fn close(engine: &Engine, id: &str, door: Door, origin: &Origin) -> Result<(), SessionError> {
    let caller = use_(engine, id, door, origin).await?;
    retrying("logout", async || {
        let mut tx = engine.db.system().await?;
        if !tx.delete_session(&digest(id)).await? {
            return Err(SessionError::Unknown);
        }
        let mut tx = tx.for_tenant(&caller.tenant);
        tx.audit(&caller, "session.close", &caller.principal.name(), None).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

/// How long a session lives unused: `soap.session_idle_s` and a tenth, because not every use is written down, only the
/// first after a tenth of that time.
fn idle(engine: &Engine) -> TimeDelta {
    TimeDelta::milliseconds(engine.config.soap.session_idle_s.saturating_mul(1100))
}

fn caller(s: &SessionRow, door: Door, origin: &Origin) -> Caller {
    let scopes = s.scopes.0.clone().map_or(Scopes::All, Scopes::Only);
    Caller::client(&s.client, &s.tenant, scopes, door).from(origin)
}

fn digest(id: &str) -> String {
    hex::encode(Sha256::digest(id))
}
