//! Alarms of what is so: seen by a look, cleared when nobody sees it any more.

use std::io;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use telvisor::alarms::watch::Watch;
use telvisor::clock::new_id;
use telvisor::engine::Engine;
use telvisor::hypervisor::simulator::{Options, Simulator};
use telvisor::hypervisor::{Guard, Operation, Size, Tag};
use telvisor::mediation::audit::Auditor;
use telvisor::mediation::files::{Disk, FileLayer, Room};
use telvisor::mediation::seal::{self, Cut};
use telvisor::queue::Queue;
use telvisor::queue::amqp::Broker;
use telvisor::store::sdr_files::CONFIGURED;
use telvisor::store::{Db, DbOptions};
use tempfile::TempDir;

use super::{look, one, open, over};
use crate::harness::{CRM, TestApp, provision};
use crate::probe::begin;

/// A minute and a look: what nobody sees any more is cleared.
async fn later(app: &TestApp, watch: &mut Watch, engine: &Engine) {
    app.clock.advance(TimeDelta::seconds(61));
    look(watch, engine).await;
}

#[tokio::test]
async fn a_hypervisor_that_does_not_answer() {
    let app = TestApp::new().await;
    let folder = TempDir::new().unwrap();
    let closed = Simulator::open(folder.path(), Options::default()).await.unwrap();
    closed.close().await;
    let cut_off = Engine { driver: closed, ..app.another().await };
    let (mut there, mut here) = (Watch::default(), Watch::default());
    look(&mut there, &cut_off).await;
    let alarm = one(&app, "hypervisorUnreachable").await;
    assert_eq!(alarm["perceivedSeverity"], "critical");
    assert_eq!(alarm["alarmedObject"]["@type"], "hypervisor");
    for _ in 0..5 {
        app.clock.advance(TimeDelta::seconds(20));
        look(&mut there, &cut_off).await;
        look(&mut here, app.engine()).await;
    }
    let still = one(&app, "hypervisorUnreachable").await;
    assert_eq!(
        still["alarmDetails"], alarm["alarmDetails"],
        "one process sees it, so it stays, and is not repeated"
    );
    assert_eq!(still["state"], "raised");
    later(&app, &mut here, app.engine()).await;
    assert!(open(&app, "hypervisorUnreachable").await.is_empty());
    assert_eq!(over(&app, "hypervisorUnreachable").await.len(), 1);
}

#[tokio::test]
async fn a_broker_that_is_not_connected() {
    let app = TestApp::new().await;
    let mut amqp = app.config.amqp.clone();
    amqp.url = "amqp://guest@127.0.0.1:1/%2f,amqp://guest@rabbit-2:1/%2f".into();
    let broker = Broker::configured(&amqp).unwrap().map(Arc::new);
    let alone = Engine { queue: Arc::new(Queue::new(true, broker)), ..app.another().await };
    let (mut there, mut here) = (Watch::default(), Watch::default());
    look(&mut there, &alone).await;
    assert!(open(&app, "brokerUnreachable").await.is_empty(), "at the start it is still being connected");
    look(&mut there, &alone).await;
    let alarm = one(&app, "brokerUnreachable").await;
    assert_eq!(alarm["alarmedObject"]["id"], "127.0.0.1,rabbit-2");
    later(&app, &mut here, app.engine()).await;
    assert!(open(&app, "brokerUnreachable").await.is_empty());
}

#[tokio::test]
async fn messages_that_nobody_can_read() {
    let app = TestApp::new().await;
    let mut amqp = app.config.amqp.clone();
    amqp.url = "amqp://guest@127.0.0.1:1/%2f".into();
    let broker = Broker::configured(&amqp).unwrap().map(Arc::new);
    let connected = Engine { queue: Arc::new(Queue::new(true, broker.clone())), ..app.another().await };
    let mut watch = Watch::default();
    look(&mut watch, &connected).await;
    assert!(open(&app, "deadLetters").await.is_empty());
    broker.as_ref().unwrap().note_dead_letters(2);
    look(&mut watch, &connected).await;
    let alarm = one(&app, "deadLetters").await;
    assert_eq!(alarm["alarmedObject"]["id"], "telvisor.dead");
    assert!(alarm["alarmDetails"].as_str().unwrap().starts_with("2 messages"), "{alarm:#}");
    broker.unwrap().note_dead_letters(0);
    later(&app, &mut watch, &connected).await;
    assert!(open(&app, "deadLetters").await.is_empty());
}

/// While it is away the process knows; the table has it when it is back, from when it began.
#[tokio::test]
async fn a_database_that_is_away() {
    let app = TestApp::new().await;
    let options = DbOptions::of(&app.config).with_connections(2);
    let db = Db::open(&options, Arc::new(app.clock.clone())).await.unwrap();
    db.close().await;
    let cut_off = Engine { db, ..app.another().await };
    let mut watch = Watch::default();
    look(&mut watch, &cut_off).await;
    app.clock.advance(TimeDelta::minutes(3));
    look(&mut watch, &cut_off).await;
    assert!(open(&app, "databaseUnreachable").await.is_empty());
    assert!(app.get("/metrics").await.body.as_str().unwrap().contains("telvisor_database_unreachable 1"));
    look(&mut watch, app.engine()).await;
    let alarm = one(&app, "databaseUnreachable").await;
    assert_eq!(alarm["alarmRaisedTime"], "2026-11-23T08:00:01Z");
    assert_eq!(alarm["alarmReportingTime"], "2026-11-23T08:03:01Z");
    assert!(app.get("/metrics").await.body.as_str().unwrap().contains("telvisor_database_unreachable 0"));
    later(&app, &mut watch, app.engine()).await;
    assert!(open(&app, "databaseUnreachable").await.is_empty());
}

#[tokio::test]
async fn metrics_are_there_without_a_database() {
    let app = TestApp::new().await;
    app.engine().db.close().await;
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn machines_and_hypervisor_are_compared() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let folder = TempDir::new().unwrap();
    let empty = Simulator::open(folder.path(), Options::default()).await.unwrap();
    let (mut there, mut here) = (Watch::default(), Watch::default());
    look(&mut here, app.engine()).await;
    assert!(open(&app, "machineMissing").await.is_empty());
    let lost = Engine { driver: empty.clone(), ..app.another().await };
    // One compares for all; the other does when that one has not been heard of for a while.
    app.clock.advance(TimeDelta::minutes(1));
    look(&mut there, &lost).await;
    let alarm = one(&app, "machineMissing").await;
    let machines = app.get("/tmf-api/resourceInventoryManagement/v4/resource").await.expect(200);
    assert_eq!(alarm["alarmedObject"]["id"], machines[0]["id"]);
    assert_eq!(alarm["alarmedObject"]["href"], machines[0]["href"]);
    // The machine is where it was, and beside it one that nobody has.
    let tag = Tag { installation: app.engine().installation, machine: new_id() };
    let guard = Guard { tag, name: "tv-stray".into(), fence: 1 };
    let size = Size { vcpu: 1, memory_mib: 256, disk_gib: 1 };
    let host = app.engine().driver.hosts().await.unwrap()[0].name.clone();
    let make = Operation::CreateMachine { size, tenant: "default".into(), customer: "C9".into(), host };
    let handle = app.engine().driver.begin(&guard, &make, "stray").await.unwrap();
    app.engine().driver.observe(&handle, std::time::Duration::from_secs(5)).await.unwrap();
    app.clock.advance(TimeDelta::minutes(16));
    look(&mut here, app.engine()).await;
    assert!(open(&app, "machineMissing").await.is_empty(), "it is there again");
    assert_eq!(one(&app, "machineOrphaned").await["alarmedObject"]["id"], "tv-stray");
    let handle = app.engine().driver.begin(&guard, &Operation::DeleteMachine, "stray gone").await.unwrap();
    app.engine().driver.observe(&handle, std::time::Duration::from_secs(5)).await.unwrap();
    app.clock.advance(TimeDelta::minutes(16));
    look(&mut here, app.engine()).await;
    assert!(open(&app, "machineOrphaned").await.is_empty());
    // What is being worked on is left alone.
    app.breaks("start");
    app.place(json!([crate::harness::set_state(&s, "inactive")])).await;
    crate::probe::begin(&app).await;
    app.clock.advance(TimeDelta::minutes(16));
    look(&mut there, &lost).await;
    assert!(open(&app, "machineMissing").await.is_empty());
    empty.close().await;
}

#[tokio::test]
async fn a_host_that_is_gone_with_machines_on_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    let host = app.engine().driver.hosts().await.unwrap()[0].name.clone();
    let hypervisor = app.engine().driver.capabilities().name;
    let mut tx = app.engine().db.system().await.unwrap();
    tx.see_host(&hypervisor, "rack-9", 8, 8192, 100, app.engine().db.clock().now()).await.unwrap();
    tx.commit().await.unwrap();
    let mut watch = Watch::default();
    look(&mut watch, app.engine()).await;
    assert!(open(&app, "hostMissing").await.is_empty(), "nothing is on it");
    execute(&app, "UPDATE reservations SET host = $1", "rack-9").await;
    look(&mut watch, app.engine()).await;
    let alarm = one(&app, "hostMissing").await;
    assert_eq!(
        (&alarm["alarmedObject"]["id"], &alarm["alarmType"]),
        (&json!("rack-9"), &json!("equipmentAlarm"))
    );
    execute(&app, "UPDATE reservations SET host = $1", &host).await;
    later(&app, &mut watch, app.engine()).await;
    assert!(open(&app, "hostMissing").await.is_empty());
}

/// A disk with so much room, that refuses to rename where it is broken.
struct Small {
    free: u64,
    broken: bool,
}

impl FileLayer for Small {
    fn write(&self, path: &Path, piece: &[u8], first: bool) -> io::Result<()> {
        Disk::default().write(path, piece, first)
    }
    fn sync(&self, path: &Path) -> io::Result<()> {
        Disk::default().sync(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.broken { Err(io::Error::other("the disk refuses")) } else { Disk::default().rename(from, to) }
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        Disk::default().sync_folder(path)
    }
    fn sha256(&self, path: &Path) -> io::Result<Option<String>> {
        Disk::default().sha256(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        Disk::default().make_folder(path)
    }
    fn room(&self, _: &Path) -> io::Result<Room> {
        Ok(Room { free: self.free, total: 100 << 30 })
    }
}

async fn with_disk(app: &TestApp, free: u64, broken: bool) -> Engine {
    Engine { files: Arc::new(Small { free: free << 30, broken }), ..app.another().await }
}

#[tokio::test]
async fn storage_that_fills_up() {
    let app = TestApp::new().await;
    let mut watch = Watch::default();
    for (free, severity) in [(9, "major"), (3, "critical"), (4, "major")] {
        look(&mut watch, &with_disk(&app, free, false).await).await;
        let alarm = one(&app, "storageFull").await;
        assert_eq!(alarm["perceivedSeverity"], severity, "{free} % are free");
        assert_eq!(alarm["alarmDetails"], format!("{free} % of 102400 MiB are free"));
    }
    assert_eq!(one(&app, "storageFull").await["state"], "updated");
    later(&app, &mut watch, &with_disk(&app, 10, false).await).await;
    assert!(open(&app, "storageFull").await.is_empty());
}

#[tokio::test]
async fn files_that_are_not_delivered() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    let broken = with_disk(&app, 90, true).await;
    seal::seal(&broken, Cut::Manual).await.unwrap_err();
    let failing = open(&app, "sdrDeliveryFailing").await;
    let objects: Vec<_> = failing.iter().map(|a| a["alarmedObject"]["id"].as_str().unwrap()).collect();
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert!(objects.contains(&"mediation-csv") && objects.contains(&"mediation-asn1"), "{objects:?}");
    assert!(failing[0]["alarmDetails"].as_str().unwrap().contains("the disk refuses"));
    let (good, mut watch) = (with_disk(&app, 90, false).await, Watch::default());
    look(&mut watch, &good).await;
    assert!(open(&app, "sdrOverdue").await.is_empty(), "not yet");
    app.clock.advance(TimeDelta::minutes(11));
    look(&mut watch, &good).await;
    assert_eq!(open(&app, "sdrOverdue").await.len(), 2);
    assert_eq!(open(&app, "sdrOverdue").await[0]["alarmType"], "timeDomainViolation");
    seal::seal(&good, Cut::Manual).await.unwrap();
    later(&app, &mut watch, &good).await;
    for name in ["sdrDeliveryFailing", "sdrOverdue"] {
        assert!(open(&app, name).await.is_empty(), "{name}");
        assert_eq!(over(&app, name).await.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_period_that_does_not_balance() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    app.goto("2026-11-24T00:00:00Z");
    seal::seal(app.engine(), Cut::Period).await.unwrap();
    let mut auditor = Auditor::default();
    auditor.round(app.engine()).await.unwrap();
    assert!(open(&app, "sdrUnbalanced").await.is_empty());
    app.sql("DELETE FROM sdr_numbers WHERE recipient = 'mediation-csv'").await;
    app.clock.advance(TimeDelta::hours(1));
    auditor.round(app.engine()).await.unwrap();
    let alarm = one(&app, "sdrUnbalanced").await;
    assert_eq!(
        (&alarm["alarmedObject"]["id"], &alarm["perceivedSeverity"]),
        (&json!("mediation-csv"), &json!("critical"))
    );
    let text = alarm["alarmDetails"].as_str().unwrap();
    assert!(
        text.contains("from 2026-11-23T00:00:00Z") && text.contains("1 records, 0 are numbered"),
        "{text}"
    );
}

#[tokio::test]
async fn records_that_cannot_be_sealed() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    let note = async |schedule: &str| {
        let mut tx = app.engine().db.system().await.unwrap();
        let config = json!({ "name": "mediation-csv", "format": "csv", "schedule": schedule });
        tx.note_recipient("mediation-csv", &config, CONFIGURED).await.unwrap();
        tx.commit().await.unwrap();
    };
    note("never").await;
    seal::seal(app.engine(), Cut::Manual).await.unwrap_err();
    let alarm = one(&app, "sdrSealingFailing").await;
    assert_eq!(alarm["alarmedObject"]["id"], "mediation-csv");
    note("day").await;
    seal::seal(app.engine(), Cut::Manual).await.unwrap();
    later(&app, &mut Watch::default(), app.engine()).await;
    assert!(open(&app, "sdrSealingFailing").await.is_empty());
}

#[tokio::test]
async fn files_that_do_not_join() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    seal::seal(app.engine(), Cut::Manual).await.unwrap();
    let mut watch = Watch::default();
    look(&mut watch, app.engine()).await;
    assert!(open(&app, "sdrAudit").await.is_empty());
    let mut tx = app.engine().db.system().await.unwrap();
    let files = tx.files("default").await.unwrap();
    let mut stray = files.iter().find(|f| f.recipient == "mediation-csv").unwrap().clone();
    (stray.file_seq, stray.first_number) = (stray.file_seq + 1, stray.last_number + 2);
    (stray.last_number, stray.records) = (stray.first_number, 1);
    stray.name = "stray.csv".into();
    tx.insert_file(&stray).await.unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(TimeDelta::minutes(16));
    look(&mut watch, app.engine()).await;
    let alarm = one(&app, "sdrAudit").await;
    assert_eq!(
        (&alarm["alarmedObject"]["id"], &alarm["perceivedSeverity"]),
        (&json!("mediation-csv"), &json!("critical"))
    );
    execute(&app, "DELETE FROM sdr_files WHERE name = $1", "stray.csv").await;
    app.clock.advance(TimeDelta::minutes(16));
    look(&mut watch, app.engine()).await;
    assert!(open(&app, "sdrAudit").await.is_empty(), "somebody took the stray one away");
}

/// Changes the database as nothing in the code can.
async fn execute(app: &TestApp, text: &'static str, value: &str) {
    let url = app.config.database_url();
    let rows = if url.starts_with("sqlite:") {
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::query(text).bind(value).execute(&pool).await.unwrap().rows_affected()
    } else {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query(text).bind(value).execute(&pool).await.unwrap().rows_affected()
    };
    assert!(rows > 0, "{text}");
}

/// SQLite has the clock of its process. On PostgreSQL the tests' clock is far away from the database's.
#[tokio::test]
async fn a_clock_that_is_off() {
    let app = TestApp::new().await;
    let mut watch = Watch::default();
    look(&mut watch, app.engine()).await;
    if app.engine().db.kind() == "sqlite" {
        assert!(open(&app, "clockOffset").await.is_empty());
        return;
    }
    assert_eq!(one(&app, "clockOffset").await["alarmType"], "timeDomainViolation");
    let theirs = app.engine().db.system().await.unwrap().database_now().await.unwrap();
    app.clock.advance(theirs - app.engine().db.clock().now());
    look(&mut watch, app.engine()).await;
    assert!(open(&app, "clockOffset").await.is_empty());
}

#[tokio::test]
async fn cleared_alarms_are_forgotten_in_time() {
    let app = TestApp::with(|c| c.alarms.keep_days = 5).await;
    let mut told = super::told("hot");
    app.post(super::ALARMS, &told).await.expect(201);
    told["state"] = json!("cleared");
    app.post(super::ALARMS, &told).await.expect(201);
    look(&mut Watch::default(), app.engine()).await;
    assert_eq!(super::alarms(&app, "specificProblem=hot").await.len(), 2);
    app.clock.advance(TimeDelta::days(6));
    look(&mut Watch::default(), app.engine()).await;
    let left = super::alarms(&app, "specificProblem=hot").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["state"], "raised", "what is open stays");
}

#[tokio::test]
async fn alarms_of_the_installation_belong_to_the_tenant_that_is_named() {
    let app = TestApp::with(|c| c.alarms.tenant = "operator".into()).await;
    let mut watch = Watch::default();
    look(&mut watch, &with_disk(&app, 1, false).await).await;
    assert!(open(&app, "storageFull").await.is_empty(), "another tenant does not see it");
    let mut tx = app.engine().db.read("operator").await.unwrap();
    assert!(tx.open_alarm(telvisor_model::Alarm::StorageFull, "data").await.unwrap().is_some());
    drop(tx);
    let metrics = app.get("/metrics").await;
    let text = metrics.body.as_str().unwrap();
    assert!(text.contains(r#"telvisor_alarms_open{severity="critical",type="storageFull"}"#), "{text}");
}

#[tokio::test]
async fn an_order_of_which_nothing_moves() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    begin(&app).await;
    let mut watch = Watch::default();
    app.clock.advance(TimeDelta::minutes(app.config.flow.stuck_minutes - 1));
    look(&mut watch, app.engine()).await;
    assert!(open(&app, "orderStuck").await.is_empty());
    app.clock.advance(TimeDelta::minutes(2));
    look(&mut watch, app.engine()).await;
    let alarm = one(&app, "orderStuck").await;
    assert_eq!(alarm["alarmedObject"]["id"], order["id"]);
    app.run().await;
    later(&app, &mut watch, app.engine()).await;
    assert!(open(&app, "orderStuck").await.is_empty());
}
