//! From what a door asks to what will be done: ids, plan and version fixed, or the member that is wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use telvisor_model::catalogue::{Application, Downgrade, plain};
use telvisor_model::view::{CustomerView, Intent};
use telvisor_model::{Action, SubscriptionState};
use uuid::Uuid;

use super::draft::CUSTOMER_ACCOUNT;
use super::{Ask, DraftItem, Given, Member, OrderError};
use crate::apps::catalogue::Catalogue;
use crate::clock::new_id;
use crate::store::backups::BackupRow;
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

/// An item with everything that acceptance fixes.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// None: explicitly no change.
    pub intent: Option<Intent>,
    pub new_customer: Option<NewCustomer>,
    /// For a new subscription: digest of the version, characteristics.
    pub digest: Option<String>,
    pub characteristics: BTreeMap<String, Value>,
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
        Ask::Modify { service, state, characteristics } => {
            modify(scene, n, service, state.as_deref(), characteristics)
        }
    }
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

enum Named<'a> {
    Customer,
    Subscription(&'a SubscriptionRow),
}

fn find<'a>(scene: &Scene<'a>, n: usize, service: &str) -> Result<Named<'a>, OrderError> {
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

fn none() -> Resolved {
    Resolved { intent: None, new_customer: None, digest: None, characteristics: BTreeMap::new() }
}

fn acting(action: Action) -> Resolved {
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

fn on(s: &SubscriptionRow, action: Action) -> Resolved {
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

fn text(n: usize, g: &Given) -> Result<String, OrderError> {
    match &g.value {
        Value::String(s) => Ok(s.clone()),
        Value::Number(x) => Ok(x.to_string()),
        _ => Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), "must be text")),
    }
}

fn given<'a>(list: &'a [Given], name: &str) -> Option<&'a Given> {
    list.iter().find(|g| g.name == name)
}

fn no_doubles(n: usize, list: &[Given]) -> Result<(), OrderError> {
    for (i, g) in list.iter().enumerate() {
        if list[..i].iter().any(|before| before.name == g.name) {
            return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), "is given twice"));
        }
    }
    Ok(())
}

fn new_customer(n: usize, list: &[Given]) -> Result<NewCustomer, OrderError> {
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

fn plan_of(n: usize, app: &Application, g: &Given) -> Result<String, OrderError> {
    let plan = text(n, g)?;
    if app.plan(&plan).is_none() {
        let known: Vec<_> = app.plans.iter().map(|p| p.id.as_str()).collect();
        let why = format!("{} has no plan {plan:?}; it has {}", app.id, known.join(", "));
        return Err(OrderError::invalid(n, Member::Characteristic("plan".into()), why));
    }
    Ok(plan)
}

fn version_of(n: usize, app: &Application, g: &Given, held: Option<&str>) -> Result<String, OrderError> {
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

fn modify(
    scene: &Scene<'_>,
    n: usize,
    service: &str,
    state: Option<&str>,
    list: &[Given],
) -> Result<Resolved, OrderError> {
    no_doubles(n, list)?;
    let named = find(scene, n, service)?;
    // A client that sends the whole service back changes only what differs.
    let state = state.filter(|s| list.is_empty() || !shows(scene, &named, s));
    if let Some(state) = state {
        if let Some(g) = list.first() {
            let why = "a state and characteristics cannot be changed in one item; use two items";
            return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), why));
        }
        let wanted = match state {
            "inactive" | "suspended" => false,
            "active" => true,
            _ => {
                let why = format!(
                    "cannot be set to {state:?}: active and inactive are possible, delete terminates"
                );
                return Err(OrderError::invalid(n, Member::ServiceState, why));
            }
        };
        return Ok(match (named, wanted) {
            (Named::Customer, true) => acting(Action::ReactivateCustomer),
            (Named::Customer, false) => acting(Action::SuspendCustomer),
            (Named::Subscription(s), true) => on(s, Action::ReactivateSubscription),
            (Named::Subscription(s), false) => on(s, Action::SuspendSubscription),
        });
    }
    let Named::Subscription(s) = named else {
        return Err(OrderError::invalid(
            n,
            Member::ServiceState,
            "a customer account is changed by its state only",
        ));
    };
    if let Some(g) = given(list, "operation") {
        return operation(scene, n, s, &text(n, g)?, list);
    }
    change(scene, n, s, list)
}

/// Whether a service is in this state of TMF638 already, after the orders before.
fn shows(scene: &Scene<'_>, named: &Named<'_>, state: &str) -> bool {
    let Named::Subscription(s) = named else { return false };
    let wanted = match state {
        "active" => SubscriptionState::Active,
        "inactive" => SubscriptionState::Suspended,
        _ => return false,
    };
    scene.view.subscription(s.id).is_some_and(|v| v.state == wanted)
}

fn operation(
    scene: &Scene<'_>,
    n: usize,
    s: &SubscriptionRow,
    operation: &str,
    list: &[Given],
) -> Result<Resolved, OrderError> {
    let allowed: &[&str] = if operation == "restore" { &["operation", "backupId"] } else { &["operation"] };
    if let Some(g) = list.iter().find(|g| !allowed.contains(&g.name.as_str())) {
        let why = format!("does not go with operation {operation}");
        return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), why));
    }
    match operation {
        "backup" => {
            let mut resolved = on(s, Action::Backup);
            if let Some(intent) = &mut resolved.intent {
                intent.backup = Some(new_id());
            }
            Ok(resolved)
        }
        "restore" => {
            let member = || Member::Characteristic("backupId".into());
            let Some(g) = given(list, "backupId") else {
                return Err(OrderError::invalid(n, member(), "which backup?"));
            };
            let id = plain(&g.value);
            let backup = scene
                .backups
                .iter()
                .find(|b| b.id.to_string() == id && b.subscription == s.id && b.purpose != "guard")
                .ok_or_else(|| {
                    OrderError::invalid(n, member(), format!("the subscription has no backup {id}"))
                })?;
            restorable(scene, n, s, backup)?;
            let mut resolved = on(s, Action::Restore);
            if let Some(intent) = &mut resolved.intent {
                intent.backup = Some(backup.id);
            }
            Ok(resolved)
        }
        other => {
            let why = format!("{other:?} is no operation; backup and restore are");
            Err(OrderError::invalid(n, Member::Characteristic("operation".into()), why))
        }
    }
}

/// A backup of a newer version than the one that will be installed cannot be restored.
fn restorable(
    scene: &Scene<'_>,
    n: usize,
    s: &SubscriptionRow,
    backup: &BackupRow,
) -> Result<(), OrderError> {
    let forbidden = |message: String| Err(OrderError::Forbidden { item: Some(n), message });
    if backup.state != "available" {
        return forbidden(format!("the backup is {}", backup.state));
    }
    let version = scene.view.subscription(s.id).map_or(&s.version, |v| &v.version);
    let newer = scene
        .catalogue
        .find(&s.application)
        .and_then(|app| app.compare_versions(version, &backup.version))
        .is_none_or(|order| order == std::cmp::Ordering::Greater);
    if newer {
        return forbidden(format!(
            "the backup is of version {}, newer than {version}: upgrade the subscription first",
            backup.version
        ));
    }
    Ok(())
}

fn change(scene: &Scene<'_>, n: usize, s: &SubscriptionRow, list: &[Given]) -> Result<Resolved, OrderError> {
    let Some(app) = scene.catalogue.find(&s.application) else {
        return Err(OrderError::invalid(n, Member::Service, format!("{} left the catalogue", s.application)));
    };
    if let Some(g) = list.iter().find(|g| g.name != "plan" && g.name != "version") {
        let why = "cannot be changed; plan, version and operation can";
        return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), why));
    }
    let planned = scene.view.subscription(s.id);
    let version_now = planned.map_or(s.version.as_str(), |v| v.version.as_str()).to_owned();
    let mut resolved = on(s, Action::Change);
    let plan = given(list, "plan").map(|g| plan_of(n, &app, g)).transpose()?;
    let version = given(list, "version").map(|g| version_of(n, &app, g, Some(&version_now))).transpose()?;
    if let Some(to) = &version
        && app.compare_versions(&version_now, to) == Some(std::cmp::Ordering::Less)
        && app.downgrade(&version_now, to) != Some(Downgrade::Keep)
        && app.downgrade(&version_now, to) != Some(Downgrade::Migrate)
    {
        let message =
            format!("{} cannot go back from {version_now} to {to}: the provider offers no way", app.id);
        return Err(OrderError::Forbidden { item: Some(n), message });
    }
    if let Some(intent) = &mut resolved.intent {
        intent.plan = plan;
        intent.version = version;
    }
    Ok(resolved)
}
