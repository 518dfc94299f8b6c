//! The steps that plans are put together from.

use uuid::Uuid;

use super::{Act, MachineView, Size, Step, StoredBackup, Target, Undo};
use crate::role::Role;

pub(super) fn step(title: String, act: Act, undo: Undo) -> Step {
    Step { title, act, undo, last_chance: false }
}

pub(super) fn final_step(title: String, act: Act) -> Step {
    Step { title, act, undo: Undo::Nothing("after the point of no return".into()), last_chance: true }
}

pub(super) fn nothing(why: &str) -> Undo {
    Undo::Nothing(why.to_owned())
}

pub(super) fn script(role: Role, target: &Target) -> Act {
    Act::Script { role, target: target.clone(), from_version: None, archive: None }
}

/// A script that works on an archive; `from` is the version whose data the archive has, where that matters.
pub(super) fn script_on(role: Role, target: &Target, from: Option<&str>, archive: &str) -> Act {
    Act::Script {
        role,
        target: target.clone(),
        from_version: from.map(str::to_owned),
        archive: Some(archive.to_owned()),
    }
}

pub(super) fn name(t: &Target) -> String {
    format!("{} {}", t.application, t.version)
}

pub(super) fn archive_of(backup: Uuid) -> String {
    format!("{}.tar.zst", backup.simple())
}

pub(super) fn start(t: &Target) -> Step {
    step(format!("start {}", name(t)), script(Role::Start, t), Undo::By(vec![script(Role::Stop, t)]))
}

pub(super) fn stop(t: &Target) -> Step {
    step(format!("stop {}", name(t)), script(Role::Stop, t), Undo::By(vec![script(Role::Start, t)]))
}

pub(super) fn health(t: &Target) -> Step {
    step(format!("check {}", name(t)), script(Role::Health, t), nothing("it only looks"))
}

pub(super) fn create_machine(size: Size) -> Step {
    step(
        format!("make the machine, {} vCPU, {} MiB, {} GiB", size.vcpu, size.memory_mib, size.disk_gib),
        Act::CreateMachine { size },
        Undo::By(vec![Act::DeleteMachine]),
    )
}

pub(super) fn wake() -> Step {
    step("wake the machine".into(), Act::ResumeMachine, Undo::By(vec![Act::SuspendMachine]))
}

/// Steps that put `size` on the machine; none when it has that size.
pub(super) fn resize(machine: &MachineView, size: Size) -> Vec<Step> {
    if size == machine.size {
        return vec![];
    }
    let back = Size { disk_gib: size.disk_gib, ..machine.size };
    vec![step(
        format!("resize the machine to {} vCPU, {} MiB", size.vcpu, size.memory_mib),
        Act::ResizeMachine { size },
        Undo::By(vec![Act::ResizeMachine { size: back }]),
    )]
}

/// Steps that take a backup of the data and bring it into the store.
pub(super) fn take(t: &Target, backup: Uuid) -> Vec<Step> {
    let archive = archive_of(backup);
    vec![
        step(
            format!("back up the data of {}", name(t)),
            script_on(Role::Backup, t, None, &archive),
            Undo::By(vec![Act::DropArchive { archive: archive.clone() }]),
        ),
        step(
            "store the backup".into(),
            Act::FetchBackup { backup, archive: archive.clone() },
            Undo::By(vec![Act::DropBackup { backup }]),
        ),
        step("clear the spool".into(), Act::DropArchive { archive }, nothing("the backup is in the store")),
    ]
}

/// Installs an application on a machine that has room: volume, install, the data of a backup if one is given.
pub(super) fn put_on(t: &Target, data: Option<&StoredBackup>, run: bool) -> Vec<Step> {
    let mut steps = vec![
        step(
            format!("make the data volume of {}", name(t)),
            Act::EnsureVolume { subscription: t.subscription, size_gib: t.size.disk_gib },
            Undo::By(vec![Act::DeleteVolume { subscription: t.subscription }]),
        ),
        step(
            format!("install {}", name(t)),
            script(Role::Install, t),
            Undo::By(vec![script(Role::Remove, t)]),
        ),
    ];
    if let Some(backup) = data {
        let archive = archive_of(backup.id);
        steps.push(step(
            "bring the kept backup to the machine".into(),
            Act::PushBackup { backup: backup.id, archive: archive.clone() },
            Undo::By(vec![Act::DropArchive { archive: archive.clone() }]),
        ));
        steps.push(step(
            format!("restore the data of {}", name(t)),
            script_on(Role::Restore, t, Some(&backup.version), &archive),
            nothing("the volume goes with the installation"),
        ));
        steps.push(step("clear the spool".into(), Act::DropArchive { archive }, nothing("only a copy")));
    }
    if run {
        steps.push(start(t));
        steps.push(health(t));
    }
    steps
}
