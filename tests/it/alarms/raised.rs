//! Alarms of what happens: raised in its transaction, and cleared in that of its end.

use chrono::TimeDelta;
use serde_json::json;
use telvisor::alarms::{clear, raise, raise_as};
use telvisor::mediation::resync::{Got, resync};
use telvisor_model::{Alarm, Severity};

use super::{alarms, one, open, over};
use crate::harness::{CRM, TestApp, create, provision};
use crate::notify::{Ear, follow};
use crate::probe::decide;

#[tokio::test]
async fn one_record_is_open_for_each_alarm_and_object() {
    let app = TestApp::new().await;
    let tell = async |object: &'static str, severity: Option<Severity>| {
        app.clock.advance(TimeDelta::minutes(1));
        let mut tx = app.engine().db.tenant("default").await.unwrap();
        match severity {
            Some(s) => raise_as(&mut tx, Alarm::OrderStuck, s, object, "it stands still").await.unwrap(),
            None => raise(&mut tx, Alarm::OrderStuck, object, "it stands still").await.unwrap(),
        }
        tx.commit().await.unwrap();
    };
    tell("o-1", None).await;
    tell("o-2", None).await;
    assert_eq!(open(&app, "orderStuck").await.len(), 2);
    tell("o-1", None).await;
    tell("o-1", Some(Severity::Critical)).await;
    let found = alarms(&app, "alarmedObject.id=o-1").await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["state"], "updated");
    assert_eq!(found[0]["perceivedSeverity"], "critical");
    assert_eq!(found[0]["alarmDetails"], "it stands still (3 times, last at 2026-11-23T08:04:01Z)");
    assert_eq!(found[0]["alarmRaisedTime"], "2026-11-23T08:01:01Z");
    assert_eq!(found[0]["alarmChangedTime"], "2026-11-23T08:04:01Z");
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    clear(&mut tx, Alarm::OrderStuck, "o-1").await.unwrap();
    clear(&mut tx, Alarm::OrderStuck, "nothing").await.unwrap();
    tx.commit().await.unwrap();
    let found = &alarms(&app, "alarmedObject.id=o-1").await[0];
    assert_eq!((&found["state"], &found["perceivedSeverity"]), (&json!("cleared"), &json!("cleared")));
    assert_eq!(found["alarmClearedTime"], "2026-11-23T08:04:01Z");
    tell("o-1", None).await;
    assert_eq!(alarms(&app, "alarmedObject.id=o-1").await.len(), 2, "what comes again is a new alarm");
    assert_eq!(open(&app, "orderStuck").await.len(), 2);
}

/// Two transactions tell of the same at once: one of them raises, the other repeats.
#[tokio::test]
async fn two_at_once_make_one_alarm() {
    let app = TestApp::new().await;
    let tell = async || {
        let mut tx = app.engine().db.tenant("default").await.unwrap();
        raise(&mut tx, Alarm::OrderStuck, "o-1", "it stands still").await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(tell(), tell(), tell());
    let found = one(&app, "orderStuck").await;
    assert!(found["alarmDetails"].as_str().unwrap().contains("(3 times"), "{found:#}");
}

#[tokio::test]
async fn a_held_order_and_its_job_are_alarms_until_an_operator_decides() {
    for decision in ["retry", "skip", "abandon"] {
        let app = TestApp::holding().await;
        app.customer("C1").await;
        let held = app.held("install", provision("C1", CRM, "solo", None)).await;
        let order = one(&app, "orderHeld").await;
        assert_eq!(order["alarmedObject"]["id"], held["id"]);
        assert_eq!(order["alarmedObject"]["href"], held["href"]);
        assert_eq!(order["alarmType"], "qualityOfServiceAlarm");
        assert_eq!(order["serviceAffecting"], true);
        let job = one(&app, "jobInFallout").await;
        assert_eq!((&job["perceivedSeverity"], &job["state"]), (&json!("major"), &json!("raised")));
        assert!(job["alarmDetails"].as_str().unwrap().contains("on_failure is hold"), "{job:#}");
        assert!(job["proposedRepairedActions"].as_str().unwrap().contains("telvisor fallout retry"));
        decide(&app, &held, decision).await;
        for name in ["orderHeld", "jobInFallout"] {
            assert!(open(&app, name).await.is_empty(), "{name} after {decision}");
            assert_eq!(over(&app, name).await.len(), 1, "{name} after {decision}");
        }
    }
}

#[tokio::test]
async fn a_cancel_of_a_held_order_ends_its_alarms() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let held = app.held("install", provision("C1", CRM, "solo", None)).await;
    let body = json!({ "serviceOrder": { "id": held["id"] } });
    app.post(crate::harness::CANCELS, &body).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&held).await["state"], "cancelled");
    for name in ["orderHeld", "jobInFallout", "jobGivenUp"] {
        assert!(open(&app, name).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_order_that_an_operator_holds_is_an_alarm_until_he_releases_it() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = |what: &str| format!("/api/v1/orders/{}/{what}", order["id"].as_str().unwrap());
    app.post(&path("hold"), &json!({ "reason": "the contract is not signed" })).await.expect(200);
    let alarm = one(&app, "orderHeld").await;
    assert_eq!(alarm["alarmDetails"], "the contract is not signed");
    app.post(&path("release"), &json!({ "reason": "it is" })).await.expect(200);
    app.run().await;
    assert!(open(&app, "orderHeld").await.is_empty());
}

#[tokio::test]
async fn a_job_that_is_given_up_is_an_alarm_until_it_is_undone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let mut seen = false;
    for _ in 0..100 {
        crate::probe::begin(&app).await;
        if !telvisor::jobs::run::work(app.engine(), "machine").await.unwrap() {
            app.clock.advance(TimeDelta::minutes(2));
        }
        let now = open(&app, "jobGivenUp").await;
        seen |= now.iter().any(|a| a["perceivedSeverity"] == "warning");
        if app.show(&order).await["state"] == "failed" {
            break;
        }
    }
    assert!(seen, "it is open while the job is undone");
    assert!(open(&app, "jobGivenUp").await.is_empty());
    assert_eq!(over(&app, "jobGivenUp").await.len(), 1);
    assert!(open(&app, "jobInFallout").await.is_empty());
}

#[tokio::test]
async fn a_paused_listener_is_an_alarm_until_it_goes_on_or_is_gone() {
    let app = TestApp::with(|c| c.notify.pause_after = 2).await;
    let ear = Ear::answering(|_, _| 500).await;
    let id = follow(&app, &ear.url).await;
    app.customer("C1").await;
    app.notify().await;
    app.clock.advance(TimeDelta::minutes(121));
    app.notify().await;
    let alarm = one(&app, "listenerPaused").await;
    assert_eq!((&alarm["alarmedObject"]["id"], &alarm["perceivedSeverity"]), (&json!(id), &json!("major")));
    assert!(alarm["alarmDetails"].as_str().unwrap().contains("nothing could be delivered for 2 hours"));
    app.post(&format!("/api/v1/listeners/{id}/resume"), &json!({})).await.expect(200);
    assert!(open(&app, "listenerPaused").await.is_empty());
    app.post(&format!("/api/v1/listeners/{id}/pause"), &json!({ "reason": "they move" })).await.expect(200);
    assert_eq!(one(&app, "listenerPaused").await["perceivedSeverity"], "warning");
    app.delete(&format!("/api/v1/listeners/{id}")).await;
    assert!(open(&app, "listenerPaused").await.is_empty());
    assert_eq!(over(&app, "listenerPaused").await.len(), 2);
}

/// What did not happen is no alarm.
#[tokio::test]
async fn a_transaction_that_is_not_committed_raises_nothing() {
    let app = TestApp::new().await;
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    raise(&mut tx, Alarm::OrderStuck, "o-1", "it stands still").await.unwrap();
    drop(tx);
    assert!(open(&app, "orderStuck").await.is_empty());
}

#[tokio::test]
async fn numbers_that_were_jumped_over_are_an_alarm_for_an_operator_to_clear() {
    let app = TestApp::new().await;
    let got =
        Got { recipient: "mediation-csv".into(), tenant: "default".into(), test: false, file: 7, number: 40 };
    resync(&app.engine().db, &app.config, &[got]).await.unwrap();
    let alarm = one(&app, "sdrResynced").await;
    assert_eq!(alarm["alarmedObject"]["id"], "mediation-csv");
    assert!(alarm["alarmDetails"].as_str().unwrap().contains("file 8 and record 41"), "{alarm:#}");
}
