//! Every process is replaced while clients go on, of which one takes no failure at all.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::run::Run;
use crate::crash::load::{End, Placed};
use crate::crash::model::Ask;
use crate::crash::seed;
use crate::harness::{ORDERS, create};

/// Places orders and reads, each by a connection of its own, as a load balancer's clients do; every one must be answered
/// at once. Returns the orders.
async fn never_refused(doors: String, stop: CancellationToken) -> Vec<Placed> {
    let http = telvisor::http::client().pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build();
    let http = http.unwrap();
    let mut placed = vec![];
    while !stop.is_cancelled() {
        let customer = format!("strict-{}", placed.len());
        let body = json!({ "serviceOrderItem": [create(&customer)] }).to_string();
        let post =
            http.post(format!("{doors}{ORDERS}")).header("content-type", "application/json").body(body);
        let reply = post.send().await.unwrap_or_else(|e| panic!("an order was not answered: {e:?}"));
        let (status, order) = (reply.status(), reply.text().await.expect("the answer is whole"));
        assert_eq!(status, 201, "{order}");
        let list = http.get(format!("{doors}{ORDERS}?limit=1")).send().await;
        let status = list.unwrap_or_else(|e| panic!("a list was not answered: {e:?}")).status();
        assert!(matches!(status.as_u16(), 200 | 206), "{status}");
        let order: Value = serde_json::from_str(&order).unwrap();
        let id = order["id"].as_str().unwrap().to_owned();
        placed.push(Placed {
            id,
            external: String::new(),
            customer,
            items: vec![Ask::Create],
            end: End::Completed,
        });
    }
    placed
}

#[tokio::test]
async fn replaced_one_by_one_without_a_failed_request() {
    let Some(mut run) = Box::pin(Run::begin(seed())).await else { return };
    let stop = CancellationToken::new();
    let strict = tokio::spawn(never_refused(run.doors(), stop.clone()));
    Box::pin(run.roll()).await;
    stop.cancel();
    let placed = strict.await.expect("no request failed");
    assert!(placed.len() > 5, "{} orders are no load", placed.len());
    run.also_placed(placed);
    let (_, _, wrong) = Box::pin(run.end()).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
