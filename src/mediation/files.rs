//! The file layer under sealed files: whole files only, safe against a crash at any point.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// What delivery needs of a file system; tests replace it.
pub trait FileLayer: Send + Sync {
    /// Writes a piece of a file; the first one replaces what an earlier try left.
    ///
    /// # Errors
    /// As the file system says.
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()>;

    /// Brings a file to the disk.
    ///
    /// # Errors
    /// As the file system says.
    fn sync(&self, path: &Path) -> io::Result<()>;

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

    /// SHA-256 of a file, in hex; none when it is not there.
    ///
    /// # Errors
    /// As the file system says.
    fn sha256(&self, path: &Path) -> io::Result<Option<String>>;

    /// Makes a folder and those above it, and brings them to the disk.
    ///
    /// # Errors
    /// As the file system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a file; one that is not there is gone.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

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

impl Room {
    /// Percent that are free, rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        self.free.saturating_mul(100) / self.total.max(1)
    }
}

/// The real disk.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Mode of new files.
    pub file_mode: u32,
    /// Mode of new folders.
    pub folder_mode: u32,
}

impl Default for Disk {
    fn default() -> Self {
        Self { file_mode: 0o640, folder_mode: 0o750 }
    }
}

/// Sets a mode whatever the process's umask is.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

impl FileLayer for Disk {
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = File::options();
        options.mode(self.file_mode).create(first);
        // What an earlier try left is not to be gone on with.
        let mut file =
            if first { options.write(true).truncate(true) } else { options.append(true) }.open(path)?;
        if first {
            set_mode(path, self.file_mode)?;
        }
        file.write_all(piece)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        crate::fault::point("seal.before_fsync");
        File::open(path)?.sync_all()?;
        crate::fault::point("seal.after_fsync");
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Some(hex::encode(digest.finalize()))),
                n => digest.update(&piece[..n]),
            }
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
            Ok(()) => set_mode(path, self.folder_mode)?,
            Err(e) => return Err(e),
        }
        self.sync_folder(above.unwrap_or(Path::new(".")))
    }
}
