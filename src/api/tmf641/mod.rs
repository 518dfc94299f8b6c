//! TMF641 Service Ordering v4.1.0.

pub mod body;
pub mod cancel;
pub mod change;
pub mod orders;
pub mod render;

use serde_json::Value;

use crate::orders::Member;

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
