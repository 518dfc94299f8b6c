//! The APIs with a hub: what of our events each of them shows, and how. A version of an API has one row; a resource
//! that it shows has one entry in it.

use telvisor_model::{EventKind, Resource};

use crate::api::{TMF641, tmf641};
use crate::notify::{Api, Envelope, Shown, Shows};
use crate::store::cancels::CancelRow;
use crate::store::events::EventRow;
use crate::store::orders::{OrderBody, PersonalRow};

use super::query;

/// What `app` hands to the part that notifies.
pub const SHOWS: Shows = Shows { apis: APIS, fits: query::fits };

/// Events of an order in TMF641 v4.1.
const SERVICE_ORDER: &[(EventKind, &str)] = &[
    (EventKind::Create, "CreateEvent"),
    (EventKind::AttributeValueChange, "AttributeValueChangeEvent"),
    (EventKind::StateChange, "StateChangeEvent"),
    (EventKind::Delete, "DeleteEvent"),
    (EventKind::InformationRequired, "InformationRequiredEvent"),
    (EventKind::Milestone, "MilestoneEvent"),
    (EventKind::Jeopardy, "JeopardyEvent"),
];
/// Events of a cancel task.
const CANCEL: &[(EventKind, &str)] = &[
    (EventKind::Create, "CreateEvent"),
    (EventKind::StateChange, "StateChangeEvent"),
    (EventKind::InformationRequired, "InformationRequiredEvent"),
];

/// Every version of every API with a hub.
pub const APIS: &[Api] = &[Api {
    name: "tmf641.v4",
    path: TMF641,
    envelope: Envelope::V4,
    domain: "ServiceOrdering",
    reads_hub: false,
    shown: &[
        Shown {
            resource: Resource::ServiceOrder,
            key: "serviceOrder",
            events: SERVICE_ORDER,
            render: |base, e| {
                let (body, personal) = order(e)?;
                Ok(tmf641::render::service_order(
                    base,
                    &body.order,
                    &body.items,
                    &personal.request.0,
                    &personal.notes.0,
                ))
            },
        },
        Shown {
            resource: Resource::CancelServiceOrder,
            key: "cancelServiceOrder",
            events: CANCEL,
            render: |base, e| {
                let task: CancelRow = serde_json::from_value(e.body.0.clone())?;
                Ok(tmf641::render::cancel_order(base, &task))
            },
        },
    ],
}];

/// An order as an event keeps it.
fn order(e: &EventRow) -> Result<(OrderBody, PersonalRow), serde_json::Error> {
    let personal = e.personal.as_ref().map(|p| p.0.clone()).unwrap_or_default();
    Ok((serde_json::from_value(e.body.0.clone())?, serde_json::from_value(personal)?))
}
