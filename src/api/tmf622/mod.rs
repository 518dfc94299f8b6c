//! TMF622 Product Ordering v4.0.0, and v5.0.0 over it.

pub mod body;
pub mod render;
pub mod v5;

use serde_json::Value;
use telvisor_model::OrderKind;

use super::ordering::change::Patchable;
use super::ordering::{COMPLETED, Ordering};
use super::tmf630::{Attribute, Kind};
use super::{TMF622, Version};
use crate::orders::Member;

/// What is TMF622's own among the ordering APIs.
pub static API: Ordering = Ordering {
    version: Version::V4,
    v5: &v5::V5,
    base: TMF622,
    kind: OrderKind::Product,
    what: "product order",
    order: "productOrder",
    cancel: "cancelProductOrder",
    items: "productOrderItem",
    thing: "product",
    characteristics: "productCharacteristic",
    attributes: ATTRIBUTES,
    draft: body::draft,
    path,
    render: render::product_order,
    patchable: Patchable {
        category: true,
        texts: &["description", "notificationContact"],
        lists: &["agreement", "orderTotalPrice", "payment", "productOfferingQualification", "quote"],
        objects: &["billingAccount"],
        fixed: &["cancellationDate", "cancellationReason", "channel", "completionDate"],
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
    ("channel.id", "channel", Kind::Text),
    ("orderDate", "order_date", Kind::Time),
    ("completionDate", COMPLETED, Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
    ("@type", "", Kind::Always("ProductOrder")),
];

/// Where a member stands in a TMF622 body.
#[must_use]
pub fn path(request: &Value, item: Option<usize>, member: &Member) -> String {
    let at = |rest: &str| match item {
        Some(n) => format!("productOrderItem[{n}]{rest}"),
        None => format!("productOrderItem{rest}"),
    };
    let given = &request["productOrderItem"][item.unwrap_or(0)];
    let offering = || match given["productOffering"]["id"].as_str() {
        None if given["product"]["productOffering"]["id"].is_string() => at(".product.productOffering.id"),
        _ => at(".productOffering.id"),
    };
    match member {
        Member::Items => at(""),
        Member::ItemId => at(".id"),
        Member::Relationship => at(".productOrderItemRelationship"),
        Member::Quantity => at(".quantity"),
        Member::Customer => "relatedParty".into(),
        Member::ExternalId => "externalId".into(),
        Member::Specification => offering(),
        Member::Service => at(".product.id"),
        Member::ServiceState => at(".product.status"),
        Member::RequestedStart => "requestedStartDate".into(),
        Member::Named(name) => (*name).into(),
        Member::Characteristic(name) => {
            let list = &given["product"]["productCharacteristic"];
            let index = list.as_array().and_then(|l| l.iter().position(|c| c["name"] == name.as_str()));
            match index {
                Some(i) => at(&format!(".product.productCharacteristic[{i}].value")),
                None if name == "plan" => offering(),
                None => at(&format!(".product.productCharacteristic (name = {name})")),
            }
        }
    }
}
