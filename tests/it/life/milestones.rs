//! Milestones: each acting item that is completed.

use serde_json::{Value, json};

use super::{told, told_of};
use crate::harness::{CRM, TestApp, create, item, provision};
use crate::probe::{validate, work_once};

fn statuses(order: &Value) -> Vec<String> {
    let list = order["milestone"].as_array().unwrap_or_else(|| panic!("no milestones: {order:#}"));
    list.iter()
        .map(|m| {
            format!(
                "{} {}",
                m["serviceOrderItem"][0]["itemId"].as_str().unwrap(),
                m["status"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn each_item_is_a_milestone_that_is_told_when_it_is_completed() {
    let app = TestApp::new().await;
    let nothing = json!({ "id": "n", "action": "noChange", "service": {} });
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([create("C1"), nothing, provision("C1", CRM, "solo", None)])).await;
    assert_eq!(statuses(&order), ["create Yet-To-Reach", "provision Yet-To-Reach"]);
    assert_eq!(order["milestone"][0]["milestoneDate"], Value::Null);
    work_once(&app).await;
    assert_eq!(statuses(&app.show(&order).await), ["create Completed", "provision Yet-To-Reach"]);
    app.run().await;
    let done = app.show(&order).await;
    assert_eq!(statuses(&done), ["create Completed", "provision Completed"]);
    let last = &done["milestone"][1];
    assert_eq!(last["name"], "itemCompleted");
    assert_eq!(last["milestoneDate"], done["completionDate"]);
    assert!(last["description"].as_str().unwrap().contains(CRM), "{last}");
    assert_eq!(
        told(&app, &order).await,
        [
            "create acknowledged",
            "stateChange inProgress",
            "milestone inProgress",
            "milestone inProgress",
            "stateChange completed",
        ]
    );
    validate(&app).await;
}

#[tokio::test]
async fn a_milestone_that_will_not_be_reached_is_violated_and_not_told() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let second = provision("C1", "filenook", "home", None);
    let order = app
        .order(json!([item("1", provision("C1", CRM, "solo", None), &[]), item("2", second, &["1"])]))
        .await;
    assert_eq!(order["state"], "failed", "{order:#}");
    assert_eq!(statuses(&order), ["1 Violated", "2 Violated"]);
    assert_eq!(told_of(&app, &order, "milestone").await, 0);
}
