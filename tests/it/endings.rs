//! What an order tells when it has ended: what went wrong for good, once, and nothing of what was mended.

use serde_json::{Value, json};
use telvisor::orders::fallout;
use telvisor::orders::moves::Moving;
use telvisor::store::StoreError;

use crate::harness::{CANCELS, CRM, TestApp, modify, provision};
use crate::probe::{TENANT, begin, decide, inside, uuid, validate, validate_orders};

/// A provision that is held because its start fails; the cause is mended.
async fn held(app: &TestApp) -> Value {
    app.customer("C1").await;
    let order = app.held("start", provision("C1", CRM, "solo", None)).await;
    assert_eq!(order["errorMessage"].as_array().unwrap().len(), 1, "{order:#}");
    assert_eq!(order["jeopardyAlert"].as_array().unwrap().len(), 1, "{order:#}");
    order
}

/// Whether the history tells that the order was held, and why.
async fn history_tells(app: &TestApp, order: &Value) {
    let inside = inside(app, order).await;
    let told = |h: &Value| {
        h["state"] == "held" && h["reason"].as_str().is_some_and(|r| r.contains("ended by a fault rule"))
    };
    assert!(inside["history"].as_array().unwrap().iter().any(told), "{inside:#}");
}

#[tokio::test]
async fn an_order_that_was_held_and_completes_tells_of_no_error() {
    let app = TestApp::holding().await;
    let order = held(&app).await;
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(order["errorMessage"], Value::Null, "{order:#}");
    assert_eq!(order["jeopardyAlert"], Value::Null, "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["errorMessage"], Value::Null, "{order:#}");
    assert_eq!(inside(&app, &order).await["errors"], json!([]));
    history_tells(&app, &order).await;
    validate(&app).await;
}

#[tokio::test]
async fn a_skipped_order_tells_once_why_it_failed_and_what_is_left() {
    let app = TestApp::holding().await;
    let order = held(&app).await;
    let order = decide(&app, &order, "skip").await;
    assert_eq!(order["state"], "failed", "{order:#}");
    assert_eq!(order["jeopardyAlert"], Value::Null, "{order:#}");
    let errors = order["errorMessage"].as_array().unwrap();
    let codes: Vec<_> = errors.iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["left", "job"], "{order:#}");
    let left = errors[0]["message"].as_str().unwrap();
    for step in ["make the machine", "install", "start"] {
        assert!(left.contains(step), "{left}");
    }
    assert!(errors[1]["message"].as_str().unwrap().contains("start was ended by a fault rule"), "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["errorMessage"].as_array().unwrap().len(), 1);
    history_tells(&app, &order).await;
    validate_orders(&app).await;
}

#[tokio::test]
async fn a_held_order_that_is_cancelled_and_undone_is_in_no_jeopardy_any_more() {
    let app = TestApp::holding().await;
    let order = held(&app).await;
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    assert_eq!(order["jeopardyAlert"], Value::Null, "{order:#}");
    assert_eq!(order["errorMessage"], Value::Null, "{order:#}");
    history_tells(&app, &order).await;
    validate(&app).await;
}

#[tokio::test]
async fn an_abandoned_order_tells_what_is_left() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    // The last step of an upgrade, after which there is no return.
    let order = app.held("delete_spool", modify(&s, &[("version", "2.0")])).await;
    let order = decide(&app, &order, "abandon").await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    let errors = order["errorMessage"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{order:#}");
    assert_eq!(errors[0]["code"], "left");
    assert!(errors[0]["message"].as_str().unwrap().contains("upgrade"), "{order:#}");
    validate_orders(&app).await;
}

#[tokio::test]
async fn a_job_of_an_item_that_the_order_does_not_have_moves_nothing() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    begin(&app).await;
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    let mut moving = Moving::load(&mut tx, uuid(&order["id"])).await.unwrap().unwrap();
    let mut job = tx.jobs_of(moving.order.id, None).await.unwrap().remove(0);
    job.item_id = Some("nobody's".into());
    let ended = fallout::job_ended(app.engine(), &mut tx, &mut moving, &job).await;
    assert!(matches!(ended, Err(StoreError::Missing { .. })), "{ended:?}");
    let given_up = fallout::given_up(app.engine(), &mut tx, &mut moving, &mut job, "why").await;
    assert!(matches!(given_up, Err(StoreError::Missing { .. })), "{given_up:?}");
    drop(tx);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}
