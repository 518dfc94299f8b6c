//! A record that was written is never changed: another one stands in its place.

use serde_json::json;
use telvisor::mediation::seal::Cut;

use super::{check_stream, customers, cut, decoded, journal, names, octets, only, recipient};
use crate::harness::TestApp;

const USAGES: &str = "/tmf-api/usageManagement/v4/usage";

fn path(record: &serde_json::Value) -> String {
    format!("/api/v1/sdr/records/{}/corrections", record.as_str().unwrap())
}

#[tokio::test]
async fn a_correction_is_a_new_record_that_names_the_old() {
    let app = TestApp::with(only(vec![recipient("a", "day"), recipient("b", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["wrong", "right"]).await;
    cut(&app, Cut::Manual).await;
    let first = check_stream(&app, "a", false).await.remove(0);
    let before = octets(&first);
    let old = decoded(&first)["records"][0].clone();
    let body = json!({ "changes": { "externalOrderId": "PO-17", "durationSeconds": 9 }, "reason": "a slip" });
    let made = app.post(&path(&old["recordId"]), &body).await.expect(201);
    assert_eq!(made["correctsRecordId"], old["recordId"]);
    // The same once more is the record that is there.
    assert_eq!(app.post(&path(&old["recordId"]), &body).await.expect(201)["recordId"], made["recordId"]);
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    for name in ["a", "b"] {
        let list = check_stream(&app, name, false).await;
        let records = decoded(&list[1])["records"].clone();
        assert_eq!(records.as_array().unwrap().len(), 1);
        let new = &records[0];
        assert_eq!((&new["recordId"], &new["correctsRecordId"]), (&made["recordId"], &old["recordId"]));
        assert_eq!((&new["externalOrderId"], &new["durationSeconds"]), (&json!("PO-17"), &json!(9)));
        for same in ["recordType", "subscriberId", "applicationId", "planId", "orderId", "eventTime"] {
            assert_eq!(new[same], old[same], "{same}");
        }
        assert_eq!(new["seq"], 3);
    }
    assert!(octets(&first) == before, "the old one stays as it is");
    // Usage shows both, and which stands in whose place.
    let shown = app.get(&format!("{USAGES}/{}", made["recordId"].as_str().unwrap())).await.expect(200);
    let corrects = shown["usageCharacteristic"].as_array().unwrap().iter().find(|c| c["name"] == "corrects");
    assert_eq!(corrects.unwrap()["value"], old["recordId"]);
    app.get(&format!("{USAGES}/{}", old["recordId"].as_str().unwrap())).await.expect(200);
}

#[tokio::test]
async fn a_correction_may_be_for_one_recipient_alone() {
    let app = TestApp::with(only(vec![recipient("a", "day"), recipient("b", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["x"]).await;
    cut(&app, Cut::Manual).await;
    let first = check_stream(&app, "a", false).await.remove(0);
    let old = decoded(&first)["records"][0]["recordId"].clone();
    let body = json!({ "recipient": "b", "changes": { "externalOrderId": "for b" } });
    let made = app.post(&path(&old), &body).await.expect(201);
    journal(&app, "C1", &["y"]).await;
    cut(&app, Cut::Manual).await;
    assert_eq!(names(&check_stream(&app, "a", false).await[1]), ["y"]);
    assert_eq!(names(&check_stream(&app, "b", false).await[1]), ["for b", "y"]);
    // What went to b alone is corrected for b alone.
    app.post(&path(&made["recordId"]), &json!({ "changes": { "externalOrderId": "b again" } }))
        .await
        .expect(201);
    assert_eq!(cut(&app, Cut::Manual).await, 1);
    assert_eq!(names(&check_stream(&app, "b", false).await[2]), ["b again"]);
}

#[tokio::test]
async fn what_no_file_could_carry_is_refused() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["x"]).await;
    let usage = app.get(USAGES).await.expect(200);
    let id = &usage[0]["id"];
    for (changes, word) in [
        (json!({ "externalOrderId": "a\nb" }), "externalOrderId"),
        (json!({ "applicationVersion": "" }), "applicationVersion"),
        (json!({ "applicationId": "=1+1" }), "applicationId"),
        (json!({ "durationSeconds": -1 }), "durationSeconds"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let told = app.post(&path(id), &json!({ "changes": changes })).await.expect(400);
        assert!(told["message"].as_str().unwrap().contains(word), "{told:#}");
    }
    app.post(&path(id), &json!({ "recipient": "nobody" })).await.expect(400);
    app.post(&path(&json!(uuid::Uuid::nil().to_string())), &json!({})).await.expect(404);
    assert_eq!(app.get(USAGES).await.expect(200).as_array().unwrap().len(), 1);
}
