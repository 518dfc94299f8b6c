//! X-Total-Count from counters is what counting would say.

use proptest::prelude::Rng as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use telvisor::jobs::sweep;

use super::total;
use crate::harness::{CANCELS, ORDERS, TestApp, create};

const STATES: [&str; 11] = [
    "acknowledged",
    "rejected",
    "pending",
    "held",
    "inProgress",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "assessingCancellation",
    "pendingCancellation",
];

/// Holds what the counters say against what is counted; a filter of the date makes the database count.
async fn check(app: &TestApp, when: &str) {
    let all = "orderDate.gt=2000-01-01T00:00:00Z";
    let mut queries: Vec<String> = STATES.iter().map(|s| format!("state={s}")).collect();
    queries.extend(["".into(), "state=completed,failed,completed".into(), "state=none".into()]);
    for query in queries {
        let told = app.get(&format!("{ORDERS}?limit=1&{query}")).await;
        let counted = app.get(&format!("{ORDERS}?limit=1&{all}&{query}")).await;
        assert_eq!(total(&told), total(&counted), "{when}: {query}");
    }
}

#[tokio::test]
async fn the_counters_are_right_after_any_history() {
    let mut app = TestApp::holding().await;
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let mut draw = |n: usize| usize::try_from(runner.rng().next_u32()).unwrap() % n;
    let mut orders: Vec<serde_json::Value> = vec![];
    for n in 0..40 {
        match draw(8) {
            0 | 1 => orders.push(app.place(json!([create(&format!("C{n}"))])).await),
            2 => orders.push(app.place(json!([{ "id": "1", "action": "add", "service": {} }])).await),
            3 => {
                let body = json!({
                    "requestedStartDate": "2030-01-01T00:00:00Z", "serviceOrderItem": [create(&format!("C{n}"))],
                });
                orders.push(app.post(ORDERS, &body).await.expect(201));
            }
            4 => app.run_due().await,
            5 if !orders.is_empty() => {
                let one = &orders[draw(orders.len())];
                app.post(CANCELS, &json!({ "serviceOrder": { "id": one["id"] } })).await;
            }
            6 if !orders.is_empty() => {
                let one = &orders[draw(orders.len())];
                app.delete(&format!("{ORDERS}/{}", one["id"].as_str().unwrap())).await;
            }
            _ => sweep::fold(app.engine()).await.unwrap(),
        }
    }
    check(&app, "before folding").await;
    sweep::fold(app.engine()).await.unwrap();
    check(&app, "after folding").await;
    app = app.restart().await;
    check(&app, "after a restart").await;
    orders.push(app.place(json!([create("last")])).await);
    app.run().await;
    check(&app, "at the end").await;
}

/// Orders that cannot be placed leave no trace in the counters.
#[tokio::test]
async fn what_is_refused_is_not_counted() {
    let app = TestApp::new().await;
    app.post(ORDERS, &json!({ "serviceOrderItem": [{ "id": "1", "action": "turn" }] })).await.expect(400);
    assert_eq!(total(&app.get(ORDERS).await), 0);
    let order = app.place(json!([create("C1")])).await;
    assert_eq!(total(&app.get(&format!("{ORDERS}?state=acknowledged")).await), 1);
    app.run().await;
    assert_eq!(total(&app.get(&format!("{ORDERS}?state=acknowledged")).await), 0);
    assert_eq!(total(&app.get(&format!("{ORDERS}?state=completed")).await), 1);
    app.delete(&format!("{ORDERS}/{}", order["id"].as_str().unwrap())).await;
    for query in ["", "?state=completed"] {
        assert_eq!(total(&app.get(&format!("{ORDERS}{query}")).await), 0);
    }
}
