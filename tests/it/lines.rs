//! Several orders on one customer, orders for later, and a restart in between.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::clock::show;

use crate::effects::{changes, read_data, records, write_data};
use crate::harness::{
    CANCELS, CRM, ORDERS, SERVICES, TestApp, characteristic, create, modify, provision, service_id,
    set_state, start_time, take_backup, terminate,
};

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
    app.breaks("install");
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
