//! What listeners of the inventories and of usage hear.

use serde_json::{Value, json};
use telvisor::conformance::official::Api;

use super::records::kinds;
use super::{SPECIFICATIONS, USAGES};
use crate::harness::{CRM, TestApp, modify, terminate};
use crate::notify::Ear;

/// A listener of the API that has this list.
async fn ear_of(app: &TestApp, list: &str) -> Ear {
    let (api, _) = Api::at(list).unwrap();
    let ear = Ear::open().await.of(api.name, api.version);
    let mut body = json!({ "callback": ear.url });
    if api.version == 5 {
        body["@type"] = json!("Hub");
    }
    app.post(&format!("{}/hub", api.base), &body).await.expect(201);
    ear
}

/// Event types with a member of the resource, of what was heard of an id.
fn of(ear: &Ear, key: &str, id: &str, member: &str) -> Vec<(String, Value)> {
    let heard = ear.heard();
    let about = heard.iter().filter(|h| h.body["event"][key]["id"] == id);
    about.map(|h| (h.event_type().to_owned(), h.body["event"][key][member].clone())).collect()
}

#[tokio::test]
async fn the_inventories_tell_of_a_subscription_its_machine_and_its_usage() {
    let app = TestApp::new().await;
    let products = ear_of(&app, super::PRODUCTS).await;
    let services = ear_of(&app, super::SERVICES).await;
    let resources = ear_of(&app, super::RESOURCES).await;
    let usages = ear_of(&app, USAGES).await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.done(modify(&s, &[("plan", "team")])).await;
    let machine = app.service(&s).await["supportingResource"][0]["id"].as_str().unwrap().to_owned();
    app.done(terminate(&s)).await;
    app.notify_all().await;
    let named = |key: &str, id: &str, member: &str| -> Vec<String> {
        let ear = match key {
            "product" => &products,
            "service" => &services,
            _ => &resources,
        };
        let list = of(ear, key, id, member);
        list.into_iter().map(|(kind, value)| format!("{kind} {}", value.as_str().unwrap_or("-"))).collect()
    };
    assert_eq!(
        named("product", &s, "status"),
        [
            "ProductCreateEvent pendingActive",
            "ProductStateChangeEvent active",
            "ProductAttributeValueChangeEvent active",
            "ProductStateChangeEvent pendingTerminate",
            "ProductStateChangeEvent terminated",
        ]
    );
    assert_eq!(
        named("product", "C1", "status"),
        ["ProductCreateEvent pendingActive", "ProductStateChangeEvent active"]
    );
    assert_eq!(
        named("service", "C1", "state"),
        ["ServiceCreateEvent reserved", "ServiceStateChangeEvent active"]
    );
    assert_eq!(named("service", &s, "state").last().unwrap(), "ServiceStateChangeEvent terminated");
    assert_eq!(
        named("resource", &machine, "resourceStatus").iter().filter(|e| e.contains("StateChange")).count(),
        2
    );
    assert_eq!(named("service", &machine, "category")[0], "ServiceCreateEvent RFS");
    let usage = app.get(USAGES).await.expect(200);
    for one in usage.as_array().unwrap() {
        let told = of(&usages, "usage", one["id"].as_str().unwrap(), "usageCharacteristic");
        assert_eq!(told, [("UsageCreateEvent".to_owned(), one["usageCharacteristic"].clone())]);
    }
}

#[tokio::test]
async fn entries_are_heard_of() {
    for (list, body, member, other, _) in kinds() {
        let app = TestApp::new().await;
        let ear = ear_of(&app, list).await;
        let made = app.post(list, &body).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let path = format!("{list}/{id}");
        let changed = app.patch(&path, &json!({ member: other })).await.expect(200);
        app.delete(&path).await.expect(204);
        app.notify_all().await;
        let key = list.rsplit_once('/').unwrap().1;
        let name = format!("{}{}", key[..1].to_uppercase(), &key[1..]);
        let change = if list == SPECIFICATIONS { "AttributeValueChange" } else { "StateChange" };
        let heard = ear.heard();
        let heard: Vec<_> =
            heard.iter().map(|h| (h.event_type().to_owned(), h.body["event"][key].clone())).collect();
        let wanted = [("Create", &made), (change, &changed), ("Delete", &changed)];
        assert_eq!(heard.len(), 3, "{list}");
        for ((kind, shown), (wanted, as_was)) in heard.iter().zip(wanted) {
            assert_eq!(*kind, format!("{name}{wanted}Event"));
            assert_eq!(shown["id"], as_was["id"]);
            assert_eq!(shown[member], as_was[member], "{list}: {kind}");
        }
    }
}
