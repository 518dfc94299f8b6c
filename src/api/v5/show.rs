//! From the v4 form to v5.

use serde_json::{Map, Value, json};

use super::{Kind, PARTY, PRODUCT_PARTY, Wrapper, kind};

/// Gives every object below `map` its v5 form; what already has a fitting `@type` keeps it.
pub fn members(map: &mut Map<String, Value>) {
    inside(map, PARTY);
}

/// As [`members`], where the parties of this object have their own wrapper.
fn inside(map: &mut Map<String, Value>, party: Wrapper) {
    for (name, member) in map.iter_mut() {
        let kind = match kind(name) {
            Some(Kind::Wrapped(w)) if w == PARTY => Some(Kind::Wrapped(party)),
            other => other,
        };
        match member {
            Value::Array(list) => list.iter_mut().for_each(|entry| shape(kind, entry)),
            one => shape(kind, one),
        }
    }
}

fn shape(kind: Option<Kind>, value: &mut Value) {
    let Value::Object(map) = value else { return };
    match kind {
        Some(Kind::Typed(name)) => default(map, "@type", name),
        Some(Kind::Ref(name, referred)) => {
            default(map, "@type", name);
            default(map, "@referredType", referred);
        }
        Some(Kind::RefOrValue(whole, reference)) => ref_or_value(map, whole, reference),
        // What stands in a value is the client's own, and is left alone.
        Some(Kind::Characteristic) => return characteristic(map),
        Some(Kind::Wrapped(wrapper)) => {
            members(map);
            *value = wrapped(wrapper, std::mem::take(map));
            return;
        }
        None => {}
    }
    let product = matches!(kind, Some(Kind::RefOrValue("Product", _)));
    inside(map, if product { PRODUCT_PARTY } else { PARTY });
}

fn default(map: &mut Map<String, Value>, key: &str, text: &str) {
    map.entry(key).or_insert_with(|| json!(text));
}

/// A reference has an id and names, and nothing else; whatever has more is the thing itself.
fn ref_or_value(map: &mut Map<String, Value>, whole: &str, reference: &str) {
    let bare = map.contains_key("id")
        && map.keys().all(|k| matches!(k.as_str(), "id" | "href" | "name") || k.starts_with('@'));
    let given = map.get("@type").and_then(Value::as_str);
    if bare && given.is_none_or(|t| t == whole) {
        map.insert("@type".into(), json!(reference));
    } else if !bare && given.is_none_or(|t| t == reference) {
        map.insert("@type".into(), json!(whole));
        map.remove("@referredType");
    }
    if bare {
        default(map, "@referredType", whole);
    }
}

fn characteristic(map: &mut Map<String, Value>) {
    let fitting = type_of(map.get("value").unwrap_or(&Value::Null));
    let given = map.get("@type").and_then(Value::as_str);
    if given.is_none_or(|t| !t.ends_with("Characteristic")) {
        map.insert("@type".into(), json!(fitting));
    }
    default(map, "valueType", value_type(fitting));
    if let Some(list) = map.get_mut("characteristicRelationship").and_then(Value::as_array_mut) {
        for entry in list {
            shape(Some(Kind::Typed("CharacteristicRelationship")), entry);
        }
    }
}

/// The `@type` of a characteristic with this value.
#[must_use]
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "StringCharacteristic",
        Value::Bool(_) => "BooleanCharacteristic",
        Value::Number(n) if n.is_i64() || n.is_u64() => "IntegerCharacteristic",
        Value::Number(_) => "NumberCharacteristic",
        Value::Object(_) => "ObjectCharacteristic",
        Value::Array(list) if list.iter().all(Value::is_string) => "StringArrayCharacteristic",
        Value::Array(list) if list.iter().all(Value::is_boolean) => "BooleanArrayCharacteristic",
        Value::Array(list) if list.iter().all(|v| v.is_i64() || v.is_u64()) => "IntegerArrayCharacteristic",
        Value::Array(list) if list.iter().all(Value::is_number) => "NumberArrayCharacteristic",
        Value::Array(_) => "ObjectArrayCharacteristic",
        Value::Null => "Characteristic",
    }
}

/// `valueType` beside a type of characteristic, in the words that TMF630 uses in its examples.
fn value_type(name: &str) -> &'static str {
    match name {
        "StringCharacteristic" => "string",
        "BooleanCharacteristic" => "boolean",
        "IntegerCharacteristic" => "integer",
        "NumberCharacteristic" => "number",
        "ObjectCharacteristic" => "object",
        _ => "array",
    }
}

/// The role goes to the wrapper, all else stays with the object.
fn wrapped(wrapper: Wrapper, mut flat: Map<String, Value>) -> Value {
    if flat.contains_key(wrapper.inner) {
        return Value::Object(flat);
    }
    let mut out = Map::new();
    if let Some(role) = flat.remove("role") {
        out.insert("role".into(), role);
    }
    if flat.get("@type").is_some_and(|t| t == wrapper.flat) {
        flat.remove("@type");
    }
    let text = |key: &str| flat.get(key).and_then(Value::as_str);
    let name = match wrapper.inner {
        "partyOrPartyRole" if matches!(text("@referredType"), Some("Individual" | "Organization")) => {
            "PartyRef"
        }
        "partyOrPartyRole" => "PartyRoleRef",
        "place" if flat.contains_key("id") => "PlaceRef",
        "place" => "Place",
        "channel" => "ChannelRef",
        _ => "EntityRef",
    };
    default(&mut flat, "@type", name);
    out.insert("@type".into(), json!(wrapper.outer));
    out.insert(wrapper.inner.into(), Value::Object(flat));
    Value::Object(out)
}

/// Lets the links below a value that lead to `from` lead to `to`.
pub fn links(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|v| links(v, from, to)),
        Value::Object(map) => {
            for (key, member) in map.iter_mut() {
                match member {
                    Value::String(link) if key.ends_with("href") || key.ends_with("Href") => {
                        if let Some(rest) = link.strip_prefix(from).filter(|rest| rest.starts_with('/')) {
                            *link = format!("{to}{rest}");
                        }
                    }
                    // The value of a characteristic is the client's own.
                    _ if key == "value" => {}
                    other => links(other, from, to),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value) -> Value {
        let Value::Object(mut map) = value else { panic!("an object") };
        members(&mut map);
        Value::Object(map)
    }

    #[test]
    fn parties_go_into_their_wrapper() {
        let got = shown(json!({ "relatedParty": [
            { "id": "C1", "role": "customer", "@type": "RelatedParty", "@referredType": "Customer" },
            { "id": "P", "role": "seller", "name": "N", "@type": "RelatedParty", "@referredType": "Individual" },
        ] }));
        let wanted = json!({ "relatedParty": [
            { "role": "customer", "@type": "RelatedPartyRefOrPartyRoleRef",
              "partyOrPartyRole": { "id": "C1", "@type": "PartyRoleRef", "@referredType": "Customer" } },
            { "role": "seller", "@type": "RelatedPartyRefOrPartyRoleRef",
              "partyOrPartyRole": { "id": "P", "name": "N", "@type": "PartyRef", "@referredType": "Individual" } },
        ] });
        assert_eq!(got, wanted);
    }

    #[test]
    fn characteristics_are_typed_by_their_value() {
        let of = |value: Value| {
            let got = shown(json!({ "serviceCharacteristic": [{ "name": "n", "value": value }] }));
            got["serviceCharacteristic"][0]["@type"].as_str().unwrap().to_owned()
        };
        assert_eq!(of(json!("x")), "StringCharacteristic");
        assert_eq!(of(json!(true)), "BooleanCharacteristic");
        assert_eq!(of(json!(3)), "IntegerCharacteristic");
        assert_eq!(of(json!(3.5)), "NumberCharacteristic");
        assert_eq!(of(json!({ "relatedParty": [] })), "ObjectCharacteristic");
        assert_eq!(of(json!(["a"])), "StringArrayCharacteristic");
        let own = json!({ "name": "n", "value": { "note": [{}] }, "@type": "ObjectCharacteristic", "valueType": "object" });
        let got = shown(json!({ "serviceCharacteristic": [own] }));
        assert_eq!(got["serviceCharacteristic"][0], own, "what stands in a value is left alone");
    }

    #[test]
    fn a_bare_id_is_a_reference_and_more_is_the_thing() {
        let bare = shown(json!({ "service": { "id": "1" } }));
        assert_eq!(bare["service"]["@type"], "ServiceRef");
        let whole = shown(json!({ "service": { "id": "1", "@type": "ServiceRef", "state": "active" } }));
        assert_eq!(whole["service"]["@type"], "Service");
        let own = shown(json!({ "product": { "@type": "UNI", "isBundle": false } }));
        assert_eq!(own["product"]["@type"], "UNI");
    }

    #[test]
    fn only_links_to_the_old_version_change() {
        let mut value = json!({ "href": "http://h/a/v4/x/1", "serviceOrderHref": "http://h/a/v4/x/1", "name": "http://h/a/v4",
            "note": [{ "href": "http://h/a/v40/x" }], "value": { "href": "http://h/a/v4/x" } });
        links(&mut value, "http://h/a/v4", "http://h/a/v5");
        let wanted = json!({ "href": "http://h/a/v5/x/1", "serviceOrderHref": "http://h/a/v5/x/1", "name": "http://h/a/v4",
            "note": [{ "href": "http://h/a/v40/x" }], "value": { "href": "http://h/a/v4/x" } });
        assert_eq!(value, wanted);
    }
}
