//! What a disk that refuses, loses power or is taken leaves, and what is delivered after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};
use telvisor::config::Recipient;
use telvisor::engine::Engine;
use telvisor::mediation::files::{Disk, FileLayer};
use telvisor::mediation::seal::{self, Cut, SealError};

use super::{check_stream, customers, files, journal, only, recipient};
use crate::crash::draw::Draw;
use crate::crash::seed;
use crate::harness::{TestApp, files_below, setting};

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
            || Disk::default().write(path, piece, first),
            || Disk::default().write(path, &piece[..piece.len() / 2], first).unwrap(),
        )
    }
    fn sync(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk::default().sync(path), || ())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| Disk::default().rename(from, to), || ())
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk::default().sync_folder(path), || ())
    }
    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        self.call(|| Disk::default().sha256(path), || ())
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk::default().make_folder(path), || ())
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

    /// The power comes back. What was not synced is gone, or by chance it is there: `keeps` says of which file.
    fn back(&self, mut keeps: impl FnMut() -> bool) {
        let mut m = self.0.lock().unwrap();
        let Memory { files, now, safe, left, .. } = &mut *m;
        let names: BTreeSet<_> = now.keys().chain(safe.keys()).cloned().collect();
        for name in names {
            if keeps() {
                match now.get(&name) {
                    Some(n) => safe.insert(name, *n),
                    None => safe.remove(&name),
                };
            }
        }
        for f in files.iter_mut() {
            if keeps() {
                f.safe = f.now.clone();
            }
            f.now = f.safe.clone();
        }
        now.clone_from(safe);
        *left = usize::MAX;
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
            power.back(|| kept);
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
            power.back(|| false);
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

/// The same at random: several streams and layouts, and of what was not synced any part may be there.
#[tokio::test]
async fn power_cuts_at_random_lose_and_double_nothing() {
    let cuts = if setting("TELVISOR_TEST_FULL").is_some() { 400 } else { 40 };
    let seed = seed();
    println!("seed {seed} (TELVISOR_TEST_SEED={seed} draws the same again)");
    let mut draw = Draw::new(seed, 9);
    let header = r#"{ "name": "headers", "format": "asn1", "framing": "ts32297", "ack": "file" }"#;
    let list = vec![Recipient { records: 2, ..recipient("r", "day") }, serde_json::from_str(header).unwrap()];
    let app = TestApp::with(only(list)).await;
    customers(&app).await;
    let power = Arc::new(Power(Mutex::default()));
    let engine = with_files(&app, power.clone()).await;
    let mut written = 0;
    for n in 0..cuts {
        let customer = if draw.one_in(3) { "T1" } else { "C1" };
        let names: Vec<_> = (0..draw.between(1, 4)).map(|m| format!("order {n} {m}")).collect();
        written += names.len();
        journal(&app, customer, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        power.0.lock().unwrap().left = draw.below(24);
        // Whether it came to its end in time does not matter.
        let _ = seal::seal(&engine, Cut::Manual).await;
        let kept = draw.below(5);
        power.back(|| draw.below(4) < kept);
        // What was told to be delivered outlives the cut.
        let list = app.engine().db.read_system().await.unwrap().files("default").await.unwrap();
        let m = power.0.lock().unwrap();
        for f in list.iter().filter(|f| f.state != "sealed") {
            let path = seal::folder(&seal::root(&engine), f).join(&f.name);
            let there = m.safe.get(&path).map(|n| hex::encode(Sha256::digest(&m.files[*n].safe)));
            assert_eq!(there.as_ref(), Some(&f.sha256), "seed {seed}: {}", f.name);
        }
    }
    power.back(|| true);
    seal::seal(&engine, Cut::Manual).await.unwrap();
    let list = app.engine().db.read_system().await.unwrap().files("default").await.unwrap();
    let m = power.0.lock().unwrap();
    let final_names = m.now.keys().filter(|p| !p.parent().unwrap().ends_with(".work")).count();
    assert_eq!(final_names, list.len(), "seed {seed}: one file for each manifest");
    let mut next: BTreeMap<(String, bool), (i64, i64)> = BTreeMap::new();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for f in &list {
        let (file, number) = next.entry((f.recipient.clone(), f.test)).or_insert((1, 1));
        assert_eq!((f.file_seq, f.first_number), (*file, *number), "seed {seed}: a gap");
        (*file, *number) = (f.file_seq + 1, f.last_number + 1);
        let path = seal::folder(&seal::root(&engine), f).join(&f.name);
        let decoded = telvisor_sdr::decode::decode(&m.files[m.now[&path]].now).unwrap();
        let names = decoded.records.into_iter().map(|r| r.external_order_id.unwrap());
        told.entry(f.recipient.clone()).or_default().extend(names);
    }
    for (recipient, mut names) in told {
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "seed {seed}: {recipient} has some twice");
        assert_eq!(written, all, "seed {seed}: {recipient} lacks some");
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
