//! Orders of one kind that meet faults, one after another, and what each must leave.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use telvisor_model::EventKind;

use super::cases::{Case, prepare};
use crate::harness::TestApp;
use crate::probe::{Step, decide, journalled, operations, read, snapshot, steps, uuid};

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

/// A customer that waits for the order, and everything as it was before.
pub(super) struct Ready {
    customer: String,
    item: Value,
    before: BTreeMap<String, String>,
    records: usize,
}

pub(super) struct Round {
    pub(super) app: TestApp,
    case: Case,
    made: usize,
    ready: Option<Ready>,
}

/// What a fault does to a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) effect: &'static str,
    /// Calls that it strikes in one attempt of the job.
    pub(super) calls: u64,
    /// Whether the job is tried again.
    pub(super) again: bool,
}

impl Round {
    pub(super) async fn new(case: Case, attempts: u64) -> Self {
        Self { app: spacious(attempts).await, case, made: 0, ready: None }
    }

    /// The customer of the round before if nothing of it has changed, else a new one.
    pub(super) async fn ready(&mut self) -> Ready {
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
    pub(super) async fn order(&self, ready: &Ready, rules: Value) -> Value {
        self.app.faults(json!({ "rules": rules }));
        let order = self.app.order(json!([ready.item])).await;
        self.app.mends();
        order
    }

    /// Steps of the plan, its jobs, and how many records the order writes, by running it once undisturbed.
    pub(super) async fn plan(&mut self) -> (Vec<Step>, usize, usize) {
        let ready = self.ready().await;
        let order = self.order(&ready, json!([])).await;
        assert_eq!(order["state"], "completed", "{order:#}");
        let records = journalled(&self.app).await - ready.records;
        let steps = steps(&self.app, &order).await;
        assert!(!steps.is_empty(), "{:?} has no steps", self.case);
        let jobs = read(&self.app).await.jobs_of(uuid(&order["id"]), None).await.unwrap().len();
        (steps, jobs, records)
    }

    pub(super) async fn must_be_as_before(&mut self, ready: Ready, about: &str) {
        let now = snapshot(&self.app, &[&ready.customer]).await;
        assert_same(&ready.before, &now, about);
        assert_eq!(journalled(&self.app).await, ready.records, "{about}: no record");
        self.ready = Some(ready);
    }

    pub(super) async fn must_be_done(&self, ready: &Ready, order: &Value, records: usize, about: &str) {
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
    pub(super) async fn given_up(&mut self, begin: u64, fault: Fault, attempts: u64, records: usize) {
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
    pub(super) async fn undo_given_up(&mut self, begin: u64, records: usize) {
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
    pub(super) async fn passes(&mut self, first: u64, effect: &'static str, records: usize) {
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
    let last = events.last().unwrap();
    assert_eq!(last.kind, EventKind::Jeopardy);
    assert_eq!(last.body["order"]["state"], "held");
}
