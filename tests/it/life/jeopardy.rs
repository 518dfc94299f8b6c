//! Alerts: a date that will be missed, a date that was missed; told once each, and gone at the end.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::orders::jeopardy;

use super::{expected, told, told_of};
use crate::harness::{ORDERS, TestApp, provision};
use crate::probe::{begin, validate, work_once};

fn names(order: &Value) -> Vec<&str> {
    order["jeopardyAlert"]
        .as_array()
        .map_or(vec![], |l| l.iter().map(|a| a["name"].as_str().unwrap()).collect())
}

async fn place_by(app: &TestApp, requested: &str) -> Value {
    let body = json!({
        "requestedCompletionDate": requested, "serviceOrderItem": [provision("C1", "kinfolk", "solo", None)],
    });
    app.post(ORDERS, &body).await.expect(201)
}

#[tokio::test]
async fn a_requested_date_that_cannot_be_kept_is_told_at_once() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_by(&app, "2026-11-23T08:00:30Z").await;
    assert_eq!(names(&order), ["requestedCompletionDate"], "{order:#}");
    let alert = &order["jeopardyAlert"][0];
    assert_eq!(alert["jeopardyType"], "Hazard");
    assert!(alert["message"].as_str().unwrap().contains("2026-11-23T08:00:30Z"), "{alert}");
    assert_eq!(alert["serviceOrderItem"][0]["itemId"], "provision");
    assert!(alert["alertDate"].is_string() && alert["id"] == "1");
    assert_eq!(told(&app, &order).await, ["create acknowledged", "jeopardy acknowledged"]);
    app.run().await;
    assert_eq!(told_of(&app, &order, "jeopardy").await, 1, "once for a cause");
    let done = app.show(&order).await;
    assert_eq!(done["state"], "completed");
    assert!(names(&done).is_empty(), "{done:#}");
    validate(&app).await;
}

#[tokio::test]
async fn one_that_can_be_kept_is_not_told_and_a_patch_moves_it_into_jeopardy_and_out() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_by(&app, "2026-11-24T00:00:00Z").await;
    assert!(names(&order).is_empty(), "{order:#}");
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let set = async |at: &str| app.patch(&path, &json!({ "requestedCompletionDate": at })).await.expect(200);
    assert_eq!(names(&set("2026-11-23T08:00:10Z").await), ["requestedCompletionDate"]);
    assert!(names(&set("2026-11-24T00:00:00Z").await).is_empty());
    assert_eq!(names(&set("2026-11-23T08:00:10Z").await), ["requestedCompletionDate"]);
    let expected = [
        "create",
        "attributeValueChange",
        "jeopardy",
        "attributeValueChange",
        "attributeValueChange",
        "jeopardy",
    ];
    let told = told(&app, &order).await;
    let kinds: Vec<_> = told.iter().map(|t| t.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn an_expected_date_that_passed_is_told_once_and_renewed() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    let order = place_by(&app, "2026-11-23T12:00:00Z").await;
    work_once(&app).await;
    let begun = app.show(&order).await;
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 0, "it is not late yet");
    app.clock.advance(expected(&begun) - app.engine().db.clock().now() + TimeDelta::seconds(11));
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 1);
    let late = app.show(&order).await;
    assert_eq!(names(&late), ["expectedCompletionDate"], "{late:#}");
    assert!(expected(&late) > expected(&begun), "renewed: {late:#}");
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 0);
    app.clock.advance(TimeDelta::hours(1));
    jeopardy::sweep(app.engine()).await.unwrap();
    assert_eq!(told_of(&app, &order, "jeopardy").await, 1, "once for a cause");
    app.mends();
    app.run().await;
    let done = app.show(&order).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert!(names(&done).is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn a_late_order_that_misses_its_requested_date_too_has_two_causes() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    let order = place_by(&app, "2026-11-23T08:05:00Z").await;
    work_once(&app).await;
    app.clock.advance(TimeDelta::minutes(10));
    jeopardy::sweep(app.engine()).await.unwrap();
    let late = app.show(&order).await;
    assert_eq!(names(&late), ["expectedCompletionDate", "requestedCompletionDate"], "{late:#}");
    assert_eq!(told_of(&app, &order, "jeopardy").await, 2);
}

#[tokio::test]
async fn a_held_order_keeps_the_date_that_it_missed() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let order = app.held("install", provision("C1", "kinfolk", "solo", None)).await;
    assert_eq!(names(&order), ["held"]);
    assert_eq!(order["jeopardyAlert"][0]["jeopardyType"], "Critical");
    let exception = order["jeopardyAlert"][0]["exception"].as_str().unwrap();
    assert!(exception.contains("install"), "{exception}");
    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 1);
    let late = app.show(&order).await;
    assert_eq!(names(&late), ["held", "expectedCompletionDate"]);
    assert_eq!(expected(&late), expected(&order));
}

#[tokio::test]
async fn an_order_that_waits_for_its_date_is_not_late() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    super::place_for(&app, "2026-12-24T00:00:00Z", json!([provision("C1", "kinfolk", "solo", None)])).await;
    app.clock.advance(TimeDelta::days(3));
    begin(&app).await;
    assert_eq!(jeopardy::sweep(app.engine()).await.unwrap(), 0);
}
