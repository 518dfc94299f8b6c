//! What a disk that refuses, loses power or is taken leaves, and what is delivered after it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};
use telvisor::engine::Engine;
use telvisor::mediation::files::{Disk, FileLayer};
use telvisor::mediation::seal::{self, Cut, SealError};

use super::{check_stream, customers, files, journal, only, recipient};
use crate::harness::{TestApp, files_below};

/// Another process on the same database, with another file layer.
async fn with_files(app: &TestApp, files: Arc<dyn FileLayer>) -> Engine {
    Engine { files, ..app.another().await }
}

/// A disk that refuses its n-th operation, before or after it has acted.
struct Refusing {
    left: Mutex<usize>,
    acts: bool,
}

impl Refusing {
    fn call<T>(&self, act: impl FnOnce() -> io::Result<T>, half: impl FnOnce()) -> io::Result<T> {
        let mut left = self.left.lock().unwrap();
        *left = left.wrapping_sub(1);
        if *left > 0 {
            return act();
        }
        if self.acts {
            act()?;
        } else {
            half();
        }
        Err(io::Error::other("the disk refuses"))
    }
}

impl FileLayer for Refusing {
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()> {
        self.call(
            || Disk.write(path, piece, first),
            || Disk.write(path, &piece[..piece.len() / 2], first).unwrap(),
        )
    }
    fn sync(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk.sync(path), || ())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| Disk.rename(from, to), || ())
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk.sync_folder(path), || ())
    }
    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        self.call(|| Disk.sha256(path), || ())
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk.make_folder(path), || ())
    }
}

#[tokio::test]
async fn a_disk_that_refuses_leaves_whole_files_only() {
    for acts in [false, true] {
        let app = TestApp::with(only(vec![recipient("r", "day")])).await;
        customers(&app).await;
        let folder = app.data().join("sdr/r");
        let mut refused = 0;
        for n in 1.. {
            journal(&app, "C1", &[&format!("order {n}")]).await;
            let broken = with_files(&app, Arc::new(Refusing { left: Mutex::new(n), acts })).await;
            match seal::seal(&broken, Cut::Manual).await {
                Ok(_) => break,
                Err(SealError::Io { source, .. }) => assert_eq!(source.to_string(), "the disk refuses"),
                Err(e) => panic!("{e}"),
            }
            refused += 1;
            for octets in files_below(&folder).values() {
                telvisor_sdr::decode::decode(octets).expect("whole");
            }
            assert_eq!(files(&app, "r", false).await.last().unwrap()["state"], "sealed");
            seal::deliver(app.engine()).await.unwrap();
            assert_eq!(check_stream(&app, "r", false).await.len(), n);
        }
        assert!(refused >= 6, "two folders, a look, a write, a rename, a sync: {refused}");
        assert_eq!(files_below(&folder).len(), refused + 1);
        assert!(files_below(&app.data().join("sdr/.work")).is_empty());
    }
}

/// A file of [`Memory`]: what was written, and what of it was brought to the disk.
#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    safe: Vec<u8>,
}

/// A disk that keeps, when the power goes, only what was synced: a file's octets by its own sync, its name by that of
/// its folder.
#[derive(Default)]
struct Memory {
    files: Vec<Inode>,
    now: BTreeMap<PathBuf, usize>,
    safe: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    /// Operations until the power goes.
    left: usize,
}

impl Memory {
    /// What lies in a folder after a power cut.
    fn outlives(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let there = self.safe.iter().filter(|(p, _)| p.parent().unwrap().ends_with(folder));
        there.map(|(p, n)| (p.clone(), self.files[*n].safe.clone())).collect()
    }
}

struct Power(Mutex<Memory>);

impl Power {
    fn call<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> io::Result<T> {
        let mut m = self.0.lock().unwrap();
        if m.left == 0 {
            return Err(io::Error::other("no power"));
        }
        m.left -= 1;
        Ok(act(&mut m))
    }

    /// The power comes back: what was not synced is gone, or by chance is there (`kept`).
    fn back(&self, kept: bool) {
        let mut m = self.0.lock().unwrap();
        if kept {
            m.safe = m.now.clone();
            m.files.iter_mut().for_each(|f| f.safe = f.now.clone());
        } else {
            m.now = m.safe.clone();
            m.files.iter_mut().for_each(|f| f.now = f.safe.clone());
        }
        m.left = usize::MAX;
    }
}

impl FileLayer for Power {
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()> {
        let mut m = self.0.lock().unwrap();
        assert!(m.folders.iter().any(|f| Some(f.as_path()) == path.parent()));
        // The power goes in the middle: half of it is there.
        let goes = m.left <= 1;
        m.left = m.left.saturating_sub(1);
        if first {
            m.files.push(Inode::default());
            let new = m.files.len() - 1;
            m.now.insert(path.into(), new);
        }
        let n = m.now[path];
        let some = if goes { &piece[..piece.len() / 2] } else { piece };
        m.files[n].now.extend_from_slice(some);
        if goes { Err(io::Error::other("no power")) } else { Ok(()) }
    }
    fn sync(&self, path: &Path) -> io::Result<()> {
        self.call(|m| {
            let n = m.now[path];
            m.files[n].safe = m.files[n].now.clone();
        })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|m| {
            let n = m.now.remove(from).unwrap();
            m.now.insert(to.into(), n);
        })
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|m| {
            m.safe.retain(|p, _| p.parent() != Some(path));
            let there = m.now.iter().filter(|(p, _)| p.parent() == Some(path));
            m.safe.extend(there.map(|(p, n)| (p.clone(), *n)));
        })
    }
    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        self.call(|m| m.now.get(path).map(|n| hex::encode(Sha256::digest(&m.files[*n].now))))
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|m| m.folders.push(path.into()))
    }
}

#[tokio::test]
async fn what_a_power_cut_takes_is_delivered_again_alike() {
    for kept in [false, true] {
        let app = TestApp::with(only(vec![recipient("r", "day")])).await;
        customers(&app).await;
        let power = Arc::new(Power(Mutex::default()));
        let engine = with_files(&app, power.clone()).await;
        let mut cuts = 0;
        for n in 0.. {
            journal(&app, "C1", &[&format!("order {n}")]).await;
            power.0.lock().unwrap().left = n;
            let whole = seal::seal(&engine, Cut::Manual).await.is_ok();
            power.back(kept);
            let list = app.engine().db.read_system().await.unwrap().files("default").await.unwrap();
            let delivered: Vec<_> = list.iter().filter(|f| f.state == "acknowledged").collect();
            assert_eq!(delivered.len(), if whole { n + 1 } else { n });
            for f in delivered {
                let path = seal::folder(&seal::root(&engine), f).join(&f.name);
                let safe = power.0.lock().unwrap().outlives("r");
                let whole = safe.get(&path).map(|octets| hex::encode(Sha256::digest(octets)));
                assert_eq!(whole.as_ref(), Some(&f.sha256), "{} was told to be delivered", f.name);
            }
            seal::deliver(&engine).await.unwrap();
            power.back(false);
            let there = power.0.lock().unwrap().outlives("r");
            assert_eq!(there.len(), n + 1);
            for f in &list {
                let path = seal::folder(&seal::root(&engine), f).join(&f.name);
                let rebuilt = seal::rebuild(&engine, f).await.unwrap();
                assert!(there.iter().any(|(p, c)| *p == path && **c == rebuilt), "{}", f.name);
            }
            if whole {
                break;
            }
            cuts += 1;
        }
        assert!(cuts >= 7, "{cuts}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_alone_and_holds_up_its_own_stream_only() {
    let app = TestApp::with(only(vec![recipient("a", "day"), recipient("b", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["first"]).await;
    let folder = app.data().join("sdr/a");
    std::fs::create_dir_all(&folder).unwrap();
    let taken = folder.join("telvisor_-_1.20261123_-_0800+0000.csv");
    std::fs::write(&taken, "of somebody else").unwrap();
    let refused = seal::seal(app.engine(), Cut::Manual).await;
    assert!(
        matches!(&refused, Err(SealError::Occupied { path }) if path.ends_with("+0000.csv")),
        "{refused:?}"
    );
    journal(&app, "C1", &["second"]).await;
    assert!(seal::seal(app.engine(), Cut::Manual).await.is_err());
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "of somebody else");
    assert_eq!(files_below(&folder).len(), 1, "the second file waits for the first");
    assert_eq!(check_stream(&app, "b", false).await.len(), 2);
    app.request(axum::http::Method::POST, "/api/v1/sdr/seal", &[], None).await.expect(500);
    std::fs::remove_file(&taken).unwrap();
    seal::deliver(app.engine()).await.unwrap();
    assert_eq!(check_stream(&app, "a", false).await.len(), 2);
}
