//! Whole processes that are killed while events go to listeners, of which one is down, one is slow and one answers 500.
//!
//! `TELVISOR_TEST_FULL` asks for 10,000 changes of state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Ear, HUB, STATES};
use crate::crash::client::{Client, is_final};
use crate::crash::site::Site;
use crate::crash::under_load::{Load, dies, lives};
use crate::harness::{ORDERS, create, setting};
use crate::process::Looks;

/// Orders at least, whose states change twice each: to `inProgress`, and to `completed`.
const ORDERS_USUAL: usize = 120;
const ORDERS_FULL: usize = 5_000;
/// Clients that order side by side.
const CLIENTS: usize = 6;
/// Where servers die: after sending and before writing it down, and between position and delivery.
const DEATHS: [&str; 3] = ["events.after_commit:9", "deliver.before_commit:9", "deliver.after_commit:9"];
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test]
async fn nothing_is_lost_and_nothing_overtakes_when_the_process_is_killed() {
    let least = if setting("TELVISOR_TEST_FULL").is_some() { ORDERS_FULL } else { ORDERS_USUAL };
    let mut site = Site::open().await;
    let (url, posted) = (watch::Sender::new(String::new()), watch::Sender::new(0));
    let client = Client::new(url.subscribe(), posted);
    let [good, slow, broken] = [Ear::open().await, Ear::open().await, Ear::answering(|_, _| 500).await];
    slow.takes(Duration::from_millis(30));
    let gone = Ear::open().await;
    let (address, of_gone) = (gone.address(), gone.url.clone());
    drop(gone);

    let mut first = lives(&mut site, &url).await;
    let mut ids = vec![];
    for callback in [&good.url, &slow.url, &broken.url, &of_gone] {
        let made = client.post(HUB, &json!({ "callback": callback, "query": STATES })).await.expect(201);
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    first.kill().await;
    url.send_replace(String::new());

    let by = client.clone();
    let load = Load::start(CLIENTS, least, move |n| {
        let client = by.clone();
        async move {
            let body =
                json!({ "externalId": format!("E{n}"), "serviceOrderItem": [create(&format!("C{n}"))] });
            client.post(ORDERS, &body).await.expect(201);
        }
    });
    for fault in DEATHS {
        dies(&mut site, &url, fault).await;
    }
    let server = lives(&mut site, &url).await;
    let count = load.end().await;
    let mut looks = Looks::until("every order has ended", PATIENCE);
    while !client.all(ORDERS).await.iter().all(is_final) {
        looks.again().await;
    }
    // The one that is well waits for none of the others.
    let mut looks = Looks::until("the good listener has everything", PATIENCE);
    while good.events() < 3 * count {
        looks.again().await;
    }
    broken.answers(|_, _| 202);
    let back = Ear::at(&address, |_, _| 200).await;
    for id in &ids {
        client.post(&format!("/api/v1/listeners/{id}/resume"), &json!({})).await.expect(200);
    }
    let mut looks = Looks::until("every listener has everything", PATIENCE);
    for ear in [&slow, &broken, &back] {
        while ear.events() < 3 * count {
            looks.again().await;
        }
    }
    let mut looks = Looks::until("that is written down", PATIENCE);
    for id in &ids {
        while backlog(&client, id).await > 0 {
            looks.again().await;
        }
    }

    let orders: BTreeSet<String> =
        client.all(ORDERS).await.iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(orders.len(), count);
    for (name, ear) in [("good", &good), ("slow", &slow), ("broken", &broken), ("gone", &back)] {
        judge(name, ear, &orders);
    }
    drop(server);
}

async fn backlog(client: &Client, id: &str) -> i64 {
    let seen: Value = client.get(&format!("/api/v1/listeners/{id}")).await.expect(200);
    seen["backlog"].as_i64().unwrap()
}

/// A listener took each state of each order, in order; what came twice came with the same id, before anything later.
fn judge(name: &str, ear: &Ear, orders: &BTreeSet<String>) {
    let mut took: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for h in ear.taken() {
        let (order, state) = h.order();
        let list = took.entry(order.to_owned()).or_default();
        if list.last().is_none_or(|(id, _)| id != h.event_id()) {
            list.push((h.event_id().to_owned(), state.to_owned()));
        }
    }
    assert_eq!(&took.keys().cloned().collect::<BTreeSet<_>>(), orders, "{name}: orders");
    for (order, list) in took {
        let states: Vec<_> = list.iter().map(|(_, state)| state.as_str()).collect();
        assert_eq!(states, ["acknowledged", "inProgress", "completed"], "{name}: {order}");
    }
}
