//! Bodies held against the official Swagger and OpenAPI files: mandatory members, types, enumerations, dates, by the
//! definition that the file itself has.

use std::sync::LazyLock;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::conformance::official::Api;

/// Deepest nesting of references that is followed; no official definition comes near it.
const DEPTH: usize = 32;

/// The definitions of one official file.
pub struct Official {
    definitions: &'static Map<String, Value>,
}

/// TMF620 Product Catalog v4.1.0.
pub static TMF620: LazyLock<Official> = LazyLock::new(|| Official::of("tmf620", 4));
/// TMF629 Customer v4.0.0.
pub static TMF629: LazyLock<Official> = LazyLock::new(|| Official::of("tmf629", 4));
/// TMF633 Service Catalog v4.0.0.
pub static TMF633: LazyLock<Official> = LazyLock::new(|| Official::of("tmf633", 4));
/// TMF635 Usage v4.0.0.
pub static TMF635: LazyLock<Official> = LazyLock::new(|| Official::of("tmf635", 4));
/// TMF637 Product Inventory v4.0.0.
pub static TMF637: LazyLock<Official> = LazyLock::new(|| Official::of("tmf637", 4));
/// TMF638 Service Inventory v4.0.0.
pub static TMF638: LazyLock<Official> = LazyLock::new(|| Official::of("tmf638", 4));
/// TMF639 Resource Inventory v4.0.0.
pub static TMF639: LazyLock<Official> = LazyLock::new(|| Official::of("tmf639", 4));
/// TMF639 Resource Inventory v5.0.0.
pub static TMF639_V5: LazyLock<Official> = LazyLock::new(|| Official::of("tmf639", 5));
/// TMF642 Alarm v4.0.0.
pub static TMF642: LazyLock<Official> = LazyLock::new(|| Official::of("tmf642", 4));

impl Official {
    /// The definitions of an API's file.
    fn of(name: &str, version: u8) -> Self {
        let file = Api::named(name, version).expect("a file of the build").document();
        let definitions = file["definitions"].as_object().or(file["components"]["schemas"].as_object());
        Self { definitions: definitions.expect("a Swagger 2 or OpenAPI 3 file has definitions") }
    }

    /// The members of the first level that a definition has; none when the file has no such definition.
    #[must_use]
    pub fn members(&self, definition: &str) -> Vec<&str> {
        let mut out = vec![];
        if let Some(schema) = self.definitions.get(definition) {
            self.collect(schema, &mut out);
        }
        out
    }

    /// The members by which a list in memory is filtered and sorted: those of the definition, and `@type`.
    #[must_use]
    pub fn known(&self, definition: &str) -> Vec<&str> {
        let mut known = self.members(definition);
        known.push("@type");
        known
    }

    fn collect<'a>(&'a self, schema: &'a Value, out: &mut Vec<&'a str>) {
        if let Some(next) = self.referred(schema) {
            self.collect(next, out);
        }
        out.extend(schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str));
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, out);
        }
    }

    /// The definition that a `$ref` names.
    fn referred(&self, schema: &Value) -> Option<&Value> {
        self.definitions.get(schema["$ref"].as_str()?.rsplit('/').next()?)
    }

    /// Of several definitions (`oneOf`), the one that the value's `@type` names.
    fn chosen(&self, schema: &Value, value: &Value) -> Option<&Value> {
        let mapping = &schema["discriminator"]["mapping"];
        let of_several = schema["oneOf"].is_array().then(|| mapping.get(value["@type"].as_str()?)).flatten();
        self.definitions.get(of_several?.as_str()?.rsplit('/').next()?)
    }

    /// A body as a definition knows it: members of the first level that it does not have are left out, and so is what
    /// is null; all else is held against it.
    ///
    /// # Errors
    /// 400 with the path of the member that does not fit.
    pub fn checked(&self, definition: &str, body: &Value) -> Result<Map<String, Value>, Problem> {
        let Value::Object(given) = without_nulls(body) else {
            return Err(Problem::invalid("", format!("the body must be a JSON object: a {definition}")));
        };
        let known = self.members(definition);
        let kept: Map<_, _> = given.into_iter().filter(|(key, _)| known.contains(&key.as_str())).collect();
        let kept = Value::Object(kept);
        if let Some(schema) = self.definitions.get(definition) {
            self.check(schema, &kept, "", DEPTH)?;
        }
        let Value::Object(kept) = kept else { return Ok(Map::new()) };
        Ok(kept)
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), Problem> {
        if schema["$ref"].is_string() {
            return match self.referred(schema) {
                Some(next) if depth > 0 => self.check(next, value, path, depth - 1),
                _ => Ok(()),
            };
        }
        // OpenAPI 3: a definition made of others, and one of several.
        let parts = schema["allOf"].as_array().into_iter().flatten().chain(self.chosen(schema, value));
        if depth > 0 {
            parts.into_iter().try_for_each(|part| self.check(part, value, path, depth - 1))?;
        }
        // "Any" has neither a type nor members.
        let of_object = schema["properties"].is_object() || schema["required"].is_array();
        let kind = schema["type"].as_str().or(of_object.then_some("object"));
        let Some(kind) = kind else { return Ok(()) };
        if !fits(kind, value) {
            return Err(Problem::invalid(path, format!("must be {}", words(kind))));
        }
        match value {
            Value::String(text) => check_text(schema, text, path),
            Value::Array(list) => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                if (list.len() as u64) < least {
                    return Err(Problem::invalid(path, format!("needs at least {least} entries")));
                }
                list.iter()
                    .enumerate()
                    .try_for_each(|(n, v)| self.check(&schema["items"], v, &format!("{path}[{n}]"), depth))
            }
            Value::Object(members) => {
                let at =
                    |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                for name in required {
                    if !members.contains_key(name) {
                        return Err(Problem::invalid(&at(name), "is missing"));
                    }
                }
                let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
                members.iter().try_for_each(|(name, v)| match properties.get(name) {
                    Some(next) => self.check(next, v, &at(name), depth),
                    None => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }
}

fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn words(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "an object",
    }
}

fn check_text(schema: &Value, text: &str, path: &str) -> Result<(), Problem> {
    if let Some(values) = schema["enum"].as_array()
        // TMF637 has a status with a trailing blank.
        && !values.iter().filter_map(Value::as_str).any(|v| v.trim() == text.trim())
    {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).map(str::trim).collect();
        return Err(Problem::invalid(path, format!("{text:?} is none of {}", values.join(", "))));
    }
    if schema["format"] == "date-time" && DateTime::parse_from_rfc3339(text).is_err() {
        return Err(Problem::invalid(path, format!("{text:?} is no RFC 3339 time")));
    }
    Ok(())
}

/// What is null is as if it were left out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k.clone(), without_nulls(v)))
                .collect(),
        ),
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(definition: &str, body: &Value) -> String {
        TMF620.checked(definition, body).expect_err("it does not fit").message
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let offering = "ProductOffering_Create";
        assert_eq!(refused(offering, &json!({})), "name: is missing");
        assert_eq!(refused(offering, &json!({ "name": null })), "name: is missing");
        assert_eq!(refused(offering, &json!([])), "the body must be a JSON object: a ProductOffering_Create");
        for (member, value, told) in [
            ("name", json!(7), "name: must be text"),
            ("isBundle", json!("no"), "isBundle: must be true or false"),
            ("category", json!({}), "category: must be a list"),
            ("category", json!([{ "id": "a" }, { "name": "b" }]), "category[1].id: is missing"),
            ("productSpecification", json!("a"), "productSpecification: must be an object"),
            (
                "validFor",
                json!({ "endDateTime": "soon" }),
                "validFor.endDateTime: \"soon\" is no RFC 3339 time",
            ),
            (
                "prodSpecCharValueUse",
                json!([{ "minCardinality": 1.5 }]),
                "prodSpecCharValueUse[0].minCardinality: must be a whole number",
            ),
        ] {
            let mut body = json!({ "name": "n" });
            body[member] = value;
            assert_eq!(refused(offering, &body), told);
        }
        let status = refused("ImportJob_Create", &json!({ "url": "u", "status": "Done" }));
        assert_eq!(status, "status: \"Done\" is none of Not Started, Running, Succeeded, Failed");
    }

    #[test]
    fn what_the_definition_does_not_have_is_left_out_on_the_first_level() {
        let body =
            json!({ "name": "n", "colour": "red", "price": { "unit": "EUR", "value": 1.5, "more": [] } });
        let kept = TMF620.checked("ProductOfferingPrice_Create", &body).unwrap();
        assert_eq!(
            Value::Object(kept),
            json!({ "name": "n", "price": { "unit": "EUR", "value": 1.5, "more": [] } })
        );
    }

    #[test]
    fn definitions_made_of_others_are_followed() {
        let checked = |body: Value| TMF639_V5.checked("Resource_FVO", &body).map_err(|e| e.message);
        let party = |p: Value| json!({ "@type": "LogicalResource", "relatedParty": [p] });
        assert_eq!(checked(json!({ "name": "n" })).unwrap_err(), "@type: is missing");
        let status = json!({ "@type": "LogicalResource", "resourceStatus": "gone" });
        assert!(checked(status).unwrap_err().starts_with("resourceStatus: \"gone\" is none of"));
        let named = json!({ "@type": "RelatedPartyRefOrPartyRoleRef", "role": "owner",
            "partyOrPartyRole": { "@type": "PartyRef" } });
        assert_eq!(
            checked(party(named.clone())).unwrap_err(),
            "relatedParty[0].partyOrPartyRole.id: is missing"
        );
        let mut named = named;
        named["partyOrPartyRole"]["id"] = json!("1");
        assert!(checked(party(named)).is_ok());
        assert!(TMF639_V5.members("LogicalResource_FVO").contains(&"@schemaLocation"));
    }

    #[test]
    fn a_blank_at_the_end_of_an_enumerated_value_is_none() {
        for status in ["aborted", "aborted ", "active"] {
            assert!(TMF637.checked("Product_Create", &json!({ "status": status })).is_ok(), "{status}");
        }
    }

    #[test]
    fn every_value_of_any_is_taken() {
        for value in [json!(1), json!("a"), json!([true]), json!({ "a": {} })] {
            let body = json!({
                "name": "n", "engagedParty": { "id": "1", "@referredType": "Organization" },
                "characteristic": [{ "name": "c", "value": value }],
            });
            assert!(TMF629.checked("Customer_Create", &body).is_ok(), "{value}");
        }
        assert!(TMF633.members("ServiceCandidate").contains(&"serviceSpecification"));
        assert!(TMF633.members("Nothing").is_empty());
    }
}
