//! Takes an order item apart: into jobs, one for each machine that it touches, and each job into steps.
//!
//! Each step can be repeated, and says how it is undone or why it is not. A step that is `last_chance`-marked is
//! the point of no return: once it has begun, nothing of the item is undone any more.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::role::Role;

/// Size of a machine: vCPUs, MiB of memory, GiB of disk. vCPU and memory follow both ways, the disk only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    pub vcpu: u32,
    pub memory_mib: u64,
    pub disk_gib: u64,
}

impl Size {
    /// Sum of two sizes.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            vcpu: self.vcpu + other.vcpu,
            memory_mib: self.memory_mib + other.memory_mib,
            disk_gib: self.disk_gib + other.disk_gib,
        }
    }

    /// The larger of two sizes in each part.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            vcpu: self.vcpu.max(other.vcpu),
            memory_mib: self.memory_mib.max(other.memory_mib),
            disk_gib: self.disk_gib.max(other.disk_gib),
        }
    }
}

/// One installed application as a step needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub subscription: Uuid,
    pub application: String,
    pub version: String,
    pub plan: String,
    /// Content digest of the package version.
    pub digest: String,
    /// The plan's size; its disk is the data quota.
    pub size: Size,
}

/// What one step does. Each act can be repeated with the same effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase")]
pub enum Act {
    CreateMachine {
        size: Size,
    },
    ResizeMachine {
        size: Size,
    },
    SuspendMachine,
    ResumeMachine,
    DeleteMachine,
    EnsureVolume {
        subscription: Uuid,
        size_gib: u64,
    },
    DeleteVolume {
        subscription: Uuid,
    },
    /// Runs a script of the package in the guest. `from_version`: what was installed before, or the version of the
    /// backup that is restored.
    Script {
        role: Role,
        target: Target,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_version: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archive: Option<String>,
    },
    /// Reads an archive out of the guest's spool into the backup store.
    FetchBackup {
        backup: Uuid,
        archive: String,
    },
    /// Writes a stored backup into the guest's spool.
    PushBackup {
        backup: Uuid,
        archive: String,
    },
    /// Removes a backup's object from the store.
    DropBackup {
        backup: Uuid,
    },
    /// Removes an archive from the guest's spool.
    DropArchive {
        archive: String,
    },
}

impl Act {
    /// Whether it makes, changes or removes the machine itself, and so touches every application on it.
    #[must_use]
    pub const fn is_on_machine(&self) -> bool {
        matches!(
            self,
            Self::CreateMachine { .. }
                | Self::ResizeMachine { .. }
                | Self::SuspendMachine
                | Self::ResumeMachine
                | Self::DeleteMachine
        )
    }
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Undo {
    /// By these acts, in this order.
    By(Vec<Act>),
    /// There is nothing to undo, for this reason.
    Nothing(String),
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it does, for people: `install crm 2.0`.
    pub title: String,
    pub act: Act,
    pub undo: Undo,
    /// The point of no return: once begun, nothing is undone any more.
    #[serde(default)]
    pub last_chance: bool,
}

/// One job: the steps on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPlan {
    pub machine: Uuid,
    pub title: String,
    pub steps: Vec<Step>,
}

/// A machine as the plan finds it, with everything on it that is not terminated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineView {
    pub id: Uuid,
    pub size: Size,
    pub suspended: bool,
    /// Installed applications; the flag says whether it runs (its own state is active).
    pub installed: Vec<(Target, bool)>,
    /// Size of a machine with nothing on it.
    pub base: Size,
}

impl MachineView {
    /// Size for what is installed plus `more` minus `less`. The disk never shrinks.
    #[must_use]
    pub fn size_for(&self, more: Option<&Target>, less: Option<Uuid>) -> Size {
        let mut size = self.base;
        for (t, _) in self.installed.iter().filter(|(t, _)| Some(t.subscription) != less) {
            size = size.plus(t.size);
        }
        if let Some(t) = more {
            size = size.plus(t.size);
        }
        size.disk_gib = size.disk_gib.max(self.size.disk_gib);
        size
    }
}

fn step(title: String, act: Act, undo: Undo) -> Step {
    Step { title, act, undo, last_chance: false }
}

fn final_step(title: String, act: Act) -> Step {
    Step { title, act, undo: Undo::Nothing("after the point of no return".into()), last_chance: true }
}

fn nothing(why: &str) -> Undo {
    Undo::Nothing(why.to_owned())
}

fn script(role: Role, target: &Target) -> Act {
    Act::Script { role, target: target.clone(), from_version: None, archive: None }
}

fn name(t: &Target) -> String {
    format!("{} {}", t.application, t.version)
}

fn start(t: &Target) -> Step {
    step(format!("start {}", name(t)), script(Role::Start, t), Undo::By(vec![script(Role::Stop, t)]))
}

fn stop(t: &Target) -> Step {
    step(format!("stop {}", name(t)), script(Role::Stop, t), Undo::By(vec![script(Role::Start, t)]))
}

fn health(t: &Target) -> Step {
    step(format!("check {}", name(t)), script(Role::Health, t), nothing("it only looks"))
}

fn archive_of(backup: Uuid) -> String {
    format!("{}.tar.zst", backup.simple())
}

/// Steps that put `size` on the machine; none when it has that size.
fn resize(machine: &MachineView, size: Size) -> Vec<Step> {
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
fn take(t: &Target, backup: Uuid) -> Vec<Step> {
    let archive = archive_of(backup);
    vec![
        step(
            format!("back up the data of {}", name(t)),
            Act::Script {
                role: Role::Backup,
                target: t.clone(),
                from_version: None,
                archive: Some(archive.clone()),
            },
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

/// A stored backup and the version of the application that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBackup {
    pub id: Uuid,
    pub version: String,
}

/// Installs an application on a machine that has room: volume, install, the data of a backup if one is given.
fn put_on(t: &Target, data: Option<&StoredBackup>, run: bool) -> Vec<Step> {
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
            Act::Script {
                role: Role::Restore,
                target: t.clone(),
                from_version: Some(backup.version.clone()),
                archive: Some(archive.clone()),
            },
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

fn create_machine(size: Size) -> Step {
    step(
        format!("make the machine, {} vCPU, {} MiB, {} GiB", size.vcpu, size.memory_mib, size.disk_gib),
        Act::CreateMachine { size },
        Undo::By(vec![Act::DeleteMachine]),
    )
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
            Act::Script {
                role: Role::Backup,
                target: from.clone(),
                from_version: None,
                archive: Some(archive.to_owned()),
            },
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
                Act::Script {
                    role: Role::Restore,
                    target: from.clone(),
                    from_version: Some(from.version.clone()),
                    archive: Some(archive.to_owned()),
                },
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

fn wake() -> Step {
    step("wake the machine".into(), Act::ResumeMachine, Undo::By(vec![Act::SuspendMachine]))
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
    let script_with = |role, from: &str, archive: &str| Act::Script {
        role,
        target: target.clone(),
        from_version: Some(from.to_owned()),
        archive: Some(archive.to_owned()),
    };
    let steps = vec![
        step(
            "bring the backup to the machine".into(),
            Act::PushBackup { backup: data.id, archive: archive.clone() },
            Undo::By(vec![Act::DropArchive { archive: archive.clone() }]),
        ),
        step(
            "make a safety copy of the data".into(),
            script_with(Role::Backup, &target.version, &safety),
            Undo::By(vec![Act::DropArchive { archive: safety.clone() }]),
        ),
        stop(target),
        step(
            format!("restore the data of {}", name(target)),
            script_with(Role::Restore, &data.version, &archive),
            Undo::By(vec![script_with(Role::Restore, &target.version, &safety)]),
        ),
        start(target),
        health(target),
        final_step("drop the safety copy".into(), Act::DropArchive { archive: safety }),
        final_step("clear the spool".into(), Act::DropArchive { archive }),
    ];
    JobPlan { machine: machine.id, title: format!("restore {}", name(target)), steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(n: u128, version: &str, plan: &str, vcpu: u32) -> Target {
        Target {
            subscription: Uuid::from_u128(n),
            application: "crm".into(),
            version: version.into(),
            plan: plan.into(),
            digest: "d".into(),
            size: Size { vcpu, memory_mib: 512 * u64::from(vcpu), disk_gib: 10 * u64::from(vcpu) },
        }
    }

    fn base() -> Size {
        Size { vcpu: 1, memory_mib: 512, disk_gib: 4 }
    }

    fn machine(installed: Vec<(Target, bool)>) -> MachineView {
        let size = installed.iter().fold(base(), |s, (t, _)| s.plus(t.size));
        MachineView { id: Uuid::from_u128(99), size, suspended: false, installed, base: base() }
    }

    fn last_chance(job: &JobPlan) -> Option<usize> {
        job.steps.iter().position(|s| s.last_chance)
    }

    #[test]
    fn after_the_point_of_no_return_every_step_is_marked() {
        let t = target(1, "1.0", "small", 1);
        let m = machine(vec![(t.clone(), true), (target(2, "1.0", "small", 1), true)]);
        let stored = StoredBackup { id: Uuid::from_u128(7), version: "1.0".into() };
        let jobs = [
            terminate(&m, &t, Some(Uuid::from_u128(8)), false),
            terminate_machine(&m, &[]),
            change(&m, &t, &target(1, "2.0", "large", 2), true, Uuid::from_u128(9)),
            restore(&m, &t, &stored, Uuid::from_u128(9)),
        ];
        for job in jobs {
            let at = last_chance(&job).expect(&job.title);
            assert!(job.steps[at..].iter().all(|s| s.last_chance), "{}", job.title);
            assert!(at > 0, "{}", job.title);
        }
    }

    #[test]
    fn the_machine_follows_the_plans_and_its_disk_only_grows() {
        let small = target(1, "1.0", "small", 1);
        let large = target(1, "1.0", "large", 4);
        let m = machine(vec![(large.clone(), true)]);
        let job = change(&m, &large, &small, false, Uuid::from_u128(9));
        let sizes: Vec<_> = job
            .steps
            .iter()
            .filter_map(|s| if let Act::ResizeMachine { size } = s.act { Some(size) } else { None })
            .collect();
        assert_eq!(sizes, [Size { vcpu: 2, memory_mib: 1024, disk_gib: 44 }]);
        let up = change(&machine(vec![(small.clone(), true)]), &small, &large, true, Uuid::from_u128(9));
        assert!(matches!(up.steps[0].act, Act::ResizeMachine { size } if size.vcpu == 5), "room first");
    }

    #[test]
    fn a_suspended_customers_subscription_is_terminated_and_the_rest_sleeps_again() {
        let t = target(1, "1.0", "small", 1);
        let mut m = machine(vec![(t.clone(), true), (target(2, "1.0", "small", 1), true)]);
        m.suspended = true;
        let job = terminate(&m, &t, Some(Uuid::from_u128(8)), false);
        assert_eq!(job.steps[0].act, Act::ResumeMachine);
        assert_eq!(job.steps.last().unwrap().act, Act::SuspendMachine);
    }

    #[test]
    fn an_undone_upgrade_has_the_old_version_with_the_old_data() {
        let (from, to) = (target(1, "1.0", "small", 1), target(1, "2.0", "small", 1));
        let job = change(&machine(vec![(from.clone(), true)]), &from, &to, true, Uuid::from_u128(9));
        let upgrade = job
            .steps
            .iter()
            .find(|s| matches!(&s.act, Act::Script { role: Role::Upgrade, .. }))
            .expect("there is an upgrade");
        let Undo::By(acts) = &upgrade.undo else { panic!("an upgrade is undone") };
        let roles: Vec<_> = acts
            .iter()
            .map(|a| if let Act::Script { role, .. } = a { *role } else { Role::Health })
            .collect();
        assert_eq!(roles, [Role::Remove, Role::Install, Role::Restore]);
    }
}
