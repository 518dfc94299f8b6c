//! A worker that dies or sleeps: the next one goes on where it was, and its own late writes are refused.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use telvisor::clock::Clock as _;
use telvisor::hypervisor::{DriverError, Guard, Operation, Tag};
use telvisor::inventory::names;
use telvisor::jobs::run;
use telvisor::queue::MACHINE_JOBS;
use telvisor::store::claims::Limits;
use telvisor::store::jobs::{JobRow, StepRow};
use telvisor_model::plan::{Act, Size};

use crate::harness::{CRM, TestApp, provision, terminate};
use crate::probe::{TENANT, begin, operations, read, uuid, validate, work_once};

const LEASE: Duration = Duration::from_secs(60);

/// Claims the due job as a worker that will never be heard of again.
async fn claim_and_die(app: &TestApp) -> JobRow {
    let mut tx = app.engine().db.system().await.unwrap();
    let job =
        tx.claim_job(MACHINE_JOBS, "dead", LEASE, Limits::default()).await.unwrap().expect("a job is due");
    tx.commit().await.unwrap();
    job
}

/// A provision whose job such a worker has claimed.
async fn provision_and_die(app: &TestApp) -> (Value, JobRow) {
    app.customer("C1").await;
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    begin(app).await;
    (order, claim_and_die(app).await)
}

/// Begins the first step, the machine's creation, in that worker's name: the step, with key and handle kept.
async fn begin_first_step(app: &TestApp, order: &Value, dead: &JobRow) -> StepRow {
    let (_, mut steps) = job_of(app, order).await;
    let mut step = steps.remove(0);
    let Act::CreateMachine { size } = step.act.0 else { panic!("{:?}", step.act) };
    let operation = Operation::CreateMachine {
        size,
        tenant: TENANT.into(),
        customer: "C1".into(),
        host: dead.host.clone().unwrap(),
    };
    let key = format!("{}.0.do.0.0", dead.id.simple());
    let handle = app.engine().driver.begin(&guard(app, dead), &operation, &key).await.unwrap();
    step.state = "begun".into();
    step.key = Some(key);
    step.handle = Some(handle.0);
    step
}

async fn job_of(app: &TestApp, order: &Value) -> (JobRow, Vec<StepRow>) {
    let mut tx = read(app).await;
    let job = tx.jobs_of(uuid(&order["id"]), None).await.unwrap().remove(0);
    let steps = tx.steps(job.id).await.unwrap();
    (job, steps)
}

fn count(app: &TestApp, operation: &str) -> usize {
    operations(app).iter().filter(|o| o["operation"] == operation).count()
}

fn guard(app: &TestApp, job: &JobRow) -> Guard {
    let machine = job.machine.expect("a job on a machine");
    let tag = Tag { installation: app.engine().installation, machine };
    Guard { tag, name: names::machine(machine), fence: job.fence }
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over_when_the_lease_is_over_and_not_before() {
    let app = TestApp::new().await;
    let (order, dead) = provision_and_die(&app).await;
    assert_eq!((dead.attempt, dead.worker.as_deref()), (1, Some("dead")));
    assert!(!run::work(app.engine(), MACHINE_JOBS).await.unwrap(), "it is another's");
    app.clock.advance(TimeDelta::from_std(LEASE).unwrap());
    assert!(!run::work(app.engine(), MACHINE_JOBS).await.unwrap(), "to its last moment");
    app.clock.advance(TimeDelta::microseconds(1));
    assert!(run::work(app.engine(), MACHINE_JOBS).await.unwrap());
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    let attempts = read(&app).await.attempts(dead.id).await.unwrap();
    let seen: Vec<_> = attempts.iter().map(|a| (a.worker == "dead", a.outcome.as_deref())).collect();
    assert_eq!(seen, [(true, Some("lost")), (false, Some("done"))]);
    validate(&app).await;
}

#[tokio::test]
async fn the_next_worker_observes_what_the_dead_one_began() {
    let app = TestApp::new().await;
    let (order, dead) = provision_and_die(&app).await;
    // It began the first step, kept the handle, and died while the machine was being made.
    let step = begin_first_step(&app, &order, &dead).await;
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    assert!(tx.hold_job(&dead, LEASE).await.unwrap().is_some());
    tx.update_step(&step).await.unwrap();
    tx.commit().await.unwrap();

    // Whoever begins the operation anew would meet this.
    app.breaks("create_machine");
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(count(&app, "create_machine"), 1);
    validate(&app).await;
}

#[tokio::test]
async fn what_the_dead_worker_began_without_a_word_is_found_under_its_key() {
    let app = TestApp::new().await;
    let (order, dead) = provision_and_die(&app).await;
    begin_first_step(&app, &order, &dead).await;
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    assert_eq!(count(&app, "create_machine"), 1, "the same key is the same operation");
    validate(&app).await;
}

#[tokio::test]
async fn a_worker_that_wakes_late_can_write_nothing_and_touch_nothing() {
    let app = TestApp::new().await;
    let (order, late) = provision_and_die(&app).await;
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    let before = crate::probe::snapshot(&app, &["C1"]).await;

    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    assert_eq!(tx.hold_job(&late, LEASE).await.unwrap(), None, "the job is no longer its own");
    drop(tx);
    for operation in [Operation::DeleteMachine, Operation::ResizeMachine { size: Size::default() }] {
        let refused = app.engine().driver.begin(&guard(&app, &late), &operation, "late").await;
        assert!(matches!(refused, Err(DriverError::Fenced { .. })), "{refused:?}");
    }
    assert_eq!(crate::probe::snapshot(&app, &["C1"]).await, before);
    validate(&app).await;
}

/// Two real workers: the first sleeps in the middle of an operation, the second takes over and finishes, the first
/// wakes and is refused.
#[tokio::test]
async fn two_workers_on_one_job_have_one_effect() {
    let app = TestApp::new().await;
    let second = app.another().await;
    app.customer("C1").await;
    app.faults(json!({ "latency_ms": { "create_machine": 1500 } }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    begin(&app).await;
    let late = run::work(app.engine(), MACHINE_JOBS);
    let overtake = async {
        // The first one keeps the handle once it has seen the operation run.
        loop {
            let (_, steps) = job_of(&app, &order).await;
            if steps[0].handle.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        app.clock.advance(TimeDelta::hours(1));
        assert!(run::work(&second, MACHINE_JOBS).await.unwrap(), "the lease is over");
    };
    let (first, ()) = tokio::join!(late, overtake);
    assert!(first.unwrap());
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    for operation in ["create_machine", "ensure_volume", "install", "start"] {
        let changed = operations(&app);
        let changed = changed.iter().filter(|o| o["operation"] == operation && o["changed"] == true).count();
        assert_eq!(changed, 1, "{operation}");
    }
    let (job, _) = job_of(&app, &order).await;
    let attempts = read(&app).await.attempts(job.id).await.unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|a| a.outcome.as_deref().unwrap()).collect();
    assert_eq!(outcomes, ["lost", "done"]);
    assert_eq!(attempts[1].worker, "another");
    assert_eq!(app.records("mediation-csv").await.len(), 1);
    validate(&app).await;
}

#[tokio::test]
async fn an_undo_is_taken_over_as_well() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "start", "nth": 1, "effect": "fail" }] }));
    let order = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    let dead = claim_and_die(&app).await;
    assert_eq!(dead.phase, "undo");
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "failed", "{order:#}");
    assert!(app.machines().is_empty());
    validate(&app).await;
}

#[tokio::test]
async fn a_cancel_takes_the_job_from_the_worker_that_has_it() {
    let app = TestApp::new().await;
    let (order, job) = provision_and_die(&app).await;
    let (_, steps) = job_of(&app, &order).await;
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    let mut step = steps[0].clone();
    step.state = "begun".into();
    tx.update_step(&step).await.unwrap();
    tx.commit().await.unwrap();
    let body = json!({ "serviceOrder": { "id": order["id"] } });
    app.post(crate::harness::CANCELS, &body).await.expect(201);
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    assert_eq!(tx.hold_job(&job, LEASE).await.unwrap(), None, "the worker is told at its next write");
    drop(tx);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "cancelled");
    assert!(app.machines().is_empty());
}

/// Waiting times between the tries of a job that never succeeds, in milliseconds.
async fn delays(app: &TestApp, customer: &str) -> Vec<i64> {
    let order = app.place(json!([provision(customer, CRM, "solo", None)])).await;
    let mut out = vec![];
    loop {
        work_once(app).await;
        let (job, _) = job_of(app, &order).await;
        if job.phase == "undo" {
            app.run().await;
            return out;
        }
        let now: DateTime<Utc> = app.clock.now();
        out.push((job.run_after - now).num_milliseconds());
        assert!(!run::work(app.engine(), MACHINE_JOBS).await.unwrap(), "not before its time");
        app.clock.advance(job.run_after - now);
    }
}

#[tokio::test]
async fn tries_come_at_growing_distances_with_a_jitter() {
    let app = TestApp::with(|c| {
        c.jobs.attempts = 9;
        c.jobs.retry_base_ms = 1000;
        c.jobs.retry_cap_ms = 60_000;
    })
    .await;
    app.customer("C1").await;
    app.customer("C2").await;
    app.faults(json!({ "rules": [{ "operation": "create_machine", "effect": "timeout-before" }] }));
    let first = delays(&app, "C1").await;
    let second = delays(&app, "C2").await;
    assert_eq!(first.len(), 8, "nine tries");
    for list in [&first, &second] {
        for (n, ms) in list.iter().enumerate() {
            let base = (1000 << n).min(60_000);
            assert!((base..=base + base / 4).contains(ms), "try {n}: {ms} ms, base {base}");
        }
    }
    assert_ne!(first, second, "two jobs that failed together do not come back together");
    validate(&app).await;
}

#[tokio::test]
async fn a_job_is_lost_and_found_again_after_a_restart() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let order = app.place(json!([terminate(&s)])).await;
    begin(&app).await;
    claim_and_die(&app).await;
    let app = app.restart().await;
    app.clock.advance(TimeDelta::from_std(LEASE * 2).unwrap());
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
    validate(&app).await;
}
