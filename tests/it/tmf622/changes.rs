//! PATCH and DELETE of a product order.

use serde_json::{Value, json};

use super::{create, place, provision, service_order, show, state, text};
use crate::harness::{ORDERS, PRODUCT_ORDERS, TestApp};
use crate::probe::{read, uuid, validate};

fn path(order: &Value) -> String {
    format!("{PRODUCT_ORDERS}/{}", text(&order["id"]))
}

#[tokio::test]
async fn what_is_changed_flows_down_to_the_service_order() {
    let app = TestApp::new().await;
    let body = json!({
        "requestedStartDate": "2026-12-24T00:00:00Z", "externalId": "B1", "productOrderItem": [create("C1")],
    });
    let order = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    let patch = json!({
        "requestedStartDate": "2026-11-24T00:00:00Z", "requestedCompletionDate": "2026-12-01T00:00:00Z",
        "priority": "0", "category": "gold", "externalId": "B2", "description": "sooner",
        "note": [{ "text": "please hurry" }], "billingAccount": { "id": "BA7" },
    });
    let changed = app.patch(&path(&order), &patch).await.expect(200);
    for name in [
        "requestedStartDate",
        "requestedCompletionDate",
        "priority",
        "category",
        "externalId",
        "description",
        "billingAccount",
    ] {
        assert_eq!(changed[name], patch[name], "{name}");
    }
    assert_eq!(changed["note"][0]["text"], "please hurry");
    let service = service_order(&app, &order).await;
    for name in ["requestedStartDate", "requestedCompletionDate", "priority", "category"] {
        assert_eq!(service[name], patch[name], "{name}");
    }
    assert_eq!(service["note"][0]["text"], "please hurry");
    assert!(service["externalId"].is_null());
    for id in [&order["id"], &service["id"]] {
        let events = read(&app).await.events_of(uuid(id)).await.unwrap();
        assert_eq!(events.last().unwrap().kind.as_str(), "attributeValueChange");
    }
    let same =
        app.patch(&path(&order), &json!({ "priority": "0", "state": "acknowledged" })).await.expect(200);
    assert_eq!(same["priority"], "0");
    app.goto("2026-11-24T00:00:01Z");
    app.run().await;
    assert_eq!(state(&show(&app, &order).await), "completed");
    let late = app.patch(&path(&order), &json!({ "requestedStartDate": "2027-01-01T00:00:00Z" })).await;
    assert_eq!(late.expect(409)["code"], "forbiddenState");
    validate(&app).await;
}

#[tokio::test]
async fn what_may_not_be_changed() {
    let app = TestApp::new().await;
    let order = place(&app, json!([create("C1")])).await;
    for (patch, status, name) in [
        (json!({ "state": "cancelled" }), 409, "state"),
        (json!({ "productOrderItem": [] }), 400, "productOrderItem"),
        (json!({ "relatedParty": {} }), 400, "relatedParty"),
        (json!({ "expectedCompletionDate": "2027-01-01T00:00:00Z" }), 409, "expectedCompletionDate"),
        (json!({ "channel": [{ "id": "cli" }] }), 409, "channel"),
        (json!({ "completionDate": "2027-01-01T00:00:00Z" }), 409, "completionDate"),
        (json!({ "orderDate": "2027-01-01T00:00:00Z" }), 400, "orderDate"),
        (json!({ "id": "mine" }), 400, "id"),
        (json!({ "colour": "red" }), 400, "colour"),
        (json!({ "priority": 1 }), 400, "priority"),
        (json!({ "billingAccount": [] }), 400, "billingAccount"),
        (json!({ "externalId": "" }), 400, "externalId"),
    ] {
        let refused = app.patch(&path(&order), &patch).await.expect(status);
        assert!(text(&refused["message"]).starts_with(&format!("{name}: ")), "{refused}");
    }
    let refused = app.patch(&path(&order), &json!({ "state": "cancelled" })).await.expect(409);
    assert!(text(&refused["message"]).contains("/cancelProductOrder"), "{refused}");
    assert_eq!(show(&app, &order).await, order, "nothing changed");
}

#[tokio::test]
async fn an_order_that_has_ended_can_be_deleted_with_its_service_order() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({ "externalId": "B1", "productOrderItem": [provision("C1", "kinfolk.solo")] });
    let order = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    let service = service_order(&app, &order).await;
    app.delete(&path(&order)).await.expect(409);
    app.run().await;
    assert_eq!(app.delete(&path(&order)).await.status, 204);
    app.get(&path(&order)).await.expect(404);
    app.delete(&path(&order)).await.expect(404);
    app.get(&format!("{ORDERS}/{}", text(&service["id"]))).await.expect(404);
    for id in [&order["id"], &service["id"]] {
        let events = read(&app).await.events_of(uuid(id)).await.unwrap();
        assert_eq!(events.last().unwrap().kind.as_str(), "delete");
    }
    let again = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    assert_eq!(again["id"], order["id"], "the key stays used");
    let rejected = place(&app, json!([{ "id": "1", "action": "add" }])).await;
    assert_eq!(app.delete(&path(&rejected)).await.status, 204);
}
