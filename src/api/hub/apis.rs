//! The APIs with a hub: what of our events each of them shows, and how. A version of an API has one row; a resource
//! that it shows has one entry in it.

use serde::de::Error as _;
use serde_json::{Error, Value};
use telvisor_model::{EventKind, Resource};

use super::{inventory, query};
use crate::api::ordering::Ordering;
use crate::api::{
    TMF620, TMF622, TMF622_V5, TMF629, TMF633, TMF635, TMF637, TMF638, TMF639, TMF639_V5, TMF641, TMF641_V5,
    TMF642, catalogue, soap::callback, tmf620, tmf622, tmf629, tmf633, tmf635, tmf637, tmf638, tmf639,
    tmf641, tmf642,
};
use crate::notify::{Api, Envelope, Render, Shown, Shows};
use crate::store::cancels::CancelRow;
use crate::store::events::EventRow;
use crate::store::orders::{OrderBody, PersonalRow};

/// What `app` hands to the part that notifies.
pub const SHOWS: Shows = Shows { apis: APIS, fits: query::fits, soap: callback::SOAP };

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

/// A customer, and a catalogue entry in TMF620.
const USUAL: Events = &[CREATE, CHANGE, STATE, DELETE];
/// A catalogue entry in TMF633, which has one event for every change.
const CHANGES: Events = &[
    CREATE,
    (EventKind::AttributeValueChange, "ChangeEvent"),
    (EventKind::StateChange, "ChangeEvent"),
    DELETE,
];

/// What was ordered: it stays readable when it has ended.
const LIVES: Events = &[CREATE, CHANGE, STATE];
/// A task on alarms.
const TASK: Events = &[CREATE, STATE];
/// A usage specification, which has no event of its state.
const STATELESS: Events = &[CREATE, CHANGE, (EventKind::StateChange, "AttributeValueChangeEvent"), DELETE];

/// Every version of every API with a hub.
pub const APIS: &[Api] = &[
    v4(
        "tmf620.v4",
        TMF620,
        "ProductCatalog",
        &[
            shown(Resource::Catalog, "catalog", USUAL, product_catalogue),
            shown(Resource::Category, "category", USUAL, product_catalogue),
            shown(Resource::ProductOffering, "productOffering", USUAL, product_catalogue),
            shown(Resource::ProductOfferingPrice, "productOfferingPrice", USUAL, product_catalogue),
            shown(Resource::ProductSpecification, "productSpecification", USUAL, product_catalogue),
        ],
    ),
    v4(
        "tmf622.v4",
        TMF622,
        "ProductOrdering",
        &[
            shown(Resource::ProductOrder, "productOrder", PRODUCT_ORDER, |base, e| {
                order(&tmf622::API, base, e)
            }),
            shown(Resource::CancelProductOrder, "cancelProductOrder", CANCEL, |base, e| {
                task(&tmf622::API, base, e)
            }),
        ],
    ),
    v5(
        "tmf622.v5",
        TMF622_V5,
        "ProductOrdering",
        &[
            shown(Resource::ProductOrder, "productOrder", PRODUCT_ORDER_V5, |base, e| {
                order(&tmf622::v5::API, base, e)
            }),
            shown(Resource::CancelProductOrder, "cancelProductOrder", CANCEL, |base, e| {
                task(&tmf622::v5::API, base, e)
            }),
        ],
    ),
    v4(
        "tmf629.v4",
        TMF629,
        "Customer",
        &[shown(Resource::Customer, "customer", USUAL, tmf629::render::of_event)],
    ),
    v4(
        "tmf633.v4",
        TMF633,
        "ServiceCatalog",
        &[
            shown(Resource::ServiceCatalog, "serviceCatalog", CHANGES, service_catalogue),
            shown(Resource::ServiceCategory, "serviceCategory", CHANGES, service_catalogue),
            shown(Resource::ServiceCandidate, "serviceCandidate", CHANGES, service_catalogue),
            shown(Resource::ServiceSpecification, "serviceSpecification", CHANGES, service_catalogue),
        ],
    ),
    v4(
        "tmf635.v4",
        TMF635,
        "Usage",
        &[
            shown(Resource::Usage, "usage", USUAL, inventory::usage),
            shown(Resource::UsageSpecification, "usageSpecification", STATELESS, |base, e| {
                tmf635::SPECIFICATION.of_event(base, e)
            }),
        ],
    ),
    v4(
        "tmf637.v4",
        TMF637,
        "ProductInventory",
        &[
            shown(Resource::Customer, "product", LIVES, inventory::account_product),
            shown(Resource::Subscription, "product", LIVES, inventory::subscription_product),
            shown(Resource::Product, "product", USUAL, |base, e| tmf637::RECORDS.of_event(base, e)),
        ],
    ),
    v4(
        "tmf638.v4",
        TMF638,
        "ServiceInventory",
        &[
            shown(Resource::Customer, "service", LIVES, inventory::account_service),
            shown(Resource::Subscription, "service", LIVES, inventory::subscription_service),
            shown(Resource::Machine, "service", LIVES, inventory::machine_service),
            shown(Resource::Service, "service", USUAL, |base, e| tmf638::RECORDS.of_event(base, e)),
        ],
    ),
    v4(
        "tmf639.v4",
        TMF639,
        "ResourceInventory",
        &[
            shown(Resource::Machine, "resource", LIVES, |base, e| {
                inventory::machine_resource(&tmf639::RECORDS_V4, base, e)
            }),
            shown(Resource::Resource, "resource", USUAL, |base, e| tmf639::RECORDS_V4.of_event(base, e)),
        ],
    ),
    Api {
        reads_hub: true,
        ..v5(
            "tmf639.v5",
            TMF639_V5,
            "ResourceInventory",
            &[
                shown(Resource::Machine, "resource", LIVES, |base, e| {
                    inventory::machine_resource(&tmf639::RECORDS_V5, base, e)
                }),
                shown(Resource::Resource, "resource", USUAL, |base, e| tmf639::RECORDS_V5.of_event(base, e)),
            ],
        )
    },
    v4(
        "tmf641.v4",
        TMF641,
        "ServiceOrdering",
        &[
            shown(Resource::ServiceOrder, "serviceOrder", SERVICE_ORDER, |base, e| {
                order(&tmf641::API, base, e)
            }),
            shown(Resource::CancelServiceOrder, "cancelServiceOrder", CANCEL, |base, e| {
                task(&tmf641::API, base, e)
            }),
        ],
    ),
    v5(
        "tmf641.v5",
        TMF641_V5,
        "ServiceOrdering",
        &[
            shown(Resource::ServiceOrder, "serviceOrder", SERVICE_ORDER, |base, e| {
                order(&tmf641::v5::API, base, e)
            }),
            shown(Resource::CancelServiceOrder, "cancelServiceOrder", CANCEL, |base, e| {
                task(&tmf641::v5::API, base, e)
            }),
        ],
    ),
    v4(
        "tmf642.v4",
        TMF642,
        "Alarm",
        &[
            shown(Resource::Alarm, "alarm", USUAL, tmf642::render::alarm_of_event),
            shown(Resource::AckAlarms, "ackAlarms", TASK, tmf642::render::task_of_event),
            shown(Resource::UnAckAlarms, "unAckAlarms", TASK, tmf642::render::task_of_event),
            shown(Resource::ClearAlarms, "clearAlarms", TASK, tmf642::render::task_of_event),
            shown(Resource::CommentAlarms, "commentAlarms", TASK, tmf642::render::task_of_event),
            shown(Resource::GroupAlarms, "groupAlarms", TASK, tmf642::render::task_of_event),
            shown(Resource::UnGroupAlarms, "unGroupAlarms", TASK, tmf642::render::task_of_event),
        ],
    ),
];

const fn v4(name: &'static str, path: &'static str, domain: &'static str, shown: &'static [Shown]) -> Api {
    Api { name, path, domain, shown, envelope: Envelope::V4, reads_hub: false }
}

const fn v5(name: &'static str, path: &'static str, domain: &'static str, shown: &'static [Shown]) -> Api {
    Api { name, path, domain, shown, envelope: Envelope::V5, reads_hub: false }
}

const fn shown(resource: Resource, key: &'static str, events: Events, render: Render) -> Shown {
    Shown { resource, key, events, render }
}

/// The order of an event.
fn order(api: &Ordering, base: &str, e: &EventRow) -> Result<Value, Error> {
    let body: OrderBody = serde_json::from_value(e.body.0.clone())?;
    let personal = e.personal.as_ref().map(|p| p.0.clone()).unwrap_or_default();
    let personal: PersonalRow = serde_json::from_value(personal)?;
    let neutral = (api.render)(base, &body.order, &body.items, &personal.request.0, &personal.notes.0);
    Ok(api.show(base, &body.order, neutral))
}

/// The cancel task of an event.
fn task(api: &Ordering, base: &str, e: &EventRow) -> Result<Value, Error> {
    let task: CancelRow = serde_json::from_value(e.body.0.clone())?;
    Ok(api.show_task(base, &task))
}

fn product_catalogue(base: &str, e: &EventRow) -> Result<Value, Error> {
    entry(&tmf620::RESOURCES, base, e)
}

fn service_catalogue(base: &str, e: &EventRow) -> Result<Value, Error> {
    entry(&tmf633::RESOURCES, base, e)
}

/// The catalogue entry of an event.
fn entry(of: &[&catalogue::Resource], base: &str, e: &EventRow) -> Result<Value, Error> {
    let resource = of.iter().find(|r| r.told == Some(e.resource));
    resource.ok_or_else(|| Error::custom("it is no catalogue entry"))?.of_event(base, e)
}
