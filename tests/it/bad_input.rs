//! What is wrong is refused with the status of the contract and the path of what is wrong, and leaves nothing behind.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, CANCELS, CRM, ORDERS, SERVICES, SPECS, TestApp, create, modify, provision, set_state, terminate,
};

const NOBODYS: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3";

/// A refusal: status, TMF error body, and a message that begins with the path.
#[track_caller]
fn refused(answer: &Answer, status: u16, path: &str) {
    assert_eq!(answer.status.as_u16(), status, "{path}: {:#}", answer.body);
    let body = &answer.body;
    assert_eq!(body["status"], status.to_string());
    assert_eq!(body["@type"], "Error");
    for member in ["code", "reason", "referenceError"] {
        assert!(
            body[member].as_str().is_some_and(|text| !text.is_empty()),
            "{member}: {body:#}"
        );
    }
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with(path), "the message names {path}: {message}");
}

fn order(items: Value) -> Value {
    json!({ "serviceOrderItem": items })
}

/// The value with another member at a JSON pointer's place.
fn with(mut value: Value, pointer: &str, member: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = member,
        parent => parent[key] = member,
    }
    value
}

/// Posts each body; each must be refused at its path, and nothing may be there that was not before.
async fn all_refused(app: &TestApp, cases: Vec<(u16, &str, Value)>) {
    let before = app.counts().await;
    let mut wrong = vec![];
    for (status, path, body) in cases {
        let answer = app.post(ORDERS, &body).await;
        let message = answer.body["message"].as_str().unwrap_or("");
        if answer.status.as_u16() != status || !message.starts_with(path) {
            wrong.push(format!(
                "{status} {path}: {} {message:?} to {body}",
                answer.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.run().await;
    assert_eq!(app.counts().await, before);
}

#[tokio::test]
async fn what_an_order_names_must_be_there() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    app.customer("C2").await;
    let theirs = app.provision("C2", CRM, "solo", None).await;
    let plain = order(json!([provision("C1", "stallfront", "stall", None)]));
    let characteristics = "/serviceOrderItem/0/service/serviceCharacteristic";
    let item = "serviceOrderItem[0].service";
    let of_item = |rest: &str| format!("{item}.{rest}");
    let value = |n: usize| of_item(&format!("serviceCharacteristic[{n}].value"));
    let of_c1 = |item: Value| {
        with(
            order(json!([item])),
            "/relatedParty",
            json!([{ "id": "C1", "role": "Customer" }]),
        )
    };
    let cases = [
        (
            of_item("serviceSpecification.id"),
            with(
                plain.clone(),
                "/serviceOrderItem/0/service/serviceSpecification/id",
                json!("telex"),
            ),
        ),
        (
            "relatedParty".into(),
            order(json!([provision("C9", CRM, "solo", None)])),
        ),
        (
            "relatedParty".into(),
            with(
                plain.clone(),
                "/serviceOrderItem/0/service/relatedParty",
                json!([]),
            ),
        ),
        (
            "relatedParty".into(),
            with(
                plain.clone(),
                "/serviceOrderItem/0/service/relatedParty/0/role",
                json!("reseller"),
            ),
        ),
        (of_item("id"), order(json!([set_state(NOBODYS, "inactive")]))),
        (of_item("id"), order(json!([terminate("C9")]))),
        (of_item("id"), of_c1(terminate(&theirs))),
        (of_item("id"), of_c1(terminate("C2"))),
        (
            value(0),
            order(json!([provision("C1", "stallfront", "palace", None)])),
        ),
        (
            value(1),
            order(json!([provision("C1", "stallfront", "stall", Some("9.9"))])),
        ),
        (
            of_item("serviceCharacteristic (name = plan)"),
            with(plain.clone(), characteristics, json!([])),
        ),
        (
            value(1),
            with(
                plain.clone(),
                characteristics,
                json!([{ "name": "plan", "value": "stall" }, { "name": "colour", "value": "red" }]),
            ),
        ),
        (value(0), order(json!([modify(&id, &[("plan", "palace")])]))),
        (value(0), order(json!([modify(&id, &[("version", "0.1")])]))),
        (
            value(1),
            order(json!([modify(&id, &[("plan", "team"), ("colour", "red")])])),
        ),
        (value(0), order(json!([modify(&id, &[("operation", "explode")])]))),
        (
            of_item("serviceCharacteristic (name = backupId)"),
            order(json!([modify(&id, &[("operation", "restore")])])),
        ),
        (
            value(1),
            order(json!([modify(
                &id,
                &[("operation", "restore"), ("backupId", NOBODYS)]
            )])),
        ),
        (
            value(1),
            order(json!([modify(&id, &[("operation", "backup"), ("plan", "team")])])),
        ),
        (
            of_item("state"),
            order(json!([modify("C1", &[("name", "Else")])])),
        ),
        (of_item("state"), order(json!([set_state(&id, "terminated")]))),
        (of_item("state"), order(json!([set_state(&id, "asleep")]))),
        (
            value(0),
            with(
                order(json!([modify(&id, &[("plan", "team")])])),
                "/serviceOrderItem/0/service/state",
                json!("inactive"),
            ),
        ),
        (
            of_item("id"),
            with(plain.clone(), "/serviceOrderItem/0/service/id", json!(NOBODYS)),
        ),
        (
            of_item("id"),
            order(json!([{ "id": "1", "action": "add", "service": { "id": NOBODYS } }])),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(plain.clone(), "/serviceOrderItem/0/quantity", json!(2)),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(plain.clone(), "/serviceOrderItem/0/quantity", json!(0)),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(plain.clone(), "/serviceOrderItem/0/quantity", json!(-1)),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(
                order(json!([create("C3")])),
                "/serviceOrderItem/0/quantity",
                json!(2),
            ),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(
                order(json!([terminate(&id)])),
                "/serviceOrderItem/0/quantity",
                json!(3),
            ),
        ),
    ];
    all_refused(
        &app,
        cases.iter().map(|(p, b)| (400, p.as_str(), b.clone())).collect(),
    )
    .await;
    // One of it is what everybody means.
    let one = with(plain, "/serviceOrderItem/0/quantity", json!(1));
    app.post(ORDERS, &one).await.expect(201);
}

#[tokio::test]
async fn ids_of_customers_and_items() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    let machine = app.machines()[0]["id"].as_str().unwrap().to_owned();
    let longest = "x".repeat(64);
    app.customer(&longest).await;
    app.customer("0-._:@").await;
    let two = with(
        order(json!([create("C3")])),
        "/relatedParty",
        json!([{ "id": "C4", "role": "customer" }]),
    );
    let long = "x".repeat(65);
    let item = |id: &str, on: &[&str]| {
        let mut item = provision("C1", "stallfront", "stall", None);
        item["id"] = json!(id);
        item["serviceOrderItemRelationship"] = on
            .iter()
            .map(|on| json!({ "relationshipType": "reliesOn", "orderItem": { "itemId": on } }))
            .collect();
        item
    };
    let no_name = with(
        order(json!([create("C3")])),
        "/serviceOrderItem/0/service/serviceCharacteristic",
        json!([]),
    );
    let blank = "/serviceOrderItem/0/service/serviceCharacteristic/0/value";
    let external = |id: &str| with(order(json!([create("C3")])), "/externalId", json!(id));
    let relation = "serviceOrderItem[0].serviceOrderItemRelationship";
    let unnamed = json!([{ "relationshipType": "reliesOn", "orderItem": {} }]);
    let cases = vec![
        (400, "relatedParty", order(json!([create(&long)]))),
        (400, "relatedParty", order(json!([create("")]))),
        (400, "relatedParty", order(json!([create("-1")]))),
        (400, "relatedParty", order(json!([create("Ähre")]))),
        (400, "relatedParty", order(json!([create("a b")]))),
        (400, "serviceOrderItem[0].service.relatedParty[0].id", two),
        (
            400,
            "serviceOrderItem[1].service.relatedParty[0].id",
            order(json!([item("1", &[]), with(create("C5"), "/id", json!("2"))])),
        ),
        (409, "serviceOrderItem[0]", order(json!([create(&id)]))),
        (
            409,
            "serviceOrderItem[0]",
            order(json!([create(&id.to_uppercase())])),
        ),
        (409, "serviceOrderItem[0]", order(json!([create(&machine)]))),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic (name = name)",
            no_name,
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(order(json!([create("C3")])), blank, json!("  ")),
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(order(json!([create("C3")])), blank, json!({ "first": "Ada" })),
        ),
        (
            400,
            "serviceOrderItem[1].id",
            order(json!([item("1", &[]), item("1", &[])])),
        ),
        (400, "serviceOrderItem[0].id", order(json!([item("", &[])]))),
        (400, relation, order(json!([item("1", &["2"])]))),
        (400, relation, order(json!([item("1", &["1"])]))),
        (
            400,
            relation,
            order(json!([item("1", &["2"]), item("2", &["3"]), item("3", &["1"])])),
        ),
        (
            400,
            relation,
            order(json!([with(
                item("1", &[]),
                "/serviceOrderItemRelationship",
                unnamed
            )])),
        ),
        (400, "externalId", external("")),
        (400, "externalId", external(&"x".repeat(256))),
        (400, "externalId", external("a\nb")),
        (400, "externalId", external("a\u{7f}")),
        (400, "externalId", external("a\u{0}b")),
        (400, "serviceOrderItem", order(json!([]))),
    ];
    all_refused(&app, cases).await;
    app.post(ORDERS, &external(&"ü\"',;".repeat(51)))
        .await
        .expect(201);
}

#[tokio::test]
async fn bodies_that_are_no_order() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let good = order(json!([provision("C1", CRM, "solo", None)]));
    let cases = vec![
        (400, "the body must be a JSON object", json!([])),
        (400, "the body must be a JSON object", json!("order")),
        (400, "serviceOrderItem", json!({})),
        (400, "serviceOrderItem", json!({ "serviceOrderItem": {} })),
        (400, "serviceOrderItem[0]", order(json!(["1"]))),
        (
            400,
            "serviceOrderItem[0].id",
            with(good.clone(), "/serviceOrderItem/0/id", json!(1)),
        ),
        (
            400,
            "serviceOrderItem[0].action",
            with(good.clone(), "/serviceOrderItem/0/action", json!("explode")),
        ),
        (
            400,
            "serviceOrderItem[0].service",
            with(good.clone(), "/serviceOrderItem/0/service", json!("crm")),
        ),
        (
            400,
            "serviceOrderItem[0].quantity",
            with(good.clone(), "/serviceOrderItem/0/quantity", json!("2")),
        ),
        (
            400,
            "serviceOrderItem[0].quantity",
            with(good.clone(), "/serviceOrderItem/0/quantity", json!(1.5)),
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceSpecification",
            with(
                good.clone(),
                "/serviceOrderItem/0/service/serviceSpecification",
                json!([CRM]),
            ),
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic[1]",
            with(
                good.clone(),
                "/serviceOrderItem/0/service/serviceCharacteristic",
                json!([{ "name": "plan", "value": "solo" }, { "value": "2.0" }]),
            ),
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(
                good.clone(),
                "/serviceOrderItem/0/service/serviceCharacteristic/0/value",
                json!(["solo"]),
            ),
        ),
        (
            400,
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(
                good.clone(),
                "/serviceOrderItem/0/service/serviceCharacteristic",
                json!([{ "name": "plan", "value": "solo" }, { "name": "plan", "value": "team" }]),
            ),
        ),
        (
            400,
            "requestedStartDate",
            with(good.clone(), "/requestedStartDate", json!("tomorrow")),
        ),
        (
            400,
            "requestedStartDate",
            with(good.clone(), "/requestedStartDate", json!(1_700_000_000)),
        ),
        (400, "externalId", with(good.clone(), "/externalId", json!(7))),
        (400, "priority", with(good.clone(), "/priority", json!(1))),
        (
            400,
            "note[0]",
            with(good.clone(), "/note", json!([{ "author": "me" }])),
        ),
        (
            400,
            "relatedParty[0]",
            with(good.clone(), "/relatedParty", json!([["C1", "customer"]])),
        ),
        (
            400,
            "relatedParty",
            with(
                good.clone(),
                "/relatedParty",
                json!({ "id": "C1", "role": "customer" }),
            ),
        ),
        // A character that PostgreSQL cannot hold, wherever it stands.
        (
            400,
            "description",
            with(good.clone(), "/description", json!("a\u{0}b")),
        ),
        (
            400,
            "serviceOrderItem[0].id",
            with(good.clone(), "/serviceOrderItem/0/id", json!("\u{0}")),
        ),
        (
            400,
            "serviceOrderItem[0].service.relatedParty[0].id",
            with(
                good.clone(),
                "/serviceOrderItem/0/service/relatedParty/0/id",
                json!("C\u{0}"),
            ),
        ),
        (
            400,
            "serviceOrderItem[0].service.id",
            order(json!([terminate("C\u{0}")])),
        ),
    ];
    all_refused(&app, cases).await;
    app.post(ORDERS, &good).await.expect(201);
}

#[tokio::test]
async fn bodies_that_are_not_read_at_all() {
    let app = TestApp::new().await;
    let good = order(json!([create("C1")])).to_string();
    let post = |headers: &'static [(&'static str, &'static str)], body: Vec<u8>| {
        let app = &app;
        async move { app.request(Method::POST, ORDERS, headers, Some(&body)).await }
    };
    for broken in [
        "",
        "{",
        "{\"serviceOrderItem\": [}",
        "nonsense",
        "{} {}",
        "{\"a\": \"\u{1}\"}",
    ] {
        let answer = post(&[], broken.into()).await;
        refused(&answer, 400, "line 1");
    }
    refused(
        &post(&[], b"{\"description\": \"\xff\"}".to_vec()).await,
        400,
        "line 1",
    );
    refused(&post(&[], "[".repeat(100_000).into()).await, 400, "line 1");
    for kind in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/xml")],
        &[("content-type", "application/jsonp")],
        &[("content-type", "")],
    ] {
        refused(&post(kind, good.clone().into()).await, 415, "Content-Type");
    }
    refused(
        &post(&[("accept", "text/html")], good.clone().into()).await,
        406,
        "Accept",
    );
    refused(
        &post(
            &[("accept", "application/xml, image/*;q=0.9")],
            good.clone().into(),
        )
        .await,
        406,
        "Accept",
    );
    refused(
        &app.request(Method::GET, ORDERS, &[("accept", "text/csv")], None)
            .await,
        406,
        "Accept",
    );
    refused(
        &app.request(Method::GET, SERVICES, &[("accept", "text/csv")], None)
            .await,
        406,
        "Accept",
    );
    let limit = app.config.api.body_limit_kib * 1024;
    let mut large = good.clone();
    large.push_str(&" ".repeat(limit + 1 - large.len()));
    refused(&post(&[], large.clone().into()).await, 413, "the body is larger");
    for key in ["", &"k".repeat(256)] {
        let answer = app
            .request(
                Method::POST,
                ORDERS,
                &[("idempotency-key", key)],
                Some(good.as_bytes()),
            )
            .await;
        refused(&answer, 400, "Idempotency-Key");
    }
    assert_eq!(app.counts().await, ("0".into(), "0".into()));
    // One octet less, a charset, and a wish that can be met are all right.
    large.pop();
    post(
        &[
            ("content-type", "application/json; charset=utf-8"),
            ("accept", "text/html, application/*;q=0.5"),
        ],
        large.into(),
    )
    .await
    .expect(201);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let app = TestApp::new().await;
    for (path, what) in [
        (format!("{ORDERS}/{NOBODYS}"), "there is no service order"),
        (format!("{ORDERS}/4711"), "there is no service order 4711"),
        (format!("{SERVICES}/4711"), "there is no service 4711"),
        (format!("{SERVICES}/%00"), "there is nothing at"),
        (
            format!("{SPECS}/telex"),
            "there is no service specification telex",
        ),
        (format!("{CANCELS}/{NOBODYS}"), "there is no cancelServiceOrder"),
        (
            "/tmf-api/serviceOrdering/v3/serviceOrder".into(),
            "there is nothing at",
        ),
        ("/".into(), "there is nothing at"),
    ] {
        refused(&app.get(&path).await, 404, what);
    }
    refused(
        &app.patch(&format!("{ORDERS}/{NOBODYS}"), &json!({})).await,
        404,
        "there is no service order",
    );
    refused(
        &app.delete(&format!("{ORDERS}/x")).await,
        404,
        "there is no service order",
    );
    for (method, path, allowed) in [
        (Method::PUT, ORDERS.to_owned(), "POST"),
        (Method::DELETE, ORDERS.to_owned(), "GET"),
        (Method::POST, format!("{ORDERS}/{NOBODYS}"), "PATCH"),
        (Method::PATCH, format!("{CANCELS}/{NOBODYS}"), "GET"),
        (Method::POST, SERVICES.to_owned(), "GET"),
        (Method::DELETE, format!("{SPECS}/{CRM}"), "GET"),
    ] {
        let answer = app.request(method, &path, &[], Some(b"{}")).await;
        refused(&answer, 405, &path);
        assert!(answer.headers["allow"].to_str().unwrap().contains(allowed));
    }
    let unknown = json!({ "serviceOrder": { "id": NOBODYS } });
    refused(&app.post(CANCELS, &unknown).await, 400, "serviceOrder.id");
    refused(
        &app.post(CANCELS, &json!({ "serviceOrder": {} })).await,
        400,
        "serviceOrder",
    );
    refused(&app.post(CANCELS, &json!({})).await, 400, "serviceOrder");
}

/// The stock bodies of the official kits: right by the schema, and nothing to do.
#[tokio::test]
async fn an_order_that_names_nothing_to_do_is_accepted_and_rejected() {
    let app = TestApp::new().await;
    for service in [json!({}), json!({ "id": "C1" }), json!({ "state": "active" })] {
        let action = if service.as_object().unwrap().contains_key("id") {
            "modify"
        } else {
            "add"
        };
        let body = order(json!([{ "id": "1", "action": action, "service": service }]));
        let placed = app.post(ORDERS, &body).await;
        assert!(placed.headers.contains_key("location"));
        let shown = placed.expect(201);
        assert_eq!(shown["state"], "rejected");
        assert_eq!(shown["serviceOrderItem"][0]["state"], "rejected");
        let message = shown["errorMessage"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("serviceOrderItem[0]"), "{message}");
    }
    // Among items that have something to do, nothing is done.
    app.customer("C1").await;
    let body =
        order(json!([provision("C1", CRM, "solo", None), { "id": "2", "action": "delete", "service": {} }]));
    let shown = app.post(ORDERS, &body).await.expect(201);
    assert_eq!(shown["state"], "rejected");
    app.run().await;
    assert_eq!(app.counts().await, ("5".into(), "1".into()));
    assert!(app.machines().is_empty());
}
