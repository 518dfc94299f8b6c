//! The orders of a subscriber's life, each as a story: order in, machine and application, records out.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::effects::{changes, in_world, read_data, records, size, write_data};
use crate::harness::{
    CRM, ORDERS, TestApp, characteristic, create, modify, provision, service_id, set_state, terminate,
};

#[tokio::test]
async fn create_customer() {
    let app = TestApp::new().await;
    let mut item = create("4711");
    item["service"]["serviceCharacteristic"] = json!([
        { "name": "name", "value": "Ada Byron" }, { "name": "email", "value": "ada@example.com" },
        { "name": "phone", "value": "4420" }, { "name": "language", "value": "en" }, { "name": "street", "value": "Ockham" },
    ]);
    let placed = app.place(json!([item])).await;
    assert_eq!(service_id(&placed, 0), "4711");
    assert_eq!(app.service("4711").await["state"], "reserved");
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "completed");
    let account = app.service("4711").await;
    assert_eq!(account["state"], "active");
    assert_eq!(account["category"], "CFS");
    assert_eq!(account["serviceSpecification"]["id"], "customer-account");
    assert_eq!(account["relatedParty"][0]["id"], "4711");
    for (name, value) in
        [("name", "Ada Byron"), ("email", "ada@example.com"), ("language", "en"), ("street", "Ockham")]
    {
        assert_eq!(characteristic(&account, name).as_deref(), Some(value), "{name}");
    }
    assert!(app.jobs(&placed).await.is_empty());
    assert!(app.machines().is_empty());
    assert!(records(&app).await.is_empty());
}

#[tokio::test]
async fn a_customer_without_a_number_of_the_bss_gets_ours() {
    let app = TestApp::new().await;
    let mut item = create("x");
    item["service"].as_object_mut().unwrap().remove("relatedParty");
    let order = app.done(item).await;
    let id = service_id(&order, 0);
    assert_eq!(app.service(&id).await["state"], "active");
    app.provision(&id, CRM, "solo", None).await;
}

#[tokio::test]
async fn provision_an_application() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({ "externalId": "BSS \"7\", part 2", "serviceOrderItem": [provision("C1", CRM, "solo", None)] });
    let placed = app.post(ORDERS, &body).await.expect(201);
    let id = service_id(&placed, 0);
    assert_eq!(placed["state"], "acknowledged");
    let reserved = app.service(&id).await;
    assert_eq!(reserved["state"], "reserved");
    assert_eq!(characteristic(&reserved, "accessUrl"), None);
    assert!(app.machines().is_empty());

    app.run().await;
    let order = app.show(&placed).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(service_id(&order, 0), id);
    let service = app.service(&id).await;
    assert_eq!(service["state"], "active");
    assert_eq!(service["category"], "CFS");
    assert_eq!(service["relatedParty"][0]["id"], "C1");
    assert_eq!(characteristic(&service, "plan").as_deref(), Some("solo"));
    assert_eq!(characteristic(&service, "version").as_deref(), Some("2.0"), "the newest, when none is named");
    assert!(characteristic(&service, "accessUrl").unwrap().starts_with("http://127.0.0.1:"));

    let machines = app.machines();
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0]["customer"], "C1");
    assert_eq!(machines[0]["tenant"], "default");
    assert_eq!(machines[0]["state"], "running");
    let application = json!({
        "subscription": id, "application": CRM, "version": "2.0", "plan": "solo", "state": "running",
    });
    assert_eq!(machines[0]["applications"], json!([application]));
    // A machine's own 1 vCPU, 512 MiB and 4 GiB, and the plan's.
    assert_eq!(size(&app), [2, 768, 6]);
    let machine = app.service(service["supportingService"][0]["id"].as_str().unwrap()).await;
    assert_eq!((&machine["category"], &machine["state"]), (&json!("RFS"), &json!("active")));
    assert_eq!(machine["id"], machines[0]["id"]);
    assert_eq!(characteristic(&machine, "memoryMiB").as_deref(), Some("768"));

    let records = records(&app).await;
    assert_eq!(records.len(), 1, "{records:#?}");
    let r = &records[0];
    for (member, value) in [
        ("recordType", json!("installed")),
        ("subscriberId", json!("C1")),
        ("subscriberIdType", json!("private")),
        ("tenantId", json!("default")),
        ("applicationId", json!(CRM)),
        ("applicationVersion", json!("2.0")),
        ("planId", json!("solo")),
        ("previousVersion", Value::Null),
        ("previousPlanId", Value::Null),
        ("instanceId", json!(id)),
        ("orderId", placed["id"].clone()),
        ("externalOrderId", json!("BSS \"7\", part 2")),
        ("result", json!("success")),
        ("causeCode", Value::Null),
        ("backupId", Value::Null),
        ("volumeOctets", Value::Null),
    ] {
        assert_eq!(r[member], value, "{member}: {r:#}");
    }
    assert!(r["durationSeconds"].is_u64());
}

#[tokio::test]
async fn change_of_the_plan() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.1")).await;
    let data = write_data(&app, &id, 1);
    let order = app.done(modify(&id, &[("plan", "team")])).await;
    assert_eq!(characteristic(&app.service(&id).await, "plan").as_deref(), Some("team"));
    assert_eq!(size(&app), [2, 1024, 9]);
    assert_eq!(app.machines()[0]["applications"][0]["plan"], "team");
    assert_eq!(changes(&app, 1).await, [json!(["upgraded", "1.1", "team", null, "solo"])]);
    assert_eq!(records(&app).await[1]["orderId"], order["id"]);

    app.done(modify(&id, &[("plan", "solo")])).await;
    assert_eq!(changes(&app, 2).await, [json!(["downgraded", "1.1", "solo", null, "team"])]);
    assert_eq!(size(&app), [2, 768, 9], "a disk never shrinks");
    assert_eq!(app.service(&id).await["state"], "active");
    assert_eq!(in_world(&app, &id).as_deref(), Some("running"));
    assert_eq!(read_data(&app, &id), data);
}

#[tokio::test]
async fn change_of_the_version() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let data = write_data(&app, &id, 2);
    app.done(modify(&id, &[("version", "2.0")])).await;
    assert_eq!(characteristic(&app.service(&id).await, "version").as_deref(), Some("2.0"));
    assert_eq!(app.machines()[0]["applications"][0]["version"], "2.0");
    assert_eq!(changes(&app, 1).await, [json!(["upgraded", "2.0", "solo", "1.0", null])]);
    app.done(modify(&id, &[("version", "1.1")])).await;
    assert_eq!(changes(&app, 2).await, [json!(["downgraded", "1.1", "solo", "2.0", null])]);
    assert_eq!(in_world(&app, &id).as_deref(), Some("running"));
    assert_eq!(read_data(&app, &id), data);
    assert!(characteristic(&app.service(&id).await, "accessUrl").is_some());
}

#[tokio::test]
async fn change_of_version_and_plan_writes_two_records_the_versions_first() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    app.done(modify(&id, &[("plan", "company"), ("version", "2.0")])).await;
    let both = [
        json!(["upgraded", "2.0", "solo", "1.0", null]),
        json!(["upgraded", "2.0", "company", null, "solo"]),
    ];
    assert_eq!(changes(&app, 1).await, both);
    assert_eq!(size(&app), [3, 1536, 14]);
    // Down in the version, down in the plan; then up in one and down in the other.
    app.done(modify(&id, &[("version", "1.1"), ("plan", "team")])).await;
    let both = [
        json!(["downgraded", "1.1", "company", "2.0", null]),
        json!(["downgraded", "1.1", "team", null, "company"]),
    ];
    assert_eq!(changes(&app, 3).await, both);
    app.done(modify(&id, &[("version", "2.0"), ("plan", "solo")])).await;
    let both =
        [json!(["upgraded", "2.0", "team", "1.1", null]), json!(["downgraded", "2.0", "solo", null, "team"])];
    assert_eq!(changes(&app, 5).await, both);
    // Naming what it has already, beside what is new, is a change of the new alone.
    app.done(modify(&id, &[("version", "2.0"), ("plan", "team")])).await;
    assert_eq!(changes(&app, 7).await, [json!(["upgraded", "2.0", "team", null, "solo"])]);
}

#[tokio::test]
async fn suspend_and_reactivate_a_subscription() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    let other = app.provision("C1", "stallfront", "stall", None).await;
    app.done(set_state(&id, "inactive")).await;
    let service = app.service(&id).await;
    assert_eq!(service["state"], "inactive");
    assert_eq!(characteristic(&service, "accessUrl"), None);
    assert_eq!(in_world(&app, &id).as_deref(), Some("stopped"));
    assert_eq!(in_world(&app, &other).as_deref(), Some("running"));
    assert_eq!(app.service(&other).await["state"], "active");
    assert_eq!(app.machines()[0]["state"], "running");
    app.done(set_state(&id, "active")).await;
    let service = app.service(&id).await;
    assert_eq!(service["state"], "active");
    assert!(characteristic(&service, "accessUrl").is_some());
    assert_eq!(in_world(&app, &id).as_deref(), Some("running"));
    assert_eq!(records(&app).await.len(), 2, "only the two installations");
}

#[tokio::test]
async fn terminate_a_subscription_and_bring_it_back_with_its_data() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "team", Some("1.1")).await;
    let data = write_data(&app, &id, 3);
    app.done(terminate(&id)).await;
    let service = app.service(&id).await;
    assert_eq!(service["state"], "terminated");
    assert_eq!(characteristic(&service, "accessUrl"), None);
    assert!(service["endDate"].is_string());
    assert!(app.machines().is_empty(), "nothing else was on the machine");
    assert_eq!(records(&app).await.len(), 1, "neither termination nor its backup writes a record");

    app.clock.advance(TimeDelta::days(29));
    let order = app.done(set_state(&id, "active")).await;
    assert_eq!(service_id(&order, 0), id);
    let service = app.service(&id).await;
    assert_eq!(service["state"], "active");
    assert_eq!(service["endDate"], Value::Null);
    assert_eq!(in_world(&app, &id).as_deref(), Some("running"));
    assert_eq!(size(&app), [2, 1024, 9]);
    assert!(read_data(&app, &id) == data, "the data is back, octet for octet");
    assert_eq!(changes(&app, 1).await, [json!(["installed", "1.1", "team", null, null])]);
    let last = &records(&app).await[1];
    assert_eq!((&last["instanceId"], &last["orderId"]), (&json!(id), &order["id"]));
}

#[tokio::test]
async fn suspend_and_reactivate_a_customer() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let runs = app.provision("C1", CRM, "solo", None).await;
    let sleeps = app.provision("C1", "stallfront", "stall", None).await;
    app.done(set_state(&sleeps, "inactive")).await;
    app.done(set_state("C1", "inactive")).await;
    for id in ["C1", &runs, &sleeps] {
        assert_eq!(app.service(id).await["state"], "inactive", "{id}");
    }
    assert_eq!(characteristic(&app.service(&runs).await, "accessUrl"), None);
    assert_eq!(app.machines()[0]["state"], "suspended");
    app.done(set_state("C1", "active")).await;
    assert_eq!(app.machines()[0]["state"], "running");
    assert_eq!(app.service("C1").await["state"], "active");
    assert_eq!(app.service(&runs).await["state"], "active");
    assert!(characteristic(&app.service(&runs).await, "accessUrl").is_some());
    assert_eq!(app.service(&sleeps).await["state"], "inactive", "its own suspension outlives the customer's");
    assert_eq!(in_world(&app, &runs).as_deref(), Some("running"));
    assert_eq!(in_world(&app, &sleeps).as_deref(), Some("stopped"));
    assert_eq!(records(&app).await.len(), 2);
}

#[tokio::test]
async fn terminate_a_customer_and_bring_it_back_exactly_as_it_was() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let gone = app.provision("C1", "ledgerwell", "basic", None).await;
    app.done(terminate(&gone)).await;
    let runs = app.provision("C1", CRM, "team", Some("1.0")).await;
    let sleeps = app.provision("C1", "stallfront", "stall", None).await;
    let yard = app.provision("C1", "yardmaster", "siding", None).await;
    let data = [(&runs, 4), (&sleeps, 5), (&yard, 6)].map(|(id, seed)| write_data(&app, id, seed));
    app.done(set_state(&sleeps, "inactive")).await;
    app.done(set_state("C1", "inactive")).await;
    app.done(terminate("C1")).await;
    for id in ["C1", &gone, &runs, &sleeps, &yard] {
        assert_eq!(app.service(id).await["state"], "terminated", "{id}");
    }
    assert!(app.machines().is_empty());
    assert_eq!(records(&app).await.len(), 4);

    let order = app.done(set_state("C1", "active")).await;
    assert_eq!(app.service("C1").await["state"], "active");
    for (id, state, world) in [
        (&gone, "terminated", None),
        (&runs, "active", Some("running")),
        (&sleeps, "inactive", Some("stopped")),
        (&yard, "active", Some("running")),
    ] {
        assert_eq!(app.service(id).await["state"], state);
        assert_eq!(in_world(&app, id).as_deref(), world);
    }
    for (id, data) in [&runs, &sleeps, &yard].into_iter().zip(data) {
        assert!(read_data(&app, id) == data, "octet for octet");
    }
    assert_eq!(app.machines().len(), 2, "the shared machine, and the yard's own");
    let back = &records(&app).await[4..];
    let mut instances: Vec<_> = back.iter().map(|r| r["instanceId"].as_str().unwrap()).collect();
    let mut wanted = vec![runs.as_str(), &sleeps, &yard];
    instances.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(instances, wanted);
    assert!(back.iter().all(|r| r["recordType"] == "installed" && r["orderId"] == order["id"]));
    // What came back lives on.
    app.done(set_state(&sleeps, "active")).await;
    app.done(modify(&runs, &[("version", "2.0")])).await;
    assert_eq!(changes(&app, 7).await, [json!(["upgraded", "2.0", "team", "1.0", null])]);
}

#[tokio::test]
async fn once_the_retention_is_over_an_id_is_opened_anew() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let old = app.provision("C1", CRM, "solo", None).await;
    app.done(terminate("C1")).await;
    app.clock.advance(TimeDelta::days(30) + TimeDelta::seconds(1));
    let mut item = create("C1");
    item["service"]["serviceCharacteristic"][0]["value"] = json!("Somebody else");
    app.done(item).await;
    let account = app.service("C1").await;
    assert_eq!(account["state"], "active");
    assert_eq!(characteristic(&account, "name").as_deref(), Some("Somebody else"));
    assert_eq!(app.service(&old).await["state"], "terminated");
    let new = app.provision("C1", CRM, "solo", None).await;
    assert_ne!(new, old);
    let body = json!({ "serviceOrderItem": [set_state(&old, "active")] });
    app.post(ORDERS, &body).await.expect(409);
}

/// An order that was accepted in time keeps what it needs, however late its turn comes.
#[tokio::test]
async fn the_retention_is_judged_when_the_order_is_accepted() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    let data = write_data(&app, &id, 7);
    app.done(terminate(&id)).await;
    app.clock.advance(TimeDelta::days(29));
    let placed = app.place(json!([set_state(&id, "active")])).await;
    app.clock.advance(TimeDelta::days(9));
    telvisor::jobs::sweep::expire(app.engine()).await.unwrap();
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "completed");
    assert!(read_data(&app, &id) == data);
}
