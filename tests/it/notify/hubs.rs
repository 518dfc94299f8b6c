//! `/hub`: registering, what comes, what the notifications look like, and whether they are signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::{Ear, HUB, PRODUCT_HUB, STATES, listen, register};
use crate::harness::{
    CANCEL_PRODUCT_ORDERS, CANCELS, CRM, ORDERS, PRODUCT_ORDERS, TestApp, create, provision,
};
use crate::probe::work_once;

#[tokio::test]
async fn a_listener_is_registered_and_removed() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    let answer = register(&app, &ear.url, Some("eventType=ServiceOrderCreateEvent")).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let secret = answer.headers["telvisor-webhook-secret"].to_str().unwrap().to_owned();
    let made = answer.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made, json!({ "id": id, "callback": ear.url, "query": "eventType=ServiceOrderCreateEvent" }));
    assert_eq!(location, format!("http://localhost:8080{HUB}/{id}"));
    assert!(secret.starts_with("whsec_"));
    app.get(&format!("{HUB}/{id}")).await.expect(405);
    app.delete(&format!("{HUB}/{id}")).await.expect(204);
    app.delete(&format!("{HUB}/{id}")).await.expect(404);
    app.customer("C1").await;
    app.notify_all().await;
    assert!(ear.heard().is_empty());
}

#[tokio::test]
async fn what_cannot_be_registered_is_named() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    for (body, words) in [
        (json!({}), "callback: is missing"),
        (json!({ "callback": 7 }), "callback: "),
        (json!({ "callback": "nowhere" }), "callback: \"nowhere\" is not a URL"),
        (json!({ "callback": "ftp://a.example/" }), "callback: the scheme"),
        (
            json!({ "callback": ear.url, "query": "eventType=OrderEvent" }),
            "query: there is no event \"OrderEvent\"",
        ),
        (json!({ "callback": ear.url, "query": "limit=3" }), "query: takes filters only"),
        (json!({ "callback": ear.url, "secret": "short" }), "secret: must be whsec_"),
        (json!([]), ""),
    ] {
        let refused = app.post(HUB, &body).await.expect(400);
        assert!(refused["message"].as_str().unwrap().starts_with(words), "{body}: {refused}");
    }
    listen(&app, &ear.url, None).await;
    let twice = register(&app, &ear.url, None).await.expect(409);
    assert_eq!(twice["code"], "alreadyExists");
    // With another query it is another one.
    listen(&app, &ear.url, Some("state=completed")).await;
}

#[tokio::test]
async fn a_listener_gets_what_happens_after_its_registration_in_order() {
    let app = TestApp::new().await;
    app.customer("C0").await;
    let ear = Ear::open().await;
    listen(&app, &ear.url, Some(STATES)).await;
    let order = app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    app.notify_all().await;
    let told: Vec<_> =
        ear.heard().iter().map(|h| (h.event_type().to_owned(), h.order().1.to_owned())).collect();
    let told: Vec<_> = told.iter().map(|(t, s)| (t.as_str(), s.as_str())).collect();
    assert_eq!(
        told,
        [
            ("ServiceOrderCreateEvent", "acknowledged"),
            ("ServiceOrderStateChangeEvent", "inProgress"),
            ("ServiceOrderStateChangeEvent", "completed"),
        ]
    );
    assert!(ear.heard().iter().all(|h| h.order().0 == order["id"]));
    app.notify_all().await;
    assert_eq!(ear.heard().len(), 3, "what was taken does not come again");
}

#[tokio::test]
async fn a_notification_has_the_whole_resource_in_its_envelope() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    listen(&app, &ear.url, Some("state=completed")).await;
    let body = json!({ "externalId": "E-7", "serviceOrderItem": [create("C1")] });
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let placed = app
        .request(
            axum::http::Method::POST,
            ORDERS,
            &[("traceparent", trace)],
            Some(body.to_string().as_bytes()),
        )
        .await
        .expect(201);
    app.run().await;
    let shown = app.show(&placed).await;
    app.notify_all().await;
    let [heard] = &ear.heard()[..] else { panic!("one event has this state") };
    let n = &heard.body;
    assert_eq!(n["event"], json!({ "serviceOrder": shown }), "as GET shows it");
    assert_eq!(n["eventType"], "ServiceOrderStateChangeEvent");
    assert_eq!(n["title"], "ServiceOrderStateChangeEvent");
    assert_eq!(n["correlationId"], "E-7");
    assert_eq!(n["domain"], "ServiceOrdering");
    assert_eq!(n["priority"], "3");
    assert_eq!(n["timeOcurred"], n["eventTime"]);
    assert_eq!(n["eventTime"], shown["completionDate"]);
    assert!(n["description"].as_str().unwrap().ends_with("is completed"));
    assert_eq!(heard.path, "/in", "exactly as registered");
    assert_eq!(heard.header("content-type"), "application/json");
    assert_eq!(heard.header("webhook-id"), heard.event_id());
    let sent: Vec<_> = heard.header("traceparent").split('-').collect();
    assert_eq!((sent[1], sent[3]), ("4bf92f3577b34da6a3ce929d0e0e4736", "01"), "the order's trace goes on");
    assert_ne!(sent[2], "00f067aa0ba902b7", "with a span of its own");
}

#[tokio::test]
async fn every_event_of_an_order_and_of_its_cancel_comes() {
    let app = TestApp::holding().await;
    let ear = Ear::open().await;
    listen(&app, &ear.url, None).await;
    app.customer("C1").await;
    app.notify_all().await;
    ear.forget();
    // Held, cancelled, deleted.
    let held = app.held("install", provision("C1", CRM, "solo", None)).await;
    let path = format!("{ORDERS}/{}", held["id"].as_str().unwrap());
    app.patch(&path, &json!({ "note": [{ "text": "hurry" }] })).await.expect(200);
    app.post(CANCELS, &json!({ "serviceOrder": { "id": held["id"] } })).await.expect(201);
    app.run().await;
    app.delete(&path).await.expect(204);
    app.notify_all().await;
    let mut types = ear.types();
    types.sort();
    types.dedup();
    for wanted in [
        "ServiceOrderCreate",
        "ServiceOrderAttributeValueChange",
        "ServiceOrderStateChange",
        "ServiceOrderDelete",
        "ServiceOrderJeopardy",
        "CancelServiceOrderCreate",
        "CancelServiceOrderStateChange",
    ] {
        assert!(types.contains(&format!("{wanted}Event")), "{wanted} is not in {types:?}");
    }
}

#[tokio::test]
async fn a_product_order_is_told_on_its_own_api_and_its_service_order_on_the_other() {
    let app = TestApp::new().await;
    let (product, service) = (Ear::open().await.of("tmf622", 4), Ear::open().await);
    let query = "eventType.regex=(Create|StateChange)Event$";
    app.post(PRODUCT_HUB, &json!({ "callback": product.url, "query": query })).await.expect(201);
    listen(&app, &service.url, Some(query)).await;
    let order = json!({ "productOrderItem": [{
        "id": "1", "action": "add", "productOffering": { "id": "customer-account" },
        "product": { "productCharacteristic": [{ "name": "name", "value": "Ada" }] },
    }], "relatedParty": [{ "id": "C1", "role": "customer" }] });
    let placed = app.post(PRODUCT_ORDERS, &order).await.expect(201);
    app.run().await;
    app.notify_all().await;
    let states = |ear: &Ear, key: &str| -> Vec<String> {
        ear.taken().iter().map(|h| h.body["event"][key]["state"].as_str().unwrap().to_owned()).collect()
    };
    let life = ["acknowledged", "inProgress", "completed"];
    assert_eq!(states(&product, "productOrder"), life);
    assert_eq!(states(&service, "serviceOrder"), life);
    assert!(product.heard().iter().all(|h| h.body["event"]["productOrder"]["id"] == placed["id"]));
    assert_eq!(product.types()[2], "ProductOrderStateChangeEvent");
    assert_eq!(product.heard()[0].body["domain"], "ProductOrdering");
    // Held and cancelled, with the task on the same API.
    let add = json!({ "productOrderItem": [{
        "id": "1", "action": "add", "productOffering": { "id": "kinfolk.solo" },
    }], "relatedParty": [{ "id": "C1", "role": "customer" }], "requestedStartDate": "2027-01-01T00:00:00Z" });
    let future = app.post(PRODUCT_ORDERS, &add).await.expect(201);
    product.forget();
    let cancel = json!({ "productOrder": { "id": future["id"] } });
    app.post(CANCEL_PRODUCT_ORDERS, &cancel).await.expect(201);
    app.run().await;
    app.notify_all().await;
    let types = product.types();
    for wanted in [
        "ProductOrderStateChangeEvent",
        "CancelProductOrderCreateEvent",
        "CancelProductOrderStateChangeEvent",
    ] {
        assert!(types.contains(&wanted.to_owned()), "{wanted} is not in {types:?}");
    }
}

#[tokio::test]
async fn a_query_lets_through_what_it_names() {
    let app = TestApp::new().await;
    let [types, states, both, customer] =
        [Ear::open().await, Ear::open().await, Ear::open().await, Ear::open().await];
    listen(&app, &types.url, Some("eventType=ServiceOrderCreateEvent,ServiceOrderDeleteEvent")).await;
    listen(&app, &states.url, Some("state=inProgress,completed&eventType.regex=(StateChange|Delete)Event$"))
        .await;
    listen(&app, &both.url, Some("eventType=ServiceOrderStateChangeEvent&state=completed")).await;
    let of_second = format!("event.serviceOrder.relatedParty.id=C2&{STATES},ServiceOrderDeleteEvent");
    listen(&app, &customer.url, Some(&of_second)).await;
    app.customer("C1").await;
    let second = app.done(create("C2")).await;
    app.delete(&format!("{ORDERS}/{}", second["id"].as_str().unwrap())).await.expect(204);
    app.notify_all().await;
    let create = "ServiceOrderCreateEvent";
    let change = "ServiceOrderStateChangeEvent";
    assert_eq!(types.types(), [create, create, "ServiceOrderDeleteEvent"]);
    assert_eq!(states.types(), [change, change, change, change, "ServiceOrderDeleteEvent"]);
    assert_eq!(both.types(), [change, change]);
    assert_eq!(customer.types(), [create, change, change, "ServiceOrderDeleteEvent"]);
    assert!(customer.heard().iter().all(|h| h.order().0 == second["id"]));
}

#[tokio::test]
async fn the_signature_is_that_of_the_listeners_secret() {
    let app = TestApp::new().await;
    let [made, given] = [Ear::open().await, Ear::open().await];
    let answer = register(&app, &made.url, None).await;
    let shown = answer.headers["telvisor-webhook-secret"].to_str().unwrap().to_owned();
    let own = [9_u8; 32];
    let own = format!("whsec_{}", STANDARD.encode(own));
    let answer = app.post(HUB, &json!({ "callback": given.url, "secret": own })).await;
    assert!(!answer.headers.contains_key("telvisor-webhook-secret"), "the client knows it");
    assert!(answer.expect(201).get("secret").is_none());
    app.customer("C1").await;
    app.notify_all().await;
    for (ear, secret) in [(&made, &shown), (&given, &own)] {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        assert!(!ear.heard().is_empty());
        for h in ear.heard() {
            let sent: i64 = h.header("webhook-timestamp").parse().unwrap();
            assert_eq!(sent, app.engine().db.clock().now().timestamp());
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(format!("{}.{sent}.", h.event_id()).as_bytes());
            mac.update(&h.octets);
            let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            assert_eq!(h.header("webhook-signature"), expected);
        }
    }
    // The secrets do not stand in the database.
    let mut tx = crate::probe::read(&app).await;
    for l in tx.listeners().await.unwrap() {
        let sealed = tx.sealed(l.secret).await.unwrap();
        for secret in [&shown, &own] {
            let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
            assert!(!sealed.body.contains(&hex::encode(key)));
        }
    }
}

#[tokio::test]
async fn an_order_waits_for_nobody() {
    // A listener that never answers keeps no order from going on.
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    listen(&app, &ear.url, None).await;
    let _closed = ear.keeps_waiting().await;
    let order = app.place(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    work_once(&app).await;
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "completed");
}

#[tokio::test]
async fn v5_has_its_own_envelope_and_resource() {
    let app = TestApp::new().await;
    let (service, product) = (Ear::open().await.of("tmf641", 5), Ear::open().await.of("tmf622", 5));
    let hub = "/tmf-api/serviceOrdering/v5/hub";
    let refused = app.post(hub, &json!({ "callback": service.url })).await.expect(400);
    assert!(refused["message"].as_str().unwrap().starts_with("@type: is missing"), "{refused}");
    let made = app.post(hub, &json!({ "@type": "Hub", "callback": service.url })).await.expect(201);
    assert_eq!(made["@type"], "Hub");
    let other = json!({ "@type": "Hub", "callback": product.url, "query": "state=completed&eventType=ProductOrderStateChangeEvent" });
    app.post("/tmf-api/productOrderingManagement/v5/hub", &other).await.expect(201);
    let order = json!({ "productOrderItem": [{
        "id": "1", "action": "add", "productOffering": { "id": "customer-account" },
        "product": { "productCharacteristic": [{ "name": "name", "value": "Ada" }] },
    }], "relatedParty": [{ "id": "C1", "role": "customer" }] });
    let placed = app.post(PRODUCT_ORDERS, &order).await.expect(201);
    app.run().await;
    app.notify_all().await;
    let n = service.heard().last().unwrap().body.clone();
    assert_eq!(n["eventType"], n["@type"]);
    assert!(service.types().contains(&"ServiceOrderStateChangeEvent".to_owned()));
    assert_eq!(n["timeOccurred"], n["eventTime"]);
    assert!(n.get("timeOcurred").is_none());
    for role in ["source", "reportingSystem"] {
        assert_eq!(n[role]["id"], "telvisor");
        assert!(n[role]["@type"].is_string());
    }
    let id = n["event"]["serviceOrder"]["id"].as_str().unwrap();
    let shown = app.get(&format!("/tmf-api/serviceOrdering/v5/serviceOrder/{id}")).await.expect(200);
    assert_eq!(n["event"], json!({ "serviceOrder": shown }), "as GET of v5 shows it");
    let [heard] = &product.heard()[..] else { panic!("one event has this state") };
    assert_eq!(heard.event_type(), "ProductOrderStateChangeEvent");
    let path =
        format!("/tmf-api/productOrderingManagement/v5/productOrder/{}", placed["id"].as_str().unwrap());
    let shown = app.get(&path).await.expect(200);
    assert_eq!(heard.body["event"], json!({ "productOrder": shown }));
}

#[tokio::test]
async fn an_order_that_waits_says_what_for() {
    let apps = tempfile::tempdir().unwrap();
    crate::pending::catalogue(apps.path());
    let app = TestApp::with(|c| c.catalogue.apps = apps.path().to_owned()).await;
    let (v4, v5) = (Ear::open().await, Ear::open().await.of("tmf641", 5));
    let query = "eventType=ServiceOrderInformationRequiredEvent";
    listen(&app, &v4.url, Some(query)).await;
    let body = json!({ "@type": "Hub", "callback": v5.url, "query": query });
    app.post("/tmf-api/serviceOrdering/v5/hub", &body).await.expect(201);
    app.order(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    app.notify_all().await;
    let path = "/serviceOrderItem/1/service/serviceCharacteristic/-";
    let [heard] = &v4.heard()[..] else { panic!("one event") };
    assert_eq!(heard.body["fieldPath"], path);
    assert_eq!(heard.body["priority"], "1");
    let [heard] = &v5.heard()[..] else { panic!("one event") };
    let wanted = json!([{ "op": "add", "path": path, "value": { "name": "domain" } }]);
    assert_eq!(heard.body["event"]["informationRequired"], wanted);
}

#[tokio::test]
async fn customers_and_catalogue_entries_are_told_on_their_apis() {
    let app = TestApp::new().await;
    let customers = Ear::open().await.of("tmf629", 4);
    let [products, services] = [Ear::open().await.of("tmf620", 4), Ear::open().await.of("tmf633", 4)];
    for (path, ear) in [
        ("/tmf-api/customerManagement/v4/hub", &customers),
        ("/tmf-api/productCatalogManagement/v4/hub", &products),
        ("/tmf-api/serviceCatalogManagement/v4/hub", &services),
    ] {
        app.post(path, &json!({ "callback": ear.url })).await.expect(201);
    }
    app.customer("C1").await;
    for (list, change) in [
        ("/tmf-api/productCatalogManagement/v4/category", json!({ "description": "all that is sold" })),
        ("/tmf-api/serviceCatalogManagement/v4/serviceCategory", json!({ "description": "all that runs" })),
    ] {
        let made = app.post(list, &json!({ "name": "All" })).await.expect(201);
        let one = format!("{list}/{}", made["id"].as_str().unwrap());
        app.patch(&one, &change).await.expect(200);
        app.delete(&one).await.expect(204);
    }
    app.notify_all().await;
    assert!(customers.types().starts_with(&["CustomerCreateEvent".to_owned()]), "{:?}", customers.types());
    assert!(customers.types().contains(&"CustomerStateChangeEvent".to_owned()));
    assert!(customers.heard().iter().all(|h| h.body["event"]["customer"]["id"] == "C1"));
    assert_eq!(
        products.types(),
        ["CategoryCreateEvent", "CategoryAttributeValueChangeEvent", "CategoryDeleteEvent"]
    );
    assert_eq!(
        services.types(),
        ["ServiceCategoryCreateEvent", "ServiceCategoryChangeEvent", "ServiceCategoryDeleteEvent"]
    );
}
