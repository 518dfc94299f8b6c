//! PATCH of an order that may still be changed: other items, dates, priority, parties.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{expected, place_for, told_of};
use crate::harness::{
    Answer, CRM, ORDERS, TestApp, characteristic, create, modify, provision, service_id, set_state,
    take_backup,
};
use crate::probe::{begin, inside, validate, work_once};

async fn patch(app: &TestApp, order: &Value, change: Value) -> Answer {
    app.patch(&format!("{ORDERS}/{}", order["id"].as_str().unwrap()), &change).await
}

fn item(id: &str, mut item: Value) -> Value {
    item["id"] = json!(id);
    item
}

const LATER: &str = "2026-12-24T00:00:00Z";

#[tokio::test]
async fn other_items_are_judged_anew_and_take_the_place_of_the_ones_before() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_for(&app, LATER, json!([item("a", provision("C1", CRM, "solo", Some("1.0")))])).await;
    let s = service_id(&order, 0);
    // The same application on another plan keeps its subscription; another item is added.
    let items = json!([
        item("a", provision("C1", CRM, "team", Some("1.1"))),
        item("b", provision("C1", "filenook", "home", None)),
    ]);
    let changed = patch(&app, &order, json!({ "serviceOrderItem": items })).await.expect(200);
    assert_eq!(service_id(&changed, 0), s, "one id for a subscription: {changed:#}");
    assert_eq!(changed["serviceOrderItem"].as_array().unwrap().len(), 2);
    assert!(expected(&changed) > expected(&order), "it takes longer now");
    assert_eq!(changed["milestone"].as_array().unwrap().len(), 2);
    assert_eq!(told_of(&app, &order, "attributeValueChange").await, 1);
    let reserved = app.service(&s).await;
    assert_eq!(
        (reserved["state"].as_str(), characteristic(&reserved, "plan")),
        (Some("reserved"), Some("team".into()))
    );
    app.goto(LATER);
    app.run().await;
    let done = app.show(&order).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(app.service(&s).await["state"], "active");
    assert_eq!(app.service(&service_id(&done, 1)).await["state"], "active");
    validate(&app).await;
}

#[tokio::test]
async fn what_is_left_out_was_never_ordered() {
    let app = TestApp::new().await;
    let items = json!([create("C1"), item("a", provision("C1", CRM, "solo", None))]);
    let order = place_for(&app, LATER, items).await;
    let s = service_id(&order, 1);
    let other = json!([create("C1"), item("a", provision("C1", "filenook", "home", None))]);
    let changed = patch(&app, &order, json!({ "serviceOrderItem": other })).await.expect(200);
    assert_eq!(app.service(&s).await["state"], "terminated");
    assert_ne!(service_id(&changed, 1), s, "another application is another subscription");
    // Without the customer there is none that the order could be for.
    let alone = json!([item("a", provision("C1", CRM, "solo", None))]);
    patch(&app, &order, json!({ "serviceOrderItem": alone })).await.expect(400);
    assert_eq!(app.show(&order).await, changed, "a refused change changes nothing");
    app.goto(LATER);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_change_that_a_state_forbids_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let order = place_for(&app, LATER, json!([set_state(&s, "inactive")])).await;
    let twin = patch(&app, &order, json!({ "serviceOrderItem": [provision("C1", CRM, "solo", None)] }))
        .await
        .expect(409);
    assert!(twin["message"].as_str().unwrap().starts_with("serviceOrderItem[0]"), "{twin}");
    let bad = json!({ "serviceOrderItem": [modify(&s, &[("plan", "huge")])] });
    let bad = patch(&app, &order, bad).await.expect(400);
    let path = "serviceOrderItem[0].service.serviceCharacteristic[0].value";
    assert!(bad["message"].as_str().unwrap().starts_with(path), "{bad}");
    let nothing = json!({ "serviceOrderItem": [{ "id": "1", "action": "add", "service": {} }] });
    patch(&app, &order, nothing).await.expect(400);
    patch(&app, &order, json!({ "serviceOrderItem": [] })).await.expect(400);
    assert_eq!(told_of(&app, &order, "attributeValueChange").await, 0);
}

#[tokio::test]
async fn an_order_in_the_line_is_judged_by_what_stands_before_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    // The second is judged behind the first and before the third.
    app.faults(json!({ "rules": [{ "operation": "stop", "nth": 1, "effect": "retry" }] }));
    let first = app.place(json!([set_state(&s, "inactive")])).await;
    let second = app.place(json!([set_state(&s, "active")])).await;
    let third = app.place(json!([provision("C1", "filenook", "home", None)])).await;
    work_once(&app).await;
    let f = service_id(&third, 0);
    let not_yet = patch(&app, &second, json!({ "serviceOrderItem": [take_backup(&f)] })).await.expect(400);
    assert!(not_yet["message"].as_str().unwrap().starts_with("serviceOrderItem[0].service.id"), "{not_yet}");
    let items = json!([set_state(&s, "active"), take_backup(&s)]);
    patch(&app, &second, json!({ "serviceOrderItem": items })).await.expect(200);
    app.run().await;
    for order in [&first, &second, &third] {
        assert_eq!(app.show(order).await["state"], "completed");
    }
    assert_eq!(app.service(&s).await["state"], "active");
    validate(&app).await;
}

#[tokio::test]
async fn after_it_has_begun_its_items_stay() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    let other = json!({ "serviceOrderItem": [provision("C1", CRM, "team", None)] });
    let why = patch(&app, &order, other.clone()).await.expect(409);
    assert!(why["message"].as_str().unwrap().contains("inProgress"), "{why}");
    patch(&app, &order, json!({ "requestedStartDate": LATER })).await.expect(409);
    app.run().await;
    patch(&app, &order, other).await.expect(409);
    validate(&app).await;
}

#[tokio::test]
async fn a_start_that_is_put_off_gives_the_place_in_the_line_back() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let later = patch(&app, &order, json!({ "requestedStartDate": LATER })).await.expect(200);
    assert!(expected(&later) > expected(&order) + TimeDelta::days(30), "{later:#}");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "acknowledged");
    app.provision("C1", "filenook", "home", None).await;
    // Put forward again: at once.
    patch(&app, &order, json!({ "requestedStartDate": null })).await.expect(200);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_new_priority_moves_the_jobs_that_wait() {
    let app = TestApp::new().await;
    for c in ["C1", "C2"] {
        app.customer(c).await;
    }
    let slow = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let quick = app.place(json!([provision("C2", CRM, "solo", None)])).await;
    begin(&app).await;
    patch(&app, &quick, json!({ "priority": "0" })).await.expect(200);
    work_once(&app).await;
    assert_eq!(app.show(&quick).await["state"], "completed", "it passed the one that came before");
    assert_eq!(app.show(&slow).await["state"], "inProgress");
    app.run().await;
    validate(&app).await;
}

#[tokio::test]
async fn parties_change_and_the_customer_stays() {
    let app = TestApp::new().await;
    for c in ["C1", "C2"] {
        app.customer(c).await;
    }
    let order = place_for(&app, LATER, json!([provision("C1", CRM, "solo", None)])).await;
    let parties = json!([{ "id": "C1", "role": "customer" }, { "id": "shop-7", "role": "seller" }]);
    let changed = patch(&app, &order, json!({ "relatedParty": parties })).await.expect(200);
    let ids: Vec<_> = changed["relatedParty"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
    assert_eq!(ids, ["C1", "shop-7"], "{changed:#}");
    let other = json!([{ "id": "C2", "role": "customer" }]);
    // The item still names the first one: two customers in one order.
    patch(&app, &order, json!({ "relatedParty": other })).await.expect(400);
    let items = json!([provision("C2", CRM, "solo", None)]);
    let why =
        patch(&app, &order, json!({ "relatedParty": other, "serviceOrderItem": items })).await.expect(409);
    assert!(why["message"].as_str().unwrap().contains("customer"), "{why}");
    patch(&app, &order, json!({ "relatedParty": [{ "role": "seller" }] })).await.expect(400);
}

#[tokio::test]
async fn description_notes_and_references_change_at_any_time() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.done(provision("C1", CRM, "solo", None)).await;
    let change = json!({
        "description": "for the branch", "note": [{ "text": "delivered" }],
        "externalReference": [{ "id": "T-1", "externalReferenceType": "ticket", "name": "ticket" }],
    });
    let changed = patch(&app, &order, change).await.expect(200);
    assert_eq!(changed["description"], "for the branch");
    assert_eq!(changed["note"][0]["text"], "delivered");
    let types: Vec<_> = changed["externalReference"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["externalReferenceType"].clone())
        .collect();
    assert_eq!(types, ["ticket", "channel"], "the channel stays ours");
    let expected = json!({ "expectedCompletionDate": LATER });
    let why = patch(&app, &order, expected).await.expect(409);
    assert!(why["message"].as_str().unwrap().starts_with("expectedCompletionDate"), "{why}");
    assert!(inside(&app, &order).await["expectedCompletionDate"].is_string());
}

#[tokio::test]
async fn what_a_read_shows_may_be_sent_back() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_for(&app, LATER, json!([item("a", provision("C1", CRM, "solo", None))])).await;
    let mut items = order["serviceOrderItem"].clone();
    for c in items[0]["service"]["serviceCharacteristic"].as_array_mut().unwrap() {
        if c["name"] == "plan" {
            c["value"] = json!("team");
        }
    }
    let changed = patch(&app, &order, json!({ "serviceOrderItem": items })).await.expect(200);
    assert_eq!(service_id(&changed, 0), service_id(&order, 0));
    let service = app.service(&service_id(&order, 0)).await;
    assert_eq!(characteristic(&service, "plan").as_deref(), Some("team"), "{service:#}");
}
