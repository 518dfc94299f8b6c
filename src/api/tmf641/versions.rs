//! The two ends of a handler: how a client of each version is read, and how it is shown an order. Between them there is
//! one form, that of v4.

use serde_json::{Map, Value};

use super::{body, v5};
use crate::api::problem::Problem;
use crate::api::tmf630::{Ask, Attribute, Kind, Patched};
use crate::api::{TMF641, TMF641_V5, Version};
use crate::orders::Draft;

/// Base path of the version.
#[must_use]
pub fn base(version: Version) -> &'static str {
    match version {
        Version::V4 => TMF641,
        Version::V5 => TMF641_V5,
    }
}

/// What an order of v4 can be filtered and sorted by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("externalId", "external_id", Kind::Text),
    ("category", "category", Kind::Text),
    ("priority", "priority", Kind::Text),
    ("relatedParty.id", "customer_id", Kind::Text),
    ("externalReference.id", "channel", Kind::Text),
    ("orderDate", "order_date", Kind::Time),
    ("startDate", "started_at", Kind::Time),
    ("completionDate", "ended_at", Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
];

/// The same of v5, where parties have a wrapper and the external id stands among the references.
pub const ATTRIBUTES_V5: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("category", "category", Kind::Text),
    ("priority", "priority", Kind::Text),
    ("relatedParty.partyOrPartyRole.id", "customer_id", Kind::Text),
    ("externalReference.id", "external_id|channel", Kind::Text),
    ("orderDate", "order_date", Kind::Time),
    ("startDate", "started_at", Kind::Time),
    ("completionDate", "ended_at", Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
];

/// What an order can be filtered and sorted by.
#[must_use]
pub fn attributes(version: Version) -> &'static [Attribute] {
    match version {
        Version::V4 => ATTRIBUTES,
        Version::V5 => ATTRIBUTES_V5,
    }
}

/// Reads the body of a POST.
///
/// # Errors
/// 400 with the path of the member that does not fit.
pub async fn draft(
    ask: &Ask,
    version: Version,
    given: &Value,
    key: Option<String>,
) -> Result<Draft, Problem> {
    let now = ask.engine().db.clock().now();
    if version == Version::V4 {
        return body::draft(version, given, key, now);
    }
    let request = v5::read::order(given)?;
    let meant = v5::modify::meant(ask, request.clone()).await?;
    let mut draft = body::draft(version, &meant, key, now)?;
    // What was sent, not what it comes to today: a repeat is compared with it.
    draft.request = body::known(version, &request);
    Ok(draft)
}

/// An order as the version shows it; `v4` has the members of both.
#[must_use]
pub fn order(version: Version, base: &str, v4: Value) -> Value {
    match version {
        Version::V4 => v5::show::without_v5(v4),
        Version::V5 => v5::show::service_order(base, v4),
    }
}

/// A cancel task as the version shows it.
#[must_use]
pub fn task(version: Version, base: &str, v4: Value) -> Value {
    match version {
        Version::V4 => v4,
        Version::V5 => v5::show::cancel_order(base, v4),
    }
}

/// Checks the body of a cancel task.
///
/// # Errors
/// 400 with the path of what is missing.
pub fn cancel(version: Version, given: &Value) -> Result<(), Problem> {
    match version {
        Version::V4 => Ok(()),
        Version::V5 => crate::api::v5::read::resource(given, "CancelServiceOrder").map(|_| ()),
    }
}

/// What a PATCH changed, in the v4 form; `stored` is the order in it, with the members of both versions.
///
/// # Errors
/// 400 with the path of a member that does not fit.
pub fn patched(version: Version, patched: Patched, stored: &Value) -> Result<Patched, Problem> {
    if version == Version::V4 {
        return Ok(patched);
    }
    let named = |name: &String| patched.value.get(name).map(|v| (name.clone(), v.clone()));
    let given: Map<String, Value> = patched.changed.iter().filter_map(named).collect();
    let mut value = v5::read::members(&given)?;
    for name in patched.changed {
        if name == "externalReference" {
            value.entry("externalId").or_insert(Value::Null);
            value.entry(name).or_insert_with(|| Value::Array(vec![]));
        } else {
            value.entry(name).or_insert(Value::Null);
        }
    }
    let same =
        |name: &String| value.get(name).unwrap_or(&Value::Null) == stored.get(name).unwrap_or(&Value::Null);
    let changed = value.keys().filter(|name| !same(name)).cloned().collect();
    Ok(Patched { value: Value::Object(value), changed })
}
