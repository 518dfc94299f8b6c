//! An operation of contract A as the draft of a service order: the same that TMF641 would have made of the same wish.

use serde_json::{Value, json};
use telvisor_model::catalogue::plain;

use super::request::{ChangeType, Characteristic, OrderInfo, Verb, Wanted};
use crate::api::soap::fault::About;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::{Ask, Direction, Draft, DraftItem, Given, Member, service_item};

/// Characteristics of a customer that contract A has elements for, and where those stand.
const OF_CUSTOMER: [(&str, &str); 8] = [
    ("name", "name"),
    ("customerType", "customerType"),
    ("email", "contact/email"),
    ("phone", "contact/phone"),
    ("street", "contact/street"),
    ("city", "contact/city"),
    ("postCode", "contact/postCode"),
    ("country", "contact/country"),
];

impl Wanted {
    /// The subscription that it is about, if it is about one that is there.
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        match self {
            Self::Change { subscription, .. }
            | Self::Subscription { subscription, .. }
            | Self::Backup { subscription }
            | Self::Restore { subscription, .. } => Some(subscription),
            Self::CreateCustomer { .. } | Self::Customer { .. } | Self::Provision { .. } => None,
        }
    }

    /// What the order that it places is about.
    #[must_use]
    pub fn about(&self) -> About {
        match self {
            Self::CreateCustomer { .. } => About::NewCustomer,
            Self::Customer { .. } => About::Customer,
            _ => About::Subscription,
        }
    }
}

fn given(name: &str, value: impl Into<Value>) -> Given {
    Given { name: name.to_owned(), value: value.into() }
}

fn list(characteristics: &[Characteristic]) -> impl Iterator<Item = Given> {
    characteristics.iter().map(|(name, value)| given(name, value.clone()))
}

fn changed(service: &str, state: Option<&str>, characteristics: Vec<Given>) -> Ask {
    Ask::Modify {
        service: service.to_owned(),
        state: state.map(str::to_owned),
        characteristics,
        application: None,
        direction: None,
    }
}

fn verb(verb: Verb, service: &str) -> Ask {
    match verb {
        Verb::Suspend => changed(service, Some("inactive"), vec![]),
        Verb::Reactivate => changed(service, Some("active"), vec![]),
        Verb::Terminate => Ask::Delete { service: service.to_owned() },
    }
}

/// The customer that an operation names, what it asks for, how many, and why.
fn asked(wanted: &Wanted) -> (Option<&String>, Ask, Option<i32>, Option<&String>) {
    match wanted {
        Wanted::CreateCustomer { customer, name, kind, contact, characteristics } => {
            let mut all = vec![given("name", name.as_str())];
            all.extend(kind.as_ref().map(|k| given("customerType", k.as_str())));
            all.extend(contact.iter().map(|(name, value)| given(name, value.as_str())));
            all.extend(list(characteristics));
            let specification = CUSTOMER_ACCOUNT.to_owned();
            let ask = Ask::Add { specification, characteristics: all, names_id: false };
            (customer.as_ref(), ask, None, None)
        }
        Wanted::Customer { verb: v, customer, reason } => {
            (Some(customer), verb(*v, customer), None, reason.as_ref())
        }
        Wanted::Provision { customer, application, plan, version, quantity, characteristics } => {
            let mut all = vec![given("plan", plan.as_str())];
            all.extend(version.as_ref().map(|v| given("version", v.as_str())));
            all.extend(list(characteristics));
            let ask = Ask::Add { specification: application.clone(), characteristics: all, names_id: false };
            (Some(customer), ask, *quantity, None)
        }
        Wanted::Change { subscription, change, plan, version, quantity, characteristics } => {
            let mut all: Vec<Given> = vec![];
            all.extend(plan.as_ref().map(|p| given("plan", p.as_str())));
            all.extend(version.as_ref().map(|v| given("version", v.as_str())));
            all.extend(list(characteristics));
            let direction = match change {
                Some(ChangeType::Upgrade) => Some(Direction::Up),
                Some(ChangeType::Downgrade) => Some(Direction::Down),
                Some(ChangeType::Modify) | None => None,
            };
            let ask = Ask::Modify {
                service: subscription.clone(),
                state: None,
                characteristics: all,
                application: None,
                direction,
            };
            (None, ask, *quantity, None)
        }
        Wanted::Subscription { verb: v, subscription, reason } => {
            (None, verb(*v, subscription), None, reason.as_ref())
        }
        Wanted::Backup { subscription } => {
            (None, changed(subscription, None, vec![given("operation", "backup")]), None, None)
        }
        Wanted::Restore { subscription, backup } => {
            let operation = vec![given("operation", "restore"), given("backupId", backup.as_str())];
            (None, changed(subscription, None, operation), None, None)
        }
    }
}

/// The draft of an operation.
#[must_use]
pub fn draft(info: &OrderInfo, wanted: &Wanted) -> Draft {
    let (customer, ask, quantity, reason) = asked(wanted);
    let item = DraftItem { id: "1".to_owned(), ask, relies_on: vec![], quantity: quantity.map(i64::from) };
    let mut request =
        json!({ "externalId": info.external_id, "serviceOrderItem": [service_item(&item, &[])] });
    if let Some(customer) = customer {
        request["relatedParty"] = json!([{ "id": customer, "role": "customer" }]);
    }
    if let Some(text) = info.description.as_ref() {
        request["description"] = json!(text);
    }
    let note =
        reason.map(|text| json!({ "id": "reason", "author": "client", "text": text, "@type": "Note" }));
    for (name, at) in
        [("requestedStartDate", info.requested_start), ("requestedCompletionDate", info.requested_completion)]
    {
        if let Some(at) = at {
            request[name] = json!(crate::clock::show(at));
        }
    }
    if let Some(priority) = info.priority {
        request["priority"] = json!(priority.to_string());
    }
    if let Some(note) = &note {
        request["note"] = json!([note]);
    }
    Draft {
        customer: customer.cloned(),
        external_id: Some(info.external_id.clone()),
        priority: info.priority.map(|p| p.to_string()),
        requested_start: info.requested_start,
        requested_completion: info.requested_completion,
        request,
        notes: note.into_iter().collect(),
        items: vec![item],
        ..Draft::default()
    }
}

/// Where a member stands in an operation's request, below `/Envelope/Body`.
#[must_use]
pub fn path(operation: &str, draft: &Draft, member: &Member) -> String {
    let inside = match member {
        Member::Customer => "customerId".to_owned(),
        Member::Service | Member::ServiceState if operation.ends_with("Customer") => "customerId".to_owned(),
        Member::Service | Member::ServiceState => "subscriptionId".to_owned(),
        Member::Specification => "applicationId".to_owned(),
        Member::Quantity => "quantity".to_owned(),
        Member::ExternalId => "order/externalOrderId".to_owned(),
        Member::RequestedStart => "order/requestedStartDate".to_owned(),
        Member::Named(name) => (*name).to_owned(),
        Member::Characteristic(name) => of_characteristic(operation, draft, name),
        Member::Items | Member::ItemId | Member::Relationship => {
            return format!("/Envelope/Body/{operation}");
        }
    };
    format!("/Envelope/Body/{operation}/{inside}")
}

fn of_characteristic(operation: &str, draft: &Draft, name: &str) -> String {
    if let ("CreateCustomer", Some((_, path))) = (operation, OF_CUSTOMER.iter().find(|(n, _)| *n == name)) {
        return (*path).to_owned();
    }
    match (operation, name) {
        ("ProvisionApplication" | "ChangeSubscription", "plan") => return "planId".to_owned(),
        ("ProvisionApplication" | "ChangeSubscription", "version") => return "version".to_owned(),
        ("RestoreSubscription", "backupId") => return "backupId".to_owned(),
        _ => {}
    }
    // Those that have an element of their own stand before the list.
    let all = draft.items.first().map(|i| match &i.ask {
        Ask::Add { characteristics, .. } | Ask::Modify { characteristics, .. } => characteristics.as_slice(),
        _ => &[],
    });
    let own = |g: &&Given| match operation {
        "CreateCustomer" => OF_CUSTOMER.iter().all(|(n, _)| *n != g.name),
        _ => g.name != "plan" && g.name != "version",
    };
    let listed = all.unwrap_or(&[]).iter().filter(own).position(|g| g.name == name);
    match listed {
        Some(n) => format!("characteristics/characteristic[{}]/value", n + 1),
        None => format!("characteristics/characteristic (name = {})", plain(&Value::from(name))),
    }
}
