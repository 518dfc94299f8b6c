//! What a package asks of an order: its declared characteristics.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use telvisor_model::catalogue::{
    Declared, Kind, RESERVED_CHARACTERISTICS, Required, check_pattern, is_characteristic_name,
};
use toml::Value;

use super::Reader;
use crate::apps::env::characteristic_variable;

pub(super) fn read_characteristics(top: &mut Reader) -> Vec<Declared> {
    let mut variables = BTreeSet::new();
    let mut all = Vec::new();
    for mut section in top.sections("characteristic") {
        let name = section.need_form(
            "name",
            is_characteristic_name,
            "1 to 32 of letters, digits and -, starting with a small letter",
            "name = \"shareName\"",
        );
        if RESERVED_CHARACTERISTICS.contains(&name.as_str()) {
            section
                .fault("name", format!("\"{name}\" has a meaning of its own in every order; choose another"));
        } else if !name.is_empty() && !variables.insert(characteristic_variable(&name)) {
            section
                .fault("name", format!("\"{name}\" gives the same script variable as another; rename one"));
        }
        let kinds = [("string", Kind::String), ("integer", Kind::Integer), ("boolean", Kind::Boolean)];
        if !section.has("kind") {
            section.missing("kind", "kind = \"string\"");
        }
        let kind = section.word("kind", &kinds).unwrap_or(Kind::String);
        all.push(read_characteristic(&mut section, name, kind));
        section.finish();
    }
    all
}

fn read_characteristic(section: &mut Reader, name: String, kind: Kind) -> Declared {
    let required = [("no", Required::No), ("yes", Required::Yes), ("before-start", Required::BeforeStart)];
    let mut declared = Declared {
        name,
        kind,
        required: section.word("required", &required).unwrap_or_default(),
        default: None,
        description: section.need_text("description", 1000, "description = \"What it is for.\""),
        pattern: section.text("pattern", 500),
        min: section.integer("min", i64::MIN..=i64::MAX),
        max: section.integer("max", i64::MIN..=i64::MAX),
        values: Vec::new(),
    };
    if let Some(pattern) = &declared.pattern {
        if kind != Kind::String {
            section.fault("pattern", "fits text only; remove it or write kind = \"string\"");
        } else if let Err(e) = check_pattern(pattern) {
            section.fault("pattern", format!("is not a regular expression: {e}"));
            declared.pattern = None;
        }
    }
    if kind == Kind::Boolean && (declared.min.is_some() || declared.max.is_some()) {
        section.fault("min", "and max do not fit a boolean; remove them");
    }
    if let (Some(min), Some(max)) = (declared.min, declared.max)
        && max < min
    {
        section.fault("max", format!("is {max}, below min = {min}; make it at least as large"));
    }
    if let Some(Value::Array(values)) = section.any("values") {
        // Gathered aside: a value is not to be judged by the values before it.
        let mut allowed = Vec::new();
        for value in values {
            match accept(&declared, value) {
                Ok(value) => allowed.push(value),
                Err(message) => section.fault("values", format!("{value}: {message}")),
            }
        }
        declared.values = allowed;
    } else if section.has("values") {
        section.fault("values", "must be a list, [\"…\", \"…\"]");
    }
    if let Some(value) = section.any("default") {
        match accept(&declared, value) {
            Ok(value) => declared.default = Some(value),
            Err(message) => section.fault("default", message),
        }
        if declared.required != Required::No {
            section.fault("required", "and default contradict each other; remove one");
        }
    }
    declared
}

/// A value of the manifest in the type that the characteristic has.
fn accept(declared: &Declared, value: &Value) -> Result<Json, String> {
    let value = match (declared.kind, value) {
        (Kind::String, Value::String(s)) => Json::from(s.as_str()),
        (Kind::Integer, Value::Integer(n)) => Json::from(*n),
        (Kind::Boolean, Value::Boolean(b)) => Json::from(*b),
        (kind, _) => {
            return Err(format!("must be of the kind {}", format!("{kind:?}").to_lowercase()));
        }
    };
    declared.accept(&value)
}
