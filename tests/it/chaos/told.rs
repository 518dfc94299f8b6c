//! What a listener took, held against what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::crash::client::Client;
use crate::notify::Ear;
use crate::process::Looks;

/// Longest time that the last events may take to arrive once all is well.
const ARRIVAL: Duration = Duration::from_secs(120);

/// The member of an event that holds the order.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// `serviceOrder` or `productOrder`.
    pub member: &'static str,
    /// As the API's lists name its orders.
    pub path: &'static str,
}

/// Waits until a listener has nothing left to be sent, and says what is wrong with what it took: each order's states
/// in their order, none missing. A process that stood still may have had one event in hand, which then came again after
/// newer ones: no more than one of them for each of `stops`.
pub async fn judge(client: &Client, kind: Kind, listener: &str, ear: &Ear, stops: usize) -> Vec<String> {
    let mut looks = Looks::until("the listener has everything", ARRIVAL);
    while backlog(client, listener).await > 0 {
        looks.again().await;
    }
    let (took, late) = states(ear, kind.member);
    let mut wrong = vec![];
    if late > stops {
        wrong.push(format!("{}: {late} events came again after newer ones", kind.member));
    }
    let mut known = BTreeSet::new();
    for order in client.all(kind.path).await {
        let id = order["id"].as_str().expect("an order has an id").to_owned();
        let shown = client.get(&format!("/api/v1/orders/{id}")).await.expect(200);
        let history = shown["history"].as_array().expect("an order has a history");
        let of_order = history.iter().filter(|h| h["item"].is_null());
        let mut went: Vec<&str> = of_order.filter_map(|h| h["state"].as_str()).collect();
        went.dedup();
        let mut told: Vec<&str> =
            took.get(&id).map_or(vec![], |list| list.iter().map(String::as_str).collect());
        told.dedup();
        if told != went {
            wrong.push(format!("{} {id} went {went:?}, and the listener was told {told:?}", kind.member));
        }
        known.insert(id);
    }
    if known.is_empty() || took.is_empty() {
        wrong.push(format!("{}: {} orders, {} heard of", kind.member, known.len(), took.len()));
    }
    wrong
}

/// The states that were taken of each order, of creation and of change, by a listener that drops what it had before; and
/// how much it dropped that came after something newer.
fn states(ear: &Ear, member: &str) -> (BTreeMap<String, Vec<String>>, usize) {
    let mut late = 0;
    let mut took: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for h in ear.taken() {
        if !(h.event_type().ends_with("CreateEvent") || h.event_type().ends_with("StateChangeEvent")) {
            continue;
        }
        let order = &h.body["event"][member];
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let list = took.entry(text(&order["id"])).or_default();
        if list.iter().any(|(id, _)| id == h.event_id()) {
            late += usize::from(list.last().is_some_and(|(id, _)| id != h.event_id()));
        } else {
            list.push((h.event_id().to_owned(), text(&order["state"])));
        }
    }
    let states = |list: Vec<(String, String)>| list.into_iter().map(|(_, state)| state).collect();
    (took.into_iter().map(|(id, list)| (id, states(list))).collect(), late)
}

async fn backlog(client: &Client, id: &str) -> i64 {
    let seen = client.get(&format!("/api/v1/listeners/{id}")).await.expect(200);
    seen["backlog"].as_i64().expect("a listener has a backlog")
}
