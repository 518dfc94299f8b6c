//! Backups, octet for octet. Here: data that a test writes into a subscription's volume, and what it looks at.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use telvisor::inventory::names;
use telvisor::jobs::sweep;
use uuid::Uuid;

use crate::harness::{CRM, MIB, ORDERS, TestApp, files_below, noise};

mod keeping;
mod restoring;
mod scheduled;

const SHARE: &str = "filenook";

/// Writes several MiB into a subscription's volume: large, small, empty and nested files.
fn fill(app: &TestApp, subscription: &str, seed: u64) {
    let volume = app.volume(subscription);
    let write = |path: &str, content: &[u8]| {
        let path = volume.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("photos/large", &noise(seed, 3 * MIB + 17));
    write("photos/2026/deep/er/small", &seed.to_be_bytes());
    write("text", "the same line\n".repeat(100_000 + seed as usize).as_bytes());
    write("empty", b"");
    write("counter", format!("{seed}\n").as_bytes());
}

/// Every file of a subscription's volume. `format` says which version wrote the data, and changes with it.
fn data(app: &TestApp, subscription: &str) -> BTreeMap<String, Vec<u8>> {
    let mut out = files_below(&app.volume(subscription));
    out.remove("format");
    assert!(out.values().map(Vec::len).sum::<usize>() > 4 * MIB, "the data is there: {:?}", out.keys());
    out
}

fn format(app: &TestApp, subscription: &str) -> String {
    std::fs::read_to_string(app.volume(subscription).join("format")).unwrap().trim().to_owned()
}

fn states(list: &[Value]) -> Vec<&str> {
    list.iter().map(|b| b["state"].as_str().unwrap()).collect()
}

async fn refused(app: &TestApp, item: Value, status: u16) -> Value {
    app.post(ORDERS, &json!({ "serviceOrderItem": [item] })).await.expect(status)
}

fn object(app: &TestApp, backup: &Value) -> PathBuf {
    let id: Uuid = backup["id"].as_str().unwrap().parse().unwrap();
    app.data().join("backups").join(names::object("default", id))
}

async fn expire(app: &TestApp) {
    sweep::expire(app.engine()).await.unwrap();
}

/// A customer with one subscription whose volume is full.
async fn subscriber(app: &TestApp, version: Option<&str>) -> String {
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", version).await;
    fill(app, &s, 1);
    s
}

async fn types(app: &TestApp) -> Vec<String> {
    let records = app.records("mediation-csv").await;
    records.iter().map(|r| r["recordType"].as_str().unwrap().to_owned()).collect()
}
