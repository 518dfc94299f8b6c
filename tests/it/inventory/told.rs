//! What changes is told, once, in the transaction that changes it.

use serde_json::{Value, json};
use telvisor_model::{EventKind, Resource};
use uuid::Uuid;

use super::records::kinds;
use super::{RESOURCES, RESOURCES_V5, SERVICES, SPECIFICATIONS, USAGES};
use crate::harness::{CRM, TestApp, modify, set_state, terminate};
use crate::probe::{read, uuid};

/// Resource, kind, and the states at both doors before it, of everything told of something.
async fn told(app: &TestApp, id: Uuid) -> Vec<(Resource, EventKind, Value)> {
    let events = read(app).await.events_of(id).await.unwrap();
    for (n, e) in events.iter().enumerate() {
        assert_eq!(e.number, i64::try_from(n).unwrap() + 1, "gapless");
    }
    events.into_iter().map(|e| (e.resource, e.kind, e.body.0["was"].clone())).collect()
}

#[tokio::test]
async fn a_subscription_tells_of_its_life() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.done(modify(&s, &[("plan", "team")])).await;
    app.done(set_state("C1", "inactive")).await;
    app.done(set_state("C1", "active")).await;
    app.done(terminate(&s)).await;
    let was = |service: &str, product: &str| json!({ "service": service, "product": product });
    let wanted = [
        (EventKind::Create, Value::Null),
        (EventKind::StateChange, was("reserved", "pendingActive")),
        (EventKind::AttributeValueChange, was("active", "active")),
        (EventKind::StateChange, was("active", "active")),
        (EventKind::StateChange, was("inactive", "suspended")),
        (EventKind::StateChange, was("active", "active")),
        (EventKind::StateChange, was("active", "pendingTerminate")),
    ];
    let told: Vec<_> = told(&app, s.parse().unwrap()).await;
    assert!(told.iter().all(|t| t.0 == Resource::Subscription));
    assert_eq!(told.into_iter().map(|t| (t.1, t.2)).collect::<Vec<_>>(), wanted);
    let events = read(&app).await.events_of(s.parse().unwrap()).await.unwrap();
    assert_eq!(events[2].body.0["subscription"]["plan"], "team", "the whole of it, as it was then");
    assert_eq!(events[0].body.0["subscription"]["plan"], "solo");
    assert_eq!(events[3].body.0["owner"]["state"], "suspended");
}

#[tokio::test]
async fn a_machine_and_a_record_of_the_journal_are_told() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let machine = uuid(&app.service(&s).await["supportingResource"][0]["id"]);
    app.done(terminate(&s)).await;
    let kinds: Vec<_> = told(&app, machine).await.into_iter().map(|t| (t.0, t.1)).collect();
    let wanted = [EventKind::Create, EventKind::StateChange, EventKind::StateChange];
    assert_eq!(kinds, wanted.map(|kind| (Resource::Machine, kind)));
    let usage = app.get(USAGES).await.expect(200)[0].clone();
    let events = read(&app).await.events_of(uuid(&usage["id"])).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].resource, events[0].kind), (Resource::Usage, EventKind::Create));
    assert!(!events[0].body.0.to_string().contains("C1"), "whose it is is personal");
    assert_eq!(events[0].personal.as_ref().unwrap().0["customerId"], "C1");
}

#[tokio::test]
async fn entries_are_told_with_their_body_as_personal() {
    let app = TestApp::new().await;
    for (list, mut body, member, other, _) in kinds() {
        body["description"] = json!("of Ann");
        let made = app.post(list, &body).await.expect(201);
        let (id, path) = (made["id"].as_str().unwrap(), format!("{list}/{}", made["id"].as_str().unwrap()));
        app.patch(&path, &json!({ "description": "of Bob" })).await.expect(200);
        app.patch(&path, &json!({ "description": "of Bob" })).await.expect(200);
        app.patch(&path, &json!({ member: other })).await.expect(200);
        let kind = match list {
            SERVICES => Resource::Service,
            RESOURCES | RESOURCES_V5 => Resource::Resource,
            USAGES => Resource::Usage,
            SPECIFICATIONS => Resource::UsageSpecification,
            _ => Resource::Product,
        };
        let uid = read(&app).await.record(kind, id).await.unwrap().unwrap().uid;
        app.delete(&path).await.expect(204);
        let events = read(&app).await.events_of(uid).await.unwrap();
        let kinds: Vec<_> = events.iter().map(|e| (e.resource, e.kind)).collect();
        let wanted =
            [EventKind::Create, EventKind::AttributeValueChange, EventKind::StateChange, EventKind::Delete];
        assert_eq!(kinds, wanted.map(|event| (kind, event)), "{list}");
        for e in &events {
            assert!(!e.body.0.to_string().contains("of "), "{list}: {}", e.body.0);
            assert!(e.personal.as_ref().unwrap().0["description"].as_str().unwrap().starts_with("of "));
            assert_eq!(e.body.0["id"], id);
        }
    }
}
