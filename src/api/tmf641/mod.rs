//! TMF641 Service Ordering v4.1.0, and v5.0.0 over it.

pub mod body;
pub mod render;
pub mod v5;

use serde_json::Value;
use telvisor_model::OrderKind;

use super::ordering::change::Patchable;
use super::ordering::{COMPLETED, Ordering};
use super::tmf630::{Attribute, Kind};
use super::{TMF641, Version};
use crate::orders::Member;

/// What is TMF641's own among the ordering APIs.
pub static API: Ordering = Ordering {
    version: Version::V4,
    v5: &v5::V5,
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
        fixed: &[],
    },
};

/// What an order can be filtered and sorted by.
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
    ("completionDate", COMPLETED, Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
    ("@type", "", Kind::Always("ServiceOrder")),
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
            let item = &request["serviceOrderItem"][item.unwrap_or(0)];
            let list = &item["service"]["serviceCharacteristic"];
            let index = list.as_array().and_then(|l| l.iter().position(|c| c["name"] == name.as_str()));
            match index {
                Some(i) => at(&format!(".service.serviceCharacteristic[{i}].value")),
                None if item["modifyPath"].is_array() => at(&format!(".modifyPath ({name})")),
                None => at(&format!(".service.serviceCharacteristic (name = {name})")),
            }
        }
    }
}
