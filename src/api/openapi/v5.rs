//! From the types of version 4 to those of version 5.

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::build::Api;
use super::common::EntityRef;
use crate::api::v5::{self as versions, Kind};

/// Who has to do with it: the reference is one level deeper than in version 4.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RelatedPartyRefOrPartyRoleRef {
    pub role: Option<String>,
    pub party_or_party_role: PartyRef,
    #[schema(rename = "@type")]
    pub type_: String,
}

#[derive(ToSchema)]
pub struct PartyRef {
    /// For a customer its id: the BSS's own number.
    pub id: String,
    pub name: Option<String>,
    pub href: Option<String>,
    #[schema(rename = "@referredType")]
    pub referred_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: String,
}

/// Another system's id of it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ExternalIdentifier {
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub owner: Option<String>,
    pub external_identifier_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: String,
}

/// A channel that it came by: the reference is one level deeper than in version 4.
#[derive(ToSchema)]
pub struct RelatedChannel {
    pub role: Option<String>,
    pub channel: EntityRef,
    #[schema(rename = "@type")]
    pub type_: String,
}

/// Adds the types that only version 5 has; [`document`] does the rest.
pub fn turn(api: &mut Api) {
    api.v5 = true;
    api.schemas.retain(|(name, _)| name != "RelatedParty");
    api.add::<RelatedPartyRefOrPartyRoleRef>();
    api.add::<ExternalIdentifier>();
    if api.schemas.iter().any(|(name, _)| name == "ProductOrder") {
        api.add::<RelatedChannel>();
    }
}

/// Turns a document into one of version 5: `@type` on every object, parties one level deeper, external ids as a list.
pub fn document(document: &mut Value) {
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        of_schema(name, schema);
    }
    for item in document["paths"].as_object_mut().into_iter().flat_map(|p| p.values_mut()) {
        for operation in item.as_object_mut().into_iter().flat_map(|i| i.values_mut()) {
            let contents = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
            contents.into_iter().flat_map(|c| c.values_mut()).for_each(of_content);
            let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
            for answer in answers.into_iter().flat_map(|a| a.values_mut()) {
                let links = answer.get_mut("links").and_then(Value::as_object_mut);
                links.into_iter().flat_map(|l| l.values_mut()).for_each(of_link);
            }
        }
    }
}

fn of_schema(name: &str, schema: &mut Value) {
    if matches!(name, "ServiceState" | "WantedServiceState")
        && let Some(states) = schema.get_mut("enum").and_then(Value::as_array_mut)
    {
        states.push(json!("suspended"));
    }
    let product_order = name.starts_with("ProductOrder") && !name.contains("Item");
    let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let has_type = members.contains_key("@type");
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    if let Some(party) = members.get_mut("relatedParty") {
        *party = json!({ "type": "array", "items": reference("RelatedPartyRefOrPartyRoleRef") });
    }
    if product_order && let Some(channel) = members.get_mut("channel") {
        *channel = json!({ "type": "array", "items": reference("RelatedChannel") });
    }
    if members.remove("externalId").is_some() && product_order {
        let list = json!({ "type": "array", "items": reference("ExternalIdentifier") });
        members.insert("externalId".into(), list);
    }
    if let (true, Some(date)) = (product_order, members.remove("orderDate")) {
        members.insert("creationDate".into(), date);
    }
    if name == "ServiceOrder" && members.contains_key("errorMessage") {
        members.insert("errorMessage".into(), reference("ErrorMessage"));
    }
    if let (true, Value::Object(schema)) = (has_type, schema) {
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(list) = required.as_array_mut()
            && !list.contains(&json!("@type"))
        {
            list.push(json!("@type"));
        }
    }
}

/// Examples of version 4 with the `@type` that version 5 asks for.
fn of_content(content: &mut Value) {
    let schema = content.pointer("/schema/$ref").and_then(Value::as_str).unwrap_or_default();
    let kind = schema.rsplit('/').next().and_then(|s| s.split('_').next()).unwrap_or_default();
    let kind = kind.trim_end_matches("Input").to_owned();
    let examples = content.get_mut("examples").and_then(Value::as_object_mut);
    for example in examples.into_iter().flat_map(|e| e.values_mut()) {
        typed(&mut example["value"], &kind);
    }
}

/// What a link sends, likewise.
fn of_link(link: &mut Value) {
    let kind = link["operationId"].as_str().unwrap_or_default().trim_start_matches("create").to_owned();
    if let Some(body) = link.get_mut("requestBody") {
        typed(body, &kind);
    }
}

fn typed(value: &mut Value, kind: &str) {
    let Value::Object(map) = value else { return };
    for (member, inner) in map.iter_mut() {
        let Some(kind) = kind_of(member) else { continue };
        match inner {
            Value::Array(list) => list.iter_mut().for_each(|v| typed(v, kind)),
            other => typed(other, kind),
        }
    }
    map.insert("@type".into(), json!(kind));
}

/// The `@type` of what stands under a member in an example.
fn kind_of(member: &str) -> Option<&'static str> {
    Some(match versions::kind(member)? {
        Kind::Typed(name) | Kind::Ref(name, _) | Kind::RefOrValue(name, _) => name,
        Kind::Characteristic => "StringCharacteristic",
        Kind::Wrapped(wrapper) => wrapper.outer,
    })
}
