//! The audit balances to zero, and says where it does not.

use serde_json::{Value, json};
use telvisor::config::{Ack, Recipient};
use telvisor::mediation::audit::Auditor;
use telvisor::mediation::seal::Cut;
use telvisor_sdr::RecordType;

use super::{customers, cut, journal, only, recipient};
use crate::harness::{CRM, TestApp, take_backup};

const AUDIT: &str = "/api/v1/sdr/audit";

async fn periods(app: &TestApp, recipient: &str) -> (bool, Vec<Value>) {
    let told = app.get(&format!("{AUDIT}?recipient={recipient}&periods=3")).await.expect(200);
    (told["balances"].as_bool().unwrap(), told["periods"].as_array().unwrap().clone())
}

/// events, open, written, delivered, acknowledged, difference
fn counts(c: &Value) -> [i64; 6] {
    ["events", "open", "written", "delivered", "acknowledged", "difference"].map(|n| c[n].as_i64().unwrap())
}

#[tokio::test]
async fn each_period_and_type_balances_from_journal_to_acknowledgement() {
    let backups = Recipient { types: vec![RecordType::BackupTaken], ..recipient("backups", "day") };
    let waits = Recipient { ack: Ack::File, ..recipient("waits", "day") };
    let app = TestApp::with(only(vec![recipient("all", "day"), backups, waits])).await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    app.done(take_backup(&crm)).await;
    app.done(take_backup(&crm)).await;
    cut(&app, Cut::Manual).await;
    app.done(take_backup(&crm)).await;
    let (balances, list) = periods(&app, "all").await;
    assert!(balances);
    assert_eq!(list.len(), 1, "nothing was before the recipient");
    assert_eq!(counts(&list[0]["total"]), [4, 1, 3, 3, 3, 0]);
    assert_eq!(list[0]["closed"], false);
    app.goto("2026-11-24T00:00:00Z");
    cut(&app, Cut::Period).await;
    app.done(take_backup(&crm)).await;
    for (name, installed, acknowledged) in [("all", 1, 4), ("backups", 0, 3), ("waits", 1, 0)] {
        let (balances, list) = periods(&app, name).await;
        assert!(balances, "{list:#?}");
        let [today, monday] = &list[..] else { panic!("{list:#?}") };
        assert_eq!((&monday["closed"], &monday["files"]), (&json!(true), &json!(2)));
        assert_eq!(
            (&monday["firstFile"], &monday["lastFile"], &monday["firstNumber"]),
            (&json!(1), &json!(2), &json!(1))
        );
        let sum = installed + 3;
        assert_eq!(counts(&monday["total"]), [sum, 0, sum, sum, acknowledged, 0], "{name}");
        assert_eq!(monday["types"]["backup-taken"]["written"], 3);
        assert_eq!(monday["types"]["installed"].is_null(), installed == 0, "{name}");
        assert_eq!(counts(&today["total"]), [1, 1, 0, 0, 0, 0]);
    }
    // Test customers are counted apart, and the CSV says the same.
    let csv = app.request(axum::http::Method::GET, AUDIT, &[("accept", "text/csv")], None).await;
    let text = String::from_utf8(csv.octets).unwrap();
    let rows: Vec<Vec<&str>> = text.trim_end().split("\r\n").map(|r| r.split(',').collect()).collect();
    assert!(rows.iter().all(|r| r.len() == rows[0].len()), "{text}");
    let monday = "all,default,LIVE,2026-11-23T00:00:00Z,2026-11-24T00:00:00Z,true";
    assert!(text.contains(&format!("{monday},backup-taken,,,,,,,3,0,3,3,3,0,0\r\n")), "{text}");
    assert!(text.contains(&format!("{monday},all,2,1,2,1,4,")), "{text}");
}

#[tokio::test]
async fn what_is_missing_or_too_much_is_found_and_told() {
    let app = TestApp::with(only(vec![recipient("r", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["a", "b", "c"]).await;
    app.goto("2026-11-24T00:00:00Z");
    cut(&app, Cut::Period).await;
    // A record that is in no file of a closed period.
    app.sql(
        "INSERT INTO sdr (tenant, record_id, cause, subject, test, type, body, event_time, record_time)
             SELECT tenant, subject, 'planted', subject, test, type, body, event_time, record_time FROM sdr
             WHERE cause = 'a'",
    )
    .await;
    let (balances, list) = periods(&app, "r").await;
    assert!(!balances);
    assert_eq!(counts(&list[1]["types"]["installed"]), [4, 0, 3, 3, 3, 1], "{list:#?}");
    Auditor::default().round(app.engine()).await.unwrap();
    let metrics = String::from_utf8(app.get("/metrics").await.octets).unwrap();
    assert!(metrics.contains("telvisor_sdr_audit_difference{"), "{metrics}");
    app.sql("DELETE FROM sdr WHERE cause = 'planted'").await;
    assert!(periods(&app, "r").await.0);
    // A number that the manifest does not know of.
    app.sql("UPDATE sdr_files SET records = 2").await;
    let (balances, list) = periods(&app, "r").await;
    assert!(!balances && list[1]["trouble"][0].as_str().unwrap().contains("3 are numbered"), "{list:#?}");
    app.sql("UPDATE sdr_files SET records = 3; DELETE FROM sdr_numbers WHERE number = 2").await;
    let (balances, list) = periods(&app, "r").await;
    assert!(!balances);
    // One that is lost from its file, and waits for ever.
    assert_eq!(list[1]["total"]["difference"], 2, "{list:#?}");
}

#[tokio::test]
async fn a_change_of_filters_leaves_the_past_as_it_was() {
    let app = TestApp::with(only(vec![recipient("r", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    cut(&app, Cut::Manual).await;
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let none = |c: &mut telvisor::config::Config| {
        c.mediation.recipient[0].types = vec![RecordType::BackupTaken];
    };
    let app = app.restart_with(none).await;
    journal(&app, "C1", &["b"]).await;
    app.goto("2026-11-24T00:00:00Z");
    cut(&app, Cut::Period).await;
    // b is none of this filter's, a was one of the other.
    let (balances, list) = periods(&app, "r").await;
    assert!(balances, "{list:#?}");
    assert_eq!(counts(&list[1]["total"]), [1, 0, 1, 1, 1, 0]);
    // Wider again: b was passed over, rightly.
    let app = app.restart_with(|c| c.mediation.recipient[0].types.clear()).await;
    journal(&app, "C1", &["c"]).await;
    let (balances, list) = periods(&app, "r").await;
    assert!(balances, "{list:#?}");
    assert_eq!(counts(&list[0]["total"]), [1, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_parameter_that_cannot_be_asked_is_named() {
    let app = TestApp::new().await;
    for (query, word) in [("periods=0", "periods"), ("until=monday", "until"), ("colour=red", "colour")] {
        let told = app.get(&format!("{AUDIT}?{query}")).await.expect(400);
        assert!(told["message"].as_str().unwrap().contains(word), "{told:#}");
    }
}

#[tokio::test]
async fn a_recipient_gets_an_account_of_each_closed_period() {
    let told = Recipient { reconciliation: true, ..recipient("told", "day") };
    let app = TestApp::with(only(vec![told, recipient("untold", "day")])).await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    cut(&app, Cut::Manual).await;
    app.done(take_backup(&crm)).await;
    app.done(take_backup(&crm)).await;
    // Nothing is told before the day is over; an empty day is told, too.
    let folder = app.data().join("sdr/told/audit");
    assert!(!folder.exists());
    app.goto("2026-11-25T00:00:00Z");
    cut(&app, Cut::Period).await;
    let there = crate::harness::files_below(&folder);
    let names: Vec<_> = there.keys().map(String::as_str).collect();
    assert_eq!(names, ["telvisor_-_20261123_-_0000+0000.audit", "telvisor_-_20261124_-_0000+0000.audit"]);
    let text = String::from_utf8(there[names[0]].clone()).unwrap();
    let rows: Vec<Vec<&str>> = text.trim_end().split("\r\n").map(|r| r.split(',').collect()).collect();
    assert!(rows.iter().all(|r| r.len() == 9), "{text}");
    assert_eq!(
        rows[0],
        [
            "A",
            "SDR-AUDIT",
            "1.0",
            "telvisor",
            "told",
            "default",
            "LIVE",
            "2026-11-23T00:00:00+00:00",
            "2026-11-24T00:00:00+00:00"
        ]
    );
    let list = super::check_stream(&app, "told", false).await;
    for (row, f) in rows[1..3].iter().zip(&list) {
        let text = |name: &str| f[name].as_str().unwrap().to_owned();
        let number = |name: &str| f[name].to_string();
        let expected = [
            "F".into(),
            number("fileSeq"),
            "1".into(),
            text("name"),
            number("records"),
            number("firstNumber"),
            number("lastNumber"),
            number("bytes"),
            text("sha256"),
        ];
        assert_eq!(row[..], expected);
    }
    assert_eq!(rows[3][..4], ["S", "1001", "installed", "1"]);
    assert_eq!(rows[6][..4], ["S", "1004", "backup-taken", "2"]);
    assert_eq!(rows[9][..3], ["T", "2", "3"]);
    // The same over the API, for every recipient.
    let again = app.get("/api/v1/sdr/audit/told?at=2026-11-23T12:00:00Z").await;
    assert_eq!(String::from_utf8(again.octets).unwrap(), text);
    let other = app.get("/api/v1/sdr/audit/untold?at=2026-11-23T12:00:00Z").await;
    assert_eq!(String::from_utf8(other.octets).unwrap().matches("\r\nF,").count(), 2);
    let last = String::from_utf8(app.get("/api/v1/sdr/audit/told").await.octets).unwrap();
    assert_eq!(last, String::from_utf8(there[names[1]].clone()).unwrap(), "the last that has ended");
    app.get("/api/v1/sdr/audit/nobody").await.expect(404);
    app.get("/api/v1/sdr/audit/told?at=monday").await.expect(400);
    assert!(!app.data().join("sdr/untold/audit").exists());
}
