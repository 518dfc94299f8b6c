//! Sealing and delivering SDR files: when a file is closed, what it says, and what a failing disk leaves.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use telvisor::apps::catalogue::Catalogue;
use telvisor::config::{Config, FileFormat, Recipient};
use telvisor::engine::Engine;
use telvisor::mediation::files::{Disk, FileLayer};
use telvisor::mediation::journal::Body;
use telvisor::mediation::seal::{self, Cut, SealError};
use telvisor::queue::Queue;
use telvisor::secrets::Secrets;
use telvisor::store::sdr::NewSdr;
use telvisor::store::{Tenant, Tx};
use uuid::Uuid;

use crate::harness::{CRM, ORDERS, TestApp, create, files_below, item, modify, provision, take_backup};

const CSV: &str = "mediation-csv";
const ASN1: &str = "mediation-asn1";

fn recipient(name: &str, schedule: &str) -> Recipient {
    Recipient {
        name: name.into(),
        format: FileFormat::Csv,
        framing: "raw".into(),
        schedule: schedule.into(),
        records: 50_000,
        bytes: 10 << 20,
    }
}

fn only(list: Vec<Recipient>) -> impl FnOnce(&mut Config) {
    move |c| c.mediation.recipient = list
}

async fn customers(app: &TestApp) {
    let mut test = create("T1");
    let list = test["service"]["serviceCharacteristic"].as_array_mut().unwrap();
    list.push(json!({ "name": "test", "value": true }));
    for item in [create("C1"), test] {
        app.done(item).await;
    }
}

/// Journals one record in an open transaction, as the end of an order item does.
async fn write(tx: &mut Tx<Tenant>, customer: &str, cause: &str) {
    let c = tx.customer_by_id(customer).await.unwrap().unwrap();
    let subject = tx.subject(c.uid, customer, None).await.unwrap();
    let body = Body {
        application: CRM.into(),
        version: "1.0".into(),
        previous_version: None,
        instance: Uuid::from_u128(7),
        duration_s: Some(1),
        success: true,
        cause: None,
        backup: None,
        volume_octets: None,
        plan: Some("solo".into()),
        previous_plan: None,
        order: Some(Uuid::from_u128(8)),
        external_order: Some(cause.into()),
    };
    let event_time = tx.now();
    tx.insert_sdr(&NewSdr {
        cause,
        subject,
        test: c.test,
        kind: "installed",
        body: &serde_json::to_value(&body).unwrap(),
        event_time,
    })
    .await
    .unwrap();
}

/// Journals records of these names.
async fn journal(app: &TestApp, customer: &str, names: &[&str]) {
    for name in names {
        let mut tx = app.engine().db.tenant("default").await.unwrap();
        write(&mut tx, customer, name).await;
        tx.commit().await.unwrap();
    }
}

async fn journal_many(app: &TestApp, count: usize) {
    for n in 0..count {
        journal(app, "C1", &[&format!("order {n:04}")]).await;
    }
}

async fn cut(app: &TestApp, cut: Cut) -> usize {
    seal::seal(app.engine(), cut).await.unwrap().len()
}

async fn files(app: &TestApp, recipient: &str, test: bool) -> Vec<Value> {
    let all = app.get("/api/v1/sdr/files").await.expect(200);
    let mut list = all.as_array().unwrap().clone();
    list.retain(|f| f["recipient"] == recipient && f["test"] == test);
    list.sort_by_key(|f| f["fileSeq"].as_u64());
    list
}

fn octets(file: &Value) -> Vec<u8> {
    std::fs::read(file["path"].as_str().unwrap()).unwrap()
}

fn decoded(file: &Value) -> Value {
    let decoded = telvisor_sdr::decode::decode(&octets(file)).expect("a finished file decodes");
    serde_json::from_str(&telvisor_sdr::decode::to_json(&decoded)).unwrap()
}

/// The external ids of a file's records.
fn names(file: &Value) -> Vec<String> {
    let decoded = decoded(file);
    let records = decoded["records"].as_array().unwrap();
    records.iter().map(|r| r["externalOrderId"].as_str().unwrap_or("-").to_owned()).collect()
}

/// Whole files in a stream's order, numbered without gaps, on the disk as they were sealed, and rebuilt alike.
async fn check_stream(app: &TestApp, recipient: &str, test: bool) -> Vec<Value> {
    let list = files(app, recipient, test).await;
    let mut next = 1;
    for (n, f) in list.iter().enumerate() {
        assert_eq!(f["fileSeq"], n + 1);
        assert_eq!(f["state"], "acknowledged", "{f:#}");
        assert_eq!(f["firstNumber"], next);
        next += f["records"].as_u64().unwrap();
        assert_eq!(f["lastNumber"], next - 1);
        let octets = octets(f);
        assert_eq!(f["bytes"], octets.len());
        let path = format!("/api/v1/sdr/files/{recipient}/{}?test={test}", n + 1);
        let rebuilt = app.get(&path).await;
        assert_eq!(rebuilt.status, 200);
        assert!(rebuilt.octets == octets, "{path} gives other octets than {}", f["path"]);
        let seqs: Vec<u64> =
            decoded(f)["records"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (f["firstNumber"].as_u64().unwrap()..next).collect::<Vec<_>>());
    }
    list
}

/// Rows of a CSV file as cells; a plain reading, for files without quotes.
fn rows(file: &Value) -> Vec<Vec<String>> {
    let text = String::from_utf8(octets(file)).unwrap();
    assert!(text.ends_with("\r\n"));
    text.trim_end().split("\r\n").map(|r| r.split(',').map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn an_operator_closes_what_is_open() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["a", "b"]).await;
    app.goto("2026-11-23T15:07:42Z");
    let answer = app.request(axum::http::Method::POST, "/api/v1/sdr/seal", &[], None).await.expect(200);
    let made = answer["files"].as_array().unwrap();
    assert_eq!(made.len(), 2, "{answer:#}");
    let csv = &check_stream(&app, CSV, false).await[0];
    let asn1 = &check_stream(&app, ASN1, false).await[0];
    assert_eq!(csv["name"], "telvisor_-_1.20261123_-_1507+0000.csv");
    assert_eq!(asn1["name"], "telvisor_-_1.20261123_-_1507+0000.cdr");
    for f in [csv, asn1] {
        assert_eq!((f["closeReason"].as_u64(), f["records"].as_u64()), (Some(4), Some(2)));
        assert_eq!(f["periodStart"], "2026-11-23T00:00:00Z");
        assert_eq!(f["periodEnd"], "2026-11-24T00:00:00Z");
        let folder = app.data().join("sdr").join(f["recipient"].as_str().unwrap());
        assert!(f["path"].as_str().unwrap().ends_with(&format!("/{}", f["name"].as_str().unwrap())));
        assert_eq!(files_below(&folder).len(), 1);
    }
    let rows = rows(csv);
    assert!(rows.iter().all(|r| r.len() == 24));
    let h = ["H", "SDR", "1.0", "telvisor", CSV, "1", "LIVE", "2026-11-23T00:00:00+00:00"];
    assert_eq!(rows[0][..8], h);
    assert_eq!(
        rows[0][8..12],
        ["2026-11-24T00:00:00+00:00", "2026-11-23T08:00:01+00:00", "2026-11-23T15:07:42+00:00", "default"]
    );
    assert_eq!((rows[1][0].as_str(), rows[1][1].as_str(), rows[2][1].as_str()), ("D", "1", "2"));
    assert_eq!(rows[3][..5], ["T", "1", "2", "1", "2"]);
    assert_eq!(rows[3][14], "4");
    let text = octets(csv);
    let trailer = text.windows(4).rposition(|w| w == b"\r\nT,").unwrap() + 2;
    assert_eq!(rows[3][15], hex::encode(Sha256::digest(&text[..trailer])));
    // Nothing is open: no file, and no number is used up.
    assert_eq!(cut(&app, Cut::Manual).await, 0);
    journal(&app, "C1", &["c"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!((list.len(), names(&list[1])), (2, vec!["c".to_owned()]));
    assert!(files_below(&app.data().join("sdr/.work")).is_empty());
}

#[tokio::test]
async fn a_day_is_closed_after_its_end_and_once() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["monday"]).await;
    app.goto("2026-11-23T23:59:59.999999Z");
    journal(&app, "C1", &["last of monday"]).await;
    assert_eq!(cut(&app, Cut::Period).await, 0);
    app.goto("2026-11-24T00:00:00Z");
    journal(&app, "C1", &["first of tuesday"]).await;
    assert_eq!(cut(&app, Cut::Period).await, 2);
    assert_eq!(cut(&app, Cut::Period).await, 0);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!(names(&list[0]), ["monday", "last of monday"]);
    assert_eq!(list[0]["closeReason"], 0);
    assert_eq!(
        (&list[0]["periodStart"], &list[0]["periodEnd"]),
        (&json!("2026-11-23T00:00:00Z"), &json!("2026-11-24T00:00:00Z"))
    );
    assert_eq!(list[0]["name"], "telvisor_-_1.20261124_-_0000+0000.csv");
    // Away for days: each day gets its own file, an empty one none, and what is closed by hand tells its day too.
    app.goto("2026-11-26T10:00:00Z");
    journal(&app, "C1", &["thursday"]).await;
    app.goto("2026-11-28T01:00:00Z");
    journal(&app, "C1", &["saturday"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 6);
    let list = check_stream(&app, CSV, false).await;
    let told: Vec<_> =
        list[1..].iter().map(|f| (names(f)[0].clone(), f["closeReason"].as_u64().unwrap())).collect();
    let expected = [("first of tuesday", 0), ("thursday", 0), ("saturday", 4)];
    assert_eq!(told, expected.map(|(n, r)| (n.to_owned(), r)));
    app.goto("2026-11-29T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 0, "nothing was left of saturday");
}

#[tokio::test]
async fn weeks_months_and_cron_follow_the_time_zone() {
    let app = TestApp::with(|c| {
        c.time_zone = "Europe/Berlin".into();
        let schedules = [("d", "day"), ("w", "week"), ("m", "month"), ("h", "0 */6 * * *")];
        c.mediation.recipient = schedules.map(|(n, s)| recipient(n, s)).to_vec();
    })
    .await;
    customers(&app).await;
    // The day on which summer time begins has 23 hours.
    app.goto("2027-03-28T10:00:00Z");
    cut(&app, Cut::Period).await;
    journal(&app, "C1", &["a"]).await;
    let closed = async |at: &str| {
        app.goto(at);
        let mut names: Vec<_> =
            seal::seal(app.engine(), Cut::Period).await.unwrap().into_iter().map(|f| f.recipient).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(closed("2027-03-28T15:59:59Z").await, "");
    assert_eq!(closed("2027-03-28T16:00:00Z").await, "h", "18:00 in Berlin");
    assert_eq!(closed("2027-03-28T21:59:59Z").await, "");
    assert_eq!(closed("2027-03-28T22:00:00Z").await, "d w", "sunday ends at 22:00 in UTC");
    assert_eq!(closed("2027-03-31T21:59:59Z").await, "");
    assert_eq!(closed("2027-03-31T22:00:00Z").await, "m");
    let period = async |name: &str| {
        let f = check_stream(&app, name, false).await.remove(0);
        let rows = rows(&f);
        (rows[0][7].clone(), rows[0][8].clone(), f["name"].as_str().unwrap().to_owned())
    };
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(
        period("d").await,
        text(
            "2027-03-28T00:00:00+01:00",
            "2027-03-29T00:00:00+02:00",
            "telvisor_-_1.20270329_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("w").await,
        text(
            "2027-03-22T00:00:00+01:00",
            "2027-03-29T00:00:00+02:00",
            "telvisor_-_1.20270329_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("m").await,
        text(
            "2027-03-01T00:00:00+01:00",
            "2027-04-01T00:00:00+02:00",
            "telvisor_-_1.20270401_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("h").await,
        text(
            "2027-03-28T12:00:00+02:00",
            "2027-03-28T18:00:00+02:00",
            "telvisor_-_1.20270328_-_1800+0200.csv"
        )
    );
}

#[tokio::test]
async fn full_files_are_closed_by_count() {
    let app = TestApp::with(only(vec![Recipient { records: 3, ..recipient("r", "day") }])).await;
    customers(&app).await;
    journal_many(&app, 2).await;
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    journal(&app, "C1", &["c", "d", "e", "f", "g"]).await;
    assert_eq!(cut(&app, Cut::Limits).await, 2);
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    assert_eq!(cut(&app, Cut::Period).await, 0);
    assert_eq!(cut(&app, Cut::Manual).await, 1);
    let list = check_stream(&app, "r", false).await;
    let told: Vec<_> =
        list.iter().map(|f| (f["records"].as_u64().unwrap(), f["closeReason"].as_u64().unwrap())).collect();
    assert_eq!(told, [(3, 3), (3, 3), (1, 4)]);
    assert_eq!(names(&list[2]), ["g"]);
}

#[tokio::test]
async fn full_files_are_closed_by_size() {
    let both = [FileFormat::Csv, FileFormat::Asn1].map(|format| Recipient {
        bytes: 4096,
        format,
        ..recipient(if format == FileFormat::Csv { "c" } else { "a" }, "day")
    });
    let app = TestApp::with(only(both.to_vec())).await;
    customers(&app).await;
    journal_many(&app, 10).await;
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    for n in 10..60 {
        journal(&app, "C1", &[&format!("order {n:04}")]).await;
    }
    assert!(cut(&app, Cut::Limits).await >= 4);
    for name in ["a", "c"] {
        let list = check_stream(&app, name, false).await;
        assert!(
            list.iter().all(|f| f["closeReason"] == 1 && f["bytes"].as_u64().unwrap() <= 4096),
            "{list:#?}"
        );
        assert!(list.iter().all(|f| f["bytes"].as_u64().unwrap() > 3000), "and not much less: {list:#?}");
    }
    assert_eq!(cut(&app, Cut::Limits).await, 0, "the rest is not full");
    cut(&app, Cut::Manual).await;
    for name in ["a", "c"] {
        let list = check_stream(&app, name, false).await;
        let all: Vec<String> = list.iter().flat_map(names).collect();
        assert_eq!(all, (0..60).map(|n| format!("order {n:04}")).collect::<Vec<_>>());
        assert_eq!(list.last().unwrap()["closeReason"], 4);
    }
}

#[tokio::test]
async fn test_customers_have_files_and_numbers_of_their_own() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    journal(&app, "T1", &["t"]).await;
    journal(&app, "C1", &["b"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 4);
    journal(&app, "T1", &["u"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    for r in [CSV, ASN1] {
        let (live, test) = (check_stream(&app, r, false).await, check_stream(&app, r, true).await);
        assert_eq!(live.iter().flat_map(names).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(test.iter().flat_map(names).collect::<Vec<_>>(), ["t", "u"]);
        let folder = app.data().join("sdr").join(r).join("test");
        assert!(test.iter().all(|f| folder.join(f["name"].as_str().unwrap()).is_file()));
    }
    let rows = rows(&files(&app, CSV, true).await[1]);
    assert_eq!((rows[0][5].as_str(), rows[0][6].as_str(), rows[1][1].as_str()), ("2", "TEST", "2"));
    assert_eq!(rows[1][9], "T1");
}

#[tokio::test]
async fn recipients_begin_when_they_are_configured() {
    let app = TestApp::with(only(vec![recipient("one", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["before"]).await;
    let mut app = app;
    app.config.mediation.recipient = vec![recipient("one", "day"), recipient("two", "week")];
    let mut app = app.restart().await;
    journal(&app, "C1", &["both"]).await;
    cut(&app, Cut::Manual).await;
    assert_eq!(
        check_stream(&app, "one", false).await.iter().flat_map(names).collect::<Vec<_>>(),
        ["before", "both"]
    );
    assert_eq!(check_stream(&app, "two", false).await.iter().flat_map(names).collect::<Vec<_>>(), ["both"]);
    // The first one goes; the other one goes on with its numbers under its new configuration.
    app.config.mediation.recipient = vec![Recipient { records: 1, ..recipient("two", "day") }];
    let app = app.restart().await;
    journal(&app, "C1", &["c", "d"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    assert_eq!(check_stream(&app, "one", false).await.len(), 1);
    assert_eq!(
        check_stream(&app, "two", false).await.iter().flat_map(names).collect::<Vec<_>>(),
        ["both", "c", "d"]
    );
    let ids: Vec<_> = files(&app, "one", false)
        .await
        .iter()
        .chain(&files(&app, "two", false).await)
        .flat_map(|f| decoded(f)["records"].as_array().unwrap().clone())
        .filter(|r| r["externalOrderId"] == "both")
        .map(|r| r["recordId"].clone())
        .collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "a record has one id for all");
}

#[tokio::test]
async fn external_ids_come_out_as_they_went_in() {
    let app = TestApp::new().await;
    let ids = ["say \"hello\", twice", "semi;colon, 'quote'", "\"", "=1+1", "  blanks  ", "Ελληνικά €, ü"];
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    for id in ids {
        let order = json!({ "externalId": id, "serviceOrderItem": [take_backup(&s)] });
        let placed = app.post(ORDERS, &order).await.expect(201);
        app.run().await;
        assert_eq!(app.show(&placed).await["state"], "completed");
    }
    for bad in ["", "line\nbreak", &"x".repeat(256)] {
        let order = json!({ "externalId": bad, "serviceOrderItem": [take_backup(&s)] });
        app.post(ORDERS, &order).await.expect(400);
    }
    for r in [CSV, ASN1] {
        let records = app.records(r).await;
        let told: Vec<_> = records[1..].iter().map(|r| r["externalOrderId"].as_str().unwrap()).collect();
        assert_eq!(told, ids, "{r}");
    }
    let text = String::from_utf8(octets(&files(&app, CSV, false).await[0])).unwrap();
    assert!(text.contains(r#","say ""hello"", twice""#), "{text}");
}

#[tokio::test]
async fn failures_are_told_where_they_are_wanted() {
    for wanted in [false, true] {
        let app = TestApp::with(|c| {
            c.sdr.failures = wanted;
            c.jobs.attempts = 1;
        })
        .await;
        app.customer("C1").await;
        let s = app.provision("C1", CRM, "team", Some("1.1")).await;
        let fails = async |role: &str, items: Value| {
            app.faults(json!({ "rules": [{ "operation": role, "nth": 1, "effect": "fail" }] }));
            let done = app.order(items).await;
            assert!(done["state"] == "failed" || done["state"] == "partial", "{done:#}");
        };
        fails("backup", json!([take_backup(&s)])).await;
        fails("upgrade", json!([modify(&s, &[("version", "2.0")])])).await;
        fails("downgrade", json!([modify(&s, &[("version", "1.0")])])).await;
        fails("configure", json!([modify(&s, &[("plan", "solo")])])).await;
        let second = item("second", take_backup(&s), &["modify"]);
        fails("configure", json!([modify(&s, &[("plan", "company")]), second])).await;
        fails("install", json!([provision("C1", "filenook", "home", None)])).await;
        let records = app.records(CSV).await;
        if !wanted {
            assert_eq!(records.len(), 1);
            continue;
        }
        let told: Vec<_> = records
            .iter()
            .map(|r| {
                (r["recordType"].as_str().unwrap(), r["result"].as_str().unwrap(), r["causeCode"].as_u64())
            })
            .collect();
        let expected = [
            ("installed", "success", None),
            ("backup-taken", "failure", Some(1)),
            ("upgraded", "failure", Some(1)),
            ("downgraded", "failure", Some(1)),
            ("downgraded", "failure", Some(1)),
            ("upgraded", "failure", Some(1)),
            ("backup-taken", "failure", Some(4)),
            ("installed", "failure", Some(1)),
        ];
        assert_eq!(told, expected);
        assert_eq!(app.records(ASN1).await.len(), records.len());
        check_stream(&app, ASN1, false).await;
    }
}

/// Another process on the same database, with another file layer.
fn with_files(app: &TestApp, files: Arc<dyn FileLayer>) -> Engine {
    let e = app.engine();
    Engine {
        config: e.config.clone(),
        db: e.db.clone(),
        catalogue: Catalogue::default(),
        queue: Queue::default(),
        driver: e.driver.clone(),
        objects: e.objects.clone(),
        files,
        secrets: Secrets::open(&e.config.key_file()).unwrap(),
        installation: e.installation,
        worker: "another".into(),
    }
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
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.call(
            || Disk.write(path, content),
            || std::fs::write(path, &content[..content.len() / 2]).unwrap(),
        )
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| Disk.rename(from, to), || ())
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk.sync_folder(path), || ())
    }
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.call(|| Disk.read(path), || ())
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
            let broken = with_files(&app, Arc::new(Refusing { left: Mutex::new(n), acts }));
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

/// A disk without power: what it has, and what of it would outlive a cut.
#[derive(Default)]
struct Memory {
    now: BTreeMap<PathBuf, Vec<u8>>,
    safe: BTreeMap<PathBuf, Vec<u8>>,
    folders: Vec<PathBuf>,
    /// Operations until the power goes.
    left: usize,
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
        } else {
            m.now = m.safe.clone();
        }
        m.left = usize::MAX;
    }
}

impl FileLayer for Power {
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        // The power goes in the middle: half of it is there.
        let mut m = self.0.lock().unwrap();
        assert!(m.folders.iter().any(|f| Some(f.as_path()) == path.parent()));
        if m.left <= 1 {
            m.left = 0;
            m.now.insert(path.into(), content[..content.len() / 2].to_vec());
            return Err(io::Error::other("no power"));
        }
        m.left -= 1;
        m.now.insert(path.into(), content.to_vec());
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|m| {
            let content = m.now.remove(from).unwrap();
            m.now.insert(to.into(), content);
        })
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|m| {
            m.safe.retain(|p, _| p.parent() != Some(path));
            let there = m.now.iter().filter(|(p, _)| p.parent() == Some(path));
            m.safe.extend(there.map(|(p, c)| (p.clone(), c.clone())));
        })
    }
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.call(|m| m.now.get(path).cloned())
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
        let engine = with_files(&app, power.clone());
        let mut cuts = 0;
        for n in 0.. {
            journal(&app, "C1", &[&format!("order {n}")]).await;
            power.0.lock().unwrap().left = n;
            let whole = seal::seal(&engine, Cut::Manual).await.is_ok();
            power.back(kept);
            let list = app.engine().db.read_system().await.unwrap().files("default").await.unwrap();
            let delivered: Vec<_> = list.iter().filter(|f| f.state == "acknowledged").collect();
            assert_eq!(delivered.len(), if whole { n + 1 } else { n });
            let final_files = |m: &Memory| {
                m.safe
                    .iter()
                    .filter(|(p, _)| p.parent().unwrap().ends_with("r"))
                    .map(|(p, c)| (p.clone(), c.clone()))
                    .collect::<Vec<_>>()
            };
            for f in delivered {
                let path = seal::folder(&seal::root(&engine), f).join(&f.name);
                assert!(
                    power.0.lock().unwrap().safe.contains_key(&path),
                    "{} was told to be delivered",
                    f.name
                );
            }
            seal::deliver(&engine).await.unwrap();
            power.back(false);
            let there = final_files(&power.0.lock().unwrap());
            assert_eq!(there.len(), n + 1);
            for f in &list {
                let path = seal::folder(&seal::root(&engine), f).join(&f.name);
                let rebuilt = seal::rebuild(&engine, f).await.unwrap();
                assert!(there.iter().any(|(p, c)| *p == path && *c == rebuilt), "{}", f.name);
            }
            if whole {
                break;
            }
            cuts += 1;
        }
        assert!(cuts >= 6, "{cuts}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_seals_at_once_make_each_file_once() {
    let app = TestApp::new().await;
    customers(&app).await;
    for round in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..8 {
            let engine = app.running.engine.clone();
            tasks.spawn(async move {
                let mut tx = engine.db.tenant("default").await.unwrap();
                write(&mut tx, "C1", &format!("order {round} {n}")).await;
                tx.commit().await.unwrap();
                seal::seal(&engine, Cut::Manual).await.unwrap();
            });
        }
        tasks.join_all().await;
    }
    for r in [CSV, ASN1] {
        let list = check_stream(&app, r, false).await;
        let mut all: Vec<String> = list.iter().flat_map(names).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
        assert_eq!(list.iter().map(|f| f["records"].as_u64().unwrap()).sum::<u64>(), 40);
    }
    assert!(files_below(&app.data().join("sdr/.work")).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_still_to_be_committed_is_not_lost() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["first"]).await;
    let mut open = app.engine().db.tenant("default").await.unwrap();
    write(&mut open, "C1", "in a transaction that takes its time").await;
    app.goto("2026-11-24T00:00:01Z");
    let engine = app.running.engine.clone();
    let sealing = tokio::spawn(async move { seal::seal(&engine, Cut::Period).await });
    if app.engine().db.kind() == "postgres" {
        // The seal stands before the lock that the open transaction shares.
        let pool = sqlx::PgPool::connect(&app.config.database.url).await.unwrap();
        let waits = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let look =
            async { while sqlx::query_scalar::<_, i64>(waits).fetch_one(&pool).await.unwrap() == 0 {} };
        tokio::time::timeout(std::time::Duration::from_secs(30), look).await.expect("the seal waits");
        pool.close().await;
    }
    assert!(!sealing.is_finished());
    open.commit().await.unwrap();
    assert_eq!(sealing.await.unwrap().unwrap().len(), 2);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!(names(&list[0]), ["first", "in a transaction that takes its time"]);
    // One that is rolled back leaves no gap.
    let mut open = app.engine().db.tenant("default").await.unwrap();
    write(&mut open, "C1", "rolled back").await;
    drop(open);
    journal(&app, "C1", &["last"]).await;
    app.clock.advance(TimeDelta::seconds(1));
    cut(&app, Cut::Manual).await;
    assert_eq!(names(&check_stream(&app, CSV, false).await[1]), ["last"]);
}
