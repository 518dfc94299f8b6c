//! Recipients of SDR files: those of the configuration, and those that operators set beside them, by versions.

use std::path::{Component, Path};

use serde_json::{Value, json};

use crate::access::{Caller, DEFAULT_TENANT};
use crate::config::{Delivery, Recipient};
use crate::engine::Engine;
use crate::store::sdr_files::{CONFIGURED, RecipientRow, SET};
use crate::store::{StoreError, System, Tx};

/// Why a recipient could not be set or removed.
#[derive(Debug, thiserror::Error)]
pub enum RecipientError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{problem}; {fix}")]
    Wrong { problem: String, fix: &'static str },
    #[error("{0} stands in the configuration file, and is changed there")]
    Configured(String),
    #[error("there is no recipient {0}")]
    Missing(String),
    #[error("recipients are the installation's: only callers of tenant {DEFAULT_TENANT} see and set them")]
    OtherTenant,
}

/// Notes the configured recipients: records journalled from now on are theirs. One that an operator had set under the
/// same name goes on as the configured one.
///
/// # Errors
/// When the database refuses.
pub async fn configure(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    let configured = &engine.config.mediation.recipient;
    for recipient in configured {
        tx.note_recipient(&recipient.name, &as_value(recipient), CONFIGURED).await?;
    }
    for row in tx.recipients().await? {
        if row.origin == CONFIGURED && !configured.iter().any(|r| r.name == row.name) {
            tx.retire_recipient(&row.name).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn as_value(recipient: &Recipient) -> Value {
    serde_json::to_value(recipient).expect("plain data")
}

/// The recipients that get files.
///
/// # Errors
/// [`RecipientError::OtherTenant`].
pub async fn list(engine: &Engine, caller: &Caller) -> Result<Vec<RecipientRow>, RecipientError> {
    let mut tx = allowed(engine, caller).await?;
    Ok(tx.recipients().await?)
}

/// All versions of a recipient, the newest first; retired ones, too.
///
/// # Errors
/// [`RecipientError::Missing`], [`RecipientError::OtherTenant`].
pub async fn versions(
    engine: &Engine,
    caller: &Caller,
    name: &str,
) -> Result<Vec<RecipientRow>, RecipientError> {
    let found = allowed(engine, caller).await?.recipient_versions(name).await?;
    if found.is_empty() { Err(RecipientError::Missing(name.to_owned())) } else { Ok(found) }
}

async fn allowed(engine: &Engine, caller: &Caller) -> Result<Tx<System>, RecipientError> {
    if caller.tenant != DEFAULT_TENANT {
        return Err(RecipientError::OtherTenant);
    }
    Ok(engine.db.read_system().await?)
}

/// Sets a recipient: a new one gets the records that are journalled from now on, a changed one is another version from
/// its next file on. Whether it was new, and what it is now.
///
/// # Errors
/// See [`RecipientError`].
pub async fn set(
    engine: &Engine,
    caller: &Caller,
    recipient: &Recipient,
) -> Result<(bool, RecipientRow), RecipientError> {
    drop(allowed(engine, caller).await?);
    recipient.check().map_err(|(problem, fix)| RecipientError::Wrong { problem, fix })?;
    check_files(&recipient.delivery)?;
    let name = &recipient.name;
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    let before = not_configured(&mut tx, name).await?;
    tx.note_recipient(name, &as_value(recipient), SET).await?;
    let now = tx.recipient_versions(name).await?.swap_remove(0);
    tracing::info!(sdr.recipient = name, version = now.version, "recipient set");
    let detail = json!({ "version": now.version, "configuration": now.config.0 });
    let mut tx = tx.for_tenant(&caller.tenant);
    tx.audit(caller, "sdr.recipient.set", name, Some(&detail)).await?;
    tx.commit().await?;
    Ok((before.is_none(), now))
}

/// Removes a recipient: it gets no more files. What is sealed for it is still delivered. When it is set again, it goes
/// on with its numbers and with what was journalled meanwhile.
///
/// # Errors
/// See [`RecipientError`].
pub async fn remove(engine: &Engine, caller: &Caller, name: &str) -> Result<(), RecipientError> {
    drop(allowed(engine, caller).await?);
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    if not_configured(&mut tx, name).await?.is_none() {
        return Err(RecipientError::Missing(name.to_owned()));
    }
    tx.retire_recipient(name).await?;
    tracing::info!(sdr.recipient = name, "recipient removed");
    let mut tx = tx.for_tenant(&caller.tenant);
    tx.audit(caller, "sdr.recipient.remove", name, None).await?;
    tx.commit().await?;
    Ok(())
}

/// The recipient of this name that gets files, unless it is none of the operators'.
async fn not_configured(tx: &mut Tx<System>, name: &str) -> Result<Option<RecipientRow>, RecipientError> {
    let row = tx.recipients().await?.into_iter().find(|r| r.name == name);
    match row {
        Some(row) if row.origin == CONFIGURED => Err(RecipientError::Configured(name.to_owned())),
        row => Ok(row),
    }
}

/// Whoever may set recipients is not thereby one who may read any file of the server: what is read for a recipient of
/// the API lies in one folder.
fn check_files(delivery: &Delivery) -> Result<(), RecipientError> {
    let files: Vec<&Path> = match delivery {
        Delivery::Local => vec![],
        Delivery::Sftp(s) => s.key_file.iter().chain(&s.password_file).map(AsRef::as_ref).collect(),
        Delivery::S3(s) => vec![&s.access_key_file, &s.secret_key_file],
    };
    let plain = |p: &&Path| {
        p.components().count() == 1 && matches!(p.components().next(), Some(Component::Normal(_)))
    };
    match files.into_iter().find(|p| !plain(p)) {
        None => Ok(()),
        Some(odd) => Err(RecipientError::Wrong {
            problem: format!("{} is a path", odd.display()),
            fix: "put the file into the folder recipient-keys of the data folder, and give its name alone",
        }),
    }
}
