//! The real router on a real database, with a clock that stands still and a queue that is run to empty.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use telvisor::access::memory::Memory;
use telvisor::api::hub::apis::SHOWS;
use telvisor::api::io::Connection;
use telvisor::api::{Doors, router};
use telvisor::app::{self, Running};
use telvisor::apps::catalogue::Catalogue;
use telvisor::clock::{TestClock, new_id};
use telvisor::config::{Config, OnFailure, Overrides};
use telvisor::engine::Engine;
use telvisor::hypervisor::simulator::{Settings, Simulator};
use telvisor::inventory::objects::Objects;
use telvisor::jobs::pool;
use telvisor::notify::run;
use telvisor::notify::send::Post;
use telvisor::queue::Queue;
use telvisor::secrets::Secrets;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

mod conforms;
mod data;
mod items;
mod messages;

pub use data::{MIB, copy_package, files_below, noise};
pub use items::{
    characteristic, create, item, modify, provision, restore, service_id, set_state, take_backup, terminate,
};

pub const ORDERS: &str = "/tmf-api/serviceOrdering/v4/serviceOrder";
pub const CANCELS: &str = "/tmf-api/serviceOrdering/v4/cancelServiceOrder";
pub const PRODUCT_ORDERS: &str = "/tmf-api/productOrderingManagement/v4/productOrder";
pub const CANCEL_PRODUCT_ORDERS: &str = "/tmf-api/productOrderingManagement/v4/cancelProductOrder";
pub const SERVICES: &str = "/tmf-api/serviceInventory/v4/service";
pub const SPECS: &str = "/tmf-api/serviceCatalogManagement/v4/serviceSpecification";

/// A plausible application of the demo catalogue, with three versions and three plans.
pub const CRM: &str = "kinfolk";

/// One answer of a door.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The octets of the body.
    pub octets: Vec<u8>,
    /// The body as JSON, or as a string where it is none.
    pub body: Value,
}

impl Answer {
    /// The answer's body, if it has this status; else a failure that shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }
}

/// Telvisor in this process, with the simulator, on a folder of its own.
pub struct TestApp {
    pub running: Running,
    pub clock: TestClock,
    pub config: Config,
    router: Router,
    folder: TempDir,
    /// Where hints go over a broker: the connection to it.
    messages: Option<messages::Connected>,
}

/// When every test begins.
pub fn start_time() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

/// A setting of the test run, from the environment; none when it is not set or empty.
#[expect(clippy::disallowed_methods, reason = "this is where tests learn how they are run")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A fresh database on the server that `TEST_DATABASE_URL` names; none: SQLite.
pub async fn database() -> Option<String> {
    let server = setting("TEST_DATABASE_URL")?;
    let name = format!("t_{}", new_id().simple());
    let pool = sqlx::PgPool::connect(&server).await.expect("TEST_DATABASE_URL answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&pool)
        .await
        .expect("a new database");
    pool.close().await;
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    Some(format!("{base}/{name}"))
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With changes to the default configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = Config::load(None, &Overrides::default()).expect("the defaults are right");
        config.data = folder.path().join("var");
        config.database.connections = 8;
        if let Some(url) = database().await {
            config.database.owner_url.clone_from(&url);
            config.database.url = url;
        }
        messages::configure(&mut config);
        change(&mut config);
        Self::open(folder, config, TestClock::at(start_time())).await
    }

    /// One that holds what fails, for an operator to decide.
    pub async fn holding() -> Self {
        Self::with(|c| c.jobs.on_failure = OnFailure::Hold).await
    }

    async fn open(folder: TempDir, config: Config, clock: TestClock) -> Self {
        let running = Box::pin(app::open(config.clone(), Arc::new(clock.clone()))).await.expect("it starts");
        // Recipients get what is journalled after they were configured.
        clock.advance(TimeDelta::seconds(1));
        let doors = Doors {
            engine: running.engine.clone(),
            metrics: app::recorder(),
            draining: CancellationToken::new(),
            downloads: TaskTracker::new(),
        };
        let connection = Connection { peer: "127.0.0.1:1".parse().unwrap(), sent: Arc::default() };
        let router = router(doors).layer(axum::Extension(ConnectInfo(connection)));
        let messages = messages::connect(&running).await;
        Self { running, clock, config, router, folder, messages }
    }

    /// Stops, and starts again on the same data, as after a crash or an upgrade.
    pub async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same with another configuration.
    pub async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { running, clock, mut config, router, folder, messages } = self;
        drop((router, messages));
        running.close().await;
        change(&mut config);
        Self::open(folder, config, clock).await
    }

    pub fn engine(&self) -> &Engine {
        &self.running.engine
    }

    pub fn simulator(&self) -> &Simulator {
        self.running.simulator.as_ref().expect("the simulator is in this process")
    }

    /// Lets an operation fail each time until something else is set.
    pub fn breaks(&self, operation: &str) {
        self.faults(json!({ "rules": [{ "operation": operation, "effect": "fail" }] }));
    }

    /// Ends all faults.
    pub fn mends(&self) {
        self.faults(json!({}));
    }

    /// Sets latency and faults of the simulator; see `hypervisor::simulator::faults`.
    pub fn faults(&self, settings: Value) {
        let settings: Settings = serde_json::from_value(settings).expect("fault settings");
        self.simulator().set_faults(settings);
    }

    pub fn data(&self) -> PathBuf {
        self.config.data.clone()
    }

    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let mut headers = headers.to_vec();
        if body.is_some() && !headers.iter().any(|(k, _)| *k == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_vec()));
        self.send(method, path, &headers, body).await
    }

    /// Sends a body of any kind, with these headers alone.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(&method).uri(path).header("host", "localhost:8080");
        for (k, v) in headers {
            request = request.header(*k, *v);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let octets = to_bytes(body, 64 << 20).await.unwrap().to_vec();
        let body = serde_json::from_slice(&octets)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&octets).into_owned()));
        let answer = Answer { status: parts.status, headers: parts.headers, octets, body };
        conforms::check(method.as_str(), path, &answer);
        answer
    }

    /// Answers on loopback, too, for clients that make connections of their own; its address.
    pub async fn listens(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[], Some(body.to_string().as_bytes())).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, path, &[], Some(body.to_string().as_bytes())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], None).await
    }

    /// Moves the clock to a time, as RFC 3339 writes it.
    pub fn goto(&self, at: &str) {
        let at: DateTime<Utc> = at.parse().unwrap();
        self.clock.advance(at - self.engine().db.clock().now());
    }

    /// Runs everything that is due; moves the clock to what is delayed, until nothing is left to do.
    pub async fn run(&self) {
        for round in 0..1000 {
            // In a box, as below: the future of every test would hold what all of these need at once, on its stack.
            let done = match &self.messages {
                Some(_) if round == 0 => Box::pin(messages::run_to_empty(self.engine())).await,
                // When a time has come nobody tells: the sweep finds it.
                _ => Box::pin(pool::run_to_empty(self.engine())).await,
            };
            done.expect("the database answers");
            let next = self.engine().db.read_system().await.unwrap().next_due().await.unwrap();
            match next {
                None => return,
                Some(at) => {
                    let now = self.engine().db.clock().now();
                    self.clock.advance((at - now).max(TimeDelta::milliseconds(1)));
                }
            }
        }
        panic!("the queue does not run empty");
    }

    /// Gives events their positions and sends what is due now; the clock stands still.
    pub async fn notify(&self) {
        let post = Post::new(&self.config).unwrap();
        run::run_due(&self.running.engine, SHOWS, &post).await.expect("the database answers");
    }

    /// Sends until nothing is left to be sent: the clock moves to each retry.
    pub async fn notify_all(&self) {
        for _ in 0..500 {
            self.notify().await;
            let next = self.engine().db.read_system().await.unwrap().next_delivery().await.unwrap();
            let Some(at) = next else { return };
            let now = self.engine().db.clock().now();
            self.clock.advance((at - now).max(TimeDelta::milliseconds(1)));
        }
        panic!("a listener never takes what it is sent");
    }

    /// Places an order with these items and runs it to its end; the order as it is then.
    pub async fn order(&self, items: Value) -> Value {
        let body = json!({ "serviceOrderItem": items });
        let placed = Box::pin(self.post(ORDERS, &body)).await.expect(201);
        Box::pin(self.run()).await;
        Box::pin(self.show(&placed)).await
    }

    /// Runs an order of one item to its end, which must be good.
    pub async fn done(&self, item: Value) -> Value {
        let order = self.order(json!([item])).await;
        assert_eq!(order["state"], "completed", "{order:#}");
        order
    }

    /// Runs an order of one item that is held because this operation fails, which works again afterwards.
    pub async fn held(&self, operation: &str, item: Value) -> Value {
        self.breaks(operation);
        let order = self.order(json!([item])).await;
        self.mends();
        assert_eq!(order["state"], "held", "{order:#}");
        order
    }

    /// What another process on the same database, store and hypervisor would hold.
    pub async fn another(&self) -> Engine {
        let e = self.engine();
        let catalogue = Catalogue::default();
        catalogue.load(&e.db).await.unwrap();
        Engine {
            config: e.config.clone(),
            db: e.db.clone(),
            catalogue,
            queue: Arc::new(Queue::new(true, None)),
            driver: e.driver.clone(),
            objects: Objects::open(&self.data().join("backups")).unwrap(),
            files: e.files.clone(),
            secrets: Secrets::open(&e.config.key_file()).unwrap(),
            access: Memory::default(),
            estimates: telvisor::store::durations::Estimates::default(),
            installation: e.installation,
            worker: "another".into(),
        }
    }

    /// Places an order with these items, and does not run it.
    pub async fn place(&self, items: Value) -> Value {
        self.post(ORDERS, &json!({ "serviceOrderItem": items })).await.expect(201)
    }

    /// Runs what is due now, and leaves the clock where it stands.
    pub async fn run_due(&self) {
        pool::run_to_empty(self.engine()).await.expect("the database answers");
    }

    /// How many orders and how many services there are.
    pub async fn counts(&self) -> (String, String) {
        let mut totals = vec![];
        for list in [ORDERS, SERVICES] {
            let answer = self.get(&format!("{list}?limit=0")).await;
            totals.push(answer.headers["x-total-count"].to_str().unwrap().to_owned());
            answer.expect(200);
        }
        (totals[0].clone(), totals[1].clone())
    }

    /// Changes the database behind the server's back.
    pub async fn sql(&self, statements: &'static str) {
        let url = self.config.database_url();
        if url.starts_with("sqlite:") {
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            sqlx::raw_sql(statements).execute(&pool).await.unwrap();
            pool.close().await;
        } else {
            let pool = sqlx::PgPool::connect(&url).await.unwrap();
            sqlx::raw_sql(statements).execute(&pool).await.unwrap();
            pool.close().await;
        }
    }

    /// The jobs of an order.
    pub async fn jobs(&self, order: &Value) -> Vec<Value> {
        let order = self.get(&format!("/api/v1/orders/{}", order["id"].as_str().unwrap())).await.expect(200);
        order["items"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|i| i["jobs"].as_array().unwrap().clone())
            .collect()
    }

    /// An order as it is now.
    pub async fn show(&self, order: &Value) -> Value {
        self.get(&format!("{ORDERS}/{}", order["id"].as_str().unwrap())).await.expect(200)
    }

    /// A service of TMF638 as it is now.
    pub async fn service(&self, id: &str) -> Value {
        self.get(&format!("{SERVICES}/{id}")).await.expect(200)
    }

    /// Creates a customer.
    pub async fn customer(&self, id: &str) {
        self.done(create(id)).await;
    }

    /// Provisions an application; the subscription's id.
    pub async fn provision(
        &self,
        customer: &str,
        application: &str,
        plan: &str,
        version: Option<&str>,
    ) -> String {
        service_id(&self.done(provision(customer, application, plan, version)).await, 0)
    }

    /// Takes a backup by an order; its id, which the completed item carries.
    pub async fn back_up(&self, subscription: &str) -> String {
        let done = self.done(take_backup(subscription)).await;
        let id = characteristic(&done["serviceOrderItem"][0]["service"], "backupId");
        id.unwrap_or_else(|| panic!("the completed item carries backupId: {done:#}"))
    }

    /// The backups of a subscription, as they are listed.
    pub async fn backups(&self, subscription: &str) -> Vec<Value> {
        let list = self.get(&format!("/api/v1/subscriptions/{subscription}/backups")).await.expect(200);
        list.as_array().unwrap().clone()
    }

    /// The simulator's machines: what stands in `world/machines`.
    pub fn machines(&self) -> Vec<Value> {
        let folder = self.data().join("world/machines");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return vec![];
        };
        entries.map(|e| serde_json::from_slice(&std::fs::read(e.unwrap().path()).unwrap()).unwrap()).collect()
    }

    /// Folder of a subscription's data in the simulator's world.
    pub fn volume(&self, subscription: &str) -> PathBuf {
        let volumes = self.data().join("world/volumes");
        for machine in std::fs::read_dir(&volumes).unwrap() {
            let path = machine.unwrap().path().join(subscription);
            if path.is_dir() {
                return path;
            }
        }
        panic!("subscription {subscription} has no volume");
    }

    /// The records of all sealed files of a recipient, after sealing what is open.
    pub async fn records(&self, recipient: &str) -> Vec<Value> {
        self.request(Method::POST, "/api/v1/sdr/seal", &[], None).await.expect(200);
        let files = self.get("/api/v1/sdr/files").await.expect(200);
        let mut out = vec![];
        for f in files.as_array().unwrap().iter().filter(|f| f["recipient"] == recipient) {
            let octets = std::fs::read(f["path"].as_str().unwrap()).expect("a listed file is there");
            let decoded = telvisor_sdr::decode::decode(&octets).expect("our own files decode");
            let decoded: Value = serde_json::from_str(&telvisor_sdr::decode::to_json(&decoded)).unwrap();
            out.extend(decoded["records"].as_array().unwrap().iter().cloned());
        }
        out
    }
}
