//! `cancelProductOrder`: the task, what it does to the product order and its service order, and its events.

use serde_json::{Value, json};

use super::{
    change, create, item_states, place, product_id, provision, service_order, show, state, terminate, text,
};
use crate::harness::{CANCEL_PRODUCT_ORDERS, CANCELS, ORDERS, PRODUCT_ORDERS, TestApp};
use crate::probe::{read, uuid, validate, work_once};

async fn ask(app: &TestApp, order: &Value) -> Value {
    let body = json!({ "productOrder": { "id": order["id"] }, "cancellationReason": "ordered twice" });
    app.post(CANCEL_PRODUCT_ORDERS, &body).await.expect(201)
}

async fn task_now(app: &TestApp, task: &Value) -> Value {
    app.get(&format!("{CANCEL_PRODUCT_ORDERS}/{}", text(&task["id"]))).await.expect(200)
}

/// What was told of a resource: the kind of each event, and the state in it.
async fn told(app: &TestApp, id: &Value) -> Vec<String> {
    let events = read(app).await.events_of(uuid(id)).await.unwrap();
    let state = |body: &Value| {
        let state = body["order"]["state"].as_str().or(body["state"].as_str());
        state.unwrap_or_else(|| panic!("a state in {body}")).to_owned()
    };
    events.iter().map(|e| format!("{} {}", e.kind, state(&e.body))).collect()
}

#[tokio::test]
async fn an_order_that_waits_is_cancelled_through_pending() {
    let app = TestApp::new().await;
    let body = json!({
        "requestedStartDate": "2026-12-24T00:00:00Z",
        "productOrderItem": [create("C1"), provision("C1", "kinfolk.solo"), super::no_change("3")],
    });
    let order = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    let answer = app.post(CANCEL_PRODUCT_ORDERS, &json!({ "productOrder": { "id": order["id"] } })).await;
    assert!(answer.headers["location"].to_str().unwrap().contains("/cancelProductOrder/"));
    let task = answer.expect(201);
    assert_eq!(task["state"], "done", "{task:#}");
    assert_eq!(task["@type"], "CancelProductOrder");
    assert_eq!(task["productOrder"]["id"], order["id"]);
    assert!(task["effectiveCancellationDate"].is_string());
    let shown = show(&app, &order).await;
    assert_eq!(state(&shown), "cancelled");
    assert!(shown["cancellationDate"].is_string());
    assert_eq!(item_states(&shown), ["cancelled"; 3]);
    let expected = ["create acknowledged", "stateChange pending", "stateChange cancelled"];
    assert_eq!(told(&app, &order["id"]).await, expected);
    let service = service_order(&app, &order).await;
    assert_eq!(told(&app, &service["id"]).await, ["create acknowledged", "stateChange cancelled"]);
    let expected = ["create accepted", "stateChange inProgress", "stateChange done"];
    assert_eq!(told(&app, &task["id"]).await, expected);
    app.customer("C1").await;
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_runs_is_undone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = place(&app, json!([provision("C1", "kinfolk.solo")])).await;
    work_once(&app).await;
    let task = ask(&app, &order).await;
    assert_eq!(task["state"], "inProgress");
    assert_eq!(state(&show(&app, &order).await), "pendingCancellation");
    assert_eq!(item_states(&show(&app, &order).await), ["pendingCancellation"]);
    app.post(CANCEL_PRODUCT_ORDERS, &json!({ "productOrder": { "id": order["id"] } })).await.expect(409);
    app.run().await;
    let task = task_now(&app, &task).await;
    assert_eq!(task["state"], "done");
    assert_eq!(task["cancellationReason"], "ordered twice");
    let shown = show(&app, &order).await;
    assert_eq!(state(&shown), "cancelled");
    assert_eq!(shown["cancellationReason"], "ordered twice");
    assert!(app.machines().is_empty());
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange assessingCancellation",
        "stateChange pendingCancellation",
        "stateChange cancelled",
    ];
    assert_eq!(told(&app, &order["id"]).await, expected);
    validate(&app).await;
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_ends_with_an_error() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = product_id(&super::done(&app, provision("C1", "kinfolk.solo")).await, 0);
    app.faults(json!({ "rules": [{ "operation": "delete_machine", "nth": 1, "effect": "retry" }] }));
    let order = place(&app, json!([terminate(&id)])).await;
    work_once(&app).await;
    let task = ask(&app, &order).await;
    assert_eq!(task["state"], "terminatedWithError", "{task:#}");
    assert!(task["effectiveCancellationDate"].is_null());
    app.run().await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange assessingCancellation",
        "stateChange inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told(&app, &order["id"]).await, expected);
    let expected = ["create accepted", "stateChange inProgress", "stateChange terminatedWithError"];
    assert_eq!(told(&app, &task["id"]).await, expected);
    validate(&app).await;
}

#[tokio::test]
async fn tasks_of_product_orders_are_listed_by_themselves() {
    let app = TestApp::new().await;
    let later =
        |items: &str, item: Value| json!({ "requestedStartDate": "2026-12-24T00:00:00Z", items: [item] });
    let order = app.post(PRODUCT_ORDERS, &later("productOrderItem", create("C1"))).await.expect(201);
    let task = ask(&app, &order).await;
    let service =
        app.post(ORDERS, &later("serviceOrderItem", crate::harness::create("C2"))).await.expect(201);
    let other = app.post(CANCELS, &json!({ "serviceOrder": { "id": service["id"] } })).await.expect(201);
    let expected = ["create accepted", "stateChange inProgress", "stateChange done"];
    assert_eq!(told(&app, &other["id"]).await, expected, "TMF641 tells of its tasks too");
    for (list, own, foreign) in [(CANCEL_PRODUCT_ORDERS, &task, &other), (CANCELS, &other, &task)] {
        let listed = app.get(list).await.expect(200);
        assert_eq!(listed.as_array().unwrap().len(), 1);
        assert_eq!(listed[0]["id"], own["id"]);
        app.get(&format!("{list}/{}", text(&own["id"]))).await.expect(200);
        app.get(&format!("{list}/{}", text(&foreign["id"]))).await.expect(404);
    }
    let query = format!("productOrder.id={}&state=done", text(&order["id"]));
    let found = app.get(&format!("{CANCEL_PRODUCT_ORDERS}?{query}")).await.expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1);
    app.get(&format!("{CANCEL_PRODUCT_ORDERS}?state=acknowledged")).await.expect(200);
    app.get(&format!("{CANCEL_PRODUCT_ORDERS}?serviceOrder.id=x")).await.expect(400);
}

#[tokio::test]
async fn what_cannot_be_cancelled() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let ended = super::done(&app, provision("C1", "kinfolk.solo")).await;
    let refused =
        app.post(CANCEL_PRODUCT_ORDERS, &json!({ "productOrder": { "id": ended["id"] } })).await.expect(409);
    assert!(text(&refused["message"]).contains("has ended"), "{refused}");
    let service = service_order(&app, &ended).await;
    for id in [&json!("7c2d4c1e-7f3e-4f0e-9f7d-1f2e3d4c5b6a"), &json!("nonsense"), &service["id"]] {
        let refused =
            app.post(CANCEL_PRODUCT_ORDERS, &json!({ "productOrder": { "id": id } })).await.expect(400);
        assert!(text(&refused["message"]).starts_with("productOrder.id: "), "{refused}");
    }
    let refused =
        app.post(CANCEL_PRODUCT_ORDERS, &json!({ "serviceOrder": { "id": "x" } })).await.expect(400);
    assert!(text(&refused["message"]).starts_with("productOrder: "), "{refused}");
    // A waiting order beside it can, and the line goes on.
    let id = product_id(&ended, 0);
    let waiting = place(&app, json!([change(&id, &[("plan", "team")])])).await;
    assert_eq!(ask(&app, &waiting).await["state"], "done");
    app.run().await;
    super::done(&app, change(&id, &[("plan", "team")])).await;
}
