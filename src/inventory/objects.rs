//! The backup store: a folder. An object appears under its key only when it is whole and on the disk.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::fault;

/// What went wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("backup store, {key}: {source}")]
    Io { key: String, source: std::io::Error },
    #[error("backup store, {key}: {found} where {expected} was expected")]
    Differs { key: String, expected: String, found: String },
}

/// A folder of objects.
#[derive(Debug, Clone)]
pub struct Objects {
    root: PathBuf,
}

/// An object being written, possibly since before a crash.
pub struct Upload {
    file: File,
    part: PathBuf,
    target: PathBuf,
    key: String,
    /// Octets there already.
    pub offset: u64,
}

impl Objects {
    /// Opens a store in `root`, which is made when missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(root: &Path) -> Result<Self, ObjectError> {
        std::fs::create_dir_all(root)
            .map_err(|source| ObjectError::Io { key: root.display().to_string(), source })?;
        Ok(Self { root: root.to_owned() })
    }

    /// The store's address, kept with each backup.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file:{}", self.root.display())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn error(key: &str) -> impl FnOnce(std::io::Error) -> ObjectError {
        move |source| ObjectError::Io { key: key.to_owned(), source }
    }

    /// Begins or resumes an upload.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn upload(&self, key: &str) -> Result<Upload, ObjectError> {
        let target = self.path(key);
        let part = target.with_extension("part");
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).await.map_err(Self::error(key))?;
        }
        // Not in append mode: two workers that upload the same, because one is presumed dead, write equal octets at
        // equal places.
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&part)
            .await
            .map_err(Self::error(key))?;
        let offset = file.seek(std::io::SeekFrom::End(0)).await.map_err(Self::error(key))?;
        Ok(Upload { file, part, target, key: key.to_owned(), offset })
    }

    /// Opens an object for reading from `offset`; with its size.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn read(&self, key: &str, offset: u64) -> Result<(File, u64), ObjectError> {
        let mut file = File::open(self.path(key)).await.map_err(Self::error(key))?;
        let size = file.metadata().await.map_err(Self::error(key))?.len();
        file.seek(std::io::SeekFrom::Start(offset)).await.map_err(Self::error(key))?;
        Ok((file, size))
    }

    /// Reads at most `len` octets at `offset`; empty at the end.
    ///
    /// # Errors
    /// When the object is not there.
    pub async fn chunk(&self, key: &str, offset: u64, len: u64) -> Result<Vec<u8>, ObjectError> {
        let (file, _) = self.read(key, offset).await?;
        let mut buffer = vec![];
        file.take(len).read_to_end(&mut buffer).await.map_err(Self::error(key))?;
        Ok(buffer)
    }

    /// Removes an object and what an upload left of it. Absent is fine.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        let path = self.path(key);
        for path in [path.with_extension("part"), path] {
            match fs::remove_file(&path).await {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Self::error(key)(e)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Size and SHA-256 (hex) of a whole object; none when it is not there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn verify(&self, key: &str) -> Result<Option<(u64, String)>, ObjectError> {
        match fs::metadata(self.path(key)).await {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Self::error(key)(e)),
            Ok(_) => digest(&self.path(key)).await.map(Some).map_err(Self::error(key)),
        }
    }
}

impl Upload {
    /// Appends octets.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn append(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.file.write_all(data).await.map_err(Objects::error(&self.key))?;
        self.offset += data.len() as u64;
        Ok(())
    }

    /// Makes the object visible once its size and SHA-256 (hex) are right and it is on the disk; else drops the part,
    /// so that the next try begins anew.
    ///
    /// # Errors
    /// [`ObjectError::Differs`], or the disk refuses.
    pub async fn finish(mut self, size: u64, sha256: &str) -> Result<(), ObjectError> {
        let io = Objects::error;
        self.file.flush().await.map_err(io(&self.key))?;
        fault::point("store.before_fsync");
        self.file.sync_all().await.map_err(io(&self.key))?;
        fault::point("store.after_fsync");
        let (found_size, found) = digest(&self.part).await.map_err(io(&self.key))?;
        if found_size != size || found != sha256 {
            fs::remove_file(&self.part).await.map_err(io(&self.key))?;
            return Err(ObjectError::Differs {
                key: self.key,
                expected: format!("{size} octets, SHA-256 {sha256}"),
                found: format!("{found_size} octets, SHA-256 {found}"),
            });
        }
        fault::point("store.before_rename");
        fs::rename(&self.part, &self.target).await.map_err(io(&self.key))?;
        fault::point("store.after_rename");
        if let Some(folder) = self.target.parent() {
            let folder = File::open(folder).await.map_err(io(&self.key))?;
            folder.sync_all().await.map_err(io(&self.key))?;
        }
        Ok(())
    }
}

async fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 256 << 10];
    let mut size = 0_u64;
    loop {
        let n = file.read(&mut buffer).await?;
        if n == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upload_resumes_and_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = Objects::open(dir.path()).unwrap();
        let sha = hex::encode(Sha256::digest(b"hello world"));
        let mut up = store.upload("t/a.tar.zst").await.unwrap();
        up.append(b"hello ").await.unwrap();
        up.file.flush().await.unwrap();
        drop(up);
        assert_eq!(store.verify("t/a.tar.zst").await.unwrap(), None);
        let mut up = store.upload("t/a.tar.zst").await.unwrap();
        assert_eq!(up.offset, 6);
        up.append(b"world").await.unwrap();
        up.finish(11, &sha).await.unwrap();
        assert_eq!(store.verify("t/a.tar.zst").await.unwrap(), Some((11, sha)));
        assert_eq!(store.chunk("t/a.tar.zst", 6, 100).await.unwrap(), b"world");

        let mut bad = store.upload("t/b.tar.zst").await.unwrap();
        bad.append(b"x").await.unwrap();
        assert!(matches!(bad.finish(1, "00").await, Err(ObjectError::Differs { .. })));
        assert_eq!(store.upload("t/b.tar.zst").await.unwrap().offset, 0, "the next try begins anew");
    }
}
