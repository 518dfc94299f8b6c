//! A schema of Swagger 2.0 or OpenAPI 3.0 as JSON Schema 2020-12, with what these formats mean beyond it.
//!
//! - Beside `$ref` nothing counts.
//! - `discriminator` chooses: a value whose `@type` is in the mapping is held against that definition, any other
//!   against the definition itself (or any branch of its `oneOf`).
//! - Members that no definition knows are a fault, where a definition lists any; not in what is free (`Any`).
//! - `@type`, `@baseType`, `@schemaLocation` and `@referredType` are known everywhere.
//! - `nullable` allows null.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// How an answer is held against a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Strictness {
    /// Members that the file does not know are accepted: the TM Forum allows extended types.
    pub extensions: bool,
    /// Members may be missing, because the client asked for some (`fields`).
    pub partial: bool,
}

/// Where the definitions of a file stand, as a JSON pointer.
pub fn definitions(document: &Value) -> &'static str {
    if document.get("swagger").is_some() { "/definitions" } else { "/components/schemas" }
}

/// The schema at a place of a file (a JSON pointer), with all that it needs.
pub fn of(document: &Value, place: &str, strictness: Strictness) -> Value {
    let mut writer = Writer { document, strictness, wanted: vec![], seen: BTreeSet::new() };
    let root = match place.rsplit_once('/') {
        Some((above, name)) if above == definitions(document) => writer.used(name),
        _ => writer.closed(document.pointer(place).unwrap_or(&Value::Null)),
    };
    let mut all = Map::new();
    while let Some((name, as_used)) = writer.wanted.pop() {
        let written = if as_used { writer.use_of(&name) } else { writer.body_of(&name) };
        all.insert(if as_used { format!("{name}.used") } else { name }, written);
    }
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": all, "allOf": [root] })
}

/// Keywords that mean the same in JSON Schema; all others (example, xml, readOnly, …) say nothing of a value.
const SAME: [&str; 14] = [
    "type",
    "enum",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minProperties",
    "maxProperties",
    "multipleOf",
];

/// Members that every object may have (TMF630 part 2), whether or not a file lists them.
const META: [&str; 4] = ["@type", "@baseType", "@schemaLocation", "@referredType"];

struct Writer<'a> {
    document: &'a Value,
    strictness: Strictness,
    /// Definitions that were named and not written yet, and whether as they are used or as they stand.
    wanted: Vec<(String, bool)>,
    seen: BTreeSet<(String, bool)>,
}

impl Writer<'_> {
    fn definition(&self, name: &str) -> &Value {
        let place = format!("{}/{name}", definitions(self.document));
        self.document.pointer(&place).unwrap_or(&Value::Null)
    }

    fn want(&mut self, name: &str, as_used: bool) {
        if self.seen.insert((name.to_owned(), as_used)) {
            self.wanted.push((name.to_owned(), as_used));
        }
    }

    /// A definition where a value is of it: as the body, a member or an element.
    fn used(&mut self, name: &str) -> Value {
        self.want(name, true);
        json!({ "$ref": format!("#/$defs/{name}.used") })
    }

    /// A definition where it is a part of another one: a branch of `allOf`.
    fn part(&mut self, name: &str) -> Value {
        self.want(name, false);
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn use_of(&mut self, name: &str) -> Value {
        let chosen = self.chosen(name);
        self.fence(name_is_closed(self.document, name), chosen)
    }

    /// The definition, or the one that `@type` names.
    fn chosen(&mut self, name: &str) -> Value {
        let mapping = mapping(self.definition(name));
        let others: Vec<_> = mapping.iter().filter(|(_, to)| to != name).collect();
        if others.is_empty() {
            return self.part(name);
        }
        let is = |kinds: Vec<&String>| json!({ "required": ["@type"], "properties": { "@type": { "enum": kinds } } });
        let mut branches = vec![];
        for (kind, to) in &others {
            branches.push(json!({ "if": is(vec![kind]), "then": self.part(to) }));
        }
        let kinds = others.iter().map(|(kind, _)| kind).collect();
        branches.push(json!({ "if": is(kinds), "else": self.part(name) }));
        json!({ "allOf": branches })
    }

    fn body_of(&mut self, name: &str) -> Value {
        let definition = self.definition(name).clone();
        self.open(&definition)
    }

    /// A schema in place of a value.
    fn closed(&mut self, schema: &Value) -> Value {
        if let Some(name) = reference(schema) {
            return self.used(name);
        }
        let written = self.open(schema);
        self.fence(is_closed(self.document, schema), written)
    }

    fn fence(&self, closed: bool, schema: Value) -> Value {
        if closed && !self.strictness.extensions {
            let text = json!({ "type": "string" });
            let meta: Map<_, _> = META.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
            json!({ "allOf": [schema], "properties": meta, "unevaluatedProperties": false })
        } else {
            schema
        }
    }

    /// A schema without a word about members that it does not know.
    fn open(&mut self, schema: &Value) -> Value {
        if let Some(name) = reference(schema) {
            return self.part(name);
        }
        let Some(schema) = schema.as_object() else { return json!(true) };
        let mut out = Map::new();
        for (key, value) in schema.iter().filter(|(k, _)| SAME.contains(&k.as_str())) {
            out.insert(key.clone(), value.clone());
        }
        if schema.get("nullable") == Some(&Value::Bool(true))
            && let Some(kind) = schema.get("type")
        {
            out.insert("type".into(), json!([kind, "null"]));
        }
        if !self.strictness.partial
            && let Some(required) = schema.get("required").filter(|r| r.is_array())
        {
            out.insert("required".into(), required.clone());
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let written: Map<_, _> = properties.iter().map(|(n, s)| (n.clone(), self.closed(s))).collect();
            out.insert("properties".into(), written.into());
        }
        if let Some(items) = schema.get("items") {
            out.insert("items".into(), self.closed(items));
        }
        if let Some(free) = schema.get("additionalProperties") {
            let written = if free.is_object() { self.closed(free) } else { free.clone() };
            out.insert("additionalProperties".into(), written);
        }
        for (key, written_as) in [("allOf", "allOf"), ("anyOf", "anyOf"), ("oneOf", "anyOf")] {
            // Without its discriminator a `oneOf` of these files fits more than once: no branch forbids the others.
            if let Some(branches) = schema.get(key).and_then(Value::as_array) {
                let written: Vec<_> = branches.iter().map(|b| self.open(b)).collect();
                out.insert(written_as.into(), written.into());
            }
        }
        out.into()
    }
}

/// The definition that a schema names.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Values of `@type` with the definitions that they choose.
fn mapping(definition: &Value) -> Vec<(String, String)> {
    let Some(map) = definition["discriminator"]["mapping"].as_object() else { return vec![] };
    let last = |to: &Value| to.as_str().and_then(|t| t.rsplit('/').next()).map(str::to_owned);
    map.iter().filter_map(|(kind, to)| Some((kind.clone(), last(to)?))).collect()
}

fn name_is_closed(document: &Value, name: &str) -> bool {
    let place = format!("{}/{name}", definitions(document));
    document.pointer(&place).is_some_and(|definition| is_closed(document, definition))
}

/// Whether a schema lists members, so that others are a fault.
fn is_closed(document: &Value, schema: &Value) -> bool {
    if let Some(name) = reference(schema) {
        return name_is_closed(document, name);
    }
    let branches = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    schema.get("additionalProperties").is_none()
        && (schema.get("properties").is_some() || branches.into_iter().any(|b| is_closed(document, b)))
}
