//! Delivery: a sealed file is rebuilt, compared with its manifest, and put where its recipient has it, strictly in the
//! order of the numbers of its stream. A file that cannot be delivered keeps back those behind it in its stream, and no
//! others.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use telvisor_model::Alarm;

mod far;
pub mod lanes;
mod local;
mod rebuild;
mod s3;
mod sftp;

pub use far::FarError;
pub use local::deliver as deliver_local;
pub(super) use local::put;
pub use rebuild::rebuild;

use super::seal::{SealError, fails, keep_first, parsed};
use crate::alarms;
use crate::config::{Delivery, Recipient};
use crate::engine::Engine;
use crate::store::sdr_delivery::PATIENCE;
use crate::store::sdr_files::FileRow;
use crate::store::{StoreError, retrying};

/// Folder of a stream's finished files.
#[must_use]
pub fn folder(root: &Path, f: &FileRow) -> PathBuf {
    stream_folder(root, &f.tenant, &f.recipient, f.test)
}

/// As [`folder`], of a stream.
pub(super) fn stream_folder(root: &Path, tenant: &str, recipient: &str, test: bool) -> PathBuf {
    let mut path = root.join(recipient);
    if tenant != crate::access::DEFAULT_TENANT {
        path.push(tenant);
    }
    if test {
        path.push("test");
    }
    path
}

/// Folder of everything that mediation collects.
#[must_use]
pub fn root(engine: &Engine) -> PathBuf {
    engine.config.data.join("sdr")
}

/// Delivers all that is due, to every recipient; a server runs this part by part.
///
/// # Errors
/// See [`SealError`]; the file is tried again by the next call that finds it due.
pub async fn deliver(engine: &Engine) -> Result<(), SealError> {
    let mut trouble = None;
    if let Err(e) = deliver_local(engine).await {
        keep_first(&mut trouble, e);
    }
    for name in lanes::names(engine).await? {
        if let Err(e) = lanes::lane(engine, &name, true).await {
            keep_first(&mut trouble, e);
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// A recipient as it is configured now, and the version of that: files that wait go where it says now.
async fn recipient(engine: &Engine, name: &str) -> Result<(i64, Recipient), SealError> {
    let versions = engine.db.read_system().await?.recipient_versions(name).await?;
    let row = versions.first().ok_or_else(|| SealError::Recipient {
        name: name.to_owned(),
        problem: "there is no configuration of it".to_owned(),
    })?;
    let mut recipient = parsed(row)?;
    let files: Vec<&mut PathBuf> = match &mut recipient.delivery {
        Delivery::Local => vec![],
        Delivery::Sftp(s) => s.key_file.iter_mut().chain(&mut s.password_file).collect(),
        Delivery::S3(s) => vec![&mut s.access_key_file, &mut s.secret_key_file],
    };
    for file in files {
        *file = engine.config.recipient_file(file);
    }
    Ok((row.version, recipient))
}

/// Where a recipient's files go, for messages.
fn address(name: &str, delivery: &Delivery) -> String {
    match delivery {
        Delivery::Local => name.to_owned(),
        Delivery::Sftp(s) => format!("{name} at sftp://{}@{}:{}", s.user, s.host, s.port),
        Delivery::S3(s) => format!("{name} at {}/{}", s.endpoint, s.bucket),
    }
}

/// Notes that a try failed; operators are told at once of what needs them, of the rest when it does not pass.
async fn failed(engine: &Engine, f: &FileRow, e: &SealError, next_try: Option<DateTime<Utc>>) {
    if matches!(e, SealError::Store(_)) {
        return;
    }
    let text = e.to_string();
    let noted = retrying("sdr delivery", || async {
        let mut tx = engine.db.system().await?;
        tx.note_trouble(f, &text, next_try).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(())
    });
    if let Err(e) = noted.await {
        tracing::warn!(error = %e, "a failed delivery could not be noted; it is tried again");
    }
    let may_pass = matches!(e, SealError::Far { source, .. } if source.may_pass());
    if !may_pass || f.delivery.tries + 1 >= PATIENCE {
        fails(engine, Alarm::SdrDeliveryFailing, (&f.tenant, &f.recipient, f.test), e).await;
    } else {
        tracing::warn!(sdr.file = f.name, sdr.recipient = f.recipient, error = %e, "not delivered yet");
    }
}

/// After a file that had failed: the stream goes on.
async fn recovered(engine: &Engine, f: &FileRow) -> Result<(), StoreError> {
    if f.delivery.tries == 0 {
        return Ok(());
    }
    let mut tx = engine.db.tenant(&f.tenant).await?;
    alarms::clear(&mut tx, Alarm::SdrDeliveryFailing, &alarms::stream(&f.recipient, f.test)).await?;
    engine.queue.publish(tx.commit().await?);
    Ok(())
}
