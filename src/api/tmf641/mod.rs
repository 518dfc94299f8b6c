//! TMF641 Service Ordering v4.1.0.

pub mod body;
pub mod render;

use serde_json::Value;
use telvisor_model::OrderKind;

use super::TMF641;
use super::ordering::Ordering;
use super::ordering::change::Patchable;
use super::tmf630::{Attribute, Kind};
use crate::orders::Member;

/// What is TMF641's own among the ordering APIs.
pub static API: Ordering = Ordering {
    base: TMF641,
    kind: OrderKind::Service,
    what: "service order",
    order: "serviceOrder",
    cancel: "cancelServiceOrder",
    items: "serviceOrderItem",
    thing: "service",
    characteristics: "serviceCharacteristic",
    attributes: ATTRIBUTES,
    draft: body::draft,
    path,
    render: render::service_order,
    patchable: Patchable {
        category: false,
        texts: &["description", "notificationContact"],
        lists: &["externalReference", "orderRelationship"],
        objects: &[],
        fixed: &["relatedParty"],
    },
};

/// What an order can be filtered and sorted by.
const ATTRIBUTES: &[Attribute] = &[
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

/// Where a member stands in a TMF641 body.
#[must_use]
pub fn path(request: &Value, item: Option<usize>, member: &Member) -> String {
    let at = |rest: &str| match item {
        Some(n) => format!("serviceOrderItem[{n}]{rest}"),
        None => format!("serviceOrderItem{rest}"),
    };
    match member {
        Member::Items => at(""),
        Member::ItemId => at(".id"),
        Member::Relationship => at(".serviceOrderItemRelationship"),
        Member::Quantity => at(".quantity"),
        Member::Customer => "relatedParty".into(),
        Member::ExternalId => "externalId".into(),
        Member::Specification => at(".service.serviceSpecification.id"),
        Member::Service => at(".service.id"),
        Member::ServiceState => at(".service.state"),
        Member::RequestedStart => "requestedStartDate".into(),
        Member::Named(name) => (*name).into(),
        Member::Characteristic(name) => {
            let list = &request["serviceOrderItem"][item.unwrap_or(0)]["service"]["serviceCharacteristic"];
            let index = list.as_array().and_then(|l| l.iter().position(|c| c["name"] == name.as_str()));
            match index {
                Some(i) => at(&format!(".service.serviceCharacteristic[{i}].value")),
                None => at(&format!(".service.serviceCharacteristic (name = {name})")),
            }
        }
    }
}
