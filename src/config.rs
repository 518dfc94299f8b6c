//! The one door of configuration: embedded defaults, a TOML file, `TELVISOR_` variables, flags; in that order.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format as _, Serialized, Toml};
use figment::{Figment, Metadata, Provider};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub mod check;
pub mod describe;
pub mod document;
mod password;
pub mod recipient;

pub use check::CHANNELS;
pub use password::secret;
pub use recipient::{Ack, Delivery, Empty, FileFormat, Framing, Recipient, S3, Sftp, Strategy, Subscriber};

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
    pub store: Store,
    pub amqp: Amqp,
    pub health: Health,
    pub access: Access,
    pub api: Api,
    pub catalogue: CatalogueConfig,
    pub secrets: Secrets,
    pub machine: Machine,
    pub jobs: Jobs,
    pub flow: Flow,
    pub archive: Archive,
    pub approval: Approval,
    pub terminate: Terminate,
    pub backup: Backup,
    pub sdr: Sdr,
    pub mediation: Mediation,
    pub notify: Notify,
    pub alarms: Alarms,
    pub performance: Performance,
    pub soap: Soap,
    pub log: Log,
    pub simulator: SimulatorConfig,
    pub test: Test,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub password_file: PathBuf,
    pub system_url: String,
    pub owner_url: String,
    pub connections: u32,
    pub wait_s: u64,
    pub statement_timeout_s: u64,
    pub idle_timeout_s: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub shared: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    pub listen: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amqp {
    pub url: String,
    pub password_file: PathBuf,
    pub ca_file: PathBuf,
    pub prefix: String,
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
    pub list_seconds: u64,
    pub catalogue_most: i64,
    pub trusted_proxies: Vec<String>,
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
    pub per_host: i64,
    pub per_customer: i64,
}

/// How much work is let in, and when it counts as standing still.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub orders_most: i64,
    pub wait_most_s: i64,
    pub retry_after_s: u32,
    pub stuck_minutes: i64,
}

/// How long ended orders are kept, and where they go then.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    pub days: i64,
    pub folder: PathBuf,
}

/// Which orders wait for an operator's approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub channels: Vec<String>,
    pub applications: Vec<String>,
    pub hours: i64,
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
    pub file_mode: String,
    pub folder_mode: String,
    pub stop_free_mib: u64,
}

impl Mediation {
    /// Modes of files and of folders; checked at load.
    #[must_use]
    pub fn modes(&self) -> (u32, u32) {
        (mode(&self.file_mode).unwrap_or(0o640), mode(&self.folder_mode).unwrap_or(0o750))
    }
}

/// A file mode in octal, such as `0640`, without any special bit.
#[must_use]
pub fn mode(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    #[serde(deserialize_with = "networks", serialize_with = "as_texts")]
    pub callback_allow: Vec<IpNet>,
    pub listener_path: bool,
    pub concurrency: usize,
    pub timeout_s: u64,
    pub retry_base_ms: u64,
    pub pause_after: u32,
    pub keep_days: i64,
}

/// Networks as a list, or in one text with commas; a single address is a network too.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<String>),
        Text(String),
    }
    let texts = match Given::deserialize(from)? {
        Given::List(list) => list,
        Given::Text(text) => text.split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect(),
    };
    let network = |text: &String| {
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            serde::de::Error::custom(format!("{text:?} is no network such as 10.1.0.0/16, and no address"))
        })
    };
    texts.iter().map(network).collect()
}

fn as_texts<S: Serializer>(networks: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(networks.iter().map(ToString::to_string))
}

/// What is watched, and how long alarms are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarms {
    pub tenant: String,
    pub watch_seconds: u64,
    pub compare_minutes: i64,
    pub delivery_minutes: i64,
    pub storage_free_percent: u64,
    pub clock_offset_ms: i64,
    pub keep_days: i64,
}

/// Counters of the granularity periods.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    pub minutes: Vec<i64>,
    pub keep_days: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soap {
    pub session_idle_s: i64,
    pub session_max_s: i64,
    pub sessions_per_user: i64,
    pub ne_namespace: String,
    pub ne_wait_seconds: u32,
    pub loose_errors: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: String,
    pub filter: String,
    pub otlp: String,
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
    pub clock_offset_s: i64,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp: Option<UrlOnly>,
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

/// What the command line proves itself with, from `TELVISOR_TOKEN`: `NAME:SECRET` of a client, or a bearer token. There is no flag: those of a running
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
        .merge(
            Env::raw().only(&["TELVISOR_CALLBACK_ALLOW"]).map(|_| "notify.callback_allow".into()).split("."),
        )
        .merge(flags)
}

impl Config {
    /// Reads and cross-checks.
    ///
    /// # Errors
    /// Naming the key, its source and the fix.
    pub fn load(file: Option<&PathBuf>, flags: &Overrides) -> Result<Self, ConfigError> {
        let figment = layers(file, flags);
        let mut config: Self = figment.extract().map_err(|e| ConfigError::Read(Box::new(e)))?;
        check::check(&config, &figment, flags)?;
        let Database { url, system_url, owner_url, password_file, .. } = &mut config.database;
        if !password_file.as_os_str().is_empty() {
            // That of the work always; the others where there is one.
            let others = [system_url, owner_url].into_iter().filter(|url| !url.is_empty());
            for url in others.chain([url]) {
                *url = password::with_password(url, password_file).map_err(|(problem, fix)| {
                    let key = "database.password_file";
                    let source_of = describe::source_of(&figment, flags, key);
                    ConfigError::Wrong { key, source_of, problem, fix }
                })?;
            }
        }
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

    /// A file with a key or password for a recipient: one without a path lies in the folder `recipient-keys`.
    #[must_use]
    pub fn recipient_file(&self, file: &Path) -> PathBuf {
        match file.parent() {
            Some(above) if above.as_os_str().is_empty() => self.data.join("recipient-keys").join(file),
            _ => file.to_owned(),
        }
    }

    /// Where health and metrics alone are told; checked at load.
    #[must_use]
    pub fn health_listen(&self) -> Option<SocketAddr> {
        self.health.listen.parse().ok()
    }

    /// The proxies whose word on the client's address is taken; checked at load.
    #[must_use]
    pub fn trusted_proxies(&self) -> Vec<IpNet> {
        self.api.trusted_proxies.iter().filter_map(|net| net.parse().ok()).collect()
    }

    /// The time zone; checked at load.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC)
    }
}
