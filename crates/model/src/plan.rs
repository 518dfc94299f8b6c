//! Takes an order item apart: into jobs, one for each machine that it touches, and each job into steps.
//!
//! Each step can be repeated, and says how it is undone or why it is not. A step that is `last_chance`-marked is
//! the point of no return: once it has begun, nothing of the item is undone any more.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::role::Role;

mod jobs;
mod outline;
mod steps;

pub use jobs::{
    backup, bring_back, change, install, restore, resume, resume_machine, suspend, suspend_machine,
    terminate, terminate_machine,
};
pub use outline::outline;

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

    /// The kind of work and the application that it is about (none: the machine itself, or octets): what its
    /// duration is remembered under.
    #[must_use]
    pub fn work(&self) -> (&'static str, &str) {
        match self {
            Self::CreateMachine { .. } => ("create-machine", ""),
            Self::ResizeMachine { .. } => ("resize-machine", ""),
            Self::SuspendMachine => ("suspend-machine", ""),
            Self::ResumeMachine => ("resume-machine", ""),
            Self::DeleteMachine => ("delete-machine", ""),
            Self::EnsureVolume { .. } => ("ensure-volume", ""),
            Self::DeleteVolume { .. } => ("delete-volume", ""),
            Self::Script { role, target, .. } => (role.as_str(), &target.application),
            Self::FetchBackup { .. } => ("fetch-backup", ""),
            Self::PushBackup { .. } => ("push-backup", ""),
            Self::DropBackup { .. } => ("drop-backup", ""),
            Self::DropArchive { .. } => ("drop-archive", ""),
        }
    }

    /// Seconds that it usually takes, until real durations are known; none for a script, of which the package
    /// says it.
    #[must_use]
    pub const fn usual_seconds(&self) -> Option<u32> {
        match self {
            Self::CreateMachine { .. } => Some(30),
            Self::ResizeMachine { .. } | Self::DeleteMachine => Some(15),
            Self::ResumeMachine => Some(10),
            Self::SuspendMachine | Self::EnsureVolume { .. } | Self::DeleteVolume { .. } => Some(5),
            Self::FetchBackup { .. } | Self::PushBackup { .. } => Some(60),
            Self::DropBackup { .. } | Self::DropArchive { .. } => Some(1),
            Self::Script { .. } => None,
        }
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

/// A stored backup and the version of the application that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBackup {
    pub id: Uuid,
    pub version: String,
}

#[cfg(test)]
mod tests;
