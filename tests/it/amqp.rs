//! Hints over RabbitMQ, with processes of their own. Where `TEST_RABBITMQ` does not name the script that starts a
//! private broker, or there is no PostgreSQL, there is nothing to try: one process needs no broker.

mod cluster;
mod ending;
mod secure;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;

use crate::crash::client::Client;
use crate::crash::site::{Server, Site};
use crate::harness::{CRM, ORDERS, create, provision, service_id, setting};
use crate::process::{Looks, PATIENCE};

/// A private broker.
struct Broker {
    script: PathBuf,
    folder: TempDir,
    url: String,
}

impl Broker {
    /// None where the test run has none.
    async fn open() -> Option<Self> {
        let script = PathBuf::from(setting("TEST_RABBITMQ")?);
        setting("TEST_DATABASE_URL")?;
        let folder = TempDir::new().unwrap();
        // The broker runs as another user.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let url = run(&script, "start", &folder.path().join("node"), &[]).await;
        Some(Self { script, folder, url })
    }

    /// rabbitmqctl on it.
    async fn ctl(&self, words: &[&str]) -> String {
        run(&self.script, "run", &self.node(), &[&["rabbitmqctl", "--quiet"], words].concat()).await
    }

    fn node(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    async fn kill(&self) {
        run(&self.script, "kill", &self.node(), &[]).await;
    }

    async fn begin_again(&self) {
        assert_eq!(run(&self.script, "start", &self.node(), &[]).await, self.url);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.script);
        command.arg("stop").arg(self.node()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

async fn run(script: &Path, what: &str, folder: &Path, more: &[&str]) -> String {
    let mut command = Command::new(script);
    let out = command.arg(what).arg(folder).args(more).stderr(Stdio::inherit()).output().await.unwrap();
    assert!(out.status.success(), "{what}: {}", out.status);
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// A process of one role that finds nothing by looking: without the broker it would wait for ten minutes.
async fn process(site: &mut Site, role: &str, amqp: &str) -> Server {
    process_with(site, role, amqp, &[]).await
}

async fn process_with(site: &mut Site, role: &str, amqp: &str, more: &[(&str, String)]) -> Server {
    let variables = [
        ("TELVISOR_ROLE", role.to_owned()),
        ("TELVISOR_AMQP", amqp.to_owned()),
        ("TELVISOR_JOBS__SWEEP_MS", "600000".to_owned()),
        ("TELVISOR_HEALTH__LISTEN", "127.0.0.1:0".to_owned()),
    ];
    site.process(&[&variables[..], more].concat()).await
}

fn client(api: &Server) -> Client {
    Client::new(watch::channel(api.url.clone()).1, watch::channel(0).0)
}

async fn place(client: &Client, item: &Value) -> Value {
    client.post(ORDERS, &json!({ "serviceOrderItem": [item] })).await.expect(201)
}

/// The order when it has ended, which has to be well.
async fn completed(client: &Client, order: &Value) -> Value {
    let order = client.order_ended(order["id"].as_str().unwrap()).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    order
}

async fn metric(api: &Server, name: &str) -> f64 {
    metric_at(&api.url, name).await
}

async fn metric_at(url: &str, name: &str) -> f64 {
    let text = telvisor::http::client().build().unwrap().get(format!("{url}/metrics")).send().await;
    let text = text.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(0.0)
}

#[tokio::test]
async fn orders_accepted_by_one_process_are_done_by_another() {
    let Some(broker) = Broker::open().await else { return };
    let mut site = Box::pin(Site::open()).await;
    // The first node of the cluster is down: the next one is tried.
    let nodes = format!("amqp://guest:guest@127.0.0.1:1/%2f,{}", broker.url);
    let api = process(&mut site, "api", &nodes).await;
    let workers = [process(&mut site, "worker", &nodes).await, process(&mut site, "worker", &nodes).await];
    let client = client(&api);
    let copies = copies_of_jobs(&broker).await;
    let created = place(&client, &create("C-1")).await;
    completed(&client, &created).await;
    let provisioned = completed(&client, &place(&client, &provision("C-1", CRM, "solo", None)).await).await;
    assert!(!service_id(&provisioned, 0).is_empty());
    assert!(
        metric(&api, "telvisor_amqp_published_total").await >= 2.0,
        "told by messages that were confirmed"
    );

    a_message_carries_the_trace(&copies).await;
    what_is_no_hint_is_buried_with_the_reason(&broker, &workers[0]).await;
    completed(&client, &place(&client, &create("C-2")).await).await;
    drop(workers);
}

/// A queue that gets what the workers get, too.
async fn copies_of_jobs(broker: &Broker) -> (Connection, Channel) {
    let connection = Connection::connect(&broker.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let own = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("copies".into(), own, FieldTable::default()).await.unwrap();
    let (options, key) = (QueueBindOptions::default(), "jobs.machine".into());
    channel
        .queue_bind("copies".into(), "telvisor".into(), key, options, FieldTable::default())
        .await
        .unwrap();
    (connection, channel)
}

async fn a_message_carries_the_trace((_, channel): &(Connection, Channel)) {
    let got = channel.basic_get("copies".into(), BasicGetOptions { no_ack: true }).await.unwrap();
    let headers = got.expect("a job was told").delivery.properties.headers().clone().unwrap();
    let Some(AMQPValue::LongString(trace)) = headers.inner().get("traceparent") else {
        panic!("{headers:?}")
    };
    let lengths: Vec<_> = trace.to_string().split('-').map(str::len).collect();
    assert_eq!(lengths, [2, 32, 16, 2], "{trace}");
}

/// Whoever watches is told of it, until it is taken away.
async fn what_is_no_hint_is_buried_with_the_reason(broker: &Broker, worker: &Server) {
    let connection = Connection::connect(&broker.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = BasicPublishOptions::default();
    let properties = BasicProperties::default();
    channel.basic_publish("".into(), "telvisor.lines".into(), options, b"hello", properties).await.unwrap();
    let mut looks = Looks::until("a worker tells of the dead letter", PATIENCE);
    while metric_at(&worker.health, "telvisor_amqp_dead_letters").await < 1.0 {
        looks.again().await;
    }
    let mut looks = Looks::until("the message lies with the dead letters", PATIENCE);
    let dead = loop {
        let got = channel.basic_get("telvisor.dead".into(), BasicGetOptions { no_ack: true }).await.unwrap();
        if let Some(got) = got {
            break got.delivery;
        }
        looks.again().await;
    };
    assert_eq!(dead.data, b"hello");
    let headers: FieldTable = dead.properties.headers().clone().unwrap();
    let reason =
        headers.inner().iter().find(|(name, _)| name.as_str() == "x-telvisor-reason").map(|(_, v)| v);
    let Some(AMQPValue::LongString(reason)) = reason else { panic!("{headers:?}") };
    assert!(reason.to_string().contains("no hint"), "{reason}");
}

#[tokio::test]
async fn orders_go_on_being_accepted_without_the_broker_and_are_done_when_it_is_back() {
    let Some(broker) = Broker::open().await else { return };
    let mut site = Box::pin(Site::open()).await;
    let api = process(&mut site, "api", &broker.url).await;
    let _worker = process(&mut site, "worker", &broker.url).await;
    let client = client(&api);
    completed(&client, &place(&client, &create("C-0")).await).await;
    for round in 0..2 {
        broker.kill().await;
        let mut placed = vec![];
        for n in 0..20 {
            placed.push(place(&client, &create(&format!("C-{round}-{n}"))).await);
        }
        let mut looks = Looks::until("the hints wait for the broker", PATIENCE);
        while metric(&api, "telvisor_amqp_hints_pending").await < 1.0 {
            looks.again().await;
        }
        for order in &placed {
            let shown = client.order(order["id"].as_str().unwrap()).await;
            assert_eq!(shown["state"], "acknowledged", "nobody was told");
        }
        broker.begin_again().await;
        for order in &placed {
            completed(&client, order).await;
        }
    }
    tokio::time::timeout(Duration::from_secs(60), async {
        let mut looks = Looks::until("nothing waits any more", PATIENCE);
        while metric(&api, "telvisor_amqp_hints_pending").await > 0.0 {
            looks.again().await;
        }
    })
    .await
    .unwrap();
}
