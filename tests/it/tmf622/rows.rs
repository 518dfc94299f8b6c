//! Every row of the contract's table of orders.

use serde_json::{Value, json};

use super::{change, create, done, order, product_id, provision, set_status, show, state, terminate, text};
use crate::harness::{CRM, PRODUCT_ORDERS, TestApp, characteristic};
use crate::probe::validate;

/// The subscription as TMF638 shows it: state, plan, version.
async fn seen(app: &TestApp, id: &str) -> (String, String, String) {
    let service = app.service(id).await;
    let of = |name| characteristic(&service, name).unwrap();
    (text(&service["state"]).to_owned(), of("plan"), of("version"))
}

fn product(order: &Value) -> &Value {
    &order["productOrderItem"][0]["product"]
}

#[tokio::test]
async fn a_whole_life() {
    let app = TestApp::new().await;
    let created = done(&app, create("C1")).await;
    assert_eq!(product_id(&created, 0), "C1");
    assert_eq!(product(&created)["status"], "active");
    assert_eq!(app.service("C1").await["state"], "active");

    let placed = super::place(&app, json!([provision("C1", "kinfolk.solo")])).await;
    let id = product_id(&placed, 0);
    assert_eq!(product(&placed)["status"], "pendingActive", "the id is shown at once: {placed:#}");
    app.run().await;
    let provisioned = show(&app, &placed).await;
    assert_eq!(product(&provisioned)["status"], "active");
    assert_eq!(seen(&app, &id).await, ("active".into(), "solo".into(), "2.0".into()));

    // Another plan by the characteristic, and by another offering of the application.
    done(&app, change(&id, &[("plan", "team")])).await;
    assert_eq!(seen(&app, &id).await.1, "team");
    let mut other = change(&id, &[]);
    other["productOffering"] = json!({ "id": "kinfolk.company" });
    done(&app, other).await;
    assert_eq!(seen(&app, &id).await.1, "company");

    done(&app, set_status(&id, "suspended")).await;
    assert_eq!(seen(&app, &id).await.0, "inactive");
    // A client that sends its product back changes what differs.
    let mut back = set_status(&id, "active");
    back["productOffering"] = json!({ "id": "kinfolk.company" });
    done(&app, back).await;
    assert_eq!(seen(&app, &id).await.0, "active");

    done(&app, set_status("C1", "suspended")).await;
    assert_eq!(app.service("C1").await["state"], "inactive");
    done(&app, set_status("C1", "active")).await;
    assert_eq!(app.service("C1").await["state"], "active");

    let gone = done(&app, terminate(&id)).await;
    assert_eq!(product(&gone)["status"], "terminated");
    assert_eq!(seen(&app, &id).await.0, "terminated");
    done(&app, set_status(&id, "active")).await;
    assert_eq!(seen(&app, &id).await.0, "active");
    done(&app, terminate("C1")).await;
    assert_eq!(app.service("C1").await["state"], "terminated");
    done(&app, set_status("C1", "active")).await;
    assert_eq!(seen(&app, &id).await.0, "active");
    validate(&app).await;
}

#[tokio::test]
async fn an_application_and_its_plan_and_version_as_characteristics() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let mut item = provision("C1", CRM);
    item["product"]["productCharacteristic"] =
        json!([{ "name": "plan", "value": "solo" }, { "name": "version", "value": "1.0" }]);
    let id = product_id(&done(&app, item).await, 0);
    assert_eq!(seen(&app, &id).await, ("active".into(), "solo".into(), "1.0".into()));
    done(&app, change(&id, &[("version", "2.0"), ("plan", "team")])).await;
    assert_eq!(seen(&app, &id).await, ("active".into(), "team".into(), "2.0".into()));
    // What is there already needs no work.
    let same = done(&app, change(&id, &[("plan", "team")])).await;
    assert!(app.jobs(&same).await.is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn a_bundle_of_a_customer_and_its_applications_in_one_order() {
    let app = TestApp::new().await;
    let body = json!({
        "relatedParty": [{ "id": "C1", "role": "Customer", "@referredType": "Individual" }],
        "productOrderItem": [
            super::item("2", provision("C1", "kinfolk.solo"), &["1"]),
            super::item("3", provision("C1", "filenook.home"), &["1", "2"]),
            super::item("1", create("C1"), &[]),
        ],
    });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let order = show(&app, &placed).await;
    assert_eq!(state(&order), "completed", "{order:#}");
    assert_eq!(super::item_states(&order), ["completed"; 3]);
    assert_eq!(app.machines().len(), 1);
    assert_eq!(order["relatedParty"][0]["@referredType"], "Individual");
    validate(&app).await;
}

#[tokio::test]
async fn a_quantity_is_one_or_the_seats() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let mut two = provision("C1", "filenook.home");
    two["quantity"] = json!(2);
    let refused = app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": [two.clone()] })).await.expect(400);
    assert!(text(&refused["message"]).starts_with("productOrderItem[0].quantity: "), "{refused}");
    two["quantity"] = json!(1);
    done(&app, two).await;
}

#[tokio::test]
async fn records_carry_the_product_orders_numbers() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({ "externalId": "BSS-77", "productOrderItem": [provision("C1", "kinfolk.solo")] });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let records = app.records("mediation-csv").await;
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["orderId"], placed["id"], "{:#}", records[0]);
    assert_eq!(records[0]["externalOrderId"], "BSS-77");
    assert_eq!(records[0]["instanceId"], product_id(&placed, 0).as_str());
}

#[tokio::test]
async fn records_of_failures_carry_them_too() {
    let app = TestApp::with(|c| c.sdr.failures = true).await;
    app.customer("C1").await;
    app.breaks("install");
    let body = json!({ "externalId": "BSS-78", "productOrderItem": [provision("C1", "kinfolk.solo")] });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let records = app.records("mediation-csv").await;
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["orderId"], placed["id"], "{:#}", records[0]);
    assert_eq!(records[0]["externalOrderId"], "BSS-78");
}

#[tokio::test]
async fn an_order_for_later_waits_for_its_date() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "requestedStartDate": "2026-11-24T08:00:00Z", "requestedCompletionDate": "2026-11-25T08:00:00Z",
        "priority": "1", "category": "trial", "description": "for tomorrow",
        "productOrderItem": [provision("C1", "kinfolk.solo")],
    });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let waiting = show(&app, &placed).await;
    assert_eq!(state(&waiting), "acknowledged");
    for name in ["requestedStartDate", "requestedCompletionDate", "priority", "category", "description"] {
        assert_eq!(waiting[name], body[name], "{name}");
    }
    app.goto("2026-11-24T08:00:01Z");
    app.run().await;
    let ended = show(&app, &placed).await;
    assert_eq!(state(&ended), "completed", "{ended:#}");
    assert!(ended["completionDate"].is_string());
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_waits_for_its_turn_says_for_what() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let first = super::place(&app, json!([provision("C1", "kinfolk.solo")])).await;
    let second = super::place(&app, json!([provision("C1", "filenook.home")])).await;
    crate::probe::begin(&app).await;
    let waiting = show(&app, &second).await;
    assert_eq!(state(&waiting), "acknowledged");
    let note = text(&waiting["note"][0]["text"]);
    assert!(note.starts_with("waits for order "), "{note}");
    validate(&app).await;
    app.run().await;
    for order in [first, second] {
        let ended = show(&app, &order).await;
        assert_eq!(state(&ended), "completed");
        assert!(ended["note"].is_null(), "{ended:#}");
    }
}

#[tokio::test]
async fn orders_that_change_nothing_or_little() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "relatedParty": [{ "id": "C1", "role": "customer" }], "productOrderItem": [super::no_change("1")],
    });
    let ended = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    assert_eq!(state(&ended), "completed", "in the accepting transaction: {ended:#}");
    assert_eq!(super::item_states(&ended), ["completed"]);
    let inside = crate::probe::inside(&app, &ended).await;
    assert!(inside["serviceOrder"].is_null(), "nothing is to do");

    let mut first = super::no_change("1");
    first["product"] = json!({ "relatedParty": [{ "id": "C1", "role": "customer" }] });
    let items = json!([
        first,
        super::item("2", provision("C1", "kinfolk.solo"), &["1"]),
        super::item("3", super::no_change("3"), &["2"]),
    ]);
    let both = super::place(&app, items).await;
    let party = &both["productOrderItem"][0]["product"]["relatedParty"][0];
    assert_eq!(party["@referredType"], "Customer", "what changes nothing is shown as all is: {both:#}");
    crate::probe::begin(&app).await;
    assert_eq!(super::item_states(&show(&app, &both).await), ["completed", "inProgress", "acknowledged"]);
    let service = super::service_order(&app, &both).await;
    let ids: Vec<_> =
        service["serviceOrderItem"].as_array().unwrap().iter().map(|i| text(&i["id"])).collect();
    assert_eq!(ids, ["2"], "one item for each that acts, under the same id");
    assert!(service["serviceOrderItem"][0]["serviceOrderItemRelationship"].is_null());
    app.run().await;
    let both = show(&app, &both).await;
    assert_eq!(super::item_states(&both), ["completed"; 3]);
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_names_nothing_to_do_is_rejected() {
    let app = TestApp::new().await;
    let body = json!({
        "productOrderItem": [{ "id": "123", "action": "add" }],
        "relatedParty": [{ "id": "77", "@referredType": "Individual" }],
    });
    let rejected = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    assert_eq!(state(&rejected), "rejected");
    assert_eq!(super::item_states(&rejected), ["rejected"]);
    let note = text(&rejected["note"][0]["text"]);
    assert!(note.contains("productOrderItem[0]: it names no productOffering"), "{note}");
    assert_eq!(rejected["relatedParty"][0]["@referredType"], "Individual");
    assert!(rejected["completionDate"].is_null());
    let ended = order(&app, json!([{ "id": "1", "action": "modify", "product": { "id": "x" } }])).await;
    assert_eq!(state(&ended), "rejected");
    validate(&app).await;
}
