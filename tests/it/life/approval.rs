//! Orders that wait for approval.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use telvisor::app;
use telvisor::clock::TestClock;
use telvisor::config::{Config, Overrides};
use telvisor::orders::approval;

use super::{operate, place_for, told, way};
use crate::harness::{
    CANCELS, CRM, ORDERS, TestApp, create, modify, provision, service_id, set_state, start_time, take_backup,
};
use crate::probe::{inside, read, validate};

fn wanted(c: &mut Config) {
    c.approval.applications = vec![CRM.to_owned()];
}

#[tokio::test]
async fn an_order_waits_for_approval_and_goes_on() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "pending", "{order:#}");
    assert_eq!(order["serviceOrderItem"][0]["state"], "pending");
    assert_eq!(order["note"][0]["text"], "waits for approval");
    assert_eq!(order["startDate"], serde_json::Value::Null, "it has not begun");
    // Another application of the same customer does not wait for it, the customer itself does.
    let other = app.order(json!([provision("C1", "filenook", "home", None)])).await;
    assert_eq!(other["state"], "completed", "{other:#}");
    let suspend = app.order(json!([set_state("C1", "inactive")])).await;
    assert_eq!(suspend["state"], "acknowledged", "{suspend:#}");
    assert_eq!(app.show(&order).await["state"], "pending");

    let reply =
        operate(&app, &order, "approval", json!({ "approve": true, "reason": "paid" })).await.expect(200);
    assert_eq!(reply["approval"], "approved");
    // The same word again changes nothing; another one comes too late.
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(200);
    operate(&app, &order, "approval", json!({ "approve": false })).await.expect(409);
    app.run().await;
    // It took a new place, behind the suspension of its customer: its preconditions were checked again.
    assert_eq!(app.show(&suspend).await["state"], "completed");
    let end = app.show(&order).await;
    assert_eq!(end["state"], "failed", "{end:#}");
    assert_eq!(way(&app, &order).await, ["acknowledged", "inProgress", "pending", "inProgress", "failed"]);
    assert_eq!(
        told(&app, &order).await[..4],
        [
            "create acknowledged",
            "stateChange inProgress",
            "stateChange pending",
            "informationRequired pending"
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn an_approved_order_is_completed() {
    let app = TestApp::with(|c| c.approval.channels = vec!["tmf641".into()]).await;
    let order = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "pending", "the channel needs approval: {order:#}");
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(200);
    app.run().await;
    let done = app.show(&order).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert!(done["startDate"].is_string());
    validate(&app).await;
}

#[tokio::test]
async fn a_refused_order_is_cancelled_with_the_reason() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let suspend = app.order(json!([set_state("C1", "inactive")])).await;
    assert_eq!(suspend["state"], "acknowledged");
    operate(&app, &order, "approval", json!({ "approve": false, "reason": "no credit" })).await.expect(200);
    operate(&app, &order, "approval", json!({ "approve": false })).await.expect(200);
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(409);
    let end = app.show(&order).await;
    assert_eq!(end["state"], "cancelled", "{end:#}");
    assert_eq!(end["cancellationReason"], "no credit");
    assert_eq!(end["serviceOrderItem"][0]["state"], "cancelled");
    assert_eq!(app.service(&service_id(&order, 0)).await["state"], "terminated");
    // The line goes on.
    app.run().await;
    assert_eq!(app.show(&suspend).await["state"], "completed");
    assert_eq!(told(&app, &order).await.last().unwrap(), "stateChange cancelled");
    validate(&app).await;
}

#[tokio::test]
async fn nobody_decides_and_the_time_runs_out() {
    let app = TestApp::with(|c| {
        wanted(c);
        c.approval.hours = 2;
    })
    .await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    app.clock.advance(TimeDelta::minutes(119));
    assert_eq!(approval::sweep(app.engine()).await.unwrap(), 0);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(approval::sweep(app.engine()).await.unwrap(), 1);
    assert_eq!(approval::sweep(app.engine()).await.unwrap(), 0);
    let end = app.show(&order).await;
    assert_eq!(end["state"], "cancelled", "{end:#}");
    assert_eq!(end["cancellationReason"], "nobody approved it within 2 hours");
    validate(&app).await;
}

#[tokio::test]
async fn a_future_order_is_asked_for_when_its_date_has_come() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = place_for(&app, "2026-12-24T00:00:00Z", json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "acknowledged");
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(409);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "acknowledged");
    app.goto("2026-12-24T00:00:00Z");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "pending");
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(200);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn what_needs_no_approval_cannot_be_decided_about() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", "filenook", "home", None)])).await;
    let refused = operate(&app, &order, "approval", json!({ "approve": true })).await.expect(409);
    assert!(refused["message"].as_str().unwrap().contains("no approval"), "{refused}");
    operate(&app, &order, "approval", json!({ "reason": "x" })).await.expect(400);
    operate(&app, &order, "approval", json!({ "approve": true, "reason": "" })).await.expect(400);
    let unknown = json!({ "id": "7c2d4c1e-7f3e-4f0e-9f7d-1f2e3d4c5b6a" });
    operate(&app, &unknown, "approval", json!({ "approve": true })).await.expect(404);
}

#[tokio::test]
async fn an_order_that_waits_for_approval_can_be_cancelled_and_not_patched_around_it() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let around =
        json!({ "serviceOrderItem": [{ "id": "provision", "service": { "serviceCharacteristic": [] } }] });
    app.patch(&path, &around).await.expect(409);
    assert_eq!(app.show(&order).await["state"], "pending");
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    assert_eq!(app.show(&order).await["state"], "cancelled");
    operate(&app, &order, "approval", json!({ "approve": true })).await.expect(409);
    app.clock.advance(TimeDelta::days(30));
    assert_eq!(approval::sweep(app.engine()).await.unwrap(), 0);
    validate(&app).await;
}

/// Every order about the application waits, a change and a backup too; customer-account means the customer.
#[tokio::test]
async fn applications_are_named_whatever_the_order_does_with_them() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    for (named, item) in [
        (CRM, modify(&s, &[("plan", "team")])),
        (CRM, take_backup(&s)),
        ("customer-account", set_state("C1", "inactive")),
    ] {
        let app = TestApp::with(|c| c.approval.applications = vec![named.into()]).await;
        let mut first = app.place(json!([create("C1")])).await;
        if named == "customer-account" {
            assert_eq!(first["state"], "pending");
            operate(&app, &first, "approval", json!({ "approve": true })).await.expect(200);
            app.run().await;
            first = app.show(&first).await;
            assert_eq!(first["state"], "completed");
            assert_eq!(app.place(json!([item])).await["state"], "pending");
            continue;
        }
        let provision = app.place(json!([provision("C1", CRM, "solo", None)])).await;
        operate(&app, &provision, "approval", json!({ "approve": true })).await.expect(200);
        app.run().await;
        let mut item = item.clone();
        item["service"]["id"] = json!(service_id(&provision, 0));
        assert_eq!(app.place(json!([item])).await["state"], "pending");
    }
}

#[tokio::test]
async fn a_decision_is_in_the_audit_and_in_the_order() {
    let app = TestApp::with(wanted).await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(inside(&app, &order).await["approval"], "asked");
    operate(&app, &order, "approval", json!({ "approve": false, "reason": "no credit" })).await.expect(200);
    assert_eq!(inside(&app, &order).await["approval"], "refused");
    let audit = read(&app).await.audited(order["id"].as_str().unwrap()).await.unwrap();
    let decision = audit.iter().find(|a| a.action == "order.approval").expect("it is in the audit");
    assert_eq!(decision.detail.as_ref().unwrap().0, json!({ "approve": false, "reason": "no credit" }));
}

#[tokio::test]
async fn an_application_that_nobody_has_is_told_at_the_start() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut config = Config::load(None, &Overrides::default()).unwrap();
    config.data = folder.path().join("var");
    config.approval.applications = vec!["customer-account".into(), "kinfolkk".into()];
    let clock = Arc::new(TestClock::at(start_time()));
    let told = app::open(config, clock).await.err().expect("it does not start").to_string();
    assert!(told.starts_with("approval.applications: there is no application \"kinfolkk\""), "{told}");
    assert!(told.contains(CRM), "{told}");
}
