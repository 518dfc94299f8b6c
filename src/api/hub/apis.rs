//! The APIs with a hub: what of our events each of them shows, and how. A version of an API has one row; a resource
//! that it shows has one entry in it.

use serde_json::Value;
use telvisor_model::{EventKind, Resource};

use super::query;
use crate::api::ordering::Ordering;
use crate::api::{TMF622, TMF622_V5, TMF641, TMF641_V5, tmf622, tmf641};
use crate::notify::{Api, Envelope, Render, Shown, Shows};
use crate::store::cancels::CancelRow;
use crate::store::events::EventRow;
use crate::store::orders::{OrderBody, PersonalRow};

/// What `app` hands to the part that notifies.
pub const SHOWS: Shows = Shows { apis: APIS, fits: query::fits };

/// Which events of a resource an API has, and how their names end.
type Events = &'static [(EventKind, &'static str)];

const CREATE: (EventKind, &str) = (EventKind::Create, "CreateEvent");
const CHANGE: (EventKind, &str) = (EventKind::AttributeValueChange, "AttributeValueChangeEvent");
const STATE: (EventKind, &str) = (EventKind::StateChange, "StateChangeEvent");
const DELETE: (EventKind, &str) = (EventKind::Delete, "DeleteEvent");
const INFORMATION: (EventKind, &str) = (EventKind::InformationRequired, "InformationRequiredEvent");
const MILESTONE: (EventKind, &str) = (EventKind::Milestone, "MilestoneEvent");

/// An order in TMF641 v4.1 and v5.0.
const SERVICE_ORDER: Events =
    &[CREATE, CHANGE, STATE, DELETE, INFORMATION, MILESTONE, (EventKind::Jeopardy, "JeopardyEvent")];
/// An order in TMF622 v4.0.
const PRODUCT_ORDER: Events = &[CREATE, CHANGE, STATE, DELETE, INFORMATION];
/// A cancel task.
const CANCEL: Events = &[CREATE, STATE, INFORMATION];

/// An order in TMF622 v5.0.
const PRODUCT_ORDER_V5: Events = &[
    CREATE,
    CHANGE,
    STATE,
    DELETE,
    INFORMATION,
    MILESTONE,
    (EventKind::Jeopardy, "JeopardyAlertEvent"),
    (EventKind::ErrorMessage, "ErrorMessageEvent"),
];

/// Every version of every API with a hub.
pub const APIS: &[Api] = &[
    Api {
        name: "tmf622.v4",
        path: TMF622,
        envelope: Envelope::V4,
        domain: "ProductOrdering",
        reads_hub: false,
        shown: &[
            product_order(PRODUCT_ORDER, |base, e| order(&tmf622::API, base, e)),
            product_task(|base, e| task(&tmf622::API, base, e)),
        ],
    },
    Api {
        name: "tmf622.v5",
        path: TMF622_V5,
        envelope: Envelope::V5,
        domain: "ProductOrdering",
        reads_hub: false,
        shown: &[
            product_order(PRODUCT_ORDER_V5, |base, e| order(&tmf622::v5::API, base, e)),
            product_task(|base, e| task(&tmf622::v5::API, base, e)),
        ],
    },
    Api {
        name: "tmf641.v4",
        path: TMF641,
        envelope: Envelope::V4,
        domain: "ServiceOrdering",
        reads_hub: false,
        shown: &[
            service_order(|base, e| order(&tmf641::API, base, e)),
            service_task(|base, e| task(&tmf641::API, base, e)),
        ],
    },
    Api {
        name: "tmf641.v5",
        path: TMF641_V5,
        envelope: Envelope::V5,
        domain: "ServiceOrdering",
        reads_hub: false,
        shown: &[
            service_order(|base, e| order(&tmf641::v5::API, base, e)),
            service_task(|base, e| task(&tmf641::v5::API, base, e)),
        ],
    },
];

const fn product_order(events: Events, render: Render) -> Shown {
    Shown { resource: Resource::ProductOrder, key: "productOrder", events, render }
}

const fn product_task(render: Render) -> Shown {
    Shown { resource: Resource::CancelProductOrder, key: "cancelProductOrder", events: CANCEL, render }
}

const fn service_order(render: Render) -> Shown {
    Shown { resource: Resource::ServiceOrder, key: "serviceOrder", events: SERVICE_ORDER, render }
}

const fn service_task(render: Render) -> Shown {
    Shown { resource: Resource::CancelServiceOrder, key: "cancelServiceOrder", events: CANCEL, render }
}

/// The order of an event.
fn order(api: &Ordering, base: &str, e: &EventRow) -> Result<Value, serde_json::Error> {
    let body: OrderBody = serde_json::from_value(e.body.0.clone())?;
    let personal = e.personal.as_ref().map(|p| p.0.clone()).unwrap_or_default();
    let personal: PersonalRow = serde_json::from_value(personal)?;
    let neutral = (api.render)(base, &body.order, &body.items, &personal.request.0, &personal.notes.0);
    Ok(api.show(base, &body.order, neutral))
}

/// The cancel task of an event.
fn task(api: &Ordering, base: &str, e: &EventRow) -> Result<Value, serde_json::Error> {
    let task: CancelRow = serde_json::from_value(e.body.0.clone())?;
    Ok(api.show_task(base, &task))
}
