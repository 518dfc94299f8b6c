//! TMF629: customers as a CRM creates, reads, changes and ends them.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::api::tmf629::render;
use telvisor_model::EventKind;

use crate::harness::{
    Answer, CRM, ORDERS, TestApp, characteristic, create, item, modify, provision, set_state,
};
use crate::notify::Ear;

const CUSTOMERS: &str = "/tmf-api/customerManagement/v4/customer";

fn company(number: &str) -> Value {
    json!({
        "name": "Moon Football Club",
        "engagedParty": { "id": "500", "@referredType": "Organization", "name": "Moon", "role": "owner" },
        "contactMedium": [
            { "mediumType": "phone", "characteristic": { "phoneNumber": "+43 1 1" } },
            { "mediumType": "email", "preferred": true, "characteristic": { "emailAddress": "club@moon.example" } },
        ],
        "characteristic": [
            { "name": "customerNumber", "value": number },
            { "name": "language", "value": "de" },
            { "name": "colour", "value": { "name": "silver" } },
        ],
        "account": [{ "id": "A1", "name": "main" }],
    })
}

fn at(id: &str) -> String {
    format!("{CUSTOMERS}/{id}")
}

async fn customer(app: &TestApp, id: &str) -> Value {
    app.get(&at(id)).await.expect(200)
}

/// The order that an answer names.
async fn ordered(app: &TestApp, answer: &Answer) -> Value {
    let link = answer.headers["link"].to_str().unwrap();
    let (address, rest) = link.trim_start_matches('<').split_once('>').unwrap();
    assert_eq!(rest, "; rel=\"related\"");
    app.get(address.strip_prefix("http://localhost:8080").unwrap()).await.expect(200)
}

async fn events(app: &TestApp, id: &str) -> Vec<(EventKind, Value)> {
    let mut tx = app.engine().db.read("default").await.unwrap();
    let uid = tx.customer_by_id(id).await.unwrap().unwrap().uid;
    let events = tx.events_of(uid).await.unwrap();
    let shown = |e| render::of_event("http://localhost:8080", e).expect("a customer");
    events.iter().map(|e| (e.kind, shown(e))).collect()
}

fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap()
}

#[tokio::test]
async fn a_customer_is_created_by_an_order_and_keeps_what_was_given() {
    let app = TestApp::new().await;
    let answer = app.post(CUSTOMERS, &company("6001")).await;
    let order = ordered(&app, &answer).await;
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("http://localhost:8080{}", at("6001")));
    let made = answer.expect(201);
    assert_eq!((&made["id"], &made["status"]), (&json!("6001"), &json!("pending")));
    for member in ["name", "engagedParty", "contactMedium", "characteristic", "account"] {
        let mut shown = made[member].clone();
        if member == "engagedParty" {
            shown.as_object_mut().unwrap().remove("@type");
        }
        assert_eq!(shown, company("6001")[member], "{member}");
    }
    assert_eq!(made["@type"], "Customer");
    assert_eq!(order["serviceOrderItem"][0]["service"]["serviceSpecification"]["id"], "customer-account");
    let channel = order["externalReference"].as_array().unwrap();
    assert!(channel.iter().any(|r| r["externalReferenceType"] == "channel" && r["id"] == "api"), "{order:#}");
    app.run().await;
    assert_eq!(customer(&app, "6001").await["status"], "active");
    assert_eq!(app.show(&order).await["state"], "completed");

    // What the other doors see of it.
    let service = app.service("6001").await;
    for (name, value) in [
        ("email", "club@moon.example"),
        ("phone", "+43 1 1"),
        ("language", "de"),
        ("customerType", "organization"),
    ] {
        assert_eq!(characteristic(&service, name).as_deref(), Some(value), "{name}");
    }
    app.provision("6001", CRM, "solo", None).await;
}

#[tokio::test]
async fn a_customer_of_another_door_is_shown_with_all_that_is_mandatory() {
    let app = TestApp::new().await;
    let mut item = create("7001");
    let list = item["service"]["serviceCharacteristic"].as_array_mut().unwrap();
    list.extend([
        json!({ "name": "email", "value": "a@example.com" }),
        json!({ "name": "language", "value": "en" }),
        json!({ "name": "test", "value": true }),
    ]);
    app.done(item).await;
    let shown = customer(&app, "7001").await;
    assert_eq!(shown["status"], "active");
    assert_eq!(
        (&shown["engagedParty"]["id"], &shown["engagedParty"]["@referredType"]),
        (&json!("7001"), &json!("Individual"))
    );
    assert_eq!(shown["contactMedium"][0]["characteristic"]["emailAddress"], "a@example.com");
    let list: Vec<_> = shown["characteristic"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), &c["value"]))
        .collect();
    assert_eq!(
        list,
        [("customerNumber", &json!("7001")), ("test", &json!(true)), ("language", &json!("en"))]
    );
    assert!(!shown["validFor"]["startDateTime"].is_null());
    // Sent back as it is, it changes nothing.
    let same = app.patch(&at("7001"), &shown).await;
    assert!(!same.headers.contains_key("link"));
    assert_eq!(same.expect(200), shown);
}

#[tokio::test]
async fn without_a_number_the_customer_gets_one() {
    let app = TestApp::new().await;
    let body = json!({ "name": "Company", "engagedParty": { "id": "500", "@referredType": "Individual" } });
    let made = app.post(CUSTOMERS, &body).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with('C') && id.len() == 13, "{id}");
    assert_eq!(made["characteristic"], json!([{ "name": "customerNumber", "value": id }]));
    let other = app.post(CUSTOMERS, &body).await.expect(201);
    assert_ne!(other["id"], made["id"]);
}

#[tokio::test]
async fn what_is_wrong_in_a_customer_is_named() {
    let app = TestApp::new().await;
    let with = |member: &str, value: Value| {
        let mut body = company("1");
        body[member] = value;
        body
    };
    let number = |value: Value| with("characteristic", json!([{ "name": "customerNumber", "value": value }]));
    for (body, start) in [
        (json!([]), "the body must be a JSON object"),
        (with("name", Value::Null), "name: is missing"),
        (with("name", json!(" ")), "name: must be 1 to 255 characters"),
        (with("engagedParty", Value::Null), "engagedParty: is missing"),
        (with("engagedParty", json!({ "id": "1" })), "engagedParty.@referredType: is missing"),
        (with("engagedParty", json!({ "@referredType": "x" })), "engagedParty.id: is missing"),
        (
            with("contactMedium", json!([{ "mediumType": "email" }])),
            "contactMedium[0].characteristic: is missing",
        ),
        (with("characteristic", json!([{ "name": "a" }])), "characteristic[0].value: is missing"),
        (with("account", json!([{ "id": "1" }])), "account[0].name: is missing"),
        (number(json!({})), "characteristic[0].value: must be text"),
        (number(json!("a b")), "characteristic[0].value: a customer id is"),
        (
            with("characteristic", json!([{ "name": "x", "value": 1 }, { "name": "x", "value": 2 }])),
            "characteristic[0].value: is given twice",
        ),
        (
            with("characteristic", json!([{ "name": "test", "value": "perhaps" }])),
            "characteristic[0].value: must be true",
        ),
        (
            with("contactMedium", json!([{ "mediumType": "e", "characteristic": { "emailAddress": "" } }])),
            "contactMedium[0].characteristic.emailAddress: must be 1 to 255",
        ),
    ] {
        let refused = app.post(CUSTOMERS, &body).await.expect(400);
        assert!(message(&refused).starts_with(start), "{body}: {refused}");
    }
    assert_eq!(app.counts().await, ("0".to_owned(), "0".to_owned()));
    app.get(&at("nobody")).await.expect(404);
    app.patch(&at("nobody"), &json!({ "name": "x" })).await.expect(404);
    app.delete(&at("nobody")).await.expect(404);
    app.get(&format!("{CUSTOMERS}?colour=red")).await.expect(400);
}

#[tokio::test]
async fn a_repeat_under_a_key_makes_one_customer() {
    let app = TestApp::new().await;
    let post = async |key: &str, body: Value| {
        let octets = body.to_string();
        app.request(Method::POST, CUSTOMERS, &[("idempotency-key", key)], Some(octets.as_bytes())).await
    };
    let mut body = company("6001");
    body.as_object_mut().unwrap().remove("characteristic");
    let first = post("k1", body.clone()).await;
    let made = first.body["id"].clone();
    app.run().await;
    let again = post("k1", body.clone()).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["link"], first.headers["link"]);
    assert_eq!(again.headers["location"], first.headers["location"]);
    let again = again.expect(201);
    assert_eq!((&again["id"], &again["status"]), (&made, &json!("active")));
    // Even what no order needs to know makes other content.
    body["account"] = json!([{ "name": "other" }]);
    assert_eq!(post("k1", body.clone()).await.expect(409)["code"], "idempotencyConflict");
    assert_ne!(post("k2", body).await.expect(201)["id"], made);
    let taken = post("k3", company(made.as_str().unwrap())).await.expect(409);
    assert_eq!(taken["code"], "alreadyExists");
}

#[tokio::test]
async fn status_is_changed_by_orders() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    app.run().await;
    let subscription = app.provision("6001", CRM, "solo", None).await;
    let mut before = "active";
    for (status, state) in
        [("suspended", "inactive"), ("active", "active"), ("terminated", "terminated"), ("active", "active")]
    {
        let reason = format!("because of {status}");
        let answer = app.patch(&at("6001"), &json!({ "status": status, "statusReason": reason })).await;
        let order = ordered(&app, &answer).await;
        let held = answer.expect(200);
        assert_eq!(held["status"], before, "the status still held");
        assert_eq!(held["statusReason"], reason);
        app.run().await;
        assert_eq!(app.show(&order).await["state"], "completed");
        let now = customer(&app, "6001").await;
        assert_eq!((&now["status"], &now["account"]), (&json!(status), &company("6001")["account"]));
        assert_eq!(app.service(&subscription).await["state"], state);
        // What holds already is no order.
        let same = app.patch(&at("6001"), &json!({ "status": status })).await;
        assert!(!same.headers.contains_key("link"));
        assert_eq!(same.expect(200), now);
        before = status;
    }
    let moves: Vec<_> = events(&app, "6001").await;
    let states: Vec<_> = moves
        .iter()
        .filter(|(kind, _)| *kind == EventKind::StateChange)
        .map(|(_, c)| c["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["active", "suspended", "active", "terminated", "active"]);
}

#[tokio::test]
async fn a_status_that_cannot_be_is_refused() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    app.run().await;
    for (patch, start) in [
        (json!({ "status": "asleep" }), "status: \"asleep\" is none of active, suspended, terminated"),
        (json!({ "status": "pending" }), "status: \"pending\" is none of"),
        (json!({ "status": null }), "status: null is none of"),
        (json!({ "status": "suspended", "name": "x" }), "name: cannot be changed together with status"),
    ] {
        let refused = app.patch(&at("6001"), &patch).await.expect(400);
        assert!(message(&refused).starts_with(start), "{patch}: {refused}");
    }
    assert_eq!(customer(&app, "6001").await["status"], "active");
    // After the retention a terminated customer does not come back.
    app.delete(&at("6001")).await.expect(204);
    app.run().await;
    app.clock.advance(chrono::TimeDelta::days(31));
    let refused = app.patch(&at("6001"), &json!({ "status": "active" })).await.expect(409);
    assert_eq!(refused["code"], "forbiddenState");
}

#[tokio::test]
async fn own_data_is_changed_at_once() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    // While its order is still to come, too.
    let named = app.patch(&at("6001"), &json!({ "name": "Sun Football Club" })).await.expect(200);
    assert_eq!((&named["name"], &named["status"]), (&json!("Sun Football Club"), &json!("pending")));
    app.run().await;
    let medium = json!([{ "mediumType": "email", "characteristic": { "emailAddress": "club@sun.example", "street1": "Road 1" } }]);
    let list = json!([{ "name": "language", "value": "fr" }]);
    let party = json!({ "id": "501", "@referredType": "Organization" });
    let patch =
        json!({ "contactMedium": medium, "characteristic": list, "engagedParty": party, "account": null });
    let changed = app.patch(&at("6001"), &patch).await;
    assert!(!changed.headers.contains_key("link"), "no order is needed");
    let changed = changed.expect(200);
    assert_eq!(changed, customer(&app, "6001").await);
    assert_eq!(changed["name"], "Sun Football Club");
    assert_eq!(changed["contactMedium"], medium);
    assert_eq!((&changed["account"], &changed["engagedParty"]["id"]), (&Value::Null, &json!("501")));
    let service = app.service("6001").await;
    assert_eq!(characteristic(&service, "name").as_deref(), Some("Sun Football Club"));
    assert_eq!(characteristic(&service, "email").as_deref(), Some("club@sun.example"));
    assert_eq!(characteristic(&service, "street").as_deref(), Some("Road 1"));
    assert_eq!(characteristic(&service, "language").as_deref(), Some("fr"));
    for gone in ["phone", "colour"] {
        assert_eq!(characteristic(&service, gone), None, "{gone}");
    }
    for (patch, start) in [
        (json!({ "name": null }), "name: is missing"),
        (json!({ "name": "" }), "name: must be 1 to 255"),
        (json!({ "id": "6002" }), "id: cannot be changed"),
        (json!({ "href": "x" }), "href: cannot be changed"),
        (json!({ "colour": "red" }), "colour: cannot be changed"),
        (json!({ "engagedParty": null }), "engagedParty: is missing"),
        (
            json!({ "characteristic": [{ "name": "customerNumber", "value": "6002" }] }),
            "characteristic[0].value: cannot be changed",
        ),
        (
            json!({ "characteristic": [{ "name": "test", "value": true }] }),
            "characteristic[0].value: cannot be changed",
        ),
        (json!({ "contactMedium": [{}] }), "contactMedium[0].mediumType: is missing"),
    ] {
        let refused = app.patch(&at("6001"), &patch).await.expect(400);
        assert!(message(&refused).starts_with(start), "{patch}: {refused}");
    }
    assert_eq!(changed, customer(&app, "6001").await);
    let kinds: Vec<_> = events(&app, "6001").await.into_iter().map(|(kind, _)| kind).collect();
    use EventKind::{AttributeValueChange, Create, StateChange};
    assert_eq!(kinds, [Create, AttributeValueChange, StateChange, AttributeValueChange]);
}

#[tokio::test]
async fn two_changes_of_one_customer_do_not_undo_each_other() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    app.run().await;
    let known = app.get(&at("6001")).await;
    let tag = known.headers["etag"].to_str().unwrap().to_owned();
    let (a, b) = (json!({ "name": "Other" }), json!({ "account": [] }));
    let (path, other) = (at("6001"), at("6001"));
    let (a, b) = tokio::join!(app.patch(&path, &a), app.patch(&other, &b));
    a.expect(200);
    b.expect(200);
    let now = customer(&app, "6001").await;
    assert_eq!((&now["name"], &now["account"]), (&json!("Other"), &json!([])));
    for method in [Method::PATCH, Method::DELETE] {
        let late = app.request(method, &at("6001"), &[("if-match", &tag)], Some(b"{\"name\": \"x\"}")).await;
        late.expect(412);
    }
}

#[tokio::test]
async fn a_deleted_customer_is_terminated_and_stays_readable() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    app.run().await;
    let subscription = app.provision("6001", CRM, "solo", None).await;
    let answer = app.delete(&at("6001")).await;
    let order = ordered(&app, &answer).await;
    assert_eq!(order["serviceOrderItem"][0]["action"], "delete");
    answer.expect(204);
    assert_eq!(customer(&app, "6001").await["status"], "active");
    app.run().await;
    let ended = customer(&app, "6001").await;
    assert_eq!((&ended["status"], &ended["name"]), (&json!("terminated"), &json!("Moon Football Club")));
    assert!(!ended["validFor"]["endDateTime"].is_null());
    assert_eq!(app.service(&subscription).await["state"], "terminated");
    let last: Vec<_> = events(&app, "6001").await.into_iter().rev().take(2).map(|(kind, _)| kind).collect();
    assert_eq!(last, [EventKind::Delete, EventKind::StateChange]);
    app.delete(&at("6001")).await.expect(204);
}

#[tokio::test]
async fn a_customer_that_never_came_to_be_says_so_and_its_id_is_free() {
    let app = TestApp::new().await;
    let answer = app.post(CUSTOMERS, &company("6001")).await;
    let order = ordered(&app, &answer).await;
    let cancels = "/tmf-api/serviceOrdering/v4/cancelServiceOrder";
    app.post(cancels, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    let never = customer(&app, "6001").await;
    assert_eq!(never["status"], "terminated");
    assert!(never["statusReason"].as_str().unwrap().contains("was not completed"), "{never:#}");
    app.delete(&at("6001")).await.expect(409);
    app.patch(&at("6001"), &json!({ "status": "active" })).await.expect(409);
    // Another one gets the id by another door: nothing of the first is left.
    app.customer("6001").await;
    let other = customer(&app, "6001").await;
    assert_eq!((&other["status"], &other["account"]), (&json!("active"), &Value::Null));
    assert_eq!(other["engagedParty"]["id"], "6001");
}

#[tokio::test]
async fn customers_are_listed_newest_first_and_filtered() {
    let app = TestApp::new().await;
    for n in 1..=3 {
        let mut body = company(&format!("600{n}"));
        body["name"] = json!(format!("Club {n}"));
        body["engagedParty"]["id"] = json!(format!("P{n}"));
        body["contactMedium"][1]["characteristic"]["emailAddress"] = json!(format!("{n}@example.com"));
        app.post(CUSTOMERS, &body).await.expect(201);
        app.clock.advance(chrono::TimeDelta::minutes(1));
        if n == 1 {
            app.run().await;
        }
    }
    app.customer("7001").await;
    for (query, wanted) in [
        ("", vec!["7001", "6003", "6002", "6001"]),
        ("id=6002", vec!["6002"]),
        ("name=Club 3,Club 1", vec!["6003", "6001"]),
        ("engagedParty.id=P2", vec!["6002"]),
        ("engagedParty.id=7001", vec!["7001"]),
        ("contactMedium.characteristic.emailAddress=3@example.com", vec!["6003"]),
        ("contactMedium.characteristic.phoneNumber=%2B43 1 1&limit=1", vec!["6003"]),
        ("status=active&sort=name&limit=2&offset=1", vec!["6002", "6003"]),
        ("status=terminated", vec![]),
        ("sort=id", vec!["6001", "6002", "6003", "7001"]),
    ] {
        let found = app.get(&format!("{CUSTOMERS}?{}", query.replace(' ', "%20"))).await.expect(200);
        let found: Vec<_> = found.as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
        assert_eq!(found, wanted, "{query}");
    }
    let page = app.get(&format!("{CUSTOMERS}?limit=2&fields=name")).await;
    assert_eq!(page.headers["x-total-count"], "4");
    assert_eq!(page.headers["x-result-count"], "2");
    assert_eq!(page.body[0]["status"], Value::Null);
}

#[tokio::test]
async fn an_order_that_waits_holds_its_customer_by_the_rules_of_every_door() {
    let app = TestApp::new().await;
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    // Judged against what the orders before will leave: the customer is not there yet, and will be.
    let answer = app.patch(&at("6001"), &json!({ "status": "suspended" })).await;
    assert_eq!(answer.expect(200)["status"], "pending");
    let body = json!({ "serviceOrderItem": [provision("6001", CRM, "solo", None)] });
    app.post(ORDERS, &body).await.expect(409);
    app.run().await;
    assert_eq!(customer(&app, "6001").await["status"], "suspended");
    let both = json!([
        item("a", set_state("6001", "active"), &[]),
        item("b", provision("6001", CRM, "solo", None), &["a"])
    ]);
    let order = app.order(both).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    let s = crate::harness::service_id(&order, 1);
    app.done(modify(&s, &[("plan", "team")])).await;
}

#[tokio::test]
async fn a_listener_of_the_hub_is_told_of_customers_of_every_door() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    let hub = "/tmf-api/customerManagement/v4/hub";
    app.post(hub, &json!({ "callback": ear.url })).await.expect(201);
    app.post(CUSTOMERS, &company("6001")).await.expect(201);
    app.patch(&at("6001"), &json!({ "name": "Sun Football Club" })).await.expect(200);
    app.run().await;
    let active = customer(&app, "6001").await;
    app.customer("7001").await;
    app.delete(&at("6001")).await.expect(204);
    app.run().await;
    let ended = customer(&app, "6001").await;
    app.notify_all().await;
    let heard = ear.heard();
    let of = |id: &str| -> Vec<_> {
        heard.iter().map(|h| &h.body).filter(|b| b["event"]["customer"]["id"] == id).collect()
    };
    let kinds = |list: &[&Value]| -> Vec<String> {
        list.iter().map(|b| b["eventType"].as_str().unwrap().to_owned()).collect()
    };
    let (create, change, state, delete) = (
        "CustomerCreateEvent",
        "CustomerAttributeValueChangeEvent",
        "CustomerStateChangeEvent",
        "CustomerDeleteEvent",
    );
    assert_eq!(kinds(&of("6001")), [create, change, state, state, delete]);
    assert_eq!(kinds(&of("7001")), [create, state]);
    let first = of("6001");
    assert_eq!(first[0]["event"]["customer"]["status"], "pending");
    assert_eq!(first[0]["event"]["customer"]["name"], "Moon Football Club");
    assert_eq!(first[2]["event"]["customer"], active, "as GET shows it");
    assert_eq!(first[4]["event"]["customer"], ended);
}

#[tokio::test]
async fn a_customer_whose_order_waits_for_its_date_is_neither_moved_nor_ended() {
    let app = TestApp::new().await;
    let body = json!({
        "requestedStartDate": "2026-12-24T00:00:00Z",
        "serviceOrderItem": [crate::harness::create("C1")],
    });
    app.post(crate::harness::ORDERS, &body).await.expect(201);
    app.run().await;
    let path = "/tmf-api/customerManagement/v4/customer/C1";
    assert_eq!(app.get(path).await.expect(200)["status"], "pending");
    for told in [app.delete(path).await, app.patch(path, &json!({ "status": "suspended" })).await] {
        let told = told.expect(409);
        assert!(told["message"].as_str().unwrap().contains("not there yet"), "{told}");
    }
    app.goto("2026-12-24T00:00:00Z");
    app.run().await;
    assert_eq!(app.get(path).await.expect(200)["status"], "active");
}
