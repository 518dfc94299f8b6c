//! Repeats and races: an order is placed once, however often and by however many at once it is asked for.

use std::sync::Arc;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::jobs::sweep;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bad_input::order;
use crate::harness::{
    Answer, CRM, ORDERS, TestApp, create, modify, provision, service_id, set_state, terminate,
};

/// Places all of these at the same time.
async fn at_once(app: &Arc<TestApp>, requests: Vec<(Value, Option<String>)>) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for (body, key) in requests {
        let app = app.clone();
        tasks.spawn(async move { keyed(&app, &body, key.as_deref()).await });
    }
    tasks.join_all().await
}

/// Places an order under an Idempotency-Key.
async fn keyed(app: &TestApp, body: &Value, key: Option<&str>) -> Answer {
    let headers: Vec<_> = key.map(|k| ("idempotency-key", k)).into_iter().collect();
    app.request(Method::POST, ORDERS, &headers, Some(body.to_string().as_bytes())).await
}

fn with_external_id(id: &str, items: Value) -> Value {
    let mut body = order(items);
    body["externalId"] = id.into();
    body
}

fn replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|v| v == "true")
}

/// All of them made one order, and all but the first say so.
async fn one_order(app: &TestApp, answers: &[Answer], before: usize) {
    let location = answers[0].headers["location"].clone();
    for answer in answers {
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        assert_eq!(answer.headers["location"], location);
        assert_eq!(answer.body["id"], answers[0].body["id"]);
        assert_eq!(answer.body["href"].as_str().unwrap(), location.to_str().unwrap());
    }
    assert_eq!(answers.iter().filter(|a| replayed(a)).count(), answers.len() - 1);
    assert_eq!(app.counts().await.0, (before + 1).to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_repeats_under_a_key_make_one_order() {
    let app = Arc::new(TestApp::new().await);
    app.customer("C1").await;
    let body = order(json!([provision("C1", CRM, "solo", None)]));
    let answers = at_once(&app, vec![(body.clone(), Some("K1".into())); 50]).await;
    one_order(&app, &answers, 1).await;
    app.run().await;
    assert_eq!(app.machines().len(), 1);
    assert_eq!(app.records("mediation-csv").await.len(), 1);
    // Later, the repeat shows the order as it then is.
    let late = keyed(&app, &body, Some("K1")).await;
    assert!(replayed(&late));
    assert_eq!(late.body["state"], "completed");
    assert_eq!(late.expect(201)["id"], answers[0].body["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_repeats_of_an_external_id_make_one_order() {
    let app = Arc::new(TestApp::new().await);
    // It names no customer id: each repeat would give its customer another one.
    let mut item = create("x");
    item["service"].as_object_mut().unwrap().remove("relatedParty");
    let body = with_external_id("BSS-1", json!([item]));
    let answers = at_once(&app, vec![(body, None); 50]).await;
    one_order(&app, &answers, 0).await;
    app.run().await;
    assert_eq!(app.counts().await, ("1".into(), "1".into()));
}

#[tokio::test]
async fn other_content_under_a_used_key_is_refused() {
    let app = TestApp::new().await;
    let first = app.post(ORDERS, &with_external_id("E1", json!([create("C1")]))).await.expect(201);
    let counts = app.counts().await;
    let other = app.post(ORDERS, &with_external_id("E1", json!([create("C2")]))).await.expect(409);
    assert_eq!(other["code"], "idempotencyConflict");
    let told = |what: &str, order: &Value| {
        let order = order["id"].as_str().unwrap();
        json!(format!("{what} was used before with other content, for order {order}"))
    };
    assert_eq!(other["message"], told("externalId: \"E1\"", &first));
    let second = keyed(&app, &order(json!([create("C2")])), Some("K")).await.expect(201);
    let other = keyed(&app, &order(json!([create("C3")])), Some("K")).await.expect(409);
    assert_eq!(other["message"], told("Idempotency-Key: \"K\"", &second));
    assert_eq!(app.counts().await.0, (counts.0.parse::<usize>().unwrap() + 1).to_string());
    // The header stands above the externalId, and the two never meet.
    keyed(&app, &with_external_id("E1", json!([create("C4")])), Some("K4")).await.expect(201);
    let repeat = keyed(&app, &with_external_id("E1", json!([create("C4")])), Some("K4")).await;
    assert!(replayed(&repeat));
    keyed(&app, &order(json!([create("C5")])), Some("E1")).await.expect(201);
}

#[tokio::test]
async fn content_is_compared_as_parsed() {
    let app = TestApp::new().await;
    let text = r#"{"externalId":"E1","serviceOrderItem":[{"id":"1","action":"add","service":{
        "serviceSpecification":{"id":"customer-account"},"relatedParty":[{"id":"C1","role":"customer"}],
        "serviceCharacteristic":[{"name":"name","value":"Zoë"}]}}]}"#;
    let same = r#"{"serviceOrderItem": [ {"service": {
        "serviceCharacteristic": [ {"value": "Zo\u00eb", "name": "name"} ],
        "relatedParty": [ {"role": "customer", "id": "C1"} ],
        "serviceSpecification": {"id": "customer-account"}}, "action": "add", "id": "1"} ],
        "externalId": "E1", "state": "held", "description": null}"#;
    let post = |text: &'static str| app.request(Method::POST, ORDERS, &[], Some(text.as_bytes()));
    let first = post(text).await.expect(201);
    let second = post(same).await;
    assert!(replayed(&second), "{:#}", second.body);
    assert_eq!(second.expect(201)["id"], first["id"]);
}

#[tokio::test]
async fn a_refused_order_does_not_use_its_key_up() {
    let app = TestApp::new().await;
    let body = with_external_id("E1", json!([provision("C1", CRM, "solo", None)]));
    app.post(ORDERS, &body).await.expect(400);
    keyed(&app, &order(json!([set_state("C1", "inactive")])), Some("K1")).await.expect(400);
    app.customer("C1").await;
    let accepted = app.post(ORDERS, &body).await;
    assert!(!replayed(&accepted));
    accepted.expect(201);
    // And with other content too: nothing was remembered of it.
    keyed(&app, &order(json!([terminate("C1")])), Some("K1")).await.expect(201);
}

/// A repeat is answered before anything is judged: by then its own order has made the repeat impossible.
#[tokio::test]
async fn a_repeat_is_not_judged_again() {
    let app = TestApp::new().await;
    let create = with_external_id("E1", json!([create("C1")]));
    let first = app.post(ORDERS, &create).await.expect(201);
    app.run().await;
    app.post(ORDERS, &json!({ "serviceOrderItem": create["serviceOrderItem"] })).await.expect(409);
    assert_eq!(app.post(ORDERS, &create).await.expect(201)["id"], first["id"]);
    // One that ended rejected is repeated like any other.
    let nothing = with_external_id("E2", json!([{ "id": "1", "action": "add", "service": {} }]));
    let rejected = app.post(ORDERS, &nothing).await.expect(201);
    assert_eq!(rejected["state"], "rejected");
    let again = app.post(ORDERS, &nothing).await;
    assert!(replayed(&again));
    assert_eq!(again.expect(201), rejected);
}

/// A deleted order is hidden from reads; its key is used all the same, and the repeat makes no second one.
#[tokio::test]
async fn the_key_of_a_deleted_order_stays_used() {
    let app = TestApp::new().await;
    let body = with_external_id("E1", json!([create("C1")]));
    let placed = app.post(ORDERS, &body).await.expect(201);
    app.run().await;
    let path = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    app.delete(&path).await.expect(204);
    app.get(&path).await.expect(404);
    app.post(ORDERS, &with_external_id("E1", json!([create("C2")]))).await.expect(409);
    let repeat = app.post(ORDERS, &body).await;
    assert!(replayed(&repeat), "{:#}", repeat.body);
    assert_eq!(repeat.expect(201)["id"], placed["id"]);
    assert_eq!(app.counts().await.0, "0");
}

#[tokio::test]
async fn keys_are_kept_for_ninety_days_and_no_longer() {
    let app = TestApp::new().await;
    let body = with_external_id("E1", json!([create("C1")]));
    app.post(ORDERS, &body).await.expect(201);
    app.run().await;
    app.clock.advance(TimeDelta::days(90));
    sweep_once(&app).await;
    assert!(replayed(&app.post(ORDERS, &body).await));
    app.clock.advance(TimeDelta::seconds(1));
    sweep_once(&app).await;
    let judged = app.post(ORDERS, &body).await.expect(409);
    assert_eq!(judged["code"], "alreadyExists", "no repeat any more: {judged}");
}

/// The first round of the sweep, which looks for everything.
async fn sweep_once(app: &TestApp) {
    let ended = CancellationToken::new();
    ended.cancel();
    sweep::run(app.running.engine.clone(), ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_conflicting_orders_at_once_exactly_one_wins() {
    let app = Arc::new(TestApp::new().await);
    // Two systems create the same customer, each under its own key.
    let same = (0..8).map(|n| (with_external_id(&format!("c{n}"), json!([create("C1")])), None)).collect();
    let answers = at_once(&app, same).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|a| a.status == 409).count(), 7);
    app.run().await;

    // And the same application for it, on different plans.
    let plans = ["solo", "team", "company", "solo", "team", "company", "solo", "team"];
    let same = plans
        .iter()
        .enumerate()
        .map(|(n, plan)| (order(json!([provision("C1", CRM, plan, None)])), Some(format!("p{n}"))))
        .collect();
    let answers = at_once(&app, same).await;
    let won: Vec<_> = answers.iter().filter(|a| a.status == 201).collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|a| a.status != 201) {
        assert_eq!(lost.status, 409, "{:#}", lost.body);
        assert_eq!(lost.body["code"], "alreadyExists");
    }
    let id = service_id(&won[0].body, 0);
    app.run().await;
    assert_eq!(app.service(&id).await["state"], "active");
    assert_eq!(app.counts().await, ("2".into(), "3".into()), "an account, a subscription, a machine");

    // Orders that do not conflict are all accepted, each once, and run one after another.
    let all = (0..12).map(|n| (order(json!([modify(&id, &[("plan", plans[n % 2])])])), None)).collect();
    for answer in at_once(&app, all).await {
        answer.expect(201);
    }
    app.run().await;
    assert_eq!(app.service(&id).await["state"], "active");
}

#[tokio::test]
async fn backups_by_the_own_api_take_a_key_as_orders_do() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let take = format!("/api/v1/subscriptions/{s}/backups");
    let post = async |path: &str, key: &[u8]| {
        let key = std::str::from_utf8(key).unwrap();
        app.request(Method::POST, path, &[("idempotency-key", key)], None).await
    };
    let first = post(&take, b"K1").await;
    assert!(!replayed(&first) && first.status == 202, "{:#}", first.body);
    app.run().await;
    let repeat = post(&take, b"K1").await;
    assert!(replayed(&repeat) && repeat.status == 202, "{:#}", repeat.body);
    assert_eq!(repeat.headers["location"], first.headers["location"]);
    assert_eq!(repeat.body, first.body);
    let backups = app.get(&take).await.expect(200);
    assert_eq!(backups.as_array().unwrap().len(), 1, "one backup was taken");
    // Another request under the same key.
    let restore = format!("/api/v1/backups/{}/restore", backups[0]["id"].as_str().unwrap());
    let clash = post(&restore, b"K1").await.expect(409);
    assert_eq!(clash["code"], "idempotencyConflict");
    assert!(clash["message"].as_str().unwrap().starts_with("Idempotency-Key: \"K1\" was used"), "{clash}");
    let first = post(&restore, b"K2").await;
    let repeat = post(&restore, b"K2").await;
    assert!(!replayed(&first) && replayed(&repeat));
    assert_eq!(repeat.expect(202), first.expect(202));
    let orders = app.counts().await.0;
    for bad in [&b""[..], &[b'x'; 256], b"two words"] {
        for path in [&take, &restore] {
            let refused = post(path, bad).await.expect(400);
            assert!(refused["message"].as_str().unwrap().starts_with("Idempotency-Key"), "{refused}");
        }
    }
    assert_eq!(app.counts().await.0, orders);
}

#[tokio::test]
async fn every_post_takes_a_key() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let order = json!({ "id": order["id"] });
    let catalogue = "/tmf-api/productCatalogManagement/v4";
    let services = "/tmf-api/serviceCatalogManagement/v4";
    let mut posts: Vec<(String, Value, Value)> = crate::inventory::records::kinds()
        .into_iter()
        .map(|(list, body, _, _, _)| {
            let mut other = body.clone();
            other["description"] = json!("another one");
            (list.to_owned(), body, other)
        })
        .collect();
    posts.extend([
        (format!("{catalogue}/category"), json!({ "name": "a" }), json!({ "name": "b" })),
        (format!("{services}/serviceCategory"), json!({ "name": "a" }), json!({ "name": "b" })),
        (
            crate::harness::CANCELS.to_owned(),
            json!({ "serviceOrder": order, "requestedCancellationDate": "2026-12-24T00:00:00Z" }),
            json!({ "serviceOrder": order, "requestedCancellationDate": "2026-12-25T00:00:00Z" }),
        ),
    ]);
    for (list, body, other) in posts {
        let post = async |body: &Value| {
            // Both versions of an API are one door.
            let headers = [("idempotency-key", if list.contains("v5") { "K5" } else { "K1" })];
            app.request(Method::POST, &list, &headers, Some(body.to_string().as_bytes())).await
        };
        let made = post(&body).await;
        assert!(made.status == 201 && !replayed(&made), "{list}: {:#}", made.body);
        let before = made.headers["location"].clone();
        let made = made.expect(201);
        let again = post(&body).await;
        assert!(replayed(&again), "{list}");
        assert_eq!(again.headers["location"], before);
        assert_eq!(again.expect(201), made, "{list}");
        let count = app.get(&list).await.headers["x-total-count"].clone();
        let clash = post(&other).await.expect(409);
        assert_eq!(clash["code"], "idempotencyConflict", "{list}: {clash}");
        assert_eq!(app.get(&list).await.headers["x-total-count"], count, "{list}");
        if !list.contains("cancel") {
            let path = before.to_str().unwrap().strip_prefix("http://localhost:8080").unwrap();
            assert_eq!(app.delete(path).await.status, 204, "{list}");
            assert_eq!(post(&body).await.expect(409)["code"], "idempotencyConflict", "{list}");
        }
    }
}
