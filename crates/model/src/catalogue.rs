//! One application of the catalogue, as the rest of Telvisor uses it.
//!
//! The source is an application package (see `docs/packages.md`): reading and checking its manifest is the work of
//! the root package; what stands here is already checked. Plans and versions rank by their order in the manifest,
//! smallest and oldest first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod characteristics;

pub use characteristics::{
    CharacteristicError, MAX_TEXT, RESERVED_CHARACTERISTICS, Resolved, check_pattern, is_characteristic_name,
    plain,
};

/// What a script role takes when the manifest says nothing, in seconds: (role, time limit, usual duration).
/// These are part of manifest format 1 and do not change within it.
pub const ROLE_DEFAULTS: [(&str, u32, u32); 10] = [
    ("install", 900, 60),
    ("start", 120, 10),
    ("stop", 120, 10),
    ("configure", 300, 15),
    ("upgrade", 1800, 90),
    ("downgrade", 1800, 90),
    ("remove", 300, 15),
    ("health", 30, 5),
    ("backup", 3600, 60),
    ("restore", 3600, 90),
];

/// An application that can be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// `[a-z0-9][a-z0-9-]{0,31}`; no dot, because an offering is `APP.PLAN`.
    pub id: String,
    pub name: String,
    pub provider: Provider,
    pub support: Support,
    pub description: String,
    pub category: String,
    /// File name of the icon in the package.
    pub icon: String,
    /// File names of the screenshots in the package.
    pub screenshots: Vec<String>,
    pub placement: Placement,
    /// A customer may have several live subscriptions of it.
    pub multiple: bool,
    /// Present when an order may say a `quantity`.
    pub seats: Option<Seats>,
    pub characteristics: Vec<Declared>,
    /// Smallest first, never empty.
    pub plans: Vec<Plan>,
    /// Oldest first, never empty.
    pub versions: Vec<Version>,
    /// Usual duration by script role in seconds, where the package gives one.
    pub estimates: BTreeMap<String, u32>,
}

/// Who made the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    pub name: String,
    pub url: Option<String>,
}

/// Where the subscriber gets help: at the provider, not at the telco. At least one member is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Support {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub url: Option<String>,
}

/// On which machine the application runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On the customer's one machine, beside the customer's other applications.
    #[default]
    Shared,
    /// On a machine of its own.
    Dedicated,
}

/// How many users one subscription may be ordered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats {
    /// At least 1.
    pub min: u32,
    pub max: u32,
}

/// A characteristic that an order may, or must, give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declared {
    /// `[a-z][A-Za-z0-9-]{0,31}`.
    pub name: String,
    pub kind: Kind,
    pub required: Required,
    /// Taken when the order gives none.
    pub default: Option<Value>,
    pub description: String,
    /// Regular expression that a whole text must match.
    pub pattern: Option<String>,
    /// Least integer, or least number of characters of a text.
    pub min: Option<i64>,
    /// Greatest integer, or greatest number of characters of a text.
    pub max: Option<i64>,
    /// The only values allowed; empty: any.
    pub values: Vec<Value>,
}

/// Type of a characteristic's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    String,
    Integer,
    Boolean,
}

/// Whether an order must give a characteristic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Required {
    #[default]
    No,
    /// An order without it is refused.
    Yes,
    /// An order without it is accepted, and waits at its turn until it is supplied.
    BeforeStart,
}

/// A size in which the application is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Same form as an application id.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Added to the machine.
    pub vcpu: u32,
    /// Added to the machine, in MiB.
    pub memory_mib: u64,
    /// Size of the data volume, and the quota on it, in GiB.
    pub disk_gib: u64,
    pub price: Price,
    pub backup: Option<BackupSchedule>,
}

/// What a plan costs. Telvisor shows it and does not bill it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Decimal text, such as `19.90`, so that no digit is lost.
    pub amount: String,
    /// ISO 4217 code of three letters.
    pub currency: String,
    pub period: Period,
}

/// How often a price is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    Month,
    Year,
    Once,
}

/// Backups that a plan includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupSchedule {
    /// Cron expression of five fields, in the configured `time_zone`.
    pub cron: String,
    /// How many scheduled backups are kept, at least 1.
    pub keep: u32,
}

/// A version of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// `[A-Za-z0-9][A-Za-z0-9._+-]{0,31}`.
    pub id: String,
    pub released: Option<NaiveDate>,
    /// What going down from this version to an older one does to the data.
    pub downgrade: Downgrade,
    /// Stays usable for its subscriptions and cannot be ordered.
    pub withdrawn: bool,
    /// What is new, for people.
    pub notes: String,
    /// SHA-256 of what a worker needs to run the version, in lower-case hex.
    pub digest: String,
    pub runtime: Runtime,
}

/// What a downgrade does to the data. The order is that of strictness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Downgrade {
    /// The older version reads the data as it is.
    Keep,
    /// The downgrade script turns the data into the older form.
    Migrate,
    /// There is no way down.
    #[default]
    Refuse,
}

/// How a version runs in a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Folder of the data below the subscription's data volume; a relative path.
    pub data_folder: String,
    /// The first is where the subscriber opens the application.
    pub ports: Vec<Port>,
    pub guest: Guest,
    /// Time limit by script role in seconds, where the package gives one.
    pub time_limits: BTreeMap<String, u32>,
}

/// A port on which the application listens in its guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Short name, `web` for instance; same form as an application id.
    pub name: String,
    /// The number taken when it is free in the guest.
    pub number: u16,
    pub protocol: Protocol,
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http,
    Https,
    Tcp,
    Udp,
}

/// What a guest must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// Commands found in the guest's `PATH`.
    pub commands: Vec<String>,
    /// Machine names as `uname -m` prints them; empty: any.
    pub architectures: Vec<String>,
    /// Needs to reach the internet.
    pub internet: bool,
}

impl Application {
    /// The plan of that id.
    #[must_use]
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|p| p.id == id)
    }

    /// The version of that id, withdrawn or not.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.id == id)
    }

    /// The version that an order gets that names none; none when all are withdrawn.
    #[must_use]
    pub fn newest_orderable(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|v| !v.withdrawn)
    }

    /// Place of a plan, 0 for the smallest.
    #[must_use]
    pub fn plan_rank(&self, id: &str) -> Option<usize> {
        self.plans.iter().position(|p| p.id == id)
    }

    /// Place of a version, 0 for the oldest.
    #[must_use]
    pub fn version_rank(&self, id: &str) -> Option<usize> {
        self.versions.iter().position(|v| v.id == id)
    }

    /// `Greater` when `to` is a larger plan than `from` (an upgrade); none when one of them is unknown.
    #[must_use]
    pub fn compare_plans(&self, from: &str, to: &str) -> Option<Ordering> {
        Some(self.plan_rank(to)?.cmp(&self.plan_rank(from)?))
    }

    /// `Greater` when `to` is newer than `from` (an upgrade); none when one of them is unknown.
    #[must_use]
    pub fn compare_versions(&self, from: &str, to: &str) -> Option<Ordering> {
        Some(self.version_rank(to)?.cmp(&self.version_rank(from)?))
    }

    /// What going down from one version to an older one does to the data: the strictest of the versions that are
    /// left on the way. None when a version is unknown or `to` is not older.
    #[must_use]
    pub fn downgrade(&self, from: &str, to: &str) -> Option<Downgrade> {
        let (from, to) = (self.version_rank(from)?, self.version_rank(to)?);
        self.versions.get(to + 1..=from)?.iter().map(|v| v.downgrade).max()
    }

    /// Usual duration of a script role in seconds; 0 for an unknown role.
    #[must_use]
    pub fn estimate(&self, role: &str) -> u32 {
        self.estimates.get(role).copied().or_else(|| role_default(role).map(|d| d.2)).unwrap_or(0)
    }

    /// Checks the `quantity` of an order: 1 is always right, more only within the declared seats.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn check_quantity(&self, quantity: u32) -> Result<(), String> {
        match self.seats {
            None if quantity == 1 => Ok(()),
            None => Err(format!("must be 1, because {} has no seats", self.id)),
            Some(s) if (s.min..=s.max).contains(&quantity) => Ok(()),
            Some(s) => Err(format!("must be {} to {} seats", s.min, s.max)),
        }
    }
}

impl Runtime {
    /// Seconds after which a script of the role is ended; 0 for an unknown role.
    #[must_use]
    pub fn time_limit(&self, role: &str) -> u32 {
        self.time_limits.get(role).copied().or_else(|| role_default(role).map(|d| d.1)).unwrap_or(0)
    }
}

/// `[a-z0-9][a-z0-9-]{0,31}`: the form of application, plan and port ids.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `[A-Za-z0-9][A-Za-z0-9._+-]{0,31}`: the form of a version.
#[must_use]
pub fn is_version(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
}

fn role_default(role: &str) -> Option<&'static (&'static str, u32, u32)> {
    ROLE_DEFAULTS.iter().find(|d| d.0 == role)
}

#[cfg(test)]
mod tests;
