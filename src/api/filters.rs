//! All stored lists with what they can be filtered and sorted by; `docs/filters.md` is held against it.

use super::tmf630::Attribute;
use super::{ordering, tmf622, tmf629, tmf635, tmf637, tmf638, tmf639, tmf641, tmf642};

/// A stored list.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// API and resource, as the page has them.
    pub name: &'static str,
    /// The table that is read, where it is one.
    pub table: Option<&'static str>,
    pub attributes: &'static [Attribute],
}

/// The lists, in the order of the page.
pub const LISTS: &[List] = &[
    List { name: "TMF641 serviceOrder", table: Some("orders"), attributes: tmf641::ATTRIBUTES },
    List {
        name: "TMF641 cancelServiceOrder",
        table: Some("cancel_orders"),
        attributes: ordering::cancel::OF_SERVICE_ORDERS,
    },
    List { name: "TMF622 productOrder", table: Some("orders"), attributes: tmf622::ATTRIBUTES },
    List {
        name: "TMF622 cancelProductOrder",
        table: Some("cancel_orders"),
        attributes: ordering::cancel::OF_PRODUCT_ORDERS,
    },
    List { name: "TMF641 v5 serviceOrder", table: Some("orders"), attributes: tmf641::v5::ATTRIBUTES },
    List {
        name: "TMF641 v5 cancelServiceOrder",
        table: Some("cancel_orders"),
        attributes: ordering::cancel::OF_SERVICE_ORDERS_V5,
    },
    List { name: "TMF622 v5 productOrder", table: Some("orders"), attributes: tmf622::v5::ATTRIBUTES },
    List { name: "TMF629 customer", table: Some("customers"), attributes: tmf629::ATTRIBUTES },
    List { name: "TMF635 usage", table: None, attributes: tmf635::ATTRIBUTES },
    List { name: "TMF637 product", table: None, attributes: tmf637::ATTRIBUTES },
    List { name: "TMF638 service", table: None, attributes: tmf638::ATTRIBUTES },
    List { name: "TMF639 resource", table: None, attributes: tmf639::ATTRIBUTES },
    List { name: "TMF642 alarm", table: Some("alarms_personal"), attributes: tmf642::ATTRIBUTES },
    List {
        name: "TMF642 ackAlarms and the other tasks",
        table: Some("alarm_tasks_personal"),
        attributes: tmf642::tasks::ATTRIBUTES,
    },
];
