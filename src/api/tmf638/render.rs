//! A service as TMF638 v4 shows it.

use serde_json::{Value, json};
use telvisor_model::shown;

use crate::api::inventory::show::{
    characteristic, item_action, of_customer, of_machine, of_subscription, party, put,
};
use crate::api::{TMF633, TMF638, TMF639, TMF641};
use crate::clock::show as time;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::store::customers::CustomerRow;
use crate::store::inventory::OrderLink;
use crate::store::machines::MachineRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::told::Owner;

/// `serviceSpecification`. That of a machine is no entry of the catalogue: no machine is ordered.
fn spec(base: &str, id: &str, name: &str, version: &str) -> Value {
    json!({
        "id": id, "name": name, "version": version,
        "href": format!("{base}{TMF633}/serviceSpecification/{id}"), "@type": "ServiceSpecificationRef",
    })
}

/// The service orders that made or changed it.
fn links(out: &mut Value, base: &str, orders: &[OrderLink]) {
    if orders.is_empty() {
        return;
    }
    let link = |o: &OrderLink| {
        json!({
            "serviceOrderId": o.order_id, "serviceOrderHref": format!("{base}{TMF641}/serviceOrder/{}", o.order_id),
            "itemId": o.item_id, "itemAction": item_action(&o.action),
            "@type": "RelatedServiceOrderItem", "@referredType": "ServiceOrderItem",
        })
    };
    out["serviceOrderItem"] = orders.iter().map(link).collect();
}

/// A customer account.
#[must_use]
pub fn customer(base: &str, c: &CustomerRow, orders: &[OrderLink]) -> Value {
    let state = shown::account_service(c.kept());
    let mut out = json!({
        "id": c.customer_id,
        "href": format!("{base}{TMF638}/service/{}", c.customer_id),
        "category": "CFS", "name": "Customer account", "serviceType": CUSTOMER_ACCOUNT, "state": state,
        "serviceDate": time(c.created_at),
        "hasStarted": c.started_at.is_some(), "isServiceEnabled": state == "active",
        "serviceSpecification": spec(base, CUSTOMER_ACCOUNT, "Customer account", "1"),
        "serviceCharacteristic": of_customer(c),
        "relatedParty": party(&c.customer_id),
        "@type": "Service",
    });
    put(&mut out, "startDate", c.started_at);
    put(&mut out, "endDate", c.ended_at);
    links(&mut out, base, orders);
    out
}

/// A subscription; `name` is that of its application.
#[must_use]
pub fn subscription(
    base: &str,
    name: &str,
    s: &SubscriptionRow,
    owner: &Owner,
    orders: &[OrderLink],
) -> Value {
    let state = shown::subscription_service(s.kept(), owner.kept());
    let mut out = json!({
        "id": s.id,
        "href": format!("{base}{TMF638}/service/{}", s.id),
        "category": "CFS", "name": name, "serviceType": s.application, "state": state,
        "serviceDate": time(s.created_at),
        "hasStarted": s.started_at.is_some(), "isServiceEnabled": state == "active",
        "serviceSpecification": spec(base, &s.application, name, &s.version),
        "serviceCharacteristic": of_subscription(s, state == "active"),
        "relatedParty": party(&owner.customer_id),
        "@type": "Service",
    });
    if let Some(machine) = s.machine {
        out["supportingService"] = json!([{
            "id": machine, "href": format!("{base}{TMF638}/service/{machine}"), "category": "RFS",
            "@type": "Service", "@referredType": "Service",
        }]);
        out["supportingResource"] = resource(base, machine);
    }
    put(&mut out, "startDate", s.started_at);
    put(&mut out, "endDate", s.ended_at);
    links(&mut out, base, orders);
    out
}

/// A machine, as the resource-facing service that subscriptions run on.
#[must_use]
pub fn machine(base: &str, m: &MachineRow, customer_id: &str) -> Value {
    let state = shown::machine_service(&m.state, m.ended_at.is_some());
    let mut out = json!({
        "id": m.id,
        "href": format!("{base}{TMF638}/service/{}", m.id),
        "category": "RFS", "name": m.name, "serviceType": "machine", "state": state,
        "serviceDate": time(m.created_at), "startDate": time(m.created_at),
        "hasStarted": state != "reserved", "isServiceEnabled": state == "active",
        "serviceSpecification": { "id": "machine", "name": "Machine", "@type": "ServiceSpecificationRef" },
        "serviceCharacteristic": of_machine(m, |name, n| characteristic(name, &n.to_string())),
        "supportingResource": resource(base, m.id),
        "relatedParty": party(customer_id),
        "@type": "Service",
    });
    put(&mut out, "endDate", m.ended_at);
    out
}

fn resource(base: &str, machine: uuid::Uuid) -> Value {
    json!([{
        "id": machine, "href": format!("{base}{TMF639}/resource/{machine}"),
        "@type": "ResourceRef", "@referredType": "LogicalResource",
    }])
}
