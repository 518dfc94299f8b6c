//! Another host takes over, with a disk of its own that is empty.

use telvisor::config::{Ack, Config, Recipient};
use telvisor::engine::Engine;
use telvisor::mediation::seal::{self, Cut};
use tempfile::TempDir;

use super::{customers, cut, journal, only, recipient};
use crate::harness::{TestApp, files_below};

async fn host(app: &TestApp, disk: &TempDir) -> Engine {
    let other = app.another().await;
    Engine { config: Config { data: disk.path().to_owned(), ..other.config.clone() }, ..other }
}

#[tokio::test]
async fn what_nobody_has_acknowledged_is_made_again_on_an_empty_disk() {
    let waits = |name: &str| Recipient { ack: Ack::File, ..recipient(name, "day") };
    let mut list = vec![waits("csv"), recipient("taken-at-once", "day")];
    for (name, framing) in [("raw", "raw"), ("headers", "ts32297"), ("batch", "batch")] {
        let asn1 = serde_json::json!({ "name": name, "format": "asn1", "framing": framing, "ack": "file" });
        list.push(serde_json::from_value(asn1).unwrap());
    }
    let app = TestApp::with(only(list)).await;
    customers(&app).await;
    for round in [&["a", "b"][..], &["c"], &["d", "e", "f"]] {
        journal(&app, "C1", round).await;
        journal(&app, "T1", &[&format!("test {}", round[0])]).await;
        assert_eq!(cut(&app, Cut::Manual).await, 10);
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let ours = files_below(&app.data().join("sdr"));
    assert_eq!(ours.len(), 30);
    // The host is lost with its disk. One more file is sealed, and was delivered nowhere.
    journal(&app, "C1", &["g"]).await;
    let disk = TempDir::new().unwrap();
    let other = host(&app, &disk).await;
    seal::seal(&other, Cut::Manual).await.unwrap();
    let theirs = files_below(&disk.path().join("sdr"));
    let waiting = |path: &str| !path.starts_with("taken-at-once/");
    for (path, octets) in ours.iter().filter(|(path, _)| waiting(path)) {
        assert!(theirs.get(path) == Some(octets), "{path} is not as it was");
    }
    assert_eq!(theirs.len(), 24 + 5);
    let kept: Vec<_> = theirs.keys().filter(|path| !waiting(path)).collect();
    assert_eq!(kept.len(), 1, "what was acknowledged is not made again: {kept:?}");
    // Nothing is sealed or numbered twice, and the first host, back again, makes what it lacks.
    seal::deliver(app.engine()).await.unwrap();
    let back = files_below(&app.data().join("sdr"));
    for (path, octets) in theirs.iter().filter(|(path, _)| waiting(path)) {
        assert!(back.get(path) == Some(octets), "{path}");
    }
    let all = app.engine().db.read_system().await.unwrap().files("default").await.unwrap();
    assert_eq!(all.len(), 35);
    seal::deliver(&other).await.unwrap();
    assert_eq!(files_below(&disk.path().join("sdr")), theirs);
}
