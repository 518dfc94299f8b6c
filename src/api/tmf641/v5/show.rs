//! Service orders and cancel tasks as TMF641 v5.0.0 shows them, from how v4 shows them.

use serde_json::{Map, Value, json};

use super::read::{EXTERNAL_ID, ITEM_ONLY, ORDER_ONLY, SERVICE_ONLY};
use crate::api::v5::show::{links, members};
use crate::api::{TMF641, TMF641_V5};

/// A service order; `base` is what its links begin with.
#[must_use]
pub fn service_order(base: &str, v4: Value) -> Value {
    let Value::Object(mut out) = v4 else { return v4 };
    if let Some(id) = out.remove("externalId") {
        let reference = json!({ "externalReferenceType": EXTERNAL_ID, "id": id, "name": id });
        match out.get_mut("externalReference").and_then(Value::as_array_mut) {
            Some(list) => list.insert(0, reference),
            None => drop(out.insert("externalReference".into(), json!([reference]))),
        }
    }
    // v5 has room for one: the last, which is why the order is as it is. The others stay with their items.
    if let Some(Value::Array(mut list)) = out.remove("errorMessage")
        && let Some(last) = list.pop()
    {
        out.insert("errorMessage".into(), last);
    }
    for item in out.get_mut("serviceOrderItem").and_then(Value::as_array_mut).into_iter().flatten() {
        if item["action"] == "modify" && item["service"]["state"] == "inactive" {
            item["service"]["state"] = json!("suspended");
        }
    }
    finish(base, out)
}

/// A cancel task; what v4 calls accepted is acknowledged in v5.
#[must_use]
pub fn cancel_order(base: &str, v4: Value) -> Value {
    let Value::Object(mut out) = v4 else { return v4 };
    if out.get("state").is_some_and(|s| s == "accepted") {
        out.insert("state".into(), json!("acknowledged"));
    }
    // The file has no member that could say why a cancel was refused.
    out.remove("completionMessage");
    out.remove("errorMessage");
    finish(base, out)
}

fn finish(base: &str, mut out: Map<String, Value>) -> Value {
    members(&mut out);
    let mut out = Value::Object(out);
    links(&mut out, &format!("{base}{TMF641}"), &format!("{base}{TMF641_V5}"));
    out
}

/// A service order as v4 shows it: without what only v5 knows.
#[must_use]
pub fn without_v5(mut v4: Value) -> Value {
    remove(&mut v4, &ORDER_ONLY);
    for item in v4.get_mut("serviceOrderItem").and_then(Value::as_array_mut).into_iter().flatten() {
        remove(item, &ITEM_ONLY);
        if let Some(service) = item.get_mut("service") {
            remove(service, &SERVICE_ONLY);
        }
    }
    v4
}

fn remove(value: &mut Value, names: &[&str]) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|name, _| !names.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v5_says_the_same_in_its_own_shape() {
        let v4 = json!({
            "id": "1", "href": format!("http://h{TMF641}/serviceOrder/1"), "externalId": "E7", "@type": "ServiceOrder",
            "relatedParty": [{ "id": "C1", "role": "customer", "@type": "RelatedParty", "@referredType": "Customer" }],
            "errorMessage": [{ "code": "job", "@type": "ServiceOrderErrorMessage" },
                { "code": "held", "@type": "ServiceOrderErrorMessage" }],
            "serviceOrderItem": [{ "id": "1", "action": "modify", "state": "held", "@type": "ServiceOrderItem",
                "service": { "id": "S", "state": "inactive" } }],
        });
        let v5 = service_order("http://h", v4);
        assert_eq!(v5["href"], format!("http://h{TMF641_V5}/serviceOrder/1"));
        assert!(v5.get("externalId").is_none());
        assert_eq!(v5["externalReference"][0]["id"], "E7");
        assert_eq!(v5["externalReference"][0]["@type"], "ExternalReference");
        assert_eq!(v5["errorMessage"]["code"], "held");
        assert_eq!(v5["relatedParty"][0]["partyOrPartyRole"]["id"], "C1");
        assert_eq!(v5["serviceOrderItem"][0]["service"]["state"], "suspended");
        assert_eq!(v5["serviceOrderItem"][0]["service"]["@type"], "Service");
    }

    #[test]
    fn a_task_that_is_accepted_is_acknowledged_in_v5() {
        let v4 = json!({ "id": "1", "state": "accepted", "completionMessage": "m", "serviceOrder": { "id": "2" } });
        let v5 = cancel_order("http://h", v4);
        assert_eq!(v5["state"], "acknowledged");
        assert_eq!(v5["serviceOrder"]["@type"], "ServiceOrderRef");
        assert!(v5.get("completionMessage").is_none());
    }
}
