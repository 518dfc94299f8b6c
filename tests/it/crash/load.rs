//! The load: customers who live side by side, each a whole life of orders, downloads and cancels.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::Client;
use super::doors::Door;
use super::draw::Draw;
use super::model::{APPS, Account, Ask, State, Subscription};
use crate::harness::{CANCEL_PRODUCT_ORDERS, CANCELS, ORDERS, PRODUCT_ORDERS, SERVICES};
use crate::process::Looks;
use crate::process::PATIENCE;

/// How an order has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Completed,
    /// One of its steps fails for good.
    Failed,
    /// A cancel was asked for: it came in time, or too late.
    CompletedOrCancelled,
}

/// An order that was acknowledged with 201.
#[derive(Debug, Clone)]
pub struct Placed {
    pub id: String,
    pub external: String,
    pub customer: String,
    pub items: Vec<Ask>,
    pub end: End,
}

/// A download link that was acknowledged.
#[derive(Debug, Clone)]
pub struct Link {
    pub path: String,
    pub backup: String,
    pub subscription: String,
    pub customer: String,
    pub sha256: String,
    /// What the backup was of: application, version and plan.
    pub of: [String; 3],
}

/// All that was acknowledged.
#[derive(Debug, Default, Clone)]
pub struct Books {
    pub placed: Vec<Placed>,
    pub links: Vec<Link>,
    /// Ids of orders that were deleted: they are shown no more.
    pub deleted: BTreeSet<String>,
}

/// Steps of the simulator that fail: some once and are tried again, some operations on some machines always.
pub struct Faults {
    file: PathBuf,
    /// Operation and machine.
    failing: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Faults {
    pub fn new(world: &Path) -> Self {
        let faults = Self { file: world.join("faults.json"), failing: Mutex::default() };
        faults.write();
        faults
    }

    /// Lets an operation on a machine fail whenever it is begun.
    fn fail(&self, operation: &'static str, machine: &str) {
        self.failing.lock().unwrap().insert((operation, machine.to_owned()));
        self.write();
    }

    fn mend(&self, operation: &'static str, machine: &str) {
        self.failing.lock().unwrap().remove(&(operation, machine.to_owned()));
        self.write();
    }

    fn write(&self) {
        let mut rules = vec![
            json!({ "operation": "install", "nth": 3, "effect": "timeout-after-acting" }),
            json!({ "operation": "start", "nth": 4, "effect": "unknown" }),
            json!({ "operation": "configure", "nth": 2, "effect": "retry" }),
            json!({ "call": "read", "nth": 2, "effect": "timeout-before" }),
            json!({ "operation": "delete_machine", "nth": 2, "effect": "timeout-after-acting" }),
        ];
        for (operation, machine) in self.failing.lock().unwrap().iter() {
            rules.push(json!({ "operation": operation, "machine": machine, "effect": "fail" }));
        }
        // A change of the plan takes longer than one look at it, so that its handle is kept.
        let latency = json!({ "*": [2, 20], "configure": [510, 530] });
        let settings = json!({ "latency_ms": latency, "rules": rules });
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, settings.to_string()).unwrap();
        std::fs::rename(&fresh, &self.file).unwrap();
    }
}

/// A backup that a customer can restore.
struct Kept {
    subscription: String,
    backup: String,
    version: usize,
}

/// One customer's life as it goes on.
pub struct Life {
    client: Client,
    books: Arc<Mutex<Books>>,
    faults: Arc<Faults>,
    draw: Draw,
    account: Account,
    kept: Vec<Kept>,
    orders: usize,
    number: usize,
    doors: &'static [Door],
    /// The order that was placed last.
    last: Option<String>,
    /// Whether an order may be placed at a door that answers when it has ended.
    waits: bool,
}

impl Life {
    pub fn new(
        seed: u64,
        number: usize,
        client: Client,
        books: Arc<Mutex<Books>>,
        faults: Arc<Faults>,
        doors: &'static [Door],
    ) -> Self {
        let account = Account::new(&format!("crash-{number}"));
        let draw = Draw::new(seed, 1000 + number as u64);
        Self {
            client,
            books,
            faults,
            draw,
            account,
            kept: vec![],
            orders: 0,
            number,
            doors,
            last: None,
            waits: true,
        }
    }

    /// From the create customer to the last order's end.
    pub async fn run(mut self) {
        let first = Ask::Provision { app: 0, plan: 0, version: 0 };
        if self.draw.one_in(2) {
            self.order(vec![Ask::Create, first]).await;
        } else {
            self.order(vec![Ask::Create]).await;
            self.order(vec![first]).await;
        }
        match self.number % 4 {
            1 => self.fail_an_upgrade().await,
            2 => self.ask_an_operator().await,
            3 => self.cancel_some().await,
            _ => {}
        }
        for _ in 0..self.draw.between(7, 11) {
            self.move_on().await;
        }
        let mut last = if self.draw.one_in(3) {
            let subscription = self.an_active_one().await;
            self.order(vec![Ask::Backup(subscription)]).await
        } else {
            self.order(vec![Ask::TerminateCustomer]).await
        };
        if self.account.state == Some(State::Terminated) && self.draw.one_in(2) {
            last = self.order(vec![Ask::ReactivateCustomer]).await;
        }
        self.client.order_ended(&last).await;
    }

    /// Places an order that has to be completed, and counts on it; its id.
    async fn order(&mut self, asks: Vec<Ask>) -> String {
        let placed = self.place(asks.clone(), End::Completed).await;
        for (ask, item) in asks.iter().zip(placed["serviceOrderItem"].as_array().unwrap()) {
            // A backup's id is not shown before it is taken, and leaves nothing that later orders look at.
            if !matches!(ask, Ask::Backup(_)) {
                self.account.complete(ask, item["service"]["id"].as_str());
            }
        }
        placed["id"].as_str().unwrap().to_owned()
    }

    async fn place(&mut self, asks: Vec<Ask>, end: End) -> Value {
        self.orders += 1;
        let external = format!("{}.{}", self.account.id, self.orders);
        let waits = self.waits && end == End::Completed;
        let fits = |d: &Door| d.takes(&self.account, &asks) && (waits || *d != Door::Ne);
        let doors: Vec<Door> = self.doors.iter().copied().filter(fits).collect();
        let door = *self.draw.pick(&doors);
        if let (Door::Ne, Some(last)) = (door, &self.last) {
            // It looks at what is there, and not at what the orders before will leave.
            self.client.order_ended(last).await;
        }
        let orders = door.place(&self.client, &self.account, &asks, &external).await;
        for order in &orders {
            let (id, customer) = (order["id"].as_str().unwrap().to_owned(), self.account.id.clone());
            let (external, items) = (external.clone(), asks.clone());
            self.last = Some(id.clone());
            self.books.lock().unwrap().placed.push(Placed { id, external, customer, items, end });
        }
        orders.into_iter().next().expect("an order was placed")
    }

    /// One more order, drawn from those that are legal now.
    async fn move_on(&mut self) {
        let asks = self.legal();
        match self.draw.pick(&asks).clone() {
            Ask::Backup(subscription) => self.back_up(&subscription).await,
            ask => drop(self.order(vec![ask]).await),
        }
    }

    fn legal(&mut self) -> Vec<Ask> {
        let live: Vec<Subscription> =
            self.account.subscriptions.iter().filter(|s| s.is_live()).cloned().collect();
        if self.account.state == Some(State::Suspended) {
            let mut out = vec![Ask::ReactivateCustomer, Ask::ReactivateCustomer];
            out.extend(live.iter().take(1).map(|s| Ask::Terminate(s.id.clone())));
            return out;
        }
        let mut out = vec![Ask::SuspendCustomer];
        for (app, it) in APPS.iter().enumerate() {
            if !live.iter().any(|s| s.app == app) {
                let (plan, version) = (self.draw.below(it.plans.len()), self.draw.below(it.versions.len()));
                out.push(Ask::Provision { app, plan, version });
            }
        }
        for s in &live {
            out.push(Ask::Terminate(s.id.clone()));
            if s.state == State::Suspended {
                out.extend([Ask::Reactivate(s.id.clone()), Ask::Reactivate(s.id.clone())]);
                continue;
            }
            out.extend([Ask::Suspend(s.id.clone()), Ask::Backup(s.id.clone()), Ask::Backup(s.id.clone())]);
            out.extend([self.change(s), self.change(s), self.change(s)]);
            let restorable = self.kept.iter().filter(|k| k.subscription == s.id && k.version <= s.version);
            let restore = |k: &Kept| Ask::Restore { subscription: s.id.clone(), backup: k.backup.clone() };
            out.extend(restorable.map(restore));
        }
        let ended = self.account.subscriptions.iter().filter(|s| !s.is_live());
        let twin = |s: &&Subscription| !live.iter().any(|l| l.app == s.app);
        out.extend(ended.filter(twin).map(|s| Ask::Reactivate(s.id.clone())));
        out
    }

    /// A change to another plan, another version, or both.
    fn change(&mut self, s: &Subscription) -> Ask {
        let mut other = |n: usize, now: usize| (now + self.draw.between(1, n - 1)) % n;
        let plan = other(s.app().plans.len(), s.plan);
        let version = (s.app().versions.len() > 1).then(|| other(s.app().versions.len(), s.version));
        let subscription = s.id.clone();
        match (self.draw.below(3), version) {
            (0, Some(_)) => Ask::Change { subscription, plan: None, version },
            (1, Some(_)) => Ask::Change { subscription, plan: Some(plan), version },
            _ => Ask::Change { subscription, plan: Some(plan), version: None },
        }
    }

    /// A subscription that is active, made so when there is none.
    async fn an_active_one(&mut self) -> String {
        if self.account.state == Some(State::Suspended) {
            self.order(vec![Ask::ReactivateCustomer]).await;
        }
        if let Some(s) = self.account.subscriptions.iter().find(|s| s.state == State::Active) {
            return s.id.clone();
        }
        if let Some(s) = self.account.subscriptions.iter().find(|s| s.is_live()).cloned() {
            self.order(vec![Ask::Reactivate(s.id.clone())]).await;
            return s.id;
        }
        self.order(vec![Ask::Provision { app: 1, plan: 0, version: 0 }]).await;
        self.account.subscriptions.last().expect("just provisioned").id.clone()
    }

    /// Takes a backup, waits for it, and downloads it once or twice by a link.
    async fn back_up(&mut self, subscription: &str) {
        let of = self.account.find(subscription).clone();
        let id = self.order(vec![Ask::Backup(subscription.to_owned())]).await;
        let done = self.client.order_ended(&id).await;
        let backup = made(&done["serviceOrderItem"][0]).expect("a completed backup names its id");
        self.kept.push(Kept {
            subscription: subscription.to_owned(),
            backup: backup.clone(),
            version: of.version,
        });
        let list =
            self.client.get(&format!("/api/v1/subscriptions/{subscription}/backups")).await.expect(200);
        let row = list.as_array().unwrap().iter().find(|b| b["id"] == backup.as_str()).expect("it is listed");
        let sha256 = row["sha256"].as_str().expect("an available backup has a checksum").to_owned();
        let app = of.app();
        for _ in 0..self.draw.between(1, 2) {
            let answer =
                self.client.post(&format!("/api/v1/backups/{backup}/download-links"), &json!({})).await;
            let url = answer.expect(201)["url"].as_str().unwrap().to_owned();
            let path = &url[url.find("/download/").expect("a download's path")..];
            let link = Link {
                path: path.to_owned(),
                backup: backup.clone(),
                subscription: subscription.to_owned(),
                customer: self.account.id.clone(),
                sha256: sha256.clone(),
                of: [app.id, app.versions[of.version], app.plans[of.plan]].map(str::to_owned),
            };
            download(&self.client, &link).await;
            self.books.lock().unwrap().links.push(link);
        }
    }

    /// The name of the customer's first machine.
    async fn machine(&self) -> String {
        let path = format!("{SERVICES}?category=RFS&relatedParty.id={}", self.account.id);
        let mut looks = Looks::until("the first machine is there", PATIENCE);
        loop {
            let list = self.client.get(&path).await.expect(200);
            if let Some(machine) = list.as_array().unwrap().first() {
                return machine["name"].as_str().unwrap().to_owned();
            }
            looks.again().await;
        }
    }

    /// A change that cannot succeed, and is undone; its order is deleted.
    async fn fail_an_upgrade(&mut self) {
        let s = self.account.subscriptions[0].clone();
        let machine = self.machine().await;
        self.faults.fail("upgrade", &machine);
        for _ in 0..2 {
            let plan = self.draw.one_in(2).then_some(1);
            let ask = Ask::Change { subscription: s.id.clone(), plan, version: Some(1) };
            let placed = self.place(vec![ask], End::Failed).await;
            let id = placed["id"].as_str().unwrap();
            self.client.order_ended(id).await;
            let answer = self.client.delete(&path(&placed)).await;
            // A repeat does not find it any more.
            assert!(matches!(answer.status, 204 | 404), "{answer:?}");
            self.books.lock().unwrap().deleted.insert(id.to_owned());
            self.last = None;
        }
        // The rule stays as long as the machine does; the rest of this life has another one.
        self.order(vec![Ask::Terminate(s.id)]).await;
        self.order(vec![Ask::Provision { app: 1, plan: 0, version: 0 }]).await;
    }

    /// Upgrades that are held at their last step, and go on when an operator says so.
    async fn ask_an_operator(&mut self) {
        let machine = self.machine().await;
        self.waits = false;
        for _ in 0..2 {
            let s = self.account.subscriptions[0].clone();
            self.faults.fail("delete_spool", &machine);
            let ask = Ask::Change { subscription: s.id, plan: None, version: Some(1 - s.version.min(1)) };
            let id = self.order(vec![ask]).await;
            let mut looks = Looks::until("the order is held", PATIENCE);
            let held = loop {
                let order = self.client.order(&id).await;
                if order["state"] == "held" {
                    break order;
                }
                looks.again().await;
            };
            let words = json!({ "description": "held for a moment" });
            self.client.patch(&path(&held), &words).await.expect(200);
            self.faults.mend("delete_spool", &machine);
            let stuck = self.client.get("/api/v1/fallout").await.expect(200);
            // The jobs of a product order are its service order's.
            let inside = self.client.get(&format!("/api/v1/orders/{id}")).await.expect(200);
            let works = inside["serviceOrder"].as_str().unwrap_or(&id);
            for job in stuck.as_array().unwrap().iter().filter(|j| j["order"] == works) {
                let path = format!("/api/v1/fallout/{}/retry", job["id"].as_str().unwrap());
                let answer = self.client.post(&path, &json!({ "reason": "mended" })).await;
                // A repeat finds that it is decided.
                assert!(matches!(answer.status, 202 | 409), "{answer:?}");
            }
            self.client.order_ended(&id).await;
        }
        self.waits = true;
    }

    /// Orders that are cancelled as soon as they are accepted.
    async fn cancel_some(&mut self) {
        for _ in 0..3 {
            let s = self.account.subscriptions[0].clone();
            let ask = self.change(&s);
            let placed = self.place(vec![ask.clone()], End::CompletedOrCancelled).await;
            let id = placed["id"].as_str().unwrap();
            let mut looks = Looks::until("the order has begun or ended", PATIENCE);
            while self.client.order(id).await["state"] == "acknowledged" {
                looks.again().await;
            }
            let (door, member) = match placed["@type"].as_str() {
                Some("ProductOrder") => (CANCEL_PRODUCT_ORDERS, "productOrder"),
                _ => (CANCELS, "serviceOrder"),
            };
            let reason = json!({ "cancellationReason": "thought better of it", member: { "id": id } });
            let answer = self.client.post(door, &reason).await;
            assert!(matches!(answer.status, 201 | 409), "{answer:?}");
            if self.client.order_ended(id).await["state"] == "completed" {
                self.account.complete(&ask, None);
            }
        }
    }
}

/// Where an order is.
fn path(order: &Value) -> String {
    let door = if order["@type"] == "ProductOrder" { PRODUCT_ORDERS } else { ORDERS };
    format!("{door}/{}", order["id"].as_str().unwrap())
}

/// The id of the backup that a completed item took.
pub fn made(item: &Value) -> Option<String> {
    let list = item["service"]["serviceCharacteristic"].as_array()?;
    let found = list.iter().find(|c| c["name"] == "backupId")?;
    Some(found["value"].as_str()?.to_owned())
}

/// Downloads until it has come whole, and compares.
pub async fn download(client: &Client, link: &Link) {
    let answer = client.get(&link.path).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(hex::encode(Sha256::digest(&answer.body)), link.sha256, "{link:?}");
}
