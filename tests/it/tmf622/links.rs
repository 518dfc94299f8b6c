//! A product order and its service order name each other; what else an order shows; lists and filters.

use axum::http::Method;
use serde_json::{Value, json};

use super::{change, create, done, place, product_id, provision, service_order, show, state, text};
use crate::harness::{CANCELS, ORDERS, PRODUCT_ORDERS, TestApp};
use crate::probe::inside;

#[tokio::test]
async fn both_name_each_other() {
    let app = TestApp::new().await;
    let body = json!({
        "externalId": "B1", "description": "the first", "note": [{ "text": "call before noon" }],
        "relatedParty": [{ "id": "C1", "role": "customer" }, { "id": "S9", "role": "seller" }],
        "productOrderItem": [create("C1"), provision("C1", "kinfolk.solo")],
    });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let order = show(&app, &placed).await;
    let service = service_order(&app, &order).await;
    for (n, item) in order["productOrderItem"].as_array().unwrap().iter().enumerate() {
        let (product, of_service) = (&item["product"], &service["serviceOrderItem"][n]["service"]);
        assert_eq!(item["id"], service["serviceOrderItem"][n]["id"]);
        let id = text(&product["id"]);
        assert_eq!(product["realizingService"][0]["id"], id);
        assert_eq!(of_service["id"], id);
        let href = text(&product["realizingService"][0]["href"]);
        assert!(href.ends_with(&format!("/tmf-api/serviceInventory/v4/service/{id}")), "{href}");
        assert!(text(&product["href"]).ends_with(&format!("/tmf-api/productInventory/v4/product/{id}")));
    }
    let references = service["externalReference"].as_array().unwrap();
    let named = references.iter().find(|r| r["externalReferenceType"] == "productOrder").expect("named");
    assert_eq!(named["id"], order["id"]);
    assert!(references.iter().any(|r| r["externalReferenceType"] == "channel" && r["id"] == "tmf622"));
    assert!(service["externalId"].is_null(), "the client's number stays with the product order");
    assert_eq!(service["description"], "the first");
    assert_eq!(service["note"][0]["text"], "call before noon");
    assert_eq!(service["relatedParty"][1]["id"], "S9");

    let seen = inside(&app, &order).await;
    assert_eq!(seen["kind"], "product");
    assert_eq!(seen["serviceOrder"], service["id"]);
    assert!(!seen["items"][1]["jobs"].as_array().unwrap().is_empty(), "with the jobs of its service order");
    assert_eq!(inside(&app, &service).await["productOrder"], order["id"]);
    let found = app.get(&format!("{ORDERS}?externalReference.id={}", text(&order["id"]))).await.expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found[0]["id"], service["id"]);
    let of_channel = app.get(&format!("{ORDERS}?externalReference.id=tmf622,cli")).await.expect(200);
    assert_eq!(of_channel.as_array().unwrap().len(), 1);
    let none = app.get(&format!("{ORDERS}?externalReference.id={}", text(&service["id"]))).await.expect(200);
    assert_eq!(none, json!([]));
    let both = format!("{ORDERS}?externalReference.id=cli,{}", text(&order["id"]));
    assert_eq!(
        app.get(&both).await.expect(200),
        found,
        "a channel and a product order may be asked for together"
    );
}

#[tokio::test]
async fn what_an_order_always_shows() {
    let app = TestApp::new().await;
    let answer = app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": [create("C1")] })).await;
    let href = answer.headers["location"].to_str().unwrap().to_owned();
    let placed = answer.expect(201);
    assert_eq!(placed["href"], href.as_str());
    assert!(href.ends_with(&format!("{PRODUCT_ORDERS}/{}", text(&placed["id"]))));
    assert_eq!(placed["channel"], json!([{ "id": "tmf622", "name": "tmf622", "@type": "RelatedChannel" }]));
    assert_eq!(placed["relatedParty"][0]["id"], "C1");
    assert_eq!(placed["relatedParty"][0]["@referredType"], "Customer");
    assert!(text(&placed["orderDate"]).ends_with('Z'));
    assert_eq!(placed["@type"], "ProductOrder");
    let offering = &placed["productOrderItem"][0]["productOffering"];
    assert!(text(&offering["href"]).ends_with("/productOffering/customer-account"), "{offering}");
    let rejected = place(&app, json!([{ "id": "1", "action": "add" }])).await;
    assert_eq!(rejected["relatedParty"], json!([]));
    // A client may say for which shop it stands; other channels are kept beside ours.
    let body = json!({
        "channel": [{ "id": "kiosk", "role": "sales" }, { "id": "storefront" }],
        "productOrderItem": [provision("C1", "kinfolk.solo")],
    });
    let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    let ids: Vec<_> = placed["channel"].as_array().unwrap().iter().map(|c| text(&c["id"])).collect();
    assert_eq!(ids, ["storefront", "kiosk"]);
}

#[tokio::test]
async fn lists_are_filtered_and_hold_product_orders_only() {
    let app = TestApp::new().await;
    let mut all: Vec<Value> = vec![];
    for n in 1..4 {
        let body = json!({
            "externalId": format!("B{n}"), "category": format!("cat{}", n % 2), "priority": n.to_string(),
            "productOrderItem": [create(&format!("C{n}"))],
        });
        all.push(app.post(PRODUCT_ORDERS, &body).await.expect(201));
        app.run().await;
        app.clock.advance(chrono::TimeDelta::minutes(1));
    }
    app.customer("C9").await;
    let found = async |query: &str| -> Vec<String> {
        let answer = app.get(&format!("{PRODUCT_ORDERS}?{query}")).await.expect(200);
        answer.as_array().unwrap().iter().map(|o| text(&o["externalId"]).to_owned()).collect()
    };
    assert_eq!(found("").await, ["B3", "B2", "B1"], "newest first, and no service order");
    assert_eq!(found("externalId=B2").await, ["B2"]);
    assert_eq!(found("category=cat1&sort=orderDate").await, ["B1", "B3"]);
    assert_eq!(found("priority.gt=1").await, ["B3", "B2"]);
    assert_eq!(found("relatedParty.id=C3,C1").await, ["B3", "B1"]);
    assert_eq!(found("channel.id=tmf622&state=completed").await, ["B3", "B2", "B1"]);
    assert!(found("state=held").await.is_empty());
    assert_eq!(found(&format!("id={}", text(&all[0]["id"]))).await, ["B1"]);
    assert_eq!(found(&format!("orderDate=%22{}%22", text(&all[1]["orderDate"]))).await, ["B2"]);
    assert_eq!(found("completionDate.lt=2026-11-23T08:00:30Z").await, ["B1"]);
    let refused = app.get(&format!("{PRODUCT_ORDERS}?colour=red")).await.expect(400);
    assert!(text(&refused["message"]).starts_with("colour"), "{refused}");
    let few = app.get(&format!("{PRODUCT_ORDERS}/{}?fields=state", text(&all[0]["id"]))).await.expect(200);
    assert!(few["state"] == "completed" && few["productOrderItem"].is_null() && few["href"].is_string());
    // Neither kind is found at the other's door.
    let service = service_order(&app, &all[0]).await;
    app.get(&format!("{PRODUCT_ORDERS}/{}", text(&service["id"]))).await.expect(404);
    app.get(&format!("{ORDERS}/{}", text(&all[0]["id"]))).await.expect(404);
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_order_as_it_is() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({ "externalId": "B1", "productOrderItem": [provision("C1", "kinfolk.solo")] });
    let first = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let again = app.post(PRODUCT_ORDERS, &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["location"].to_str().unwrap(), text(&first["href"]));
    let again = again.expect(201);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(state(&again), "completed");
    let mut other = body.clone();
    other["description"] = json!("another");
    let refused = app.post(PRODUCT_ORDERS, &other).await.expect(409);
    assert_eq!(refused["code"], "idempotencyConflict");
    assert!(text(&refused["message"]).contains(text(&first["id"])), "{refused}");
    // The key of the header comes first, and both doors have keys of their own.
    let octets =
        json!({ "productOrderItem": [change(&product_id(&first, 0), &[("plan", "team")])] }).to_string();
    let key = [("idempotency-key", "K1")];
    let post = async || app.request(Method::POST, PRODUCT_ORDERS, &key, Some(octets.as_bytes())).await;
    let one = post().await.expect(201);
    assert_eq!(post().await.expect(201)["id"], one["id"]);
    let same_key = json!({ "externalId": "B1", "serviceOrderItem": [crate::harness::create("C2")] });
    app.post(ORDERS, &same_key).await.expect(201);
}

#[tokio::test]
async fn a_service_order_of_a_product_order_is_left_alone() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let placed = place(&app, json!([provision("C1", "kinfolk.solo")])).await;
    let service = service_order(&app, &placed).await;
    let path = format!("{ORDERS}/{}", text(&service["id"]));
    let names = |refused: &Value| {
        assert_eq!(refused["code"], "forbiddenState");
        assert!(
            text(&refused["message"]).contains(text(&placed["id"])),
            "it names the product order: {refused}"
        );
    };
    names(&app.patch(&path, &json!({ "description": "mine" })).await.expect(409));
    names(&app.post(CANCELS, &json!({ "serviceOrder": { "id": service["id"] } })).await.expect(409));
    app.patch(&path, &json!({ "state": "acknowledged" })).await.expect(200);
    app.run().await;
    names(&app.delete(&path).await.expect(409));
    assert_eq!(state(&show(&app, &placed).await), "completed");
    assert_eq!(app.show(&service).await["state"], "completed");
    done(&app, super::terminate(&product_id(&placed, 0))).await;
}
