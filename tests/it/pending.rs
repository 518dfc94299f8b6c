//! An order that waits for information: `required = "before-start"`.

use std::path::Path;

use serde_json::json;

use crate::harness::{ORDERS, TestApp, copy_package, create, provision, terminate};

/// A catalogue of one application that must know a domain before it starts.
pub fn catalogue(folder: &Path) {
    copy_package("kinfolk", folder);
    let manifest = folder.join("kinfolk/manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let more = "\n[[characteristic]]\nname = \"domain\"\nkind = \"string\"\nrequired = \"before-start\"\n\
                description = \"name under which it is reached\"\n";
    std::fs::write(&manifest, text + more).unwrap();
}

#[tokio::test]
async fn an_order_waits_for_information_and_goes_on_when_it_is_supplied() {
    let apps = tempfile::tempdir().unwrap();
    catalogue(apps.path());
    let app = TestApp::with(|c| c.catalogue.apps = apps.path().to_owned()).await;
    app.customer("C1").await;
    let waiting = app.order(json!([provision("C1", "kinfolk", "solo", None)])).await;
    assert_eq!(waiting["state"], "pending", "{waiting:#}");
    assert_eq!(waiting["serviceOrderItem"][0]["state"], "pending");
    assert!(waiting["note"][0]["text"].as_str().unwrap().contains("domain"), "{waiting:#}");
    let id = waiting["serviceOrderItem"][0]["service"]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.service(&id).await["state"], "reserved");

    // An order on the customer waits behind it.
    let last = app.post(ORDERS, &json!({ "serviceOrderItem": [terminate("C1")] })).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&last).await["state"], "acknowledged");

    let path = format!("{ORDERS}/{}", waiting["id"].as_str().unwrap());
    let supply = |value: serde_json::Value| {
        json!({ "serviceOrderItem": [{
            "id": "provision", "service": { "serviceCharacteristic": [{ "name": "domain", "value": value }] },
        }] })
    };
    let wrong = app.patch(&path, &supply(json!({}))).await.expect(400);
    let path_of_it = "serviceOrderItem[0].service.serviceCharacteristic[0].value";
    assert!(wrong["message"].as_str().unwrap().starts_with(path_of_it), "{wrong}");
    app.patch(&path, &supply(json!("crm.example"))).await.expect(200);
    app.run().await;
    // It took a new place, behind the termination: its precondition is lost.
    assert_eq!(app.show(&last).await["state"], "completed");
    let failed = app.show(&waiting).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(app.service(&id).await["state"], "terminated");
    assert!(app.machines().is_empty());
}

#[tokio::test]
async fn supplied_information_reaches_the_subscription() {
    let apps = tempfile::tempdir().unwrap();
    catalogue(apps.path());
    let app = TestApp::with(|c| c.catalogue.apps = apps.path().to_owned()).await;
    let waiting = app.order(json!([create("C1"), provision("C1", "kinfolk", "solo", None)])).await;
    assert_eq!(waiting["state"], "pending", "{waiting:#}");
    let path = format!("{ORDERS}/{}", waiting["id"].as_str().unwrap());
    let supply = json!({ "serviceOrderItem": [{
        "id": "provision", "service": { "serviceCharacteristic": [{ "name": "domain", "value": "crm.example" }] },
    }] });
    app.patch(&path, &supply).await.expect(200);
    app.run().await;
    let done = app.show(&waiting).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let id = done["serviceOrderItem"][1]["service"]["id"].as_str().unwrap();
    let list = app.service(id).await["serviceCharacteristic"].clone();
    assert!(
        list.as_array().unwrap().iter().any(|c| c["name"] == "domain" && c["value"] == "crm.example"),
        "{list}"
    );
}
