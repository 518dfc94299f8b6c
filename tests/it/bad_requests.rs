//! Requests that no order can be read from, paths and methods that are not there, orders with nothing to do.

use axum::http::Method;
use serde_json::json;

use crate::bad_input::order;
use crate::harness::{Answer, CANCELS, CRM, ORDERS, SERVICES, SPECS, TestApp, create, provision};

const NOBODYS: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3";

/// A refusal: status, TMF error body, and a message that begins with the path.
#[track_caller]
fn refused(answer: &Answer, status: u16, path: &str) {
    assert_eq!(answer.status.as_u16(), status, "{path}: {:#}", answer.body);
    let body = &answer.body;
    assert_eq!(body["status"], status.to_string());
    assert_eq!(body["@type"], "Error");
    for member in ["code", "reason", "referenceError"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body:#}");
    }
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with(path), "the message names {path}: {message}");
}

#[tokio::test]
async fn bodies_that_are_not_read_at_all() {
    let app = TestApp::new().await;
    let good = order(json!([create("C1")])).to_string();
    let post = |headers: &'static [(&'static str, &'static str)], body: Vec<u8>| {
        let app = &app;
        async move { app.request(Method::POST, ORDERS, headers, Some(&body)).await }
    };
    for broken in ["", "{", "{\"serviceOrderItem\": [}", "nonsense", "{} {}", "{\"a\": \"\u{1}\"}"] {
        let answer = post(&[], broken.into()).await;
        refused(&answer, 400, "line 1");
    }
    refused(&post(&[], b"{\"description\": \"\xff\"}".to_vec()).await, 400, "line 1");
    refused(&post(&[], "[".repeat(100_000).into()).await, 400, "line 1");
    for kind in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/xml")],
        &[("content-type", "application/jsonp")],
        &[("content-type", "")],
    ] {
        refused(&post(kind, good.clone().into()).await, 415, "Content-Type");
    }
    // The harness gives a type to every body that has octets.
    let none = app.request(Method::POST, ORDERS, &[], None).await;
    refused(&none, 415, "Content-Type is missing");
    refused(&post(&[("accept", "text/html")], good.clone().into()).await, 406, "Accept");
    refused(&post(&[("accept", "application/xml, image/*;q=0.9")], good.clone().into()).await, 406, "Accept");
    refused(&app.request(Method::GET, ORDERS, &[("accept", "text/csv")], None).await, 406, "Accept");
    refused(&app.request(Method::GET, SERVICES, &[("accept", "text/csv")], None).await, 406, "Accept");
    let limit = app.config.api.body_limit_kib * 1024;
    let mut large = good.clone();
    large.push_str(&" ".repeat(limit + 1 - large.len()));
    refused(&post(&[], large.clone().into()).await, 413, "the body is larger");
    for key in ["", &"k".repeat(256)] {
        let answer =
            app.request(Method::POST, ORDERS, &[("idempotency-key", key)], Some(good.as_bytes())).await;
        refused(&answer, 400, "Idempotency-Key");
    }
    assert_eq!(app.counts().await, ("0".into(), "0".into()));
    // One octet less, a charset, and a wish that can be met are all right.
    large.pop();
    post(
        &[("content-type", "application/json; charset=utf-8"), ("accept", "text/html, application/*;q=0.5")],
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
        (format!("{SPECS}/telex"), "there is no serviceSpecification telex"),
        (format!("{CANCELS}/{NOBODYS}"), "there is no cancelServiceOrder"),
        ("/tmf-api/serviceOrdering/v3/serviceOrder".into(), "there is nothing at"),
        ("/".into(), "there is nothing at"),
    ] {
        refused(&app.get(&path).await, 404, what);
    }
    refused(&app.patch(&format!("{ORDERS}/{NOBODYS}"), &json!({})).await, 404, "there is no service order");
    refused(&app.delete(&format!("{ORDERS}/x")).await, 404, "there is no service order");
    for (method, path, allowed) in [
        (Method::PUT, ORDERS.to_owned(), "POST"),
        (Method::DELETE, ORDERS.to_owned(), "GET"),
        (Method::POST, format!("{ORDERS}/{NOBODYS}"), "PATCH"),
        (Method::PATCH, format!("{CANCELS}/{NOBODYS}"), "GET"),
        (Method::DELETE, SERVICES.to_owned(), "GET"),
        (Method::PUT, format!("{SPECS}/{CRM}"), "GET"),
    ] {
        let answer = app.request(method, &path, &[], Some(b"{}")).await;
        refused(&answer, 405, &path);
        assert!(answer.headers["allow"].to_str().unwrap().contains(allowed));
    }
    let unknown = json!({ "serviceOrder": { "id": NOBODYS } });
    refused(&app.post(CANCELS, &unknown).await, 400, "serviceOrder.id");
    refused(&app.post(CANCELS, &json!({ "serviceOrder": {} })).await, 400, "serviceOrder");
    refused(&app.post(CANCELS, &json!({})).await, 400, "serviceOrder");
}

/// The stock bodies of the official kits: right by the schema, and nothing to do.
#[tokio::test]
async fn an_order_that_names_nothing_to_do_is_accepted_and_rejected() {
    let app = TestApp::new().await;
    for service in [json!({}), json!({ "id": "C1" }), json!({ "state": "active" })] {
        let action = if service.as_object().unwrap().contains_key("id") { "modify" } else { "add" };
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
