//! PATCH in its forms.

use axum::http::Method;
use serde_json::{Value, json};

use super::header;
use crate::harness::{Answer, ORDERS, TestApp, create};

async fn patch(app: &TestApp, path: &str, kind: &str, body: &Value) -> Answer {
    let headers = [("content-type", kind)];
    app.request(Method::PATCH, path, &headers, Some(body.to_string().as_bytes())).await
}

const MERGE: &str = "application/merge-patch+json";
const OPERATIONS: &str = "application/json-patch+json";
const QUERY: &str = "application/json-patch-query+json";

#[tokio::test]
async fn an_order_is_patched_in_each_form() {
    let app = TestApp::new().await;
    let body = json!({
        "description": "one", "note": [{"text": "first"}], "serviceOrderItem": [create("C1")],
        "requestedStartDate": "2027-01-01T00:00:00Z",
    });
    let order = app.post(ORDERS, &body).await.expect(201);
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    for (kind, body, member, wanted) in [
        ("application/json", json!({"description": "two"}), "/description", json!("two")),
        (MERGE, json!({"description": null, "priority": "1"}), "/priority", json!("1")),
        (
            OPERATIONS,
            json!([{"op": "add", "path": "/description", "value": "three"}]),
            "/description",
            json!("three"),
        ),
        (
            OPERATIONS,
            json!([{"op": "add", "path": "/note/-", "value": {"text": "second"}}]),
            "/note/1/text",
            json!("second"),
        ),
        (
            QUERY,
            json!([{"op": "add", "path": "/note", "value": {"text": "third"}}]),
            "/note/2/text",
            json!("third"),
        ),
        (
            QUERY,
            json!([{"op": "replace", "path": "/priority?description=three", "value": "0"}]),
            "/priority",
            json!("0"),
        ),
        (
            OPERATIONS,
            json!([{"op": "test", "path": "/priority", "value": "0"}, {"op": "remove", "path": "/priority"}]),
            "/priority",
            Value::Null,
        ),
    ] {
        let answer = patch(&app, &path, kind, &body).await.expect(200);
        assert_eq!(answer.pointer(member).unwrap_or(&Value::Null), &wanted, "{body}");
        assert_eq!(app.get(&path).await.expect(200), answer, "{body}");
    }
    for (kind, body, status, start) in [
        (OPERATIONS, json!([{"op": "test", "path": "/description", "value": "x"}]), 409, "[0].path"),
        (OPERATIONS, json!([{"op": "replace", "path": "/state", "value": "held"}]), 409, "state"),
        (OPERATIONS, json!([{"op": "replace", "path": "/id", "value": "4711"}]), 400, "id"),
        (OPERATIONS, json!([{"op": "remove", "path": "/colour"}]), 400, "[0].path"),
        (OPERATIONS, json!({"description": "x"}), 400, "the body"),
        (QUERY, json!([{"op": "remove", "path": "/note?note.text=nobody"}]), 400, "[0].path"),
        (MERGE, json!([]), 400, "the body"),
        (MERGE, json!({"colour": "red"}), 400, "colour"),
        // Named with the value that it has, anything may be patched.
        (MERGE, json!({"state": "acknowledged", "id": order["id"]}), 200, ""),
    ] {
        let answer = patch(&app, &path, kind, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        let message = answer.body["message"].as_str().unwrap_or("");
        assert!(message.starts_with(start), "{body}: {message}");
    }
}

#[tokio::test]
async fn a_patch_of_another_type_is_refused_with_those_that_are_taken() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    for kind in ["text/plain", "application/xml", "application/json; charset=utf-16"] {
        let answer = patch(&app, &path, kind, &json!({})).await;
        let accepted = header(&answer, "accept-patch").to_owned();
        assert_eq!(answer.expect(415)["code"], "mediaType");
        for good in ["application/json,", MERGE, OPERATIONS, QUERY] {
            assert!(accepted.contains(good), "{accepted}");
        }
    }
}
