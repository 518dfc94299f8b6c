//! What operators see and do: backlog, pause, resume, replay; the pause after long failure.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::store::events::{EventRow, NewEvent};
use telvisor_model::{EventKind, Resource};

use super::{Ear, follow, listen, seen};
use crate::harness::{TestApp, create};
use crate::probe::{read, uuid};

async fn post(app: &TestApp, id: &str, what: &str, body: &Value) -> Value {
    app.post(&format!("/api/v1/listeners/{id}/{what}"), body).await.expect(200)
}

#[tokio::test]
async fn a_paused_listener_gets_nothing_until_it_is_resumed() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    let id = follow(&app, &ear.url).await;
    let paused = post(&app, &id, "pause", &json!({ "reason": "they move house" })).await;
    assert_eq!((&paused["state"], &paused["pausedWhy"]), (&json!("paused"), &json!("they move house")));
    app.customer("C1").await;
    app.notify_all().await;
    assert!(ear.heard().is_empty());
    let waiting = seen(&app, &id).await;
    assert_eq!(waiting["backlog"], 3);
    assert!(waiting["oldest"]["position"].as_i64().unwrap() > waiting["since"].as_i64().unwrap());
    let resumed = post(&app, &id, "resume", &json!({})).await;
    assert_eq!((&resumed["state"], &resumed["pausedWhy"]), (&json!("active"), &Value::Null));
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 3);
    let done = read(&app).await.audited(&id).await.unwrap();
    let done: Vec<_> = done.iter().map(|a| a.action.as_str()).collect();
    assert_eq!(done, ["listener.register", "listener.pause", "listener.resume"]);
}

#[tokio::test]
async fn long_failure_pauses_with_an_alarm_and_keeps_everything() {
    let app = TestApp::with(|c| c.notify.pause_after = 2).await;
    let [ear, other] = [Ear::answering(|_, _| 500).await, Ear::open().await];
    let id = follow(&app, &ear.url).await;
    follow(&app, &other.url).await;
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
    assert_eq!(other.taken().len(), 6, "others go on");
    ear.answers(|_, _| 200);
    post(&app, &id, "resume", &json!({})).await;
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 6, "nothing is lost");
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
    let first_of_its_own = seen(&app, &id).await["since"].as_i64().unwrap() + 1;
    let from_there = json!({ "position": first_of_its_own });
    assert_eq!(post(&app, &id, "replay", &from_there).await["events"], 4);
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

/// An event that is committed late is neither lost nor doubled by a replay that ran meanwhile.
#[tokio::test]
async fn an_event_in_an_open_transaction_is_replayed_once() {
    let app = TestApp::new().await;
    if app.engine().db.kind() == "sqlite" {
        // It has one writer: nothing is replayed while a transaction is open.
        return;
    }
    let ear = Ear::open().await;
    let id = listen(&app, &ear.url, None).await;
    let order = app.done(create("C1")).await;
    app.notify_all().await;
    let before = ids(&ear);
    ear.forget();

    let mut open = app.engine().db.tenant("default").await.unwrap();
    let row = open.order(uuid(&order["id"])).await.unwrap().unwrap();
    let items = open.items(row.id).await.unwrap();
    let personal = open.personal(row.id).await.unwrap();
    let body = json!({ "order": row, "items": items, "wanted": [] });
    open.insert_event(&NewEvent {
        resource: Resource::ServiceOrder,
        resource_id: row.id,
        number: row.event_number + 1,
        kind: EventKind::StateChange,
        body: &body,
        personal: Some(&personal),
        trace_parent: None,
    })
    .await
    .unwrap();
    assert_eq!(post(&app, &id, "replay", &json!({ "position": 1 })).await["events"], before.len());
    app.notify_all().await;
    assert_eq!((ids(&ear), ear.taken().len()), (before.clone(), before.len()));
    open.commit().await.unwrap();
    app.notify_all().await;
    assert_eq!((ids(&ear).len(), ear.taken().len()), (before.len() + 1, before.len() + 1));
    ear.forget();
    assert_eq!(post(&app, &id, "replay", &json!({ "position": 1 })).await["events"], before.len() + 1);
    app.notify_all().await;
    assert_eq!((ids(&ear).len(), ear.taken().len()), (before.len() + 1, before.len() + 1));
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
    follow(&app, &ear.url).await;
    app.order(json!([create("C1")])).await;
    app.notify_all().await;
    let waits = follow(&app, &dead.url).await;
    let second = app.order(json!([create("C2")])).await;
    app.notify().await;
    app.clock.advance(TimeDelta::days(31));
    let before = read(&app).await.events_from(1, 100).await.unwrap();
    telvisor::notify::keep::forget(app.engine()).await.unwrap();
    let after = read(&app).await.events_from(1, 100).await.unwrap();
    let positions = |list: &[EventRow]| list.iter().filter_map(|e| e.position).collect::<Vec<_>>();
    let is_waited_for = |e: &EventRow| {
        e.resource_id == uuid(&second["id"]) && matches!(e.kind, EventKind::Create | EventKind::StateChange)
    };
    let is_newest =
        |e: &EventRow| before.iter().all(|n| n.resource_id != e.resource_id || n.number <= e.number);
    let kept: Vec<_> = before.iter().filter(|e| is_waited_for(e) || is_newest(e)).cloned().collect();
    assert_eq!(
        positions(&after),
        positions(&kept),
        "the newest of each resource, and those that are waited for"
    );
    assert!(after.len() < before.len());
    dead.answers(|_, _| 200);
    app.notify_all().await;
    assert_eq!(dead.taken().len(), 3);
    assert_eq!(seen(&app, &waits).await["backlog"], 0);
}
