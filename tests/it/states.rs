//! The events and the history that each way through the diagram leaves.

use serde_json::json;

use crate::harness::{
    CANCELS, CRM, TestApp, create, modify, provision, service_id, set_state, take_backup, terminate,
};
use crate::probe::{decide, inside, told, validate, work_once};

#[tokio::test]
async fn a_completed_order() {
    let app = TestApp::new().await;
    let order = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "milestone inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told(&app, &order).await, expected);
    let inside = inside(&app, &order).await;
    let items: Vec<_> = inside["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| format!("{} {}", h["item"].as_str().unwrap_or("order"), h["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        items,
        [
            "order acknowledged",
            "order inProgress",
            "create inProgress",
            "create completed",
            "provision inProgress",
            "provision completed",
            "order completed",
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn an_order_whose_wish_holds_already() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let before = app.records("mediation-csv").await.len();
    let order = app.order(json!([set_state(&s, "active")])).await;
    let expected =
        ["create acknowledged", "stateChange inProgress", "milestone inProgress", "stateChange completed"];
    assert_eq!(told(&app, &order).await, expected);
    assert!(app.jobs(&order).await.is_empty());
    assert_eq!(app.records("mediation-csv").await.len(), before);
    validate(&app).await;
}

#[tokio::test]
async fn a_failed_order() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    let expected = ["create acknowledged", "stateChange inProgress", "stateChange failed"];
    assert_eq!(told(&app, &order).await, expected);
    validate(&app).await;
}

/// An installation that is held, and an operator's decision about it; what was told of the order.
async fn held_and_decided(decision: &str) -> Vec<String> {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let order = app.held("install", provision("C1", CRM, "solo", None)).await;
    decide(&app, &order, decision).await;
    validate(&app).await;
    told(&app, &order).await
}

#[tokio::test]
async fn a_held_order_that_is_retried() {
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange held",
        "jeopardy held",
        "stateChange inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(held_and_decided("retry").await, expected);
}

#[tokio::test]
async fn a_held_order_that_is_abandoned() {
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange held",
        "jeopardy held",
        "stateChange cancelled",
    ];
    assert_eq!(held_and_decided("abandon").await, expected);
}

#[tokio::test]
async fn a_cancelled_order() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange assessingCancellation",
        "stateChange pendingCancellation",
        "stateChange cancelled",
    ];
    assert_eq!(told(&app, &order).await, expected);
    validate(&app).await;
}

#[tokio::test]
async fn a_cancel_that_was_refused() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.faults(json!({ "rules": [{ "operation": "delete_machine", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([terminate(&s)])).await;
    work_once(&app).await;
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange assessingCancellation",
        "stateChange inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told(&app, &order).await, expected);
    validate(&app).await;
}

/// A subscriber's life with faults that come and go: whatever happens, every order went along the diagram.
#[tokio::test]
async fn a_life_with_faults() {
    // Tries are counted over all steps of a job.
    let app = TestApp::with(|c| c.jobs.attempts = 50).await;
    app.customer("C1").await;
    let calls = ["begin", "observe", "read", "write", "endpoint"];
    let effects = ["retry", "timeout-before", "timeout-after-acting", "unknown"];
    let rules: Vec<_> = (0..200)
        .map(|n| json!({ "call": calls[n % 5], "nth": 1 + 4 * (n / 5), "effect": effects[n % 4] }))
        .collect();
    app.faults(json!({ "rules": rules }));
    let mut crm = None;
    for round in 0..3 {
        let s = match crm.clone() {
            None => {
                let order = app.order(json!([provision("C1", CRM, "solo", Some("1.0"))])).await;
                let s = service_id(&order, 0);
                crm = (order["state"] == "completed").then(|| s.clone());
                s
            }
            Some(s) => s,
        };
        if crm.is_none() {
            continue;
        }
        for item in [
            modify(&s, &[("version", if round == 0 { "1.1" } else { "2.0" })]),
            modify(&s, &[("plan", ["team", "company", "solo"][round])]),
            take_backup(&s),
            set_state(&s, "inactive"),
            set_state(&s, "active"),
            set_state("C1", "inactive"),
            set_state("C1", "active"),
            terminate(&s),
            set_state(&s, "active"),
        ] {
            let order = app.order(json!([item])).await;
            assert_eq!(order["state"], "completed", "faults that pass fail nothing: {order:#}");
        }
    }
    assert!(crm.is_some(), "the application was installed");
    validate(&app).await;
}
