//! What hrefs begin with.

use axum::http::Method;
use serde_json::json;

use super::header;
use crate::harness::{ORDERS, TestApp, create};

const TOLD: [(&str, &str); 3] = [
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "api.example.com"),
    ("x-forwarded-prefix", "/cloud"),
];

#[tokio::test]
async fn addresses_begin_with_what_a_trusted_proxy_tells() {
    let app = TestApp::with(|c| c.api.trusted_proxies = vec!["127.0.0.0/8".into()]).await;
    let body = json!({ "serviceOrderItem": [create("C1")] }).to_string();
    let placed = app.request(Method::POST, ORDERS, &TOLD, Some(body.as_bytes())).await;
    let location = header(&placed, "location").to_owned();
    let order = placed.expect(201);
    let wanted = format!("https://api.example.com/cloud{ORDERS}/{}", order["id"].as_str().unwrap());
    assert_eq!(order["href"], wanted.as_str());
    assert_eq!(location, wanted);
    app.place(json!([create("C2")])).await;
    let list = app.request(Method::GET, &format!("{ORDERS}?limit=1"), &TOLD, None).await;
    let links = header(&list, "link").to_owned();
    assert!(links.contains(&format!("<https://api.example.com/cloud{ORDERS}?cursor=")), "{links}");
    // It is the same order by whatever way it is read.
    let direct = app.show(&order).await;
    assert!(
        direct["href"].as_str().unwrap().starts_with("http://localhost:8080/tmf-api/"),
        "{}",
        direct["href"]
    );
}

#[tokio::test]
async fn a_stranger_and_the_setting_are_not_overruled() {
    let app = TestApp::new().await;
    let order = app.place(json!([create("C1")])).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let shown = app.request(Method::GET, &path, &TOLD, None).await.expect(200);
    assert_eq!(shown["href"], order["href"]);
    let app = TestApp::with(|c| {
        c.base_url = "https://set.example".into();
        c.api.trusted_proxies = vec!["127.0.0.1/32".into()];
    })
    .await;
    let body = json!({ "serviceOrderItem": [create("C1")] }).to_string();
    let order = app.request(Method::POST, ORDERS, &TOLD, Some(body.as_bytes())).await.expect(201);
    assert!(order["href"].as_str().unwrap().starts_with("https://set.example/tmf-api/"));
}
