//! Who gets a link, and which links are good.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Served;

#[tokio::test]
async fn links_are_checked_in_every_part() {
    let s = Served::new(1000).await;
    let (link, other) = (s.link().await, s.link().await);
    let id = |l: &str| l.split(['/', '?']).nth(3).unwrap().to_owned();
    let query = |l: &str, name: &str| {
        let (_, rest) = l.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let signature = query(&link, "signature");
    let expires: i64 = query(&link, "expires").parse().unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let altered = [
        link.replace("/default/", "/another/"),
        link.replace(&id(&link), &id(&other)),
        link.replace(&id(&link), "00000000-0000-7000-8000-000000000000"),
        link.replace(&id(&link), "none"),
        link.replace(&expires.to_string(), &(expires + 1).to_string()),
        link.replace(&expires.to_string(), "never"),
        link.replace(&signature, &format!("{flipped}{}", &signature[1..])),
        link.replace(&signature, &signature[1..]),
        link.replace(&signature, ""),
        link.split('?').next().unwrap().to_owned(),
        link.split('&').next().unwrap().to_owned(),
    ];
    for bad in &altered {
        assert_ne!(*bad, link);
        let answer = s.request(reqwest::Method::GET, bad, None).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{bad}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["status"], "403", "{body}");
    }
    s.app.clock.advance(TimeDelta::hours(1) - TimeDelta::seconds(1));
    s.fetch(&link, None, 0..s.octets.len()).await;
    s.complete(&link).await;
    s.app.clock.advance(TimeDelta::seconds(1));
    let answer = s.request(reqwest::Method::GET, &link, None).send().await.unwrap();
    assert_eq!(answer.status(), 410);
    // An altered link stays altered, however old it is.
    for bad in &altered {
        assert_eq!(s.request(reqwest::Method::HEAD, bad, None).send().await.unwrap().status(), 403, "{bad}");
    }
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn links_are_given_to_the_owner_only() {
    let s = Served::new(1000).await;
    s.app.customer("C2").await;
    let path = format!("/api/v1/backups/{}/download-links", s.backup);
    s.app.post(&path, &json!({ "customer": "C2" })).await.expect(404);
    s.app.post(&path, &json!({ "customer": "nobody" })).await.expect(404);
    s.app.post("/api/v1/backups/none/download-links", &json!({})).await.expect(404);
    let unknown = "/api/v1/backups/00000000-0000-7000-8000-000000000000/download-links";
    s.app.post(unknown, &json!({})).await.expect(404);
    for bad in [
        json!({ "expiresInSeconds": 0 }),
        json!({ "expiresInSeconds": -5 }),
        json!({ "expiresInSeconds": 604_801 }),
        json!({ "expiresInSeconds": "soon" }),
        json!({ "expiresInSeconds": 1.5 }),
        json!({ "customer": 7 }),
        json!([]),
        json!("C1"),
    ] {
        let body = s.app.post(&path, &bad).await.expect(400);
        assert!(body["message"].is_string(), "{bad}: {body}");
    }
    s.app.request(Method::POST, &path, &[], Some(b"{")).await.expect(400);
    s.app.request(Method::POST, &path, &[("content-type", "text/plain")], Some(b"{}")).await.expect(415);
    // Nothing in the body is mandatory.
    let body = s.app.request(Method::POST, &path, &[], None).await.expect(201);
    assert_eq!(
        body["expiresAt"],
        telvisor::clock::show(s.app.engine().db.clock().now() + TimeDelta::hours(1))
    );
    let body = s.app.post(&path, &json!({ "expiresInSeconds": 60 })).await.expect(201);
    assert_eq!(
        body["expiresAt"],
        telvisor::clock::show(s.app.engine().db.clock().now() + TimeDelta::minutes(1))
    );
    assert!(body["url"].as_str().unwrap().starts_with("http://localhost:8080/download/"));
}

#[tokio::test]
async fn what_is_no_more_is_not_found() {
    let s = Served::new(1000).await;
    let link = s.link().await;
    let mut tx = s.app.engine().db.tenant("default").await.unwrap();
    let mut backup = tx.backup(s.backup.parse().unwrap()).await.unwrap().unwrap();
    backup.expires_at = Some(tx.now());
    tx.save_backup(&backup).await.unwrap();
    tx.commit().await.unwrap();
    telvisor::jobs::sweep::expire(s.app.engine()).await.unwrap();
    let answer = s.request(reqwest::Method::GET, &link, None).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let path = format!("/api/v1/backups/{}/download-links", s.backup);
    s.app.post(&path, &json!({})).await.expect(409);
}
