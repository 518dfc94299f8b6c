//! An operator holds an order, and releases it.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::queue::MACHINE_JOBS;
use telvisor::store::claims::Limits;

use super::{operate, place_for, told, told_of, way};
use crate::harness::{CANCELS, CRM, TestApp, create, provision, service_id, set_state, terminate};
use crate::probe::{begin, decide, snapshot, validate, work_once};

async fn hold(app: &TestApp, order: &Value) -> Value {
    operate(app, order, "hold", json!({ "reason": "the switch is changed" })).await.expect(200)
}

/// Claims the due job as a worker that will never be heard of again.
async fn claim_and_die(app: &TestApp) {
    let mut tx = app.engine().db.system().await.unwrap();
    let lease = std::time::Duration::from_secs(60);
    tx.claim_job(MACHINE_JOBS, "dead", lease, Limits::default()).await.unwrap().expect("a job is due");
    tx.commit().await.unwrap();
}

async fn release(app: &TestApp, order: &Value) {
    operate(app, order, "release", json!({ "reason": "done" })).await.expect(200);
}

#[tokio::test]
async fn an_order_that_waits_is_held_and_goes_on_at_a_new_place() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let first = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let reply = hold(&app, &first).await;
    assert_eq!((&reply["state"], &reply["hold"]), (&json!("held"), &json!("the switch is changed")));
    hold(&app, &first).await;
    assert_eq!(app.show(&first).await["startDate"], Value::Null, "it has not begun");
    let second = app.order(json!([provision("C1", "filenook", "home", None)])).await;
    assert_eq!(second["state"], "completed", "it passes: {second:#}");
    let same = app.order(json!([set_state(&service_id(&first, 0), "inactive")])).await;
    assert_eq!(same["state"], "acknowledged", "it waits for the held one");
    release(&app, &first).await;
    operate(&app, &first, "release", json!({})).await.expect(409);
    app.run().await;
    // The new place is behind what had come meanwhile.
    assert_eq!(app.show(&same).await["state"], "failed");
    assert_eq!(app.show(&first).await["state"], "completed");
    assert_eq!(way(&app, &first).await, ["acknowledged", "inProgress", "held", "inProgress", "completed"]);
    assert_eq!(told_of(&app, &first, "jeopardy").await, 0, "an operator's own word endangers nothing");
    validate(&app).await;
}

#[tokio::test]
async fn an_order_between_two_tries_is_held_at_once_and_goes_on_where_it_stood() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    hold(&app, &order).await;
    let held = app.show(&order).await;
    assert_eq!(held["state"], "held", "{held:#}");
    assert_eq!(held["serviceOrderItem"][0]["state"], "held");
    assert_eq!(app.jobs(&order).await[0]["state"], "parked");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "held", "nothing claims it");
    release(&app, &order).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    let told = told(&app, &order).await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange held",
        "stateChange inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told, expected);
    validate(&app).await;
}

/// A job that runs comes to its end; the next item does not begin.
#[tokio::test]
async fn an_order_is_held_between_its_items() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let items = json!([provision("C1", CRM, "solo", None), provision("C1", "filenook", "home", None)]);
    let mut items = items;
    items[1]["id"] = json!("second");
    let order = app.place(items).await;
    begin(&app).await;
    claim_and_die(&app).await;
    let reply = hold(&app, &order).await;
    assert_eq!(reply["state"], "inProgress", "a job of it runs");
    assert!(reply["waitsFor"].as_str().unwrap().contains("job that runs"), "{reply}");
    app.clock.advance(TimeDelta::minutes(2));
    work_once(&app).await;
    let held = app.show(&order).await;
    assert_eq!(held["state"], "held", "{held:#}");
    assert_eq!(held["serviceOrderItem"][0]["state"], "completed");
    assert_eq!(held["serviceOrderItem"][1]["state"], "acknowledged");
    app.run().await;
    assert_eq!(app.jobs(&order).await.len(), 1);
    release(&app, &order).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn an_order_for_later_is_held_and_still_waits_for_its_date() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_for(&app, "2026-12-24T00:00:00Z", json!([provision("C1", CRM, "solo", None)])).await;
    hold(&app, &order).await;
    release(&app, &order).await;
    app.run().await;
    let waits = app.show(&order).await;
    assert_eq!(waits["state"], "held", "the diagram has no way back: {waits:#}");
    assert_eq!(waits["note"][0]["text"], "waits for its date");
    let twice = operate(&app, &order, "release", json!({})).await.expect(409);
    assert!(twice["message"].as_str().unwrap().contains("released already"), "{twice}");
    // It can be held again, and then its date does not start it.
    hold(&app, &order).await;
    app.goto("2026-12-24T00:00:00Z");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "held");
    release(&app, &order).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    // One whose date passes while it is held waits for the release.
    let order = place_for(&app, "2026-12-25T00:00:00Z", json!([terminate("C1")])).await;
    hold(&app, &order).await;
    app.goto("2026-12-26T00:00:00Z");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "held");
    release(&app, &order).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_held_order_can_be_cancelled() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let before = snapshot(&app, &["C1"]).await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    hold(&app, &order).await;
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "cancelled");
    assert_eq!(snapshot(&app, &["C1"]).await, before);
    validate(&app).await;
}

#[tokio::test]
async fn what_cannot_be_held() {
    let app = TestApp::holding().await;
    let done = app.order(json!([create("C1")])).await;
    let why = operate(&app, &done, "hold", json!({ "reason": "x" })).await.expect(409);
    assert!(why["message"].as_str().unwrap().contains("has ended"), "{why}");
    operate(&app, &done, "release", json!({})).await.expect(409);
    let failed = app.held("install", provision("C1", CRM, "solo", None)).await;
    let why = operate(&app, &failed, "hold", json!({ "reason": "x" })).await.expect(409);
    assert!(why["message"].as_str().unwrap().contains("needs an operator"), "{why}");
    let why = operate(&app, &failed, "release", json!({})).await.expect(409);
    assert!(why["message"].as_str().unwrap().contains("retry, skip or abandon"), "{why}");
    operate(&app, &failed, "hold", json!({})).await.expect(400);
    operate(&app, &failed, "hold", json!({ "reason": "a\nb" })).await.expect(400);
    decide(&app, &failed, "retry").await;
    let unknown = json!({ "id": "nonsense" });
    operate(&app, &unknown, "hold", json!({ "reason": "x" })).await.expect(404);
    validate(&app).await;
}
