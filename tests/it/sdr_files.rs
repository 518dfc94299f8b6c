//! Sealing and delivering SDR files. Here: how tests write records, seal, and check a recipient's files.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use telvisor::config::{Config, FileFormat, Recipient};
use telvisor::mediation::journal::Body;
use telvisor::mediation::seal::{self, Cut};
use telvisor::store::sdr::NewSdr;
use telvisor::store::{Tenant, Tx};
use uuid::Uuid;

use crate::harness::{CRM, TestApp, create};

mod audit;
mod closing;
mod content;
mod corrections;
mod disk;
mod formats;
mod keeping;
mod kills;
mod periods;
mod recipients;
mod resync;
mod streams;
mod takeover;
mod tools;

const CSV: &str = "mediation-csv";
const ASN1: &str = "mediation-asn1";

fn recipient(name: &str, schedule: &str) -> Recipient {
    Recipient { schedule: schedule.into(), ..Recipient::new(name, FileFormat::Csv) }
}

pub fn only(list: Vec<Recipient>) -> impl FnOnce(&mut Config) {
    move |c| c.mediation.recipient = list
}

pub async fn customers(app: &TestApp) {
    let mut test = create("T1");
    let list = test["service"]["serviceCharacteristic"].as_array_mut().unwrap();
    list.push(json!({ "name": "test", "value": true }));
    for item in [create("C1"), test] {
        app.done(item).await;
    }
}

/// Journals one record in an open transaction, as the end of an order item does.
pub async fn write(tx: &mut Tx<Tenant>, customer: &str, cause: &str) {
    write_at(tx, customer, cause, None).await;
}

/// The same of work that was done at this time.
async fn write_at(tx: &mut Tx<Tenant>, customer: &str, cause: &str, done: Option<DateTime<Utc>>) {
    let c = tx.customer_by_id(customer).await.unwrap().unwrap();
    let subject = tx.subject(c.uid, customer, None).await.unwrap();
    let body = Body {
        application: CRM.into(),
        version: "1.0".into(),
        previous_version: None,
        instance: Uuid::from_u128(7),
        duration_s: Some(1),
        success: true,
        cause: None,
        backup: None,
        volume_octets: None,
        plan: Some("solo".into()),
        previous_plan: None,
        order: Some(Uuid::from_u128(8)),
        external_order: Some(cause.into()),
        corrects: None,
    };
    let event_time = done.unwrap_or_else(|| tx.now());
    tx.insert_sdr(&NewSdr {
        cause,
        subject,
        test: c.test,
        only: None,
        kind: "installed",
        body: &serde_json::to_value(&body).unwrap(),
        event_time,
    })
    .await
    .unwrap();
}

/// Journals records of these names.
pub async fn journal(app: &TestApp, customer: &str, names: &[&str]) {
    for name in names {
        let mut tx = app.engine().db.tenant("default").await.unwrap();
        write(&mut tx, customer, name).await;
        tx.commit().await.unwrap();
    }
}

async fn journal_many(app: &TestApp, count: usize) {
    for n in 0..count {
        journal(app, "C1", &[&format!("order {n:04}")]).await;
    }
}

pub async fn cut(app: &TestApp, cut: Cut) -> usize {
    seal::seal(app.engine(), cut).await.unwrap().len()
}

pub async fn files(app: &TestApp, recipient: &str, test: bool) -> Vec<Value> {
    let all = app.get("/api/v1/sdr/files").await.expect(200);
    let mut list = all.as_array().unwrap().clone();
    list.retain(|f| f["recipient"] == recipient && f["test"] == test);
    list.sort_by_key(|f| f["fileSeq"].as_u64());
    list
}

fn octets(file: &Value) -> Vec<u8> {
    std::fs::read(file["path"].as_str().unwrap()).unwrap()
}

fn decoded(file: &Value) -> Value {
    let decoded = telvisor_sdr::decode::decode(&octets(file)).expect("a finished file decodes");
    serde_json::from_str(&telvisor_sdr::decode::to_json(&decoded)).unwrap()
}

/// The external ids of a file's records.
fn names(file: &Value) -> Vec<String> {
    let decoded = decoded(file);
    let records = decoded["records"].as_array().unwrap();
    records.iter().map(|r| r["externalOrderId"].as_str().unwrap_or("-").to_owned()).collect()
}

/// Whole files in a stream's order, numbered without gaps, on the disk as they were sealed, and rebuilt alike.
async fn check_stream(app: &TestApp, recipient: &str, test: bool) -> Vec<Value> {
    let list = files(app, recipient, test).await;
    let mut next = 1;
    for (n, f) in list.iter().enumerate() {
        assert_eq!(f["fileSeq"], n + 1);
        assert_eq!(f["state"], "acknowledged", "{f:#}");
        assert_eq!(f["firstNumber"], next);
        next += f["records"].as_u64().unwrap();
        assert_eq!(f["lastNumber"], next - 1);
        let octets = octets(f);
        assert_eq!(f["bytes"], octets.len());
        let path = format!("/api/v1/sdr/files/{recipient}/{}?test={test}", n + 1);
        let rebuilt = app.get(&path).await;
        assert_eq!(rebuilt.status, 200);
        assert!(rebuilt.octets == octets, "{path} gives other octets than {}", f["path"]);
        let seqs: Vec<u64> =
            decoded(f)["records"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (f["firstNumber"].as_u64().unwrap()..next).collect::<Vec<_>>());
    }
    list
}

/// Rows of a CSV file as cells; a plain reading, for files without quotes.
fn rows(file: &Value) -> Vec<Vec<String>> {
    let text = String::from_utf8(octets(file)).unwrap();
    assert!(text.ends_with("\r\n"));
    text.trim_end().split("\r\n").map(|r| r.split(',').map(str::to_owned).collect()).collect()
}
