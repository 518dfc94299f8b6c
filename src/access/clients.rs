//! Clients: systems that call, made and changed by an operator. Their secrets are shown once, when they are made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use telvisor_model::{ClientState, Scope};

use super::{Caller, DEFAULT_TENANT, LOCAL, secret};
use crate::clock::new_id;
use crate::secrets::{Sealed, Secrets, UnsealError, random};
use crate::store::clients::ClientRow;
use crate::store::sealed::SealedRow;
use crate::store::{Db, Json, StoreError, Tenant, Tx, retrying};

/// Longest name of a client or tenant.
const LONGEST: usize = 64;
/// What a sealed secret is named by.
const SEALED_AS: &str = "client";

/// A client to be made.
#[derive(Debug, Clone)]
pub struct NewClient {
    pub name: String,
    pub tenant: String,
    pub scopes: Vec<Scope>,
    /// Whether it gets a second secret, for `PasswordDigest`.
    pub digest: bool,
}

/// A client with the secrets that were just made.
#[derive(Debug, Clone)]
pub struct Issued {
    pub client: ClientRow,
    /// For Basic, `PasswordText` and Login.
    pub secret: String,
    /// For `PasswordDigest` alone.
    pub digest_secret: Option<String>,
}

/// Why a client was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "{text:?} is no name of a {what}: use 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first"
    )]
    Name { what: &'static str, text: String },
    #[error("{0:?} is what callers without credentials are called; choose another name")]
    Reserved(String),
    #[error("a client without any scope could do nothing")]
    NoScope,
    #[error("there is a client {0} already; give it a new secret by rotate, or choose another name")]
    Exists(String),
    #[error("there is no client {0}")]
    NotFound(String),
    #[error("clients of tenant {0} are made by a caller of that tenant, or of tenant {DEFAULT_TENANT}")]
    OtherTenant(String),
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("a secret could not be hashed: {0}")]
    Hash(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::store::Again for ClientError {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}

/// Whether a text can name a client or a tenant: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a caller may see and change clients of a tenant: its own, and those of the installation's first tenant all.
fn rules(caller: &Caller, tenant: &str) -> bool {
    caller.tenant == DEFAULT_TENANT || caller.tenant == tenant
}

/// New secrets with their hash.
struct Made {
    secret: String,
    hash: String,
    digest: Option<String>,
}

/// Makes secrets of 256 bits.
async fn make(digest: bool) -> Result<Made, ClientError> {
    let new = || Ok::<_, getrandom::Error>(URL_SAFE_NO_PAD.encode(random::<32>()?));
    let (secret, salt) = (new()?, random::<16>()?);
    let digest = digest.then(new).transpose()?;
    let of = secret.clone();
    let hash = tokio::task::spawn_blocking(move || secret::hash(&of, &salt)).await;
    let hash = hash.map_err(|e| ClientError::Hash(e.to_string()))?;
    Ok(Made { secret, hash: hash.map_err(|e| ClientError::Hash(e.to_string()))?, digest })
}

/// Makes a client; its tenant, too, where it is new.
///
/// # Errors
/// [`ClientError::Name`], [`ClientError::Exists`], [`ClientError::OtherTenant`].
pub async fn add(
    db: &Db,
    secrets: &Secrets,
    caller: &Caller,
    new: &NewClient,
) -> Result<Issued, ClientError> {
    for (what, text) in [("client", &new.name), ("tenant", &new.tenant)] {
        if !is_name(text) {
            return Err(ClientError::Name { what, text: text.chars().take(100).collect() });
        }
    }
    if new.name == LOCAL {
        return Err(ClientError::Reserved(new.name.clone()));
    }
    if new.scopes.is_empty() {
        return Err(ClientError::NoScope);
    }
    if !rules(caller, &new.tenant) {
        return Err(ClientError::OtherTenant(new.tenant.clone()));
    }
    let made = make(new.digest).await?;
    let mut scopes = new.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let client = retrying("client", async || {
        let mut tx = db.tenant(&new.tenant).await?;
        let now = tx.now();
        let client = ClientRow {
            name: new.name.clone(),
            tenant: new.tenant.clone(),
            scopes: Json(scopes.clone()),
            state: ClientState::Active,
            secret_hash: made.hash.clone(),
            digest_secret: seal(&mut tx, secrets, &new.name, made.digest.as_deref()).await?,
            version: 1,
            created_at: now,
            changed_at: now,
        };
        if !tx.insert_client(&client).await? {
            return Err(ClientError::Exists(new.name.clone()));
        }
        if tx.know_tenant().await? {
            tx.audit(caller, "tenant.add", &new.tenant, None).await?;
        }
        audit(&mut tx, caller, "client.add", &client).await?;
        tx.commit().await?;
        Ok(client)
    })
    .await?;
    Ok(Issued { client, secret: made.secret, digest_secret: made.digest })
}

/// The clients that a caller may see, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(db: &Db, caller: &Caller) -> Result<Vec<ClientRow>, ClientError> {
    let of = (caller.tenant != DEFAULT_TENANT).then_some(caller.tenant.as_str());
    Ok(db.read_system().await?.clients(of).await?)
}

/// One client that a caller may see.
///
/// # Errors
/// [`ClientError::NotFound`].
pub async fn show(db: &Db, caller: &Caller, name: &str) -> Result<ClientRow, ClientError> {
    let found = db.read_system().await?.client(name).await?;
    found.filter(|c| rules(caller, &c.tenant)).ok_or_else(|| ClientError::NotFound(name.to_owned()))
}

/// Gives a client new secrets; the old ones, and the sessions opened with them, are void at once.
///
/// # Errors
/// [`ClientError::NotFound`].
pub async fn rotate(db: &Db, secrets: &Secrets, caller: &Caller, name: &str) -> Result<Issued, ClientError> {
    let made = make(show(db, caller, name).await?.digest_secret.is_some()).await?;
    let client = retrying("client", async || {
        let mut client = show(db, caller, name).await?;
        let mut tx = db.tenant(&client.tenant).await?;
        if let Some(old) = client.digest_secret {
            tx.delete_sealed(old).await?;
        }
        client.digest_secret = seal(&mut tx, secrets, name, made.digest.as_deref()).await?;
        client.secret_hash = made.hash.clone();
        change(tx, caller, "client.rotate", client).await
    })
    .await?;
    Ok(Issued { client, secret: made.secret, digest_secret: made.digest })
}

/// Lets a client in, or not. What holds already is no mistake.
///
/// # Errors
/// [`ClientError::NotFound`].
pub async fn set_state(
    db: &Db,
    caller: &Caller,
    name: &str,
    state: ClientState,
) -> Result<ClientRow, ClientError> {
    let action = match state {
        ClientState::Active => "client.enable",
        ClientState::Disabled => "client.disable",
    };
    retrying("client", async || {
        let mut client = show(db, caller, name).await?;
        if client.state == state {
            return Ok(client);
        }
        client.state = state;
        let tx = db.tenant(&client.tenant).await?;
        change(tx, caller, action, client).await
    })
    .await
}

async fn change(
    mut tx: Tx<Tenant>,
    caller: &Caller,
    action: &str,
    mut client: ClientRow,
) -> Result<ClientRow, ClientError> {
    client.changed_at = tx.now();
    tx.update_client(&client).await?;
    client.version += 1;
    audit(&mut tx, caller, action, &client).await?;
    tx.commit().await?;
    Ok(client)
}

async fn audit(tx: &mut Tx<Tenant>, caller: &Caller, action: &str, c: &ClientRow) -> Result<(), StoreError> {
    let detail: Value = json!({ "scopes": c.scopes, "state": c.state, "digest": c.digest_secret.is_some(), "version": c.version });
    tx.audit(caller, action, &c.name, Some(&detail)).await
}

fn sealed_for(client: &str) -> String {
    format!("{SEALED_AS} {client}")
}

async fn seal(
    tx: &mut Tx<Tenant>,
    secrets: &Secrets,
    client: &str,
    secret: Option<&str>,
) -> Result<Option<uuid::Uuid>, ClientError> {
    let Some(secret) = secret else { return Ok(None) };
    let Sealed { key_id, nonce, body } = secrets.seal(&sealed_for(client), secret.as_bytes())?;
    let id = new_id();
    tx.insert_sealed(&SealedRow { id, name: SEALED_AS.into(), key_id, nonce, body }).await?;
    Ok(Some(id))
}

/// Reads the secret of `PasswordDigest`.
///
/// # Errors
/// When it was sealed under another key file.
pub fn unseal(secrets: &Secrets, client: &str, row: SealedRow) -> Result<Vec<u8>, UnsealError> {
    let sealed = Sealed { key_id: row.key_id, nonce: row.nonce, body: row.body };
    secrets.unseal(&sealed_for(client), &sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "BSS-1", "9.x_y", &"n".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".a", "-a", "_", "a b", "a:b", "ä", "a/b", "a\n", &"n".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
