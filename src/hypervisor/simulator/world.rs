//! The simulator's world: everything that exists in it, as files in one folder.
//!
//! ```text
//! world.json                    id of the world, made once
//! lock                          held by the one process that plays the world
//! hosts.json                    hosts with their sizes
//! port                          port of the applications' pages
//! faults.json                   latency and fault rules, written by tests (see `faults`)
//! operations.log                one JSON line per operation that acted, append-only
//! machines/NAME                 the machine as people read it; there as long as the machine exists
//! tags/NAME                     ownership tag, highest fence, host, volumes, finished operations
//! volumes/NAME/SUBSCRIPTION/    a subscription's data: plain files
//! spool/NAME/                   the guest's spool
//! swap/NAME/SUBSCRIPTION/       data that a restore is just replacing
//! tmp/                          files on their way to their place
//! ```
//!
//! Every file appears by rename, so a reader never sees half of one, and the process may be killed anywhere:
//! the tag names a volume before it is made and until it is gone, the tag stands before its machine, and a
//! machine's file is the last thing that its deletion removes. Repeating the operation completes what is
//! missing. There is no fsync: this world is safe from the death of the process, not from a power cut.
//!
//! The tag of a deleted machine stays, because it remembers the highest fence: a worker that slept through the
//! deletion must not bring the machine back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::capacity::HostSize;
use super::entries::{Machine, TagFile};

#[derive(Serialize, Deserialize)]
struct Identity {
    id: Uuid,
}

/// The folder, opened and locked.
#[derive(Debug)]
pub struct World {
    dir: PathBuf,
    id: Uuid,
    lock: Mutex<Option<File>>,
    scratch: AtomicU64,
    /// Changes that may still be made before the world stops taking any: how tests play a kill at each point.
    changes_left: AtomicI64,
}

/// Why a world cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the simulated world in {} is in use by another process; stop that one first, or choose another folder",
        dir.display()
    )]
    Locked { dir: PathBuf },
    #[error("cannot use the simulated world in {}: {source}", dir.display())]
    Io { dir: PathBuf, source: io::Error },
}

impl World {
    /// Opens the world in a folder, making it with the given id if there is none, takes the lock on it and
    /// settles what a killed process left half done.
    pub fn open(dir: &Path, new_id: Uuid) -> Result<Self, OpenError> {
        let wrong = |source| OpenError::Io { dir: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(wrong)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("lock"))
            .map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Locked { dir: dir.to_owned() }),
            Err(fs::TryLockError::Error(e)) => return Err(wrong(e)),
        }
        let mut world = Self {
            dir: dir.to_owned(),
            id: new_id,
            lock: Mutex::new(Some(lock)),
            scratch: AtomicU64::new(0),
            changes_left: AtomicI64::new(i64::MAX),
        };
        world.settle().map_err(wrong)?;
        Ok(world)
    }

    fn settle(&mut self) -> io::Result<()> {
        remove_tree(&self.dir.join("tmp"))?;
        for folder in ["tmp", "machines", "tags", "volumes", "spool", "swap"] {
            fs::create_dir_all(self.dir.join(folder))?;
        }
        match read_json::<Identity>(&self.dir.join("world.json"))? {
            Some(identity) => self.id = identity.id,
            None => self.save(&self.dir.join("world.json"), &Identity { id: self.id })?,
        }
        // A restore was killed between its two renames, or before it cleared the old data away.
        for name in names_in(&self.dir.join("swap"))? {
            for subscription in names_in(&self.dir.join("swap").join(&name))? {
                let old = self.dir.join("swap").join(&name).join(&subscription);
                let place = self.dir.join("volumes").join(&name).join(&subscription);
                if place.exists() {
                    remove_tree(&old)?;
                } else {
                    fs::rename(&old, &place)?;
                }
            }
            remove_tree(&self.dir.join("swap").join(&name))?;
        }
        Ok(())
    }

    /// Lets the lock go; nothing can be changed afterwards.
    pub fn close(&self) {
        self.changes_left.store(0, Ordering::SeqCst);
        if let Some(lock) = self.lock.lock().expect("no one panics holding it").take() {
            // Unlocked by word, because a process that is just being started still holds the file open, too. It can
            // only fail where nothing was locked.
            lock.unlock().ok();
        }
    }

    /// From now on only this many changes succeed, as if the process were killed after them.
    #[cfg(test)]
    pub fn die_after(&self, changes: i64) {
        self.changes_left.store(changes, Ordering::SeqCst);
    }

    /// Stands before every change of the world.
    fn change(&self) -> io::Result<()> {
        if self.changes_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.changes_left.store(0, Ordering::SeqCst);
            return Err(io::Error::other("the simulated world is closed"));
        }
        Ok(())
    }

    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// A path in the world's folder.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Names of all machines that exist, ours or not. No machine has a hidden name.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = names_in(&self.dir.join("machines"))?;
        names.retain(|name| !name.starts_with('.'));
        Ok(names)
    }

    pub fn machine(&self, name: &str) -> io::Result<Option<Machine>> {
        read_json(&self.dir.join("machines").join(name))
    }

    pub fn save_machine(&self, name: &str, machine: &Machine) -> io::Result<()> {
        self.save(&self.dir.join("machines").join(name), machine)
    }

    pub fn remove_machine(&self, name: &str) -> io::Result<()> {
        self.change()?;
        absent_is_fine(fs::remove_file(self.dir.join("machines").join(name)))
    }

    pub fn tag(&self, name: &str) -> io::Result<Option<TagFile>> {
        read_json(&self.dir.join("tags").join(name))
    }

    pub fn save_tag(&self, name: &str, tag: &TagFile) -> io::Result<()> {
        self.save(&self.dir.join("tags").join(name), tag)
    }

    /// Hosts as the world keeps them; `given` replaces them, and a new world gets the default host.
    pub fn hosts(&self, given: Option<Vec<HostSize>>) -> io::Result<Vec<HostSize>> {
        let file = self.dir.join("hosts.json");
        let kept: Option<Vec<HostSize>> = read_json(&file)?;
        let wanted = given.or_else(|| kept.clone()).unwrap_or_else(|| vec![HostSize::default()]);
        if kept.as_ref() != Some(&wanted) {
            self.save(&file, &wanted)?;
        }
        Ok(wanted)
    }

    /// Port of the pages at the last run.
    pub fn port(&self) -> io::Result<Option<u16>> {
        read_json(&self.dir.join("port"))
    }

    pub fn save_port(&self, port: u16) -> io::Result<()> {
        self.save(&self.dir.join("port"), &port)
    }

    /// Folder of a subscription's data.
    #[must_use]
    pub fn volume(&self, name: &str, subscription: Uuid) -> PathBuf {
        self.dir.join("volumes").join(name).join(subscription.to_string())
    }

    pub fn make_volume(&self, name: &str, subscription: Uuid) -> io::Result<()> {
        self.change()?;
        fs::create_dir_all(self.volume(name, subscription))
    }

    pub fn remove_volume(&self, name: &str, subscription: Uuid) -> io::Result<()> {
        self.remove_folder(&self.volume(name, subscription))
    }

    /// Removes all volumes and the spool of a machine.
    pub fn remove_guest(&self, name: &str) -> io::Result<()> {
        self.remove_folder(&self.dir.join("volumes").join(name))?;
        self.remove_folder(&self.dir.join("spool").join(name))
    }

    /// Puts a folder that was filled in the scratch area in the place of a subscription's data.
    pub fn replace_volume(&self, name: &str, subscription: Uuid, with: &Path) -> io::Result<()> {
        let place = self.volume(name, subscription);
        let swap = self.dir.join("swap").join(name);
        let aside = swap.join(subscription.to_string());
        fs::create_dir_all(&swap)?;
        remove_tree(&aside)?;
        self.change()?;
        fs::rename(&place, &aside)?;
        self.change()?;
        fs::rename(with, &place)?;
        self.remove_folder(&swap)
    }

    /// Writes one small file of a subscription's data.
    pub fn save_data(&self, name: &str, subscription: Uuid, file: &str, text: &str) -> io::Result<()> {
        self.place(&self.volume(name, subscription).join(file), text.as_bytes())
    }

    /// One small file of a subscription's data, without the white space around it.
    pub fn data(&self, name: &str, subscription: Uuid, file: &str) -> io::Result<Option<String>> {
        let text = read_if_there(&self.volume(name, subscription).join(file))?;
        Ok(text.map(|t| String::from_utf8_lossy(&t).trim().to_owned()))
    }

    /// Octets in all files of a subscription's data.
    pub fn volume_octets(&self, name: &str, subscription: Uuid) -> io::Result<u64> {
        octets_below(&self.volume(name, subscription))
    }

    /// Where a spool path of the guest is kept. Relative and absolute paths are the same; `..` is refused.
    pub fn spool(&self, name: &str, path: &str) -> Result<PathBuf, String> {
        let mut place = self.dir.join("spool").join(name);
        let mut parts = 0;
        for part in Path::new(path).components() {
            match part {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(p) => {
                    place.push(p);
                    parts += 1;
                }
                _ => return Err(format!("the spool path {path:?} leads out of the spool")),
            }
        }
        if parts == 0 || path.contains('\0') {
            return Err(format!("{path:?} does not name a file in the spool"));
        }
        Ok(place)
    }

    /// At most `len` octets of a file; `None` if there is none.
    pub fn read_at(&self, file: &Path, offset: u64, len: u32) -> io::Result<Option<Vec<u8>>> {
        let mut opened = match File::open(file) {
            Ok(f) => f,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        opened.seek(SeekFrom::Start(offset))?;
        let mut data = Vec::new();
        opened.take(u64::from(len)).read_to_end(&mut data)?;
        Ok(Some(data))
    }

    /// Writes octets into a file; at offset 0 the file is made anew. `false` if that would leave a hole.
    pub fn write_at(&self, file: &Path, offset: u64, data: &[u8]) -> io::Result<bool> {
        self.change()?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut opened = OpenOptions::new().create(true).truncate(offset == 0).write(true).open(file)?;
        if opened.metadata()?.len() < offset {
            return Ok(false);
        }
        opened.seek(SeekFrom::Start(offset))?;
        opened.write_all(data)?;
        Ok(true)
    }

    pub fn remove_file(&self, file: &Path) -> io::Result<()> {
        self.change()?;
        absent_is_fine(fs::remove_file(file))
    }

    /// Moves a file that was filled in the scratch area to its place.
    pub fn move_to(&self, from: &Path, place: &Path) -> io::Result<()> {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        self.change()?;
        fs::rename(from, place)
    }

    /// A path in the scratch area that nobody else uses; the area is emptied at each start.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.dir.join("tmp").join(self.scratch.fetch_add(1, Ordering::SeqCst).to_string())
    }

    /// Adds one line to `operations.log`.
    pub fn log(&self, line: &serde_json::Value) -> io::Result<()> {
        self.change()?;
        let mut log = OpenOptions::new().create(true).append(true).open(self.dir.join("operations.log"))?;
        log.write_all(format!("{line}\n").as_bytes())
    }

    fn save<T: Serialize>(&self, place: &Path, value: &T) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
        text.push(b'\n');
        self.place(place, &text)
    }

    fn place(&self, place: &Path, content: &[u8]) -> io::Result<()> {
        let fresh = self.scratch();
        self.change()?;
        fs::write(&fresh, content)?;
        self.change()?;
        fs::rename(&fresh, place).inspect_err(|_| drop(fs::remove_file(&fresh)))
    }

    /// Removes a folder in one step as seen from outside.
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let away = self.scratch();
        self.change()?;
        match fs::rename(folder, &away) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        }
        self.change()?;
        remove_tree(&away)
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn octets_below(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { octets_below(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}

fn read_if_there(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn read_json<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    let Some(content) = read_if_there(file)? else {
        return Ok(None);
    };
    serde_json::from_slice(&content)
        .map(Some)
        .map_err(|e| io::Error::new(ErrorKind::InvalidData, format!("{}: {e}", file.display())))
}

fn remove_tree(folder: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(folder))
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
