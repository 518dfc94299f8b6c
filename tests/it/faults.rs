//! Every plan, failed at each of its steps in each way: before the point of no return nothing is left behind, after
//! it an operator's retry completes the order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{
    CRM, MIB, ORDERS, TestApp, create, modify, noise, provision, restore, set_state, terminate,
};
use crate::probe::{Step, decide, journalled, operations, read, snapshot, steps, uuid, validate};

const FILES: &str = "filenook";
const YARD: &str = "yardmaster";
/// Attempts that a job has in these tests.
const ATTEMPTS: u64 = 3;

/// A server with room for the many customers of one test.
async fn spacious(attempts: u64) -> TestApp {
    TestApp::with(|c| {
        c.jobs.attempts = i64::try_from(attempts).unwrap();
        let world = c.data.join("world");
        std::fs::create_dir_all(&world).unwrap();
        let host = json!([{ "name": "h", "vcpu": 10_000, "memoryMiB": 10_000_000, "diskGiB": 100_000 }]);
        std::fs::write(world.join("hosts.json"), host.to_string()).unwrap();
    })
    .await
}

/// A kind of order, with what must be there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    NewMachine,
    ExistingMachine,
    Dedicated,
    PlanUp,
    PlanDown,
    VersionUp,
    VersionDown,
    BothUp,
    BothDown,
    SuspendSubscription,
    ReactivateSubscription,
    ReactivateTerminated,
    TerminateOneOfTwo,
    TerminateLast,
    TerminateOneUnderSuspended,
    TerminateLastUnderSuspended,
    Backup,
    Restore,
    SuspendCustomer,
    ReactivateCustomer,
    TerminateCustomer,
    ReactivateTerminatedCustomer,
}

/// Makes a customer that is ready for the order, and the order's item.
async fn prepare(app: &TestApp, case: Case, c: &str) -> Value {
    app.customer(c).await;
    let crm = |plan: &'static str, version: &'static str| app.provision(c, CRM, plan, Some(version));
    match case {
        Case::NewMachine => provision(c, CRM, "solo", None),
        Case::ExistingMachine => {
            app.provision(c, FILES, "home", None).await;
            provision(c, CRM, "solo", None)
        }
        Case::Dedicated => {
            app.provision(c, FILES, "home", None).await;
            provision(c, YARD, "siding", None)
        }
        Case::PlanUp => modify(&crm("solo", "2.0").await, &[("plan", "company")]),
        Case::PlanDown => modify(&crm("company", "2.0").await, &[("plan", "solo")]),
        Case::VersionUp => modify(&crm("solo", "1.1").await, &[("version", "2.0")]),
        Case::VersionDown => modify(&crm("solo", "2.0").await, &[("version", "1.1")]),
        Case::BothUp => modify(&crm("solo", "1.0").await, &[("version", "2.0"), ("plan", "company")]),
        Case::BothDown => modify(&crm("company", "2.0").await, &[("version", "1.1"), ("plan", "team")]),
        Case::SuspendSubscription => set_state(&crm("solo", "2.0").await, "inactive"),
        Case::ReactivateSubscription => {
            let s = crm("solo", "2.0").await;
            app.done(set_state(&s, "inactive")).await;
            set_state(&s, "active")
        }
        Case::ReactivateTerminated => {
            app.provision(c, FILES, "home", None).await;
            let s = crm("solo", "2.0").await;
            app.done(terminate(&s)).await;
            set_state(&s, "active")
        }
        Case::TerminateOneOfTwo => {
            app.provision(c, FILES, "home", None).await;
            terminate(&crm("solo", "2.0").await)
        }
        Case::TerminateLast => terminate(&crm("solo", "2.0").await),
        Case::TerminateOneUnderSuspended => {
            app.provision(c, FILES, "home", None).await;
            let s = crm("solo", "2.0").await;
            app.done(set_state(c, "inactive")).await;
            terminate(&s)
        }
        Case::TerminateLastUnderSuspended => {
            let s = crm("solo", "2.0").await;
            app.done(set_state(c, "inactive")).await;
            terminate(&s)
        }
        Case::Backup => modify(&crm("solo", "2.0").await, &[("operation", "backup")]),
        Case::Restore => {
            let s = crm("solo", "2.0").await;
            std::fs::write(app.volume(&s).join("contact"), "Ada").unwrap();
            let id = app.back_up(&s).await;
            std::fs::write(app.volume(&s).join("contact"), "Grace").unwrap();
            restore(&s, &id)
        }
        Case::SuspendCustomer | Case::TerminateCustomer => {
            two_machines(app, c).await;
            if case == Case::SuspendCustomer { set_state(c, "inactive") } else { terminate(c) }
        }
        Case::ReactivateCustomer => {
            two_machines(app, c).await;
            app.done(set_state(c, "inactive")).await;
            set_state(c, "active")
        }
        Case::ReactivateTerminatedCustomer => {
            two_machines(app, c).await;
            app.done(terminate(c)).await;
            set_state(c, "active")
        }
    }
}

/// Three applications on two machines, one of them suspended.
async fn two_machines(app: &TestApp, c: &str) {
    app.provision(c, CRM, "solo", None).await;
    let files = app.provision(c, FILES, "home", None).await;
    app.provision(c, YARD, "siding", None).await;
    app.done(set_state(&files, "inactive")).await;
}

/// A customer that waits for the order, and everything as it was before.
struct Ready {
    customer: String,
    item: Value,
    before: BTreeMap<String, String>,
    records: usize,
}

struct Round {
    app: TestApp,
    case: Case,
    made: usize,
    ready: Option<Ready>,
}

/// What a fault does to a job.
#[derive(Debug, Clone, Copy)]
struct Fault {
    effect: &'static str,
    /// Calls that it strikes in one attempt of the job.
    calls: u64,
    /// Whether the job is tried again.
    again: bool,
}

impl Round {
    async fn new(case: Case, attempts: u64) -> Self {
        Self { app: spacious(attempts).await, case, made: 0, ready: None }
    }

    /// The customer of the round before if nothing of it has changed, else a new one.
    async fn ready(&mut self) -> Ready {
        if let Some(ready) = self.ready.take() {
            return ready;
        }
        self.made += 1;
        let customer = format!("C{}", self.made);
        let item = prepare(&self.app, self.case, &customer).await;
        let before = snapshot(&self.app, &[&customer]).await;
        let records = journalled(&self.app).await;
        Ready { customer, item, before, records }
    }

    /// Places the order with faults set, and runs until nothing moves.
    async fn order(&self, ready: &Ready, rules: Value) -> Value {
        self.app.faults(json!({ "rules": rules }));
        let order = self.app.order(json!([ready.item])).await;
        self.app.faults(json!({}));
        order
    }

    /// Steps of the plan, its jobs, and how many records the order writes, by running it once undisturbed.
    async fn plan(&mut self) -> (Vec<Step>, usize, usize) {
        let ready = self.ready().await;
        let order = self.order(&ready, json!([])).await;
        assert_eq!(order["state"], "completed", "{order:#}");
        let records = journalled(&self.app).await - ready.records;
        let steps = steps(&self.app, &order).await;
        assert!(!steps.is_empty(), "{:?} has no steps", self.case);
        let jobs = read(&self.app).await.jobs_of(uuid(&order["id"]), None).await.unwrap().len();
        (steps, jobs, records)
    }

    async fn must_be_as_before(&mut self, ready: Ready, about: &str) {
        let now = snapshot(&self.app, &[&ready.customer]).await;
        assert_same(&ready.before, &now, about);
        assert_eq!(journalled(&self.app).await, ready.records, "{about}: no record");
        self.ready = Some(ready);
    }

    async fn must_be_done(&self, ready: &Ready, order: &Value, records: usize, about: &str) {
        assert_eq!(order["state"], "completed", "{about}: {order:#}");
        let found = journalled(&self.app).await - ready.records;
        assert_eq!(found, records, "{about}: records");
        let mut tx = read(&self.app).await;
        for job in tx.jobs_of(uuid(&order["id"]), None).await.unwrap() {
            let mut effects: BTreeMap<String, u32> = BTreeMap::new();
            for o in operations(&self.app).iter().filter(|o| o["changed"] == true) {
                let key = o["key"].as_str().unwrap();
                // job.step.phase.act.try; making an archive anew is a change each time.
                if key.starts_with(&job.id.simple().to_string())
                    && !matches!(o["operation"].as_str(), Some("backup" | "restore"))
                {
                    let (step, _) = key.rsplit_once('.').unwrap();
                    *effects.entry(format!("{step} {}", o["operation"])).or_default() += 1;
                }
            }
            assert!(effects.values().all(|n| *n == 1), "{about}: an effect twice: {effects:?}");
        }
    }

    /// One order that meets a fault which lasts until the job is given up.
    async fn given_up(&mut self, begin: u64, fault: Fault, attempts: u64, records: usize) {
        let about = format!("{:?}, {} at begin {begin}", self.case, fault.effect);
        let ready = self.ready().await;
        let times = fault.calls * if fault.again { attempts } else { 1 };
        let rule = json!([{ "nth": begin, "times": times, "effect": fault.effect }]);
        let order = self.order(&ready, rule).await;
        let began = steps(&self.app, &order).await;
        let past = began.iter().any(|s| s.last_chance && (s.state == "begun" || s.state == "done"));
        let message = order["serviceOrderItem"][0]["errorMessage"][0]["message"].as_str().unwrap_or_default();
        let said = if fault.effect == "unknown" { "the hypervisor forgets" } else { "fault rule" };
        assert!(message.contains(said), "{about}: the item says {message:?}");
        if past {
            assert_eq!(order["state"], "held", "{about}: {order:#}");
            assert_eq!(order["serviceOrderItem"][0]["state"], "held", "{about}");
            assert!(order["jeopardyAlert"][0]["message"].as_str().unwrap().contains("cannot be undone"));
            jeopardy(&self.app, &order).await;
            let order = decide(&self.app, &order, "retry").await;
            self.must_be_done(&ready, &order, records, &about).await;
        } else {
            assert_eq!(order["state"], "failed", "{about}: {order:#}");
            self.must_be_as_before(ready, &about).await;
        }
    }

    /// One order that fails, and whose undo fails too, until an operator tries that again.
    async fn undo_given_up(&mut self, begin: u64, records: usize) {
        let about = format!("{:?}, everything fails from begin {begin}", self.case);
        let ready = self.ready().await;
        let order = self.order(&ready, json!([{ "nth": begin, "times": 1_000_000, "effect": "fail" }])).await;
        let begun: Vec<_> = steps(&self.app, &order).await;
        let left: Vec<_> = begun.iter().filter(|s| s.state == "begun" || s.state == "done").collect();
        let alerts = order["jeopardyAlert"].to_string();
        if left.iter().any(|s| s.last_chance) {
            // The other job of the item was past its point of no return.
            assert_eq!(order["state"], "held", "{about}: {order:#}");
            let order = decide(&self.app, &order, "retry").await;
            return self.must_be_done(&ready, &order, records, &about).await;
        }
        let order = if order["state"] == "held" {
            assert!(alerts.contains("undoing failed") && !left.is_empty(), "{about}: {alerts}");
            assert!(left.iter().all(|s| alerts.contains(&s.title)), "{about}: {alerts} names {left:?}");
            jeopardy(&self.app, &order).await;
            decide(&self.app, &order, "retry").await
        } else {
            assert!(left.is_empty(), "{about}: {left:?}");
            order
        };
        assert_eq!(order["state"], "failed", "{about}: {order:#}");
        let message = order["serviceOrderItem"][0]["errorMessage"][0]["message"].as_str().unwrap();
        assert!(message.contains("was ended by a fault rule"), "{about}: {message}");
        assert!(!message.contains("undoing"), "{about}: why it was undone, not how that went: {message}");
        self.must_be_as_before(ready, &about).await;
    }

    /// One order that meets a fault at each second call, so that each step that is struck is then repeated.
    async fn passes(&mut self, first: u64, effect: &'static str, records: usize) {
        let about = format!("{:?}, {effect} at each second begin from {first} on", self.case);
        let ready = self.ready().await;
        let rules: Vec<_> = (0..50).map(|n| json!({ "nth": first + 2 * n, "effect": effect })).collect();
        let order = self.order(&ready, json!(rules)).await;
        self.must_be_done(&ready, &order, records, &about).await;
    }
}

fn assert_same(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>, about: &str) {
    let mut text = String::new();
    for (key, was) in before {
        match now.get(key) {
            None => writeln!(text, "gone: {key}: {was}").unwrap(),
            Some(is) if is != was => writeln!(text, "was {key}: {was}\nis  {key}: {is}").unwrap(),
            Some(_) => {}
        }
    }
    for (key, is) in now.iter().filter(|(k, _)| !before.contains_key(*k)) {
        writeln!(text, "left: {key}: {is}").unwrap();
    }
    assert!(text.is_empty(), "{about}:\n{text}");
}

/// The order's last event is the jeopardy event.
async fn jeopardy(app: &TestApp, order: &Value) {
    let events = read(app).await.events_of(uuid(&order["id"])).await.unwrap();
    let (_, kind, body) = events.last().unwrap();
    assert_eq!(kind, "ServiceOrderJeopardyEvent");
    assert_eq!(body.0["state"], "held");
}

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
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "fail" }] }));
    let items = json!([create("C1"), provision("C1", CRM, "solo", None)]);
    let order = app.post(ORDERS, &json!({ "serviceOrderItem": items })).await.expect(201);
    app.run().await;
    let order = app.show(&order).await;
    assert_eq!(order["state"], "partial", "{order:#}");
    assert!(app.machines().is_empty());
    assert_eq!(app.service("C1").await["state"], "active");
    validate(&app).await;
}
