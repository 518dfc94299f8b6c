//! What the inventory doors refuse, and the orders on what was only written down.

use serde_json::{Value, json};

use super::records::kinds;
use super::{PRODUCTS, RESOURCES, RESOURCES_V5, SERVICES, SPECIFICATIONS, USAGES, total};
use crate::harness::{CRM, ORDERS, TestApp, create, provision, set_state, terminate};

/// The official Create schemas, with the path of the wrong member.
#[tokio::test]
async fn a_wrong_body_is_refused_with_the_path() {
    let app = TestApp::new().await;
    let service = |member: &str, value: Value| {
        let mut body = json!({ "state": "active", "serviceSpecification": { "id": "vpn" } });
        body[member] = value;
        body
    };
    for (list, body, path) in [
        (PRODUCTS, json!({}), "status: is missing"),
        (PRODUCTS, json!([]), "the body must be"),
        (PRODUCTS, json!({ "status": "gone" }), "status: "),
        (PRODUCTS, json!({ "status": "active", "startDate": "soon" }), "startDate: "),
        (PRODUCTS, json!({ "status": "active", "isBundle": "no" }), "isBundle: "),
        (
            PRODUCTS,
            json!({ "status": "active", "relatedParty": [{ "id": "1" }] }),
            "relatedParty[0].@referredType: is missing",
        ),
        (
            PRODUCTS,
            json!({ "status": "active", "productCharacteristic": [{ "name": "a" }] }),
            "productCharacteristic[0].value: is missing",
        ),
        (PRODUCTS, json!({ "status": "active", "productOffering": {} }), "productOffering.id: is missing"),
        (PRODUCTS, json!({ "status": "active", "id": 7 }), "id: "),
        (PRODUCTS, json!({ "status": "active", "id": "a b" }), "id: "),
        (PRODUCTS, json!({ "status": "active", "id": "x".repeat(65) }), "id: "),
        (PRODUCTS, json!({ "status": "active", "name": "a\u{0}" }), "name: "),
        (SERVICES, json!({ "state": "active" }), "serviceSpecification: is missing"),
        (SERVICES, json!({ "serviceSpecification": { "id": "vpn" } }), "state: is missing"),
        (SERVICES, service("state", json!("suspended")), "state: "),
        (SERVICES, service("note", json!([{ "text": "t" }])), "note[0]."),
        (SERVICES, service("serviceSpecification", json!({})), "serviceSpecification.id: is missing"),
        (SERVICES, service("hasStarted", json!(1)), "hasStarted: "),
        (RESOURCES, json!({}), "name: is missing"),
        (RESOURCES, json!({ "name": 1 }), "name: "),
        (RESOURCES, json!({ "name": "n", "usageState": "lazy" }), "usageState: "),
        (RESOURCES_V5, json!({ "name": "n" }), "@type: is missing"),
        (
            RESOURCES_V5,
            json!({ "@type": "LogicalResource", "relatedParty": [{ "@type": "P", "role": 1 }] }),
            "relatedParty[0].role: ",
        ),
        (USAGES, json!({ "status": "lost" }), "status: "),
        (USAGES, json!({ "usageDate": 7 }), "usageDate: "),
        (
            USAGES,
            json!({ "usageCharacteristic": [{ "value": 1 }] }),
            "usageCharacteristic[0].name: is missing",
        ),
        (SPECIFICATIONS, json!({ "isBundle": "x" }), "isBundle: "),
        (SPECIFICATIONS, json!({ "specCharacteristic": {} }), "specCharacteristic: "),
    ] {
        let answer = app.post(list, &body).await.expect(400);
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(path), "{list} {body}: {message}");
    }
    for list in [PRODUCTS, SERVICES, RESOURCES, USAGES] {
        assert_eq!(total(&app.get(list).await), 0);
    }
}

#[tokio::test]
async fn a_patch_may_change_what_the_update_schema_has() {
    let app = TestApp::new().await;
    for (list, body, member, _, _) in kinds() {
        let made = app.post(list, &body).await.expect(201);
        let path = format!("{list}/{}", made["id"].as_str().unwrap());
        for (patch, start) in [
            (json!({ "id": "other" }), "id: "),
            (json!({ "href": "http://elsewhere" }), "href: "),
            (json!({ "colour": "red" }), "colour: "),
            (json!({ member: 7 }), &format!("{member}: ") as &str),
            (json!([]), "the body"),
        ] {
            let answer = app.patch(&path, &patch).await.expect(400);
            let message = answer["message"].as_str().unwrap();
            assert!(message.starts_with(start), "{list} {patch}: {message}");
        }
        assert_eq!(
            app.patch(&path, &json!({ "id": made["id"], "href": made["href"] })).await.expect(200),
            made
        );
        assert_eq!(app.get(&path).await.expect(200), made, "nothing half-done");
    }
    let service = json!({ "state": "active", "serviceSpecification": { "id": "vpn" } });
    let made = app.post(SERVICES, &service).await.expect(201);
    let path = format!("{SERVICES}/{}", made["id"].as_str().unwrap());
    let answer = app.patch(&path, &json!({ "state": null })).await.expect(400);
    assert_eq!(answer["message"], "state: is missing");
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let machine = app.service(&s).await["supportingResource"][0]["id"].as_str().unwrap().to_owned();
    let usage = app.get(USAGES).await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    for (list, body, ..) in kinds() {
        let real: &[&str] = match list {
            PRODUCTS => &["C1", &s],
            SERVICES => &["C1", &s, &machine],
            RESOURCES | RESOURCES_V5 => &[&machine],
            USAGES => &[&usage],
            _ => &["installed", "backup-taken"],
        };
        let with = |id: &str| {
            let mut body = body.clone();
            body["id"] = json!(id);
            body
        };
        // Both versions of TMF639 keep one inventory.
        let own = if list == RESOURCES_V5 { "mine-5" } else { "mine" };
        app.post(list, &with(own)).await.expect(201);
        for id in real.iter().chain([&own]) {
            let answer = app.post(list, &with(id)).await.expect(409);
            assert!(answer["message"].as_str().unwrap().starts_with("id: "), "{list} {id}: {answer}");
        }
    }
    // Nor can a customer be created under it.
    let order = app.post(ORDERS, &json!({ "serviceOrderItem": [create("mine")] })).await.expect(409);
    assert!(order["message"].as_str().unwrap().contains("record-only"), "{order}");
}

#[tokio::test]
async fn what_was_ordered_is_not_changed_here() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let machine = app.service(&s).await["supportingResource"][0]["id"].as_str().unwrap().to_owned();
    let usage = app.get(USAGES).await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    for (list, id, door) in [
        (PRODUCTS, s.as_str(), "TMF622"),
        (PRODUCTS, "C1", "TMF622"),
        (SERVICES, &s, "TMF641"),
        (SERVICES, "C1", "TMF641"),
        (SERVICES, &machine, "TMF641"),
        (RESOURCES, &machine, "TMF641"),
        (RESOURCES_V5, &machine, "TMF641"),
        (USAGES, &usage, "journal"),
        (SPECIFICATIONS, "installed", "six kinds"),
    ] {
        let path = format!("{list}/{id}");
        let before = app.get(&path).await.expect(200);
        for answer in [app.patch(&path, &json!({ "description": "x" })).await, app.delete(&path).await] {
            let answer = answer.expect(409);
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains(door), "{path}: {message}");
        }
        assert_eq!(app.get(&path).await.expect(200), before);
    }
}

#[tokio::test]
async fn nothing_can_be_ordered_on_an_entry() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let party = json!([{ "id": "C1", "role": "customer", "@referredType": "Customer" }]);
    let service = json!({
        "id": "s-1", "state": "active", "serviceSpecification": { "id": CRM }, "relatedParty": party,
    });
    app.post(SERVICES, &service).await.expect(201);
    app.post(PRODUCTS, &json!({ "id": "p-1", "status": "active", "relatedParty": party })).await.expect(201);
    for id in ["s-1", "p-1"] {
        for item in [set_state(id, "inactive"), terminate(id)] {
            for named in [json!([]), party.clone()] {
                let body = json!({ "relatedParty": named, "serviceOrderItem": [item] });
                let answer = app.post(ORDERS, &body).await.expect(400);
                let message = answer["message"].as_str().unwrap();
                assert!(message.contains("record-only"), "{message}");
                assert!(message.starts_with("serviceOrderItem[0].service"), "{message}");
            }
        }
    }
    // It is no live subscription either.
    app.done(provision("C1", CRM, "solo", None)).await;
}
