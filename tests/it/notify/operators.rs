//! What operators see and do: backlog, pause, resume, replay; the pause after long failure.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Ear, listen, seen};
use crate::harness::{TestApp, create};
use crate::probe::read;

async fn post(app: &TestApp, id: &str, what: &str, body: &Value) -> Value {
    app.post(&format!("/api/v1/listeners/{id}/{what}"), body).await.expect(200)
}

#[tokio::test]
async fn a_paused_listener_gets_nothing_until_it_is_resumed() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    let id = listen(&app, &ear.url, None).await;
    let paused = post(&app, &id, "pause", &json!({ "reason": "they move house" })).await;
    assert_eq!((&paused["state"], &paused["pausedWhy"]), (&json!("paused"), &json!("they move house")));
    app.customer("C1").await;
    app.notify_all().await;
    assert!(ear.heard().is_empty());
    let waiting = seen(&app, &id).await;
    assert_eq!(waiting["backlog"], 4);
    assert_eq!(waiting["oldest"]["position"], 1);
    let resumed = post(&app, &id, "resume", &json!({})).await;
    assert_eq!((&resumed["state"], &resumed["pausedWhy"]), (&json!("active"), &Value::Null));
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 4);
    let done = read(&app).await.audited(&id).await.unwrap();
    let done: Vec<_> = done.iter().map(|a| a.action.as_str()).collect();
    assert_eq!(done, ["listener.register", "listener.pause", "listener.resume"]);
}

#[tokio::test]
async fn long_failure_pauses_with_an_alarm_and_keeps_everything() {
    let app = TestApp::with(|c| c.notify.pause_after = 2).await;
    let [ear, other] = [Ear::answering(|_, _| 500).await, Ear::open().await];
    let id = listen(&app, &ear.url, None).await;
    listen(&app, &other.url, None).await;
    app.customer("C1").await;
    app.notify().await;
    app.clock.advance(TimeDelta::minutes(119));
    app.notify().await;
    assert_eq!(seen(&app, &id).await["state"], "active");
    app.clock.advance(TimeDelta::minutes(2));
    app.notify().await;
    let paused = seen(&app, &id).await;
    assert_eq!(paused["state"], "paused");
    assert!(paused["pausedWhy"].as_str().unwrap().starts_with("nothing could be delivered for 2 hours"));
    assert!(app.get("/metrics").await.body.as_str().unwrap().contains("telvisor_listeners_paused_total"));
    let heard = ear.heard().len();
    app.clock.advance(TimeDelta::days(3));
    app.customer("C2").await;
    app.notify().await;
    assert_eq!(ear.heard().len(), heard, "it is left alone");
    assert_eq!(other.taken().len(), 8, "others go on");
    ear.answers(|_, _| 200);
    post(&app, &id, "resume", &json!({})).await;
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 8, "nothing is lost");
    let done = read(&app).await.audited(&id).await.unwrap();
    assert!(done.iter().any(|a| a.action == "listener.pause" && a.principal == "system"));
}

/// The ids of what was taken.
fn ids(ear: &Ear) -> BTreeSet<String> {
    ear.taken().iter().map(|h| h.event_id().to_owned()).collect()
}

#[tokio::test]
async fn events_are_replayed_from_a_position_or_a_time() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    app.customer("C0").await;
    let id = listen(&app, &ear.url, Some("eventType=ServiceOrderStateChangeEvent")).await;
    app.customer("C1").await;
    app.clock.advance(TimeDelta::hours(1));
    let later = app.engine().db.clock().now();
    app.customer("C2").await;
    app.notify_all().await;
    let first = ids(&ear);
    assert_eq!(first.len(), 4);
    ear.forget();
    // Those of C0, C1 and C2 stand one behind the other; two of each order's four are changes of state.
    let position = crate::probe::read(&app).await.events_from(1, 100).await.unwrap();
    let position =
        position.iter().find(|e| first.contains(&e.id.to_string())).and_then(|e| e.position).unwrap();
    assert_eq!(post(&app, &id, "replay", &json!({ "position": position })).await["events"], 4);
    app.notify_all().await;
    assert_eq!(ids(&ear), first, "the same events with the same ids");
    ear.forget();
    assert_eq!(post(&app, &id, "replay", &json!({ "time": later })).await["events"], 2);
    app.notify_all().await;
    let of_later = ids(&ear);
    assert_eq!(of_later.len(), 2);
    assert!(of_later.is_subset(&first));
    ear.forget();
    // From before its registration, because the operator wants it so.
    assert_eq!(post(&app, &id, "replay", &json!({ "position": 1 })).await["events"], 6);
    for bad in [json!({}), json!({ "position": 1, "time": later }), json!({ "position": "x" })] {
        app.post(&format!("/api/v1/listeners/{id}/replay"), &bad).await.expect(400);
    }
}

#[tokio::test]
async fn the_path_of_the_event_can_be_appended() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    let id = listen(&app, &ear.url, Some("eventType=ServiceOrderCreateEvent")).await;
    let path = format!("/api/v1/listeners/{id}");
    let changed = app.patch(&path, &json!({ "listenerPath": true })).await.expect(200);
    assert_eq!(changed["listenerPath"], true);
    app.patch(&path, &json!({ "callback": "x" })).await.expect(400);
    app.customer("C1").await;
    app.notify_all().await;
    assert_eq!(ear.taken()[0].path, "/in/listener/serviceOrderCreateEvent");
    app.delete(&path).await.expect(204);
    app.get(&path).await.expect(404);
    let all = app.get("/api/v1/listeners").await.expect(200);
    assert_eq!(all, json!([]));
}

#[tokio::test]
async fn what_is_old_and_delivered_is_forgotten_and_nothing_else() {
    let app = TestApp::with(|c| c.notify.pause_after = 0).await;
    let [ear, dead] = [Ear::open().await, Ear::answering(|_, _| 500).await];
    listen(&app, &ear.url, None).await;
    app.order(json!([create("C1")])).await;
    app.notify_all().await;
    let waits = listen(&app, &dead.url, None).await;
    app.order(json!([create("C2")])).await;
    app.notify().await;
    app.clock.advance(TimeDelta::days(31));
    telvisor::notify::keep::forget(app.engine()).await.unwrap();
    let events = read(&app).await.events_from(1, 100).await.unwrap();
    let positions: Vec<_> = events.iter().filter_map(|e| e.position).collect();
    // Of the first order and its customer the last one; of the second order all four, of its customer the last.
    assert_eq!(
        positions,
        [4, 6, 7, 8, 9, 10, 12],
        "the newest of each resource, and those that are waited for"
    );
    dead.answers(|_, _| 200);
    app.notify_all().await;
    assert_eq!(dead.taken().len(), 4);
    assert_eq!(seen(&app, &waits).await["backlog"], 0);
}
