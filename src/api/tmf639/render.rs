//! A machine as TMF639 v5 shows it, which is also the form that record-only resources are kept in; and the way to v4
//! and back.

use serde_json::{Map, Value, json};
use telvisor_model::shown;

use crate::api::inventory::show::{number, of_machine, put};
use crate::api::{TMF639_V5, official};
use crate::clock::show as time;
use crate::store::machines::MachineRow;

/// A machine, in the form of v5.
#[must_use]
pub fn machine(base: &str, m: &MachineRow, customer_id: &str) -> Value {
    let states = shown::machine_resource(&m.state, m.ended_at.is_some());
    let mut out = json!({
        "id": m.id,
        "href": format!("{base}{TMF639_V5}/resource/{}", m.id),
        "name": m.name, "category": "machine", "description": "virtual machine of a customer",
        "resourceStatus": states.status, "administrativeState": states.administrative,
        "operationalState": states.operational, "usageState": states.usage,
        "startOperatingDate": time(m.created_at),
        "resourceCharacteristic": of_machine(m, number),
        "relatedParty": [{
            "role": "customer",
            "partyOrPartyRole": { "id": customer_id, "@type": "PartyRef", "@referredType": "Customer" },
        }],
        "@type": "LogicalResource", "@baseType": "Resource",
    });
    put(&mut out, "endOperatingDate", m.ended_at);
    typed(&mut out);
    out
}

/// `@type` of what is below a resource, where v5 wants one.
const TYPES: [(&str, &str); 7] = [
    ("relatedParty", "RelatedPartyRefOrPartyRoleRef"),
    ("note", "Note"),
    ("place", "RelatedPlaceRef"),
    ("attachment", "AttachmentRef"),
    ("resourceRelationship", "ResourceRelationship"),
    ("resourceSpecification", "ResourceSpecificationRef"),
    ("activationFeature", "Feature"),
];

fn type_of(entry: &mut Value, name: &str) {
    if let Some(members) = entry.as_object_mut() {
        members.entry("@type").or_insert_with(|| json!(name));
    }
}

fn each<'a>(body: &'a mut Value, member: &str) -> Vec<&'a mut Value> {
    match body.get_mut(member) {
        Some(Value::Array(list)) => list.iter_mut().collect(),
        Some(one) => vec![one],
        None => vec![],
    }
}

/// Puts in the `@type` that v5 wants everywhere, where none is given.
fn typed(body: &mut Value) {
    type_of(body, "LogicalResource");
    for (member, name) in TYPES {
        for entry in each(body, member) {
            type_of(entry, name);
        }
    }
    for entry in each(body, "resourceCharacteristic") {
        let name = match &entry["value"] {
            Value::Bool(_) => "BooleanCharacteristic",
            Value::Number(n) if n.is_f64() => "NumberCharacteristic",
            Value::Number(_) => "IntegerCharacteristic",
            Value::Object(_) => "ObjectCharacteristic",
            Value::Array(_) => "ObjectArrayCharacteristic",
            _ => "StringCharacteristic",
        };
        type_of(entry, name);
    }
}

/// From v4 to the form that is kept.
#[must_use]
pub fn from_v4(mut body: Value) -> Value {
    for party in each(&mut body, "relatedParty") {
        let Some(members) = party.as_object_mut() else { continue };
        let role = members.remove("role");
        members.insert("@type".into(), json!("PartyRef"));
        let inner = std::mem::take(members);
        members.extend(role.map(|role| ("role".to_owned(), role)));
        members.insert("partyOrPartyRole".into(), Value::Object(inner));
    }
    if let Some(place) = body.get_mut("place").filter(|p| p.is_object()) {
        let mut inner = place.take();
        let role = inner.as_object_mut().and_then(|members| members.remove("role"));
        type_of(&mut inner, "PlaceRef");
        *place = json!([{ "role": role, "place": inner }]);
    }
    for status in each(&mut body, "resourceRelationship") {
        if status.get("resource").is_none() && !status["id"].is_null() {
            status["resource"] = json!({ "id": status["id"], "@type": "ResourceRef" });
        }
    }
    typed(&mut body);
    body
}

/// From the form that is kept to v4; members that are new in v5 are left out, states that are new are shown by the
/// nearest that v4 has.
#[must_use]
pub fn to_v4(mut body: Value) -> Value {
    let known = official::TMF639.members("Resource");
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, _| known.contains(&name.as_str()));
    }
    let status = match body["resourceStatus"].as_str() {
        Some("planned") => Some("reserved"),
        Some("installed") => Some("standby"),
        Some("pendingRemoval" | "not exists") => Some("unknown"),
        _ => None,
    };
    if let Some(status) = status {
        body["resourceStatus"] = json!(status);
    }
    for party in each(&mut body, "relatedParty") {
        let mut out = match party["partyOrPartyRole"].take() {
            Value::Object(inner) => inner,
            _ => Map::new(),
        };
        let referred = json!(if out["@type"] == "PartyRoleRef" { "PartyRole" } else { "Party" });
        out.entry("@referredType").or_insert(referred);
        out.insert("@type".into(), json!("RelatedParty"));
        out.extend(Some(party["role"].take()).filter(|r| !r.is_null()).map(|role| ("role".to_owned(), role)));
        *party = Value::Object(out);
    }
    if let Some(first) =
        body.get_mut("place").and_then(|p| p.as_array_mut()).map(|list| list.first_mut().map(Value::take))
    {
        let mut entry = first.unwrap_or_default();
        let mut place = entry["place"].take();
        if place.is_object() {
            place["role"] = entry["role"].take();
            body["place"] = place;
        } else if let Some(members) = body.as_object_mut() {
            members.remove("place");
        }
    }
    for characteristic in each(&mut body, "resourceCharacteristic") {
        if let Some(members) = characteristic.as_object_mut() {
            members.remove("@type");
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_by_v4_is_right_in_v5_and_the_same_again_in_v4() {
        let given = json!({
            "name": "Router 7", "resourceStatus": "available", "@type": "PhysicalResource",
            "relatedParty": [{ "id": "C1", "role": "owner", "name": "Ann", "@referredType": "Individual" }],
            "place": { "id": "P1", "href": "http://places/P1", "role": "site" },
            "resourceCharacteristic": [{ "name": "ports", "value": 8 }, { "name": "colour", "value": "red" }],
            "note": [{ "text": "bought" }], "resourceSpecification": { "id": "S1", "href": "http://specs/S1" },
        });
        assert!(official::TMF639.checked("Resource_Create", &given).is_ok());
        let kept = from_v4(given.clone());
        official::TMF639_V5
            .checked("Resource_FVO", &kept)
            .unwrap_or_else(|e| panic!("{}: {kept:#}", e.message));
        assert_eq!(kept["relatedParty"][0]["partyOrPartyRole"]["id"], "C1");
        assert_eq!(kept["resourceCharacteristic"][0]["@type"], "IntegerCharacteristic");
        assert_eq!(kept["place"][0]["place"]["id"], "P1");
        let shown = to_v4(kept.clone());
        for member in ["name", "resourceStatus", "resourceCharacteristic", "@type"] {
            assert_eq!(shown[member], given[member], "{member}");
        }
        for (member, of) in
            [("id", "C1"), ("role", "owner"), ("name", "Ann"), ("@referredType", "Individual")]
        {
            assert_eq!(shown["relatedParty"][0][member], of);
        }
        assert_eq!((&shown["place"]["id"], &shown["place"]["role"]), (&json!("P1"), &json!("site")));
        assert_eq!(to_v4(from_v4(shown.clone())), shown);
        assert_eq!(from_v4(shown), kept);
    }

    #[test]
    fn what_is_new_in_v5_is_not_shown_by_v4() {
        let kept = json!({ "name": "n", "@type": "LogicalResource", "resourceStatus": "planned", "validFor": {}, "place": [] });
        assert_eq!(
            to_v4(kept),
            json!({ "name": "n", "@type": "LogicalResource", "resourceStatus": "reserved" })
        );
    }
}
