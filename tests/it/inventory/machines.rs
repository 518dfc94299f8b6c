//! TMF639: machines as logical resources, in both versions.

use serde_json::json;

use super::{RESOURCES, RESOURCES_V5, asked_by_state, ids, value, walk};
use crate::harness::{CRM, TestApp, modify, set_state, terminate};

const STATUSES: [&str; 4] = ["reserved", "available", "suspended", "unknown"];

#[tokio::test]
async fn a_machine_shows_its_states_and_size() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let machine = app.service(&s).await["supportingResource"][0]["id"].as_str().unwrap().to_owned();
    let states = async |wanted: [&str; 4]| {
        for list in [RESOURCES, RESOURCES_V5] {
            let shown = app.get(&format!("{list}/{machine}")).await.expect(200);
            let members = ["resourceStatus", "administrativeState", "operationalState", "usageState"];
            for (member, wanted) in members.iter().zip(wanted) {
                assert_eq!(shown[member], wanted, "{member}: {shown:#}");
            }
            asked_by_state(&app, list, "resourceStatus", &STATUSES).await;
        }
    };
    states(["available", "unlocked", "enable", "active"]).await;
    let v4 = app.get(&format!("{RESOURCES}/{machine}")).await.expect(200);
    let v5 = app.get(&format!("{RESOURCES_V5}/{machine}")).await.expect(200);
    assert_eq!(v4["href"], format!("http://localhost:8080{RESOURCES}/{machine}"));
    assert_eq!(v5["href"], format!("http://localhost:8080{RESOURCES_V5}/{machine}"));
    for shown in [&v4, &v5] {
        assert_eq!(shown["@type"], "LogicalResource");
        assert!(shown["name"].as_str().unwrap().starts_with("tv-"), "{shown:#}");
        for (name, member) in [("vcpu", "vcpu"), ("memoryMiB", "memoryMiB"), ("diskGiB", "diskGiB")] {
            assert_eq!(value(shown, "resourceCharacteristic", name), &app.machines()[0][member], "{name}");
        }
        assert!(value(shown, "resourceCharacteristic", "host").is_string());
        assert!(shown["startOperatingDate"].is_string());
    }
    assert_eq!(v4["relatedParty"][0]["id"], "C1");
    assert_eq!(v4["relatedParty"][0]["role"], "customer");
    assert_eq!(v5["relatedParty"][0]["partyOrPartyRole"]["id"], "C1");
    assert_eq!(v5["resourceCharacteristic"][0]["@type"], "IntegerCharacteristic");
    app.done(modify(&s, &[("plan", "company")])).await;
    let grown = app.get(&format!("{RESOURCES}/{machine}")).await.expect(200);
    assert_ne!(grown["resourceCharacteristic"], v4["resourceCharacteristic"]);
    app.done(set_state("C1", "inactive")).await;
    states(["suspended", "locked", "enable", "idle"]).await;
    app.done(set_state("C1", "active")).await;
    app.done(terminate(&s)).await;
    states(["unknown", "shutdown", "disable", "idle"]).await;
    let gone = app.get(&format!("{RESOURCES}/{machine}")).await.expect(200);
    assert!(gone["endOperatingDate"].is_string(), "{gone:#}");
}

#[tokio::test]
async fn machines_are_filtered_and_paged() {
    let app = TestApp::new().await;
    for customer in ["C1", "C2", "C3"] {
        app.customer(customer).await;
        app.provision(customer, CRM, "solo", None).await;
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let all = walk(&app, RESOURCES, 2).await;
    assert_eq!(all.len(), 3);
    assert_eq!(walk(&app, RESOURCES_V5, 1).await, all);
    let first = app.get(&format!("{RESOURCES}/{}", all[0])).await.expect(200);
    for query in [
        format!("name={}", first["name"].as_str().unwrap()),
        "relatedParty.id=C3".to_owned(),
        "relatedParty.partyOrPartyRole.id=C3".to_owned(),
        format!("id={}", all[0]),
    ] {
        assert_eq!(ids(&app.get(&format!("{RESOURCES}?{query}")).await.expect(200)), all[..1], "{query}");
    }
    assert_eq!(walk(&app, &format!("{RESOURCES}?category=machine&resourceStatus=available"), 2).await, all);
    app.get(&format!("{RESOURCES_V5}/nothing")).await.expect(404);
}

/// One entry, whichever version wrote it.
#[tokio::test]
async fn a_record_is_shown_in_both_versions() {
    let app = TestApp::new().await;
    let given = json!({
        "name": "Router 7", "resourceStatus": "available",
        "relatedParty": [{ "id": "C9", "role": "owner", "@referredType": "Individual" }],
        "resourceCharacteristic": [{ "name": "ports", "value": 8 }],
    });
    let v4 = app.post(RESOURCES, &given).await.expect(201);
    let id = v4["id"].as_str().unwrap();
    let v5 = app.get(&format!("{RESOURCES_V5}/{id}")).await.expect(200);
    assert_eq!(v5["relatedParty"][0]["partyOrPartyRole"]["id"], "C9");
    assert_eq!(v5["resourceCharacteristic"][0]["@type"], "IntegerCharacteristic");
    assert_eq!(value(&v5, "resourceCharacteristic", "recordOnly"), &json!(true));

    let given = json!({
        "@type": "LogicalResource", "name": "0171 1", "value": "01711", "resourceStatus": "planned",
        "validFor": { "startDateTime": "2026-01-01T00:00:00Z" },
    });
    let v5 = app.post(RESOURCES_V5, &given).await.expect(201);
    let id = v5["id"].as_str().unwrap();
    let v4 = app.get(&format!("{RESOURCES}/{id}")).await.expect(200);
    assert_eq!((v4["resourceStatus"].as_str(), v4.get("validFor")), (Some("reserved"), None));
    // What v4 does not show, it does not lose.
    app.patch(&format!("{RESOURCES}/{id}"), &json!({ "description": "d" })).await.expect(200);
    let v5 = app.get(&format!("{RESOURCES_V5}/{id}")).await.expect(200);
    assert_eq!((&v5["description"], &v5["resourceStatus"]), (&json!("d"), &json!("planned")));
    assert_eq!(v5["validFor"], given["validFor"]);
    let refused = app.post(RESOURCES_V5, &json!({ "name": "n" })).await.expect(400);
    assert_eq!(refused["message"], "@type: is missing");
}
