//! Delivery: a sealed file is rebuilt, compared with its manifest, and put where the recipient fetches it.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use telvisor_model::Alarm;
use telvisor_sdr::file::FileInfo;

use super::files::FileLayer;
use super::octets::encode;
use super::seal::{SealError, fails, keep_first};
use crate::config::FileFormat;
use crate::engine::Engine;
use crate::fault;
use crate::store::sdr::SdrRow;
use crate::store::sdr_files::FileRow;

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

/// Rebuilds a sealed file from its manifest and the numbered records.
///
/// # Errors
/// [`SealError::Differs`] when the octets are not those that were sealed.
pub async fn rebuild(engine: &Engine, f: &FileRow) -> Result<Vec<u8>, SealError> {
    let rows = {
        let mut tx = engine.db.read_system().await?;
        tx.sealed(&f.tenant, &f.recipient, f.test, f.file_seq).await?
    };
    let wrong = |problem: String| SealError::Encode { name: f.name.clone(), problem };
    let part = |key: &str| f.manifest.0.get(key).cloned().unwrap_or_default();
    let info: FileInfo = serde_json::from_value(part("info")).map_err(|e| wrong(e.to_string()))?;
    let format: FileFormat = serde_json::from_value(part("format")).map_err(|e| wrong(e.to_string()))?;
    let zone = info.closed_at.timezone();
    let rows: Vec<(i64, &SdrRow)> = rows.iter().map(|(n, r)| (*n, r)).collect();
    let octets = encode(format, &info, &f.node_id, &rows, zone)?;
    let rebuilt = hex::encode(Sha256::digest(&octets));
    if rebuilt != f.sha256 {
        return Err(SealError::Differs { name: f.name.clone(), sealed: f.sha256.clone(), rebuilt });
    }
    Ok(octets)
}

/// Delivers every sealed file, in the order of their numbers: `.tmp`, fsync, rename, fsync of the folder. A file that
/// cannot be delivered keeps back those behind it in its stream, and no others.
///
/// # Errors
/// See [`SealError`]; the file is tried again by the next call.
pub async fn deliver(engine: &Engine) -> Result<(), SealError> {
    let files = engine.db.read_system().await?.undelivered().await?;
    let (mut stuck, mut trouble) = (vec![], None);
    for f in files {
        let stream = (f.tenant.clone(), f.recipient.clone(), f.test);
        if stuck.contains(&stream) {
            continue;
        }
        if let Err(e) = deliver_one(engine, &f).await {
            let of = (f.tenant.as_str(), f.recipient.as_str(), f.test);
            fails(engine, Alarm::SdrDeliveryFailing, of, &e).await;
            stuck.push(stream);
            keep_first(&mut trouble, e);
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// One at a time, in all processes: two that write one `.tmp` would put a half-written file under the final name.
async fn deliver_one(engine: &Engine, f: &FileRow) -> Result<(), SealError> {
    let octets = rebuild(engine, f).await?;
    let mut tx = engine.db.system().await?;
    if !tx.lock_delivery(f).await? {
        return Ok(());
    }
    put(engine.files.as_ref(), &root(engine), f, &octets)?;
    tx.mark_delivered(f, true).await?;
    tx.commit().await?;
    fault::point("seal.after_delivered");
    Ok(())
}

fn put(files: &dyn FileLayer, root: &Path, f: &FileRow, octets: &[u8]) -> Result<(), SealError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| SealError::Io { path, source }
    };
    let (work, folder) = (root.join(".work"), folder(root, f));
    let target = folder.join(&f.name);
    files.make_folder(&work).map_err(io(&work))?;
    files.make_folder(&folder).map_err(io(&folder))?;
    if let Some(there) = files.read(&target).map_err(io(&target))? {
        if there != octets {
            return Err(SealError::Occupied { path: target.display().to_string() });
        }
        return files.sync_folder(&folder).map_err(io(&folder));
    }
    let part = work.join(format!("{}.{}.{}.tmp", f.recipient, f.tenant, f.name));
    files.write(&part, octets).map_err(io(&part))?;
    fault::point("seal.before_rename");
    files.rename(&part, &target).map_err(io(&target))?;
    fault::point("seal.after_rename");
    files.sync_folder(&folder).map_err(io(&folder))
}
