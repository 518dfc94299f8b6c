//! What the bodies of both ordering APIs have in common.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::Version;
use crate::api::problem::Problem;
use crate::api::request::Object;
use crate::clock::show;

/// Channels that a client of the ordering APIs may say it stands for; every other is told by the door itself.
pub const CHANNELS: [&str; 2] = ["cli", "storefront"];
pub const ACTIONS: [&str; 4] = ["add", "modify", "delete", "noChange"];

#[derive(Debug, Deserialize)]
pub struct Note {
    pub text: String,
    pub author: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Party {
    pub id: String,
    pub role: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Characteristic {
    pub name: String,
    pub value: Value,
}

/// An object with the members that are in one of the lists; what is null counts as absent.
#[must_use]
pub fn keep(value: &Value, members: &[&[&str]]) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(k, v)| members.iter().any(|m| m.contains(&k.as_str())) && !v.is_null())
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Where a party's id stands, below the party.
#[must_use]
pub fn id_of_party(version: Version) -> &'static str {
    match version {
        Version::V4 => "id",
        Version::V5 => "partyOrPartyRole.id",
    }
}

/// The members that only v5 has, for a client that speaks it.
#[must_use]
pub fn more(version: Version, only: &'static [&'static str]) -> &'static [&'static str] {
    match version {
        Version::V4 => &[],
        Version::V5 => only,
    }
}

/// Notes with the id and date that they lack.
#[must_use]
pub fn notes(request: &Value, notes: &[Object<Note>], now: DateTime<Utc>) -> Vec<Value> {
    let given = request["note"].as_array().cloned().unwrap_or_default();
    given
        .into_iter()
        .zip(notes)
        .enumerate()
        .map(|(n, (mut value, note))| {
            let mut fill = |key: &str, text: String| {
                if let Some(map) = value.as_object_mut() {
                    map.entry(key).or_insert(Value::String(text));
                }
            };
            fill("id", (n + 1).to_string());
            fill("date", show(now));
            fill("author", note.author.clone().unwrap_or_else(|| "client".into()));
            fill("text", note.text.clone());
            fill("@type", "Note".into());
            value
        })
        .collect()
}

/// The one customer that these parties, each with its path, name.
///
/// # Errors
/// 400 with the path of a second one.
pub fn customer<'a>(parties: impl Iterator<Item = (String, &'a Party)>) -> Result<Option<String>, Problem> {
    let mut found: Option<(String, String)> = None;
    for (path, party) in parties {
        if !party.role.as_deref().is_some_and(|r| r.eq_ignore_ascii_case("customer")) {
            continue;
        }
        match &found {
            Some((id, first)) if *id != party.id => {
                let message =
                    format!("{} and {id} ({first}) are two customers; an order is for one", party.id);
                return Err(Problem::invalid(&path, message));
            }
            _ => found = Some((party.id.clone(), path)),
        }
    }
    Ok(found.map(|(id, _)| id))
}

/// Refuses items within an item (`member`, at `path`), which would otherwise be left undone.
///
/// # Errors
/// 400.
pub fn no_items_within(path: &str, member: &str, items: &[Map<String, Value>]) -> Result<(), Problem> {
    if items.is_empty() {
        return Ok(());
    }
    let message = format!(
        "items within items are not taken: give each as an item of the order, and say by {member}Relationship what it relies on"
    );
    Err(Problem::invalid(&format!("{path}.{member}"), message))
}

/// Whether a related party is the customer; roles have no case.
#[must_use]
pub fn is_customer(party: &Value) -> bool {
    party["role"].as_str().is_some_and(|r| r.eq_ignore_ascii_case("customer"))
}

/// A related party as it always goes out.
#[must_use]
pub fn party_out(mut party: Value) -> Value {
    let referred = if is_customer(&party) { "Customer" } else { "Organization" };
    if let Some(map) = party.as_object_mut() {
        map.entry("@type").or_insert(json!("RelatedParty"));
        map.entry("@referredType").or_insert(json!(referred));
    }
    party
}
