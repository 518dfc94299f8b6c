//! One plan for each kind of order: which steps, in which sequence, and where the point of no return lies.

use uuid::Uuid;

use super::steps::{
    archive_of, create_machine, final_step, health, name, nothing, put_on, resize, script, script_on, start,
    step, stop, take, wake,
};
use super::{Act, JobPlan, MachineView, Size, Step, StoredBackup, Target, Undo};
use crate::role::Role;

/// Provision, and re-activation of a terminated subscription. `machine` is none when one has to be made.
#[must_use]
pub fn install(
    machine: Option<&MachineView>,
    new_machine: Uuid,
    base: Size,
    target: &Target,
    data: Option<&StoredBackup>,
) -> JobPlan {
    let mut steps = match machine {
        None => vec![create_machine(base.plus(target.size))],
        Some(m) => resize(m, m.size_for(Some(target), None)),
    };
    steps.extend(put_on(target, data, true));
    let id = machine.map_or(new_machine, |m| m.id);
    JobPlan { machine: id, title: format!("install {}", name(target)), steps }
}

/// Re-activation of a terminated customer: one machine with all that its termination ended on it.
#[must_use]
pub fn bring_back(new_machine: Uuid, base: Size, targets: &[(Target, StoredBackup, bool)]) -> JobPlan {
    let size = targets.iter().fold(base, |sum, (t, ..)| sum.plus(t.size));
    let mut steps = vec![create_machine(size)];
    for (t, backup, run) in targets {
        steps.extend(put_on(t, Some(backup), *run));
    }
    JobPlan { machine: new_machine, title: "bring the customer's applications back".into(), steps }
}

/// Upgrade or downgrade of the version, the plan, or both. `guard` names the safety copy of the data.
#[must_use]
pub fn change(machine: &MachineView, from: &Target, to: &Target, upward: bool, guard: Uuid) -> JobPlan {
    let end = machine.size_for(Some(to), Some(from.subscription));
    let mut steps = resize(machine, machine.size.max(end));
    if to.size.disk_gib > from.size.disk_gib {
        steps.push(step(
            format!("grow the data volume to {} GiB", to.size.disk_gib),
            Act::EnsureVolume { subscription: to.subscription, size_gib: to.size.disk_gib },
            nothing("a volume never shrinks; the plan's quota holds"),
        ));
    }
    let archive = archive_of(guard);
    let new_version = from.version != to.version;
    // Between the two changes the application has the new version on the plan before.
    let between = Target { plan: from.plan.clone(), size: from.size, ..to.clone() };
    if new_version {
        steps.extend(change_version(from, &between, upward, &archive));
    }
    if from.plan != to.plan {
        steps.push(step(
            format!("configure {} for plan {}", name(to), to.plan),
            script(Role::Configure, to),
            Undo::By(vec![script(Role::Configure, &between)]),
        ));
    }
    if new_version {
        steps.push(start(to));
    }
    steps.push(health(to));
    let grown = MachineView { size: machine.size.max(end), ..machine.clone() };
    steps.extend(resize(&grown, end));
    if new_version {
        steps.push(final_step("drop the safety copy".into(), Act::DropArchive { archive }));
    }
    JobPlan {
        machine: machine.id,
        title: format!("change {} to {} {}", name(from), to.version, to.plan),
        steps,
    }
}

fn change_version(from: &Target, between: &Target, upward: bool, archive: &str) -> Vec<Step> {
    let role = if upward { Role::Upgrade } else { Role::Downgrade };
    vec![
        step(
            "make a safety copy of the data".into(),
            script_on(Role::Backup, from, None, archive),
            Undo::By(vec![Act::DropArchive { archive: archive.to_owned() }]),
        ),
        stop(from),
        step(
            format!("{role} {} to {}", name(from), between.version),
            Act::Script {
                role,
                target: between.clone(),
                from_version: Some(from.version.clone()),
                archive: None,
            },
            Undo::By(vec![
                script(Role::Remove, between),
                script(Role::Install, from),
                script_on(Role::Restore, from, Some(&from.version), archive),
            ]),
        ),
    ]
}

/// Suspends one subscription: its application stops, and stays stopped.
#[must_use]
pub fn suspend(machine: &MachineView, target: &Target) -> JobPlan {
    JobPlan { machine: machine.id, title: format!("suspend {}", name(target)), steps: vec![stop(target)] }
}

/// Re-activates one suspended subscription.
#[must_use]
pub fn resume(machine: &MachineView, target: &Target) -> JobPlan {
    JobPlan {
        machine: machine.id,
        title: format!("re-activate {}", name(target)),
        steps: vec![start(target), health(target)],
    }
}

/// Suspends a machine with all that runs on it (suspend customer).
#[must_use]
pub fn suspend_machine(machine: &MachineView) -> JobPlan {
    let mut steps: Vec<Step> =
        machine.installed.iter().filter(|(_, run)| *run).map(|(t, _)| stop(t)).collect();
    steps.push(step("suspend the machine".into(), Act::SuspendMachine, Undo::By(vec![Act::ResumeMachine])));
    JobPlan { machine: machine.id, title: "suspend the machine".into(), steps }
}

/// Lets a suspended machine go on, with the applications that ran (re-activate customer).
#[must_use]
pub fn resume_machine(machine: &MachineView) -> JobPlan {
    let mut steps = vec![wake()];
    for (t, _) in machine.installed.iter().filter(|(_, run)| *run) {
        steps.push(start(t));
        steps.push(health(t));
    }
    JobPlan { machine: machine.id, title: "re-activate the machine".into(), steps }
}

/// Terminates one subscription. `last` is the backup that is kept; `keep_machine`: an empty machine stays.
#[must_use]
pub fn terminate(machine: &MachineView, target: &Target, last: Option<Uuid>, keep_machine: bool) -> JobPlan {
    let runs = machine.installed.iter().any(|(t, run)| t.subscription == target.subscription && *run);
    let alone = machine.installed.iter().all(|(t, _)| t.subscription == target.subscription);
    let mut steps = vec![];
    if machine.suspended {
        steps.push(wake());
    }
    if let Some(backup) = last {
        steps.extend(take(target, backup));
    }
    if runs && !machine.suspended {
        steps.push(stop(target));
    }
    if alone && !keep_machine {
        steps.push(final_step("delete the machine".into(), Act::DeleteMachine));
    } else {
        steps.push(final_step(format!("remove {}", name(target)), script(Role::Remove, target)));
        steps.push(final_step(
            "delete the data volume".into(),
            Act::DeleteVolume { subscription: target.subscription },
        ));
        let size = machine.size_for(None, Some(target.subscription));
        if size != machine.size {
            steps.push(final_step("give the resources back".into(), Act::ResizeMachine { size }));
        }
        if machine.suspended {
            steps.push(final_step("suspend the machine again".into(), Act::SuspendMachine));
        }
    }
    JobPlan { machine: machine.id, title: format!("terminate {}", name(target)), steps }
}

/// Terminates all that is on a machine, and the machine (terminate customer). `last` names the kept backups.
#[must_use]
pub fn terminate_machine(machine: &MachineView, last: &[(Uuid, Uuid)]) -> JobPlan {
    let mut steps = vec![];
    if machine.suspended {
        steps.push(wake());
    }
    for (t, _) in &machine.installed {
        if let Some((_, backup)) = last.iter().find(|(subscription, _)| *subscription == t.subscription) {
            steps.extend(take(t, *backup));
        }
    }
    if !machine.suspended {
        steps.extend(machine.installed.iter().filter(|(_, run)| *run).map(|(t, _)| stop(t)));
    }
    steps.push(final_step("delete the machine".into(), Act::DeleteMachine));
    JobPlan { machine: machine.id, title: "terminate the machine".into(), steps }
}

/// Takes a backup that the customer can download and restore.
#[must_use]
pub fn backup(machine: &MachineView, target: &Target, backup: Uuid) -> JobPlan {
    JobPlan { machine: machine.id, title: format!("back up {}", name(target)), steps: take(target, backup) }
}

/// Puts the data of a backup back. `guard` names the safety copy of the present data.
#[must_use]
pub fn restore(machine: &MachineView, target: &Target, data: &StoredBackup, guard: Uuid) -> JobPlan {
    let (archive, safety) = (archive_of(data.id), archive_of(guard));
    let steps = vec![
        step(
            "bring the backup to the machine".into(),
            Act::PushBackup { backup: data.id, archive: archive.clone() },
            Undo::By(vec![Act::DropArchive { archive: archive.clone() }]),
        ),
        step(
            "make a safety copy of the data".into(),
            script_on(Role::Backup, target, Some(&target.version), &safety),
            Undo::By(vec![Act::DropArchive { archive: safety.clone() }]),
        ),
        stop(target),
        step(
            format!("restore the data of {}", name(target)),
            script_on(Role::Restore, target, Some(&data.version), &archive),
            Undo::By(vec![script_on(Role::Restore, target, Some(&target.version), &safety)]),
        ),
        start(target),
        health(target),
        final_step("drop the safety copy".into(), Act::DropArchive { archive: safety }),
        final_step("clear the spool".into(), Act::DropArchive { archive }),
    ];
    JobPlan { machine: machine.id, title: format!("restore {}", name(target)), steps }
}
