//! From the types of version 4 to those of version 5.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::build::Api;

/// Who has to do with it: the reference is one level deeper than in version 4.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RelatedPartyRefOrPartyRoleRef {
    pub role: String,
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
    pub id: String,
    pub owner: Option<String>,
    pub external_identifier_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: String,
}

/// Turns an API into its version 5: `@type` on every object, parties one level deeper, external ids as a list.
pub fn turn(api: &mut Api, name: &'static str, base: &'static str) {
    api.name = name;
    api.version = "5.0.0";
    api.base = base;
    api.schemas.retain(|(name, _)| name != "RelatedParty");
    api.add::<RelatedPartyRefOrPartyRoleRef>();
    api.add::<ExternalIdentifier>();
    for (_, schema) in &mut api.schemas {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        if object.properties.contains_key("@type") && !object.required.iter().any(|r| r == "@type") {
            object.required.push("@type".into());
        }
    }
    for (name, schema) in &mut api.schemas {
        let value = serde_json::to_value(&*schema).expect("a schema has only text for keys");
        let turned = of_schema(name, value);
        *schema = serde_json::from_value(turned).expect("it is still a schema");
    }
    for op in &mut api.operations {
        if let Some(body) = &mut op.operation.request_body {
            let value = serde_json::to_value(&*body).expect("a body has only text for keys");
            *body = serde_json::from_value(of_body(value)).expect("it is still a body");
        }
    }
}

fn of_schema(name: &str, mut schema: Value) -> Value {
    let order = name.starts_with("ServiceOrder") || name.starts_with("ProductOrder");
    if let Some(members) = schema["properties"].as_object_mut() {
        if let Some(party) = members.get_mut("relatedParty") {
            *party = json!({
                "type": "array", "items": { "$ref": "#/components/schemas/RelatedPartyRefOrPartyRoleRef" },
            });
        }
        if members.remove("externalId").is_some() && name.starts_with("ProductOrder") {
            members.insert(
                "externalId".into(),
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/ExternalIdentifier" } }),
            );
        }
        if order && name.starts_with("ProductOrder") && !name.contains("Item") {
            if let Some(date) = members.remove("orderDate") {
                members.insert("creationDate".into(), date);
            }
        }
    }
    if let Some(required) = schema["required"].as_array_mut() {
        for member in required.iter_mut().filter(|m| name == "ProductOrder" && **m == "orderDate") {
            *member = json!("creationDate");
        }
    }
    schema
}

/// Examples of version 4 with the `@type` that version 5 asks for.
fn of_body(mut body: Value) -> Value {
    let Some(contents) = body["content"].as_object_mut() else { return body };
    for content in contents.values_mut() {
        let schema =
            content["schema"]["$ref"].as_str().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
        let kind = schema.split('_').next().unwrap_or("").to_owned();
        if let Some(examples) = content.get_mut("examples").and_then(Value::as_object_mut) {
            for example in examples.values_mut() {
                typed(&mut example["value"], &kind);
            }
        }
    }
    body
}

fn typed(value: &mut Value, kind: &str) {
    let Value::Object(map) = value else { return };
    for (member, inner) in map.iter_mut() {
        let kind = match member.as_str() {
            "serviceOrderItem" => "ServiceOrderItem",
            "productOrderItem" => "ProductOrderItem",
            "service" => "Service",
            "product" => "Product",
            "serviceSpecification" => "ServiceSpecificationRef",
            "productOffering" => "ProductOfferingRef",
            "serviceCharacteristic" | "productCharacteristic" => "StringCharacteristic",
            "serviceOrderItemRelationship" => "ServiceOrderItemRelationship",
            "productOrderItemRelationship" => "OrderItemRelationship",
            "orderItem" => "ServiceOrderItemRef",
            "serviceOrder" => "ServiceOrderRef",
            "productOrder" => "ProductOrderRef",
            "note" => "Note",
            _ => continue,
        };
        match inner {
            Value::Array(list) => list.iter_mut().for_each(|v| typed(v, kind)),
            other => typed(other, kind),
        }
    }
    map.insert("@type".into(), json!(kind.trim_end_matches("Input")));
}
