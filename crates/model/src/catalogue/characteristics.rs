//! What an order says of an application beside plan and version, held against what the application declares.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Application, Declared, Kind, Required};

/// Characteristics of an order that Telvisor itself gives a meaning; a package cannot declare them.
pub const RESERVED_CHARACTERISTICS: [&str; 4] = ["plan", "version", "operation", "backupId"];

/// Longest text value of a characteristic, in characters, whatever the package says.
pub const MAX_TEXT: usize = 1024;

/// Characteristics of an order after defaults were taken and values were brought to their type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    pub values: BTreeMap<String, Value>,
    /// Those required before the start that are not known yet.
    pub missing: Vec<String>,
}

/// What is wrong with one characteristic of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{path}: {message}")]
pub struct CharacteristicError {
    /// Name of the characteristic; a door puts its own path before it.
    pub path: String,
    pub message: String,
}

impl Application {
    /// Checks the characteristics of an order against the declared ones, takes defaults, and brings text that
    /// spells an integer or a boolean to its type (SOAP and many TMF clients send all values as text). The
    /// [`RESERVED_CHARACTERISTICS`] are passed over. A JSON null counts as not given.
    ///
    /// # Errors
    /// Every fault at once: unknown names, missing required ones, values that do not fit.
    pub fn check_characteristics(
        &self,
        given: &BTreeMap<String, Value>,
    ) -> Result<Resolved, Vec<CharacteristicError>> {
        let mut errors = Vec::new();
        let mut resolved = Resolved::default();
        for name in given.keys().filter(|n| !RESERVED_CHARACTERISTICS.contains(&n.as_str())) {
            if !self.characteristics.iter().any(|d| d.name == *name) {
                errors.push(CharacteristicError { path: name.clone(), message: self.unknown_name() });
            }
        }
        for declared in &self.characteristics {
            let name = declared.name.clone();
            match given.get(&name).filter(|v| !v.is_null()) {
                Some(value) => match declared.accept(value) {
                    Ok(value) => {
                        resolved.values.insert(name, value);
                    }
                    Err(message) => errors.push(CharacteristicError { path: name, message }),
                },
                None => match (&declared.default, declared.required) {
                    (Some(value), _) => {
                        resolved.values.insert(name, value.clone());
                    }
                    (None, Required::No) => {}
                    (None, Required::BeforeStart) => resolved.missing.push(name),
                    (None, Required::Yes) => errors.push(CharacteristicError {
                        path: name,
                        message: "is required and missing".to_owned(),
                    }),
                },
            }
        }
        if errors.is_empty() { Ok(resolved) } else { Err(errors) }
    }

    fn unknown_name(&self) -> String {
        let names: Vec<_> = self.characteristics.iter().map(|d| d.name.as_str()).collect();
        if names.is_empty() {
            format!("is unknown: {} declares no characteristic beside plan and version", self.id)
        } else {
            format!("is unknown: {} declares {}", self.id, names.join(", "))
        }
    }
}

impl Declared {
    /// The value in its type, if it is allowed.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let value = match (self.kind, value) {
            (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => value.clone(),
            (Kind::Integer, Value::Number(n)) if n.is_i64() => value.clone(),
            (Kind::Integer, Value::String(s)) => {
                s.trim().parse::<i64>().map(Value::from).map_err(|_| "must be an integer".to_owned())?
            }
            (Kind::Boolean, Value::String(s)) => {
                s.trim().parse::<bool>().map(Value::from).map_err(|_| "must be true or false".to_owned())?
            }
            (Kind::String, _) => return Err("must be text".to_owned()),
            (Kind::Integer, _) => return Err("must be an integer".to_owned()),
            (Kind::Boolean, _) => return Err("must be true or false".to_owned()),
        };
        if !self.values.is_empty() && !self.values.contains(&value) {
            let allowed: Vec<_> = self.values.iter().map(plain).collect();
            return Err(format!("must be one of {}", allowed.join(", ")));
        }
        let (min, max) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
        match &value {
            Value::Number(n) if n.as_i64().is_none_or(|n| n < min || n > max) => {
                return Err(format!("must be {}", bounds(self.min, self.max)));
            }
            Value::String(s) => self.accept_text(s, min, max)?,
            _ => {}
        }
        Ok(value)
    }

    fn accept_text(&self, text: &str, min: i64, max: i64) -> Result<(), String> {
        let length = text.chars().count();
        if length > MAX_TEXT {
            return Err(format!("must have at most {MAX_TEXT} characters"));
        }
        // It goes into the environment of scripts, one variable a value, and into files of lines.
        if text.chars().any(char::is_control) {
            return Err("must not have control characters".to_owned());
        }
        let length = i64::try_from(length).expect("checked against MAX_TEXT above");
        if length < min || length > max {
            return Err(format!("must have {} characters", bounds(self.min, self.max)));
        }
        if let Some(pattern) = &self.pattern {
            let whole =
                Regex::new(&format!("^(?:{pattern})$")).map_err(|e| format!("cannot be checked: {e}"))?;
            if !whole.is_match(text) {
                return Err(format!("must match {pattern}"));
            }
        }
        Ok(())
    }
}

/// Checks that a pattern is a regular expression.
///
/// # Errors
/// What is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    Regex::new(&format!("^(?:{pattern})$")).map(|_| ()).map_err(|e| e.to_string())
}

/// A characteristic's value as plain text, as TMF638 shows it and scripts get it.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// `[a-z][A-Za-z0-9-]{0,31}`: the form of a characteristic's name.
#[must_use]
pub fn is_characteristic_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn bounds(min: Option<i64>, max: Option<i64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (None, Some(max)) => format!("{max} or less"),
        (None, None) => "within 64 bits".to_owned(),
    }
}
