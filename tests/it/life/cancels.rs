//! Cancels that are wanted for a later date.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::orders::cancel;

use super::place_for;
use crate::harness::{CANCELS, CRM, ORDERS, TestApp, provision};
use crate::probe::{read, uuid, validate, work_once};

const WHEN: &str = "2026-12-01T00:00:00Z";

async fn ask(app: &TestApp, order: &Value, when: &str) -> Value {
    let body = json!({ "serviceOrder": { "id": order["id"] }, "requestedCancellationDate": when });
    app.post(CANCELS, &body).await.expect(201)
}

async fn now(app: &TestApp, task: &Value) -> Value {
    app.get(&format!("{CANCELS}/{}", task["id"].as_str().unwrap())).await.expect(200)
}

async fn future(app: &TestApp) -> Value {
    app.customer("C1").await;
    place_for(app, "2026-12-24T00:00:00Z", json!([provision("C1", CRM, "solo", None)])).await
}

#[tokio::test]
async fn the_order_stays_until_the_date_has_come() {
    let app = TestApp::new().await;
    let order = future(&app).await;
    let task = ask(&app, &order, WHEN).await;
    assert_eq!(task["state"], "accepted", "{task:#}");
    assert_eq!(task["requestedCancellationDate"], WHEN);
    assert_eq!(cancel::sweep(app.engine()).await.unwrap(), 0);
    assert_eq!(app.show(&order).await["state"], "acknowledged");
    let again = json!({ "serviceOrder": { "id": order["id"] }, "requestedCancellationDate": WHEN });
    app.post(CANCELS, &again).await.expect(409);
    app.goto(WHEN);
    assert_eq!(cancel::sweep(app.engine()).await.unwrap(), 1);
    assert_eq!(cancel::sweep(app.engine()).await.unwrap(), 0);
    assert_eq!(app.show(&order).await["state"], "cancelled");
    let task = now(&app, &task).await;
    assert_eq!((&task["state"], &task["effectiveCancellationDate"]), (&json!("done"), &json!(WHEN)));
    let events = read(&app).await.events_of(uuid(&task["id"])).await.unwrap();
    let told: Vec<_> =
        events.iter().map(|e| format!("{} {} {}", e.resource, e.kind, e.body["state"])).collect();
    assert_eq!(
        told,
        [
            "cancelServiceOrder create \"accepted\"",
            "cancelServiceOrder stateChange \"inProgress\"",
            "cancelServiceOrder stateChange \"done\"",
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_runs_goes_on_until_then_and_is_undone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    let task = ask(&app, &order, "2026-11-23T09:00:00Z").await;
    assert_eq!(app.show(&order).await["state"], "inProgress");
    app.clock.advance(TimeDelta::hours(1));
    app.mends();
    cancel::sweep(app.engine()).await.unwrap();
    assert_eq!(now(&app, &task).await["state"], "inProgress");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "cancelled");
    assert_eq!(now(&app, &task).await["state"], "done");
    assert!(app.machines().is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_ended_before_cannot_be_cancelled_any_more() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let task = ask(&app, &order, WHEN).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    // No need to wait for the date.
    assert_eq!(cancel::sweep(app.engine()).await.unwrap(), 1);
    let task = now(&app, &task).await;
    assert_eq!(task["state"], "terminatedWithError", "{task:#}");
    assert_eq!(task["completionMessage"], "the order ended before: it is completed");
    validate(&app).await;
}

#[tokio::test]
async fn one_for_now_does_not_wait_for_the_one_that_is_planned() {
    let app = TestApp::new().await;
    let order = future(&app).await;
    let planned = ask(&app, &order, WHEN).await;
    let task = app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    assert_eq!(task["state"], "done", "{task:#}");
    // Hidden from reads, it has ended all the same.
    app.delete(&format!("{ORDERS}/{}", order["id"].as_str().unwrap())).await;
    cancel::sweep(app.engine()).await.unwrap();
    let planned = now(&app, &planned).await;
    assert_eq!(
        (&planned["state"], &planned["completionMessage"]),
        (&json!("done"), &json!("the order was cancelled before"))
    );
}

#[tokio::test]
async fn a_date_that_has_passed_is_now() {
    let app = TestApp::new().await;
    let order = future(&app).await;
    assert_eq!(ask(&app, &order, "2026-11-01T00:00:00Z").await["state"], "done");
    assert_eq!(app.show(&order).await["state"], "cancelled");
}
