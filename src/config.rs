//! The one door of configuration: embedded defaults, a TOML file, `TELVISOR_` variables, flags; in that order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use figment::providers::{Env, Format as _, Serialized, Toml};
use figment::{Figment, Metadata, Provider};
use serde::{Deserialize, Serialize};

pub mod describe;
pub mod document;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// What is wrong with the configuration, with the key, where it was set, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}; mend it, or leave the key away for its default", describe::unreadable(.0))]
    Read(Box<figment::Error>),
    #[error("{name}: there is no such variable; {fix}")]
    Variable { name: String, fix: String },
    #[error("{key} ({source_of}): {problem}; {fix}")]
    Wrong { key: &'static str, source_of: String, problem: String, fix: &'static str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Api,
    Worker,
    Mediation,
    All,
}

impl Role {
    #[must_use]
    pub fn has_api(self) -> bool {
        matches!(self, Self::Api | Self::All)
    }

    #[must_use]
    pub fn has_worker(self) -> bool {
        matches!(self, Self::Worker | Self::All)
    }

    #[must_use]
    pub fn has_mediation(self) -> bool {
        matches!(self, Self::Mediation | Self::All)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    pub data: PathBuf,
    pub role: Role,
    pub hypervisor: String,
    pub base_url: String,
    pub node_id: String,
    pub time_zone: String,
    pub database: Database,
    pub access: Access,
    pub api: Api,
    pub catalogue: CatalogueConfig,
    pub secrets: Secrets,
    pub machine: Machine,
    pub jobs: Jobs,
    pub terminate: Terminate,
    pub backup: Backup,
    pub sdr: Sdr,
    pub mediation: Mediation,
    pub log: Log,
    pub simulator: SimulatorConfig,
    pub test: Test,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    Open,
    Required,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub mode: AccessMode,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    pub body_limit_kib: usize,
    pub page: i64,
    pub page_most: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueConfig {
    pub apps: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub key_file: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub base_vcpu: u32,
    pub base_memory_mib: u64,
    pub base_disk_gib: u64,
    pub keep_empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    Fail,
    Hold,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub workers: usize,
    pub attempts: i64,
    pub retry_base_ms: u64,
    pub retry_cap_ms: u64,
    pub lease_s: u64,
    pub sweep_ms: u64,
    pub on_failure: OnFailure,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminate {
    pub retention_days: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub keep_days: i64,
    pub link_seconds: i64,
    pub link_seconds_most: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sdr {
    pub failures: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mediation {
    pub recipient: Vec<Recipient>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    Csv,
    Asn1,
}

/// A recipient of SDR files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    pub name: String,
    pub format: FileFormat,
    #[serde(default = "raw")]
    pub framing: String,
    /// `day`, `week`, `month`, or a cron expression of five fields.
    #[serde(default = "day")]
    pub schedule: String,
    #[serde(default = "most_records")]
    pub records: usize,
    #[serde(default = "most_bytes")]
    pub bytes: usize,
}

fn raw() -> String {
    "raw".into()
}

fn day() -> String {
    "day".into()
}

const fn most_records() -> usize {
    50_000
}

const fn most_bytes() -> usize {
    10 << 20
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: String,
    pub filter: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatorConfig {
    pub latency_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub fault: String,
}

/// Flags of the command line that set a key. Those that are none leave it alone.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<SocketAddr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<UrlOnly>,
    /// The flag or the variable that gave a value, by its key.
    #[serde(skip)]
    pub came_from: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct UrlOnly {
    pub url: String,
}

impl Provider for Overrides {
    fn metadata(&self) -> Metadata {
        Metadata::named(describe::COMMAND_LINE)
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, figment::value::Dict>, figment::Error> {
        Serialized::defaults(self).data()
    }
}

/// The bearer token that the command line sends, from `TELVISOR_TOKEN`. There is no flag: those of a running
/// process can be read by every user of the machine.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
pub fn token() -> Option<String> {
    std::env::var("TELVISOR_TOKEN").ok().filter(|t| !t.is_empty())
}

/// Refuses a `TELVISOR_` variable that nothing reads: most likely a slip of the pen, and its setting would be missed
/// in silence.
///
/// # Errors
/// Naming the variable and the nearest that exists.
pub fn check_environment() -> Result<(), ConfigError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    describe::unknown_variable(names).map_or(Ok(()), |(name, fix)| Err(ConfigError::Variable { name, fix }))
}

/// The embedded defaults, layered with a file, the environment and flags.
#[must_use]
pub fn layers(file: Option<&PathBuf>, flags: &Overrides) -> Figment {
    let mut figment = Figment::new().merge(Toml::string(DEFAULTS));
    if let Some(path) = file {
        figment = figment.merge(Toml::file_exact(path));
    }
    figment
        .merge(Env::prefixed("TELVISOR_").filter(|k| k.as_str().contains("__")).split("__"))
        .merge(Env::prefixed("TELVISOR_").only(&["base_url", "node_id", "time_zone"]))
        .merge(flags)
}

/// Most days that anything is kept: a hundred years.
const DAYS_MOST: i64 = 36_500;

/// A count as a number that can be compared.
fn whole(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

impl Config {
    /// Reads and cross-checks.
    ///
    /// # Errors
    /// Naming the key, its source and the fix.
    pub fn load(file: Option<&PathBuf>, flags: &Overrides) -> Result<Self, ConfigError> {
        let figment = layers(file, flags);
        let config: Self = figment.extract().map_err(|e| ConfigError::Read(Box::new(e)))?;
        config.check(&figment, flags)?;
        Ok(config)
    }

    /// The database's URL, the default resolved.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite:{}", self.data.join("telvisor.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// The key file, the default resolved.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        if self.secrets.key_file.as_os_str().is_empty() {
            self.data.join("secret.key")
        } else {
            self.secrets.key_file.clone()
        }
    }

    /// The time zone; checked at load.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC)
    }

    fn check(&self, figment: &Figment, flags: &Overrides) -> Result<(), ConfigError> {
        let wrong = |key: &'static str, problem: String, fix: &'static str| {
            let source_of = describe::source_of(figment, flags, key);
            Err(ConfigError::Wrong { key, source_of, problem, fix })
        };
        if self.access.mode == AccessMode::Required {
            return wrong(
                "access.mode",
                "clients and users do not exist yet in this release".into(),
                "use open, on loopback",
            );
        }
        if let Some(address) = self.listen.iter().find(|a| !a.ip().is_loopback()) {
            return wrong(
                "listen",
                format!(
                    "{address} is not a loopback address, and without credentials anybody could place orders there"
                ),
                "listen on 127.0.0.1 or [::1]; other addresses need access.mode = \"required\"",
            );
        }
        if self.listen.is_empty() && self.role.has_api() {
            return wrong("listen", "no address".into(), "give at least one, such as 127.0.0.1:8080");
        }
        if self.time_zone.parse::<chrono_tz::Tz>().is_err() {
            return wrong(
                "time_zone",
                format!("{:?} is no IANA time zone", self.time_zone),
                "use a name such as Europe/Athens or UTC",
            );
        }
        if self.node_id.is_empty()
            || self.node_id.len() > 20
            || !self.node_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            return wrong(
                "node_id",
                format!("{:?} cannot stand in file names and records", self.node_id),
                "use 1 to 20 letters, digits, - or _",
            );
        }
        if self.role != Role::All && self.database_url().starts_with("sqlite:") && self.role != Role::Api {
            return wrong(
                "role",
                "SQLite allows one server process".into(),
                "use role = \"all\", or PostgreSQL",
            );
        }
        let has_host = |scheme| self.base_url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
        if !(self.base_url.is_empty() || has_host("http://") || has_host("https://")) {
            let problem = format!("{:?} is no http or https URL", self.base_url);
            return wrong(
                "base_url",
                problem,
                "use one such as https://orders.example.com, or leave it empty",
            );
        }
        for (key, value) in [
            ("database.connections", i64::from(self.database.connections)),
            ("api.body_limit_kib", whole(self.api.body_limit_kib)),
            ("api.page", self.api.page),
            ("api.page_most", self.api.page_most),
            ("jobs.workers", whole(self.jobs.workers)),
            ("jobs.attempts", self.jobs.attempts),
            ("jobs.lease_s", whole(self.jobs.lease_s)),
            ("jobs.sweep_ms", whole(self.jobs.sweep_ms)),
            ("backup.link_seconds", self.backup.link_seconds),
            ("backup.link_seconds_most", self.backup.link_seconds_most),
        ] {
            if value < 1 {
                return wrong(key, format!("{value} is too little"), "use 1 or more");
            }
        }
        for (key, days) in [
            ("terminate.retention_days", self.terminate.retention_days),
            ("backup.keep_days", self.backup.keep_days),
        ] {
            if !(0..=DAYS_MOST).contains(&days) {
                return wrong(key, format!("{days} is no such number of days"), "use 0 to 36500");
            }
        }
        if self.api.page > self.api.page_most {
            let problem = format!("{} is more than api.page_most, {}", self.api.page, self.api.page_most);
            return wrong("api.page", problem, "lower it, or raise api.page_most");
        }
        if self.backup.link_seconds_most > DAYS_MOST * 86_400 {
            return wrong("backup.link_seconds_most", "more than 100 years".into(), "lower it");
        }
        if self.backup.link_seconds > self.backup.link_seconds_most {
            return wrong(
                "backup.link_seconds",
                format!(
                    "{} is more than backup.link_seconds_most, {}",
                    self.backup.link_seconds, self.backup.link_seconds_most
                ),
                "lower it, or raise backup.link_seconds_most",
            );
        }
        if !matches!(self.log.format.as_str(), "text" | "json") {
            return wrong("log.format", format!("{:?} is not known", self.log.format), "use text or json");
        }
        if !(self.hypervisor == "sim" || self.hypervisor.starts_with("sim+unix:")) {
            return wrong(
                "hypervisor",
                format!("no driver for {:?}", self.hypervisor),
                "use sim or sim+unix:PATH",
            );
        }
        for r in &self.mediation.recipient {
            if r.framing != "raw" {
                return wrong(
                    "mediation.recipient",
                    format!("{}: framing {:?} is not there", r.name, r.framing),
                    "use raw",
                );
            }
            if let Err(problem) = crate::mediation::schedule::Schedule::parse(&r.schedule) {
                return wrong(
                    "mediation.recipient",
                    format!("{}: {problem}", r.name),
                    "use day, week, month or a cron expression",
                );
            }
            let twice = self.mediation.recipient.iter().filter(|o| o.name == r.name).count() > 1;
            let plain = r.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if twice || r.name.is_empty() || !plain || r.name.starts_with('-') {
                return wrong(
                    "mediation.recipient",
                    format!("name {:?} is empty, doubled or not plain", r.name),
                    "use letters, digits, - and _",
                );
            }
            if r.records == 0 || r.bytes < 4096 {
                return wrong(
                    "mediation.recipient",
                    format!("{}: limits too small", r.name),
                    "records from 1, bytes from 4096",
                );
            }
        }
        Ok(())
    }
}
