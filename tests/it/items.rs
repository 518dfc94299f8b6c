//! Several items in one order.

use serde_json::{Value, json};

use crate::effects::{changes, records, size};
use crate::harness::{
    CRM, ORDERS, TestApp, create, item, modify, provision, service_id, set_state, terminate,
};

fn states(order: &Value) -> Vec<&str> {
    order["serviceOrderItem"].as_array().unwrap().iter().map(|i| i["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_customer_and_its_first_applications_fit_into_one_order() {
    let app = TestApp::new().await;
    let order = app
        .order(json!([
            item("a", create("C1"), &[]),
            item("b", provision("C1", CRM, "solo", None), &[]),
            item("c", provision("C1", "stallfront", "shop", None), &[]),
        ]))
        .await;
    assert_eq!(order["state"], "completed", "{order:#}");
    // 1 + 1 + 1 vCPU, 512 + 256 + 768 MiB, 4 + 2 + 6 GiB.
    assert_eq!(size(&app), [3, 1536, 12]);
    let records = records(&app).await;
    let made: Vec<_> = records.iter().map(|r| (&r["applicationId"], &r["orderId"])).collect();
    assert_eq!(made, [(&json!(CRM), &order["id"]), (&json!("stallfront"), &order["id"])]);
}

#[tokio::test]
async fn items_run_in_the_order_of_their_relationships_then_of_the_list() {
    let app = TestApp::new().await;
    let order = app
        .order(json!([
            item("shop", provision("C1", "stallfront", "stall", None), &["crm"]),
            item("crm", provision("C1", CRM, "solo", None), &["customer"]),
            item("customer", create("C1"), &[]),
        ]))
        .await;
    assert_eq!(order["state"], "completed", "{order:#}");
    let shown: Vec<_> = order["serviceOrderItem"].as_array().unwrap().iter().map(|i| &i["id"]).collect();
    assert_eq!(shown, ["shop", "crm", "customer"], "shown as they were given");
    let records = records(&app).await;
    let made: Vec<_> = records.iter().map(|r| &r["applicationId"]).collect();
    assert_eq!(made, [CRM, "stallfront"]);
    // Without the relationship the list decides, and the customer is not there yet.
    let body = json!({ "serviceOrderItem": [
        item("crm", provision("C2", CRM, "solo", None), &[]), item("customer", create("C2"), &[]),
    ] });
    app.post(ORDERS, &body).await.expect(400);
}

#[tokio::test]
async fn each_item_is_judged_by_what_the_earlier_ones_will_leave() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let order = app
        .order(json!([
            item("1", modify(&id, &[("version", "2.0")]), &[]),
            item("2", modify(&id, &[("plan", "team")]), &[]),
            item("3", set_state(&id, "inactive"), &[]),
            item("4", set_state(&id, "active"), &[]),
            item("5", terminate(&id), &[]),
            item("6", provision("C1", CRM, "solo", None), &[]),
        ]))
        .await;
    assert_eq!(order["state"], "completed", "{order:#}");
    let new = service_id(&order, 5);
    assert_ne!(new, id);
    assert_eq!(app.service(&id).await["state"], "terminated");
    assert_eq!(app.service(&new).await["state"], "active");
    let wanted = [
        json!(["upgraded", "2.0", "solo", "1.0", null]),
        json!(["upgraded", "2.0", "team", null, "solo"]),
        json!(["installed", "2.0", "solo", null, null]),
    ];
    assert_eq!(changes(&app, 1).await, wanted);
    // Two applications of one kind: the second item is refused, and so is the whole order.
    let before = app.counts().await;
    let body = json!({ "serviceOrderItem": [
        item("1", terminate(&new), &[]), item("2", provision("C1", CRM, "solo", None), &[]),
        item("3", provision("C1", CRM, "team", None), &[]),
    ] });
    let refused = app.post(ORDERS, &body).await.expect(409);
    assert!(refused["message"].as_str().unwrap().starts_with("serviceOrderItem[2]"), "{refused}");
    assert_eq!(app.counts().await, before);
    assert_eq!(app.service(&new).await["state"], "active");
}

#[tokio::test]
async fn an_item_that_relies_on_a_failed_one_fails_and_names_it_and_the_others_go_on() {
    let app = TestApp::new().await;
    app.breaks("install");
    let order = app
        .order(json!([
            item("customer", create("C1"), &[]),
            item("crm", provision("C1", CRM, "solo", None), &["customer"]),
            item("shop", provision("C1", "stallfront", "stall", None), &["crm"]),
            item("sleep", set_state("C1", "inactive"), &["customer"]),
        ]))
        .await;
    assert_eq!(order["state"], "partial", "{order:#}");
    assert_eq!(states(&order), ["completed", "failed", "failed", "completed"]);
    let items = order["serviceOrderItem"].as_array().unwrap();
    assert!(items[2]["errorMessage"][0]["message"].as_str().unwrap().contains("crm"), "{}", items[2]);
    assert!(items[1]["errorMessage"][0]["message"].is_string());
    assert!(order["errorMessage"].as_array().unwrap().len() >= 2);
    assert!(order["completionDate"].is_string());
    assert_eq!(app.service("C1").await["state"], "inactive", "completed items stay");
    for n in [1, 2] {
        let never = app.service(&service_id(&order, n)).await;
        assert_eq!(never["state"], "terminated", "never installed");
        assert_eq!(never["startDate"], Value::Null);
    }
    assert!(app.machines().is_empty());
    assert!(records(&app).await.is_empty());
    // All of it failed: failed, not partial. And what failed can be ordered again.
    app.mends();
    app.done(set_state("C1", "active")).await;
    app.breaks("install");
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "failed");
    app.mends();
    app.provision("C1", CRM, "solo", None).await;
}
