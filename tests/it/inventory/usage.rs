//! TMF635: the journal as usage.

use serde_json::{Value, json};

use super::{SPECIFICATIONS, USAGES, ids, total, value, walk};
use crate::harness::{CRM, TestApp, modify, restore};

#[tokio::test]
async fn each_record_is_one_usage() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    app.done(modify(&s, &[("plan", "team"), ("version", "1.1")])).await;
    let backup = app.back_up(&s).await;
    app.done(restore(&s, &backup)).await;
    let list = app.get(USAGES).await;
    assert_eq!(total(&list), 5);
    let list = list.expect(200);
    let types: Vec<_> = list.as_array().unwrap().iter().map(|u| u["usageType"].as_str().unwrap()).collect();
    // Newest first; the two records of one item were written at one time.
    assert_eq!(types, ["backup-restored", "backup-taken", "upgraded", "upgraded", "installed"]);
    let mut records = app.records("mediation-csv").await;
    let by_id = |id: &Value| records.iter().find(|r| r["recordId"] == *id).cloned();
    for usage in list.as_array().unwrap() {
        let record = by_id(&usage["id"]).unwrap_or_else(|| panic!("no record {usage:#}"));
        let has = |name: &str| value(usage, "usageCharacteristic", name).clone();
        assert_eq!(usage["usageType"], record["recordType"]);
        assert_eq!(usage["usageSpecification"]["id"], record["recordType"]);
        assert_eq!(usage["relatedParty"][0]["id"], record["subscriberId"]);
        assert_eq!(usage["status"], "received");
        for (name, column) in [
            ("type", "recordType"),
            ("application", "applicationId"),
            ("version", "applicationVersion"),
            ("previousVersion", "previousVersion"),
            ("plan", "planId"),
            ("previousPlan", "previousPlanId"),
            ("subscription", "instanceId"),
            ("durationSeconds", "durationSeconds"),
            ("volumeOctets", "volumeOctets"),
            ("backup", "backupId"),
            ("order", "orderId"),
            ("result", "result"),
        ] {
            assert_eq!(has(name), record[column], "{name} of {usage:#}");
        }
        let one = app.get(&format!("{USAGES}/{}", usage["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(&one, usage);
    }
    records.clear();
    assert_eq!(walk(&app, USAGES, 2).await, ids(&list), "pages go by record time and id");
}

#[tokio::test]
async fn usage_is_filtered() {
    let app = TestApp::new().await;
    for customer in ["C1", "C2"] {
        app.customer(customer).await;
        app.provision(customer, CRM, "solo", None).await;
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let all = app.get(USAGES).await.expect(200);
    let (newer, older) = (all[0]["usageDate"].as_str().unwrap(), all[1]["usageDate"].as_str().unwrap());
    for (query, wanted) in [
        ("usageType=installed".to_owned(), 2),
        ("usageType=upgraded".to_owned(), 0),
        ("usageSpecification.id=installed&relatedParty.id=C1".to_owned(), 1),
        ("status=received".to_owned(), 2),
        ("status=billed".to_owned(), 0),
        (format!("usageDate={newer}"), 1),
        (format!("usageDate.gt={older}"), 1),
        (format!("usageDate.gte={older}&usageDate.lt={newer}"), 1),
        (format!("id={}", all[1]["id"].as_str().unwrap()), 1),
    ] {
        let found = app.get(&format!("{USAGES}?{query}")).await;
        assert_eq!(total(&found), wanted, "{query}");
        assert_eq!(ids(&found.expect(200)).len(), wanted, "{query}");
    }
    let sorted = app.get(&format!("{USAGES}?sort=usageDate")).await.expect(200);
    assert_eq!(sorted[0]["usageDate"], older);
    app.get(&format!("{USAGES}?colour=red")).await.expect(400);
}

#[tokio::test]
async fn the_six_kinds_of_records_are_specifications() {
    let app = TestApp::new().await;
    let list = app.get(SPECIFICATIONS).await.expect(200);
    let kinds =
        ["installed", "upgraded", "downgraded", "backup-taken", "backup-downloaded", "backup-restored"];
    assert_eq!(ids(&list), kinds);
    for kind in kinds {
        let one = app.get(&format!("{SPECIFICATIONS}/{kind}")).await.expect(200);
        let names: Vec<_> =
            one["specCharacteristic"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
        assert_eq!(names.contains(&json!("volumeOctets")), kind.starts_with("backup"), "{kind}");
        assert_eq!(names.contains(&json!("previousVersion")), kind.ends_with("graded"), "{kind}");
    }
    app.post(SPECIFICATIONS, &json!({ "name": "Voice" })).await.expect(201);
    let list = app.get(&format!("{SPECIFICATIONS}?limit=2&offset=5")).await;
    assert_eq!(total(&list), 7);
    assert_eq!(list.expect(200)[1]["name"], "Voice");
    assert_eq!(
        ids(&app.get(&format!("{SPECIFICATIONS}?name=Backup%20taken")).await.expect(200)),
        ["backup-taken"]
    );
}
