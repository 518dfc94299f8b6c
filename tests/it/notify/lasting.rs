//! Nothing is lost and nothing overtakes: failures, retries, restarts, and listeners side by side.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::{Ear, follow, listen, seen};
use crate::harness::{CRM, TestApp, create, provision};

/// What a listener took of each order, in the order in which it came.
fn per_order(ear: &Ear, order: &serde_json::Value) -> Vec<String> {
    let id = order["id"].as_str().unwrap();
    ear.taken().iter().filter(|h| h.order().0 == id).map(|h| h.order().1.to_owned()).collect()
}

const LIFE: [&str; 3] = ["acknowledged", "inProgress", "completed"];

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id_and_nothing_overtakes_it() {
    let app = TestApp::new().await;
    // Two of three tries fail, whatever is sent.
    let ear = Ear::answering(|_, n| if n % 3 == 2 { 200 } else { 500 }).await;
    follow(&app, &ear.url).await;
    let one = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    let two = app.order(json!([create("C2")])).await;
    app.notify_all().await;
    assert_eq!(per_order(&ear, &one), LIFE);
    assert_eq!(per_order(&ear, &two), LIFE);
    let heard = ear.heard();
    for taken in ear.taken() {
        let first = heard.iter().position(|h| h.event_id() == taken.event_id()).unwrap();
        let last = heard.iter().rposition(|h| h.event_id() == taken.event_id()).unwrap();
        // Between the first try and the last nothing later of the same order is sent.
        for between in &heard[first..=last] {
            assert!(between.order().0 != taken.order().0 || between.event_id() == taken.event_id());
            if between.event_id() == taken.event_id() {
                assert_eq!(between.octets, taken.octets, "the same letter at every try");
            }
        }
    }
}

#[tokio::test]
async fn retries_begin_within_a_second_and_come_at_least_every_minute() {
    let app = TestApp::new().await;
    let ear = Ear::answering(|_, n| if n < 14 { 503 } else { 204 }).await;
    listen(&app, &ear.url, Some("eventType=ServiceOrderCreateEvent")).await;
    app.customer("C1").await;
    let mut gaps = vec![];
    app.notify().await;
    while let Some(at) = app.engine().db.read_system().await.unwrap().next_delivery().await.unwrap() {
        let gap = at - app.engine().db.clock().now();
        gaps.push(gap);
        app.clock.advance(gap);
        app.notify().await;
    }
    assert_eq!(gaps.len(), 14);
    assert!(gaps[0] <= TimeDelta::seconds(1), "{gaps:?}");
    assert!(gaps.iter().all(|g| *g <= TimeDelta::seconds(60)), "{gaps:?}");
    // It backs off: doubled, and at most half of it drawn away.
    for (n, gap) in gaps.iter().enumerate() {
        let whole = TimeDelta::milliseconds((500 << n).min(60_000));
        assert!(*gap <= whole && *gap >= whole / 2, "{n}: {gaps:?}");
    }
}

#[tokio::test]
async fn one_that_is_refused_keeps_only_its_own_order_waiting() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    follow(&app, &ear.url).await;
    let bad = app.order(json!([create("C1")])).await;
    let id = bad["id"].clone();
    ear.answers(move |n, _| if n["event"]["serviceOrder"]["id"] == id { 422 } else { 200 });
    let good = app.order(json!([create("C2")])).await;
    app.notify().await;
    assert_eq!(per_order(&ear, &good), LIFE);
    assert_eq!(per_order(&ear, &bad), Vec::<String>::new());
    let of_bad = ear.heard().iter().filter(|h| h.order().0 == bad["id"]).count();
    assert_eq!(of_bad, 1, "its first event, once");
    ear.answers(|_, _| 200);
    app.notify_all().await;
    assert_eq!(per_order(&ear, &bad), LIFE);
}

#[tokio::test]
async fn a_dead_listener_delays_no_other_and_misses_nothing() {
    let app = TestApp::new().await;
    let [alive, revived] = [Ear::open().await, Ear::open().await];
    revived.answers(|_, _| 500);
    // Nobody listens on a port that was just given back.
    let gone = Ear::open().await;
    let (dead, of_dead) = (gone.url.clone(), follow(&app, &gone.url).await);
    drop(gone);
    follow(&app, &alive.url).await;
    follow(&app, &revived.url).await;
    let orders = [app.order(json!([create("C1")])).await, app.order(json!([create("C2")])).await];
    app.notify().await;
    for order in &orders {
        assert_eq!(per_order(&alive, order), LIFE, "at once");
    }
    let dead_one = seen(&app, &of_dead).await;
    assert_eq!(dead_one["callback"], dead);
    assert_eq!(dead_one["backlog"], 6);
    assert!(dead_one["lastError"].as_str().unwrap().contains("refused"), "{dead_one:#}");
    assert!(dead_one["failingSince"].is_string());
    revived.answers(|_, _| 202);
    app.clock.advance(TimeDelta::seconds(61));
    app.notify().await;
    for order in &orders {
        assert_eq!(per_order(&revived, order), LIFE);
    }
}

#[tokio::test]
async fn a_slow_listener_delays_no_other() {
    let app = TestApp::new().await;
    let [slow, quick] = [Ear::open().await, Ear::open().await];
    let of_slow = follow(&app, &slow.url).await;
    follow(&app, &quick.url).await;
    app.order(json!([create("C1")])).await;
    let closed = slow.keeps_waiting().await;
    // While the slow one keeps its first request waiting, the quick one gets all of its three.
    let both = async {
        quick.until(3).await;
        assert_eq!(seen(&app, &of_slow).await["backlog"], 3);
        drop(closed);
    };
    let ((), ()) = tokio::time::timeout(Duration::from_secs(9), async { tokio::join!(app.notify(), both) })
        .await
        .expect("the quick one does not wait for the slow one");
    assert_eq!(slow.taken().len(), 3);
}

#[tokio::test]
async fn what_is_not_delivered_outlives_a_restart() {
    let app = TestApp::new().await;
    let ear = Ear::answering(|_, _| 500).await;
    let id = follow(&app, &ear.url).await;
    let order = app.order(json!([create("C1")])).await;
    app.notify().await;
    let app = app.restart().await;
    ear.answers(|_, _| 204);
    app.notify_all().await;
    assert_eq!(per_order(&ear, &order), LIFE);
    assert_eq!(seen(&app, &id).await["backlog"], 0);
}

#[tokio::test]
async fn a_listener_that_is_down_is_not_stormed() {
    let app = TestApp::new().await;
    let ear = Ear::answering(|_, _| 503).await;
    follow(&app, &ear.url).await;
    for n in 0..30 {
        app.place(json!([create(&format!("C{n}"))])).await;
    }
    app.notify().await;
    let most = app.config.notify.concurrency * 2;
    assert!(ear.heard().len() <= most, "{} requests to one that is down", ear.heard().len());
    app.clock.advance(TimeDelta::minutes(2));
    app.notify().await;
    assert!(ear.heard().len() <= 2 * most + 1, "{}", ear.heard().len());
    ear.answers(|_, _| 200);
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 30, "every order's event");
}
