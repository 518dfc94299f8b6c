//! How much work is let in, and how much of it runs at once.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::engine::Engine;
use telvisor::orders::admission;
use telvisor::queue::MACHINE_JOBS;
use telvisor::store::claims::{DUE_POSTGRES, Limits};

use crate::harness::{
    Answer, CRM, ORDERS, PRODUCT_ORDERS, TestApp, create, provision, take_backup, terminate,
};
use crate::probe::begin;
use crate::tmf622::create as product_create;
use crate::v5::{ORDERS_V5, order5};

const LEASE: Duration = Duration::from_secs(60);

/// Customers with an application each that is being installed, whose job nobody has begun.
async fn provisions(app: &TestApp, customers: &[&str]) {
    for id in customers {
        app.customer(id).await;
    }
    for id in customers {
        app.place(json!([provision(id, CRM, "solo", None)])).await;
    }
    begin(app).await;
}

/// Claims all that may be claimed, as workers that keep it.
async fn claim_all(engine: &Engine, limits: Limits) -> usize {
    let mut claimed = 0;
    loop {
        let mut tx = engine.db.system().await.unwrap();
        if tx.claim_job(MACHINE_JOBS, "busy", LEASE, limits).await.unwrap().is_none() {
            return claimed;
        }
        tx.commit().await.unwrap();
        claimed += 1;
    }
}

#[tokio::test]
async fn a_host_carries_out_so_many_jobs_at_once() {
    let app = TestApp::with(|c| c.jobs.per_host = 2).await;
    let hosts = app.engine().driver.hosts().await.unwrap().len();
    let ids: Vec<String> = (0..3 * hosts).map(|n| format!("C{n}")).collect();
    provisions(&app, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let limits = Limits { per_host: 2, per_customer: 0 };
    let by_host = claim_all(app.engine(), limits).await;
    assert!(by_host <= 2 * hosts && by_host >= 2, "{by_host} on {hosts} hosts");
    // As soon as they are given up, others have their turn, and all is done in the end.
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(claim_all(app.engine(), limits).await, by_host);
    app.clock.advance(TimeDelta::seconds(61));
    app.run().await;
    assert_eq!(app.machines().len(), ids.len());
}

#[tokio::test]
async fn workers_that_claim_at_the_same_moment_keep_to_the_limit() {
    let app = TestApp::with(|c| c.database.connections = 12).await;
    let hosts = app.engine().driver.hosts().await.unwrap().len();
    let ids: Vec<String> = (0..4 * hosts).map(|n| format!("C{n}")).collect();
    provisions(&app, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let limits = Limits { per_host: 1, per_customer: 1 };
    let claims = (0..10).map(|_| Box::pin(claim_all(app.engine(), limits)));
    let claimed: usize = futures_util::future::join_all(claims).await.into_iter().sum();
    assert!(claimed >= 1 && claimed <= hosts, "{claimed} on {hosts} hosts");
}

#[tokio::test]
async fn a_customer_has_so_many_jobs_at_once() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let ids = [
        app.provision("C1", CRM, "solo", None).await,
        app.provision("C1", "stallfront", "stall", None).await,
    ];
    for id in &ids {
        app.place(json!([take_backup(id)])).await;
    }
    begin(&app).await;
    // Jobs on one machine run one at a time anyway; a machine of one's own is another matter.
    let mut tx = app.engine().db.system().await.unwrap();
    let first = tx.claim_job(MACHINE_JOBS, "busy", LEASE, Limits::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let mut second = first.clone();
    second.id = telvisor::clock::new_id();
    (second.state, second.machine) = ("ready".into(), None);
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    tx.insert_job(&second).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim_all(app.engine(), Limits { per_host: 0, per_customer: 1 }).await, 0);
    assert_eq!(claim_all(app.engine(), Limits { per_host: 0, per_customer: 2 }).await, 1);
}

/// Every door that takes orders turns this one away, and takes it when there is room again.
#[tokio::test]
async fn every_door_turns_new_orders_away_while_too_much_waits() {
    let app = TestApp::with(|c| c.flow.orders_most = 3).await;
    app.customer("C1").await;
    let subscription = app.provision("C1", CRM, "solo", None).await;
    let first = json!({ "externalId": "E0", "serviceOrderItem": [create("W1")] });
    app.post(ORDERS, &first).await.expect(201);
    for id in ["W2", "W3"] {
        app.place(json!([create(id)])).await;
        admission::look(app.engine()).await.unwrap();
    }
    let service_order = json!({ "externalId": "E1", "serviceOrderItem": [create("N1")] });
    let product_order = json!({ "productOrderItem": [product_create("P1")] });
    let customer = json!({ "name": "Ada", "engagedParty": { "id": "p", "@referredType": "Individual" } });
    for (path, body) in [
        (ORDERS.to_owned(), &service_order),
        (PRODUCT_ORDERS.to_owned(), &product_order),
        ("/tmf-api/customerManagement/v4/customer".to_owned(), &customer),
        (format!("/api/v1/subscriptions/{subscription}/backups"), &json!({})),
        (ORDERS_V5.to_owned(), &order5(&json!([create("N2")]))),
    ] {
        let answer = app.post(&path, body).await;
        assert_eq!(answer.status, 429, "{path}: {:#}", answer.body);
        assert_eq!(answer.headers["retry-after"], "5", "{path}");
        let problem = answer.body;
        assert_eq!(problem["code"], "busy");
        assert!(problem["message"].as_str().unwrap().contains("flow.orders_most"), "{problem:#}");
    }
    let refused = soap(&app).await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (500, &"5".parse().unwrap()));
    let fault = String::from_utf8(refused.octets).unwrap();
    assert!(fault.contains("4001") && fault.contains("BUSY"), "{fault}");
    // What was let in before is answered.
    let again = app.post(ORDERS, &first).await.expect(201);
    assert_eq!(again["externalId"], "E0");

    // What is there goes on, and may be changed.
    app.get(ORDERS).await.expect(200);
    app.run().await;
    admission::look(app.engine()).await.unwrap();
    app.post(ORDERS, &service_order).await.expect(201);
    assert_eq!(soap(&app).await.status, 200);
}

async fn soap(app: &TestApp) -> Answer {
    let call = "<CreateCustomer xmlns=\"urn:telvisor:orders:v1\"><order><externalOrderId>s-1</externalOrderId></order><customerId>S1</customerId><name>Ada</name></CreateCustomer>";
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>{call}</e:Body></e:Envelope>"
    );
    let headers = [("content-type", "text/xml; charset=utf-8")];
    app.request(axum::http::Method::POST, "/soap/orders", &headers, Some(envelope.as_bytes())).await
}

#[tokio::test]
async fn work_that_waits_too_long_shuts_the_door() {
    let app = TestApp::with(|c| c.flow.wait_most_s = 60).await;
    app.customer("C1").await;
    // A future order, and one that waits for another, are not kept waiting by us.
    let mut later = json!({ "serviceOrderItem": [create("C2")] });
    later["requestedStartDate"] = json!("2026-11-24T08:00:00Z");
    app.post(ORDERS, &later).await.expect(201);
    app.place(json!([provision("C1", CRM, "solo", None)])).await;
    app.clock.advance(TimeDelta::seconds(59));
    admission::look(app.engine()).await.unwrap();
    app.place(json!([create("C3")])).await;
    app.clock.advance(TimeDelta::seconds(1));
    admission::look(app.engine()).await.unwrap();
    app.post(ORDERS, &json!({ "serviceOrderItem": [create("C4")] })).await.expect(429);
    let metrics = app.get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("telvisor_waiting_seconds 60"), "{metrics}");
    assert!(metrics.contains("telvisor_orders_waiting 2"), "{metrics}");
    app.run_due().await;
    admission::look(app.engine()).await.unwrap();
    app.place(json!([create("C4")])).await;
}

#[tokio::test]
async fn a_door_whose_database_connections_are_all_in_use_says_so() {
    let app = TestApp::with(|c| {
        c.database.connections = 2;
        c.database.wait_s = 1;
    })
    .await;
    if app.engine().db.kind() == "sqlite" {
        return;
    }
    let all =
        [app.engine().db.tenant("default").await.unwrap(), app.engine().db.tenant("default").await.unwrap()];
    let answer = app.post(ORDERS, &json!({ "serviceOrderItem": [create("C1")] })).await;
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.expect(429)["code"], "busy");
    let fault = String::from_utf8(soap(&app).await.octets).unwrap();
    assert!(fault.contains("4001"), "{fault}");
    drop(all);
    app.place(json!([create("C1")])).await;
}

#[tokio::test]
async fn an_order_of_which_nothing_moves_is_stuck() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    begin(&app).await;
    let stuck = async || {
        let mut tx = app.engine().db.read_system().await.unwrap();
        let before = tx.now() - TimeDelta::minutes(60);
        tx.standing_still(before, 10).await.unwrap()
    };
    app.clock.advance(TimeDelta::minutes(59));
    assert!(stuck().await.is_empty());
    // A worker that claims it is a sign of life.
    let mut tx = app.engine().db.system().await.unwrap();
    tx.claim_job(MACHINE_JOBS, "dead", LEASE, Limits::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(TimeDelta::minutes(59));
    assert!(stuck().await.is_empty());
    app.clock.advance(TimeDelta::minutes(2));
    assert_eq!(stuck().await[0].id.to_string(), order["id"].as_str().unwrap());
    let metrics = app.get("/metrics").await.body;
    assert!(metrics.as_str().unwrap().contains("telvisor_orders_stuck 1"), "{metrics}");
    app.run().await;
    assert!(stuck().await.is_empty());
    let done: Value = app.show(&order).await;
    assert_eq!(done["state"], "completed");
    // Orders that wait are not stuck, nor are those that ended.
    let id = done["serviceOrderItem"][0]["service"]["id"].as_str().unwrap();
    app.held("delete_machine", terminate(id)).await;
    app.place(json!([provision("C1", "stallfront", "stall", None)])).await;
    app.clock.advance(TimeDelta::days(2));
    assert!(stuck().await.is_empty());
}

/// The plan of a claim with a long history: no table is read from end to end.
#[tokio::test]
async fn a_claim_reads_no_history() {
    let app = TestApp::new().await;
    if app.engine().db.kind() == "sqlite" {
        return;
    }
    provisions(&app, &["C1"]).await;
    let pool = sqlx::PgPool::connect(&app.config.database.url).await.unwrap();
    for statement in [
        "INSERT INTO jobs (tenant, id, customer, class, title, state, phase, urgency, run_after, turn, attempt, tries,
           machine, hypervisor, host, fence, created_at, ended_at)
         SELECT tenant, gen_random_uuid(), customer, class, title, 'done', phase, urgency, run_after, turn, 1, 0,
           machine, hypervisor, host, 1, created_at, run_after FROM jobs, generate_series(1, 20000) LIMIT 20000",
        "ANALYZE jobs",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let explain = format!(
        "PREPARE claim (text, timestamptz, boolean, bigint, bigint) AS {DUE_POSTGRES};
         SET plan_cache_mode = force_generic_plan;
         EXPLAIN EXECUTE claim ('machine', now(), false, 4, 4)"
    );
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&pool).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|r| sqlx::Row::get(r, 0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("jobs_due") && !plan.contains("Seq Scan"), "{plan}");
    pool.close().await;
}
