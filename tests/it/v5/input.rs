//! What a v5 client sends: taken with the meaning that it has, or refused with its own path.

use axum::http::Method;
use serde_json::{Value, json};

use super::{CANCELS_V5, ORDERS_V5, item5, named, order5};
use crate::harness::{CRM, ORDERS, TestApp, create, modify, provision, set_state, terminate};

/// The body with another member at a JSON pointer's place.
fn with(mut body: Value, pointer: &str, member: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = member,
        parent => parent[key] = member,
    }
    body
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_v5_path() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    let good = order5(&json!([provision("C1", "stallfront", "stall", None)]));
    let service = "/serviceOrderItem/0/service";
    let party = format!("{service}/relatedParty/0");
    let paths = |operations: Value| {
        let item = json!({ "id": "1", "action": "modify", "service": { "id": id, "@type": "ServiceRef" },
            "modifyPath": operations });
        json!({ "@type": "ServiceOrder", "serviceOrderItem": [item] })
    };
    let two = json!([
        { "@type": "ExternalReference", "externalReferenceType": "externalId", "id": "a" },
        { "@type": "ExternalReference", "externalReferenceType": "externalId", "id": "b" },
    ]);
    let mut untyped = good.clone();
    untyped.as_object_mut().unwrap().remove("@type");
    let mut add_with_path = good.clone();
    add_with_path["serviceOrderItem"][0]["modifyPath"] = json!([]);
    let other =
        order5(&json!([provision("C1", "stallfront", "stall", None), provision("C2", CRM, "solo", None)]));
    let cases = [
        ("@type", untyped),
        ("@type", with(good.clone(), "/@type", json!(5))),
        ("the body must be a JSON object", json!([])),
        ("serviceOrderItem[0].@type", with(good.clone(), "/serviceOrderItem/0/@type", json!(5))),
        (
            "serviceOrderItem[0].service.relatedParty[0].@referredType",
            with(good.clone(), &format!("{party}/partyOrPartyRole/@referredType"), json!(["Individual"])),
        ),
        ("serviceOrderItem", json!({ "@type": "ServiceOrder" })),
        (
            "relatedParty[0].partyOrPartyRole",
            with(good.clone(), "/relatedParty", json!([{ "id": "C1", "role": "customer" }])),
        ),
        (
            "relatedParty[0].partyOrPartyRole.id",
            with(good.clone(), "/relatedParty", json!([{ "partyOrPartyRole": {} }])),
        ),
        ("relatedParty[0]", with(good.clone(), "/relatedParty", json!(["C1"]))),
        ("relatedParty", with(good.clone(), "/relatedParty", json!({}))),
        (
            "serviceOrderItem[0].service.relatedParty[0].partyOrPartyRole.id",
            with(good.clone(), &format!("{party}/partyOrPartyRole/id"), json!(1)),
        ),
        (
            "serviceOrderItem[0].service.relatedParty[0].role",
            with(good.clone(), &format!("{party}/role"), json!(1)),
        ),
        (
            "serviceOrderItem[1].service.relatedParty[0].partyOrPartyRole.id",
            with(other, "/serviceOrderItem/1/id", json!("2")),
        ),
        (
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(good.clone(), &format!("{service}/serviceCharacteristic/0/value"), json!(5)),
        ),
        (
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
            with(good.clone(), &format!("{service}/serviceCharacteristic/0/value"), json!("palace")),
        ),
        (
            "serviceOrderItem[0].service.serviceSpecification.id",
            with(good.clone(), &format!("{service}/serviceSpecification/id"), json!("telex")),
        ),
        (
            "serviceOrderItem[0].service.state",
            with(good.clone(), &format!("{service}/state"), json!("asleep")),
        ),
        ("serviceOrderItem[0].modifyPath", add_with_path),
        ("externalReference[1]", with(good.clone(), "/externalReference", two.clone())),
        (
            "externalReference[0].id",
            with(good.clone(), "/externalReference", json!([{ "externalReferenceType": "externalId" }])),
        ),
        (
            "externalReference (externalReferenceType = externalId).id",
            with(
                good.clone(),
                "/externalReference",
                json!([{ "externalReferenceType": "externalId", "id": "a\nb" }]),
            ),
        ),
        ("orderSpecification.id", with(good.clone(), "/orderSpecification", json!({}))),
        (
            "orderCharacteristic[0].value",
            with(
                good.clone(),
                "/orderCharacteristic",
                json!([{ "@type": "IntegerCharacteristic", "name": "n", "value": "x" }]),
            ),
        ),
        (
            "serviceOrderItem[0].modifyPath[0].path",
            paths(json!([{ "op": "replace", "path": "/action", "value": "delete" }])),
        ),
        (
            "serviceOrderItem[0].modifyPath[0].path",
            paths(json!([{ "op": "replace", "path": "/serviceCharacteristic/77", "value": {} }])),
        ),
        (
            "serviceOrderItem[0].modifyPath[0].op",
            paths(json!([{ "op": "remove", "path": "/serviceCharacteristic/0" }])),
        ),
        ("serviceOrderItem[0].modifyPath", paths(json!("x"))),
        (
            "serviceOrderItem[0].modifyPath (plan)",
            paths(json!([{ "op": "replace", "path": "/serviceCharacteristic/0/value", "value": "palace" }])),
        ),
        (
            "serviceOrderItem[0].service.state",
            paths(json!([{ "op": "replace", "path": "/state", "value": "asleep" }])),
        ),
    ];
    let before = app.counts().await;
    let mut wrong = vec![];
    for (path, body) in cases {
        let answer = app.post(ORDERS_V5, &body).await;
        let message = answer.body["message"].as_str().unwrap_or("");
        let typed = answer.body["@type"] == "Error" && answer.body["code"].is_string();
        if answer.status != 400 || !message.starts_with(path) || !typed {
            wrong.push(format!("{path}: {} {message:?} to {body}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.run().await;
    assert_eq!(app.counts().await, before);
    let untyped = app.post(CANCELS_V5, &json!({ "serviceOrder": { "id": id } })).await.expect(400);
    assert!(untyped["message"].as_str().unwrap().starts_with("@type"), "{untyped}");
    app.post(ORDERS_V5, &good).await.expect(201);
}

#[tokio::test]
async fn suspended_is_a_state_of_v5_alone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", None).await;
    app.post(ORDERS, &json!({ "serviceOrderItem": [set_state(&id, "suspended")] })).await.expect(400);
    let placed = app.post(ORDERS_V5, &order5(&json!([set_state(&id, "suspended")]))).await.expect(201);
    assert_eq!(placed["serviceOrderItem"][0]["service"]["state"], "suspended");
    app.run().await;
    assert_eq!(app.service(&id).await["state"], "inactive");
    let v4 = app.show(&placed).await;
    assert_eq!(
        (&v4["state"], &v4["serviceOrderItem"][0]["service"]["state"]),
        (&json!("completed"), &json!("inactive"))
    );
}

#[tokio::test]
async fn a_modify_path_changes_what_it_names() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let change = |operations: Value| {
        json!({ "@type": "ServiceOrder", "serviceOrderItem": [{ "id": "1", "@type": "ServiceOrderItem", "action": "modify",
            "service": { "id": id, "@type": "ServiceRef" }, "modifyPath": operations }] })
    };
    let list = app.service(&id).await["serviceCharacteristic"].clone();
    let version = list.as_array().unwrap().iter().position(|c| c["name"] == "version").unwrap();
    let path = format!("/serviceCharacteristic/{version}");
    let rows = [
        // As the official example writes it: one more object at the list.
        (
            json!([{ "op": "add", "path": "/serviceCharacteristic",
            "value": { "@type": "StringCharacteristic", "name": "plan", "value": "team" } }]),
            "plan",
            "team",
        ),
        (
            json!([{ "op": "test", "path": format!("{path}/name"), "value": "version" },
            { "op": "replace", "path": format!("{path}/value"), "value": "2.0" }]),
            "version",
            "2.0",
        ),
        (
            json!([{ "op": "add", "path": "/service/serviceCharacteristic/-",
            "value": { "name": "plan", "value": "solo" } }]),
            "plan",
            "solo",
        ),
    ];
    for (operations, name, value) in rows {
        let placed = app.post(ORDERS_V5, &change(operations.clone())).await.expect(201);
        let item = &placed["serviceOrderItem"][0];
        assert_eq!(item["modifyPath"], operations, "the request is shown as it was given");
        app.run().await;
        let v4 = app.show(&placed).await;
        assert_eq!(v4["state"], "completed", "{v4:#}");
        assert!(v4["serviceOrderItem"][0].get("modifyPath").is_none(), "v4 has no such member");
        assert_eq!(named(&app.service(&id).await["serviceCharacteristic"], name)["value"], value);
    }
    let state = |word: &str| change(json!([{ "op": "replace", "path": "/state", "value": word }]));
    for (word, shown) in [("suspended", "inactive"), ("active", "active")] {
        app.post(ORDERS_V5, &state(word)).await.expect(201);
        app.run().await;
        assert_eq!(app.service(&id).await["state"], shown);
    }
    // What holds already is asked for all the same, and is done without a job.
    let placed = app.post(ORDERS_V5, &state("active")).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "completed");
    assert!(app.jobs(&placed).await.is_empty());
    // A repeat under its key is the same content, whatever has become of the service by then.
    let body =
        change(json!([{ "op": "replace", "path": "/serviceCharacteristic/0/value", "value": "team" }]));
    let keyed = || async {
        let headers = [("idempotency-key", "K1")];
        app.request(Method::POST, ORDERS_V5, &headers, Some(body.to_string().as_bytes())).await
    };
    let first = keyed().await.expect(201);
    app.run().await;
    assert_eq!(keyed().await.expect(201)["id"], first["id"]);
}

#[tokio::test]
async fn an_order_that_names_nothing_to_do_is_rejected_in_v5_too() {
    let app = TestApp::new().await;
    let bare = json!({ "@type": "ServiceOrder", "serviceOrderItem": [{ "id": "1", "action": "add", "service": { "@type": "Service" } }] });
    let placed = app.post(ORDERS_V5, &bare).await.expect(201);
    assert_eq!(placed["state"], "rejected");
    assert_eq!(placed["errorMessage"]["@type"], "ServiceOrderErrorMessage");
    assert_eq!(placed["errorMessage"]["code"], "rejected");
}

#[tokio::test]
async fn what_only_v5_knows_is_kept_and_shown_by_v5() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let mut body = order5(&json!([provision("C1", CRM, "solo", None)]));
    body["orderCharacteristic"] = json!([{ "@type": "IntegerCharacteristic", "name": "batch", "value": 7 }]);
    body["orderSpecification"] = json!({ "@type": "OrderSpecificationRef", "id": "OS1" });
    body["state"] = json!("completed");
    body["id"] = json!("mine");
    body["expectedCompletionDate"] = json!("2020-01-01T00:00:00Z");
    body["serviceOrderItem"][0]["service"]["place"] = json!([{
        "@type": "RelatedPlaceRefOrValue", "role": "site",
        "place": { "@type": "PlaceRef", "id": "P1", "@referredType": "GeographicSite" },
    }]);
    let placed = app.post(ORDERS_V5, &body).await.expect(201);
    assert_eq!(named(&placed["orderCharacteristic"], "batch")["value"], 7);
    assert_eq!(placed["orderSpecification"]["id"], "OS1");
    assert_eq!(
        placed["serviceOrderItem"][0]["service"]["place"],
        body["serviceOrderItem"][0]["service"]["place"]
    );
    assert_eq!(placed["state"], "acknowledged");
    assert_ne!(placed["id"], "mine");
    assert_ne!(placed["expectedCompletionDate"], body["expectedCompletionDate"]);
    let v4 = app.show(&placed).await;
    assert!(v4.get("orderCharacteristic").is_none() && v4.get("orderSpecification").is_none(), "{v4:#}");
    assert_eq!(v4["serviceOrderItem"][0]["service"]["place"][0]["id"], "P1");
}

#[tokio::test]
async fn fields_choose_what_post_answers() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = order5(&json!([create("C2")]));
    let placed = app.post(&format!("{ORDERS_V5}?fields=state"), &body).await.expect(201);
    let mut members: Vec<_> = placed.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["@type", "href", "id", "state"]);
    app.run().await;
    let of_c1 =
        json!({ "@type": "ServiceOrder", "serviceOrderItem": [item5(modify("C1", &[("name", "x")]))] });
    app.post(ORDERS_V5, &of_c1).await.expect(400);
    app.post(ORDERS_V5, &order5(&json!([terminate("C2")]))).await.expect(201);
}

#[tokio::test]
async fn types_below_the_resource_may_be_left_out_and_are_always_shown() {
    let app = TestApp::new().await;
    let mut body = order5(&json!([create("C1"), provision("C1", CRM, "solo", None)]));
    fn bare(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|name, _| !name.starts_with('@'));
                map.values_mut().for_each(bare);
            }
            Value::Array(list) => list.iter_mut().for_each(bare),
            _ => {}
        }
    }
    bare(&mut body);
    body["@type"] = json!("ServiceOrder");
    let placed = app.post(ORDERS_V5, &body).await.expect(201);
    super::all_typed(&placed, "");
}
