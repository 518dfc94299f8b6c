//! The ways of a product order through its diagram: states, items and events, as its service order goes on.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    create, item, item_states, order, place, product_id, provision, service_order, show, state, text,
};
use crate::harness::{PRODUCT_ORDERS, TestApp, copy_package};
use crate::probe::{decide, fallout, read, told, uuid, validate, validate_orders};

#[tokio::test]
async fn a_completed_order() {
    let app = TestApp::new().await;
    let ended = order(&app, json!([create("C1"), provision("C1", "kinfolk.solo")])).await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "milestone inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told(&app, &ended).await, expected);
    assert_eq!(
        told(&app, &service_order(&app, &ended).await).await,
        expected,
        "its service order tells its own"
    );
    let events = read(&app).await.events_of(uuid(&ended["id"])).await.unwrap();
    assert!(events.iter().all(|e| e.resource.as_str() == "productOrder"));
    validate(&app).await;
}

#[tokio::test]
async fn a_rejected_order_is_so_from_the_start() {
    let app = TestApp::new().await;
    let ended = order(&app, json!([{ "id": "1", "action": "add" }])).await;
    assert_eq!(told(&app, &ended).await, ["create rejected"]);
}

#[tokio::test]
async fn an_order_that_changes_nothing() {
    let app = TestApp::new().await;
    let body = json!({
        "relatedParty": [{ "id": "C1", "role": "customer" }],
        "productOrderItem": [super::no_change("1"), create("C1")],
    });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let idle = app
        .post(
            PRODUCT_ORDERS,
            &json!({
                "relatedParty": [{ "id": "C1", "role": "customer" }],
                "productOrderItem": [super::no_change("1")],
            }),
        )
        .await
        .expect(201);
    let expected =
        ["create acknowledged", "stateChange inProgress", "milestone inProgress", "stateChange completed"];
    assert_eq!(told(&app, &placed).await, expected);
    let expected = ["create acknowledged", "stateChange inProgress", "stateChange completed"];
    assert_eq!(told(&app, &idle).await, expected);
    validate(&app).await;
}

#[tokio::test]
async fn a_failed_order_says_why() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let failed = order(&app, json!([provision("C1", "kinfolk.solo")])).await;
    assert_eq!(state(&failed), "failed");
    assert_eq!(item_states(&failed), ["failed"]);
    let product = &failed["productOrderItem"][0]["product"];
    assert_eq!(product["status"], "cancelled", "it never came to be");
    let notes = failed["note"].to_string();
    assert!(notes.contains("item provision: ") && notes.contains("install"), "{notes}");
    let expected = ["create acknowledged", "stateChange inProgress", "stateChange failed"];
    assert_eq!(told(&app, &failed).await, expected);
    validate(&app).await;
}

#[tokio::test]
async fn a_partial_order_with_an_item_that_relied_on_the_failed_one() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let items = json!([
        item("0", super::no_change("0"), &["1"]),
        item("1", provision("C1", "kinfolk.solo"), &[]),
        item("2", provision("C1", "filenook.home"), &["1"]),
        item("3", super::set_status("C1", "suspended"), &[]),
    ]);
    let partial = order(&app, items).await;
    assert_eq!(state(&partial), "partial", "{partial:#}");
    assert_eq!(item_states(&partial), ["failed", "failed", "failed", "completed"]);
    let notes = partial["note"].to_string();
    assert!(notes.contains("item 2: ") && notes.contains("relies on item 1"), "{notes}");
    assert!(notes.contains("item 0: "), "what changes nothing relied on it too: {notes}");
    validate(&app).await;
}

/// An installation that is held, and an operator's decision about it.
async fn held_and_decided(decision: &str) -> (Value, Vec<String>) {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    app.breaks("install");
    let held = order(&app, json!([provision("C1", "kinfolk.solo")])).await;
    app.mends();
    assert_eq!(state(&held), "held");
    assert_eq!(item_states(&held), ["held"]);
    assert!(held["note"].to_string().contains("a job needs an operator"), "{held:#}");
    let service = service_order(&app, &held).await;
    assert_eq!(fallout(&app, &service).await.len(), 1);
    decide(&app, &service, decision).await;
    validate_orders(&app).await;
    (show(&app, &held).await, told(&app, &held).await)
}

#[tokio::test]
async fn a_held_order_that_is_retried() {
    let (ended, told) = held_and_decided("retry").await;
    assert_eq!(state(&ended), "completed");
    assert!(ended["note"].is_null(), "{ended:#}");
    assert_eq!(
        told,
        [
            "create acknowledged",
            "stateChange inProgress",
            "stateChange held",
            "jeopardy held",
            "stateChange inProgress",
            "milestone inProgress",
            "stateChange completed",
        ]
    );
}

#[tokio::test]
async fn a_held_order_that_is_skipped() {
    let (ended, _) = held_and_decided("skip").await;
    assert_eq!(state(&ended), "failed");
    assert_eq!(item_states(&ended), ["failed"]);
}

#[tokio::test]
async fn a_held_order_that_is_abandoned() {
    let (ended, told) = held_and_decided("abandon").await;
    assert_eq!(state(&ended), "cancelled");
    assert_eq!(ended["cancellationReason"], "the disk was changed");
    assert_eq!(told.last().unwrap(), "stateChange cancelled");
}

/// A catalogue of one application that must know a domain before it starts.
fn catalogue(folder: &Path) {
    copy_package("kinfolk", folder);
    let manifest = folder.join("kinfolk/manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let more = "\n[[characteristic]]\nname = \"domain\"\nkind = \"string\"\nrequired = \"before-start\"\n\
                description = \"name under which it is reached\"\n";
    std::fs::write(&manifest, text + more).unwrap();
}

#[tokio::test]
async fn a_pending_order_takes_what_it_waits_for() {
    let apps = tempfile::tempdir().unwrap();
    catalogue(apps.path());
    let app = TestApp::with(|c| c.catalogue.apps = apps.path().to_owned()).await;
    app.customer("C1").await;
    let waiting = order(&app, json!([provision("C1", "kinfolk.solo")])).await;
    assert_eq!(state(&waiting), "pending");
    assert_eq!(item_states(&waiting), ["pending"]);
    assert!(waiting["note"].to_string().contains("needs: domain"), "{waiting:#}");
    let path = format!("{PRODUCT_ORDERS}/{}", text(&waiting["id"]));
    let supply = |value: Value| {
        json!({ "productOrderItem": [{
            "id": "provision", "product": { "productCharacteristic": [{ "name": "domain", "value": value }] },
        }] })
    };
    let wrong = app.patch(&path, &supply(json!({}))).await.expect(400);
    let at = "productOrderItem[0].product.productCharacteristic[0].value: ";
    assert!(text(&wrong["message"]).starts_with(at), "{wrong}");
    app.patch(&path, &supply(json!("crm.example"))).await.expect(200);
    app.run().await;
    assert_eq!(state(&show(&app, &waiting).await), "completed");
    let service = app.service(&product_id(&waiting, 0)).await;
    assert_eq!(crate::harness::characteristic(&service, "domain").as_deref(), Some("crm.example"));
    assert_eq!(
        told(&app, &waiting).await,
        [
            "create acknowledged",
            "stateChange inProgress",
            "stateChange pending",
            "informationRequired pending",
            "attributeValueChange pending",
            "stateChange inProgress",
            "milestone inProgress",
            "stateChange completed",
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn orders_of_both_kinds_take_their_turns_in_one_line() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let first = place(&app, json!([provision("C1", "kinfolk.solo")])).await;
    let id = product_id(&first, 0);
    let second = app.place(json!([crate::harness::modify(&id, &[("plan", "team")])])).await;
    let third = place(&app, json!([super::terminate(&id)])).await;
    app.run().await;
    assert_eq!(state(&show(&app, &first).await), "completed");
    assert_eq!(app.show(&second).await["state"], "completed");
    assert_eq!(state(&show(&app, &third).await), "completed");
    validate(&app).await;
}
