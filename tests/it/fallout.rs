//! What an operator sees of a job that cannot go on, and what his decisions do.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::config::OnFailure;
use telvisor_model::EventKind;

use crate::harness::{
    CANCELS, CRM, ORDERS, TestApp, create, provision, service_id, set_state, take_backup, terminate,
};
use crate::probe::{decide, fallout, inside, operations, read, snapshot, uuid, validate, validate_orders};

const FILES: &str = "filenook";

/// The entry of the history that has the operator's reason.
async fn reasoned(app: &TestApp, order: &Value) -> Value {
    let inside = inside(app, order).await;
    let history = inside["history"].as_array().unwrap();
    let found = history.iter().find(|h| h["reason"] == "the disk was changed");
    found.unwrap_or_else(|| panic!("the reason is in the history: {inside:#}")).clone()
}

async fn cannot(app: &TestApp, job: &Value, decision: &str) {
    let path = format!("/api/v1/fallout/{}/{decision}", job["id"].as_str().unwrap());
    app.post(&path, &json!({})).await.expect(409);
}

#[tokio::test]
async fn hold_undoes_nothing_and_a_retry_goes_on_where_it_stopped() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let order = app.held("install", provision("C1", CRM, "solo", None)).await;
    assert_eq!(order["serviceOrderItem"][0]["state"], "held");
    let alert = order["jeopardyAlert"][0]["message"].as_str().unwrap();
    assert!(alert.contains("install was ended by a fault rule"), "{alert}");
    assert_eq!(app.machines().len(), 1, "the machine was made, and stays");
    assert!(app.volume(&service_id(&order, 0)).is_dir());
    assert!(app.records("mediation-csv").await.is_empty());
    let jobs = fallout(&app, &order).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["state"], "fallout");
    assert_eq!(jobs[0]["tries"], 1, "a failure that is final counts too");
    assert!(jobs[0]["error"].as_str().unwrap().contains("install was ended by a fault rule"));
    let events = read(&app).await.events_of(uuid(&order["id"])).await.unwrap();
    assert_eq!(events.last().unwrap().kind, EventKind::Jeopardy);

    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "{order:#}");
    let entry = reasoned(&app, &order).await;
    assert_eq!((&entry["state"], &entry["causedBy"]), (&json!("inProgress"), &json!("local")));
    let made = operations(&app).iter().filter(|o| o["operation"] == "create_machine").count();
    assert_eq!(made, 1, "what was done is not done again");
    assert!(fallout(&app, &order).await.is_empty());
    for decision in ["retry", "skip", "abandon"] {
        cannot(&app, &jobs[0], decision).await;
    }
    assert_eq!(app.records("mediation-csv").await.len(), 1);
    validate(&app).await;
}

#[tokio::test]
async fn a_decision_needs_no_body_and_a_body_must_be_right() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    for (decision, ends) in [("retry", "completed"), ("skip", "failed"), ("abandon", "cancelled")] {
        app.breaks("install");
        let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
        app.mends();
        let job = fallout(&app, &order).await.remove(0);
        let path = format!("/api/v1/fallout/{}/{decision}", job["id"].as_str().unwrap());
        for bad in ["[]", "[\"why\"]", "\"why\"", "{\"reason\": 7}", "null", " "] {
            app.request(Method::POST, &path, &[], Some(bad.as_bytes())).await.expect(400);
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        app.request(Method::POST, &path, &form, Some(b"reason=why")).await.expect(415);
        app.request(Method::POST, &path, &form, Some(b"")).await.expect(202);
        app.run().await;
        assert_eq!(app.show(&order).await["state"], ends, "{decision}");
        if ends == "completed" {
            app.order(json!([terminate(&service_id(&order, 0))])).await;
        }
    }
    validate(&app).await;
}

#[tokio::test]
async fn a_retry_that_fails_again_is_held_again() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    app.breaks("install");
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "held", "{order:#}");
    assert_eq!(order["jeopardyAlert"].as_array().unwrap().len(), 2, "one alert for each time");
    app.mends();
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "{order:#}");
    validate(&app).await;
}

#[tokio::test]
async fn attempts_are_used_up_before_an_order_is_held_and_counted_anew_after_a_retry() {
    let app = TestApp::with(|c| {
        c.jobs.on_failure = OnFailure::Hold;
        c.jobs.attempts = 3;
    })
    .await;
    app.customer("C1").await;
    let strike = |times: u64| json!({ "rules": [{ "operation": "install", "nth": 1, "times": times, "effect": "retry" }] });
    app.faults(strike(3));
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "held", "three tries, and all failed: {order:#}");
    app.faults(strike(2));
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "the third try of the retry works: {order:#}");
    validate(&app).await;
}

#[tokio::test]
async fn skip_ends_the_item_and_the_rest_goes_on() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    app.breaks("install");
    let mut second = provision("C1", FILES, "home", None);
    second["id"] = json!("second");
    let order = app.order(json!([provision("C1", CRM, "solo", None), second])).await;
    app.mends();
    assert_eq!(order["state"], "held", "{order:#}");
    assert_eq!(order["serviceOrderItem"][1]["state"], "acknowledged");
    let jobs = fallout(&app, &order).await;
    let order = decide(&app, &order, "skip").await;
    assert_eq!(order["state"], "partial", "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["state"], "failed");
    assert_eq!(order["serviceOrderItem"][1]["state"], "completed");
    assert_eq!(reasoned(&app, &order).await["causedBy"], "local");
    cannot(&app, &jobs[0], "retry").await;
    // The skipped item had made the machine; it is not forgotten, so the second application is on it.
    assert_eq!(app.machines().len(), 1);
    validate_orders(&app).await;
    app.done(terminate(&service_id(&order, 1))).await;
    assert!(app.machines().is_empty(), "and it goes with the last application");
    validate(&app).await;
}

#[tokio::test]
async fn skip_of_the_only_item_fails_the_order() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.breaks("backup");
    let order = app.order(json!([take_backup(&s)])).await;
    assert_eq!(order["state"], "held", "{order:#}");
    let order = decide(&app, &order, "skip").await;
    assert_eq!(order["state"], "failed", "{order:#}");
    let message = order["serviceOrderItem"][0]["errorMessage"][0]["message"].as_str().unwrap();
    assert!(message.contains("backup was ended by a fault rule"), "{message}");
    assert_eq!(app.backups(&s).await[0]["state"], "failed");
    validate(&app).await;
}

#[tokio::test]
async fn abandon_undoes_what_can_be_undone_and_cancels() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let before = snapshot(&app, &["C1"]).await;
    let order = app.held("start", provision("C1", CRM, "solo", None)).await;
    let order = decide(&app, &order, "abandon").await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["state"], "cancelled");
    assert_eq!(order["cancellationReason"], "the disk was changed");
    assert_eq!(reasoned(&app, &order).await["causedBy"], "local");
    assert_eq!(snapshot(&app, &["C1"]).await, before);
    assert_eq!(app.service(&service_id(&order, 0)).await["state"], "terminated");
    assert!(app.records("mediation-csv").await.is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn an_abandoned_order_whose_undo_fails_is_cancelled_after_all() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let before = snapshot(&app, &["C1"]).await;
    app.breaks("start");
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    app.breaks("delete_machine");
    let order = decide(&app, &order, "abandon").await;
    assert_eq!(order["state"], "held", "{order:#}");
    let alert = order["jeopardyAlert"][1]["message"].as_str().unwrap();
    assert!(alert.contains("undoing failed; left: make the machine"), "{alert}");
    app.mends();
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    assert_eq!(snapshot(&app, &["C1"]).await, before);
    validate(&app).await;
}

#[tokio::test]
async fn abandon_after_the_point_of_no_return_leaves_what_is_left() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.breaks("delete_machine");
    let order = app.order(json!([terminate(&s)])).await;
    assert_eq!(order["state"], "held", "on_failure is fail, and yet: {order:#}");
    let order = decide(&app, &order, "abandon").await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    assert_eq!(app.machines().len(), 1);
    app.mends();
    app.done(terminate(&s)).await;
    assert!(app.machines().is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn a_stuck_undo_can_be_skipped_and_abandoned() {
    for (decision, end) in [("skip", "failed"), ("abandon", "cancelled")] {
        let app = TestApp::new().await;
        app.customer("C1").await;
        app.faults(json!({ "rules": [
            { "operation": "start", "effect": "fail" },
            { "operation": "delete_volume", "effect": "fail" },
        ] }));
        let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
        assert_eq!(order["state"], "held", "{order:#}");
        let order = decide(&app, &order, decision).await;
        assert_eq!(order["state"], end, "{order:#}");
        assert!(app.records("mediation-csv").await.is_empty());
        validate_orders(&app).await;
        // Nobody is kept from trying again.
        app.mends();
        app.done(provision("C1", CRM, "solo", None)).await;
    }
}

#[tokio::test]
async fn nothing_moves_an_order_that_has_ended() {
    let app = TestApp::new().await;
    let completed = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    app.breaks("install");
    let failed = app.order(json!([provision("C1", FILES, "home", None)])).await;
    app.mends();
    assert_eq!((&completed["state"], &failed["state"]), (&json!("completed"), &json!("failed")));
    for order in [completed, failed] {
        let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
        for state in ["inProgress", "held", "cancelled", "acknowledged"] {
            app.patch(&path, &json!({ "state": state })).await.expect(409);
        }
        app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(409);
        for item in inside(&app, &order).await["items"].as_array().unwrap() {
            for job in item["jobs"].as_array().unwrap() {
                for decision in ["retry", "skip", "abandon"] {
                    cannot(&app, job, decision).await;
                }
            }
        }
        app.run().await;
        assert_eq!(app.show(&order).await["state"], order["state"]);
    }
    validate(&app).await;
}

/// An item with a job on each of two machines, both in fallout: an operator decides about one after the other.
#[tokio::test]
async fn a_retry_of_one_of_two_jobs_leaves_the_order_held_for_the_other() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    app.provision("C1", "yardmaster", "siding", None).await;
    let order = app.held("suspend_machine", set_state("C1", "inactive")).await;
    let jobs = fallout(&app, &order).await;
    assert_eq!(jobs.len(), 2, "{jobs:#?}");
    let retry = |job: &Value| format!("/api/v1/fallout/{}/retry", job["id"].as_str().unwrap());
    app.post(&retry(&jobs[0]), &json!({})).await.expect(202);
    app.run().await;
    let here = app.show(&order).await;
    assert_eq!(here["state"], "held", "nothing moves without the operator: {here:#}");
    app.post(&retry(&jobs[1]), &json!({})).await.expect(202);
    app.run().await;
    let end = app.show(&order).await;
    assert_eq!(end["state"], "completed", "{end:#}");
    validate(&app).await;
}
