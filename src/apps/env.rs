//! What a script is told: the `TELVISOR_*` variables, and the script that the driver runs.

use std::collections::BTreeMap;

use serde_json::Value;
use telvisor_model::catalogue::{Application, Plan, Version, plain};
use uuid::Uuid;

use super::PackageVersion;
use crate::hypervisor::{Role, Script};

/// Folders of one subscription in its guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFolders {
    /// On the system disk: the program as installed. Gone with the machine, made anew by `install`.
    pub home: String,
    /// Where the data volume is mounted.
    pub volume: String,
    /// The version's files as the package has them, laid there before a script runs.
    pub files: String,
}

impl GuestFolders {
    /// The folders in a real guest. Those of two subscriptions, and of two contents of one version, differ.
    #[must_use]
    pub fn standard(subscription: Uuid, digest: &str) -> Self {
        Self {
            home: format!("/var/lib/telvisor/apps/{subscription}"),
            volume: format!("/srv/telvisor/{subscription}"),
            files: format!("/var/lib/telvisor/packages/{digest}"),
        }
    }
}

/// One run of a script.
#[derive(Debug, Clone)]
pub struct ScriptRun<'a> {
    pub role: Role,
    pub subscription: Uuid,
    pub application: &'a Application,
    /// Version that is there after the script has run.
    pub version: &'a Version,
    /// Version before it, for upgrade and downgrade; of the backup, for restore.
    pub from_version: Option<&'a str>,
    /// Plan that holds after the script has run.
    pub plan: &'a Plan,
    pub folders: &'a GuestFolders,
    /// As resolved by [`Application::check_characteristics`].
    pub characteristics: &'a BTreeMap<String, Value>,
    /// Ordered seats, where the application has seats.
    pub seats: Option<u32>,
    /// Ports by name where they differ from the manifest, because theirs were taken in the guest.
    pub ports: &'a BTreeMap<String, u16>,
    /// For backup and restore.
    pub archive: Option<&'a str>,
}

impl ScriptRun<'_> {
    /// The `TELVISOR_*` variables, as listed in `docs/packages.md`.
    #[must_use]
    pub fn env(&self) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        let mut set = |name: &str, value: String| {
            env.insert(format!("TELVISOR_{name}"), value);
        };
        set("ROLE", self.role.as_str().to_owned());
        set("SUBSCRIPTION", self.subscription.to_string());
        set("APPLICATION", self.application.id.clone());
        set("VERSION", self.version.id.clone());
        if let Some(version) = self.from_version {
            set("FROM_VERSION", version.to_owned());
        }
        set("PLAN", self.plan.id.clone());
        set("VCPU", self.plan.vcpu.to_string());
        set("MEMORY_MIB", self.plan.memory_mib.to_string());
        set("QUOTA_GIB", self.plan.disk_gib.to_string());
        if let Some(seats) = self.seats {
            set("SEATS", seats.to_string());
        }
        set("HOME", self.folders.home.clone());
        set("DATA", format!("{}/{}", self.folders.volume, self.version.runtime.data_folder));
        set("FILES", self.folders.files.clone());
        for (index, port) in self.version.runtime.ports.iter().enumerate() {
            let number = self.ports.get(&port.name).copied().unwrap_or(port.number).to_string();
            if index == 0 {
                set("PORT", number.clone());
            }
            set(&format!("PORT_{}", upper(&port.name)), number);
        }
        if let Some(archive) = self.archive {
            set("ARCHIVE", archive.to_owned());
        }
        for (name, value) in self.characteristics {
            env.insert(characteristic_variable(name), plain(value));
        }
        env
    }

    /// The script for the driver; `text` is from [`script_text`].
    #[must_use]
    pub fn script(&self, text: &str) -> Script {
        Script {
            role: self.role,
            subscription: self.subscription,
            application: self.application.id.clone(),
            version: self.version.id.clone(),
            plan: self.plan.id.clone(),
            from_version: self.from_version.map(str::to_owned),
            quota_gib: self.plan.disk_gib,
            archive: self.archive.map(str::to_owned),
            script: text.to_owned(),
            env: self.env(),
            time_limit_s: self.version.runtime.time_limit(self.role.as_str()),
        }
    }
}

/// The text of a role's script. A downgrade takes that of the version that is left, for only the newer version
/// knows both forms of the data; every other role takes that of the version that is there afterwards.
#[must_use]
pub fn script_text<'a>(
    role: Role,
    version: &'a PackageVersion,
    from: Option<&'a PackageVersion>,
) -> Option<&'a str> {
    let package = if role == Role::Downgrade { from? } else { version };
    package.scripts.get(&role).map(String::as_str)
}

/// The variable of a characteristic: `shareName` is in `TELVISOR_CHAR_SHARE_NAME`.
#[must_use]
pub fn characteristic_variable(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            words.push('_');
        }
        words.push(c);
        before = c;
    }
    format!("TELVISOR_CHAR_{}", upper(&words))
}

fn upper(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}
