//! Whole processes that are killed while a BSS that was named by orders does not answer, and then does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;

use super::{LIFE, bss, order_to, told};
use crate::crash::client::Client;
use crate::crash::site::Site;
use crate::crash::under_load::{Load, dies, lives};
use crate::notify::Ear;
use crate::process::Looks;
use crate::soap::{NS, envelope};

/// Orders at least; each comes to three states.
const ORDERS: usize = 40;
const CLIENTS: usize = 4;
/// Tries that the BSS does not answer well.
const DOWN: usize = 20;
/// Where servers die: between position and delivery, and around writing down what was sent.
const DEATHS: [&str; 3] = ["events.after_commit:5", "deliver.before_commit:5", "deliver.after_commit:5"];
const PATIENCE: Duration = Duration::from_secs(300);

fn body(n: usize, address: &str) -> String {
    let children =
        format!("{}<customerId>C{n}</customerId><name>Ada</name>", order_to(&format!("E{n}"), address));
    let version = telvisor_soap::Version::Soap11;
    envelope(version, "", &format!("<CreateCustomer xmlns=\"{NS}\">{children}</CreateCustomer>"))
}

/// How many different events were taken. They are not parsed for that: it is asked many times, and the ear answers on
/// the same thread.
fn events(ear: &Ear) -> usize {
    let id = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        text.split("eventId>").nth(1).map(str::to_owned)
    };
    ear.taken().iter().filter_map(|h| id(&h.octets)).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_overtakes_when_the_process_is_killed() {
    let mut site = Site::open().await;
    let (url, posted) = (watch::Sender::new(String::new()), watch::Sender::new(0));
    let client = Client::new(url.subscribe(), posted);
    let ear = bss().await;
    ear.answers(|_, n| if n < DOWN { 503 } else { 200 });
    let address = ear.url.clone();
    let load = Load::start(CLIENTS, ORDERS, move |n| {
        let (client, address) = (client.clone(), address.clone());
        async move {
            // A BSS repeats what may go well the next time; a fault is an answer of status 500 all the same.
            let mut looks = Looks::until("an order is accepted", PATIENCE);
            loop {
                let text = body(n, &address);
                let answer = client.post_text(crate::soap::ORDERS, "text/xml; charset=utf-8", text).await;
                let words = String::from_utf8_lossy(&answer.body);
                if answer.status == 200 {
                    return;
                }
                assert!(words.contains("<tns:retryable>true</tns:retryable>"), "{words}");
                looks.again().await;
            }
        }
    });
    for fault in DEATHS {
        dies(&mut site, &url, fault).await;
    }
    let server = lives(&mut site, &url).await;
    let count = load.end().await;
    let mut looks = Looks::until("the BSS has everything", PATIENCE);
    while events(&ear) < LIFE.len() * count {
        looks.again().await;
    }
    assert!(ear.heard().len() >= DOWN + LIFE.len() * count);
    // What came twice came before anything later of its order.
    let mut took: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (order, sequence, state) in told(&ear) {
        let list = took.entry(order).or_default();
        if list.last().is_none_or(|(last, _)| *last != sequence) {
            list.push((sequence, state));
        }
    }
    assert_eq!(took.len(), count);
    for (order, list) in took {
        assert_eq!(list.iter().map(|(_, s)| s.as_str()).collect::<Vec<_>>(), LIFE, "{order}");
        assert!(list.is_sorted(), "{order}: {list:?}");
    }
    drop(server);
}
