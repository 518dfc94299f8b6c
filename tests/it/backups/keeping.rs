//! What a termination keeps, for how long, and what comes back.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{SHARE, data, expire, fill, format, object, refused, states, subscriber, types};
use crate::harness::{CRM, ORDERS, TestApp, create, modify, set_state, terminate};

const SHOP: &str = "stallfront";

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
