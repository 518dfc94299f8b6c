//! Packages as they are published, changed and withdrawn, seen at the doors.

use serde_json::json;
use telvisor::apps::catalogue::{ImportError, import};
use tempfile::TempDir;

use crate::harness::{CRM, ORDERS, SPECS, TestApp, characteristic, copy_package, create, modify, provision};

/// A folder with the CRM's package in it, which a test may change.
fn packages() -> TempDir {
    let folder = TempDir::new().unwrap();
    copy_package(CRM, folder.path());
    folder
}

fn change_manifest(packages: &TempDir, change: impl FnOnce(&str) -> String) {
    let path = packages.path().join(CRM).join("manifest.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the manifest is changed");
    std::fs::write(path, after).unwrap();
}

/// The manifest without the version's table.
fn without(manifest: &str, version: &str) -> String {
    let tables = manifest.split("[[version]]");
    let kept: Vec<&str> = tables.filter(|t| !t.starts_with(&format!("\nid = \"{version}\""))).collect();
    kept.join("[[version]]")
}

async fn imported(app: &TestApp, packages: &TempDir) -> Result<usize, ImportError> {
    let count = import(&app.engine().db, packages.path()).await;
    app.engine().catalogue.load(&app.engine().db).await.unwrap();
    count
}

async fn with(packages: &TempDir) -> TestApp {
    let app = TestApp::with(|c| c.catalogue.apps = packages.path().to_owned()).await;
    app.customer("C1").await;
    app
}

/// The versions of the CRM that TMF633 offers.
async fn offered(app: &TestApp) -> Vec<String> {
    let spec = app.get(&format!("{SPECS}/{CRM}")).await.expect(200);
    let list = spec["specCharacteristic"].as_array().unwrap();
    let versions = list.iter().find(|c| c["name"] == "version").unwrap();
    let values = versions["characteristicValueSpecification"].as_array().unwrap();
    values.iter().map(|v| v["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_published_version_never_changes() {
    let packages = packages();
    let app = with(&packages).await;
    assert_eq!(imported(&app, &packages).await.unwrap(), 1, "the same once more is nothing new");
    let script = packages.path().join(CRM).join("scripts/install.sh");
    let text = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, format!("{text}\n# other\n")).unwrap();
    let refused = imported(&app, &packages).await.unwrap_err().to_string();
    assert!(refused.starts_with("kinfolk 1.0 was published with other content"), "{refused}");
    assert!(refused.ends_with("give the new content a new version"), "{refused}");
    // What was published goes on as it was.
    app.provision("C1", CRM, "solo", Some("1.0")).await;
}

#[tokio::test]
async fn a_withdrawn_version_serves_its_subscriptions_and_cannot_be_ordered() {
    let packages = packages();
    let app = with(&packages).await;
    let s = app.provision("C1", CRM, "solo", Some("1.1")).await;
    change_manifest(&packages, |m| m.replace("id = \"1.1\"\n", "id = \"1.1\"\nwithdrawn = true\n"));
    imported(&app, &packages).await.unwrap();
    assert_eq!(offered(&app).await, ["1.0", "2.0"]);
    app.customer("C2").await;
    let order = json!({ "serviceOrderItem": [provision("C2", CRM, "solo", Some("1.1"))] });
    let refused = app.post(ORDERS, &order).await.expect(400);
    assert!(refused["message"].as_str().unwrap().contains("1.1"), "{refused}");
    // A change of plan at the version that it has, a backup, and a way out of it.
    for change in [&[("plan", "team")], &[("operation", "backup")], &[("version", "2.0")]] {
        let done = app.order(json!([modify(&s, change)])).await;
        assert_eq!(done["state"], "completed", "{done:#}");
    }
    let back = json!({ "serviceOrderItem": [modify(&s, &[("version", "1.1")])] });
    app.post(ORDERS, &back).await.expect(400);
    assert_eq!(characteristic(&app.service(&s).await, "version").as_deref(), Some("2.0"));
}

#[tokio::test]
async fn versions_keep_their_rank_when_one_leaves_the_manifest() {
    let packages = packages();
    let app = with(&packages).await;
    let newest = app.provision("C1", CRM, "solo", Some("2.0")).await;
    change_manifest(&packages, |m| without(m, "2.0"));
    std::fs::remove_dir_all(packages.path().join(CRM).join("versions/2.0")).unwrap();
    imported(&app, &packages).await.unwrap();
    assert_eq!(offered(&app).await, ["1.0", "1.1"]);
    let done = app.order(json!([modify(&newest, &[("version", "1.1")])])).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let records = app.records("mediation-csv").await;
    let types: Vec<_> = records.iter().map(|r| r["recordType"].as_str().unwrap_or_default()).collect();
    assert_eq!(types, ["installed", "downgraded"], "{records:#?}");
}

#[tokio::test]
async fn an_application_whose_folder_is_gone_cannot_be_ordered() {
    let packages = packages();
    let app = with(&packages).await;
    let s = app.provision("C1", CRM, "solo", None).await;
    std::fs::remove_dir_all(packages.path().join(CRM)).unwrap();
    assert_eq!(imported(&app, &packages).await.unwrap(), 0);
    let order = json!({ "serviceOrderItem": [create("C2"), provision("C2", CRM, "solo", None)] });
    app.post(ORDERS, &order).await.expect(400);
    app.back_up(&s).await;
}

#[tokio::test]
async fn a_plan_that_subscriptions_may_have_cannot_leave_the_manifest() {
    let packages = packages();
    let app = with(&packages).await;
    change_manifest(&packages, |m| m.replace("id = \"team\"", "id = \"crew\""));
    let refused = imported(&app, &packages).await.unwrap_err().to_string();
    assert!(refused.starts_with("kinfolk: plan team is gone"), "{refused}");
}
