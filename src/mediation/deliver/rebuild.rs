//! A sealed file once more: the same octets, from its manifest and the numbered records.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use telvisor_sdr::{Record, Tally};

use super::root;
use crate::engine::Engine;
use crate::mediation::encode::Manifest;
use crate::mediation::fill::CHUNK;
use crate::mediation::seal::SealError;
use crate::store::sdr_files::FileRow;
use crate::store::{System, Tx};

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
async fn assemble(
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

/// Makes a file again in the folder that nobody fetches from.
pub(super) async fn build(engine: &Engine, tx: &mut Tx<System>, f: &FileRow) -> Result<PathBuf, SealError> {
    let work = root(engine).join(".work");
    let io = |path: &Path, source| SealError::Io { path: path.display().to_string(), source };
    engine.files.make_folder(&work).map_err(|e| io(&work, e))?;
    let part = work.join(format!("{}.{}.{}.tmp", f.recipient, f.tenant, f.name));
    let mut first = true;
    assemble(engine, tx, f, &mut |piece| {
        let done = engine.files.write(&part, piece, first);
        first = false;
        done.map_err(|e| io(&part, e))
    })
    .await?;
    Ok(part)
}
