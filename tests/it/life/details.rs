//! The smaller members of an order: rejected, no change, notes, references, parties, what is told of a DELETE.

use serde_json::{Value, json};

use super::{told, way};
use crate::effects::records;
use crate::harness::{CRM, ORDERS, TestApp, create, provision};
use crate::probe::validate;

#[tokio::test]
async fn an_order_that_names_nothing_to_do_is_rejected() {
    let app = TestApp::new().await;
    let order = app.place(json!([{ "id": "1", "action": "add", "service": {} }])).await;
    assert_eq!(order["state"], "rejected", "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["state"], "rejected");
    assert!(order["errorMessage"][0]["message"].is_string());
    assert_eq!(way(&app, &order).await, ["acknowledged", "rejected"]);
    assert_eq!(told(&app, &order).await, ["create acknowledged", "stateChange rejected"]);
    validate(&app).await;
}

#[tokio::test]
async fn a_deleted_order_is_told() {
    let app = TestApp::new().await;
    let order = app.order(json!([create("C1")])).await;
    app.delete(&format!("{ORDERS}/{}", order["id"].as_str().unwrap())).await;
    assert_eq!(told(&app, &order).await.last().unwrap(), "delete completed");
}

#[tokio::test]
async fn no_change_changes_nothing() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let before = records(&app).await.len();
    let party = json!([{ "id": "C1", "role": "customer" }]);
    let item = json!({ "id": "1", "action": "noChange", "service": { "id": s, "relatedParty": party } });
    let order = app.order(json!([item])).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert!(app.jobs(&order).await.is_empty());
    assert_eq!(records(&app).await.len(), before);
    assert_eq!(order.get("milestone"), None, "nothing is reached by it");
    validate(&app).await;
}

#[tokio::test]
async fn notes_references_and_parties_stay_with_the_order() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "description": "for the branch in Patras",
        "note": [{ "author": "Ada", "text": "call before" }],
        "externalReference": [{ "id": "T-1", "externalReferenceType": "ticket", "name": "T-1" }],
        "relatedParty": [{ "id": "C1", "role": "Customer" }, { "id": "shop-7", "role": "seller", "name": "Shop 7" }],
        "serviceOrderItem": [provision("C1", CRM, "solo", None)],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    app.run().await;
    let done = app.show(&placed).await;
    assert_eq!(done["state"], "completed");
    assert_eq!(done["description"], body["description"]);
    assert_eq!(
        (&done["note"][0]["author"], &done["note"][0]["text"]),
        (&json!("Ada"), &json!("call before"))
    );
    let of = |list: &str, key: &str| -> Vec<Value> {
        done[list].as_array().unwrap().iter().map(|e| e[key].clone()).collect()
    };
    assert_eq!(of("externalReference", "id"), ["T-1", "tmf641"]);
    assert_eq!(of("relatedParty", "id"), ["C1", "shop-7"]);
    assert_eq!(done["relatedParty"][1]["name"], "Shop 7");
    // They are found by the order's list.
    let found = app.get(&format!("{ORDERS}?relatedParty.id=C1&sort=-orderDate&limit=1")).await.expect(200);
    assert_eq!(found[0]["id"], placed["id"]);
}

/// An item waits for two; one of them fails, so it fails, and what relies on it in turn.
#[tokio::test]
async fn a_failure_goes_along_the_relationships() {
    use crate::harness::{item, take_backup};
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.breaks("install");
    let order = app
        .order(json!([
            item("1", provision("C1", "filenook", "home", None), &[]),
            item("2", take_backup(&s), &[]),
            item("3", take_backup(&s), &["1", "2"]),
            item("4", take_backup(&s), &["3"]),
            item("5", take_backup(&s), &["2"]),
        ]))
        .await;
    app.mends();
    assert_eq!(order["state"], "partial", "{order:#}");
    let states: Vec<_> =
        order["serviceOrderItem"].as_array().unwrap().iter().map(|i| i["state"].clone()).collect();
    assert_eq!(states, ["failed", "completed", "failed", "failed", "completed"]);
    let why = |n: usize| order["serviceOrderItem"][n]["errorMessage"][0].clone();
    assert_eq!(why(2)["code"], "relied-on");
    assert!(why(2)["message"].as_str().unwrap().contains("item 1"), "{}", why(2));
    assert!(why(3)["message"].as_str().unwrap().contains("item 3"), "{}", why(3));
    let milestones: Vec<_> =
        order["milestone"].as_array().unwrap().iter().map(|m| m["status"].clone()).collect();
    assert_eq!(milestones, ["Violated", "Completed", "Violated", "Violated", "Completed"]);
    validate(&app).await;
}
