//! The same for product orders: what happens to the service order shows at the product order.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::orders::{cancel, jeopardy};

use super::{expected, operate, told, way};
use crate::harness::{CANCEL_PRODUCT_ORDERS, CRM, ORDERS, PRODUCT_ORDERS, TestApp};
use crate::probe::{inside, validate, work_once};

fn provision(id: &str, offering: &str) -> Value {
    json!({
        "id": id, "action": "add", "productOffering": { "id": offering },
        "product": { "relatedParty": [{ "id": "C1", "role": "customer" }] },
    })
}

async fn place(app: &TestApp, mut body: Value) -> Value {
    if body.get("productOrderItem").is_none() {
        body["productOrderItem"] = json!([provision("a", "kinfolk.solo")]);
    }
    app.post(PRODUCT_ORDERS, &body).await.expect(201)
}

async fn show(app: &TestApp, order: &Value) -> Value {
    app.get(&format!("{PRODUCT_ORDERS}/{}", order["id"].as_str().unwrap())).await.expect(200)
}

/// The service order of a product order.
async fn service(app: &TestApp, order: &Value) -> Value {
    let id = inside(app, order).await["serviceOrder"].clone();
    app.get(&format!("{ORDERS}/{}", id.as_str().unwrap())).await.expect(200)
}

async fn needing_approval() -> TestApp {
    let app = TestApp::with(|c| c.approval.applications = vec![CRM.to_owned()]).await;
    app.customer("C1").await;
    app
}

#[tokio::test]
async fn an_order_waits_for_approval_by_its_own_arrow() {
    let app = needing_approval().await;
    let order = place(&app, json!({})).await;
    assert_eq!(order["state"], "pending", "{order:#}");
    assert_eq!(order["productOrderItem"][0]["state"], "pending");
    operate(&app, &order, "approval", json!({ "approve": true, "reason": "paid" })).await.expect(200);
    assert_eq!(inside(&app, &order).await["approval"], "approved");
    app.run().await;
    assert_eq!(show(&app, &order).await["state"], "completed");
    assert_eq!(way(&app, &order).await, ["acknowledged", "pending", "inProgress", "completed"]);
    assert_eq!(
        told(&app, &order).await[..3],
        ["create acknowledged", "stateChange pending", "informationRequired pending"]
    );
    let of_service = way(&app, &service(&app, &order).await).await;
    assert_eq!(of_service, ["acknowledged", "inProgress", "pending", "inProgress", "completed"]);
    validate(&app).await;
}

#[tokio::test]
async fn an_order_is_refused_by_the_id_of_its_service_order() {
    let app = needing_approval().await;
    let order = place(&app, json!({})).await;
    let child = service(&app, &order).await;
    operate(&app, &child, "approval", json!({ "approve": false, "reason": "no credit" })).await.expect(200);
    let end = show(&app, &order).await;
    assert_eq!((&end["state"], &end["cancellationReason"]), (&json!("cancelled"), &json!("no credit")));
    assert_eq!(way(&app, &order).await, ["acknowledged", "pending", "cancelled"]);
    validate(&app).await;
}

#[tokio::test]
async fn an_operator_holds_it_by_either_id() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place(&app, json!({})).await;
    operate(&app, &order, "hold", json!({ "reason": "maintenance" })).await.expect(200);
    let reply = operate(&app, &order, "hold", json!({ "reason": "maintenance" })).await.expect(200);
    assert_eq!(reply["href"], order["href"]);
    let held = show(&app, &order).await;
    assert_eq!(held["state"], "held", "{held:#}");
    let child = service(&app, &order).await;
    assert_eq!(child["state"], "held");
    operate(&app, &child, "release", json!({})).await.expect(200);
    app.run().await;
    assert_eq!(show(&app, &order).await["state"], "completed");
    assert_eq!(way(&app, &order).await, ["acknowledged", "inProgress", "held", "inProgress", "completed"]);
    validate(&app).await;
}

#[tokio::test]
async fn an_order_shows_its_expected_date_and_what_endangers_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    let order = place(&app, json!({ "requestedCompletionDate": "2026-11-23T08:00:20Z" })).await;
    let child = service(&app, &order).await;
    assert_eq!(order["expectedCompletionDate"], child["expectedCompletionDate"]);
    assert_eq!(child["jeopardyAlert"][0]["name"], "requestedCompletionDate");
    work_once(&app).await;
    assert_eq!(show(&app, &order).await["productOrderItem"][0]["state"], "inProgress");
    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 1, "one for both");
    let late = show(&app, &order).await;
    assert!(expected(&late) > expected(&order), "{late:#}");
    let told = told(&app, &order).await;
    assert_eq!(told.iter().filter(|t| t.starts_with("jeopardy")).count(), 2, "{told:?}");
    app.mends();
    app.run().await;
    validate(&app).await;
}

#[tokio::test]
async fn a_cancel_waits_for_its_date() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place(&app, json!({ "requestedStartDate": "2026-12-24T00:00:00Z" })).await;
    let ask = json!({
        "productOrder": { "id": order["id"] }, "requestedCancellationDate": "2026-12-01T00:00:00Z",
    });
    let task = app.post(CANCEL_PRODUCT_ORDERS, &ask).await.expect(201);
    assert_eq!(task["state"], "acknowledged", "{task:#}");
    app.goto("2026-12-01T00:00:00Z");
    assert_eq!(cancel::sweep(app.engine()).await.unwrap(), 1);
    let path = format!("{CANCEL_PRODUCT_ORDERS}/{}", task["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.expect(200)["state"], "done");
    assert_eq!(show(&app, &order).await["state"], "cancelled");
    validate(&app).await;
}

#[tokio::test]
async fn other_items_take_the_place_of_the_ones_before() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place(&app, json!({ "requestedStartDate": "2026-12-24T00:00:00Z" })).await;
    let path = format!("{PRODUCT_ORDERS}/{}", order["id"].as_str().unwrap());
    let items = json!([
        provision("a", "kinfolk.team"),
        { "id": "n", "action": "noChange" },
        provision("b", "filenook.home"),
    ]);
    let changed = app.patch(&path, &json!({ "productOrderItem": items })).await.expect(200);
    let product = |o: &Value, n: usize| o["productOrderItem"][n]["product"]["id"].clone();
    assert_eq!(product(&changed, 0), product(&order, 0), "one id for a product");
    let child = service(&app, &order).await;
    let ids: Vec<_> = child["serviceOrderItem"].as_array().unwrap().iter().map(|i| i["id"].clone()).collect();
    assert_eq!(ids, ["a", "b"], "{child:#}");
    // What a read shows may be sent back.
    let same = changed["productOrderItem"].clone();
    app.patch(&path, &json!({ "productOrderItem": [same[0], same[2]] })).await.expect(200);
    let nothing = json!([{ "id": "n", "action": "noChange" }]);
    app.patch(
        &path,
        &json!({ "productOrderItem": nothing, "relatedParty": [{ "id": "C1", "role": "customer" }] }),
    )
    .await
    .expect(400);
    app.goto("2026-12-24T00:00:00Z");
    app.run().await;
    let done = show(&app, &order).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(done["productOrderItem"].as_array().unwrap().len(), 2);
    validate(&app).await;
}
