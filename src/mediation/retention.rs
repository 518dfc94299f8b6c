//! Files that were acknowledged long enough ago are deleted from our disk. Their manifests and records stay, so that they
//! can be made again; what is not acknowledged is never deleted.

use chrono::TimeDelta;

use super::deliver::{folder, root};
use super::seal::{SealError, parsed};
use super::takeover::place;
use crate::engine::Engine;
use crate::store::sdr_files::FileRow;

/// Deletes what every recipient's `keep_days` lets go. Each process does so on its own disk. Trouble is logged, and what
/// is left is deleted the next time.
pub async fn forget(engine: &Engine) {
    match all(engine).await {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "acknowledged SDR files were kept long enough and are deleted"),
        Err(e) => tracing::warn!(error = %e, "SDR files that were kept long enough could not be deleted"),
    }
}

async fn all(engine: &Engine) -> Result<usize, SealError> {
    let place = place(engine)?;
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let mut old = vec![];
    for row in tx.recipients().await? {
        let recipient = parsed(&row)?;
        if recipient.keep_days > 0 {
            let before = now - TimeDelta::days(recipient.keep_days);
            let files = tx.outlived(&row.name, &place, before).await?;
            old.extend(files.into_iter().map(|f| (recipient.ack_suffix.clone(), f)));
        }
    }
    drop(tx);
    for (suffix, f) in &old {
        delete(engine, f, suffix).await?;
    }
    Ok(old.len())
}

async fn delete(engine: &Engine, f: &FileRow, suffix: &str) -> Result<(), SealError> {
    let folder = folder(&root(engine), f);
    // The recipient may have renamed it.
    for name in [f.name.clone(), format!("{}{suffix}", f.name)] {
        let path = folder.join(name);
        let io = |source| SealError::Io { path: path.display().to_string(), source };
        engine.files.remove(&path).map_err(io)?;
    }
    let mut tx = engine.db.system().await?;
    tx.mark_deleted(f).await?;
    tx.commit().await?;
    Ok(())
}
