//! Members that the inventory doors show alike.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use telvisor_model::Action;
use telvisor_model::catalogue::plain;

use crate::apps::catalogue::Catalogue;
use crate::clock::show as time;
use crate::store::customers::CustomerRow;
use crate::store::machines::MachineRow;
use crate::store::subscriptions::SubscriptionRow;

/// A time, where there is one.
pub fn put(out: &mut Value, key: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        out[key] = json!(time(at));
    }
}

/// `relatedParty` with the customer.
#[must_use]
pub fn party(customer_id: &str) -> Value {
    json!([{ "id": customer_id, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer" }])
}

/// A characteristic whose value is text.
#[must_use]
pub fn characteristic(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueType": "string", "value": value })
}

/// A characteristic whose value is a whole number.
#[must_use]
pub fn number(name: &str, value: i64) -> Value {
    json!({ "name": name, "valueType": "integer", "value": value })
}

/// The characteristics of a customer account.
#[must_use]
pub fn of_customer(c: &CustomerRow) -> Vec<Value> {
    let mut list = vec![characteristic("name", &c.name)];
    for (name, value) in [("email", &c.email), ("phone", &c.phone), ("language", &c.language)] {
        list.extend(value.iter().map(|v| characteristic(name, v)));
    }
    if c.test {
        list.push(characteristic("test", "true"));
    }
    if let Some(more) = c.characteristics.0.as_object() {
        list.extend(more.iter().map(|(k, v)| characteristic(k, &plain(v))));
    }
    list
}

/// The characteristics of a subscription; the address only while it is active.
#[must_use]
pub fn of_subscription(s: &SubscriptionRow, active: bool) -> Vec<Value> {
    let mut list = vec![characteristic("plan", &s.plan), characteristic("version", &s.version)];
    if let (Some(url), true) = (&s.access_url, active) {
        list.push(characteristic("accessUrl", url));
    }
    if let Some(more) = s.characteristics.0.as_object() {
        list.extend(more.iter().map(|(k, v)| characteristic(k, &plain(v))));
    }
    list
}

/// The characteristics of a machine.
#[must_use]
pub fn of_machine(m: &MachineRow, size: impl Fn(&str, i64) -> Value) -> Vec<Value> {
    vec![
        size("vcpu", m.vcpu),
        size("memoryMiB", m.memory_mib),
        size("diskGiB", m.disk_gib),
        characteristic("host", &m.host),
    ]
}

/// The name of an application; its id where the catalogue does not have it any more.
#[must_use]
pub fn name_of(catalogue: &Catalogue, application: &str) -> String {
    catalogue.find(application).map_or(application.to_owned(), |a| a.name)
}

/// The action of an order item as TMF641 and TMF622 say it.
#[must_use]
pub fn item_action(action: &str) -> &'static str {
    match action.parse() {
        Ok(Action::CreateCustomer | Action::Provision) => "add",
        Ok(Action::TerminateCustomer | Action::TerminateSubscription) => "delete",
        Ok(_) => "modify",
        Err(_) => "noChange",
    }
}
