//! From what a door asks to what will be done: ids, plan and version fixed, or the member that is wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use telvisor_model::Action;
use telvisor_model::catalogue::Application;
use telvisor_model::view::{CustomerView, Intent};
use uuid::Uuid;

use super::draft::CUSTOMER_ACCOUNT;
use super::modify::modify;
use super::{Ask, DraftItem, Given, Member, OrderError};
use crate::apps::catalogue::Catalogue;
use crate::clock::new_id;
use crate::store::Json;
use crate::store::backups::BackupRow;
use crate::store::customers::CustomerRow;
use crate::store::subscriptions::SubscriptionRow;

/// The characteristic that keeps the `quantity` of an application with seats.
pub const SEATS: &str = "seats";

/// What a customer is created with.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCustomer {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub language: Option<String>,
    pub test: bool,
    /// All others, as given.
    pub characteristics: Map<String, Value>,
}

impl NewCustomer {
    /// Writes what can change of a customer into its row: all but `test`.
    pub fn put_into(&self, row: &mut CustomerRow) {
        row.name.clone_from(&self.name);
        row.email.clone_from(&self.email);
        row.phone.clone_from(&self.phone);
        row.language.clone_from(&self.language);
        row.characteristics = Json(Value::Object(self.characteristics.clone()));
    }
}

/// An item with everything that acceptance fixes.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// None: explicitly no change.
    pub intent: Option<Intent>,
    pub new_customer: Option<NewCustomer>,
    /// For a new subscription: digest of the version, characteristics.
    pub digest: Option<String>,
    pub characteristics: BTreeMap<String, Value>,
    /// The subscription is there already: the order had it before it was given other items.
    pub kept: bool,
    /// Milliseconds that it is expected to take.
    pub takes_ms: i64,
}

/// What resolution may look at.
pub struct Scene<'a> {
    pub catalogue: &'a Catalogue,
    pub customer_id: &'a str,
    pub view: &'a CustomerView,
    pub subscriptions: &'a [SubscriptionRow],
    /// Backups of the subscriptions that the order names.
    pub backups: &'a [BackupRow],
}

/// Resolves one item.
///
/// # Errors
/// Names the member that is wrong.
pub fn resolve(scene: &Scene<'_>, n: usize, item: &DraftItem) -> Result<Resolved, OrderError> {
    match &item.ask {
        Ask::Nothing { reason } => Err(OrderError::invalid(n, Member::Service, reason.clone())),
        Ask::NoChange => Ok(none()),
        _ if item.quantity.is_some_and(|q| !fits(scene, item, q)) => {
            let why =
                "must be 1, or the seats that the subscription has; seats are given when it is provisioned";
            Err(OrderError::invalid(n, Member::Quantity, why))
        }
        Ask::Add { names_id: true, .. } => Err(OrderError::invalid(
            n,
            Member::Service,
            "an id cannot be chosen for what is added; leave it out",
        )),
        Ask::Add { specification, characteristics, .. } if specification == CUSTOMER_ACCOUNT => {
            Ok(Resolved {
                new_customer: Some(new_customer(n, characteristics)?),
                ..acting(Action::CreateCustomer)
            })
        }
        Ask::Add { specification, characteristics, .. } => {
            provision(scene, n, item, specification, characteristics)
        }
        Ask::Delete { service } => match find(scene, n, service)? {
            Named::Customer => Ok(acting(Action::TerminateCustomer)),
            Named::Subscription(s) => Ok(on(s, Action::TerminateSubscription)),
        },
        Ask::Modify { service, state, characteristics, application, direction } => {
            of_application(scene, n, service, application.as_deref())?;
            modify(scene, n, service, state.as_deref(), characteristics, *direction)
        }
    }
}

/// What is modified must be of the application that the item names, if it names one.
fn of_application(
    scene: &Scene<'_>,
    n: usize,
    service: &str,
    application: Option<&str>,
) -> Result<(), OrderError> {
    let Some(named) = application else { return Ok(()) };
    let is = match find(scene, n, service)? {
        Named::Customer => CUSTOMER_ACCOUNT,
        Named::Subscription(s) => s.application.as_str(),
    };
    if is == named {
        return Ok(());
    }
    let why = format!("{service} is of {is}, and cannot become {named}; terminate it, and provision {named}");
    Err(OrderError::invalid(n, Member::Specification, why))
}

/// Whether the `quantity` of an item fits what the item is about. A provision is judged with its application.
fn fits(scene: &Scene<'_>, item: &DraftItem, quantity: i64) -> bool {
    let service = match &item.ask {
        Ask::Add { specification, .. } => return specification != CUSTOMER_ACCOUNT || quantity == 1,
        Ask::Modify { service, .. } | Ask::Delete { service } => service,
        Ask::NoChange | Ask::Nothing { .. } => return true,
    };
    let named = scene.subscriptions.iter().find(|s| s.id.to_string() == *service);
    let seats = named.and_then(|s| s.characteristics.0.get(SEATS)?.as_i64());
    quantity == 1 || seats == Some(quantity)
}

pub(super) enum Named<'a> {
    Customer,
    Subscription(&'a SubscriptionRow),
}

pub(super) fn find<'a>(scene: &Scene<'a>, n: usize, service: &str) -> Result<Named<'a>, OrderError> {
    if let Ok(id) = service.parse::<Uuid>()
        && let Some(s) = scene.subscriptions.iter().find(|s| s.id == id)
    {
        return Ok(Named::Subscription(s));
    }
    if service == scene.customer_id {
        return Ok(Named::Customer);
    }
    Err(OrderError::invalid(
        n,
        Member::Service,
        format!("there is no service {service} of customer {}", scene.customer_id),
    ))
}

pub(super) fn none() -> Resolved {
    Resolved {
        intent: None,
        new_customer: None,
        digest: None,
        characteristics: BTreeMap::new(),
        kept: false,
        takes_ms: 0,
    }
}

pub(super) fn acting(action: Action) -> Resolved {
    let intent = Intent {
        action,
        subscription: None,
        application: None,
        plan: None,
        version: None,
        backup: None,
        multiple: false,
    };
    Resolved { intent: Some(intent), ..none() }
}

pub(super) fn on(s: &SubscriptionRow, action: Action) -> Resolved {
    let intent = Intent {
        action,
        subscription: Some(s.id),
        application: Some(s.application.clone()),
        plan: None,
        version: None,
        backup: None,
        multiple: s.multiple,
    };
    Resolved { intent: Some(intent), ..none() }
}

pub(super) fn text(n: usize, g: &Given) -> Result<String, OrderError> {
    match &g.value {
        Value::String(s) => Ok(s.clone()),
        Value::Number(x) => Ok(x.to_string()),
        _ => Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), "must be text")),
    }
}

pub(super) fn given<'a>(list: &'a [Given], name: &str) -> Option<&'a Given> {
    list.iter().find(|g| g.name == name)
}

pub(super) fn no_doubles(n: usize, list: &[Given]) -> Result<(), OrderError> {
    for (i, g) in list.iter().enumerate() {
        if list[..i].iter().any(|before| before.name == g.name) {
            return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), "is given twice"));
        }
    }
    Ok(())
}

/// Reads the characteristics of a customer account.
///
/// # Errors
/// Names the characteristic that is missing, given twice, or of the wrong form.
pub fn new_customer(n: usize, list: &[Given]) -> Result<NewCustomer, OrderError> {
    no_doubles(n, list)?;
    let short = |name: &str| -> Result<Option<String>, OrderError> {
        let Some(g) = given(list, name) else {
            return Ok(None);
        };
        let value = text(n, g)?;
        let long =
            value.chars().count() > 255 || value.chars().any(char::is_control) || value.trim().is_empty();
        if long {
            let why = "must be 1 to 255 characters, none of them a control character";
            return Err(OrderError::invalid(n, Member::Characteristic(name.to_owned()), why));
        }
        Ok(Some(value))
    };
    let name = short("name")?.ok_or_else(|| {
        OrderError::invalid(n, Member::Characteristic("name".into()), "a customer needs a name")
    })?;
    let test = match given(list, "test").map(|g| &g.value) {
        None => false,
        Some(Value::Bool(b)) => *b,
        Some(Value::String(s)) if s == "true" || s == "false" => s == "true",
        Some(_) => {
            return Err(OrderError::invalid(
                n,
                Member::Characteristic("test".into()),
                "must be true or false",
            ));
        }
    };
    let own = ["name", "email", "phone", "language", "test"];
    let rest = list.iter().filter(|g| !own.contains(&g.name.as_str()));
    Ok(NewCustomer {
        name,
        email: short("email")?,
        phone: short("phone")?,
        language: short("language")?,
        test,
        characteristics: rest.map(|g| (g.name.clone(), g.value.clone())).collect(),
    })
}

pub(super) fn plan_of(n: usize, app: &Application, g: &Given) -> Result<String, OrderError> {
    let plan = text(n, g)?;
    if app.plan(&plan).is_none() {
        let known: Vec<_> = app.plans.iter().map(|p| p.id.as_str()).collect();
        let why = format!("{} has no plan {plan:?}; it has {}", app.id, known.join(", "));
        return Err(OrderError::invalid(n, Member::Characteristic("plan".into()), why));
    }
    Ok(plan)
}

pub(super) fn version_of(
    n: usize,
    app: &Application,
    g: &Given,
    held: Option<&str>,
) -> Result<String, OrderError> {
    let version = text(n, g)?;
    let known = app.version(&version).is_some_and(|v| !v.withdrawn || held == Some(version.as_str()));
    if !known {
        let known: Vec<_> = app.versions.iter().filter(|v| !v.withdrawn).map(|v| v.id.as_str()).collect();
        let why = format!("{} {version:?} cannot be ordered; there is {}", app.id, known.join(", "));
        return Err(OrderError::invalid(n, Member::Characteristic("version".into()), why));
    }
    Ok(version)
}

fn provision(
    scene: &Scene<'_>,
    n: usize,
    item: &DraftItem,
    specification: &str,
    list: &[Given],
) -> Result<Resolved, OrderError> {
    let Some(app) = scene.catalogue.find(specification) else {
        let why = format!("there is no service specification {specification:?}");
        return Err(OrderError::invalid(n, Member::Specification, why));
    };
    no_doubles(n, list)?;
    let quantity = item.quantity.unwrap_or(1);
    u32::try_from(quantity)
        .map_err(|_| "must be 1 or more".to_owned())
        .and_then(|q| app.check_quantity(q))
        .map_err(|why| OrderError::invalid(n, Member::Quantity, why))?;
    let Some(plan) = given(list, "plan") else {
        let known: Vec<_> = app.plans.iter().map(|p| p.id.as_str()).collect();
        let why = format!("which plan? {} has {}", app.id, known.join(", "));
        return Err(OrderError::invalid(n, Member::Characteristic("plan".into()), why));
    };
    let plan = plan_of(n, &app, plan)?;
    let version = match given(list, "version") {
        Some(g) => version_of(n, &app, g, None)?,
        None => app.newest_orderable().map(|v| v.id.clone()).ok_or_else(|| {
            OrderError::invalid(n, Member::Specification, "no version of it can be ordered")
        })?,
    };
    let values: BTreeMap<String, Value> = list.iter().map(|g| (g.name.clone(), g.value.clone())).collect();
    let checked = app.check_characteristics(&values).map_err(|errors| {
        let first = errors.into_iter().next().expect("an error list is never empty");
        OrderError::invalid(n, Member::Characteristic(first.path), first.message)
    })?;
    let digest = app.version(&version).map(|v| v.digest.clone());
    let mut resolved = acting(Action::Provision);
    resolved.digest = digest;
    resolved.characteristics = checked.values;
    if app.seats.is_some() {
        resolved.characteristics.insert(SEATS.to_owned(), Value::from(quantity));
    }
    if let Some(intent) = &mut resolved.intent {
        intent.subscription = Some(new_id());
        intent.application = Some(app.id.clone());
        intent.plan = Some(plan);
        intent.version = Some(version);
        intent.multiple = app.multiple;
    }
    Ok(resolved)
}
