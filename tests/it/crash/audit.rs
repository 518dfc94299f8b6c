//! The auditor: compares what was acknowledged with what can be seen, and says in words what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use telvisor_sdr::record::Record;

use super::client::is_final;
use super::evidence::Evidence;
use super::load::{Books, End, made};
use super::model::{Account, Expected, State, Subscription};

/// Everything that is wrong; empty when nothing is.
pub fn audit(books: &Books, seen: &Evidence) -> Vec<String> {
    let mut wrong = vec![];
    orders(books, seen, &mut wrong);
    let (accounts, _) = replay(books, &seen.orders);
    let expected = expected(books, &seen.orders);
    machines(&accounts, seen, &mut wrong);
    services(&accounts, seen, &mut wrong);
    creations(seen, &mut wrong);
    files(seen, &mut wrong);
    records(&expected, seen, &mut wrong);
    backups(seen, &mut wrong);
    wrong
}

/// The records that have to be there: those of the completed items, and one for each link.
pub fn expected(books: &Books, orders: &[Value]) -> Vec<Expected> {
    let (_, mut expected) = replay(books, orders);
    expected.extend(books.links.iter().map(|link| Expected {
        kind: "backup-downloaded",
        customer: link.customer.clone(),
        subscription: link.subscription.clone(),
        application: link.of[0].clone(),
        version: link.of[1].clone(),
        plan: link.of[2].clone(),
        backup: Some(link.backup.clone()),
        ..Expected::default()
    }));
    expected
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Says what is in one list and not, or less often, in the other.
fn differ<T: Ord + Debug>(what: &str, expected: Vec<T>, found: Vec<T>, wrong: &mut Vec<String>) {
    let mut count: BTreeMap<T, i64> = BTreeMap::new();
    for e in expected {
        *count.entry(e).or_default() += 1;
    }
    for f in found {
        *count.entry(f).or_default() -= 1;
    }
    for (entry, n) in count.into_iter().filter(|(_, n)| *n != 0) {
        let how = if n > 0 { "missing" } else { "too many" };
        wrong.push(format!("{what}: {} {how}: {entry:?}", n.abs()));
    }
}

/// Every order that was acknowledged is there once, has ended as it had to, and ended once; there are no others.
fn orders(books: &Books, seen: &Evidence, wrong: &mut Vec<String>) {
    let shown = books.placed.iter().filter(|p| !books.deleted.contains(&p.id));
    let acknowledged = shown.map(|p| (p.id.as_str(), p.external.as_str())).collect();
    let found = seen.orders.iter().map(|o| (text(o, "id"), text(o, "externalId"))).collect();
    differ("orders", acknowledged, found, wrong);
    let ends: BTreeMap<&str, End> = books.placed.iter().map(|p| (p.id.as_str(), p.end)).collect();
    for order in &seen.orders {
        let (id, state) = (text(order, "id"), text(order, "state"));
        let right = match ends.get(id) {
            Some(End::Completed) => state == "completed",
            Some(End::Failed) => state == "failed",
            Some(End::CompletedOrCancelled) => matches!(state, "completed" | "cancelled"),
            None => is_final(order),
        };
        if !right {
            wrong.push(format!("order {id} ({:?}) is {state}: {}", ends.get(id), order["errorMessage"]));
        }
        let history =
            seen.histories.get(id).map_or(&[][..], |h| h["history"].as_array().map_or(&[][..], |l| l));
        let numbers: Vec<_> = history.iter().map(|h| h["number"].as_u64().unwrap_or(0)).collect();
        if !numbers.iter().copied().eq(1..=numbers.len() as u64) {
            wrong.push(format!("order {id}: its history is numbered {numbers:?}"));
        }
        let ended = |h: &&Value| h["item"].is_null() && is_final(h);
        if history.iter().filter(ended).count() != 1 {
            wrong.push(format!("order {id} did not end once: {history:?}"));
        }
    }
    for [product, service] in &seen.pairs {
        let ends = |o: &Value| -> Vec<String> {
            let items = o["serviceOrderItem"].as_array().cloned().unwrap_or_default();
            let states = items.iter().map(|i| format!("{} {}", text(i, "id"), text(i, "state")));
            [text(o, "state").to_owned()].into_iter().chain(states).collect()
        };
        let (of_product, of_service) = (ends(product), ends(service));
        if of_product != of_service {
            let id = text(product, "id");
            wrong.push(format!("product order {id} shows {of_product:?}, its service order {of_service:?}"));
        }
    }
    for job in &seen.open_jobs {
        wrong.push(format!("a job is open: {job}"));
    }
}

/// What the completed orders leave, customer by customer, and the records that they have to have written.
fn replay(books: &Books, orders: &[Value]) -> (BTreeMap<String, Account>, Vec<Expected>) {
    let by_id: BTreeMap<&str, &Value> = orders.iter().map(|o| (text(o, "id"), o)).collect();
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut expected = vec![];
    for placed in &books.placed {
        let account =
            accounts.entry(placed.customer.clone()).or_insert_with(|| Account::new(&placed.customer));
        // One that is missing is said elsewhere.
        let items = by_id.get(placed.id.as_str()).and_then(|o| o["serviceOrderItem"].as_array());
        for (ask, item) in placed.items.iter().zip(items.into_iter().flatten()) {
            if item["state"] != "completed" || !account.knows(ask) {
                continue;
            }
            let taken = made(item);
            for mut record in
                account.complete(ask, taken.as_deref().or_else(|| item["service"]["id"].as_str()))
            {
                record.order = Some(placed.id.clone());
                record.external = Some(placed.external.clone());
                expected.push(record);
            }
        }
    }
    (accounts, expected)
}

/// State of a subscription in the world, and in TMF638.
fn runs(account: &Account, s: &Subscription) -> bool {
    account.state == Some(State::Active) && s.state == State::Active
}

/// The world has exactly the machines of the live subscriptions, in the right state; volumes and spools likewise.
fn machines(accounts: &BTreeMap<String, Account>, seen: &Evidence, wrong: &mut Vec<String>) {
    let mut expected = vec![];
    let mut volumes = vec![];
    for account in accounts.values() {
        let live: Vec<&Subscription> = account.subscriptions.iter().filter(|s| s.is_live()).collect();
        let line = |s: &&Subscription| {
            let app = s.app();
            let state = if runs(account, s) { "running" } else { "stopped" };
            format!("{} {} {} {} {state}", s.id, app.id, app.versions[s.version], app.plans[s.plan])
        };
        let state = if account.state == Some(State::Suspended) { "suspended" } else { "running" };
        let mut add = |mut on_it: Vec<String>| {
            on_it.sort();
            expected.push((account.id.clone(), state.to_owned(), on_it));
        };
        let shared: Vec<String> = live.iter().filter(|s| !s.app().dedicated).map(line).collect();
        if !shared.is_empty() {
            add(shared);
        }
        live.iter().filter(|s| s.app().dedicated).for_each(|s| add(vec![line(s)]));
        volumes.extend(live.iter().map(|s| s.id.clone()));
    }
    let found = seen.machines.values().map(|m| {
        let app = |a: &Value| {
            ["subscription", "application", "version", "plan", "state"].map(|k| text(a, k)).join(" ")
        };
        let mut on_it: Vec<String> = m["applications"].as_array().unwrap().iter().map(app).collect();
        on_it.sort();
        (text(m, "customer").to_owned(), text(m, "state").to_owned(), on_it)
    });
    differ("machines", expected, found.collect(), wrong);
    let of_existing = |v: &String| {
        let (machine, subscription) = v.split_once('/').unwrap_or((v, ""));
        if !seen.machines.contains_key(machine) {
            return format!("{subscription} on {machine}, which does not exist");
        }
        subscription.to_owned()
    };
    differ("volumes", volumes, seen.volumes.iter().map(of_existing).collect(), wrong);
    for path in &seen.spools {
        wrong.push(format!("an archive was left in a spool: {path}"));
    }
}

/// TMF638 shows the same as the world and the accounts.
fn services(accounts: &BTreeMap<String, Account>, seen: &Evidence, wrong: &mut Vec<String>) {
    let shown = |s: State| match s {
        State::Active => "active",
        State::Suspended => "inactive",
        State::Terminated => "terminated",
    };
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    for account in accounts.values() {
        expected.insert(account.id.clone(), account.state.map_or("terminated", shown).to_owned());
        for s in &account.subscriptions {
            let state = if s.is_live() && !runs(account, s) { "inactive" } else { shown(s.state) };
            let app = s.app();
            expected
                .insert(s.id.clone(), format!("{state} {} {}", app.plans[s.plan], app.versions[s.version]));
        }
    }
    let characteristic = |s: &Value, name: &str| {
        let list = s["serviceCharacteristic"].as_array().cloned().unwrap_or_default();
        list.iter().find(|c| c["name"] == name).map(|c| text(c, "value").to_owned()).unwrap_or_default()
    };
    let of_category =
        |category: &'static str| seen.services.iter().filter(move |s| s["category"] == category);
    let found = of_category("CFS").map(|s| {
        let (id, state) = (text(s, "id").to_owned(), text(s, "state"));
        if s["serviceType"] == "customer-account" {
            return (id, state.to_owned());
        }
        (id, format!("{state} {} {}", characteristic(s, "plan"), characteristic(s, "version")))
    });
    differ("services", expected.into_iter().collect(), found.collect(), wrong);
    let in_world = seen.machines.iter().map(|(name, m)| {
        let state = if m["state"] == "running" { "active" } else { "inactive" };
        format!("{} {name} {state} {} {} {}", text(m, "id"), m["vcpu"], m["memoryMiB"], m["diskGiB"])
    });
    let in_tmf638 = of_category("RFS").filter(|s| s["state"] != "terminated").map(|s| {
        let [vcpu, memory, disk] = ["vcpu", "memoryMiB", "diskGiB"].map(|name| characteristic(s, name));
        format!("{} {} {} {vcpu} {memory} {disk}", text(s, "id"), text(s, "name"), text(s, "state"))
    });
    differ("machines in TMF638", in_world.collect(), in_tmf638.collect(), wrong);
}

/// No machine was made twice.
fn creations(seen: &Evidence, wrong: &mut Vec<String>) {
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for o in seen.operations.iter().filter(|o| o["operation"] == "create_machine" && o["changed"] == true) {
        *made.entry(text(o, "id")).or_default() += 1;
    }
    for (id, n) in made.iter().filter(|(_, n)| **n > 1) {
        wrong.push(format!("machine {id} was made {n} times"));
    }
    for (name, m) in seen.machines.iter().filter(|(_, m)| !made.contains_key(text(m, "id"))) {
        wrong.push(format!("machine {name} exists and was never made: {m}"));
    }
}

/// Files have gapless numbers, are where they are said to be, and are what the server rebuilds.
fn files(seen: &Evidence, wrong: &mut Vec<String>) {
    let mut listed = BTreeSet::new();
    let mut next: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut in_order: Vec<&(Value, Vec<u8>)> = seen.files.iter().collect();
    in_order.sort_by_key(|(f, _)| (text(f, "recipient"), f["fileSeq"].as_u64()));
    for (f, rebuilt) in in_order {
        let (recipient, name) = (text(f, "recipient"), text(f, "name"));
        let path = format!("{recipient}/{name}");
        let (file, number) = next.entry(recipient).or_insert((1, 1));
        let [seq, first, last, records] =
            ["fileSeq", "firstNumber", "lastNumber", "records"].map(|k| f[k].as_u64());
        if seq != Some(*file) || first != Some(*number) || records.map(|n| *number + n - 1) != last {
            wrong.push(format!(
                "file {path} does not follow on file {} and record {}: {f}",
                *file - 1,
                *number - 1
            ));
        }
        (*file, *number) = (seq.unwrap_or(0) + 1, last.unwrap_or(0) + 1);
        if text(f, "sha256") != hex::encode(Sha256::digest(rebuilt)) {
            wrong.push(format!("file {path} is rebuilt with another checksum than it was sealed with"));
        }
        match seen.delivered.get(&path) {
            None => wrong.push(format!("file {path} was not delivered")),
            Some(there) if there != rebuilt => {
                wrong.push(format!("file {path} differs from what is rebuilt"));
            }
            Some(there) => match telvisor_sdr::decode::decode(there) {
                Ok(d) if d.records.iter().map(|r| r.seq).eq(first.unwrap_or(0)..=last.unwrap_or(0)) => {}
                Ok(d) => {
                    wrong.push(format!("file {path} does not hold the records {first:?} to {last:?}: {d:?}"));
                }
                Err(e) => wrong.push(format!("file {path} does not decode: {e}")),
            },
        }
        listed.insert(path);
    }
    for path in seen.delivered.keys().filter(|path| !listed.contains(*path)) {
        wrong.push(format!("nobody knows of sdr/{path}"));
    }
}

/// Every recipient has every record exactly once.
fn records(expected: &[Expected], seen: &Evidence, wrong: &mut Vec<String>) {
    let recipients: BTreeSet<&str> = seen.files.iter().map(|(f, _)| text(f, "recipient")).collect();
    if recipients.len() != 2 && !expected.is_empty() {
        wrong.push(format!("there are records, and the recipients are {recipients:?}"));
    }
    let mut ids: Vec<BTreeSet<String>> = vec![];
    for recipient in recipients {
        let mut found: Vec<Record> = vec![];
        for (f, _) in seen.files.iter().filter(|(f, _)| f["recipient"] == recipient) {
            let octets = seen.delivered.get(&format!("{recipient}/{}", text(f, "name")));
            // What is not there or does not decode is said elsewhere.
            found.extend(
                octets.and_then(|o| telvisor_sdr::decode::decode(o).ok()).map_or(vec![], |d| d.records),
            );
        }
        let own: BTreeSet<String> = found.iter().map(|r| r.record_id.to_string()).collect();
        if own.len() != found.len() {
            wrong.push(format!("{recipient} has a recordId more than once"));
        }
        ids.push(own);
        let found = found.iter().map(as_expected).collect();
        differ(&format!("records of {recipient}"), expected.to_vec(), found, wrong);
    }
    if ids.windows(2).any(|pair| pair[0] != pair[1]) {
        wrong.push("the recipients have different recordIds".to_owned());
    }
}

fn as_expected(r: &Record) -> Expected {
    Expected {
        kind: r.record_type.as_str(),
        customer: r.subscriber.clone(),
        subscription: r.instance_id.to_string(),
        application: r.application.clone(),
        version: r.version.clone(),
        previous_version: r.previous_version.clone(),
        plan: r.plan.clone().unwrap_or_default(),
        previous_plan: r.previous_plan.clone(),
        backup: r.backup_id.map(|id| id.to_string()),
        order: r.order_id.map(|id| id.to_string()),
        external: r.external_order_id.clone(),
    }
}

/// Available backups are whole, and the store holds nothing else.
fn backups(seen: &Evidence, wrong: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for b in seen.backups.values().flatten() {
        let id = text(b, "id");
        match text(b, "state") {
            "available" => {}
            "failed" | "expired" => continue,
            other => {
                wrong.push(format!("backup {id} is {other}"));
                continue;
            }
        }
        let path = format!("default/{}.tar.zst", id.replace('-', ""));
        match seen.store.get(&path) {
            None => wrong.push(format!("backup {id} is available, and {path} is not there")),
            Some(o) if b["size"] != o.len() || text(b, "sha256") != hex::encode(Sha256::digest(o)) => {
                wrong.push(format!("backup {id} is not the {} octets that were taken", o.len()));
            }
            Some(_) => {}
        }
        known.insert(path);
    }
    for path in seen.store.keys().filter(|path| !known.contains(*path)) {
        wrong.push(format!("nobody knows of backups/{path}"));
    }
}
