//! TMF633: specifications, candidates, categories and the catalogue of what can be ordered over TMF641.

use serde_json::{Value, json};

use crate::harness::{CRM, SPECS, TestApp};

const BASE: &str = "/tmf-api/serviceCatalogManagement/v4";

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_specification_says_what_an_order_may_say() {
    let app = TestApp::new().await;
    let filenook = app.get(&format!("{SPECS}/filenook")).await.expect(200);
    let list = &filenook["specCharacteristic"];
    assert_eq!(names(list), ["plan", "version", "operation", "backupId", "shareName", "maxUploadMib"]);
    assert_eq!((&list[0]["minCardinality"], &list[1]["minCardinality"]), (&json!(1), &json!(0)));
    let versions = &list[1]["characteristicValueSpecification"];
    assert_eq!(versions[1], json!({ "value": "1.3", "valueType": "string", "isDefault": true }));
    assert_eq!(list[5]["valueType"], "integer");
    assert_eq!(list[5]["characteristicValueSpecification"][0]["value"], 64);
    let account = app.get(&format!("{SPECS}/customer-account")).await.expect(200);
    assert_eq!(names(&account["specCharacteristic"]), ["name", "email", "phone", "language", "test"]);
}

#[tokio::test]
async fn each_specification_has_a_candidate_in_a_category_of_the_catalogue() {
    let app = TestApp::new().await;
    let specs = app.get(SPECS).await.expect(200);
    let candidates = app.get(&format!("{BASE}/serviceCandidate")).await.expect(200);
    assert_eq!(names(&specs), names(&candidates));
    for candidate in candidates.as_array().unwrap() {
        assert_eq!(candidate["serviceSpecification"]["id"], candidate["id"]);
        assert_eq!(candidate["serviceSpecification"]["version"], candidate["version"]);
        let category = candidate["category"][0]["id"].as_str().unwrap();
        let category = app.get(&format!("{BASE}/serviceCategory/{category}")).await.expect(200);
        let held = category["serviceCandidate"].as_array().unwrap();
        assert!(held.iter().any(|c| c["id"] == candidate["id"]), "{category:#}");
    }
    let catalogue = app.get(&format!("{BASE}/serviceCatalog/telvisor")).await.expect(200);
    let categories = app.get(&format!("{BASE}/serviceCategory")).await.expect(200);
    assert_eq!(names(&catalogue["category"]), names(&categories));
    let found = app.get(&format!("{BASE}/serviceCandidate?serviceSpecification.id={CRM}")).await.expect(200);
    assert_eq!(found[0]["id"], CRM);
    let found = app.get(&format!("{BASE}/serviceCategory?serviceCandidate.id={CRM}&fields=name")).await;
    assert_eq!(names(&found.expect(200)), ["crm"]);
}
