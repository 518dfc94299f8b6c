//! What orders leave behind, as tests compare it: records, machines, and the data in a volume.

use serde_json::Value;

use crate::harness::{MIB, TestApp, noise};

/// The records so far, oldest first. Both recipients must have the same.
pub async fn records(app: &TestApp) -> Vec<Value> {
    let mut csv = app.records("mediation-csv").await;
    let mut asn1 = app.records("mediation-asn1").await;
    for list in [&mut csv, &mut asn1] {
        list.sort_by_key(|r| r["seq"].as_u64());
        let numbers: Vec<_> = list.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=list.len() as u64).collect::<Vec<_>>(), "record numbers have no gap");
    }
    assert_eq!(csv, asn1);
    csv
}

/// These members of a record, in this order; null where it has none.
fn brief(record: &Value, members: &[&str]) -> Value {
    members.iter().map(|m| record[*m].clone()).collect()
}

/// Type, version, plan, version before, plan before of each record after the first `known`.
pub async fn changes(app: &TestApp, known: usize) -> Vec<Value> {
    const MEMBERS: [&str; 5] =
        ["recordType", "applicationVersion", "planId", "previousVersion", "previousPlanId"];
    records(app).await[known..].iter().map(|r| brief(r, &MEMBERS)).collect()
}

/// vCPU, memory and disk of the only machine.
pub fn size(app: &TestApp) -> [u64; 3] {
    let machines = app.machines();
    assert_eq!(machines.len(), 1, "{machines:#?}");
    ["vcpu", "memoryMiB", "diskGiB"].map(|m| machines[0][m].as_u64().unwrap())
}

/// State of a subscription's application in the simulator's world; none when it is on no machine.
pub fn in_world(app: &TestApp, subscription: &str) -> Option<String> {
    let machines = app.machines();
    let mut applications = machines.iter().flat_map(|m| m["applications"].as_array().unwrap());
    let found = applications.find(|a| a["subscription"] == subscription)?;
    Some(found["state"].as_str().unwrap().to_owned())
}

/// Several MiB that do not compress, different for each seed.
pub fn write_data(app: &TestApp, subscription: &str, seed: u8) -> Vec<u8> {
    let octets = noise(seed.into(), 3 * MIB);
    std::fs::write(app.volume(subscription).join("ledger.bin"), &octets).unwrap();
    octets
}

pub fn read_data(app: &TestApp, subscription: &str) -> Vec<u8> {
    std::fs::read(app.volume(subscription).join("ledger.bin")).expect("the data is there")
}
