//! A recipient of SDR files: what it gets, when, how it is written and how it is handed over.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use telvisor_sdr::RecordType;
use telvisor_sdr::name::{self, NameTemplate};
use telvisor_sdr::template::Template;
use telvisor_sdr::ts32297::TS_NUMBER;

use super::Config;
use crate::mediation::schedule::Schedule;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    Csv,
    Asn1,
}

/// How ASN.1 records are put into a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// One behind the other.
    #[default]
    Raw,
    /// With the file and CDR headers of 3GPP TS 32.297.
    Ts32297,
    /// As one interchange with control and audit information.
    Batch,
}

/// What a period without records makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    #[default]
    None,
    /// A file without records.
    Heartbeat,
}

/// By what a subscriber is named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscriber {
    #[default]
    Customer,
    /// The telephone number, where the customer has one, in digits.
    Phone,
    /// A keyed digest of the customer id, another one for each recipient.
    Pseudonym,
}

/// How the recipient says that it has taken a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// It does not: what is delivered counts as taken.
    #[default]
    None,
    /// It renames the file: `ack_suffix` behind its name.
    Rename,
    /// It deletes the file.
    Delete,
    /// It puts a file into the folder `ack`.
    File,
}

/// How a file gets its final name at the far end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Written as `NAME.tmp`, renamed when whole.
    #[default]
    TmpRename,
    /// Written into the folder `.scratch`, renamed when whole.
    TmpDir,
    /// Written under its name; an empty `NAME.FIN` says that it is whole.
    Marker,
    /// Written under its name, for servers that take a file when it is closed.
    Direct,
}

/// Where files go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Delivery {
    /// Into `DATA/sdr/RECIPIENT`, where the recipient fetches them.
    #[default]
    Local,
    Sftp(Sftp),
    S3(S3),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sftp {
    pub host: String,
    #[serde(default = "ssh_port")]
    pub port: u16,
    pub user: String,
    /// The server's public key, as `ssh-keyscan` prints it: `ssh-ed25519 AAAA...`.
    pub host_key: String,
    /// A private key of OpenSSH, without a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Holds the password alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    #[serde(default = "here")]
    pub folder: String,
    #[serde(default)]
    pub strategy: Strategy,
    /// Longest wait for an answer of the server.
    #[serde(default = "timeout")]
    pub timeout_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// URL of the service, such as `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    /// Before every name.
    #[serde(default)]
    pub prefix: String,
    /// Holds the access key alone.
    pub access_key_file: PathBuf,
    /// Holds the secret key alone.
    pub secret_key_file: PathBuf,
    /// Longest wait for an answer of the service.
    #[serde(default = "timeout")]
    pub timeout_seconds: u64,
}

/// A recipient of SDR files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    pub name: String,
    pub format: FileFormat,
    #[serde(default)]
    pub framing: Framing,
    /// `day`, `week`, `month`, or a cron expression of five fields.
    #[serde(default = "day")]
    pub schedule: String,
    #[serde(default = "most_records")]
    pub records: usize,
    #[serde(default = "most_bytes")]
    pub bytes: usize,
    /// Minutes after its first record at which a file is closed; 0: no limit.
    #[serde(default)]
    pub open_minutes: i64,
    #[serde(default)]
    pub empty: Empty,
    /// Template of the names of files.
    #[serde(default = "default_name")]
    pub file_name: String,
    /// Only these; none: all.
    #[serde(default)]
    pub tenants: Vec<String>,
    #[serde(default)]
    pub types: Vec<RecordType>,
    #[serde(default)]
    pub applications: Vec<String>,
    #[serde(default)]
    pub subscriber: Subscriber,
    /// Number of the technical specification in the CDR headers of `ts32297`.
    #[serde(default = "ts_number")]
    pub ts_number: u8,
    /// Address of the node in the file header of `ts32297`.
    #[serde(default = "no_address")]
    pub node_address: IpAddr,
    #[serde(default)]
    pub ack: Ack,
    #[serde(default = "ack_suffix")]
    pub ack_suffix: String,
    /// Whether it is told, of each period that is closed, which files and how many records there are.
    #[serde(default)]
    pub reconciliation: bool,
    /// Seconds between two looks for what the recipient says.
    #[serde(default = "look")]
    pub look_seconds: u64,
    /// Days that an acknowledged file is kept; 0: for ever.
    #[serde(default = "keep_days")]
    pub keep_days: i64,
    #[serde(default)]
    pub delivery: Delivery,
    /// Own columns, instead of the standard layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<Template>,
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

fn default_name() -> String {
    name::DEFAULT.into()
}

const fn ts_number() -> u8 {
    TS_NUMBER
}

const fn no_address() -> IpAddr {
    IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

fn ack_suffix() -> String {
    ".p".into()
}

const fn keep_days() -> i64 {
    90
}

const fn timeout() -> u64 {
    30
}

const fn look() -> u64 {
    60
}

const fn ssh_port() -> u16 {
    22
}

fn here() -> String {
    ".".into()
}

impl Recipient {
    /// One with the defaults.
    #[must_use]
    pub fn new(name: &str, format: FileFormat) -> Self {
        let plain = serde_json::json!({ "name": name, "format": format });
        serde_json::from_value(plain).expect("all else has a default")
    }

    /// The node's address as the file header has it.
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        match self.node_address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        }
    }

    /// Whether it gets records of a tenant.
    #[must_use]
    pub fn takes(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|t| t == tenant)
    }

    /// Whether its filters let a record through, by type and application.
    #[must_use]
    pub fn passes(&self, kind: &str, application: Option<&str>) -> bool {
        let of_type = self.types.is_empty() || self.types.iter().any(|t| t.as_str() == kind);
        let named = |a: &String| application == Some(a.as_str());
        of_type && (self.applications.is_empty() || self.applications.iter().any(named))
    }

    /// Says what cannot be: the problem, and what to use instead.
    ///
    /// # Errors
    /// In words, without the name.
    pub fn check(&self) -> Result<(), (String, &'static str)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let odd = self.name.is_empty() || !self.name.chars().all(plain) || self.name.starts_with(['-', '_']);
        if odd || self.name.len() > 64 {
            return Err(("name is empty, too long or not plain".into(), "use letters, digits, - and _"));
        }
        if let Err(problem) = Schedule::parse(&self.schedule) {
            return Err((problem, "use day, week, month or a cron expression"));
        }
        if self.records == 0 || self.bytes < 4096 || self.bytes > 1 << 30 {
            return Err(("limits too small or too large".into(), "records from 1, bytes from 4096 to 1 GiB"));
        }
        if !(0..=527_040).contains(&self.open_minutes) || !(0..=36_500).contains(&self.keep_days) {
            return Err((
                "open_minutes or keep_days is out of its range".into(),
                "open_minutes to a year, keep_days to 36500",
            ));
        }
        if self.ts_number > 31 {
            return Err((format!("ts_number {}", self.ts_number), "use 0 to 31"));
        }
        if let Some(odd) =
            self.applications.iter().chain(&self.tenants).find(|a| a.is_empty() || a.contains(','))
        {
            return Err((format!("{odd:?} is no name to filter by"), "name each alone"));
        }
        if self.ack_suffix.is_empty() || !self.ack_suffix.chars().all(|c| plain(c) || c == '.') {
            return Err((format!("ack_suffix {:?}", self.ack_suffix), "use one such as .p"));
        }
        self.check_layout()?;
        self.check_name()?;
        self.check_delivery()
    }

    fn check_layout(&self) -> Result<(), (String, &'static str)> {
        let asn1 = self.format == FileFormat::Asn1;
        if !asn1 && self.framing != Framing::Raw {
            return Err(("a framing is for ASN.1".into(), "set format = \"asn1\", or leave framing out"));
        }
        if asn1 && self.csv.is_some() {
            return Err(("columns are for CSV".into(), "set format = \"csv\", or leave csv out"));
        }
        if let Some(Err(problem)) = self.csv.as_ref().map(Template::check) {
            return Err((format!("csv: {problem}"), "see docs/mediation.md"));
        }
        if self.framing == Framing::Batch && self.name.len() > 20 {
            return Err((
                "a batch names its recipient with at most 20 characters".into(),
                "shorten the name",
            ));
        }
        let mute = asn1 && self.framing == Framing::Raw;
        let bare = self.csv.as_ref().is_some_and(|t| t.header.is_empty() && t.trailer.is_empty());
        if self.empty == Empty::Heartbeat && (mute || bare) {
            return Err((
                "a heartbeat would be a file of no octets".into(),
                "use framing ts32297 or batch, or a CSV with a header or trailer",
            ));
        }
        Ok(())
    }

    fn check_name(&self) -> Result<(), (String, &'static str)> {
        let template = NameTemplate::parse(&self.file_name)
            .map_err(|e| (format!("file_name: {e}"), "see docs/mediation.md for what may stand in it"))?;
        let one_folder = self.delivery != Delivery::Local;
        if one_folder && !(template.has("tenant") && template.has("test")) {
            return Err((
                "file_name: several streams come into one remote folder, and may have one name".into(),
                "put {tenant} and {test} into it",
            ));
        }
        Ok(())
    }

    fn check_delivery(&self) -> Result<(), (String, &'static str)> {
        let seconds = match &self.delivery {
            Delivery::Local => 1,
            Delivery::Sftp(s) => s.timeout_seconds,
            Delivery::S3(s) => s.timeout_seconds,
        };
        if !(1..=600).contains(&seconds) || !(1..=86_400).contains(&self.look_seconds) {
            return Err((
                "timeout_seconds or look_seconds is out of its range".into(),
                "timeout_seconds from 1 to 600, look_seconds from 1 to 86400",
            ));
        }
        match &self.delivery {
            Delivery::Local => Ok(()),
            Delivery::Sftp(s) => {
                if s.host.is_empty() || s.user.is_empty() || s.folder.is_empty() {
                    return Err(("sftp: host, user or folder is empty".into(), "name them"));
                }
                if s.key_file.is_some() == s.password_file.is_some() {
                    return Err(("sftp: needs a key or a password".into(), "set key_file or password_file"));
                }
                let key = russh::keys::PublicKey::from_openssh(&s.host_key);
                if !key.is_ok_and(|key| !key.algorithm().is_rsa()) {
                    return Err((
                        "sftp: host_key is no public key of the kinds Ed25519 or ECDSA".into(),
                        "write it as ssh-keyscan prints it: ssh-ed25519 AAAA...",
                    ));
                }
                Ok(())
            }
            Delivery::S3(s) => {
                let http = s.endpoint.starts_with("http://") || s.endpoint.starts_with("https://");
                if !http || s.region.is_empty() || s.bucket.is_empty() {
                    return Err(("s3: endpoint, region or bucket is no such thing".into(), "name them"));
                }
                Ok(())
            }
        }
    }
}

/// Checks the recipients of a configuration.
///
/// # Errors
/// Naming the recipient.
pub fn check(config: &Config) -> Result<(), (String, &'static str)> {
    for r in &config.mediation.recipient {
        r.check().map_err(|(problem, fix)| (format!("{}: {problem}", r.name), fix))?;
        if config.mediation.recipient.iter().filter(|o| o.name == r.name).count() > 1 {
            return Err((format!("{}: the name is there twice", r.name), "give each its own"));
        }
        let shares = |o: &&Recipient| o.name != r.name && same_place(&o.delivery, &r.delivery);
        let named = NameTemplate::parse(&r.file_name).is_ok_and(|t| t.has("recipient"));
        if let Some(other) = config.mediation.recipient.iter().find(shares).filter(|_| !named) {
            return Err((
                format!("{} and {} come into one remote folder, and may have one name", r.name, other.name),
                "put {recipient} into file_name, or give each a folder",
            ));
        }
    }
    Ok(())
}

fn same_place(one: &Delivery, other: &Delivery) -> bool {
    match (one, other) {
        (Delivery::Sftp(a), Delivery::Sftp(b)) => {
            (&a.host, a.port, &a.user, &a.folder) == (&b.host, b.port, &b.user, &b.folder)
        }
        (Delivery::S3(a), Delivery::S3(b)) => {
            (&a.endpoint, &a.bucket, &a.prefix) == (&b.endpoint, &b.bucket, &b.prefix)
        }
        _ => false,
    }
}
