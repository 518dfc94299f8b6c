//! The shortest life, to see that the harness stands.

use serde_json::json;

use crate::harness::{CRM, TestApp, create, provision, terminate};

#[tokio::test]
async fn an_order_goes_in_and_a_machine_comes_out() {
    let app = TestApp::new().await;
    let done = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let subscription = done["serviceOrderItem"][1]["service"]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.service(&subscription).await["state"], "active");
    assert_eq!(app.machines().len(), 1);
    let app = app.restart().await;
    app.done(terminate("C1")).await;
    assert!(app.machines().is_empty());
    let records = app.records("mediation-csv").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["recordType"], "installed");
}
