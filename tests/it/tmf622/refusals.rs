//! What is refused, with the path of the wrong member as TMF622 has it.

use serde_json::{Value, json};

use super::{change, create, done, product_id, provision, set_status, terminate, text};
use crate::harness::{PRODUCT_ORDERS, TestApp};

const NOBODYS: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3";

/// A provision with these characteristics.
fn with(offering: &str, characteristics: Value) -> Value {
    let mut item = provision("C1", offering);
    item["product"]["productCharacteristic"] = characteristics;
    item
}

/// An item of another offering.
fn of(mut item: Value, offering: &str) -> Value {
    item["productOffering"] = json!({ "id": offering });
    item
}

#[tokio::test]
async fn a_wrong_member_is_named() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = product_id(&done(&app, provision("C1", "filenook.home")).await, 0);
    let counts = app.counts().await;
    for (item, path) in [
        (provision("C1", "telex"), "productOrderItem[0].productOffering.id"),
        (provision("C1", "kinfolk.huge"), "productOrderItem[0].productOffering.id"),
        (provision("C1", "kinfolk"), "productOrderItem[0].productOffering.id"),
        (provision("C7", "kinfolk.solo"), "relatedParty"),
        (
            with("kinfolk", json!([{ "name": "plan", "value": "huge" }])),
            "productOrderItem[0].product.productCharacteristic[0].value",
        ),
        (
            with("kinfolk.solo", json!([{ "name": "version", "value": "9" }])),
            "productOrderItem[0].product.productCharacteristic[0].value",
        ),
        (
            with("kinfolk.solo", json!([{ "name": "colour", "value": "red" }])),
            "productOrderItem[0].product.productCharacteristic[0].value",
        ),
        (change(NOBODYS, &[("plan", "team")]), "productOrderItem[0].product.id"),
        (terminate("nobody"), "productOrderItem[0].product.id"),
        (set_status(&id, "terminated"), "productOrderItem[0].product.status"),
        (of(change(&id, &[]), "kinfolk.solo"), "productOrderItem[0].productOffering.id"),
        (of(set_status(&id, "suspended"), "filenook.office"), "productOrderItem[0].productOffering.id"),
        (
            {
                let mut item = change(&id, &[("plan", "office")]);
                item["product"]["status"] = json!("suspended");
                item
            },
            "productOrderItem[0].product.productCharacteristic[0].value",
        ),
        (super::item("1", terminate(&id), &["9"]), "productOrderItem[0].productOrderItemRelationship"),
        (
            {
                let mut item = create("C5");
                item["product"]["productCharacteristic"] = json!([]);
                item
            },
            "productOrderItem[0].product.productCharacteristic (name = name)",
        ),
    ] {
        let refused = app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": [item] })).await.expect(400);
        let message = text(&refused["message"]);
        assert!(message.starts_with(&format!("{path}: ")), "{path} in: {message}\n{item:#}");
    }
    for (body, path) in [
        (json!({}), "productOrderItem"),
        (json!({ "productOrderItem": [] }), "productOrderItem"),
        (json!({ "productOrderItem": [terminate(&id), terminate(&id)] }), "productOrderItem[1].id"),
        (
            json!({ "relatedParty": [{ "id": "C2", "role": "customer" }], "productOrderItem": [provision("C1", "kinfolk.solo")] }),
            "productOrderItem[0].product.relatedParty[0].id",
        ),
        (json!({ "externalId": "", "productOrderItem": [terminate(&id)] }), "externalId"),
        (json!({ "requestedStartDate": "soon", "productOrderItem": [terminate(&id)] }), "requestedStartDate"),
    ] {
        let refused = app.post(PRODUCT_ORDERS, &body).await.expect(400);
        let message = text(&refused["message"]);
        assert!(message.starts_with(&format!("{path}: ")), "{path} in: {message}");
    }
    assert_eq!(app.counts().await, counts, "nothing is left behind");
    let listed = app.get(&format!("{PRODUCT_ORDERS}?limit=0")).await;
    assert_eq!(listed.headers["x-total-count"], "1");
}

#[tokio::test]
async fn a_forbidden_state_is_a_conflict_that_names_the_item() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = product_id(&done(&app, provision("C1", "kinfolk.solo")).await, 0);
    for (item, code) in [(create("C1"), "alreadyExists"), (provision("C1", "kinfolk.team"), "alreadyExists")]
    {
        let refused = app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": [item] })).await.expect(409);
        assert_eq!(refused["code"], code);
        assert!(text(&refused["message"]).starts_with("productOrderItem[0]: "), "{refused}");
    }
    done(&app, set_status("C1", "suspended")).await;
    let change = json!({ "productOrderItem": [change(&id, &[("plan", "team")])] });
    let refused = app.post(PRODUCT_ORDERS, &change).await.expect(409);
    assert_eq!(refused["code"], "forbiddenState");
}
