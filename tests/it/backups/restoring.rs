//! Taking a backup and putting it back; what a change of version does with the data.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use telvisor::orders::line;

use super::{SHARE, data, expire, fill, format, object, refused, states, subscriber, types};
use crate::harness::{MIB, ORDERS, TestApp, modify, noise, restore, set_state, take_backup};

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
