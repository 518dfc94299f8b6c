//! The two ordering APIs, TMF641 and TMF622: the same resources and rules under two names. What differs between them
//! is data, an [`Ordering`] for each.

pub mod cancel;
pub mod change;
pub mod orders;
pub mod read;
pub mod versions;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use telvisor_model::OrderKind;

use super::problem::Problem;
use super::request::JsonBody;
use super::tmf630::{Ask, Attribute, PatchBody};
use super::{Doors, Version};
use crate::clock::show;
use crate::orders::{Draft, Member};
use crate::store::cancels::CancelRow;
use crate::store::orders::{ItemRow, OrderRow};

/// Reads a POST body in the v4 form, which a client of the version sent; then the idempotency key, if the client gave
/// one, and the time.
pub type ReadDraft = fn(Version, &Value, Option<String>, DateTime<Utc>) -> Result<Draft, Problem>;

/// When an order was completed, as it is shown: a cancelled or rejected one has no such date.
pub const COMPLETED: &str = "CASE WHEN state IN ('completed', 'partial', 'failed') THEN ended_at END";

/// One of the ordering APIs, in one version.
#[derive(Debug)]
pub struct Ordering {
    pub version: Version,
    /// What v5 of it says otherwise.
    pub v5: &'static versions::V5,
    /// Base path of this version.
    pub base: &'static str,
    pub kind: OrderKind,
    /// For people: `service order`.
    pub what: &'static str,
    /// The resource, and the member that refers to one: `serviceOrder`.
    pub order: &'static str,
    /// The task that cancels one: `cancelServiceOrder`.
    pub cancel: &'static str,
    /// The items, what an item is about, and the characteristics of that.
    pub items: &'static str,
    pub thing: &'static str,
    pub characteristics: &'static str,
    /// What an order can be filtered and sorted by.
    pub attributes: &'static [Attribute],
    pub draft: ReadDraft,
    /// Where a member stands in a body.
    pub path: fn(&Value, Option<usize>, &Member) -> String,
    /// Renders an order in the v4 form, with the members of both versions: what hrefs begin with, the order, its items,
    /// the request, the notes.
    pub render: fn(&str, &OrderRow, &[ItemRow], &Value, &[Value]) -> Value,
    pub patchable: change::Patchable,
}

/// The routes of an ordering API, below its base path.
pub fn routes(api: &'static Ordering) -> Router<Doors> {
    let order = get(move |ask: Ask, id: Path<String>| orders::show(api, ask, id))
        .patch(move |ask: Ask, id: Path<String>, body: PatchBody| change::patch(api, ask, id, body))
        .delete(move |ask: Ask, id: Path<String>| change::delete(api, ask, id));
    let list = get(move |ask: Ask| orders::list(api, ask))
        .post(move |ask: Ask, body: JsonBody| orders::create(api, ask, body));
    let task = get(move |ask: Ask, id: Path<String>| cancel::show(api, ask, id));
    let tasks = get(move |ask: Ask| cancel::list(api, ask))
        .post(move |ask: Ask, body: JsonBody| cancel::create(api, ask, body));
    Router::new()
        .route(&format!("/{}", api.order), list)
        .route(&format!("/{}/{{id}}", api.order), order)
        .route(&format!("/{}", api.cancel), tasks)
        .route(&format!("/{}/{{id}}", api.cancel), task)
}

impl Ordering {
    /// Renders a cancel task as the v4 files have it. TMF641 calls a task that is there `accepted`, TMF622
    /// `acknowledged`; TMF641 alone has a message and an error.
    #[must_use]
    pub fn task(&self, base: &str, c: &CancelRow) -> Value {
        let service = self.kind == OrderKind::Service;
        let mut out = Map::new();
        out.insert("id".into(), json!(c.id));
        out.insert("href".into(), json!(format!("{base}{}/{}/{}", self.base, self.cancel, c.id)));
        let state = if c.state == "accepted" && !service { "acknowledged" } else { &c.state };
        out.insert("state".into(), json!(state));
        if let Some(reason) = &c.reason {
            out.insert("cancellationReason".into(), json!(reason));
        }
        if let (Some(message), true) = (&c.message, service) {
            out.insert("completionMessage".into(), json!(message));
            if c.state == "terminatedWithError" {
                let reason = "the order cannot be cancelled any more";
                let error = json!({ "code": "pointOfNoReturn", "reason": reason, "message": message });
                out.insert("errorMessage".into(), error);
            }
        }
        put_time(&mut out, "requestedCancellationDate", Some(c.requested_for.unwrap_or(c.requested_at)));
        if c.state == "done" {
            put_time(&mut out, "effectiveCancellationDate", c.ended_at);
        }
        let name = capital(self.order);
        let order = json!({
            "id": c.order_id, "href": format!("{base}{}/{}/{}", self.base, self.order, c.order_id),
            "@type": format!("{name}Ref"), "@referredType": name,
        });
        out.insert(self.order.into(), order);
        out.insert("@type".into(), json!(capital(self.cancel)));
        Value::Object(out)
    }
}

/// A resource's name as a type has it.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Puts a time, where there is one.
pub fn put_time(map: &mut Map<String, Value>, key: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        map.insert(key.into(), Value::String(show(at)));
    }
}

/// What both APIs show of an order by the same names, over the request as the client gave it.
#[must_use]
pub fn common(api: &Ordering, base: &str, o: &OrderRow, request: &Value) -> Map<String, Value> {
    let mut out = request.as_object().cloned().unwrap_or_default();
    out.insert("id".into(), json!(o.id));
    out.insert("href".into(), json!(format!("{base}{}/{}/{}", api.base, api.order, o.id)));
    out.insert("state".into(), json!(o.state));
    out.insert("@type".into(), json!(capital(api.order)));
    for (key, value) in [("externalId", &o.external_id), ("category", &o.category), ("priority", &o.priority)]
    {
        match value {
            Some(v) => out.insert(key.into(), json!(v)),
            None => out.remove(key),
        };
    }
    for (key, at) in [
        ("orderDate", Some(o.order_date)),
        ("requestedStartDate", o.requested_start),
        ("requestedCompletionDate", o.requested_completion),
        ("expectedCompletionDate", o.expected_completion),
        ("cancellationDate", o.cancelled_at),
        ("completionDate", o.ended_at.filter(|_| o.state.is_completion())),
    ] {
        out.remove(key);
        put_time(&mut out, key, at);
    }
    out.remove("cancellationReason");
    if let Some(reason) = &o.cancel_reason {
        out.insert("cancellationReason".into(), json!(reason));
    }
    out
}

/// The client's parties, and the customer that the order is for where they do not name it.
#[must_use]
pub fn parties(o: &OrderRow, request: &Value) -> Vec<Value> {
    let given = request["relatedParty"].as_array().cloned().unwrap_or_default();
    let named = given.iter().any(read::is_customer);
    let own = o.customer_id.as_ref().filter(|_| !named);
    let own = own.map(|id| json!({ "id": id, "role": "customer" }));
    given.into_iter().chain(own).map(read::party_out).collect()
}

/// A note of our own.
#[must_use]
pub fn own_note(id: &str, text: &str) -> Value {
    json!({ "id": id, "author": "telvisor", "text": text, "@type": "Note" })
}
