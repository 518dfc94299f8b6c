//! Delivery: a sealed file is rebuilt, compared with its manifest, and put where the recipient fetches it.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use telvisor_model::Alarm;
use telvisor_sdr::{Record, Tally};

use super::encode::Manifest;
use super::fill::CHUNK;
use super::seal::{SealError, fails, keep_first, parsed};
use super::takeover::{place, take_over};
use crate::config::{Ack, Delivery, Recipient};
use crate::engine::Engine;
use crate::fault;
use crate::store::sdr_files::FileRow;
use crate::store::{System, Tx};

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

/// The octets of a sealed file, from its manifest and the numbered records.
///
/// # Errors
/// [`SealError::Differs`] when they are not those that were sealed.
pub async fn rebuild(engine: &Engine, f: &FileRow) -> Result<Vec<u8>, SealError> {
    let mut tx = engine.db.read_system().await?;
    let mut octets = vec![];
    assemble(engine, &mut tx, f, &mut |piece| {
        octets.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(octets)
}

/// Makes a sealed file again, piece by piece.
///
/// # Errors
/// [`SealError::Differs`] when the octets are not those that were sealed: all pieces are given by then.
pub(super) async fn assemble(
    engine: &Engine,
    tx: &mut Tx<System>,
    f: &FileRow,
    put: &mut (dyn FnMut(&[u8]) -> Result<(), SealError> + Send),
) -> Result<(), SealError> {
    let wrong = |problem: String| SealError::Encode { name: f.name.clone(), problem };
    let manifest: Manifest =
        serde_json::from_value(f.manifest.0.clone()).map_err(|e| wrong(e.to_string()))?;
    let layout = manifest.layout();
    let summary = match &manifest.summary {
        Some(summary) => summary.clone(),
        None => {
            let mut tally = Tally::default();
            records(engine, tx, f, &manifest, &mut |record, octets| {
                tally.add(record, octets).map_err(|e| wrong(e.to_string()))
            })
            .await?;
            tally.summary()
        }
    };
    let mut digest = Sha256::new();
    let mut give = |digest: &mut Sha256, piece: &[u8]| {
        digest.update(piece);
        put(piece)
    };
    let head = layout.head(&manifest.info, &summary).map_err(|e| wrong(e.to_string()))?;
    give(&mut digest, &head)?;
    let mut held = Vec::with_capacity(PIECE + 4096);
    records(engine, tx, f, &manifest, &mut |_, octets| {
        held.extend_from_slice(octets);
        if held.len() < PIECE {
            return Ok(());
        }
        give(&mut digest, &held)?;
        held.clear();
        Ok(())
    })
    .await?;
    give(&mut digest, &held)?;
    let before = digest.clone().finalize();
    let tail = layout.tail(&manifest.info, &summary, &before).map_err(|e| wrong(e.to_string()))?;
    give(&mut digest, &tail)?;
    let rebuilt = hex::encode(digest.finalize());
    if rebuilt == f.sha256 {
        return Ok(());
    }
    Err(SealError::Differs { name: f.name.clone(), sealed: f.sha256.clone(), rebuilt })
}

/// Octets that go to the disk at once.
const PIECE: usize = 256 << 10;

/// Takes a record with its octets.
type Each<'a> = dyn FnMut(&Record, &[u8]) -> Result<(), SealError> + Send + 'a;

/// Gives the file's records, in their order, with their octets.
async fn records(
    engine: &Engine,
    tx: &mut Tx<System>,
    f: &FileRow,
    manifest: &Manifest,
    each: &mut Each<'_>,
) -> Result<(), SealError> {
    let (layout, mut one) = (manifest.layout(), Vec::with_capacity(1024));
    let mut after = 0;
    loop {
        let of = (f.tenant.as_str(), f.recipient.as_str(), f.test);
        let rows = tx.sealed(of, f.file_seq, after, CHUNK).await?;
        for (number, row) in &rows {
            let record = manifest.record(engine, *number, row)?;
            one.clear();
            let written = layout.record(&manifest.info, &record, &mut one);
            written.map_err(|e| SealError::Encode { name: f.name.clone(), problem: e.to_string() })?;
            each(&record, &one)?;
            after = *number;
        }
        if i64::try_from(rows.len()) != Ok(CHUNK) {
            return Ok(());
        }
    }
}

/// Delivers every sealed file, in the order of their numbers: `.tmp`, fsync, rename, fsync of the folder. A file that
/// cannot be delivered keeps back those behind it in its stream, and no others.
///
/// # Errors
/// See [`SealError`]; the file is tried again by the next call.
pub async fn deliver(engine: &Engine) -> Result<(), SealError> {
    let (mut stuck, mut trouble) = (vec![], take_over(engine).await.err());
    let files = engine.db.read_system().await?.undelivered().await?;
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
    let mut tx = engine.db.system().await?;
    if !tx.lock_delivery(f).await? {
        return Ok(());
    }
    put(engine, &mut tx, f).await?;
    let recipient = recipient(&mut tx, f).await?;
    tx.mark_delivered(f, recipient.as_ref().is_none_or(|r| r.ack == Ack::None)).await?;
    if recipient.is_none_or(|r| r.delivery == Delivery::Local) {
        tx.set_place(f, &place(engine)?).await?;
    }
    tx.commit().await?;
    fault::point("seal.after_delivered");
    Ok(())
}

/// A file's recipient, as it was when the file was sealed.
async fn recipient(tx: &mut Tx<System>, f: &FileRow) -> Result<Option<Recipient>, SealError> {
    tx.recipient(&f.recipient, f.config_version).await?.as_ref().map(parsed).transpose()
}

/// Puts a file into the recipient's folder.
pub(super) async fn put(engine: &Engine, tx: &mut Tx<System>, f: &FileRow) -> Result<(), SealError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| SealError::Io { path, source }
    };
    let (files, root) = (engine.files.as_ref(), root(engine));
    let (work, folder) = (root.join(".work"), folder(&root, f));
    let target = folder.join(&f.name);
    files.make_folder(&work).map_err(io(&work))?;
    files.make_folder(&folder).map_err(io(&folder))?;
    if let Some(there) = files.sha256(&target).map_err(io(&target))? {
        if there != f.sha256 {
            return Err(SealError::Occupied { path: target.display().to_string() });
        }
        return files.sync_folder(&folder).map_err(io(&folder));
    }
    let part = build(engine, tx, f).await?;
    files.sync(&part).map_err(io(&part))?;
    fault::point("seal.before_rename");
    files.rename(&part, &target).map_err(io(&target))?;
    fault::point("seal.after_rename");
    files.sync_folder(&folder).map_err(io(&folder))
}

/// Makes a file again in the folder that nobody fetches from.
async fn build(engine: &Engine, tx: &mut Tx<System>, f: &FileRow) -> Result<PathBuf, SealError> {
    let part = root(engine).join(".work").join(format!("{}.{}.{}.tmp", f.recipient, f.tenant, f.name));
    let mut first = true;
    assemble(engine, tx, f, &mut |piece| {
        let done = engine.files.write(&part, piece, first);
        first = false;
        done.map_err(|source| SealError::Io { path: part.display().to_string(), source })
    })
    .await?;
    Ok(part)
}
