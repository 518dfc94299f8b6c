//! How the inventories and usage show events. An event tells of the thing itself: the name of an application is its id
//! there, and neither prices nor the orders behind it are shown.

use serde::de::Error as _;
use serde_json::{Error, Value};

use crate::api::inventory::records::Records;
use crate::api::{tmf635, tmf637, tmf638, tmf639};
use crate::orders::customers;
use crate::store::customers::CustomerRow;
use crate::store::events::EventRow;
use crate::store::sdr::UsageBody;
use crate::store::told::{MachineBody, SubscriptionBody};

fn account(e: &EventRow) -> Result<CustomerRow, Error> {
    Ok(customers::of_event(e)?.0)
}

fn subscription(e: &EventRow) -> Result<SubscriptionBody, Error> {
    serde_json::from_value(e.body.0.clone())
}

fn machine(e: &EventRow) -> Result<MachineBody, Error> {
    serde_json::from_value(e.body.0.clone())
}

pub(super) fn account_product(base: &str, e: &EventRow) -> Result<Value, Error> {
    Ok(tmf637::render::customer(base, &account(e)?, &[]))
}

pub(super) fn account_service(base: &str, e: &EventRow) -> Result<Value, Error> {
    Ok(tmf638::render::customer(base, &account(e)?, &[]))
}

pub(super) fn subscription_product(base: &str, e: &EventRow) -> Result<Value, Error> {
    let of = subscription(e)?;
    Ok(tmf637::render::subscription(base, None, &of.subscription, &of.owner, &[]))
}

pub(super) fn subscription_service(base: &str, e: &EventRow) -> Result<Value, Error> {
    let of = subscription(e)?;
    let name = &of.subscription.application;
    Ok(tmf638::render::subscription(base, name, &of.subscription, &of.owner, &[]))
}

pub(super) fn machine_service(base: &str, e: &EventRow) -> Result<Value, Error> {
    let of = machine(e)?;
    Ok(tmf638::render::machine(base, &of.machine, &of.owner.customer_id))
}

pub(super) fn machine_resource(v: &Records, base: &str, e: &EventRow) -> Result<Value, Error> {
    let of = machine(e)?;
    Ok(tmf639::machine_at(base, v, &of.machine, &of.owner.customer_id))
}

/// A record of the journal, or a record-only entry.
pub(super) fn usage(base: &str, e: &EventRow) -> Result<Value, Error> {
    if e.body.get("recordId").is_none() {
        return tmf635::USAGE.of_event(base, e);
    }
    let body: UsageBody = serde_json::from_value(e.body.0.clone())?;
    let customer = e.personal.as_ref().and_then(|p| p["customerId"].as_str()).unwrap_or_default();
    tmf635::render::usage(base, &body, customer)
        .ok_or_else(|| Error::custom("it is no record of the journal"))
}
