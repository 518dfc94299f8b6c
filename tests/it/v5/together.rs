//! v4 and v5 of an API are one door over the same orders.

use serde_json::{Value, json};

use super::{ORDERS_V5, all_typed, named, order5, parties5};
use crate::harness::{Answer, CRM, ORDERS, TestApp, create, provision};

fn replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|v| v == "true")
}

#[tokio::test]
async fn each_version_shows_the_orders_of_the_other() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({ "externalId": "E1", "serviceOrderItem": [provision("C1", CRM, "solo", None)] });
    let v4 = app.post(ORDERS, &body).await.expect(201);
    let answer = app.post(ORDERS_V5, &order5(&json!([create("C2")]))).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let v5 = answer.expect(201);
    assert_eq!(v5["href"], location);
    assert!(location.contains(ORDERS_V5));
    app.run().await;

    let shown = app.get(&format!("{ORDERS_V5}/{}", v4["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["orderDate"], v4["orderDate"]);
    assert!(shown.get("externalId").is_none());
    let reference = &shown["externalReference"][0];
    assert_eq!((&reference["externalReferenceType"], &reference["id"]), (&json!("externalId"), &json!("E1")));
    assert_eq!(
        shown["relatedParty"],
        json!([{
            "@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer",
            "partyOrPartyRole": { "@type": "PartyRoleRef", "@referredType": "Customer", "id": "C1" },
        }])
    );
    let item = &shown["serviceOrderItem"][0];
    assert_eq!((&item["@type"], &item["service"]["@type"]), (&json!("ServiceOrderItem"), &json!("Service")));
    assert_eq!(item["service"]["serviceSpecification"]["@type"], "ServiceSpecificationRef");
    assert_eq!(named(&item["service"]["serviceCharacteristic"], "plan")["@type"], "StringCharacteristic");
    assert_eq!(named(&item["service"]["serviceCharacteristic"], "version")["value"], "2.0");
    all_typed(&shown, "");

    let back = app.show(&v5).await;
    assert!(back["href"].as_str().unwrap().contains(ORDERS));
    assert_eq!(back["relatedParty"][0]["id"], "C2");
    assert_eq!(back["serviceOrderItem"][0]["service"]["relatedParty"][0]["id"], "C2");

    let ids =
        |list: Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|o| o["id"].clone()).collect() };
    let of_v4 = ids(app.get(ORDERS).await.expect(200));
    let answer = app.get(ORDERS_V5).await;
    assert_eq!(answer.headers["x-total-count"], "3");
    assert_eq!(ids(answer.expect(200)), of_v4);
    let page = app.get(&format!("{ORDERS_V5}?limit=1&relatedParty.partyOrPartyRole.id=C1")).await;
    assert!(page.headers["link"].to_str().unwrap().contains(ORDERS_V5), "{:?}", page.headers);
    assert_eq!(page.headers["x-total-count"], "2");
    let found = app.get(&format!("{ORDERS_V5}?externalReference.id=E1")).await.expect(200);
    assert_eq!(ids(found), [v4["id"].clone()]);
    let found = app.get(&format!("{ORDERS_V5}?externalReference.id=tmf641")).await;
    assert_eq!(found.headers["x-total-count"], "3");
    let wrong = app.get(&format!("{ORDERS_V5}?externalId=E1")).await.expect(400);
    assert!(wrong["message"].as_str().unwrap().starts_with("externalId"), "{wrong}");
    app.get(&format!("{ORDERS_V5}/nothing")).await.expect(404);
}

#[tokio::test]
async fn the_same_content_by_either_version_is_a_repeat() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let items = json!([provision("C1", CRM, "solo", None)]);
    let party = json!([{ "id": "C1", "role": "customer" }]);
    let v4 = json!({ "externalId": "E1", "priority": "1", "relatedParty": party, "serviceOrderItem": items });
    let mut v5 = order5(&items);
    v5["priority"] = json!("1");
    v5["relatedParty"] = parties5(&party);
    v5["externalReference"] =
        json!([{ "@type": "ExternalReference", "externalReferenceType": "externalId", "id": "E1" }]);
    let first = app.post(ORDERS, &v4).await.expect(201);
    let again = app.post(ORDERS_V5, &v5).await;
    assert!(replayed(&again), "{:#}", again.body);
    assert!(again.headers["location"].to_str().unwrap().contains(ORDERS_V5));
    assert_eq!(again.expect(201)["id"], first["id"]);
    assert!(replayed(&app.post(ORDERS, &v4).await));
    v5["priority"] = json!("2");
    let told = app.post(ORDERS_V5, &v5).await.expect(409);
    assert_eq!(told["code"], "idempotencyConflict");
    assert!(told["message"].as_str().unwrap().starts_with("externalReference"), "{told}");
    assert_eq!(app.counts().await.0, "2");
}

#[tokio::test]
async fn a_held_order_shows_one_error_and_its_alerts() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    let order = app.held("install", provision("C1", CRM, "solo", None)).await;
    let shown = app.get(&format!("{ORDERS_V5}/{}", order["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["state"], "held");
    let errors = order["errorMessage"].as_array().unwrap();
    assert_eq!(shown["errorMessage"]["message"], errors.last().unwrap()["message"]);
    assert_eq!(shown["errorMessage"]["serviceOrderItem"][0]["@type"], "ServiceOrderItemRef");
    let link = shown["errorMessage"]["serviceOrderItem"][0]["serviceOrderHref"].as_str().unwrap();
    assert!(link.contains(ORDERS_V5), "{link}");
    assert_eq!(shown["jeopardyAlert"][0]["@type"], "ServiceOrderJeopardyAlert");
    all_typed(&shown, "");
}

#[tokio::test]
async fn an_own_number_of_any_form_is_found_by_v5() {
    let app = TestApp::new().await;
    for number in ["BSS-1", "0199aaaa-0000-7000-8000-000000000001", "api"] {
        let mut body =
            serde_json::json!({ "externalId": number, "serviceOrderItem": [crate::harness::create("C")] });
        body["serviceOrderItem"][0]["service"].as_object_mut().unwrap().remove("relatedParty");
        let placed = app.post(crate::harness::ORDERS, &body).await.expect(201);
        let list = format!("{}?externalReference.id={number}", super::ORDERS_V5);
        let found = app.get(&list).await.expect(200);
        assert_eq!(found.as_array().unwrap().len(), 1, "{number}: {found:#}");
        assert_eq!(found[0]["id"], placed["id"]);
        let all = app.get(super::ORDERS_V5).await.expect(200);
        assert_eq!(app.get(&format!("{list},tmf641")).await.expect(200), all, "channels too");
        // For v4 it is no reference.
        let v4 =
            app.get(&format!("{}?externalReference.id={number}", crate::harness::ORDERS)).await.expect(200);
        assert_eq!(v4, serde_json::json!([]));
    }
}
