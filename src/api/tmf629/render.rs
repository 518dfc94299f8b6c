//! A customer as TMF629 v4.0.0 shows it: what the client gave, and over it what Telvisor works with.

use serde_json::{Value, json};

use super::body::{self, NUMBER};
use crate::api::TMF629;
use crate::clock::show;
use crate::orders::Given;
use crate::orders::customers;
use crate::store::customers::CustomerRow;
use crate::store::events::EventRow;

/// Renders a customer; `profile` is what TMF629 gave of it, if it came by that door.
#[must_use]
pub fn customer(base: &str, c: &CustomerRow, profile: Option<&Value>) -> Value {
    let mut out = profile.filter(|p| p.is_object()).cloned().unwrap_or_else(|| json!({}));
    out["id"] = json!(c.customer_id);
    out["href"] = json!(format!("{base}{TMF629}/customer/{}", c.customer_id));
    out["name"] = json!(c.name);
    out["status"] = json!(status(&c.state));
    if c.state == "cancelled" && out["statusReason"].is_null() {
        out["statusReason"] = json!("the order that creates the customer was not completed");
    }
    if out["engagedParty"].is_null() {
        out["engagedParty"] = party(c);
    }
    if out["validFor"].is_null() {
        out["validFor"] = valid_for(c);
    }
    characteristics(&mut out, c);
    typed(&mut out["engagedParty"], "RelatedParty");
    typed(&mut out, "Customer");
    out
}

fn typed(value: &mut Value, kind: &str) {
    if value["@type"].is_null() {
        value["@type"] = json!(kind);
    }
}

/// `pending`, `active`, `suspended`, or `terminated`, which a customer that never came to be is too.
fn status(state: &str) -> &str {
    match state {
        "pending" | "active" | "suspended" => state,
        _ => "terminated",
    }
}

/// From when to when the customer exists, where the client does not say it.
#[must_use]
pub fn valid_for(c: &CustomerRow) -> Value {
    let mut out = json!({ "startDateTime": show(c.created_at) });
    if let Some(at) = c.ended_at {
        out["endDateTime"] = json!(show(at));
    }
    out
}

/// The party of a customer that came by a door that knows none: the customer itself.
fn party(c: &CustomerRow) -> Value {
    let organization = c.characteristics.0["customerType"] == "organization";
    let kind = if organization { "Organization" } else { "Individual" };
    json!({ "id": c.customer_id, "name": c.name, "@referredType": kind })
}

/// Adds what the row has and what was given does not say, or says otherwise.
fn characteristics(out: &mut Value, c: &CustomerRow) {
    let (number, given) = body::read(out).unwrap_or_default();
    let mut media = body::list(out, "contactMedium").to_vec();
    let mut list = body::list(out, "characteristic").to_vec();
    let mut missing = vec![];
    if number.as_deref() != Some(&c.customer_id) {
        missing.push((NUMBER, json!(c.customer_id)));
    }
    if c.test {
        missing.push(("test", json!(true)));
    }
    for (name, value) in [("email", &c.email), ("phone", &c.phone), ("language", &c.language)] {
        missing.extend(value.as_ref().map(|v| (name, json!(v))));
    }
    let more = c.characteristics.0.as_object();
    missing.extend(more.into_iter().flatten().map(|(name, value)| (name.as_str(), value.clone())));
    missing.retain(|(name, value)| !given.iter().any(|g: &Given| g.name == *name && g.value == *value));
    for (name, value) in missing {
        if let Some(known) = list.iter_mut().find(|known| known["name"] == name) {
            known["value"] = value;
        } else if let ("email" | "phone", false) = (name, given.iter().any(|g| g.name == name)) {
            let member = if name == "email" { "emailAddress" } else { "phoneNumber" };
            media.push(json!({ "mediumType": name, "characteristic": { member: value } }));
        } else {
            list.push(json!({ "name": name, "value": value }));
        }
    }
    for (member, entries) in [("characteristic", list), ("contactMedium", media)] {
        if !entries.is_empty() {
            out[member] = Value::Array(entries);
        }
    }
}

/// The customer that one of its events shows.
///
/// # Errors
/// When it is no event of a customer.
pub fn of_event(base: &str, e: &EventRow) -> Result<Value, serde_json::Error> {
    let (row, profile) = customers::of_event(e)?;
    Ok(customer(base, &row, profile.as_ref()))
}
