//! Several items in one order, several orders on one customer, orders for later, and a restart in between.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::clock::show;

use crate::harness::{
    CANCELS, CRM, ORDERS, SERVICES, TestApp, characteristic, create, item, modify, provision, service_id,
    set_state, start_time, take_backup, terminate,
};
use crate::stories::{changes, in_world, read_data, records, size, write_data};

fn states(order: &Value) -> Vec<&str> {
    order["serviceOrderItem"].as_array().unwrap().iter().map(|i| i["state"].as_str().unwrap()).collect()
}

/// Installations fail until this is called with none.
fn break_installs(app: &TestApp, application: bool) {
    let rules = if application { json!([{ "operation": "install", "effect": "fail" }]) } else { json!([]) };
    app.faults(json!({ "rules": rules }));
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
    break_installs(&app, true);
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
    app.faults(json!({}));
    app.done(set_state("C1", "active")).await;
    break_installs(&app, true);
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "failed");
    break_installs(&app, false);
    app.provision("C1", CRM, "solo", None).await;
}

#[tokio::test]
async fn applications_share_a_machine_whose_size_follows_their_plans() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let shop = app.provision("C1", "stallfront", "stall", None).await;
    let books = app.provision("C1", "ledgerwell", "basic", None).await;
    assert_eq!(size(&app), [4, 1280, 10]);
    app.done(modify(&books, &[("plan", "business")])).await;
    assert_eq!(size(&app), [5, 1792, 16]);
    app.done(terminate(&shop)).await;
    assert_eq!(size(&app), [4, 1536, 16]);
    assert_eq!(in_world(&app, &shop), None);
    assert_eq!(in_world(&app, &crm).as_deref(), Some("running"));
    app.done(set_state(&shop, "active")).await;
    // The disk has room already: 4 + 2 + 8 + 2.
    assert_eq!(size(&app), [5, 1792, 16]);
    // Another customer never shares it.
    app.customer("C2").await;
    app.provision("C2", CRM, "solo", None).await;
    let mut owners: Vec<_> =
        app.machines().iter().map(|m| m["customer"].as_str().unwrap().to_owned()).collect();
    owners.sort();
    assert_eq!(owners, ["C1", "C2"]);
}

#[tokio::test]
async fn a_dedicated_application_has_machines_of_its_own_and_may_be_had_twice() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let first = app.provision("C1", "yardmaster", "siding", None).await;
    let second = app.provision("C1", "yardmaster", "yard", Some("0.9")).await;
    assert_ne!(first, second);
    let machines = app.machines();
    assert_eq!(machines.len(), 3);
    for (id, vcpu) in [(&crm, 2), (&first, 2), (&second, 3)] {
        let own = machines.iter().find(|m| m["applications"][0]["subscription"] == json!(id)).unwrap();
        assert_eq!(own["applications"].as_array().unwrap().len(), 1);
        assert_eq!(own["vcpu"], vcpu);
    }
    app.done(terminate(&first)).await;
    assert_eq!(app.machines().len(), 2);
    app.done(set_state(&first, "active")).await;
    assert_eq!(app.machines().len(), 3);
    // Beside it the shared application goes on to the shared machine.
    app.provision("C1", "stallfront", "stall", None).await;
    assert_eq!(app.machines().len(), 3);
}

#[tokio::test]
async fn an_order_for_later_is_in_the_inventory_at_once_and_runs_at_its_date() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let later = start_time() + TimeDelta::hours(3);
    let body = json!({
        "requestedStartDate": later.to_rfc3339(), "serviceOrderItem": [provision("C1", CRM, "solo", None)],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    let id = service_id(&placed, 0);
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "acknowledged");
    assert_eq!(app.service(&id).await["state"], "reserved");
    let listed = app.get(&format!("{SERVICES}?relatedParty.id=C1&state=reserved")).await.expect(200);
    assert_eq!(listed[0]["id"], json!(id));
    assert!(app.machines().is_empty());
    // It is not in the line yet: others pass.
    app.provision("C1", "stallfront", "stall", None).await;
    app.goto(&show(later - TimeDelta::seconds(1)));
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "acknowledged");
    app.goto(&show(later));
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "completed");
    assert_eq!(app.service(&id).await["state"], "active");
}

#[tokio::test]
async fn an_order_for_later_that_is_cancelled_leaves_a_service_that_never_was() {
    let app = TestApp::new().await;
    let later = start_time() + TimeDelta::hours(3);
    let body = json!({
        "requestedStartDate": later.to_rfc3339(),
        "serviceOrderItem": [create("C1"), provision("C1", CRM, "solo", None)],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    let request = json!({ "cancellationReason": "changed my mind", "serviceOrder": { "id": placed["id"] } });
    let cancel = app.post(CANCELS, &request).await.expect(201);
    assert_eq!(cancel["state"], "done");
    let order = app.show(&placed).await;
    assert_eq!(order["state"], "cancelled");
    assert_eq!(order["cancellationReason"], "changed my mind");
    assert!(order["cancellationDate"].is_string());
    assert_eq!(app.service(&service_id(&placed, 1)).await["state"], "terminated");
    app.goto(&show(later + TimeDelta::hours(1)));
    app.run().await;
    assert!(app.machines().is_empty());
    assert!(records(&app).await.is_empty());
    app.customer("C1").await;
}

#[tokio::test]
async fn a_provision_right_behind_its_create_customer() {
    let app = TestApp::new().await;
    let first = app.place(json!([create("C1")])).await;
    let second = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    app.run().await;
    for order in [&first, &second] {
        assert_eq!(app.show(order).await["state"], "completed");
    }
    assert_eq!(app.service(&service_id(&second, 0)).await["state"], "active");
}

/// Nothing runs until all of it is placed; every order is judged by what those before it will leave.
#[tokio::test]
async fn a_whole_life_pipelined_without_waiting() {
    let app = TestApp::new().await;
    let mut life = vec![app.place(json!([create("C1")])).await];
    life.push(app.place(json!([provision("C1", CRM, "solo", Some("1.0"))])).await);
    let id = service_id(&life[1], 0);
    let rest = [
        modify(&id, &[("plan", "team"), ("version", "2.0")]),
        take_backup(&id),
        modify(&id, &[("version", "1.1")]),
        set_state(&id, "inactive"),
        set_state(&id, "active"),
        set_state("C1", "inactive"),
        set_state("C1", "active"),
        terminate(&id),
        set_state(&id, "active"),
        terminate("C1"),
        set_state("C1", "active"),
        terminate("C1"),
    ];
    for step in rest {
        life.push(app.place(json!([step])).await);
    }
    for refused in [set_state(&id, "inactive"), create("C1"), provision("C1", CRM, "solo", None)] {
        app.post(ORDERS, &json!({ "serviceOrderItem": [refused] })).await.expect(409);
    }
    assert_eq!(app.service(&id).await["state"], "reserved");
    app.run().await;
    for order in &life {
        let order = app.show(order).await;
        assert_eq!(order["state"], "completed", "{order:#}");
    }
    assert_eq!(app.service("C1").await["state"], "terminated");
    assert_eq!(app.service(&id).await["state"], "terminated");
    assert!(app.machines().is_empty());
    let wanted = [
        json!(["installed", "1.0", "solo", null, null]),
        json!(["upgraded", "2.0", "solo", "1.0", null]),
        json!(["upgraded", "2.0", "team", null, "solo"]),
        json!(["backup-taken", "2.0", "team", null, null]),
        json!(["downgraded", "1.1", "team", "2.0", null]),
        json!(["installed", "1.1", "team", null, null]),
        json!(["installed", "1.1", "team", null, null]),
    ];
    assert_eq!(changes(&app, 0).await, wanted);
    let orders: Vec<_> = records(&app).await.iter().map(|r| r["orderId"].clone()).collect();
    let causes = [1, 2, 2, 3, 4, 10, 12].map(|n| life[n]["id"].clone());
    assert_eq!(orders, causes);
}

/// A failure in the middle of a pipeline: what was promised on it fails by its own, the rest goes on.
#[tokio::test]
async fn orders_behind_a_failed_one_are_judged_again_at_their_turn() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    break_installs(&app, true);
    let failing = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let id = service_id(&failing, 0);
    let change = app.place(json!([modify(&id, &[("plan", "team")])])).await;
    let end = app.place(json!([terminate(&id)])).await;
    let sleep = app.place(json!([set_state("C1", "inactive")])).await;
    app.run().await;
    assert_eq!(app.show(&failing).await["state"], "failed");
    let change = app.show(&change).await;
    assert_eq!(change["state"], "failed");
    assert!(change["errorMessage"][0]["message"].as_str().unwrap().contains("never installed"), "{change:#}");
    assert_eq!(app.show(&end).await["state"], "completed", "what is wanted holds: it is not there");
    assert_eq!(app.show(&sleep).await["state"], "completed");
    assert!(records(&app).await.is_empty());
    assert!(app.machines().is_empty());
}

#[tokio::test]
async fn orders_of_one_customer_wait_for_each_other_and_those_of_others_pass() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.customer("C2").await;
    // The first order of C1 comes to no end until the clock moves.
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let first = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let second = app.place(json!([provision("C1", "stallfront", "stall", None)])).await;
    app.run_due().await;
    let other = app.place(json!([provision("C2", CRM, "solo", None)])).await;
    app.run_due().await;
    assert_eq!(app.show(&first).await["state"], "inProgress");
    let waiting = app.show(&second).await;
    assert_eq!(waiting["state"], "acknowledged");
    let note = waiting["note"][0]["text"].as_str().unwrap();
    assert!(note.contains(first["id"].as_str().unwrap()), "says what it waits for: {note}");
    assert_eq!(app.show(&other).await["state"], "completed");
    app.run().await;
    assert_eq!(app.show(&first).await["state"], "completed");
    let second = app.show(&second).await;
    assert_eq!(second["state"], "completed");
    assert_eq!(second["note"], Value::Null);
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_where_it_was() {
    let app = TestApp::new().await;
    let first = app.place(json!([create("C1"), provision("C1", CRM, "solo", Some("1.0"))])).await;
    let id = service_id(&first, 1);
    let body = json!({ "externalId": "E1", "serviceOrderItem": [modify(&id, &[("version", "2.0"), ("plan", "team")])] });
    let second = app.post(ORDERS, &body).await.expect(201);

    // Accepted, and not begun.
    let app = app.restart().await;
    assert_eq!(app.show(&first).await["state"], "acknowledged");
    // In the middle of the installation: the machine is there, the application is not.
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    app.run_due().await;
    assert_eq!(app.show(&first).await["state"], "inProgress");
    assert_eq!(app.machines().len(), 1);
    let machine = app.machines()[0]["id"].clone();

    let app = app.restart().await;
    // In the middle of the change: it acted, and nobody learned of it.
    app.faults(json!({ "rules": [{ "operation": "upgrade", "nth": 1, "effect": "timeout-after-acting" }] }));
    app.clock.advance(TimeDelta::minutes(1));
    app.run_due().await;
    assert_eq!(app.show(&first).await["state"], "completed");
    assert_eq!(app.show(&second).await["state"], "inProgress");
    let app = app.restart().await;
    app.run().await;
    let second = app.show(&second).await;
    assert_eq!(second["state"], "completed", "{second:#}");
    assert_eq!(app.machines()[0]["id"], machine, "no second machine");
    let wanted = [
        json!(["installed", "1.0", "solo", null, null]),
        json!(["upgraded", "2.0", "solo", "1.0", null]),
        json!(["upgraded", "2.0", "team", null, "solo"]),
    ];
    assert_eq!(changes(&app, 0).await, wanted);
    // Keys and data outlive the restart too.
    let repeat = app.post(ORDERS, &body).await;
    assert_eq!(repeat.headers["idempotency-replayed"], "true");
    assert_eq!(repeat.expect(201)["id"], second["id"]);
    let data = write_data(&app, &id, 9);
    let app = app.restart().await;
    app.done(terminate("C1")).await;
    let app = app.restart().await;
    app.done(set_state("C1", "active")).await;
    assert!(read_data(&app, &id) == data);
    assert_eq!(characteristic(&app.service(&id).await, "plan").as_deref(), Some("team"));
    assert_eq!(records(&app).await.len(), 4);
}
