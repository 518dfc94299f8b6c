//! TMF622 v5 over the orders of TMF622 v4.

use axum::http::Method;
use serde_json::{Value, json};

use super::{PRODUCT_CANCELS_V5, PRODUCT_ORDERS_V5, all_typed, named, parties5, product_order5};
use crate::harness::{CRM, PRODUCT_ORDERS, TestApp};
use crate::tmf622::{create, provision, set_status};

fn offering() -> String {
    format!("{CRM}.solo")
}

#[tokio::test]
async fn each_version_shows_the_orders_of_the_other() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "externalId": "E1", "channel": [{ "id": "shop", "name": "Shop" }],
        "relatedParty": [{ "id": "C1", "role": "customer" }],
        "productOrderItem": [provision("C1", &offering())],
    });
    let v4 = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    let shown = app.get(&format!("{PRODUCT_ORDERS_V5}/{}", v4["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["creationDate"], v4["orderDate"]);
    assert!(shown.get("orderDate").is_none());
    assert_eq!(shown["externalId"], json!([{ "@type": "ExternalIdentifier", "id": "E1" }]));
    assert_eq!(shown["relatedParty"][0]["partyOrPartyRole"]["id"], "C1");
    assert_eq!(
        shown["channel"][1]["channel"],
        json!({ "id": "shop", "name": "Shop", "@type": "ChannelRef" })
    );
    assert!(shown["href"].as_str().unwrap().contains(PRODUCT_ORDERS_V5));
    let product = &shown["productOrderItem"][0]["product"];
    assert_eq!((&product["@type"], &product["status"]), (&json!("Product"), &json!("active")));
    assert_eq!(product["relatedParty"][0]["@type"], "RelatedPartyOrPartyRole");
    assert_eq!(named(&product["productCharacteristic"], "plan")["@type"], "StringCharacteristic");
    all_typed(&shown, "");

    let mut body = product_order5(&json!([create("C2")]));
    body["externalId"] = json!([
        { "@type": "ExternalIdentifier", "owner": "BSS", "externalIdentifierType": "POnumber", "id": "E2" },
        { "@type": "ExternalIdentifier", "owner": "CRM", "id": "E3" },
    ]);
    body["productOrderItem"][0]["note"] = json!([{ "@type": "Note", "text": "by hand" }]);
    body["id"] = json!("mine");
    let answer = app.post(PRODUCT_ORDERS_V5, &body).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let v5 = answer.expect(201);
    assert_eq!(v5["href"], location);
    assert_ne!(v5["id"], "mine");
    assert_eq!(v5["externalId"], body["externalId"]);
    assert_eq!(v5["productOrderItem"][0]["note"], body["productOrderItem"][0]["note"]);
    let back = app.get(&format!("{PRODUCT_ORDERS}/{}", v5["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(back["externalId"], "E2");
    assert!(back["productOrderItem"][0].get("note").is_none() && back.get("externalIdentifier").is_none());
    let found = app.get(&format!("{PRODUCT_ORDERS_V5}?externalId.id=E2&fields=id")).await.expect(200);
    assert_eq!(found[0]["id"], v5["id"]);
    let found = app
        .get(&format!("{PRODUCT_ORDERS_V5}?relatedParty.partyOrPartyRole.id=C1&channel.channel.id=tmf622"))
        .await;
    assert_eq!(found.headers["x-total-count"], "1");
    let found = app.get(&format!("{PRODUCT_ORDERS_V5}?creationDate.gt=2027-01-01T00:00:00Z")).await;
    assert_eq!(found.headers["x-total-count"], "0");
    app.get(&format!("{PRODUCT_ORDERS_V5}?orderDate.gt=2027-01-01T00:00:00Z")).await.expect(400);
}

#[tokio::test]
async fn the_same_content_by_either_version_is_a_repeat() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let items = json!([provision("C1", &offering())]);
    let party = json!([{ "id": "C1", "role": "customer" }]);
    let v4 = json!({ "externalId": "E1", "relatedParty": party, "productOrderItem": items });
    let mut v5 = product_order5(&items);
    v5["relatedParty"] = parties5(&party);
    v5["externalId"] = json!([{ "@type": "ExternalIdentifier", "id": "E1" }]);
    let first = app.post(PRODUCT_ORDERS_V5, &v5).await.expect(201);
    let again = app.post(PRODUCT_ORDERS, &v4).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201)["id"], first["id"]);
    v5["priority"] = json!("2");
    let told = app.post(PRODUCT_ORDERS_V5, &v5).await.expect(409);
    assert!(told["message"].as_str().unwrap().starts_with("externalId[0].id"), "{told}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_v5_path() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let good = product_order5(&json!([provision("C1", &offering())]));
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        body
    };
    let item = "/productOrderItem/0";
    let mut untyped = good.clone();
    untyped.as_object_mut().unwrap().remove("@type");
    let cases = [
        ("@type", untyped),
        ("externalId", with("/externalId", json!("E1"))),
        ("externalId[0].id", with("/externalId", json!([{ "owner": "BSS" }]))),
        ("externalId[0].id", with("/externalId", json!([{ "id": "a\nb" }]))),
        ("requestedInitialState", with("/requestedInitialState", json!("held"))),
        ("channel[0].channel", with("/channel", json!([{ "id": "shop" }]))),
        (
            "relatedParty[0].partyOrPartyRole",
            with("/relatedParty", json!([{ "id": "C1", "role": "customer" }])),
        ),
        (
            "productOrderItem[0].product.relatedParty[0].partyOrPartyRole.id",
            with("/relatedParty", parties5(&json!([{ "id": "C9", "role": "customer" }]))),
        ),
        (
            "productOrderItem[0].product.productCharacteristic[0].value",
            with(
                &format!("{item}/product/productCharacteristic"),
                json!([{ "@type": "IntegerCharacteristic", "name": "version", "value": "2.0" }]),
            ),
        ),
        (
            "productOrderItem[0].productOffering.id",
            with(&format!("{item}/productOffering"), json!({ "id": "telex.solo" })),
        ),
        ("productOrderItem[0].product.status", with(&format!("{item}/product/status"), json!("asleep"))),
        ("productOrderItem[0].action", with(&format!("{item}/action"), json!("explode"))),
    ];
    let mut wrong = vec![];
    for (path, body) in cases {
        let answer = app.post(PRODUCT_ORDERS_V5, &body).await;
        let message = answer.body["message"].as_str().unwrap_or("");
        if answer.status != 400 || !message.starts_with(path) {
            wrong.push(format!("{path}: {} {message:?} to {body}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.post(PRODUCT_ORDERS_V5, &good).await.expect(201);
}

#[tokio::test]
async fn errors_and_alerts_have_members_of_their_own() {
    let app = TestApp::holding().await;
    app.customer("C1").await;
    app.breaks("install");
    let placed = app
        .post(PRODUCT_ORDERS_V5, &product_order5(&json!([provision("C1", &offering())])))
        .await
        .expect(201);
    app.run().await;
    app.mends();
    let shown = app.get(&format!("{PRODUCT_ORDERS_V5}/{}", placed["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["state"], "held", "{shown:#}");
    let alert = &shown["productOrderJeopardyAlert"][0];
    assert_eq!(alert["productOrderItem"][0]["productOrderItemId"], "provision");
    let errors = shown["productOrderErrorMessage"].as_array().unwrap();
    assert!(errors.iter().any(|e| e["message"] == alert["message"]), "{errors:?}");
    assert!(shown.get("note").is_none(), "{shown:#}");
    let milestone = &shown["productOrderMilestone"][0];
    assert_eq!(milestone["status"], "Yet-To-Reach");
    assert_eq!(milestone["productOrderItem"][0]["productOrderItemId"], "provision");
    all_typed(&shown, "");
    let v4 = app.get(&format!("{PRODUCT_ORDERS}/{}", placed["id"].as_str().unwrap())).await.expect(200);
    assert!(v4.get("productOrderErrorMessage").is_none() && v4["note"].is_array());
    assert!(v4.get("productOrderMilestone").is_none(), "{v4:#}");
}

#[tokio::test]
async fn patching_cancelling_and_deleting() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let mut body = product_order5(&json!([provision("C1", &offering())]));
    body["requestedStartDate"] = json!("2027-01-01T00:00:00Z");
    body["externalId"] = json!([{ "@type": "ExternalIdentifier", "owner": "BSS", "id": "E1" }]);
    let placed = app.post(PRODUCT_ORDERS_V5, &body).await.expect(201);
    let path = format!("{PRODUCT_ORDERS_V5}/{}", placed["id"].as_str().unwrap());
    let rows = [
        ("application/json", json!({ "@type": "ProductOrder", "description": "a" })),
        ("application/merge-patch+json", json!({ "description": "b" })),
        ("application/json-patch+json", json!([{ "op": "replace", "path": "/description", "value": "c" }])),
        (
            "application/json-patch-query+json",
            json!([{ "op": "replace", "path": "/externalId/id?externalId.owner=BSS", "value": "E9" }]),
        ),
    ];
    for (kind, body) in rows {
        let headers = [("content-type", kind)];
        app.request(Method::PATCH, &path, &headers, Some(body.to_string().as_bytes())).await.expect(200);
    }
    let shown = app.get(&path).await.expect(200);
    assert_eq!(shown["description"], "c");
    assert_eq!(shown["externalId"], json!([{ "@type": "ExternalIdentifier", "owner": "BSS", "id": "E9" }]));
    app.patch(&path, &shown).await.expect(200);
    app.patch(&path, &json!({ "state": "held" })).await.expect(409);
    app.patch(&path, &json!({ "productOrderMilestone": [{}] })).await.expect(409);
    app.patch(&path, &json!({ "creationDate": "2020-01-01T00:00:00Z" })).await.expect(400);

    app.delete(&path).await.expect(409);
    let cancel = json!({ "@type": "CancelProductOrder", "productOrder": { "@type": "ProductOrderRef", "id": placed["id"] } });
    app.post(PRODUCT_CANCELS_V5, &json!({ "productOrder": { "id": placed["id"] } })).await.expect(400);
    let task = app.post(PRODUCT_CANCELS_V5, &cancel).await.expect(201);
    assert_eq!(task["state"], "done");
    assert!(task["creationDate"].is_string());
    all_typed(&task, "");
    assert_eq!(app.get(PRODUCT_CANCELS_V5).await.expect(200), json!([task]));
    assert_eq!(app.get(&path).await.expect(200)["state"], "cancelled");
    assert_eq!(app.delete(&path).await.status, 204);
    app.get(&path).await.expect(404);
    app.post(PRODUCT_ORDERS_V5, &product_order5(&json!([set_status("C1", "suspended")]))).await.expect(201);
}
