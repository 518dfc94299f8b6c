//! Recipients that operators set beside those of the configuration, and what becomes of their numbers.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::config::Recipient;
use telvisor::mediation::seal::{self, Cut, SealError};
use telvisor_sdr::file::MAX_FILE_SEQ;

use super::{CSV, check_stream, customers, cut, decoded, files, journal, names, only, recipient, rows};
use crate::access::{Closed, of};
use crate::harness::{Answer, TestApp};

const RECIPIENTS: &str = "/api/v1/sdr/recipients";

async fn put(app: &TestApp, name: &str, body: &Value) -> Answer {
    let path = format!("{RECIPIENTS}/{name}");
    app.request(Method::PUT, &path, &[], Some(body.to_string().as_bytes())).await
}

#[tokio::test]
async fn one_that_is_set_gets_what_comes_and_a_change_applies_from_its_next_file() {
    let app = TestApp::with(only(vec![recipient("fixed", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["before"]).await;
    let made = put(&app, "billing", &json!({ "format": "csv", "records": 2 })).await;
    assert!(made.headers["location"].to_str().unwrap().ends_with("/api/v1/sdr/recipients/billing"));
    let made = made.expect(201);
    assert_eq!((&made["version"], &made["origin"]), (&json!(1), &json!("operator")));
    assert_eq!(made["configuration"]["schedule"], "day");
    app.clock.advance(chrono::TimeDelta::seconds(1));
    journal(&app, "C1", &["a", "b", "c"]).await;
    assert_eq!(cut(&app, Cut::Limits).await, 1, "two fill a file");
    let before = super::octets(&files(&app, "billing", false).await[0]);
    // Another layout, with c waiting for its file.
    let changed =
        put(&app, "billing", &json!({ "name": "billing", "format": "asn1", "framing": "batch" })).await;
    assert_eq!(changed.expect(200)["version"], 2);
    // The same once more is no other version.
    let again = put(&app, "billing", &json!({ "format": "asn1", "framing": "batch" })).await.expect(200);
    assert_eq!(again["version"], 2);
    journal(&app, "C1", &["d"]).await;
    cut(&app, Cut::Manual).await;
    let list = check_stream(&app, "billing", false).await;
    assert_eq!(list.iter().map(names).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c", "d"]]);
    assert_eq!(decoded(&list[1])["format"], "asn1-batch");
    let rebuilt = app.get("/api/v1/sdr/files/billing/1").await;
    assert!(rebuilt.octets == before, "a sealed file stays as it is");
    let shown = app.get(&format!("{RECIPIENTS}/billing")).await.expect(200);
    assert_eq!(shown["before"][0]["configuration"]["format"], "csv");
    // A restart with the same configuration leaves it alone.
    let app = app.restart().await;
    let all = app.get(RECIPIENTS).await.expect(200);
    let all: Vec<_> =
        all.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(all, ["billing", "fixed"]);
    // Removed, it gets no more; set again, it goes on where it was, with what came meanwhile.
    app.delete(&format!("{RECIPIENTS}/billing")).await;
    journal(&app, "C1", &["e"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 1);
    put(&app, "billing", &json!({ "format": "csv" })).await.expect(201);
    journal(&app, "C1", &["f"]).await;
    cut(&app, Cut::Manual).await;
    let list = check_stream(&app, "billing", false).await;
    assert_eq!((list.len(), names(&list[2])), (3, vec!["e".to_owned(), "f".to_owned()]));
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_told() {
    let app = TestApp::new().await;
    let says = async |name: &str, body: Value, status: u16, word: &str| {
        let answer = put(&app, name, &body).await.expect(status);
        let text = answer["message"].as_str().unwrap();
        assert!(text.contains(word), "{text}");
    };
    says(CSV, json!({ "format": "csv" }), 409, "configuration file").await;
    says("x", json!({ "format": "csv", "name": "y" }), 400, "name").await;
    says("x", json!({ "format": "xml" }), 400, "format").await;
    says("x", json!({ "format": "csv", "schedule": "hourly" }), 400, "five fields").await;
    says("x", json!({ "format": "csv", "colour": "red" }), 400, "colour").await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9bLVTbZ5sNBKpNPw8i5W7qPUO1RUi6SZP2HkJWn7HB";
    let sftp =
        json!({ "kind": "sftp", "host": "h", "user": "u", "host_key": key, "password_file": "/etc/shadow" });
    let body = json!({ "format": "csv", "file_name": "{tenant}_{test}_{seq}.csv", "delivery": sftp });
    says("x", body, 400, "recipient-keys").await;
    app.delete(&format!("{RECIPIENTS}/{CSV}")).await.expect(409);
    app.delete(&format!("{RECIPIENTS}/nobody")).await.expect(404);
    app.get(&format!("{RECIPIENTS}/nobody")).await.expect(404);
    assert_eq!(app.get(RECIPIENTS).await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn operators_see_them_and_administrators_set_them() {
    let closed = Closed::open().await;
    let client = async |name: &str, tenant: &str, scopes: &[&str]| {
        of(&closed.add(json!({ "name": name, "tenant": tenant, "scopes": scopes })).await)
    };
    let reads = client("watcher", "default", &["operations"]).await;
    let other = client("acme-admin", "acme", &["admin", "operations"]).await;
    let sets = client("boss", "default", &["admin"]).await;
    let body = json!({ "format": "csv" });
    let path = format!("{RECIPIENTS}/billing");
    let status = async |who: &str, method: Method, body: Option<&Value>| {
        closed.ask(method, &path, who, body).await.status.as_u16()
    };
    assert_eq!(status(&reads, Method::PUT, Some(&body)).await, 403);
    assert_eq!(status(&other, Method::PUT, Some(&body)).await, 403);
    assert_eq!(status(&sets, Method::PUT, Some(&body)).await, 201);
    assert_eq!(status(&reads, Method::GET, None).await, 200);
    assert_eq!(status(&other, Method::GET, None).await, 403);
    assert_eq!(status(&reads, Method::DELETE, None).await, 403);
    assert_eq!(status(&sets, Method::DELETE, None).await, 204);
}

#[tokio::test]
async fn file_numbers_end_and_are_never_given_again() {
    let app = TestApp::with(only(vec![recipient("r", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    cut(&app, Cut::Manual).await;
    app.sql("UPDATE sdr_streams SET next_file = 4294967294").await;
    journal(&app, "C1", &["last"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 1);
    let list = files(&app, "r", false).await;
    assert_eq!(list[1]["fileSeq"], MAX_FILE_SEQ);
    assert_eq!(rows(&list[1])[0][5], MAX_FILE_SEQ.to_string());
    journal(&app, "C1", &["waits"]).await;
    let refused = seal::seal(app.engine(), Cut::Manual).await;
    let Err(SealError::Recipient { problem, .. }) = refused else { panic!("{refused:?}") };
    assert!(problem.contains("4294967294") && problem.contains("new recipient"), "{problem}");
    // The records stay in the journal, and another recipient begins at 1.
    assert_eq!(files(&app, "r", false).await.len(), 2);
    let app = app.restart_with(|c| c.mediation.recipient.push(recipient("s", "day"))).await;
    journal(&app, "C1", &["b"]).await;
    assert!(seal::seal(app.engine(), Cut::Manual).await.is_err());
    assert_eq!(check_stream(&app, "s", false).await[0]["fileSeq"], 1);
    let alarms = app.get("/tmf-api/alarm/v4/alarm").await.expect(200);
    assert!(alarms.as_array().unwrap().iter().any(|a| a["alarmedObject"]["id"] == "r"), "{alarms:#}");
}

#[tokio::test]
async fn what_was_done_in_a_closed_period_goes_into_the_next_file() {
    let app = TestApp::with(only(vec![Recipient { records: 10, ..recipient("r", "day") }])).await;
    customers(&app).await;
    journal(&app, "C1", &["monday"]).await;
    app.goto("2026-11-24T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 1);
    let first = super::octets(&files(&app, "r", false).await[0]);
    // Done at 23:59 on monday, told on tuesday.
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    super::write_at(&mut tx, "C1", "late", Some("2026-11-23T23:59:00Z".parse().unwrap())).await;
    tx.commit().await.unwrap();
    app.goto("2026-11-25T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 1);
    let list = check_stream(&app, "r", false).await;
    assert!(super::octets(&list[0]) == first, "a closed file is never opened again");
    let record = &decoded(&list[1])["records"][0];
    assert_eq!(
        (&record["externalOrderId"], &record["eventTime"]),
        (&json!("late"), &json!("2026-11-23T23:59:00+00:00"))
    );
    assert!(record["recordTime"].as_str().unwrap().starts_with("2026-11-24T00:00:00"));
    assert_eq!(list[1]["periodStart"], "2026-11-24T00:00:00Z");
}
