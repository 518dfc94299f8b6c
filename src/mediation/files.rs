//! The file layer under sealed files: whole files only, safe against a crash at any point.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// What delivery needs of a file system; tests replace it.
pub trait FileLayer: Send + Sync {
    /// Writes a file with mode 0640, replacing what an earlier try left, and brings it to the disk.
    ///
    /// # Errors
    /// As the file system says.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Moves a file to its final name.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Brings the entries of a folder to the disk.
    ///
    /// # Errors
    /// As the file system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// The content of a file; none when it is not there.
    ///
    /// # Errors
    /// As the file system says.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Makes a folder and those above it, and brings them to the disk.
    ///
    /// # Errors
    /// As the file system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// The room of the file system that a path is on.
    ///
    /// # Errors
    /// As the file system says.
    fn room(&self, path: &Path) -> io::Result<Room> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Room { free: stat.f_bavail * stat.f_frsize, total: stat.f_blocks * stat.f_frsize })
    }
}

/// Octets of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// For whoever is not root.
    pub free: u64,
    pub total: u64,
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl FileLayer for Disk {
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o640).open(path)?;
        file.write_all(content)?;
        crate::fault::point("seal.before_fsync");
        file.sync_all()?;
        crate::fault::point("seal.after_fsync");
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(content) => Ok(Some(content)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        // A folder that is only in memory takes with it every file in it, however well that one was synced.
        let above = path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(above) = above {
            self.make_folder(above)?;
        }
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        self.sync_folder(above.unwrap_or(Path::new(".")))
    }
}
