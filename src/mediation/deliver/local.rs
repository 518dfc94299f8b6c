//! Recipients that fetch their files from a folder of ours: `.tmp`, fsync, rename, fsync of the folder.

use std::path::Path;

use super::rebuild::build;
use super::{failed, folder, recipient, recovered, root};
use crate::config::{Ack, Delivery, Recipient};
use crate::engine::Engine;
use crate::fault;
use crate::mediation::seal::{SealError, keep_first};
use crate::mediation::takeover::{place, take_over};
use crate::store::sdr_files::FileRow;
use crate::store::{System, Tx};

/// Puts every sealed file of such recipients into its folder, in the order of the numbers.
///
/// # Errors
/// See [`SealError`]; the file is tried again by the next call.
pub async fn deliver(engine: &Engine) -> Result<(), SealError> {
    let files = engine.db.read_system().await?.undelivered().await?;
    let (mut stuck, mut trouble) = (vec![], take_over(engine).await.err());
    for f in files {
        let stream = (f.tenant.clone(), f.recipient.clone(), f.test);
        if stuck.contains(&stream) {
            continue;
        }
        let done = match recipient(engine, &f.recipient).await {
            Ok((_, r)) if r.delivery != Delivery::Local => continue,
            Ok((version, r)) => one(engine, &f, version, &r).await,
            Err(e) => Err(e),
        };
        if let Err(e) = done {
            failed(engine, &f, &e, None).await;
            stuck.push(stream);
            keep_first(&mut trouble, e);
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// One at a time, in all processes: two that write one `.tmp` would put a half-written file under the final name.
async fn one(engine: &Engine, f: &FileRow, version: i64, r: &Recipient) -> Result<(), SealError> {
    let mut tx = engine.db.system().await?;
    if !tx.lock_delivery(f).await? {
        return Ok(());
    }
    put(engine, &mut tx, f).await?;
    tx.mark_delivered(f, version, r.ack == Ack::None).await?;
    tx.set_place(f, &place(engine)?).await?;
    tx.commit().await?;
    fault::point("seal.after_delivered");
    recovered(engine, f).await?;
    Ok(())
}

/// Puts a file into the recipient's folder.
pub(in crate::mediation) async fn put(
    engine: &Engine,
    tx: &mut Tx<System>,
    f: &FileRow,
) -> Result<(), SealError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| SealError::Io { path, source }
    };
    let (files, root) = (engine.files.as_ref(), root(engine));
    let folder = folder(&root, f);
    let target = folder.join(&f.name);
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
