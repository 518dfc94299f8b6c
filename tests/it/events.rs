//! What the event of a change of state shows of the items: how they followed the order in the same transaction.

use serde_json::{Value, json};

use crate::harness::{CANCELS, CRM, TestApp, create, modify, provision};
use crate::probe::{read, uuid, validate, work_once};

/// Each event's state of the order, with the states of its items.
async fn shown(app: &TestApp, order: &Value) -> Vec<String> {
    let events = read(app).await.events_of(uuid(&order["id"])).await.unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let items = |body: &Value| {
        let states: Vec<_> = body["items"].as_array().unwrap().iter().map(|i| text(&i["state"])).collect();
        states.join(", ")
    };
    events.iter().map(|(_, _, body)| format!("{}: {}", text(&body.0["state"]), items(&body.0))).collect()
}

#[tokio::test]
async fn an_order_in_progress_shows_the_item_that_has_begun() {
    let app = TestApp::new().await;
    let order = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    assert_eq!(
        shown(&app, &order).await,
        [
            "acknowledged: acknowledged, acknowledged",
            // To create a customer needs no job: it is done before the transaction ends.
            "inProgress: completed, inProgress",
            "completed: completed, completed",
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_is_being_cancelled_shows_its_item_so() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    app.faults(json!({ "rules": [{ "operation": "upgrade", "effect": "retry" }] }));
    let order = app.place(json!([modify(&s, &[("version", "2.0")])])).await;
    work_once(&app).await;
    app.mends();
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    assert_eq!(
        shown(&app, &order).await,
        [
            "acknowledged: acknowledged",
            "inProgress: inProgress",
            "assessingCancellation: inProgress",
            "pendingCancellation: pendingCancellation",
            "cancelled: cancelled",
        ]
    );
    validate(&app).await;
}
