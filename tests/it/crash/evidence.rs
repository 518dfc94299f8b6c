//! What anybody can see from outside once nothing is open: the doors, the world's folder, the folders of finished
//! files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Client;
use super::site::Site;
use crate::harness::{SERVICES, files_below};

/// Everything that the auditor looks at.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Orders as TMF641 lists them.
    pub orders: Vec<Value>,
    /// The same orders with their history, by id.
    pub histories: BTreeMap<String, Value>,
    /// Services as TMF638 lists them.
    pub services: Vec<Value>,
    pub open_jobs: Vec<Value>,
    /// Backups by subscription.
    pub backups: BTreeMap<String, Vec<Value>>,
    /// SDR files as listed, with the octets that the server rebuilds.
    pub files: Vec<(Value, Vec<u8>)>,
    /// What lies in `sdr/`, by path.
    pub delivered: BTreeMap<String, Vec<u8>>,
    /// What lies in `backups/`, by path.
    pub store: BTreeMap<String, Vec<u8>>,
    /// Each product order with its service order.
    pub pairs: Vec<[Value; 2]>,
    /// The world's machines by name.
    pub machines: BTreeMap<String, Value>,
    /// The world's data volumes, `machine/subscription`.
    pub volumes: Vec<String>,
    /// Archives that lie in the guests' spools.
    pub spools: Vec<String>,
    /// The world's `operations.log`.
    pub operations: Vec<Value>,
}

impl Evidence {
    pub async fn gather(client: &Client, site: &Site) -> Self {
        let (world, data) = (site.world(), site.data());
        let (orders, pairs) = client.orders().await;
        let services = client.all(SERVICES).await;
        let mut histories = BTreeMap::new();
        for order in &orders {
            let id = order["id"].as_str().unwrap();
            histories.insert(id.to_owned(), client.get(&format!("/api/v1/orders/{id}")).await.expect(200));
        }
        let mut backups = BTreeMap::new();
        let is_subscription = |s: &&Value| s["category"] == "CFS" && s["serviceType"] != "customer-account";
        for s in services.iter().filter(is_subscription) {
            let id = s["id"].as_str().unwrap();
            let list = client.get(&format!("/api/v1/subscriptions/{id}/backups")).await.expect(200);
            backups.insert(id.to_owned(), list.as_array().unwrap().clone());
        }
        let mut files = vec![];
        for f in client.get("/api/v1/sdr/files").await.expect(200).as_array().unwrap() {
            let (recipient, seq) = (f["recipient"].as_str().unwrap(), &f["fileSeq"]);
            let answer = client.get(&format!("/api/v1/sdr/files/{recipient}/{seq}")).await;
            assert_eq!(answer.status, 200, "{f}: {}", String::from_utf8_lossy(&answer.body));
            files.push((f.clone(), answer.body));
        }
        let log = std::fs::read_to_string(world.join("operations.log")).unwrap_or_default();
        let json = |octets: &Vec<u8>| serde_json::from_slice(octets).expect("a machine's entry is JSON");
        let two_levels = |path: &str| path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        let mut volumes: Vec<String> =
            files_below(&world.join("volumes")).keys().map(|p| two_levels(p)).collect();
        volumes.dedup();
        Self {
            orders,
            pairs,
            histories,
            services,
            open_jobs: client.get("/api/v1/jobs").await.expect(200).as_array().unwrap().clone(),
            backups,
            files,
            delivered: files_below(&data.join("sdr")),
            store: files_below(&data.join("backups")),
            machines: files_below(&world.join("machines"))
                .iter()
                .map(|(name, octets)| (name.clone(), json(octets)))
                .collect(),
            volumes,
            spools: files_below(&world.join("spool")).into_keys().collect(),
            operations: log
                .lines()
                .map(|l| serde_json::from_str(l).expect("a line of the log is JSON"))
                .collect(),
        }
    }
}
