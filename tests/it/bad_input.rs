//! What is wrong is refused with the status of the contract and the path of what is wrong, and leaves nothing behind.

use serde_json::{Value, json};

use crate::harness::{CRM, ORDERS, TestApp, create, item, modify, provision, restore, set_state, terminate};

const NOBODYS: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3";

/// An order of these items.
pub fn order(items: Value) -> Value {
    Value::Object([("serviceOrderItem".to_owned(), items)].into_iter().collect())
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
            wrong.push(format!("{status} {path}: {} {message:?} to {body}", answer.status));
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
        with(order(json!([item])), "/relatedParty", json!([{ "id": "C1", "role": "Customer" }]))
    };
    let cases = [
        (
            of_item("serviceSpecification.id"),
            with(plain.clone(), "/serviceOrderItem/0/service/serviceSpecification/id", json!("telex")),
        ),
        ("relatedParty".into(), order(json!([provision("C9", CRM, "solo", None)]))),
        ("relatedParty".into(), with(plain.clone(), "/serviceOrderItem/0/service/relatedParty", json!([]))),
        (
            "relatedParty".into(),
            with(plain.clone(), "/serviceOrderItem/0/service/relatedParty/0/role", json!("reseller")),
        ),
        (of_item("id"), order(json!([set_state(NOBODYS, "inactive")]))),
        (of_item("id"), order(json!([terminate("C9")]))),
        (of_item("id"), of_c1(terminate(&theirs))),
        (of_item("id"), of_c1(terminate("C2"))),
        (value(0), order(json!([provision("C1", "stallfront", "palace", None)]))),
        (value(1), order(json!([provision("C1", "stallfront", "stall", Some("9.9"))]))),
        (of_item("serviceCharacteristic (name = plan)"), with(plain.clone(), characteristics, json!([]))),
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
        (value(1), order(json!([modify(&id, &[("plan", "team"), ("colour", "red")])]))),
        (value(0), order(json!([modify(&id, &[("operation", "explode")])]))),
        (
            of_item("serviceCharacteristic (name = backupId)"),
            order(json!([modify(&id, &[("operation", "restore")])])),
        ),
        (value(1), order(json!([restore(&id, NOBODYS)]))),
        (value(1), order(json!([modify(&id, &[("operation", "backup"), ("plan", "team")])]))),
        (of_item("state"), order(json!([modify("C1", &[("name", "Else")])]))),
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
        (of_item("id"), with(plain.clone(), "/serviceOrderItem/0/service/id", json!(NOBODYS))),
        (of_item("id"), order(json!([{ "id": "1", "action": "add", "service": { "id": NOBODYS } }]))),
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
            with(order(json!([create("C3")])), "/serviceOrderItem/0/quantity", json!(2)),
        ),
        (
            "serviceOrderItem[0].quantity".into(),
            with(order(json!([terminate(&id)])), "/serviceOrderItem/0/quantity", json!(3)),
        ),
    ];
    all_refused(&app, cases.iter().map(|(p, b)| (400, p.as_str(), b.clone())).collect()).await;
    // One of it is what everybody means.
    let one = with(plain, "/serviceOrderItem/0/quantity", json!(1));
    app.post(ORDERS, &one).await.expect(201);
}

#[tokio::test]
async fn ids_out_of_form_or_taken_are_refused() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    let machine = app.machines()[0]["id"].as_str().unwrap().to_owned();
    let longest = "x".repeat(64);
    app.customer(&longest).await;
    app.customer("0-._:@").await;
    let two =
        with(order(json!([create("C3")])), "/relatedParty", json!([{ "id": "C4", "role": "customer" }]));
    let long = "x".repeat(65);
    let item = |id: &str, on: &[&str]| item(id, provision("C1", "stallfront", "stall", None), on);
    let no_name =
        with(order(json!([create("C3")])), "/serviceOrderItem/0/service/serviceCharacteristic", json!([]));
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
        (409, "serviceOrderItem[0]", order(json!([create(&id.to_uppercase())]))),
        (409, "serviceOrderItem[0]", order(json!([create(&machine)]))),
        (400, "serviceOrderItem[0].service.serviceCharacteristic (name = name)", no_name),
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
        (400, "serviceOrderItem[1].id", order(json!([item("1", &[]), item("1", &[])]))),
        (400, "serviceOrderItem[0].id", order(json!([item("", &[])]))),
        (400, relation, order(json!([item("1", &["2"])]))),
        (400, relation, order(json!([item("1", &["1"])]))),
        (400, relation, order(json!([item("1", &["2"]), item("2", &["3"]), item("3", &["1"])]))),
        (400, relation, order(json!([with(item("1", &[]), "/serviceOrderItemRelationship", unnamed)]))),
        (400, "externalId", external("")),
        (400, "externalId", external(&"x".repeat(256))),
        (400, "externalId", external("a\nb")),
        (400, "externalId", external("a\u{7f}")),
        (400, "externalId", external("a\u{0}b")),
        (400, "serviceOrderItem", order(json!([]))),
    ];
    all_refused(&app, cases).await;
    app.post(ORDERS, &external(&"ü\"',;".repeat(51))).await.expect(201);
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
        (400, "serviceOrderItem[0].id", with(good.clone(), "/serviceOrderItem/0/id", json!(1))),
        (
            400,
            "serviceOrderItem[0].action",
            with(good.clone(), "/serviceOrderItem/0/action", json!("explode")),
        ),
        (400, "serviceOrderItem[0].service", with(good.clone(), "/serviceOrderItem/0/service", json!("crm"))),
        (400, "serviceOrderItem[0].quantity", with(good.clone(), "/serviceOrderItem/0/quantity", json!("2"))),
        (400, "serviceOrderItem[0].quantity", with(good.clone(), "/serviceOrderItem/0/quantity", json!(1.5))),
        (
            400,
            "serviceOrderItem[0].service.serviceSpecification",
            with(good.clone(), "/serviceOrderItem/0/service/serviceSpecification", json!([CRM])),
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
            with(good.clone(), "/serviceOrderItem/0/service/serviceCharacteristic/0/value", json!(["solo"])),
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
        (400, "requestedStartDate", with(good.clone(), "/requestedStartDate", json!("tomorrow"))),
        (400, "requestedStartDate", with(good.clone(), "/requestedStartDate", json!(1_700_000_000))),
        (400, "externalId", with(good.clone(), "/externalId", json!(7))),
        (400, "priority", with(good.clone(), "/priority", json!(1))),
        (400, "note[0]", with(good.clone(), "/note", json!([{ "author": "me" }]))),
        (400, "relatedParty[0]", with(good.clone(), "/relatedParty", json!([["C1", "customer"]]))),
        (400, "relatedParty", with(good.clone(), "/relatedParty", json!({ "id": "C1", "role": "customer" }))),
        // A character that PostgreSQL cannot hold, wherever it stands.
        (400, "description", with(good.clone(), "/description", json!("a\u{0}b"))),
        (400, "serviceOrderItem[0].id", with(good.clone(), "/serviceOrderItem/0/id", json!("\u{0}"))),
        (
            400,
            "serviceOrderItem[0].service.relatedParty[0].id",
            with(good.clone(), "/serviceOrderItem/0/service/relatedParty/0/id", json!("C\u{0}")),
        ),
        (400, "serviceOrderItem[0].service.id", order(json!([terminate("C\u{0}")]))),
    ];
    all_refused(&app, cases).await;
    app.post(ORDERS, &good).await.expect(201);
}
