//! Every plan, failed at each of its steps in each way: before the point of no return nothing is left behind, after
//! it an operator's retry completes the order.

use cases::Case;
use round::{Fault, Round};
use serde_json::json;

use crate::harness::{CRM, MIB, ORDERS, TestApp, create, noise, provision, restore};
use crate::probe::validate;

mod cases;
mod round;

/// Attempts that a job has in these tests.
const ATTEMPTS: u64 = 3;

const fn fault(effect: &'static str, calls: u64, again: bool) -> Fault {
    Fault { effect, calls, again }
}

const LASTING: [Fault; 6] = [
    fault("fail", 1, false),
    fault("retry", 1, true),
    fault("timeout-before", 1, true),
    fault("timeout-after-acting", 1, true),
    fault("capacity", 1, true),
    // Begun again three times within each attempt.
    fault("unknown", 4, true),
];

async fn every_step(case: Case) {
    let mut round = Round::new(case, 50).await;
    let (steps, jobs, records) = round.plan().await;
    for effect in ["retry", "timeout-before", "timeout-after-acting", "capacity", "unknown"] {
        round.passes(1, effect, records).await;
        round.passes(2, effect, records).await;
    }
    validate(&round.app).await;
    // Between two attempts of one job the other job of the item runs, and would meet the fault in its place.
    let attempts = if jobs == 1 { ATTEMPTS } else { 1 };
    round = Round::new(case, attempts).await;
    for (n, step) in steps.iter().filter(|s| s.is_operation()).enumerate() {
        let begin = n as u64 + 1;
        for fault in LASTING {
            round.given_up(begin, fault, attempts, records).await;
        }
        if !step.last_chance {
            round.undo_given_up(begin, records).await;
        }
    }
    validate(&round.app).await;
}

macro_rules! every_step {
    ($($name:ident: $case:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            Box::pin(every_step(Case::$case)).await;
        }
    )*};
}

every_step! {
    provision_on_a_new_machine: NewMachine,
    provision_on_an_existing_machine: ExistingMachine,
    provision_on_a_dedicated_machine: Dedicated,
    change_plan_up: PlanUp,
    change_plan_down: PlanDown,
    change_version_up: VersionUp,
    change_version_down: VersionDown,
    change_both_up: BothUp,
    change_both_down: BothDown,
    suspend_subscription: SuspendSubscription,
    reactivate_subscription: ReactivateSubscription,
    reactivate_terminated_subscription: ReactivateTerminated,
    terminate_one_of_two: TerminateOneOfTwo,
    terminate_the_last: TerminateLast,
    terminate_one_under_a_suspended_customer: TerminateOneUnderSuspended,
    terminate_the_last_under_a_suspended_customer: TerminateLastUnderSuspended,
    take_a_backup: Backup,
    restore_a_backup: Restore,
    suspend_customer: SuspendCustomer,
    reactivate_customer: ReactivateCustomer,
    terminate_customer: TerminateCustomer,
    reactivate_terminated_customer: ReactivateTerminatedCustomer,
}

/// The calls beside `begin`: looks at an operation, octets read and written, the address asked for.
async fn every_call(case: Case, call: &str) {
    let mut round = Round::new(case, ATTEMPTS).await;
    let (_, _, records) = round.plan().await;
    for effect in ["retry", "timeout-before", "timeout-after-acting", "capacity", "unknown"] {
        let about = format!("{case:?}, {call} {effect} once");
        let ready = round.ready().await;
        let order = round.order(&ready, json!([{ "call": call, "nth": 1, "effect": effect }])).await;
        round.must_be_done(&ready, &order, records, &about).await;
    }
    let lasting = [
        ("fail", 1),
        ("timeout-before", ATTEMPTS),
        ("timeout-after-acting", ATTEMPTS),
        ("capacity", ATTEMPTS),
    ];
    for (effect, times) in lasting {
        let about = format!("{case:?}, {call} {effect} {times} times");
        let ready = round.ready().await;
        let rule = json!([{ "call": call, "nth": 1, "times": times, "effect": effect }]);
        let order = round.order(&ready, rule).await;
        assert_eq!(order["state"], "failed", "{about}: {order:#}");
        round.must_be_as_before(ready, &about).await;
    }
    validate(&round.app).await;
}

macro_rules! every_call {
    ($($name:ident: $case:ident $call:literal,)*) => {$(
        #[tokio::test]
        async fn $name() {
            Box::pin(every_call(Case::$case, $call)).await;
        }
    )*};
}

every_call! {
    read_faults_while_a_backup_is_fetched: Backup "read",
    read_faults_while_the_last_backup_is_fetched: TerminateLast "read",
    write_faults_while_a_backup_is_restored: Restore "write",
    write_faults_while_a_subscription_comes_back: ReactivateTerminated "write",
    observe_faults_while_a_machine_is_made: NewMachine "observe",
    endpoint_faults_after_the_start: NewMachine "endpoint",
}

/// A backup of several chunks, broken off in the middle of each, is whole in the end and the same as the data.
#[tokio::test]
async fn a_large_backup_is_fetched_and_pushed_across_faults() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    // Does not compress, so that the archive has several chunks of 1 MiB.
    let data = noise(1, 5 * MIB);
    let file = app.volume(&s).join("blob");
    std::fs::write(&file, &data).unwrap();
    app.faults(json!({ "rules": [
        { "call": "read", "nth": 2, "effect": "timeout-after-acting" },
        { "call": "read", "nth": 5, "effect": "timeout-before" },
    ] }));
    let id = app.back_up(&s).await;
    std::fs::write(&file, "spoiled").unwrap();
    app.faults(json!({ "rules": [
        { "call": "write", "nth": 2, "effect": "timeout-after-acting" },
        { "call": "write", "nth": 5, "effect": "timeout-before" },
    ] }));
    app.done(restore(&s, &id)).await;
    assert!(std::fs::read(app.volume(&s).join("blob")).unwrap() == data, "the data is back, octet by octet");
    validate(&app).await;
}

/// A customer's creation has no step that could fail; its provision in the same order fails alone.
#[tokio::test]
async fn a_failed_item_leaves_the_completed_one() {
    let app = TestApp::new().await;
    app.breaks("install");
    let items = json!([create("C1"), provision("C1", CRM, "solo", None)]);
    let order = app.post(ORDERS, &json!({ "serviceOrderItem": items })).await.expect(201);
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "partial", "{order:#}");
    assert!(app.machines().is_empty());
    assert_eq!(app.service("C1").await["state"], "active");
    validate(&app).await;
}
