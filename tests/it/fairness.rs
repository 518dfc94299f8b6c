//! Whose job is claimed when several are due.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use telvisor::queue::MACHINE_JOBS;
use telvisor::store::claims::Limits;

use crate::harness::{CRM, ORDERS, TestApp, provision, set_state};
use crate::probe::{begin, read, validate};

const LEASE: Duration = Duration::from_secs(60);

/// Claims the next job and keeps it; the id of its customer.
async fn claim(app: &TestApp) -> Option<String> {
    let mut tx = app.engine().db.system().await.unwrap();
    let job = tx.claim_job(MACHINE_JOBS, "busy", LEASE, Limits::default()).await.unwrap()?;
    tx.commit().await.unwrap();
    Some(read(app).await.customer(job.customer).await.unwrap().unwrap().customer_id)
}

/// Places a provision with a priority, and plans it.
async fn provision_at(app: &TestApp, customer: &str, priority: &str) {
    let order = json!({ "priority": priority, "serviceOrderItem": [provision(customer, CRM, "solo", None)] });
    app.post(ORDERS, &order).await.expect(201);
    begin(app).await;
}

#[tokio::test]
async fn a_customer_with_many_jobs_leaves_workers_to_the_others() {
    let app = TestApp::new().await;
    for id in ["many", "one", "another"] {
        app.customer(id).await;
    }
    app.provision("many", CRM, "solo", None).await;
    app.provision("many", "yardmaster", "siding", None).await;
    // One order, and a job on each of the two machines.
    app.place(json!([set_state("many", "inactive")])).await;
    begin(&app).await;
    for id in ["one", "another"] {
        app.clock.advance(TimeDelta::seconds(1));
        provision_at(&app, id, "4").await;
    }
    let mut claimed = vec![];
    while let Some(id) = claim(&app).await {
        claimed.push(id);
    }
    assert_eq!(claimed, ["many", "one", "another", "many"], "and all workers where nobody else waits");
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    validate(&app).await;
}

#[tokio::test]
async fn an_urgent_job_passes_those_that_have_not_waited_long() {
    let app = TestApp::new().await;
    for id in ["patient", "urgent"] {
        app.customer(id).await;
    }
    provision_at(&app, "patient", "4").await;
    app.clock.advance(TimeDelta::minutes(59));
    provision_at(&app, "urgent", "0").await;
    assert_eq!(claim(&app).await.as_deref(), Some("urgent"));
    assert_eq!(claim(&app).await.as_deref(), Some("patient"));
}

#[tokio::test]
async fn no_job_is_passed_for_ever() {
    let app = TestApp::new().await;
    for id in ["patient", "urgent"] {
        app.customer(id).await;
    }
    provision_at(&app, "patient", "4").await;
    app.clock.advance(TimeDelta::minutes(61));
    provision_at(&app, "urgent", "0").await;
    assert_eq!(claim(&app).await.as_deref(), Some("patient"));
    assert_eq!(claim(&app).await.as_deref(), Some("urgent"));
}
