//! PATCH of v5 in its four forms, and DELETE.

use axum::http::Method;
use serde_json::{Value, json};

use super::{CANCELS_V5, ORDERS_V5, named, order5};
use crate::harness::{Answer, CANCELS, CRM, ORDERS, TestApp, create, modify, provision};

async fn patch(app: &TestApp, path: &str, kind: &str, body: &Value) -> Answer {
    app.request(Method::PATCH, path, &[("content-type", kind)], Some(body.to_string().as_bytes())).await
}

/// An order for later, of a customer that is there.
async fn later(app: &TestApp) -> (String, Value) {
    app.customer("C1").await;
    let mut body = order5(&json!([provision("C1", CRM, "solo", None)]));
    body["requestedStartDate"] = json!("2027-01-01T00:00:00Z");
    body["externalReference"] =
        json!([{ "@type": "ExternalReference", "externalReferenceType": "externalId", "id": "E1" }]);
    let placed = app.post(ORDERS_V5, &body).await.expect(201);
    (format!("{ORDERS_V5}/{}", placed["id"].as_str().unwrap()), placed)
}

#[tokio::test]
async fn every_form_of_patch_does_the_same() {
    let app = TestApp::new().await;
    let (path, _) = later(&app).await;
    let rows = [
        ("application/json", json!({ "@type": "ServiceOrder", "description": "a" })),
        ("application/merge-patch+json", json!({ "description": "b" })),
        ("application/json-patch+json", json!([{ "op": "replace", "path": "/description", "value": "c" }])),
        (
            "application/json-patch-query+json",
            json!([{ "op": "replace", "path": "/description", "value": "d" }]),
        ),
    ];
    for ((kind, body), wanted) in rows.into_iter().zip(["a", "b", "c", "d"]) {
        let answer = patch(&app, &path, kind, &body).await.expect(200);
        assert_eq!(answer["description"], wanted, "{kind}");
        assert!(answer["relatedParty"][0]["partyOrPartyRole"]["id"] == "C1", "{kind}: the answer is v5's");
        assert_eq!(app.get(&path).await.expect(200)["description"], wanted);
    }
    let answer = patch(&app, &path, "text/plain", &json!({})).await;
    assert_eq!(answer.status, 415);
    let cut =
        patch(&app, &format!("{path}?fields=none"), "application/json", &json!({ "description": "e" })).await;
    let cut = cut.expect(200);
    assert!(cut.get("description").is_none() && cut["@type"] == "ServiceOrder", "{cut}");
}

#[tokio::test]
async fn members_that_v5_shapes_otherwise_are_patched_in_its_shape() {
    let app = TestApp::new().await;
    let (path, placed) = later(&app).await;
    // The whole order sent back changes nothing.
    let same = patch(&app, &path, "application/json", &placed).await.expect(200);
    assert_eq!(same, placed);
    // The external id stands among the references.
    let query = json!([{ "op": "replace", "path": "/externalReference/id?externalReference.externalReferenceType=externalId",
        "value": "E2" }]);
    let answer = patch(&app, &path, "application/json-patch-query+json", &query).await.expect(200);
    assert_eq!(answer["externalReference"][0]["id"], "E2", "{answer:#}");
    assert_eq!(app.show(&placed).await["externalId"], "E2");
    let more = json!([{ "op": "add", "path": "/externalReference/-",
        "value": { "@type": "ExternalReference", "externalReferenceType": "ticket", "id": "T1", "name": "T1" } }]);
    let answer = patch(&app, &path, "application/json-patch+json", &more).await.expect(200);
    let kinds: Vec<_> = answer["externalReference"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["externalReferenceType"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["externalId", "ticket", "channel"]);
    let gone = json!([{ "op": "remove", "path": "/externalReference/0" }]);
    let answer = patch(&app, &path, "application/json-patch+json", &gone).await.expect(200);
    assert_eq!(answer["externalReference"][0]["externalReferenceType"], "ticket");
    assert!(app.show(&placed).await.get("externalId").is_none());
    // What is wrong in it is told by its v5 path.
    let bare = json!({ "relatedParty": [{ "id": "C1", "role": "customer" }] });
    let told = patch(&app, &path, "application/json", &bare).await.expect(400);
    assert!(told["message"].as_str().unwrap().starts_with("relatedParty[0].partyOrPartyRole"), "{told}");
    let told = patch(&app, &path, "application/json", &json!({ "state": "completed" })).await.expect(409);
    assert!(
        told["message"].as_str().unwrap().contains("/tmf-api/serviceOrdering/v5/cancelServiceOrder"),
        "{told}"
    );
    assert_eq!(told["@type"], "Error");
}

#[tokio::test]
async fn an_order_that_has_ended_is_deleted() {
    let app = TestApp::new().await;
    let placed = app.post(ORDERS_V5, &order5(&json!([create("C1")]))).await.expect(201);
    let path = format!("{ORDERS_V5}/{}", placed["id"].as_str().unwrap());
    app.delete(&path).await.expect(409);
    app.run().await;
    let answer = app.delete(&path).await;
    assert_eq!((answer.status.as_u16(), answer.octets.len()), (204, 0));
    app.get(&path).await.expect(404);
    app.delete(&path).await.expect(404);
}

#[tokio::test]
async fn cancelling_is_a_task_in_the_words_of_v5() {
    let app = TestApp::new().await;
    let (path, placed) = later(&app).await;
    let body = json!({ "@type": "CancelServiceOrder", "cancellationReason": "changed my mind",
        "serviceOrder": { "@type": "ServiceOrderRef", "id": placed["id"] } });
    let answer = app.post(CANCELS_V5, &body).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let task = answer.expect(201);
    assert_eq!(task["state"], "done");
    assert_eq!(task["href"], location);
    assert!(location.contains(CANCELS_V5));
    assert!(task["serviceOrder"]["href"].as_str().unwrap().contains(ORDERS_V5));
    let known = ["acknowledged", "rejected", "inProgress", "cancelled", "done", "terminatedWithError"];
    assert!(known.contains(&task["state"].as_str().unwrap()));
    assert_eq!(app.get(&path).await.expect(200)["state"], "cancelled");
    let list = app.get(CANCELS_V5).await.expect(200);
    assert_eq!(list, json!([task]));
    let one = app.get(&format!("{CANCELS_V5}/{}", task["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(one, task);
    app.post(CANCELS_V5, &body).await.expect(409);
}

#[tokio::test]
async fn items_and_parties_are_patched_in_the_shape_of_v5() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let id = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let mut body = order5(&json!([modify(&id, &[("plan", "team")])]));
    body["requestedStartDate"] = json!("2027-01-01T00:00:00Z");
    body["orderCharacteristic"] = json!([{ "@type": "StringCharacteristic", "name": "batch", "value": "7" }]);
    let placed = app.post(ORDERS_V5, &body).await.expect(201);
    let path = format!("{ORDERS_V5}/{}", placed["id"].as_str().unwrap());
    let version = json!({ "@type": "StringCharacteristic", "name": "version", "value": "2.0" });
    let item = |operation: Value| {
        json!({ "serviceOrderItem": [{ "id": "1", "action": "modify", "service": { "id": id, "@type": "ServiceRef" },
            "modifyPath": [operation] }] })
    };
    let outside = item(json!({ "op": "replace", "path": "/id", "value": "x" }));
    let told = app.patch(&path, &outside).await.expect(400);
    assert!(
        told["message"].as_str().unwrap().starts_with("serviceOrderItem[0].modifyPath[0].path"),
        "{told}"
    );
    let changed = item(json!({ "op": "add", "path": "/serviceCharacteristic/-", "value": version }));
    let shown = app.patch(&path, &changed).await.expect(200);
    assert_eq!(shown["serviceOrderItem"][0]["modifyPath"], changed["serviceOrderItem"][0]["modifyPath"]);
    // A client of v4 does not see what only v5 has, and does not take it away.
    let parties = json!([{ "id": "C1", "role": "customer" }, { "id": "S1", "role": "seller" }]);
    let v4 = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    let seen = app.patch(&v4, &json!({ "relatedParty": parties })).await.expect(200);
    assert!(seen.get("orderCharacteristic").is_none());
    let shown = app.get(&path).await.expect(200);
    assert_eq!(shown["orderCharacteristic"][0]["value"], "7");
    assert_eq!(shown["relatedParty"][1]["partyOrPartyRole"]["id"], "S1");
    app.goto("2027-01-02T00:00:00Z");
    app.run().await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "completed");
    let list = app.service(&id).await["serviceCharacteristic"].clone();
    assert_eq!(
        (&named(&list, "version")["value"], &named(&list, "plan")["value"]),
        (&json!("2.0"), &json!("solo"))
    );
}

#[tokio::test]
async fn a_cancel_for_later_is_acknowledged() {
    let app = TestApp::new().await;
    let (_, placed) = later(&app).await;
    let body = json!({ "@type": "CancelServiceOrder", "requestedCancellationDate": "2026-12-01T00:00:00Z",
        "serviceOrder": { "@type": "ServiceOrderRef", "id": placed["id"] } });
    let task = app.post(CANCELS_V5, &body).await.expect(201);
    assert_eq!(task["state"], "acknowledged");
    let path = format!("{CANCELS}/{}", task["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.expect(200)["state"], "accepted", "in the words of v4");
    for (list, word) in [(CANCELS_V5, "acknowledged"), (CANCELS, "accepted")] {
        let found = app.get(&format!("{list}?state={word}")).await.expect(200);
        assert_eq!(found[0]["id"], task["id"], "{list}");
    }
}
