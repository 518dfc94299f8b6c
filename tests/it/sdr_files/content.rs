//! What records tell of the orders that they come from.

use serde_json::{Value, json};

use super::{ASN1, CSV, check_stream, files, octets};
use crate::harness::{CRM, ORDERS, TestApp, item, modify, provision, take_backup};

#[tokio::test]
async fn external_ids_come_out_as_they_went_in() {
    let app = TestApp::new().await;
    let ids = ["say \"hello\", twice", "semi;colon, 'quote'", "\"", "=1+1", "  blanks  ", "Ελληνικά €, ü"];
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    for id in ids {
        let order = json!({ "externalId": id, "serviceOrderItem": [take_backup(&s)] });
        let placed = app.post(ORDERS, &order).await.expect(201);
        app.run().await;
        assert_eq!(app.show(&placed).await["state"], "completed");
    }
    for bad in ["", "line\nbreak", &"x".repeat(256)] {
        let order = json!({ "externalId": bad, "serviceOrderItem": [take_backup(&s)] });
        app.post(ORDERS, &order).await.expect(400);
    }
    for r in [CSV, ASN1] {
        let records = app.records(r).await;
        let told: Vec<_> = records[1..].iter().map(|r| r["externalOrderId"].as_str().unwrap()).collect();
        assert_eq!(told, ids, "{r}");
    }
    let text = String::from_utf8(octets(&files(&app, CSV, false).await[0])).unwrap();
    assert!(text.contains(r#","say ""hello"", twice""#), "{text}");
}

#[tokio::test]
async fn failures_are_told_where_they_are_wanted() {
    for wanted in [false, true] {
        let app = TestApp::with(|c| {
            c.sdr.failures = wanted;
            c.jobs.attempts = 1;
        })
        .await;
        app.customer("C1").await;
        let s = app.provision("C1", CRM, "team", Some("1.1")).await;
        let fails = async |role: &str, items: Value| {
            app.faults(json!({ "rules": [{ "operation": role, "nth": 1, "effect": "fail" }] }));
            let done = app.order(items).await;
            assert!(done["state"] == "failed" || done["state"] == "partial", "{done:#}");
        };
        fails("backup", json!([take_backup(&s)])).await;
        fails("upgrade", json!([modify(&s, &[("version", "2.0")])])).await;
        fails("downgrade", json!([modify(&s, &[("version", "1.0")])])).await;
        fails("configure", json!([modify(&s, &[("plan", "solo")])])).await;
        let second = item("second", take_backup(&s), &["modify"]);
        fails("configure", json!([modify(&s, &[("plan", "company")]), second])).await;
        fails("install", json!([provision("C1", "filenook", "home", None)])).await;
        let records = app.records(CSV).await;
        if !wanted {
            assert_eq!(records.len(), 1);
            continue;
        }
        let told: Vec<_> = records
            .iter()
            .map(|r| {
                (r["recordType"].as_str().unwrap(), r["result"].as_str().unwrap(), r["causeCode"].as_u64())
            })
            .collect();
        let expected = [
            ("installed", "success", None),
            ("backup-taken", "failure", Some(1)),
            ("upgraded", "failure", Some(1)),
            ("downgraded", "failure", Some(1)),
            ("downgraded", "failure", Some(1)),
            ("upgraded", "failure", Some(1)),
            ("backup-taken", "failure", Some(4)),
            ("installed", "failure", Some(1)),
        ];
        assert_eq!(told, expected);
        assert_eq!(app.records(ASN1).await.len(), records.len());
        check_stream(&app, ASN1, false).await;
    }
}
