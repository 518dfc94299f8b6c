//! When another host takes over: what lies on the lost one's disk and is not acknowledged is made again on its own.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::deliver::put;
use super::seal::{SealError, fails, keep_first};
use crate::clock::new_id;
use crate::engine::Engine;
use crate::store::sdr_files::FileRow;

/// Names the disk that this process delivers to; made at its first use. Processes that share a data folder share it.
///
/// # Errors
/// [`SealError::Io`].
pub(super) fn place(engine: &Engine) -> Result<String, SealError> {
    let data = &engine.config.data;
    let path = data.join("place");
    named(data, &path).map_err(|source| SealError::Io { path: path.display().to_string(), source })
}

fn named(folder: &Path, path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let mut own = tempfile::NamedTempFile::new_in(folder)?;
    own.write_all(new_id().to_string().as_bytes())?;
    own.as_file().sync_all()?;
    match own.persist_noclobber(path) {
        Ok(_) => fs::File::open(folder)?.sync_all()?,
        // Another process was faster: its name stands.
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e.error),
    }
    fs::read_to_string(path)
}

/// Makes again, from its manifest, every delivered file that is not acknowledged and lies on another disk than ours.
///
/// # Errors
/// See [`SealError`]; what could not be made is tried again by the next call.
pub(super) async fn take_over(engine: &Engine) -> Result<(), SealError> {
    let place = place(engine)?;
    let files = engine.db.read_system().await?.elsewhere(&place).await?;
    let mut trouble = None;
    for f in &files {
        if let Err(e) = again(engine, f, &place).await {
            let of = (f.tenant.as_str(), f.recipient.as_str(), f.test);
            fails(engine, telvisor_model::Alarm::SdrDeliveryFailing, of, &e).await;
            keep_first(&mut trouble, e);
        }
    }
    trouble.map_or(Ok(()), Err)
}

async fn again(engine: &Engine, f: &FileRow, place: &str) -> Result<(), SealError> {
    let mut tx = engine.db.system().await?;
    put(engine, &mut tx, f).await?;
    tx.set_place(f, place).await?;
    tx.commit().await?;
    tracing::info!(sdr.file = f.name, sdr.recipient = f.recipient, "file of another host made again");
    Ok(())
}
