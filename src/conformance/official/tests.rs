use serde_json::json;

use super::*;

#[test]
fn every_file_can_be_held_against_answers() {
    for api in APIS.iter() {
        let mut schemas = 0;
        for (path, operations) in api.document()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let Some(declared) = operation["responses"].as_object() else { continue };
                let responses = api.responses(method, path).unwrap();
                for status in declared.keys().filter_map(|s| s.parse().ok()) {
                    if let Some(place) = api.schema_of(&responses, status).unwrap() {
                        api.compile(&place, Strictness { extensions: false, partial: false });
                        schemas += 1;
                    }
                }
            }
        }
        assert!(schemas > 5, "{}: {schemas}", api.title());
        let faults = api.faults_as("Error", &json!({ "@type": "Error", "code": "1", "reason": "x" }), false);
        assert_eq!(faults, Vec::<String>::new(), "{}", api.title());
        assert_eq!(api.faults_as("Error", &json!({ "@type": "Error", "reason": "x" }), false).len(), 1);
    }
}

#[test]
fn every_patch_has_its_file_and_its_reason() {
    for patch in patches() {
        assert!(APIS.iter().any(|api| api.file == patch.file), "{}", patch.file);
        assert!(patch.reason.len() > 20, "{}", patch.reason);
    }
}

#[test]
fn what_the_file_does_not_say_is_a_fault() {
    let api = Api::named("tmf641", 4).unwrap();
    let order = json!({
        "id": "1", "href": "http://x/1", "state": "held", "orderDate": "2026-11-23T08:00:00Z",
        "serviceOrderItem": [{ "id": "1", "action": "add", "service": { "serviceCharacteristic": [
            { "name": "plan", "value": { "any": 1 }, "@type": "x" } ] } }],
    });
    let faults = |change: &dyn Fn(&mut Value), extensions| {
        let mut order = order.clone();
        change(&mut order);
        let exchange = Exchange { method: "GET", target: "/serviceOrder/1", status: 200, body: &order };
        api.faults(&exchange, extensions).join("; ")
    };
    assert_eq!(faults(&|_| {}, false), "");
    assert!(faults(&|o| o["state"] = json!("asleep"), false).contains("/state"));
    assert!(faults(&|o| o["orderDate"] = json!("today"), false).contains("/orderDate"));
    assert!(
        faults(&|o| o["serviceOrderItem"][0]["action"] = json!(1), false)
            .contains("/serviceOrderItem/0/action")
    );
    assert!(faults(&|o| drop(o.as_object_mut().unwrap().remove("id")), false).contains("id"));
    let unknown = |o: &mut Value| o["serviceOrderItem"][0]["colour"] = json!("blue");
    assert!(faults(&unknown, false).contains("colour"));
    assert_eq!(faults(&unknown, true), "");
}

#[test]
fn a_type_of_version_5_chooses_its_definition() {
    let api = Api::named("tmf641", 5).unwrap();
    let faults = |characteristic: Value| {
        let service = json!({ "@type": "Service", "id": "1", "serviceCharacteristic": [characteristic] });
        api.faults_as("ServiceRefOrValue", &service, false).join("; ")
    };
    assert_eq!(faults(json!({ "@type": "StringCharacteristic", "name": "plan", "value": "team" })), "");
    assert!(
        faults(json!({ "@type": "StringCharacteristic", "name": "plan", "value": 1 })).contains("/value")
    );
    assert!(
        faults(json!({ "@type": "StringCharacteristic", "name": "plan", "worth": "x" })).contains("worth")
    );
    assert!(faults(json!({ "name": "plan", "value": "team" })).contains("@type"));
    assert!(
        !api.faults_as("ServiceRefOrValue", &json!({ "@type": "ServiceRef", "name": "x" }), false).is_empty()
    );
}

#[test]
fn errors_lists_and_choices_of_members_have_their_rules() {
    let api = Api::named("tmf641", 4).unwrap();
    let faults = |method: &str, target: &str, status: u16, body: Value| {
        api.faults(&Exchange { method, target, status, body: &body }, false)
    };
    let none = Vec::<String>::new();
    assert_eq!(faults("GET", "/serviceOrder", 200, json!([])), none);
    assert_eq!(faults("GET", "/serviceOrder", 200, json!({})).len(), 1);
    let item = json!([{ "serviceOrderItem": [{ "state": "held" }] }]);
    assert_eq!(faults("GET", "/serviceOrder?limit=1&fields=serviceOrderItem.state", 200, item.clone()), none);
    assert!(!faults("GET", "/serviceOrder?limit=1", 200, item).is_empty());
    assert_eq!(faults("GET", "/serviceOrder?x=1", 418, json!({ "code": "1", "reason": "r" })), none);
    assert_eq!(faults("GET", "/nowhere", 404, json!({ "reason": "r" })).len(), 1);
    assert_eq!(faults("GET", "/nowhere", 200, json!("ours")), none);
    assert_eq!(faults("DELETE", "/serviceOrder/1", 204, Value::Null), none);
    assert_eq!(faults("DELETE", "/serviceOrder/1", 200, Value::Null).len(), 1);
}

#[test]
fn operations_and_mandatory_members_are_those_of_the_file() {
    let customers = Api::named("tmf629", 4).unwrap();
    assert!(customers.declares("DELETE", "/customer/7") && !customers.declares("PUT", "/customer/7"));
    assert_eq!(customers.collections(), ["/customer"]);
    assert_eq!(customers.mandatory("/customer"), ["engagedParty", "name"]);
    assert_eq!(Api::named("tmf641", 5).unwrap().mandatory("/serviceOrder"), ["@type", "serviceOrderItem"]);
}

#[test]
fn a_path_leads_to_its_api() {
    let (api, rest) = Api::at("/tmf-api/serviceOrdering/v5/hub/7?x=1").unwrap();
    assert_eq!((api.name, api.version, rest), ("tmf641", 5, "/hub/7?x=1"));
    assert!(Api::at("/tmf-api/serviceOrdering/v50").is_none());
    assert!(Api::at("/api/v1/jobs").is_none());
}
