//! What a modify item comes to: a change of state, of plan or version, a backup or a restore.

use std::cmp::Ordering;

use telvisor_model::catalogue::{Downgrade, plain};
use telvisor_model::{Action, SubscriptionState};

use super::resolve::{
    Named, Resolved, Scene, acting, find, given, no_doubles, on, plan_of, text, version_of,
};
use super::{Direction, Given, Member, OrderError};
use crate::clock::new_id;
use crate::store::backups::BackupRow;
use crate::store::subscriptions::SubscriptionRow;

pub(super) fn modify(
    scene: &Scene<'_>,
    n: usize,
    service: &str,
    state: Option<&str>,
    list: &[Given],
    direction: Option<Direction>,
) -> Result<Resolved, OrderError> {
    no_doubles(n, list)?;
    let named = find(scene, n, service)?;
    // A client that sends the whole service back changes only what differs.
    let state = state.filter(|s| list.is_empty() || !shows(scene, &named, s));
    if let Some(state) = state {
        if let Some(g) = list.iter().find(|g| !has(scene, &named, g)) {
            let why = "a state and characteristics cannot be changed in one item; use two items";
            return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), why));
        }
        let wanted = match state {
            "inactive" | "suspended" => false,
            "active" => true,
            _ => {
                let why = format!(
                    "cannot be set to {state:?}: active, and inactive or suspended are possible; delete terminates"
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
    change(scene, n, s, list, direction)
}

/// Whether a service is in this state of TMF638 already, after the orders before.
fn shows(scene: &Scene<'_>, named: &Named<'_>, state: &str) -> bool {
    let Named::Subscription(s) = named else { return false };
    let wanted = match state {
        "active" => SubscriptionState::Active,
        "inactive" | "suspended" => SubscriptionState::Suspended,
        _ => return false,
    };
    scene.view.subscription(s.id).is_some_and(|v| v.state == wanted)
}

/// Whether a subscription has this plan or version already, after the orders before.
fn has(scene: &Scene<'_>, named: &Named<'_>, given: &Given) -> bool {
    let Named::Subscription(s) = named else { return false };
    scene.view.subscription(s.id).is_some_and(|v| match given.name.as_str() {
        "plan" => v.plan == plain(&given.value),
        "version" => v.version == plain(&given.value),
        _ => false,
    })
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
        .is_none_or(|order| order == Ordering::Greater);
    if newer {
        return forbidden(format!(
            "the backup is of version {}, newer than {version}: upgrade the subscription first",
            backup.version
        ));
    }
    Ok(())
}

fn change(
    scene: &Scene<'_>,
    n: usize,
    s: &SubscriptionRow,
    list: &[Given],
    direction: Option<Direction>,
) -> Result<Resolved, OrderError> {
    let Some(app) = scene.catalogue.find(&s.application) else {
        return Err(OrderError::invalid(n, Member::Service, format!("{} left the catalogue", s.application)));
    };
    if let Some(g) = list.iter().find(|g| g.name != "plan" && g.name != "version") {
        let why = "cannot be changed; plan, version and operation can";
        return Err(OrderError::invalid(n, Member::Characteristic(g.name.clone()), why));
    }
    let planned = scene.view.subscription(s.id);
    let version_now = planned.map_or(s.version.as_str(), |v| v.version.as_str()).to_owned();
    let plan_now = planned.map_or(s.plan.as_str(), |v| v.plan.as_str());
    let mut resolved = on(s, Action::Change);
    let plan = given(list, "plan").map(|g| plan_of(n, &app, g)).transpose()?;
    let version = given(list, "version").map(|g| version_of(n, &app, g, Some(&version_now))).transpose()?;
    if let Some(direction) = direction {
        let of_plan = plan.as_ref().and_then(|to| app.compare_plans(plan_now, to));
        let of_version = version.as_ref().and_then(|to| app.compare_versions(&version_now, to));
        goes(n, direction, [("plan", of_plan), ("version", of_version)])?;
    }
    if let Some(to) = &version
        && app.compare_versions(&version_now, to) == Some(Ordering::Less)
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

/// Plan and version go the way that the request says; what stays as it is goes any way.
fn goes(n: usize, direction: Direction, changes: [(&str, Option<Ordering>); 2]) -> Result<(), OrderError> {
    let (word, against) = match direction {
        Direction::Up => ("upgrade", Ordering::Less),
        Direction::Down => ("downgrade", Ordering::Greater),
    };
    let Some((what, _)) = changes.iter().find(|(_, order)| *order == Some(against)) else { return Ok(()) };
    let why = format!("is {word}, but the {what} goes the other way");
    Err(OrderError::invalid(n, Member::Named("changeType"), why))
}
