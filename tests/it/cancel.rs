//! Cancelling: at once while an order waits, by undoing before the point of no return, refused after it.

use serde_json::{Value, json};

use crate::harness::{
    CANCELS, CRM, ORDERS, TestApp, create, modify, provision, service_id, set_state, take_backup, terminate,
};
use crate::probe::{
    begin, decide, fallout, snapshot, steps, told, validate, validate_orders, way, work_once,
};

/// Asks for a cancel; the task.
async fn ask(app: &TestApp, order: &Value) -> Value {
    let body = json!({ "serviceOrder": { "id": order["id"] }, "cancellationReason": "ordered twice" });
    app.post(CANCELS, &body).await.expect(201)
}

/// What is told of an order that is undone.
const UNDONE: [&str; 3] =
    ["stateChange assessingCancellation", "stateChange pendingCancellation", "stateChange cancelled"];

async fn refused(app: &TestApp, order: &Value) {
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(409);
}

async fn task_now(app: &TestApp, task: &Value) -> Value {
    app.get(&format!("{CANCELS}/{}", task["id"].as_str().unwrap())).await.expect(200)
}

/// Lets the n-th operation end in a retry, so that the job stands in the middle and waits for its next try.
fn stop_at(app: &TestApp, begin: u64) {
    app.faults(json!({ "rules": [{ "nth": begin, "effect": "retry" }] }));
}

#[tokio::test]
async fn an_order_for_later_is_cancelled_at_once_and_its_customer_id_is_free() {
    let app = TestApp::new().await;
    let body = json!({
        "requestedStartDate": "2026-12-24T00:00:00Z",
        "serviceOrderItem": [create("C1"), provision("C1", CRM, "solo", None)],
    });
    let order = app.post(ORDERS, &body).await.expect(201);
    let task = ask(&app, &order).await;
    assert_eq!(task["state"], "done", "{task:#}");
    assert_eq!(task["cancellationReason"], "ordered twice");
    let order = app.show(&order).await;
    assert_eq!(order["state"], "cancelled", "{order:#}");
    assert_eq!(order["cancellationReason"], "ordered twice");
    assert_eq!(way(&app, &order).await, ["acknowledged", "cancelled"]);
    assert_eq!(told(&app, &order).await, ["create acknowledged", "stateChange cancelled"]);
    let s = service_id(&order, 1);
    assert_eq!(app.service(&s).await["state"], "terminated");
    refused(&app, &order).await;
    app.customer("C1").await;
    assert!(app.machines().is_empty());
    let other = app.provision("C1", CRM, "solo", None).await;
    assert_ne!(s, other);
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_waits_for_its_turn_is_cancelled_at_once() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let first = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let second = app.place(json!([provision("C1", "filenook", "home", None)])).await;
    let third = app.place(json!([take_backup(&service_id(&second, 0))])).await;
    begin(&app).await;
    assert_eq!(app.show(&first).await["state"], "inProgress");
    assert_eq!(app.show(&second).await["state"], "acknowledged");
    let task = ask(&app, &second).await;
    assert_eq!(task["state"], "done", "{task:#}");
    assert_eq!(app.show(&second).await["state"], "cancelled");
    assert_eq!(told(&app, &second).await, ["create acknowledged", "stateChange cancelled"]);
    app.run().await;
    assert_eq!(app.show(&first).await["state"], "completed");
    // It was accepted when the second was to come before it.
    let third = app.show(&third).await;
    assert_eq!(third["state"], "failed", "{third:#}");
    assert_eq!(app.machines().len(), 1);
    validate(&app).await;
}

/// Cancels the order while it stands at each of its steps in turn: it is undone, and nothing is left.
async fn undone_at_each_step(app: &TestApp, customer: &str, item: &Value, operations: u64) {
    let before = snapshot(app, &[customer]).await;
    for n in 1..=operations {
        stop_at(app, n);
        let order = app.place(json!([item])).await;
        work_once(app).await;
        let here = app.show(&order).await;
        assert_eq!(here["state"], "inProgress", "at {n}: {here:#}");
        app.mends();
        let task = ask(app, &order).await;
        assert_eq!(task["state"], "inProgress", "at {n}: {task:#}");
        let here = app.show(&order).await;
        assert_eq!(here["state"], "pendingCancellation", "at {n}: {here:#}");
        assert_eq!(here["serviceOrderItem"][0]["state"], "pendingCancellation", "at {n}");
        refused(app, &order).await;
        app.run().await;
        let end = app.show(&order).await;
        assert_eq!(end["state"], "cancelled", "at {n}: {end:#}");
        assert_eq!(end["serviceOrderItem"][0]["state"], "cancelled");
        assert_eq!(end["cancellationReason"], "ordered twice");
        let expected =
            ["acknowledged", "inProgress", "assessingCancellation", "pendingCancellation", "cancelled"];
        assert_eq!(way(app, &order).await, expected);
        assert_eq!(told(app, &order).await[2..], UNDONE, "at {n}");
        let task = task_now(app, &task).await;
        assert_eq!(task["state"], "done", "{task:#}");
        assert!(task["effectiveCancellationDate"].is_string());
        assert_eq!(snapshot(app, &[customer]).await, before, "cancelled at {n}");
        refused(app, &order).await;
    }
    assert!(app.machines().is_empty() || item["action"] != "add");
}

/// How many operations of the hypervisor the order takes before the first that cannot be undone.
async fn undoable(app: &TestApp, item: &Value) -> u64 {
    let order = app.done(item.clone()).await;
    let steps = steps(app, &order).await;
    steps.iter().take_while(|s| !s.last_chance).filter(|s| s.is_operation()).count() as u64
}

#[tokio::test]
async fn a_provision_in_progress_is_undone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.customer("C2").await;
    let operations = undoable(&app, &provision("C1", CRM, "solo", None)).await;
    app.done(terminate("C1")).await;
    undone_at_each_step(&app, "C2", &provision("C2", CRM, "solo", None), operations).await;
    app.done(provision("C2", CRM, "solo", None)).await;
    validate(&app).await;
}

#[tokio::test]
async fn a_change_in_progress_is_undone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.customer("C2").await;
    let to = [("plan", "company"), ("version", "2.0")];
    let first = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let operations = undoable(&app, &modify(&first, &to)).await;
    let s = app.provision("C2", CRM, "solo", Some("1.0")).await;
    std::fs::write(app.volume(&s).join("contact"), "Ada").unwrap();
    undone_at_each_step(&app, "C2", &modify(&s, &to), operations).await;
    validate(&app).await;
}

#[tokio::test]
async fn a_termination_of_a_customer_is_undone_before_its_machines_go() {
    let app = TestApp::new().await;
    for c in ["C1", "C2"] {
        app.customer(c).await;
        app.provision(c, CRM, "solo", None).await;
        app.provision(c, "filenook", "home", None).await;
    }
    let operations = undoable(&app, &terminate("C1")).await;
    undone_at_each_step(&app, "C2", &terminate("C2"), operations).await;
    validate(&app).await;
}

#[tokio::test]
async fn after_the_point_of_no_return_a_cancel_is_refused_and_the_order_goes_on() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.faults(json!({ "rules": [{ "operation": "delete_machine", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([terminate(&s)])).await;
    work_once(&app).await;
    let task = ask(&app, &order).await;
    assert_eq!(task["state"], "terminatedWithError", "{task:#}");
    let why = task["errorMessage"]["message"].as_str().unwrap();
    assert!(why.contains("delete the machine") && why.contains("cannot be undone"), "{why}");
    assert_eq!(app.show(&order).await["state"], "inProgress");
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(
        way(&app, &order).await,
        ["acknowledged", "inProgress", "assessingCancellation", "inProgress", "completed"]
    );
    let expected = [
        "create acknowledged",
        "stateChange inProgress",
        "stateChange assessingCancellation",
        "stateChange inProgress",
        "milestone inProgress",
        "stateChange completed",
    ];
    assert_eq!(told(&app, &order).await, expected);
    refused(&app, &order).await;
    validate(&app).await;
}

#[tokio::test]
async fn a_held_order_goes_back_to_held_after_the_point_of_no_return() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let order = app.held("delete_machine", terminate(&s)).await;
    for _ in 0..2 {
        let task = ask(&app, &order).await;
        assert_eq!(task["state"], "terminatedWithError", "{task:#}");
        assert_eq!(app.show(&order).await["state"], "held");
        let told = told(&app, &order).await;
        assert_eq!(told[told.len() - 2..], ["stateChange assessingCancellation", "stateChange held"]);
    }
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "{order:#}");
    validate(&app).await;
}

#[tokio::test]
async fn a_held_order_is_undone_before_the_point_of_no_return() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let before = snapshot(&app, &["C1"]).await;
    let order = app.held("start", provision("C1", CRM, "solo", None)).await;
    let task = ask(&app, &order).await;
    assert!(fallout(&app, &order).await.is_empty(), "the job is being undone");
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "cancelled");
    let told = told(&app, &order).await;
    assert_eq!(told[told.len() - 3..], UNDONE);
    assert_eq!(task_now(&app, &task).await["state"], "done");
    assert_eq!(snapshot(&app, &["C1"]).await, before);
    validate(&app).await;
}

#[tokio::test]
async fn a_completed_item_keeps_the_order_from_being_cancelled() {
    let app = TestApp::new().await;
    stop_at(&app, 1);
    let order = app.place(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    let task = ask(&app, &order).await;
    assert_eq!(task["state"], "terminatedWithError", "{task:#}");
    let told = told(&app, &order).await;
    assert_eq!(told[told.len() - 2..], ["stateChange assessingCancellation", "stateChange inProgress"]);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_waits_for_information_or_approval_is_cancelled_at_once() {
    let app = TestApp::with(|c| c.approval.applications = vec![CRM.to_owned()]).await;
    app.customer("C1").await;
    let approval = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let apps = tempfile::tempdir().unwrap();
    crate::pending::catalogue(apps.path());
    let other = TestApp::with(|c| c.catalogue.apps = apps.path().to_owned()).await;
    other.customer("C1").await;
    let information = other.order(json!([provision("C1", "kinfolk", "solo", None)])).await;
    for (app, order) in [(&app, &approval), (&other, &information)] {
        assert_eq!(app.show(order).await["state"], "pending");
        let task = ask(app, order).await;
        assert_eq!(task["state"], "done", "{task:#}");
        assert_eq!(app.show(order).await["state"], "cancelled");
        let told = told(app, order).await;
        assert_eq!(told[told.len() - 3..], UNDONE);
        app.run().await;
        assert!(app.machines().is_empty());
        validate(app).await;
    }
}

#[tokio::test]
async fn a_cancel_whose_undo_fails_waits_for_the_operator() {
    for (decision, said) in [("retry", "everything was undone"), ("abandon", "not everything was undone")] {
        let app = TestApp::new().await;
        app.customer("C1").await;
        let before = snapshot(&app, &["C1"]).await;
        app.faults(json!({ "rules": [
            { "operation": "start", "effect": "retry" },
            { "operation": "delete_machine", "effect": "fail" },
        ] }));
        let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
        work_once(&app).await;
        let task = ask(&app, &order).await;
        app.run().await;
        let here = app.show(&order).await;
        assert_eq!(here["state"], "pendingCancellation", "{here:#}");
        assert_eq!(here["serviceOrderItem"][0]["state"], "held");
        let alert = here["jeopardyAlert"][0]["message"].as_str().unwrap();
        assert!(alert.contains("undoing failed; left: make the machine"), "{alert}");
        assert_eq!(task_now(&app, &task).await["state"], "inProgress");
        refused(&app, &order).await;
        let job = &fallout(&app, &order).await[0];
        let skip = format!("/api/v1/fallout/{}/skip", job["id"].as_str().unwrap());
        app.post(&skip, &json!({})).await.expect(409);
        app.mends();
        let order = decide(&app, &order, decision).await;
        assert_eq!(order["state"], "cancelled", "{order:#}");
        let told = told(&app, &order).await;
        let expected =
            ["stateChange pendingCancellation", "jeopardy pendingCancellation", "stateChange cancelled"];
        assert_eq!(told[told.len() - 3..], expected);
        let task = task_now(&app, &task).await;
        assert_eq!(task["state"], "done");
        assert!(task["completionMessage"].as_str().unwrap().contains(said), "{task:#}");
        validate_orders(&app).await;
        if decision == "retry" {
            assert_eq!(snapshot(&app, &["C1"]).await, before);
            validate(&app).await;
        }
    }
}

#[tokio::test]
async fn the_line_goes_on_after_a_cancel() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    stop_at(&app, 3);
    let first = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    let second = app.place(json!([provision("C1", "filenook", "home", None)])).await;
    let suspend = app.place(json!([set_state("C1", "inactive")])).await;
    ask(&app, &first).await;
    app.run().await;
    assert_eq!(app.show(&first).await["state"], "cancelled");
    assert_eq!(app.show(&second).await["state"], "completed");
    assert_eq!(app.show(&suspend).await["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn an_unknown_order_cannot_be_cancelled() {
    let app = TestApp::new().await;
    for id in ["7c2d4c1e-7f3e-4f0e-9f7d-1f2e3d4c5b6a", "nonsense"] {
        app.post(CANCELS, &json!({ "serviceOrder": { "id": id } })).await.expect(400);
    }
    app.post(CANCELS, &json!({})).await.expect(400);
    app.get(&format!("{CANCELS}/7c2d4c1e-7f3e-4f0e-9f7d-1f2e3d4c5b6a")).await.expect(404);
}

#[tokio::test]
async fn tasks_are_filtered_and_sorted_as_they_are_shown() {
    let app = TestApp::new().await;
    let mut tasks = vec![];
    let mut orders = vec![];
    for n in 0..3 {
        let body = json!({
            "requestedStartDate": "2026-12-24T00:00:00Z", "serviceOrderItem": [create(&format!("C{n}"))],
        });
        let order = app.post(ORDERS, &body).await.expect(201);
        let mut ask =
            json!({ "serviceOrder": { "id": order["id"] }, "cancellationReason": format!("reason {n}") });
        if n == 1 {
            ask["requestedCancellationDate"] = json!("2026-11-01T00:00:00Z");
        }
        tasks.push(app.post(CANCELS, &ask).await.expect(201));
        orders.push(order);
        app.clock.advance(chrono::TimeDelta::minutes(1));
    }
    // One that is refused.
    app.customer("C9").await;
    let s = app.provision("C9", CRM, "solo", None).await;
    app.faults(json!({ "rules": [{ "operation": "delete_machine", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([terminate(&s)])).await;
    work_once(&app).await;
    tasks.push(ask(&app, &order).await);
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let list = async |query: &str| {
        let answer = app.get(&format!("{CANCELS}?{query}")).await;
        let total = answer.headers["x-total-count"].to_str().unwrap().to_owned();
        let found: Vec<_> = answer.expect(200).as_array().unwrap().iter().map(|t| text(&t["id"])).collect();
        assert_eq!(total, found.len().to_string(), "{query}");
        found
    };
    let ids: Vec<_> = tasks.iter().map(|t| text(&t["id"])).collect();
    let newest: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(list("").await, newest);
    assert_eq!(list("state=done").await, newest[1..]);
    assert_eq!(list("state=done,terminatedWithError").await, newest);
    assert_eq!(list("state=terminatedWithError").await, newest[..1]);
    assert!(list("state=inProgress").await.is_empty());
    assert_eq!(list(&format!("id={}", ids[1])).await, [ids[1].clone()]);
    assert_eq!(list(&format!("serviceOrder.id={}", text(&orders[2]["id"]))).await, [ids[2].clone()]);
    assert_eq!(list("cancellationReason=reason+0,reason+1").await, [ids[1].clone(), ids[0].clone()]);
    assert_eq!(list("requestedCancellationDate=2026-11-01T00:00:00Z").await, [ids[1].clone()]);
    assert_eq!(list("sort=requestedCancellationDate").await[0], ids[1]);
    assert_eq!(
        list("effectiveCancellationDate.lte=2026-11-23T08:01:30Z").await,
        [ids[1].clone(), ids[0].clone()]
    );
    for (query, name) in [
        ("colour=red", "colour"),
        ("sort=href", "href"),
        ("requestedCancellationDate=soon", "requestedCancellationDate"),
        ("limit=-1", "limit"),
    ] {
        let refused = app.get(&format!("{CANCELS}?{query}")).await.expect(400);
        assert!(refused["message"].as_str().unwrap().starts_with(name), "{refused}");
    }
    let one = app.get(&format!("{CANCELS}/{}?fields=state", ids[0])).await.expect(200);
    assert!(one["state"] == "done" && one.get("cancellationReason").is_none(), "{one}");
}
