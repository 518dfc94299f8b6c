//! What a held order keeps others from, and what it does not.

use serde_json::{Value, json};

use crate::harness::{CRM, TestApp, modify, provision, restore, set_state, take_backup, terminate};
use crate::probe::{begin, decide, validate};

const FILES: &str = "filenook";

async fn state(app: &TestApp, order: &Value) -> String {
    app.show(order).await["state"].as_str().unwrap().to_owned()
}

/// What the order says that it waits for.
async fn note(app: &TestApp, order: &Value) -> String {
    let shown = app.show(order).await;
    assert_eq!(shown["state"], "acknowledged", "{shown:#}");
    let notes = shown["note"].as_array().unwrap_or_else(|| panic!("a note: {shown:#}"));
    notes.iter().find(|n| n["author"] == "telvisor").expect("our note")["text"].as_str().unwrap().to_owned()
}

fn waits_for(order: &Value) -> String {
    format!("waits for order {}", order["id"].as_str().unwrap())
}

/// A customer with two applications; a restore on the first is held after its point of no return, and has nothing
/// more to do on the machine itself.
async fn held_restore(app: &TestApp) -> (String, String, Value) {
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let files = app.provision("C1", FILES, "home", None).await;
    let id = app.back_up(&crm).await;
    let held = app.held("delete_spool", restore(&crm, &id)).await;
    (crm, files, held)
}

#[tokio::test]
async fn a_held_order_keeps_its_own_subscription_only() {
    let app = TestApp::new().await;
    let (crm, files, held) = held_restore(&app).await;
    let same = app.place(json!([set_state(&crm, "inactive")])).await;
    let other = app.place(json!([modify(&files, &[("plan", "office")])])).await;
    let third = app.place(json!([provision("C1", "stallfront", "stall", None)])).await;
    app.run().await;
    assert_eq!(state(&app, &other).await, "completed");
    assert_eq!(state(&app, &third).await, "completed");
    assert!(note(&app, &same).await.starts_with(&waits_for(&held)), "{}", note(&app, &same).await);
    assert!(note(&app, &same).await.contains("held"));
    assert_eq!(app.service(&crm).await["state"], "active");

    let held = decide(&app, &held, "retry").await;
    assert_eq!(held["state"], "completed", "{held:#}");
    assert_eq!(state(&app, &same).await, "completed", "it goes on after the operator's decision");
    let shown = app.show(&same).await;
    assert!(shown["note"].is_null(), "and no longer says that it waits: {shown:#}");
    validate(&app).await;
}

#[tokio::test]
async fn an_order_on_the_customer_waits_for_all_and_later_ones_wait_for_it() {
    let app = TestApp::new().await;
    let (_, files, held) = held_restore(&app).await;
    let suspend = app.place(json!([set_state("C1", "inactive")])).await;
    let resume = app.place(json!([set_state("C1", "active")])).await;
    let later = app.place(json!([take_backup(&files)])).await;
    app.run().await;
    assert!(note(&app, &suspend).await.starts_with(&waits_for(&held)));
    assert!(note(&app, &resume).await.starts_with("waits for order"));
    // It must not pass the suspension, which came before it.
    let text = note(&app, &later).await;
    assert!(text.starts_with(&waits_for(&suspend)) || text.starts_with(&waits_for(&resume)), "{text}");
    let held = decide(&app, &held, "skip").await;
    assert_eq!(held["state"], "failed", "{held:#}");
    for order in [&suspend, &resume, &later] {
        assert_eq!(state(&app, order).await, "completed");
    }
    validate(&app).await;
}

#[tokio::test]
async fn a_held_order_that_has_work_on_the_machine_keeps_the_customer() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let files = app.provision("C1", FILES, "home", None).await;
    let held = app.held("delete_volume", terminate(&crm)).await;
    // Both would give the machine a size, from what they find.
    let other = app.place(json!([modify(&files, &[("plan", "office")])])).await;
    app.run().await;
    assert!(note(&app, &other).await.starts_with(&waits_for(&held)));
    let held = decide(&app, &held, "retry").await;
    assert_eq!(held["state"], "completed", "{held:#}");
    assert_eq!(state(&app, &other).await, "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_machine_is_not_deleted_under_a_held_provision() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let files = app.provision("C1", FILES, "home", None).await;
    let held = app.held("install", provision("C1", CRM, "solo", None)).await;
    let last = app.place(json!([terminate(&files)])).await;
    app.run().await;
    assert!(note(&app, &last).await.starts_with(&waits_for(&held)));
    assert_eq!(decide(&app, &held, "retry").await["state"], "completed");
    assert_eq!(state(&app, &last).await, "completed");
    assert_eq!(app.machines().len(), 1, "the CRM is on it");
    validate(&app).await;
}

#[tokio::test]
async fn a_retry_while_another_order_runs_disturbs_neither() {
    let app = TestApp::new().await;
    let (_, files, held) = held_restore(&app).await;
    app.faults(json!({ "rules": [{ "operation": "backup", "nth": 1, "effect": "retry" }] }));
    let running = app.place(json!([take_backup(&files)])).await;
    begin(&app).await;
    assert_eq!(state(&app, &running).await, "inProgress");
    assert_eq!(decide(&app, &held, "retry").await["state"], "completed");
    assert_eq!(state(&app, &running).await, "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_held_order_of_one_customer_is_nothing_to_another() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    app.breaks("delete_machine");
    let held = app.order(json!([terminate(&crm)])).await;
    assert_eq!(held["state"], "held", "{held:#}");
    let waiting = app.place(json!([set_state("C1", "inactive")])).await;
    app.customer("C2").await;
    let other = app.provision("C2", CRM, "solo", None).await;
    assert_eq!(app.service(&other).await["state"], "active");
    assert!(note(&app, &waiting).await.starts_with(&waits_for(&held)));
    app.mends();
    let held = decide(&app, &held, "abandon").await;
    assert_eq!(held["state"], "cancelled", "{held:#}");
    assert_eq!(state(&app, &waiting).await, "completed");
}

#[tokio::test]
async fn acceptance_counts_a_held_order_as_completing() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let held = app.held("delete_machine", terminate(&crm)).await;
    let change = json!({ "serviceOrderItem": [modify(&crm, &[("plan", "team")])] });
    app.post(crate::harness::ORDERS, &change).await.expect(409);
    let again = app.place(json!([set_state(&crm, "active")])).await;
    app.run().await;
    assert!(note(&app, &again).await.starts_with(&waits_for(&held)));
    assert_eq!(decide(&app, &held, "retry").await["state"], "completed");
    assert_eq!(state(&app, &again).await, "completed");
    assert_eq!(app.service(&crm).await["state"], "active");
    validate(&app).await;
}
