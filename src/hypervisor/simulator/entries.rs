//! The entries of the world: a machine as people read it, and its tag.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hypervisor::{MachineState, Observation, Size, Tag};

/// The entry `machines/NAME`: what an outsider may read about a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub id: Uuid,
    pub tenant: String,
    pub customer: String,
    pub state: MachineState,
    pub vcpu: u32,
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u64,
    #[serde(rename = "diskGiB")]
    pub disk_gib: u64,
    pub applications: Vec<Application>,
}

impl Machine {
    /// Its size as the driver's type.
    #[must_use]
    pub fn size(&self) -> Size {
        Size { vcpu: self.vcpu, memory_mib: self.memory_mib, disk_gib: self.disk_gib }
    }

    /// The application of a subscription, if it is installed.
    #[must_use]
    pub fn application(&self, subscription: Uuid) -> Option<&Application> {
        self.applications.iter().find(|a| a.subscription == subscription)
    }
}

/// One installed application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    pub subscription: Uuid,
    pub application: String,
    pub version: String,
    pub plan: String,
    pub state: ApplicationState,
}

/// Whether an application was started; a stopped one stays stopped until `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationState {
    Running,
    Stopped,
}

/// The entry `tags/NAME`: what a hypervisor would keep in a machine's metadata, and the finished operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagFile {
    #[serde(flatten)]
    pub tag: Tag,
    /// Highest fence that acted.
    pub fence: i64,
    pub host: String,
    /// Data volumes and their sizes in GiB.
    #[serde(default)]
    pub volumes: BTreeMap<Uuid, u64>,
    /// Finished operations, oldest first.
    #[serde(default)]
    pub operations: Vec<Record>,
}

impl TagFile {
    /// How the operation with this key ended, if it did and is remembered.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<&Record> {
        self.operations.iter().find(|r| r.key == key)
    }
}

/// A finished operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub key: String,
    pub operation: String,
    pub outcome: Observation,
}
