//! What events keep: of an order's items, how they followed it in the same transaction; personal values apart from the
//! rest; numbers without gaps.

use serde_json::{Value, json};
use telvisor::clock::new_id;
use telvisor_model::{EventKind, Resource};

use crate::harness::{CANCELS, CRM, TestApp, create, modify, provision};
use crate::probe::{TENANT, read, uuid, validate, work_once};

/// Each event's state of the order, with the states of its items.
async fn shown(app: &TestApp, order: &Value) -> Vec<String> {
    let events = read(app).await.events_of(uuid(&order["id"])).await.unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let items = |body: &Value| {
        let states: Vec<_> = body["items"].as_array().unwrap().iter().map(|i| text(&i["state"])).collect();
        states.join(", ")
    };
    events.iter().map(|e| format!("{}: {}", text(&e.body["order"]["state"]), items(&e.body))).collect()
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
            // The milestone of the first item, and that of the second.
            "inProgress: completed, inProgress",
            "inProgress: completed, completed",
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

#[tokio::test]
async fn what_is_personal_stands_apart() {
    let app = TestApp::new().await;
    let order = app.order(json!([create("C1")])).await;
    let events = read(&app).await.events_of(uuid(&order["id"])).await.unwrap();
    for e in events {
        assert_eq!(e.resource, Resource::ServiceOrder);
        assert!(!e.body.to_string().contains("Customer C1"), "{}", e.body.0);
        let personal = e.personal.expect("an order has personal values");
        assert_eq!(personal["request"]["serviceOrderItem"], json!([create("C1")]));
    }
}

#[tokio::test]
async fn a_resource_without_a_counter_is_numbered_too() {
    let app = TestApp::new().await;
    let [one, other] = [new_id(), new_id()];
    for (id, kind) in [
        (one, EventKind::Create),
        (other, EventKind::Create),
        (one, EventKind::StateChange),
        (one, EventKind::Delete),
    ] {
        let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
        let personal = json!({ "name": "Ada" });
        tx.tell(Resource::Customer, id, kind, &json!({ "state": "active" }), Some(&personal)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = read(&app).await;
    let told: Vec<_> = tx.events_of(one).await.unwrap().iter().map(|e| (e.number, e.kind)).collect();
    assert_eq!(told, [(1, EventKind::Create), (2, EventKind::StateChange), (3, EventKind::Delete)]);
    let alone = tx.events_of(other).await.unwrap();
    assert_eq!(alone.len(), 1);
    assert_eq!((alone[0].number, &alone[0].body["state"]), (1, &json!("active")));
    assert_eq!(alone[0].personal.as_ref().map(|p| &p["name"]), Some(&json!("Ada")));
}
