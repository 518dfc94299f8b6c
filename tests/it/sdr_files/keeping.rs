//! How files lie on the disk, for how long, and what a disk without room holds up.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use serde_json::json;
use telvisor::config::{Ack, Recipient};
use telvisor::engine::Engine;
use telvisor::mediation::files::{Disk, FileLayer, Room};
use telvisor::mediation::retention;
use telvisor::mediation::seal::{self, Cut, SealError};
use telvisor::orders::admission;

use super::{check_stream, customers, cut, files, journal, names, only, recipient};
use crate::harness::{ORDERS, TestApp, create, files_below};
use crate::traces::Log;

#[tokio::test]
async fn files_and_folders_have_the_modes_of_the_configuration() {
    for (file, folder) in [("0640", "0750"), ("0664", "0775"), ("0600", "0700")] {
        let app = TestApp::with(|c| {
            c.mediation.file_mode = file.into();
            c.mediation.folder_mode = folder.into();
        })
        .await;
        customers(&app).await;
        journal(&app, "C1", &["a"]).await;
        journal(&app, "T1", &["t"]).await;
        cut(&app, Cut::Manual).await;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let octal = |text: &str| u32::from_str_radix(text, 8).unwrap();
        for test in [false, true] {
            let f = files(&app, "mediation-csv", test).await.remove(0);
            let path = Path::new(f["path"].as_str().unwrap());
            assert_eq!(mode(path), octal(file), "{}", path.display());
            for above in path.ancestors().skip(1).take_while(|p| !p.ends_with("var")) {
                assert_eq!(mode(above), octal(folder), "{}", above.display());
            }
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_long_ago_is_deleted_and_can_still_be_made() {
    let waits = Recipient { ack: Ack::File, keep_days: 1, ..recipient("waits", "day") };
    let short = Recipient { keep_days: 7, ..recipient("short", "day") };
    let ever = Recipient { keep_days: 0, ..recipient("ever", "day") };
    let app = TestApp::with(only(vec![waits, short, ever])).await;
    customers(&app).await;
    journal(&app, "C1", &["old"]).await;
    cut(&app, Cut::Manual).await;
    let was = super::octets(&files(&app, "short", false).await[0]);
    app.clock.advance(TimeDelta::days(6));
    journal(&app, "C1", &["young"]).await;
    cut(&app, Cut::Manual).await;
    retention::forget(app.engine()).await;
    assert_eq!(files_below(&app.data().join("sdr")).len(), 6);
    app.clock.advance(TimeDelta::days(1) + TimeDelta::seconds(1));
    retention::forget(app.engine()).await;
    let left = files_below(&app.data().join("sdr"));
    let of = |name: &str| left.keys().filter(|path| path.starts_with(name)).count();
    assert_eq!((of("short/"), of("ever/"), of("waits/")), (1, 2, 2), "{:?}", left.keys());
    let states: Vec<_> = files(&app, "short", false).await.iter().map(|f| f["state"].clone()).collect();
    assert_eq!(states, [json!("deleted"), json!("acknowledged")]);
    let again = app.get("/api/v1/sdr/files/short/1").await;
    assert!(again.octets == was, "its manifest and its records are kept");
    // What comes next goes on behind it, and the audit still balances.
    journal(&app, "C1", &["next"]).await;
    cut(&app, Cut::Manual).await;
    assert_eq!(names(files(&app, "short", false).await.last().unwrap()), ["next"]);
    let told = app.get("/api/v1/sdr/audit?periods=9").await.expect(200);
    assert_eq!(told["balances"], true, "{told:#}");
}

/// A disk with so many MiB free.
#[derive(Default)]
struct Filling(AtomicU64, Disk);

impl FileLayer for Filling {
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()> {
        self.1.write(path, piece, first)
    }
    fn sync(&self, path: &Path) -> io::Result<()> {
        self.1.sync(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.1.rename(from, to)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.1.sync_folder(path)
    }
    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        self.1.sha256(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.1.make_folder(path)
    }
    fn room(&self, _: &Path) -> io::Result<Room> {
        Ok(Room { free: self.0.load(Ordering::SeqCst) << 20, total: 1 << 40 })
    }
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_holds_up_files_and_new_orders_and_drops_nothing() {
    let app = TestApp::with(only(vec![recipient("r", "day")])).await;
    customers(&app).await;
    let disk = Arc::new(Filling::default());
    let engine = Engine { files: disk.clone(), queue: app.engine().queue.clone(), ..app.another().await };
    journal(&app, "C1", &["a"]).await;
    disk.0.store(511, Ordering::SeqCst);
    let refused = seal::seal(&engine, Cut::Manual).await;
    assert!(matches!(refused, Err(SealError::NearlyFull { free: 511 })), "{refused:?}");
    app.goto("2026-11-24T00:00:00Z");
    assert!(seal::seal(&engine, Cut::Period).await.unwrap().is_empty(), "it waits");
    admission::look(&engine).await.unwrap();
    let order = json!({ "serviceOrderItem": [create("C9")] });
    let turned_away = app.post(ORDERS, &order).await;
    assert!(turned_away.headers.contains_key("retry-after"));
    let told = turned_away.expect(429);
    assert!(told["message"].as_str().unwrap().contains("511 MiB of the disk"), "{told:#}");
    // What was let in before still comes to its end, with its records.
    journal(&app, "C1", &["b"]).await;
    disk.0.store(512, Ordering::SeqCst);
    admission::look(&engine).await.unwrap();
    app.post(ORDERS, &order).await.expect(201);
    assert_eq!(seal::seal(&engine, Cut::Manual).await.unwrap().len(), 2);
    let list = check_stream(&app, "r", false).await;
    assert_eq!(list.iter().flat_map(names).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn no_name_and_no_log_line_tells_of_a_subscriber() {
    let template =
        "SDR_{node}_{recipient}_{tenant}_{test}_{seq:06}_{date}{time}{second}{offset}_{start}.{ext}";
    let list = ["customer", "phone", "pseudonym"].map(|subscriber| {
        let text = format!(
            "name = 'r-{subscriber}'\nformat = 'csv'\nsubscriber = '{subscriber}'\nfile_name = '{template}'\n\
             reconciliation = true\nkeep_days = 1"
        );
        toml::from_str::<Recipient>(&text).unwrap()
    });
    let app = TestApp::with(only(list.to_vec())).await;
    let log = Log::default();
    let kept = log.keep();
    let mut order = create("Private-Zora");
    let told = order["service"]["serviceCharacteristic"].as_array_mut().unwrap();
    told.push(json!({ "name": "phone", "value": "+30 210 555-0199" }));
    app.done(order).await;
    journal(&app, "Private-Zora", &["secret-order"]).await;
    cut(&app, Cut::Manual).await;
    let record = app.get("/tmf-api/usageManagement/v4/usage").await.expect(200)[0]["id"].clone();
    let path = format!("/api/v1/sdr/records/{}/corrections", record.as_str().unwrap());
    app.post(&path, &json!({ "changes": { "externalOrderId": "another-secret" } })).await.expect(201);
    app.goto("2026-11-25T00:00:00Z");
    cut(&app, Cut::Period).await;
    let below = files_below(&app.data().join("sdr"));
    app.clock.advance(TimeDelta::days(3));
    retention::forget(app.engine()).await;
    drop(kept);
    let text = log.text();
    assert!(text.contains("correction journalled"), "{text}");
    let listed = app.get("/api/v1/sdr/files").await.expect(200).to_string();
    let names: Vec<_> = below.keys().map(String::as_str).collect();
    assert!(
        names.iter().any(|n| n.ends_with(".csv")) && names.iter().any(|n| n.ends_with(".audit")),
        "{names:?}"
    );
    let metrics = String::from_utf8(app.get("/metrics").await.octets).unwrap();
    for personal in ["Zora", "2105550199", "secret"] {
        for (what, where_) in
            [("log", &text), ("list", &listed), ("names", &names.join(" ")), ("metrics", &metrics)]
        {
            assert!(!where_.contains(personal), "{personal} stands in the {what}: {where_}");
        }
    }
}
