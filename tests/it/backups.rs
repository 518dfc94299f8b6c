//! Backups, what a termination keeps, and the backups that a plan includes: octet for octet, on data that a test
//! writes into the subscription's volume.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use telvisor::inventory::names;
use telvisor::jobs::sweep;
use telvisor::orders::{line, schedule};
use uuid::Uuid;

use crate::harness::{
    CRM, MIB, ORDERS, TestApp, create, files_below, modify, noise, restore, set_state, take_backup, terminate,
};

const SHARE: &str = "filenook";
const SHOP: &str = "stallfront";

/// Writes several MiB into a subscription's volume: large, small, empty and nested files.
fn fill(app: &TestApp, subscription: &str, seed: u64) {
    let volume = app.volume(subscription);
    let write = |path: &str, content: &[u8]| {
        let path = volume.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("photos/large", &noise(seed, 3 * MIB + 17));
    write("photos/2026/deep/er/small", &seed.to_be_bytes());
    write("text", "the same line\n".repeat(100_000 + seed as usize).as_bytes());
    write("empty", b"");
    write("counter", format!("{seed}\n").as_bytes());
}

/// Every file of a subscription's volume. `format` says which version wrote the data, and changes with it.
fn data(app: &TestApp, subscription: &str) -> BTreeMap<String, Vec<u8>> {
    let mut out = files_below(&app.volume(subscription));
    out.remove("format");
    assert!(out.values().map(Vec::len).sum::<usize>() > 4 * MIB, "the data is there: {:?}", out.keys());
    out
}

fn format(app: &TestApp, subscription: &str) -> String {
    std::fs::read_to_string(app.volume(subscription).join("format")).unwrap().trim().to_owned()
}

fn states(list: &[Value]) -> Vec<&str> {
    list.iter().map(|b| b["state"].as_str().unwrap()).collect()
}

async fn refused(app: &TestApp, item: Value, status: u16) -> Value {
    app.post(ORDERS, &json!({ "serviceOrderItem": [item] })).await.expect(status)
}

fn object(app: &TestApp, backup: &Value) -> PathBuf {
    let id: Uuid = backup["id"].as_str().unwrap().parse().unwrap();
    app.data().join("backups").join(names::object("default", id))
}

async fn expire(app: &TestApp) {
    sweep::expire(app.engine()).await.unwrap();
}

/// A customer with one subscription whose volume is full.
async fn subscriber(app: &TestApp, version: Option<&str>) -> String {
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", version).await;
    fill(app, &s, 1);
    s
}

async fn types(app: &TestApp) -> Vec<String> {
    let records = app.records("mediation-csv").await;
    records.iter().map(|r| r["recordType"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn backup_and_restore_bring_every_octet_back() {
    let app = TestApp::new().await;
    let s = subscriber(&app, None).await;
    let before = data(&app, &s);
    let id = app.back_up(&s).await;
    fill(&app, &s, 2);
    std::fs::write(app.volume(&s).join("written later"), noise(9, MIB)).unwrap();
    assert_ne!(data(&app, &s), before);
    let done = app.done(restore(&s, &id)).await;
    assert_eq!(data(&app, &s), before);
    let item = &done["serviceOrderItem"][0]["service"]["serviceCharacteristic"];
    assert!(item.as_array().unwrap().iter().any(|c| c["name"] == "backupId" && c["value"] == id.as_str()));
    assert_eq!(app.service(&s).await["state"], "active");
    let machine = &app.machines()[0];
    assert_eq!(machine["applications"][0]["state"], "running", "{machine:#}");
    let stored = &app.backups(&s).await[0];
    let octets = std::fs::read(object(&app, stored)).unwrap();
    assert_eq!(stored["size"], octets.len());
    assert_eq!(stored["sha256"], hex::encode(Sha256::digest(&octets)));
    let records = app.records("mediation-csv").await;
    for (record, kind) in records[1..].iter().zip(["backup-taken", "backup-restored"]) {
        assert_eq!(record["recordType"], kind);
        assert_eq!(record["backupId"], id.as_str());
        assert_eq!(record["volumeOctets"], octets.len());
    }
    assert_eq!(records.len(), 3);
}

#[tokio::test]
async fn the_own_api_answers_202_with_the_order() {
    let app = TestApp::new().await;
    let s = subscriber(&app, None).await;
    let before = data(&app, &s);
    let take = format!("/api/v1/subscriptions/{s}/backups");
    let mut backup = String::new();
    for step in 0..2 {
        let path = if step == 0 { take.clone() } else { format!("/api/v1/backups/{backup}/restore") };
        let answer = app.request(axum::http::Method::POST, &path, &[], None).await;
        let location = answer.headers["location"].to_str().unwrap().to_owned();
        let body = answer.expect(202);
        assert_eq!(body["href"], location.as_str());
        assert!(location.ends_with(&format!("{ORDERS}/{}", body["id"].as_str().unwrap())), "{location}");
        app.run().await;
        let order = app.show(&body).await;
        assert_eq!(order["state"], "completed", "{order:#}");
        if step == 0 {
            backup = app.backups(&s).await[0]["id"].as_str().unwrap().to_owned();
            fill(&app, &s, 2);
        }
    }
    assert_eq!(data(&app, &s), before);
    let nobody = "00000000-0000-7000-8000-000000000000";
    for path in [
        format!("/api/v1/subscriptions/{nobody}/backups"),
        "/api/v1/subscriptions/none/backups".to_owned(),
        format!("/api/v1/backups/{nobody}/restore"),
    ] {
        app.request(axum::http::Method::POST, &path, &[], None).await.expect(404);
    }
    app.done(set_state(&s, "inactive")).await;
    app.request(axum::http::Method::POST, &take, &[], None).await.expect(409);
}

#[tokio::test]
async fn a_change_of_version_keeps_the_data_and_so_does_one_that_fails() {
    let app = TestApp::with(|c| c.jobs.attempts = 1).await;
    let s = subscriber(&app, Some("1.0")).await;
    let before = data(&app, &s);
    app.done(modify(&s, &[("version", "2.0"), ("plan", "team")])).await;
    assert_eq!((data(&app, &s), format(&app, &s).as_str()), (before.clone(), "2.0"));
    app.done(modify(&s, &[("version", "1.1")])).await;
    assert_eq!((data(&app, &s), format(&app, &s).as_str()), (before.clone(), "1.1"));
    // The application does not come up in its new version: the safety copy is put back.
    app.faults(json!({ "rules": [{ "operation": "start", "nth": 1, "effect": "fail" }] }));
    let done = app.order(json!([modify(&s, &[("version", "2.0")])])).await;
    assert_eq!(done["state"], "failed", "{done:#}");
    assert_eq!((data(&app, &s), format(&app, &s).as_str()), (before, "1.1"));
    assert_eq!(app.service(&s).await["state"], "active");
}

#[tokio::test]
async fn a_restore_that_fails_leaves_the_present_data() {
    let app = TestApp::with(|c| c.jobs.attempts = 1).await;
    let s = subscriber(&app, None).await;
    let id = app.back_up(&s).await;
    fill(&app, &s, 2);
    let present = data(&app, &s);
    app.faults(json!({ "rules": [{ "operation": "health", "nth": 1, "effect": "fail" }] }));
    let done = app.order(json!([restore(&s, &id)])).await;
    assert_eq!(done["state"], "failed", "{done:#}");
    assert_eq!(data(&app, &s), present);
    // A damaged object is recognised before anything is touched.
    let object = object(&app, &app.backups(&s).await[0]);
    let mut octets = std::fs::read(&object).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&object, octets).unwrap();
    let done = app.order(json!([restore(&s, &id)])).await;
    assert_eq!(done["state"], "failed", "{done:#}");
    assert_eq!(data(&app, &s), present);
    assert_eq!(types(&app).await, ["installed", "backup-taken"]);
}

#[tokio::test]
async fn older_backups_are_brought_to_the_present_version_and_newer_ones_refused() {
    let app = TestApp::new().await;
    let s = subscriber(&app, Some("1.1")).await;
    let before = data(&app, &s);
    let older = app.back_up(&s).await;
    app.done(modify(&s, &[("version", "2.0")])).await;
    let newer = app.back_up(&s).await;
    fill(&app, &s, 2);
    app.done(restore(&s, &older)).await;
    assert_eq!((data(&app, &s), format(&app, &s).as_str()), (before, "2.0"));
    app.done(modify(&s, &[("version", "1.1")])).await;
    let answer = refused(&app, restore(&s, &newer), 409).await;
    assert!(answer["message"].as_str().unwrap().contains("newer"), "{answer:#}");
    app.request(axum::http::Method::POST, &format!("/api/v1/backups/{newer}/restore"), &[], None)
        .await
        .expect(409);
    // Judged by the version that the items before it leave.
    let up = json!({ "id": "up", "action": "modify", "service": { "id": s,
        "serviceCharacteristic": [{ "name": "version", "value": "2.0" }] } });
    let done = app.order(json!([up, restore(&s, &newer)])).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    // Another subscription's backup is unknown to this one.
    let other = app.provision("C1", SHARE, "home", None).await;
    refused(&app, restore(&other, &newer), 400).await;
}

#[tokio::test]
async fn the_list_is_newest_first_and_shows_each_state() {
    let app = TestApp::with(|c| {
        c.jobs.attempts = 1;
        c.backup.keep_days = 2;
    })
    .await;
    let s = subscriber(&app, None).await;
    assert!(app.backups(&s).await.is_empty());
    app.back_up(&s).await;
    app.clock.advance(TimeDelta::days(2));
    app.faults(json!({ "rules": [{ "operation": "backup", "nth": 1, "effect": "fail" }] }));
    let done = app.order(json!([take_backup(&s)])).await;
    assert_eq!(done["state"], "failed", "{done:#}");
    let characteristics = &done["serviceOrderItem"][0]["service"]["serviceCharacteristic"];
    assert!(!characteristics.to_string().contains("backupId"), "{characteristics:#}");
    expire(&app).await;
    app.clock.advance(TimeDelta::seconds(1));
    app.back_up(&s).await;
    app.clock.advance(TimeDelta::seconds(1));
    app.post(ORDERS, &json!({ "serviceOrderItem": [take_backup(&s)] })).await.expect(201);
    line::look(app.engine(), "default", "C1").await.unwrap();
    let all = app.backups(&s).await;
    assert_eq!(states(&all), ["taking", "available", "failed", "expired"]);
    assert!(all.windows(2).all(|w| w[0]["createdAt"].as_str() > w[1]["createdAt"].as_str()), "{all:#?}");
    assert_eq!((&all[0]["size"], &all[0]["sha256"]), (&Value::Null, &Value::Null));
    for b in &all {
        assert_eq!(object(&app, b).exists(), b["state"] == "available", "{b:#}");
    }
    for b in [&all[2], &all[3]] {
        refused(&app, restore(&s, b["id"].as_str().unwrap()), 409).await;
    }
    app.run().await;
    assert_eq!(states(&app.backups(&s).await), ["available", "available", "failed", "expired"]);
}

#[tokio::test]
async fn a_terminated_subscription_comes_back_with_its_data() {
    let app = TestApp::new().await;
    let s = subscriber(&app, Some("1.1")).await;
    app.done(modify(&s, &[("plan", "team")])).await;
    let before = data(&app, &s);
    app.done(terminate(&s)).await;
    assert!(app.machines().is_empty() && !app.data().join("world/volumes").join(&s).exists());
    assert_eq!(app.service(&s).await["state"], "terminated");
    app.clock.advance(TimeDelta::days(29));
    expire(&app).await;
    app.done(set_state(&s, "active")).await;
    assert_eq!((data(&app, &s), format(&app, &s).as_str()), (before, "1.1"));
    let service = app.service(&s).await;
    assert_eq!(service["state"], "active");
    let value = |name: &str| {
        let list = service["serviceCharacteristic"].as_array().unwrap();
        list.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("{name}: {service:#}"))["value"]
            .clone()
    };
    assert_eq!((value("plan"), value("version")), (json!("team"), json!("1.1")));
    assert!(value("accessUrl").as_str().unwrap().starts_with("http://"));
    assert_eq!(app.machines()[0]["applications"][0]["subscription"], s.as_str());
    // The last backup of a termination has no record of its own.
    assert_eq!(types(&app).await, ["installed", "upgraded", "installed"]);
    let records = app.records("mediation-csv").await;
    assert_eq!(records[2]["instanceId"], s.as_str());
    assert_eq!((&records[2]["planId"], &records[2]["applicationVersion"]), (&json!("team"), &json!("1.1")));
    // It lives on: taken up to the end of the first retention, and terminated again.
    app.done(terminate(&s)).await;
    app.clock.advance(TimeDelta::days(2));
    expire(&app).await;
    let all = app.backups(&s).await;
    assert_eq!(states(&all), ["available", "expired"], "each termination keeps its own");
    app.done(set_state(&s, "active")).await;
}

#[tokio::test]
async fn after_the_retention_nothing_is_left() {
    let app = TestApp::new().await;
    let s = subscriber(&app, None).await;
    app.back_up(&s).await;
    app.done(terminate(&s)).await;
    let kept = app.backups(&s).await;
    assert_eq!(states(&kept), ["available", "available"]);
    app.clock.advance(TimeDelta::days(30) - TimeDelta::seconds(5));
    expire(&app).await;
    assert!(kept.iter().all(|b| object(&app, b).exists()));
    app.clock.advance(TimeDelta::seconds(5));
    let answer = refused(&app, set_state(&s, "active"), 409).await;
    assert!(answer["message"].as_str().unwrap().contains("retention"), "{answer:#}");
    expire(&app).await;
    assert_eq!(states(&app.backups(&s).await), ["expired", "expired"]);
    assert!(!kept.iter().any(|b| object(&app, b).exists()));
    refused(&app, set_state(&s, "active"), 409).await;
    assert_eq!(app.service(&s).await["state"], "terminated", "it stays readable");
    app.provision("C1", CRM, "solo", None).await;
}

#[tokio::test]
async fn an_accepted_reactivation_keeps_the_backup_until_its_turn() {
    let app = TestApp::new().await;
    let s = subscriber(&app, None).await;
    let before = data(&app, &s);
    app.done(terminate(&s)).await;
    app.clock.advance(TimeDelta::days(10));
    let at = telvisor::clock::show(app.engine().db.clock().now() + TimeDelta::days(40));
    let order = json!({ "requestedStartDate": at, "serviceOrderItem": [set_state(&s, "active")] });
    let order = app.post(ORDERS, &order).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "acknowledged");
    app.clock.advance(TimeDelta::days(30));
    expire(&app).await;
    assert_eq!(states(&app.backups(&s).await), ["available"]);
    refused(&app, set_state(&s, "active"), 409).await;
    app.clock.advance(TimeDelta::days(10));
    expire(&app).await;
    app.run().await;
    let done = app.show(&order).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(data(&app, &s), before);
    expire(&app).await;
    assert_eq!(states(&app.backups(&s).await), ["expired"], "nothing waits for it any more");
}

#[tokio::test]
async fn without_a_retention_nothing_is_kept() {
    let app = TestApp::with(|c| c.terminate.retention_days = 0).await;
    let s = subscriber(&app, None).await;
    app.back_up(&s).await;
    app.done(terminate(&s)).await;
    expire(&app).await;
    assert_eq!(states(&app.backups(&s).await), ["expired"], "the ordered one, and no last one");
    assert_eq!(std::fs::read_dir(app.data().join("backups/default")).unwrap().count(), 0);
    refused(&app, set_state(&s, "active"), 409).await;
    app.done(terminate("C1")).await;
    refused(&app, set_state("C1", "active"), 409).await;
    app.done(create("C1")).await;
    assert_eq!(app.service(&s).await["state"], "terminated");
}

#[tokio::test]
async fn a_terminated_customer_comes_back_with_what_its_termination_ended() {
    let app = TestApp::new().await;
    let runs = subscriber(&app, None).await;
    let stands = app.provision("C1", SHARE, "home", None).await;
    fill(&app, &stands, 5);
    let gone = app.provision("C1", SHOP, "market", None).await;
    app.done(terminate(&gone)).await;
    app.done(set_state(&stands, "inactive")).await;
    let (first, second) = (data(&app, &runs), data(&app, &stands));
    app.done(terminate("C1")).await;
    assert!(app.machines().is_empty());
    for s in [&runs, &stands, &gone] {
        assert_eq!(app.service(s).await["state"], "terminated");
        refused(&app, set_state(s, "active"), 409).await;
    }
    app.clock.advance(TimeDelta::days(29));
    expire(&app).await;
    app.done(set_state("C1", "active")).await;
    assert_eq!((data(&app, &runs), data(&app, &stands)), (first, second));
    for (s, state) in [(&runs, "active"), (&stands, "inactive"), (&gone, "terminated")] {
        assert_eq!(app.service(s).await["state"], state);
    }
    let machines = app.machines();
    assert_eq!(machines.len(), 1);
    for a in machines[0]["applications"].as_array().unwrap() {
        let expected = if a["subscription"] == runs.as_str() { "running" } else { "stopped" };
        assert_eq!(a["state"], expected, "{a:#}");
    }
    assert_eq!(types(&app).await, ["installed"; 5]);
    app.done(set_state(&stands, "active")).await;
    assert_eq!(types(&app).await.len(), 5, "starting what was suspended writes nothing");
}

#[tokio::test]
async fn a_time_of_its_own_outlives_termination_and_return() {
    let app = TestApp::with(|c| c.backup.keep_days = 60).await;
    let s = subscriber(&app, None).await;
    app.back_up(&s).await;
    let own = app.backups(&s).await[0]["expiresAt"].clone();
    assert!(own.is_string());
    app.done(terminate(&s)).await;
    assert_eq!(app.backups(&s).await[1]["expiresAt"], own);
    app.done(set_state(&s, "active")).await;
    assert_eq!(app.backups(&s).await[1]["expiresAt"], own);
    app.done(terminate("C1")).await;
    app.done(set_state("C1", "active")).await;
    assert_eq!(app.backups(&s).await[2]["expiresAt"], own);
}

#[tokio::test]
async fn a_backup_without_a_time_of_its_own_is_kept_with_its_subscription() {
    let app = TestApp::new().await;
    let s = subscriber(&app, None).await;
    app.back_up(&s).await;
    for (end, back) in
        [(terminate(&s), set_state(&s, "active")), (terminate("C1"), set_state("C1", "active"))]
    {
        assert_eq!(app.backups(&s).await.last().unwrap()["expiresAt"], Value::Null);
        app.done(end).await;
        assert!(app.backups(&s).await.last().unwrap()["expiresAt"].is_string());
        app.done(back).await;
    }
    assert_eq!(app.backups(&s).await.last().unwrap()["expiresAt"], Value::Null);
}

// --- Backups that a plan includes: kinfolk's plan `company` takes one at 02:30.

async fn due(app: &TestApp) -> usize {
    schedule::run(app.engine()).await.unwrap()
}

/// How many scheduled backups were ordered.
async fn ordered(app: &TestApp) -> usize {
    let orders = app.get(&format!("{ORDERS}?category=backup&limit=1000")).await.expect(200);
    let orders = orders.as_array().unwrap().clone();
    for o in &orders {
        let channel = o["externalReference"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["externalReferenceType"] == "channel");
        assert_eq!(channel.unwrap()["id"], "schedule", "{o:#}");
    }
    orders.len()
}

#[tokio::test]
async fn a_plan_with_backups_orders_each_once_and_keeps_the_newest() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "company", None).await;
    app.goto("2026-11-24T02:29:59Z");
    assert_eq!((due(&app).await, ordered(&app).await), (0, 0));
    app.goto("2026-11-24T02:30:00Z");
    due(&app).await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
    app.run().await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
    assert_eq!(states(&app.backups(&s).await), ["available"]);
    // The category tells the schedule's orders from this one.
    let mine = app.back_up(&s).await;
    for day in 25..=30 {
        app.goto(&format!("2026-11-{day}T02:30:00Z"));
        due(&app).await;
        app.run().await;
        expire(&app).await;
    }
    assert_eq!(states(&app.backups(&s).await), ["available"; 8]);
    for day in 1..=2 {
        app.goto(&format!("2026-12-0{day}T02:30:00Z"));
        due(&app).await;
        app.run().await;
        expire(&app).await;
    }
    let all = app.backups(&s).await;
    assert_eq!(all.len(), 10);
    let kept: Vec<_> = all.iter().filter(|b| b["state"] == "available").collect();
    assert_eq!(kept.len(), 8, "seven scheduled ones, and the ordered one");
    assert!(kept.iter().any(|b| b["id"] == mine.as_str()));
    assert!(all.iter().all(|b| object(&app, b).exists() == (b["state"] == "available")));
    assert_eq!(all.last().unwrap()["state"], "expired", "the oldest went");
    let records = app.records("mediation-csv").await;
    assert_eq!(records.iter().filter(|r| r["recordType"] == "backup-taken").count(), 10);
}

#[tokio::test]
async fn a_server_that_was_away_orders_what_became_due_once() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "company", None).await;
    let app = app.restart().await;
    app.goto("2026-11-27T12:00:00Z");
    due(&app).await;
    app.run().await;
    assert_eq!(ordered(&app).await, 1);
    app.goto("2026-11-28T02:30:00Z");
    due(&app).await;
    assert_eq!(ordered(&app).await, 2);
}

#[tokio::test]
async fn an_order_between_due_time_and_sweep_does_not_push_the_backup_away() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "company", Some("1.0")).await;
    app.goto("2026-11-24T02:30:00Z");
    app.done(modify(&s, &[("version", "2.0")])).await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
}

#[tokio::test]
async fn a_schedule_follows_the_state_of_its_subscription() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "team", None).await;
    let mut day = 23;
    let mut expected = 0;
    let steps: [(Value, bool); 9] = [
        (modify(&s, &[("plan", "company")]), true),
        (set_state(&s, "inactive"), false),
        (set_state(&s, "active"), true),
        (set_state("C1", "inactive"), false),
        (set_state("C1", "active"), true),
        (terminate(&s), false),
        (set_state(&s, "active"), true),
        (terminate("C1"), false),
        (set_state("C1", "active"), true),
    ];
    for (item, runs) in steps {
        app.done(item.clone()).await;
        day += 1;
        app.goto(&telvisor::clock::show(
            "2026-11-01T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(day - 1),
        ));
        due(&app).await;
        app.run().await;
        expected += usize::from(runs);
        assert_eq!(ordered(&app).await, expected, "after {item}");
    }
    app.done(modify(&s, &[("plan", "team")])).await;
    app.clock.advance(TimeDelta::days(2));
    due(&app).await;
    assert_eq!(ordered(&app).await, expected, "the smaller plan has no schedule");
}

#[tokio::test]
async fn each_day_has_one_backup_when_clocks_change() {
    let app = TestApp::with(|c| c.time_zone = "Europe/Berlin".into()).await;
    app.customer("C1").await;
    app.provision("C1", CRM, "company", None).await;
    // 02:30 does not exist on 28 March 2027, and comes twice on 31 October.
    for (first, days) in [("2027-03-26T23:00:00Z", 4), ("2027-10-29T22:00:00Z", 4)] {
        app.goto(first);
        due(&app).await;
        app.run().await;
        let mut by_day: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..days * 48 {
            app.clock.advance(TimeDelta::minutes(30));
            let before = ordered(&app).await;
            due(&app).await;
            app.run().await;
            let new = ordered(&app).await - before;
            let local = app.engine().db.clock().now().with_timezone(&chrono_tz::Europe::Berlin);
            *by_day.entry(local.date_naive().to_string()).or_default() += new;
            if new > 0 {
                let time = local.format("%H:%M").to_string();
                assert!(
                    time == "02:30"
                        || (time == "03:00" || time == "03:30")
                            && local.date_naive().to_string() == "2027-03-28",
                    "{local}"
                );
            }
        }
        let whole: Vec<_> = by_day.iter().take(days).collect();
        assert!(whole.iter().all(|(_, n)| **n == 1), "{by_day:?}");
    }
}
