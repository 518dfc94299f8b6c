//! What a bug could leave behind, planted in good evidence, one breach at a time: the auditor has to see each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::evidence::Evidence;
use super::load::Books;

/// Name of a breach, what the auditor has to say of it, and how it is planted.
type Breach = (&'static str, &'static str, fn(&mut Books, &mut Evidence));

pub const BREACHES: &[Breach] = &[
    ("an order that was lost", "orders: 1 missing", |_, seen| {
        drop(seen.orders.remove(0));
    }),
    ("an order that nobody placed", "orders: 1 too many", |books, _| {
        drop(books.placed.pop());
    }),
    ("an order that is still open", "is inProgress", |_, seen| {
        seen.orders[0]["state"] = json!("inProgress");
    }),
    ("an order that ended twice", "did not end once", |_, seen| {
        let history = first_history(seen);
        let mut again = history.last().expect("it has ended").clone();
        again["number"] = json!(history.len() + 1);
        history.push(again);
    }),
    ("a product order that was left behind by its service order", "its service order", |_, seen| {
        seen.pairs.last_mut().expect("there are product orders")[0]["state"] = json!("inProgress");
    }),
    ("a product order without its service order", "its service order", |_, seen| {
        seen.pairs.last_mut().expect("there are product orders")[1] = Value::Null;
    }),
    ("a gap in a history", "its history is numbered", |_, seen| {
        drop(first_history(seen).remove(0));
    }),
    ("a job that is open", "a job is open", |_, seen| {
        seen.open_jobs.push(json!({ "state": "fallout" }));
    }),
    ("a machine too many", "machines: 1 too many", |_, seen| {
        let machine = json!({
            "id": "none", "customer": "crash-0", "state": "running", "applications": [], "vcpu": 1, "memoryMiB": 1,
            "diskGiB": 1,
        });
        seen.machines.insert("tv-planted".into(), machine);
    }),
    ("a machine that is gone", "machines: 1 missing", |_, seen| {
        drop(seen.machines.pop_first().expect("some customers stay"));
    }),
    ("a machine in the wrong state", "machines: 1 missing", |_, seen| {
        let machine = seen.machines.first_entry().expect("some customers stay").into_mut();
        let other = if machine["state"] == "running" { "suspended" } else { "running" };
        machine["state"] = json!(other);
    }),
    ("an application on the wrong version", "machines: 1 missing", |_, seen| {
        let machine = seen.machines.first_entry().expect("some customers stay").into_mut();
        machine["applications"][0]["version"] = json!("0.0");
    }),
    ("a machine that was made twice", "was made 2 times", |_, seen| {
        let made = |o: &&Value| o["operation"] == "create_machine" && o["changed"] == true;
        let twice = seen.operations.iter().find(made).expect("machines were made").clone();
        seen.operations.push(twice);
    }),
    ("a volume without a machine", "which does not exist", |_, seen| {
        seen.volumes.push("tv-gone/some-subscription".into());
    }),
    ("an archive in a spool", "left in a spool", |_, seen| {
        seen.spools.push("tv-some/left.tar.zst".into());
    }),
    ("a service that is gone", "services: 1 missing", |_, seen| {
        let n = seen.services.iter().position(|s| s["category"] == "CFS").expect("there are some");
        seen.services.remove(n);
    }),
    ("a file that was not delivered", "was not delivered", |_, seen| {
        drop(seen.delivered.pop_first().expect("files were sealed"));
    }),
    ("a file that lost its last octet", "differs from what is rebuilt", |_, seen| {
        let file = seen.delivered.first_entry().expect("files were sealed").into_mut();
        file.pop();
    }),
    ("a temporary file among the finished", "nobody knows of sdr/mediation-csv/half.csv.tmp", |_, seen| {
        seen.delivered.insert("mediation-csv/half.csv.tmp".into(), vec![]);
    }),
    ("a gap in the file numbers", "does not follow on file", |_, seen| {
        let n = seen.files.iter().position(|(f, _)| f["fileSeq"] == 1).expect("files were sealed");
        seen.files[n].0["fileSeq"] = json!(7777);
    }),
    // How many are alike depends on what was drawn.
    ("records that are missing", "records of mediation-asn1", |_, seen| {
        // The last file of each recipient is gone with all that would tell of it: no number shows a gap.
        let files = std::mem::take(&mut seen.files);
        let place = |f: &Value| (f["recipient"].as_str().unwrap().to_owned(), f["fileSeq"].as_u64());
        let last: BTreeMap<_, _> =
            files.iter().map(|(f, _)| place(f)).collect::<BTreeSet<_>>().into_iter().collect();
        let (gone, stay) =
            files.into_iter().partition(|(f, _)| last[f["recipient"].as_str().unwrap()] == place(f).1);
        seen.files = stay;
        for (f, _) in &gone as &Vec<(Value, Vec<u8>)> {
            let path = format!("{}/{}", f["recipient"].as_str().unwrap(), f["name"].as_str().unwrap());
            seen.delivered.remove(&path).expect("it was delivered");
        }
    }),
    ("a record too many", "1 too many", |books, _| {
        drop(books.links.pop().expect("backups were downloaded"));
    }),
    ("a backup with another content", "octets that were taken", |_, seen| {
        let backup = seen.store.first_entry().expect("backups are kept").into_mut();
        backup[0] ^= 1;
    }),
    ("a backup that is gone", "is not there", |_, seen| {
        drop(seen.store.pop_first().expect("backups are kept"));
    }),
    ("half a backup", "nobody knows of backups/", |_, seen| {
        drop(seen.store.insert("default/half.tar.part".into(), vec![0]));
    }),
    ("a backup that is still being taken", "is taking", |_, seen| {
        let mut list = seen.backups.values_mut().flatten();
        list.next().expect("backups are kept")["state"] = json!("taking");
    }),
];

fn first_history(seen: &mut Evidence) -> &mut Vec<Value> {
    let order = seen.histories.first_entry().expect("there are orders").into_mut();
    order["history"].as_array_mut().expect("a list")
}
