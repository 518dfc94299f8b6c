//! TMF641 Service Ordering v4.1.0, and v5.0.0 over it.

pub mod body;
pub mod cancel;
pub mod change;
pub mod orders;
pub mod render;
pub mod v5;
pub mod versions;

use serde_json::Value;

use super::Version;
use crate::orders::Member;

/// Where a member stands in a TMF641 body.
#[must_use]
pub fn path(version: Version, request: &Value, item: Option<usize>, member: &Member) -> String {
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
        Member::ExternalId if version == Version::V5 => {
            "externalReference (externalReferenceType = externalId).id".into()
        }
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
