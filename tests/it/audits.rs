//! Who did what: every change has its row in the audit, with what an auditor asks for next.

use serde_json::{Value, json};
use telvisor::apps::catalogue::import;
use telvisor::config::OnFailure;
use telvisor::store::audit::AuditRow;

use crate::harness::{CANCELS, CRM, TestApp, copy_package, create, modify, provision, service_id};
use crate::probe::{fallout, read};

async fn audited(app: &TestApp, object: &str) -> Vec<AuditRow> {
    read(app).await.audited(object).await.unwrap()
}

/// The actions on an object, each with its detail.
async fn deeds(app: &TestApp, object: &str) -> Vec<(String, Value)> {
    let rows = audited(app, object).await;
    rows.into_iter().map(|r| (r.action, r.detail.map_or(Value::Null, |d| d.0))).collect()
}

#[tokio::test]
async fn packages_are_published_withdrawn_and_offered_again_in_the_audit() {
    let app = TestApp::new().await;
    let rows = audited(&app, "kinfolk 2.0").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (rows[0].action.as_str(), rows[0].principal.as_str(), rows[0].door.as_str()),
        ("package.publish", "system", "system")
    );
    assert_eq!(rows[0].detail.as_ref().unwrap()["digest"].as_str().unwrap().len(), 64);

    let apps = tempfile::tempdir().unwrap();
    for application in ["filenook", "kinfolk", "ledgerwell", "stallfront", "yardmaster"] {
        copy_package(application, apps.path());
    }
    let again = async || {
        import(&app.engine().db, apps.path()).await.unwrap();
        (deeds(&app, "kinfolk 1.1").await.split_off(1), deeds(&app, "kinfolk 2.0").await.split_off(1))
    };
    assert_eq!(again().await, (vec![], vec![]), "nothing new, nothing written");
    let gone = ("package.withdraw".to_owned(), json!({ "reason": "its package is gone" }));
    let back = ("package.offer".to_owned(), json!({ "reason": "the manifest has it again" }));
    let left = ("package.withdraw".to_owned(), json!({ "reason": "it left the manifest" }));
    std::fs::remove_dir_all(apps.path().join(CRM)).unwrap();
    assert_eq!(again().await, (vec![gone.clone()], vec![gone.clone()]));
    assert_eq!(again().await, (vec![gone.clone()], vec![gone.clone()]));

    // Back without its newest version, then whole, then without it again.
    let to = apps.path().join(CRM);
    let lose_newest = || {
        copy_package(CRM, apps.path());
        let manifest = std::fs::read_to_string(to.join("manifest.toml")).unwrap();
        std::fs::write(to.join("manifest.toml"), manifest.rsplit_once("[[version]]").unwrap().0).unwrap();
        std::fs::remove_dir_all(to.join("versions/2.0")).unwrap();
    };
    lose_newest();
    assert_eq!(again().await, (vec![gone.clone(), back.clone()], vec![gone.clone()]));
    copy_package(CRM, apps.path());
    assert_eq!(again().await.1, [gone.clone(), back.clone()]);
    lose_newest();
    assert_eq!(again().await, (vec![gone.clone(), back.clone()], vec![gone, back, left]));
}

#[tokio::test]
async fn what_an_operator_decides_is_in_the_audit() {
    let app = TestApp::with(|c| c.jobs.on_failure = OnFailure::Hold).await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "fail" }] }));
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    let job = fallout(&app, &order).await.remove(0);
    let id = job["id"].as_str().unwrap();
    let mut expected = vec![];
    for (decision, reason) in [("retry", Some("the disk was changed")), ("abandon", None)] {
        let body = reason.map_or(json!({}), |r| json!({ "reason": r }));
        app.post(&format!("/api/v1/fallout/{id}/{decision}"), &body).await.expect(202);
        app.run().await;
        let detail =
            json!({ "order": order["id"], "item": "provision", "job": job["title"], "reason": reason });
        expected.push((format!("fallout.{decision}"), detail));
    }
    assert_eq!(deeds(&app, id).await, expected);
    // A decision that is refused did nothing.
    app.post(&format!("/api/v1/fallout/{id}/retry"), &json!({})).await.expect(409);
    assert_eq!(deeds(&app, id).await.len(), 2);
}

#[tokio::test]
async fn links_cancels_and_seals_are_in_the_audit() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.order(json!([modify(&s, &[("operation", "backup")])])).await;
    let backups = app.get(&format!("/api/v1/subscriptions/{s}/backups")).await.expect(200);
    let backup = backups[0]["id"].as_str().unwrap();
    let link = app.post(&format!("/api/v1/backups/{backup}/download-links"), &json!({})).await.expect(201);
    let rows = deeds(&app, backup).await;
    assert_eq!(rows.len(), 1);
    let (action, detail) = &rows[0];
    assert_eq!(action, "backup.link");
    assert_eq!((&detail["customer"], &detail["expiresAt"]), (&json!("C1"), &link["expiresAt"]));
    assert!(link["url"].as_str().unwrap().contains(detail["link"].as_str().unwrap()), "{detail}");

    let order = app.place(json!([create("C2"), provision("C2", CRM, "solo", None)])).await;
    assert_eq!(service_id(&order, 0), "C2");
    let ask = json!({ "serviceOrder": { "id": order["id"] }, "cancellationReason": "ordered twice" });
    let task = app.post(CANCELS, &ask).await.expect(201);
    let rows = deeds(&app, order["id"].as_str().unwrap()).await;
    let actions: Vec<_> = rows.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["order.accept", "order.cancel"]);
    let detail = json!({ "task": task["id"], "state": task["state"], "reason": "ordered twice" });
    assert_eq!(rows[1].1, detail);

    let sealed = app.post("/api/v1/sdr/seal", &json!({})).await.expect(200);
    let rows = deeds(&app, "all recipients").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1["files"].as_array().unwrap().len(), sealed["files"].as_array().unwrap().len());
}
