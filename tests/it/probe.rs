//! What tests look at from outside the doors: the whole state as text that can be compared, the steps of an order,
//! and a judge of everything that a database tells about orders.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use telvisor::jobs::{run, sweep};
use telvisor::orders::line;
use telvisor::queue::{Line, MACHINE_JOBS};
use telvisor::store::hosts::Room;
use telvisor::store::orders::ItemRow;
use telvisor::store::sdr::Taking;
use telvisor::store::{Tenant, Tx};
use telvisor_model::plan::{Act, Size};
use telvisor_model::{EventKind, ItemState, OrderKind, OrderState};
use uuid::Uuid;

use crate::harness::{ORDERS, PRODUCT_ORDERS, TestApp, files_below, start_time};

pub const TENANT: &str = "default";

/// One step as the database has it.
#[derive(Debug, Clone)]
pub struct Step {
    pub title: String,
    pub act: Act,
    pub last_chance: bool,
    pub state: String,
}

impl Step {
    /// Whether it begins an operation of the hypervisor; the others read and write octets only.
    pub fn is_operation(&self) -> bool {
        !matches!(self.act, Act::FetchBackup { .. } | Act::PushBackup { .. } | Act::DropBackup { .. })
    }
}

pub fn uuid(value: &Value) -> Uuid {
    value.as_str().expect("a text").parse().expect("a UUID")
}

pub async fn read(app: &TestApp) -> Tx<Tenant> {
    app.engine().db.read(TENANT).await.unwrap()
}

/// The free room of all hosts. Read as placement does, under a lock, and so not in a transaction that only reads.
async fn rooms(app: &TestApp) -> Vec<Room> {
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    tx.rooms().await.unwrap()
}

/// All steps of an order, job after job.
pub async fn steps(app: &TestApp, order: &Value) -> Vec<Step> {
    let mut tx = read(app).await;
    let mut out = vec![];
    for job in tx.jobs_of(uuid(&order["id"]), None).await.unwrap() {
        for s in tx.steps(job.id).await.unwrap() {
            out.push(Step { title: s.title, act: s.act.0, last_chance: s.last_chance, state: s.state });
        }
    }
    out
}

/// Every order of the installation, as TMF641 and TMF622 show it.
pub async fn orders(app: &TestApp) -> Vec<Value> {
    let mut out = vec![];
    for list in [ORDERS, PRODUCT_ORDERS] {
        let mut found = 0;
        loop {
            let page = app.get(&format!("{list}?limit=50&offset={found}")).await.expect(200);
            let rows = page.as_array().expect("a list of orders");
            if rows.is_empty() {
                break;
            }
            found += rows.len();
            out.extend(rows.iter().cloned());
        }
    }
    out
}

/// Everything that exists: the simulator's world, the backup store, and the inventory of these customers.
/// Not in it: fences and finished operations, what never came to be (cancelled, failed), and how far a disk has
/// grown, for disks never shrink.
pub async fn snapshot(app: &TestApp, customers: &[&str]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut add = |name: &str, folder: &Path| {
        for (path, octets) in files_below(folder) {
            out.insert(format!("{name}/{path}"), String::from_utf8_lossy(&octets).into_owned());
        }
    };
    let world = app.data().join("world");
    for folder in ["volumes", "spool", "swap", "tmp"] {
        add(folder, &world.join(folder));
    }
    add("backups", &app.data().join("backups"));
    for mut machine in app.machines() {
        machine["diskGiB"] = Value::Null;
        if let Some(list) = machine["applications"].as_array_mut() {
            list.sort_by_key(|a| a["subscription"].to_string());
        }
        out.insert(format!("machine {}", machine["id"]), machine.to_string());
    }
    let mut tx = read(app).await;
    for id in customers {
        let Some(c) = tx.customer_by_id(id).await.unwrap() else {
            continue;
        };
        out.insert(format!("customer {id}"), format!("{} until {:?}", c.state, c.restorable_until));
        for m in tx.machines_of(c.uid).await.unwrap() {
            let text =
                format!("{} {} {} on {} for {:?}", m.state, m.vcpu, m.memory_mib, m.host, m.dedicated_for);
            out.insert(format!("row of machine {}", m.id), text);
        }
        for s in tx.subscriptions_of(c.uid).await.unwrap() {
            for b in tx.backups_of(s.id).await.unwrap().iter().filter(|b| b.state != "failed") {
                let text = format!("{} {:?} {:?} {:?}", b.state, b.size, b.sha256, b.expires_at);
                out.insert(format!("row of backup {}", b.id), text);
            }
            if s.state != "cancelled" {
                let text = json!([
                    s.state,
                    s.plan,
                    s.version,
                    s.digest,
                    s.machine,
                    s.access_url,
                    s.ended_with_customer,
                    s.last_backup,
                    s.ended_at,
                    s.restorable_until,
                ]);
                out.insert(format!("row of subscription {}", s.id), text.to_string());
            }
        }
    }
    drop(tx);
    let room: Vec<_> = rooms(app).await.iter().map(|r| (r.vcpu_free, r.memory_free)).collect();
    out.insert("room".into(), format!("{room:?}"));
    out
}

/// How many service detail records are in the journal. Only for tests that seal nothing.
pub async fn journalled(app: &TestApp) -> usize {
    let far = start_time() + TimeDelta::days(10_000);
    let mut tx = app.engine().db.read_system().await.unwrap();
    let since = DateTime::UNIX_EPOCH;
    let recipient = "mediation-csv";
    let all =
        Taking { tenant: TENANT, recipient, test: false, types: "", applications: "", since, until: far };
    let (records, ..) = tx.unsealed_size(&all).await.unwrap();
    usize::try_from(records).unwrap()
}

/// The operations that the simulator carried out, oldest first.
pub fn operations(app: &TestApp) -> Vec<Value> {
    let text = std::fs::read_to_string(app.data().join("world/operations.log")).unwrap_or_default();
    text.lines().map(|l| serde_json::from_str(l).expect("a line of JSON")).collect()
}

/// Judges a whole database: every order, item, job, event, history entry and cancel task; and the inventory where
/// nothing is on its way.
pub async fn validate(app: &TestApp) {
    let orders = orders(app).await;
    if validate_orders(app).await {
        inventory_is_as_built(app, &orders).await;
    }
}

/// Judges a whole database, but for the inventory: where an operator gave something up, it is as he left it.
/// Whether all orders have ended.
pub async fn validate_orders(app: &TestApp) -> bool {
    let orders = orders(app).await;
    assert!(!orders.is_empty(), "a test without an order");
    let mut ended = true;
    for order in &orders {
        ended &= judge_order(app, uuid(&order["id"])).await;
    }
    ended
}

/// Judges one order; whether it has ended.
async fn judge_order(app: &TestApp, id: Uuid) -> bool {
    let mut tx = read(app).await;
    let order = tx.order(id).await.unwrap().expect("a listed order is there");
    let items = tx.items(id).await.unwrap();
    let history = tx.history(id).await.unwrap();
    let events = tx.events_of(id).await.unwrap();

    let numbers: Vec<i64> = history.iter().map(|h| h.number).collect();
    assert_eq!(numbers, (1..=order.history_number).collect::<Vec<_>>(), "history numbers of {id}");
    let numbers: Vec<i64> = events.iter().map(|e| e.number).collect();
    assert_eq!(numbers, (1..=order.event_number).collect::<Vec<_>>(), "event numbers of {id}");

    let states: Vec<OrderState> =
        history.iter().filter(|h| h.item_id.is_none()).map(|h| h.state.parse().unwrap()).collect();
    let arrow = match order.kind {
        OrderKind::Service => OrderState::may_become,
        OrderKind::Product => telvisor_model::product_order::may_become,
    };
    let begins = states[0] == OrderState::Acknowledged
        || (order.kind == OrderKind::Product && states[0] == OrderState::Rejected);
    assert!(begins, "{id} begins {states:?}");
    assert_eq!(states.last(), Some(&order.state), "{id} ends {states:?}");
    for pair in states.windows(2) {
        assert!(arrow(pair[0], pair[1]), "the diagram has no arrow {} -> {} ({id})", pair[0], pair[1]);
    }
    let told: Vec<OrderState> = events
        .iter()
        .filter(|e| matches!(e.kind, EventKind::Create | EventKind::StateChange))
        .map(|e| e.body["order"]["state"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(told, states, "one event for each move of {id}");
    assert_eq!(events[0].kind, EventKind::Create);

    for item in &items {
        let own: Vec<ItemState> = history
            .iter()
            .filter(|h| h.item_id.as_ref() == Some(&item.item_id))
            .map(|h| h.state.parse().unwrap())
            .collect();
        let before_last = own.len().saturating_sub(1);
        assert!(own[..before_last].iter().all(|s| !s.is_final()), "item {} of {id}: {own:?}", item.item_id);
        assert_eq!(own.last().copied().unwrap_or(ItemState::Acknowledged), item.state, "item of {id}");
        if item.state == ItemState::Completed {
            assert_eq!(item.error, None, "a completed item of {id} has no error");
        }
    }
    if let Some(service) = tx.service_order_of(id).await.unwrap() {
        let of_service = tx.items(service.id).await.unwrap();
        let pair = |items: &[ItemRow]| -> Vec<(String, ItemState, Option<String>)> {
            let acting = items.iter().filter(|i| i.intent.0.is_some());
            acting.map(|i| (i.item_id.clone(), i.state, i.error.clone())).collect()
        };
        assert_eq!(pair(&items), pair(&of_service), "the items of {id} are those of its service order");
        assert_eq!(order.waits_for, service.waits_for, "{id}");
    }
    let jobs = tx.jobs_of(id, None).await.unwrap();
    if order.state.is_final() {
        assert!(order.ended_at.is_some());
        assert!(items.iter().all(|i| i.state.is_final()), "{id} has ended, its items have not");
        // What changed nothing stays completed when the order is cancelled.
        let idle = |i: &&ItemRow| i.intent.0.is_none() && order.state == OrderState::Cancelled;
        let ends: Vec<_> = items.iter().filter(|i| !idle(i)).map(|i| i.state).collect();
        if order.state == OrderState::Rejected {
            assert!(ends.iter().all(|s| *s == ItemState::Rejected), "{id}: {ends:?}");
        } else {
            assert_eq!(order.state, telvisor_model::order::end_state(&ends), "{id}");
        }
        assert!(tx.open_cancel(id).await.unwrap().is_none(), "{id} has ended, its cancel task has not");
        for j in &jobs {
            assert!(
                matches!(j.state.as_str(), "done" | "undone" | "failed"),
                "{id} has ended, a job is {}",
                j.state
            );
        }
    }
    for j in &jobs {
        let attempts = tx.attempts(j.id).await.unwrap();
        if j.state != "running" {
            assert!(j.worker.is_none() && j.lease_until.is_none(), "nobody holds a job that is {}", j.state);
        }
        for a in attempts.iter().rev().skip(usize::from(j.state == "running")) {
            assert!(a.outcome.is_some(), "attempt {} of {} has no end", a.attempt, j.title);
        }
        if j.state == "undone" {
            let left: Vec<_> = tx.steps(j.id).await.unwrap();
            assert!(left.iter().all(|s| s.state == "undone" || s.state == "waiting"), "{left:?}");
        }
    }
    order.state.is_final()
}

/// Where nothing is on its way, the inventory says what the hypervisor has.
async fn inventory_is_as_built(app: &TestApp, orders: &[Value]) {
    let mut customers: Vec<String> = vec![];
    let mut tx = read(app).await;
    for o in orders {
        let row = tx.order(uuid(&o["id"])).await.unwrap().unwrap();
        customers.extend(row.customer_id);
    }
    customers.sort();
    customers.dedup();
    let mut rows = BTreeMap::new();
    let mut reserved = Size::default();
    for id in customers {
        let Some(c) = tx.customer_by_id(&id).await.unwrap() else {
            continue;
        };
        let subscriptions = tx.subscriptions_of(c.uid).await.unwrap();
        for m in tx.machines_of(c.uid).await.unwrap() {
            reserved = reserved.plus(m.size());
            let on_it: BTreeMap<_, _> = subscriptions
                .iter()
                .filter(|s| s.machine == Some(m.id) && s.is_live())
                .map(|s| {
                    let runs = s.state == "active" && m.state == "running";
                    let state = if runs { "running" } else { "stopped" };
                    (s.id.to_string(), json!([s.application, s.version, s.plan, state]))
                })
                .collect();
            let text = json!([id, m.state, m.vcpu, m.memory_mib, m.disk_gib, on_it]);
            rows.insert(m.id.to_string(), text);
        }
    }
    let mut built = BTreeMap::new();
    for m in app.machines() {
        let on_it: BTreeMap<_, _> = m["applications"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| {
                let text = json!([a["application"], a["version"], a["plan"], a["state"]]);
                (a["subscription"].as_str().unwrap().to_owned(), text)
            })
            .collect();
        let text = json!([m["customer"], m["state"], m["vcpu"], m["memoryMiB"], m["diskGiB"], on_it]);
        built.insert(m["id"].as_str().unwrap().to_owned(), text);
    }
    assert_eq!(rows, built, "left: the inventory, right: the hypervisor");
    let hosts = app.engine().driver.hosts().await.unwrap();
    let free: u64 = hosts.iter().map(|h| h.memory_mib_total).sum::<u64>() - reserved.memory_mib;
    drop(tx);
    let said: i64 = rooms(app).await.iter().map(|r| r.memory_free).sum();
    assert_eq!(i64::try_from(free).unwrap(), said, "reserved is what the machines have");
}

/// Lets the lines move, and carries no job out: what can begin is in progress afterwards.
pub async fn begin(app: &TestApp) {
    sweep::look(app.engine()).await.unwrap();
    while let Some(Line { tenant, customer_id: customer, .. }) = app.engine().queue.bells().take_line() {
        line::look(app.engine(), &tenant, &customer).await.unwrap();
    }
}

/// Carries one due job out, as far as it comes.
pub async fn work_once(app: &TestApp) {
    begin(app).await;
    assert!(run::work(app.engine(), MACHINE_JOBS).await.unwrap(), "a job is due");
}

/// The jobs of an order that need an operator.
pub async fn fallout(app: &TestApp, order: &Value) -> Vec<Value> {
    let all = app.get("/api/v1/fallout").await.expect(200);
    all.as_array().unwrap().iter().filter(|j| j["order"] == order["id"]).cloned().collect()
}

/// An operator's decision about every job of the order that is in fallout, and what comes of it.
pub async fn decide(app: &TestApp, order: &Value, decision: &str) -> Value {
    let jobs = fallout(app, order).await;
    assert!(!jobs.is_empty(), "the order has a job in fallout: {order:#}");
    for job in jobs {
        let path = format!("/api/v1/fallout/{}/{decision}", job["id"].as_str().unwrap());
        app.post(&path, &json!({ "reason": "the disk was changed" })).await.expect(202);
    }
    app.run().await;
    app.show(order).await
}

/// An order with jobs and history.
pub async fn inside(app: &TestApp, order: &Value) -> Value {
    app.get(&format!("/api/v1/orders/{}", order["id"].as_str().unwrap())).await.expect(200)
}

/// The states that an order went through.
pub async fn way(app: &TestApp, order: &Value) -> Vec<String> {
    let inside = inside(app, order).await;
    let history = inside["history"].as_array().unwrap().iter();
    history.filter(|h| h["item"].is_null()).map(|h| h["state"].as_str().unwrap().to_owned()).collect()
}

/// What was told of an order: the kind of each event with the state in its body.
pub async fn told(app: &TestApp, order: &Value) -> Vec<String> {
    let events = read(app).await.events_of(uuid(&order["id"])).await.unwrap();
    events.iter().map(|e| format!("{} {}", e.kind, e.body["order"]["state"].as_str().unwrap())).collect()
}
