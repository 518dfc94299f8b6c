//! Entity tags: what a client knows already is not sent again, and no change is lost.

use axum::http::Method;
use serde_json::json;

use super::header;
use crate::harness::{CANCELS, ORDERS, SERVICES, SPECS, TestApp, create};

#[tokio::test]
async fn each_answer_with_one_resource_has_its_tag() {
    let app = TestApp::new().await;
    let placed = app.post(ORDERS, &json!({ "serviceOrderItem": [create("C1")] })).await;
    let tag = header(&placed, "etag").to_owned();
    let order = placed.expect(201);
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    assert_eq!(header(&app.get(&path).await, "etag"), tag);
    let patched = app.patch(&path, &json!({"description": "d"})).await;
    let next = header(&patched, "etag").to_owned();
    assert_ne!(next, tag);
    assert_eq!(header(&app.get(&path).await, "etag"), next);
    for one in [format!("{SPECS}/customer-account"), format!("{SERVICES}/C1")] {
        app.run().await;
        assert_ne!(header(&app.get(&one).await, "etag"), "", "{one}");
    }
    let other = app.place(json!([create("C2")])).await;
    let task = app.post(CANCELS, &json!({ "serviceOrder": { "id": other["id"] } })).await;
    let tag = header(&task, "etag").to_owned();
    let task = task.expect(201);
    let task = app.get(&format!("{CANCELS}/{}", task["id"].as_str().unwrap())).await;
    assert_eq!(header(&task, "etag"), tag);
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let tag = header(&app.get(&path).await, "etag").to_owned();
    for (given, status) in
        [(tag.as_str(), 304), (&format!("\"x\", W/{tag}"), 304), ("*", 304), ("\"x\"", 200), ("", 200)]
    {
        let answer = app.request(Method::GET, &path, &[("if-none-match", given)], None).await;
        assert_eq!(header(&answer, "etag"), tag);
        assert_eq!(answer.octets.is_empty(), status == 304);
        assert_eq!(answer.status.as_u16(), status, "{given}");
    }
}

#[tokio::test]
async fn a_change_on_a_state_that_is_gone_is_refused() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let old = header(&app.get(&path).await, "etag").to_owned();
    let patch = async |tag: &str, text: &str| {
        let body = json!({ "description": text }).to_string();
        app.request(Method::PATCH, &path, &[("if-match", tag)], Some(body.as_bytes())).await
    };
    let first = patch(&old, "one").await;
    let tag = header(&first, "etag").to_owned();
    first.expect(200);
    let refused = patch(&old, "two").await.expect(412);
    assert_eq!(refused["code"], "changed");
    assert_eq!(app.show(&order).await["description"], "one");
    patch("*", "three").await.expect(200);
    patch(&format!("W/{tag}"), "four").await.expect(412);

    app.run().await;
    let delete = async |tag: &str| app.request(Method::DELETE, &path, &[("if-match", tag)], None).await;
    delete(&tag).await.expect(412);
    app.show(&order).await;
    let tag = header(&app.get(&path).await, "etag").to_owned();
    assert_eq!(delete(&tag).await.status.as_u16(), 204);
    app.get(&path).await.expect(404);
}

/// Each of many that add a note at the same time finds its own in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn patches_at_the_same_time_are_all_kept() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let bodies: Vec<_> = (0..5)
        .map(|n| {
            json!([{"op": "add", "path": "/externalReference/0", "value": {"id": n.to_string(),
            "externalReferenceType": "t", "name": "n"}}])
            .to_string()
        })
        .collect();
    let kind = [("content-type", "application/json-patch+json")];
    let sent = bodies.iter().map(|body| app.request(Method::PATCH, &path, &kind, Some(body.as_bytes())));
    for answer in futures_util::future::join_all(sent).await {
        answer.expect(200);
    }
    let order = app.show(&order).await;
    let mut kept: Vec<_> = order["externalReference"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["externalReferenceType"] == "t")
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    kept.sort_unstable();
    assert_eq!(kept, ["0", "1", "2", "3", "4"]);
}
