//! TMF641 v5.0.0: what it says otherwise than v4.

use serde_json::{Map, Value, json};
use telvisor_model::OrderKind;

use super::path as v4_path;
use crate::api::ordering::change::Patchable;
use crate::api::ordering::versions;
use crate::api::ordering::{COMPLETED, Ordering};
use crate::api::problem::Problem;
use crate::api::tmf630::{Attribute, Kind};
use crate::api::v5::read::{members, objects};
use crate::api::{TMF641, TMF641_V5, Version};
use crate::orders::Member;
use crate::store::orders::OrderRow;

/// `externalReferenceType` of the reference that v4 has as the member `externalId`.
const EXTERNAL_ID: &str = "externalId";

/// TMF641 v5.
pub static API: Ordering = Ordering {
    version: Version::V5,
    base: TMF641_V5,
    attributes: ATTRIBUTES,
    path,
    patchable: Patchable {
        category: true,
        texts: &["description", "notificationContact"],
        lists: &["externalReference", "orderCharacteristic", "orderRelationship"],
        objects: &["orderSpecification"],
        fixed: &["cancellationDate", "cancellationReason", "completionDate", "relatedParty", "startDate"],
    },
    v5: &V5,
    kind: OrderKind::Service,
    what: super::API.what,
    order: super::API.order,
    cancel: super::API.cancel,
    items: super::API.items,
    thing: super::API.thing,
    characteristics: super::API.characteristics,
    draft: super::body::draft,
    render: super::render::service_order,
};

pub static V5: versions::V5 = versions::V5 {
    base: TMF641_V5,
    v4: TMF641,
    read,
    show,
    order_only: &["orderCharacteristic", "orderSpecification"],
    told: &[],
    item_only: &["modifyPath"],
    thing_only: &["externalIdentifier", "intent", "operatingStatus"],
    moved: &[("externalReference", &["externalReference", "externalId"])],
};

/// What an order can be filtered and sorted by: parties have a wrapper, the external id stands among the references.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("category", "category", Kind::Text),
    ("priority", "priority", Kind::Text),
    ("relatedParty.partyOrPartyRole.id", "customer_id", Kind::Text),
    ("externalReference.id", "external_id|channel", Kind::Text),
    ("orderDate", "order_date", Kind::Time),
    ("startDate", "started_at", Kind::Time),
    ("completionDate", COMPLETED, Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
    ("@type", "", Kind::Always("ServiceOrder")),
];

fn path(request: &Value, item: Option<usize>, member: &Member) -> String {
    match member {
        Member::ExternalId => format!("externalReference (externalReferenceType = {EXTERNAL_ID}).id"),
        _ => v4_path(request, item, member),
    }
}

fn read(given: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut out = given.clone();
    // v5 has no such member; what v4 has there comes out of the references.
    out.remove("externalId");
    external_id(&mut out)?;
    members(&mut out, "")?;
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
        // What v5 has a word of its own for, v4 calls inactive.
        if let Some(Value::Object(service)) = item.get_mut("service")
            && modifies
            && service.get("state").is_some_and(|s| s == "suspended")
        {
            service.insert("state".into(), "inactive".into());
        }
    }
    Ok(out)
}

/// Takes the external id out of the references.
fn external_id(out: &mut Map<String, Value>) -> Result<(), Problem> {
    let mut found = None;
    for (at, reference) in objects(out, "", "externalReference")? {
        if reference.get("externalReferenceType").is_none_or(|t| t != EXTERNAL_ID) {
            continue;
        }
        let Some(Value::String(id)) = reference.get("id") else {
            let why = "is missing, or no text: the client's own id of the order";
            return Err(Problem::invalid(&format!("{at}.id"), why));
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

fn show(_base: &str, _order: &OrderRow, out: &mut Map<String, Value>) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(body: &Value) -> Result<Value, Problem> {
        read(crate::api::v5::read::resource(body, "ServiceOrder")?).map(Value::Object)
    }

    fn told(body: &Value) -> String {
        read_all(body).unwrap_err().message
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
        assert_eq!(read_all(&v5).unwrap(), v4);
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
