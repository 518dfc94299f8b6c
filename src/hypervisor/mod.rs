//! What Telvisor asks of a hypervisor, and nothing more.
//!
//! A driver makes short calls only. Work that takes time is *begun* under a key, and *observed* until it ends;
//! the handle that `begin` returns is kept in the database, so a later worker observes what an earlier one
//! began instead of beginning it again. Rules that every driver keeps (the [`contract`] suite checks them):
//!
//! * `begin` with a key it has seen returns the handle of the operation begun then, finished or not.
//! * Every operation can be repeated: creating what exists (and is ours) and deleting what is absent are `Done`.
//! * An operation whose fence is lower than the highest that acted on the machine is refused
//!   ([`DriverError::Fenced`]) and changes nothing; one that is at work when a higher fence acts changes nothing more.
//!   An undo relies on that: it aborts what a lost worker began only where that worker kept the handle.
//! * Nothing without our ownership tag (installation and machine id) is touched ([`DriverError::Foreign`]).
//! * An operation is `Done` only when its post-condition was observed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
pub use telvisor_model::Role;
pub use telvisor_model::plan::Size;
use uuid::Uuid;

pub mod contract;
pub mod simulator;

/// What a driver can do beyond the least that every driver must.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Name for people: `simulator`, `libvirt`.
    pub name: String,
    /// vCPU and memory of a running machine change without a restart.
    pub live_resize: bool,
    /// A paused machine keeps its memory.
    pub suspend_to_memory: bool,
    /// The fence is checked atomically with the change, not just before it.
    pub atomic_fence: bool,
    /// Backups of kind `machine` (images) are possible.
    pub machine_images: bool,
}

/// One host of the hypervisor, with what is free on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub vcpu_total: u32,
    pub vcpu_free: u32,
    pub memory_mib_total: u64,
    pub memory_mib_free: u64,
    pub disk_gib_total: u64,
    pub disk_gib_free: u64,
}

/// The ownership tag that a machine carries in its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// This installation of Telvisor, made once.
    pub installation: Uuid,
    /// Our id of the machine.
    pub machine: Uuid,
}

/// Who acts on which machine: checked before each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    pub tag: Tag,
    /// Name of the machine on the hypervisor, derived from our ids.
    pub name: String,
    /// Drawn anew at each claim of a job on the machine; a lower one than the highest seen is refused.
    pub fence: i64,
}

/// A script to run in the guest, with all that it needs. A real guest runs `script` with POSIX sh; the simulator
/// acts by `role` alone and takes what it needs from the other members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    pub role: Role,
    pub subscription: Uuid,
    pub application: String,
    pub version: String,
    pub plan: String,
    /// The version installed before, for upgrade and downgrade; of the backup, for restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// Data quota of the plan in GiB.
    pub quota_gib: u64,
    /// Guest path of the archive that `backup` writes and `restore` reads, below the spool folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// Text of the POSIX sh script.
    pub script: String,
    /// `TELVISOR_*` variables and the declared characteristics.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Seconds after which the script is ended and counts as failed.
    pub time_limit_s: u32,
}

/// Work that takes time. Each can be repeated with the same effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum Operation {
    /// Makes the machine, boots it and waits until scripts can be run in it. Done if it is there and ours.
    CreateMachine {
        size: Size,
        tenant: String,
        customer: String,
        /// Host chosen by placement; the driver refuses with [`DriverError::Capacity`] when it no longer fits.
        host: String,
    },
    /// Sets vCPU and memory; grows the disk, and leaves a larger disk as it is.
    ResizeMachine { size: Size },
    /// Stops the work of the machine without losing it.
    SuspendMachine,
    /// Lets a suspended machine go on.
    ResumeMachine,
    /// Removes the machine with all its volumes. Done when absent.
    DeleteMachine,
    /// Makes the data volume of a subscription, or grows it to the size; never shrinks it.
    EnsureVolume { subscription: Uuid, size_gib: u64 },
    /// Removes the data volume of a subscription. Done when absent.
    DeleteVolume { subscription: Uuid },
    /// Runs a script in the guest. Result of `backup`: `{"archive", "size", "sha256"}`.
    RunScript(Box<Script>),
    /// Removes a file from the guest's spool. Done when absent.
    DeleteSpool { path: String },
}

impl Operation {
    /// Short name, used in logs, fault rules and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateMachine { .. } => "create_machine",
            Self::ResizeMachine { .. } => "resize_machine",
            Self::SuspendMachine => "suspend_machine",
            Self::ResumeMachine => "resume_machine",
            Self::DeleteMachine => "delete_machine",
            Self::EnsureVolume { .. } => "ensure_volume",
            Self::DeleteVolume { .. } => "delete_volume",
            Self::RunScript(s) => s.role.as_str(),
            Self::DeleteSpool { .. } => "delete_spool",
        }
    }
}

/// Names an operation that was begun; kept in the step's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle(pub String);

/// How a begun operation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Observation {
    /// Still at work; percent 0-100 where the driver knows.
    Running { percent: u8 },
    /// Done and its post-condition observed; `result` as the operation says, else null.
    Done { result: serde_json::Value },
    /// Ended without effect that lasts; trying again may help.
    Retry { reason: String },
    /// Cannot succeed by trying again (a script's exit 65, quota exceeded, …).
    Fail { reason: String },
    /// The driver does not know the operation (any more): look at the world and begin again.
    Unknown,
}

/// A machine as the hypervisor has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    pub name: String,
    pub tag: Tag,
    pub fence: i64,
    pub host: String,
    pub state: MachineState,
    pub size: Size,
    /// Subscriptions that have a data volume on it.
    pub volumes: Vec<Uuid>,
}

/// State of a machine on the hypervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineState {
    Running,
    Suspended,
    Stopped,
}

/// What a machine uses at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Share of all its vCPUs, percent 0-100.
    pub cpu_percent: u8,
    pub memory_mib: u64,
    /// Octets used on each subscription's data volume.
    pub volume_octets: BTreeMap<Uuid, u64>,
}

/// Why a driver call was not carried out. Nothing changed in the world unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "lowercase")]
pub enum DriverError {
    #[error("no capacity: {0}")]
    Capacity(String),
    #[error("{0} is not ours, so it was not touched")]
    Foreign(String),
    #[error("a newer worker has acted on this machine (fence {seen} is above {given})")]
    Fenced { given: i64, seen: i64 },
    #[error("{0} does not exist")]
    Absent(String),
    #[error("not possible: {0}")]
    Refused(String),
    /// The call may or may not have acted: look again.
    #[error("hypervisor not reached: {0}")]
    Unreachable(String),
}

/// A hypervisor. All calls are short (see [`Driver::call_limit`]); all may be made by several workers at once.
#[async_trait]
pub trait Driver: Send + Sync {
    /// What this driver can do.
    fn capabilities(&self) -> Capabilities;

    /// Longest time one call may take; a worker makes no call that its lease does not cover.
    fn call_limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(10)
    }

    /// Identity of the world behind the driver. The database remembers it at first use, and a server whose driver
    /// shows another refuses to start.
    async fn world_id(&self) -> Result<Uuid, DriverError>;

    /// Hosts with free capacity.
    async fn hosts(&self) -> Result<Vec<Host>, DriverError>;

    /// Machines that carry a tag of this installation.
    async fn owned(&self, installation: Uuid) -> Result<Vec<Owned>, DriverError>;

    /// What a machine uses now.
    async fn usage(&self, guard: &Guard) -> Result<Usage, DriverError>;

    /// Begins an operation, or returns the handle of the one begun with this key before.
    async fn begin(&self, guard: &Guard, operation: &Operation, key: &str) -> Result<Handle, DriverError>;

    /// How an operation stands. May wait up to `wait` for it to end.
    async fn observe(&self, handle: &Handle, wait: std::time::Duration) -> Result<Observation, DriverError>;

    /// Asks an operation to stop; observe tells how it ended. Unknown or ended operations are fine.
    async fn abort(&self, handle: &Handle) -> Result<(), DriverError>;

    /// Reads at most `len` octets of a spool file in the guest; empty at its end.
    async fn read(&self, guard: &Guard, path: &str, offset: u64, len: u32) -> Result<Vec<u8>, DriverError>;

    /// Writes octets to a spool file in the guest at `offset` (0 makes the file anew).
    async fn write(&self, guard: &Guard, path: &str, offset: u64, data: &[u8]) -> Result<(), DriverError>;

    /// Where the subscriber opens a started application, if it has an address.
    async fn endpoint(&self, guard: &Guard, subscription: Uuid) -> Result<Option<String>, DriverError>;
}
