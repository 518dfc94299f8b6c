//! The steps that an item is likely to come to, told before its turn: for an estimate of how long it takes. The plan
//! itself is made at its turn, from the inventory as it is then.

use std::cmp::Ordering;

use uuid::Uuid;

use super::{
    MachineView, Size, Step, StoredBackup, Target, backup, bring_back, change, install, restore, resume,
    resume_machine, suspend, suspend_machine, terminate, terminate_machine,
};
use crate::action::{Action, CustomerState, SubscriptionState};
use crate::catalogue::{Application, Placement};
use crate::view::{CustomerView, Intent, SubscriptionView};

/// The steps of one item on a customer as `view` shows it, as if all its applications stood on one machine.
#[must_use]
pub fn outline(
    view: &CustomerView,
    intent: &Intent,
    find: &dyn Fn(&str) -> Option<Application>,
) -> Vec<Step> {
    likely(view, intent, find).unwrap_or_default()
}

/// None where the catalogue has no words for it.
fn likely(
    view: &CustomerView,
    intent: &Intent,
    find: &dyn Fn(&str) -> Option<Application>,
) -> Option<Vec<Step>> {
    let of = |s: &SubscriptionView| target(s.id, find(&s.application)?, &s.plan, &s.version);
    let installed: Vec<(Target, bool)> = view
        .subscriptions
        .iter()
        .filter(|s| s.state.is_live())
        .filter_map(|s| Some((of(s)?, s.state == SubscriptionState::Active)))
        .collect();
    let mut machine = MachineView {
        id: Uuid::nil(),
        size: Size::default(),
        suspended: view.state == CustomerState::Suspended,
        installed,
        base: Size::default(),
    };
    machine.size = machine.size_for(None, None);
    let subscription = intent.subscription.and_then(|id| view.subscription(id));
    let named = || subscription.and_then(of);
    let data = |version: String| StoredBackup { id: Uuid::nil(), version };
    let empty = machine.installed.is_empty();
    let job = match intent.action {
        Action::CreateCustomer => return None,
        Action::Provision => {
            let app = find(intent.application.as_deref()?)?;
            let alone = empty || app.placement == Placement::Dedicated;
            let t = target(intent.subscription?, app, intent.plan.as_deref()?, intent.version.as_deref()?)?;
            install((!alone).then_some(&machine), Uuid::nil(), machine.base, &t, None)
        }
        Action::Change => {
            let from = named()?;
            let app = find(&from.application)?;
            let version = intent.version.clone().unwrap_or_else(|| from.version.clone());
            let upward = app.compare_versions(&from.version, &version) == Some(Ordering::Greater);
            let plan = intent.plan.clone().unwrap_or_else(|| from.plan.clone());
            let to = target(from.subscription, app, &plan, &version)?;
            change(&machine, &from, &to, upward, Uuid::nil())
        }
        Action::SuspendSubscription => suspend(&machine, &named()?),
        Action::ReactivateSubscription if subscription?.state.is_live() => resume(&machine, &named()?),
        Action::ReactivateSubscription => {
            let t = named()?;
            let kept = data(t.version.clone());
            install((!empty).then_some(&machine), Uuid::nil(), machine.base, &t, Some(&kept))
        }
        Action::TerminateSubscription => {
            terminate(&machine, &named()?, view.keeps.then_some(Uuid::nil()), false)
        }
        Action::ReactivateCustomer if view.state == CustomerState::Terminated => {
            let back = |s: &SubscriptionView| {
                let run = s.ended_with_customer? == SubscriptionState::Active;
                Some((of(s)?, data(s.version.clone()), run))
            };
            let targets: Vec<_> = view.subscriptions.iter().filter_map(back).collect();
            (!targets.is_empty()).then(|| bring_back(Uuid::nil(), machine.base, &targets))?
        }
        Action::SuspendCustomer | Action::ReactivateCustomer | Action::TerminateCustomer if empty => {
            return None;
        }
        Action::SuspendCustomer => suspend_machine(&machine),
        Action::ReactivateCustomer => resume_machine(&machine),
        Action::TerminateCustomer => {
            let last: Vec<_> = machine.installed.iter().map(|(t, _)| (t.subscription, Uuid::nil())).collect();
            terminate_machine(&machine, if view.keeps { &last } else { &[] })
        }
        Action::Backup => backup(&machine, &named()?, Uuid::nil()),
        Action::Restore => {
            let t = named()?;
            let stored = data(t.version.clone());
            restore(&machine, &t, &stored, Uuid::nil())
        }
    };
    Some(job.steps)
}

fn target(subscription: Uuid, app: Application, plan: &str, version: &str) -> Option<Target> {
    let size =
        app.plan(plan).map(|p| Size { vcpu: p.vcpu, memory_mib: p.memory_mib, disk_gib: p.disk_gib })?;
    Some(Target {
        subscription,
        application: app.id,
        version: version.to_owned(),
        plan: plan.to_owned(),
        digest: String::new(),
        size,
    })
}
