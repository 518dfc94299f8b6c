//! A TMF641 v5.0.0 body in the v4 form.

use serde_json::{Map, Value};

use crate::api::problem::Problem;
use crate::api::v5::read::{characteristics, objects, resource, unwrap};
use crate::api::v5::{ENTITY, PARTY, PLACE};

/// `externalReferenceType` of the reference that v4 has as the member `externalId`.
pub const EXTERNAL_ID: &str = "externalId";

/// Members of an order that only v5 has, and that a client gives.
pub const ORDER_ONLY: [&str; 2] = ["orderCharacteristic", "orderSpecification"];
/// Members of an item that only v5 has.
pub const ITEM_ONLY: [&str; 1] = ["modifyPath"];
/// Members of a service that only v5 has.
pub const SERVICE_ONLY: [&str; 3] = ["externalIdentifier", "intent", "operatingStatus"];

/// The body of a POST of a service order.
///
/// # Errors
/// 400 with the path of the member that does not fit.
pub fn order(given: &Value) -> Result<Value, Problem> {
    members(resource(given, "ServiceOrder")?).map(Value::Object)
}

/// Some members of an order, as a PATCH changes them.
///
/// # Errors
/// 400 with the path of the member that does not fit.
pub fn members(given: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut out = given.clone();
    // v5 has no such member; what v4 has there comes out of the references.
    out.remove("externalId");
    external_id(&mut out)?;
    unwrap(&mut out, "", "relatedParty", PARTY)?;
    characteristics(&mut out, "", "orderCharacteristic")?;
    if let Some(specification) = out.get("orderSpecification")
        && !specification["id"].is_string()
        && !specification.is_null()
    {
        return Err(Problem::invalid("orderSpecification.id", "is missing, or no text"));
    }
    for (at, item) in objects(&mut out, "", "serviceOrderItem")? {
        let modifies = item.get("action").is_some_and(|a| a == "modify");
        if item.contains_key("modifyPath") && !modifies {
            return Err(Problem::invalid(&format!("{at}.modifyPath"), "goes with action modify only"));
        }
        if let Some(Value::Object(service)) = item.get_mut("service") {
            self::service(service, &format!("{at}.service"), modifies)?;
        }
    }
    Ok(out)
}

fn service(service: &mut Map<String, Value>, at: &str, modifies: bool) -> Result<(), Problem> {
    unwrap(service, at, "relatedParty", PARTY)?;
    unwrap(service, at, "place", PLACE)?;
    unwrap(service, at, "relatedEntity", ENTITY)?;
    characteristics(service, at, "serviceCharacteristic")?;
    // What v5 has a word of its own for, v4 calls inactive.
    if modifies && service.get("state").is_some_and(|s| s == "suspended") {
        service.insert("state".into(), "inactive".into());
    }
    Ok(())
}

/// Takes the external id out of the references.
fn external_id(out: &mut Map<String, Value>) -> Result<(), Problem> {
    let mut found = None;
    for (at, reference) in objects(out, "", "externalReference")? {
        if reference.get("externalReferenceType").is_none_or(|t| t != EXTERNAL_ID) {
            continue;
        }
        let Some(Value::String(id)) = reference.get("id") else {
            return Err(Problem::invalid(
                &format!("{at}.id"),
                "is missing, or no text: the client's own id of the order",
            ));
        };
        if found.replace(id.clone()).is_some() {
            return Err(Problem::invalid(&at, "an order has one external id; this is the second"));
        }
    }
    if let (Some(id), Some(list)) = (found, out.get_mut("externalReference").and_then(Value::as_array_mut)) {
        list.retain(|r| r["externalReferenceType"] != EXTERNAL_ID);
        if list.is_empty() {
            out.remove("externalReference");
        }
        out.insert("externalId".into(), Value::String(id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: &Value) -> String {
        order(body).unwrap_err().message
    }

    #[test]
    fn the_same_content_has_the_same_v4_form() {
        let v5 = json!({
            "@type": "ServiceOrder",
            "externalReference": [
                { "@type": "ExternalReference", "externalReferenceType": "externalId", "id": "E7" },
                { "@type": "ExternalReference", "externalReferenceType": "ticket", "id": "T1", "name": "T1" },
            ],
            "relatedParty": [{ "role": "customer", "partyOrPartyRole": { "id": "C1" } }],
            "serviceOrderItem": [{ "id": "1", "action": "modify", "service": { "id": "S", "state": "suspended",
                "place": [{ "role": "site", "place": { "id": "P", "@type": "PlaceRef" } }] } }],
        });
        let v4 = json!({
            "@type": "ServiceOrder", "externalId": "E7",
            "externalReference": [
                { "@type": "ExternalReference", "externalReferenceType": "ticket", "id": "T1", "name": "T1" },
            ],
            "relatedParty": [{ "role": "customer", "id": "C1" }],
            "serviceOrderItem": [{ "id": "1", "action": "modify", "service": { "id": "S", "state": "inactive",
                "place": [{ "role": "site", "id": "P", "@type": "PlaceRef" }] } }],
        });
        assert_eq!(order(&v5).unwrap(), v4);
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_v5_path() {
        let typed = |mut body: Value| {
            body["@type"] = json!("ServiceOrder");
            told(&body)
        };
        assert!(told(&json!([])).contains("JSON object"));
        assert!(told(&json!({ "serviceOrderItem": [] })).starts_with("@type: is missing"));
        assert!(told(&json!({ "@type": 5 })).starts_with("@type: must be text"));
        let party = json!({ "relatedParty": [{ "id": "C1", "role": "customer" }] });
        assert!(typed(party).starts_with("relatedParty[0].partyOrPartyRole:"));
        let path =
            json!({ "serviceOrderItem": [{ "id": "1", "action": "add", "modifyPath": [], "service": {} }] });
        assert!(typed(path).starts_with("serviceOrderItem[0].modifyPath:"));
        let twice = json!({ "externalReferenceType": "externalId", "id": "a" });
        assert!(typed(json!({ "externalReference": [twice, twice] })).starts_with("externalReference[1]:"));
        let nameless = json!({ "externalReference": [{ "externalReferenceType": "externalId" }] });
        assert!(typed(nameless).starts_with("externalReference[0].id:"));
        let wrong = json!([{ "name": "plan", "@type": "StringCharacteristic", "value": 1 }]);
        let item = json!({ "id": "1", "action": "add", "service": { "serviceCharacteristic": wrong } });
        assert!(
            typed(json!({ "serviceOrderItem": [item] }))
                .starts_with("serviceOrderItem[0].service.serviceCharacteristic[0].value:")
        );
        assert!(typed(json!({ "orderCharacteristic": wrong })).starts_with("orderCharacteristic[0].value:"));
    }
}
