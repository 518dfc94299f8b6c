//! One application of the catalogue, as the rest of Telvisor uses it.
//!
//! The source is an application package (see `docs/packages.md`): reading and checking its manifest is the work of
//! the root package; what stands here is already checked. Plans and versions rank by their order in the manifest,
//! smallest and oldest first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characteristics of an order that Telvisor itself gives a meaning; a package cannot declare them.
pub const RESERVED_CHARACTERISTICS: [&str; 4] = ["plan", "version", "operation", "backupId"];

/// Longest text value of a characteristic, in characters, whatever the package says.
pub const MAX_TEXT: usize = 1024;

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

/// Characteristics of an order after defaults were taken and values were brought to their type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    pub values: BTreeMap<String, Value>,
    /// Those required before the start that are not known yet.
    pub missing: Vec<String>,
}

/// What is wrong with one characteristic of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{path}: {message}")]
pub struct CharacteristicError {
    /// Name of the characteristic; a door puts its own path before it.
    pub path: String,
    pub message: String,
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
        self.versions
            .get(to + 1..=from)?
            .iter()
            .map(|v| v.downgrade)
            .max()
    }

    /// Usual duration of a script role in seconds; 0 for an unknown role.
    #[must_use]
    pub fn estimate(&self, role: &str) -> u32 {
        self.estimates
            .get(role)
            .copied()
            .or_else(|| role_default(role).map(|d| d.2))
            .unwrap_or(0)
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

    /// Checks the characteristics of an order against the declared ones, takes defaults, and brings text that
    /// spells an integer or a boolean to its type (SOAP and many TMF clients send all values as text). The
    /// [`RESERVED_CHARACTERISTICS`] are passed over. A JSON null counts as not given.
    ///
    /// # Errors
    /// Every fault at once: unknown names, missing required ones, values that do not fit.
    pub fn check_characteristics(
        &self,
        given: &BTreeMap<String, Value>,
    ) -> Result<Resolved, Vec<CharacteristicError>> {
        let mut errors = Vec::new();
        let mut resolved = Resolved::default();
        for name in given
            .keys()
            .filter(|n| !RESERVED_CHARACTERISTICS.contains(&n.as_str()))
        {
            if !self.characteristics.iter().any(|d| d.name == *name) {
                errors.push(CharacteristicError {
                    path: name.clone(),
                    message: self.unknown_name(),
                });
            }
        }
        for declared in &self.characteristics {
            let name = declared.name.clone();
            match given.get(&name).filter(|v| !v.is_null()) {
                Some(value) => match declared.accept(value) {
                    Ok(value) => {
                        resolved.values.insert(name, value);
                    }
                    Err(message) => errors.push(CharacteristicError { path: name, message }),
                },
                None => match (&declared.default, declared.required) {
                    (Some(value), _) => {
                        resolved.values.insert(name, value.clone());
                    }
                    (None, Required::No) => {}
                    (None, Required::BeforeStart) => resolved.missing.push(name),
                    (None, Required::Yes) => errors.push(CharacteristicError {
                        path: name,
                        message: "is required and missing".to_owned(),
                    }),
                },
            }
        }
        if errors.is_empty() {
            Ok(resolved)
        } else {
            Err(errors)
        }
    }

    fn unknown_name(&self) -> String {
        let names: Vec<_> = self.characteristics.iter().map(|d| d.name.as_str()).collect();
        if names.is_empty() {
            format!(
                "is unknown: {} declares no characteristic beside plan and version",
                self.id
            )
        } else {
            format!("is unknown: {} declares {}", self.id, names.join(", "))
        }
    }
}

impl Declared {
    /// The value in its type, if it is allowed.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let value = match (self.kind, value) {
            (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => value.clone(),
            (Kind::Integer, Value::Number(n)) if n.is_i64() => value.clone(),
            (Kind::Integer, Value::String(s)) => s
                .trim()
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| "must be an integer".to_owned())?,
            (Kind::Boolean, Value::String(s)) => s
                .trim()
                .parse::<bool>()
                .map(Value::from)
                .map_err(|_| "must be true or false".to_owned())?,
            (Kind::String, _) => return Err("must be text".to_owned()),
            (Kind::Integer, _) => return Err("must be an integer".to_owned()),
            (Kind::Boolean, _) => return Err("must be true or false".to_owned()),
        };
        if !self.values.is_empty() && !self.values.contains(&value) {
            let allowed: Vec<_> = self.values.iter().map(plain).collect();
            return Err(format!("must be one of {}", allowed.join(", ")));
        }
        let (min, max) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
        match &value {
            Value::Number(n) if n.as_i64().is_none_or(|n| n < min || n > max) => {
                return Err(format!("must be {}", bounds(self.min, self.max)));
            }
            Value::String(s) => self.accept_text(s, min, max)?,
            _ => {}
        }
        Ok(value)
    }

    fn accept_text(&self, text: &str, min: i64, max: i64) -> Result<(), String> {
        let length = text.chars().count();
        if length > MAX_TEXT {
            return Err(format!("must have at most {MAX_TEXT} characters"));
        }
        // It goes into the environment of scripts, one variable a value, and into files of lines.
        if text.chars().any(char::is_control) {
            return Err("must not have control characters".to_owned());
        }
        let length = i64::try_from(length).expect("checked against MAX_TEXT above");
        if length < min || length > max {
            return Err(format!("must have {} characters", bounds(self.min, self.max)));
        }
        if let Some(pattern) = &self.pattern {
            let whole =
                Regex::new(&format!("^(?:{pattern})$")).map_err(|e| format!("cannot be checked: {e}"))?;
            if !whole.is_match(text) {
                return Err(format!("must match {pattern}"));
            }
        }
        Ok(())
    }
}

impl Runtime {
    /// Seconds after which a script of the role is ended; 0 for an unknown role.
    #[must_use]
    pub fn time_limit(&self, role: &str) -> u32 {
        self.time_limits
            .get(role)
            .copied()
            .or_else(|| role_default(role).map(|d| d.1))
            .unwrap_or(0)
    }
}

/// Checks that a pattern is a regular expression.
///
/// # Errors
/// What is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    Regex::new(&format!("^(?:{pattern})$"))
        .map(|_| ())
        .map_err(|e| e.to_string())
}

/// A characteristic's value as plain text, as TMF638 shows it and scripts get it.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// `[a-z0-9][a-z0-9-]{0,31}`: the form of application, plan and port ids.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `[A-Za-z0-9][A-Za-z0-9._+-]{0,31}`: the form of a version.
#[must_use]
pub fn is_version(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
}

/// `[a-z][A-Za-z0-9-]{0,31}`: the form of a characteristic's name.
#[must_use]
pub fn is_characteristic_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn role_default(role: &str) -> Option<&'static (&'static str, u32, u32)> {
    ROLE_DEFAULTS.iter().find(|d| d.0 == role)
}

fn bounds(min: Option<i64>, max: Option<i64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (None, Some(max)) => format!("{max} or less"),
        (None, None) => "within 64 bits".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn version(id: &str, downgrade: Downgrade, withdrawn: bool) -> Version {
        Version {
            id: id.to_owned(),
            released: None,
            downgrade,
            withdrawn,
            notes: String::new(),
            digest: String::new(),
            runtime: Runtime::default(),
        }
    }

    fn plan(id: &str) -> Plan {
        Plan {
            id: id.to_owned(),
            name: id.to_owned(),
            description: String::new(),
            vcpu: 1,
            memory_mib: 256,
            disk_gib: 1,
            price: Price {
                amount: "1.00".into(),
                currency: "EUR".into(),
                period: Period::Month,
            },
            backup: None,
        }
    }

    fn declared(name: &str, kind: Kind, required: Required) -> Declared {
        Declared {
            name: name.to_owned(),
            kind,
            required,
            default: None,
            description: String::new(),
            pattern: None,
            min: None,
            max: None,
            values: vec![],
        }
    }

    fn application(characteristics: Vec<Declared>) -> Application {
        Application {
            id: "app".into(),
            name: "App".into(),
            provider: Provider {
                name: "P".into(),
                url: None,
            },
            support: Support {
                email: Some("a@b.example".into()),
                phone: None,
                url: None,
            },
            description: String::new(),
            category: "other".into(),
            icon: "icon.svg".into(),
            screenshots: vec![],
            placement: Placement::Shared,
            multiple: false,
            seats: None,
            characteristics,
            plans: vec![plan("s"), plan("m"), plan("l")],
            versions: vec![
                version("1.0", Downgrade::Refuse, false),
                version("1.1", Downgrade::Keep, false),
                version("2.0", Downgrade::Migrate, false),
                version("3.0", Downgrade::Keep, true),
            ],
            estimates: BTreeMap::from([("install".to_owned(), 7)]),
        }
    }

    fn given(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
    }

    #[test]
    fn ranks_follow_the_manifest_order_not_the_text() {
        let app = application(vec![]);
        assert_eq!(app.compare_plans("s", "l"), Some(Ordering::Greater));
        assert_eq!(app.compare_plans("m", "s"), Some(Ordering::Less));
        assert_eq!(app.compare_plans("m", "m"), Some(Ordering::Equal));
        assert_eq!(app.compare_plans("m", "xl"), None);
        assert_eq!(app.compare_versions("1.0", "2.0"), Some(Ordering::Greater));
        assert_eq!(app.version_rank("2.0"), Some(2));
    }

    #[test]
    fn a_withdrawn_version_is_found_but_not_the_newest_to_order() {
        let mut app = application(vec![]);
        assert!(app.version("3.0").is_some());
        assert_eq!(app.newest_orderable().map(|v| v.id.as_str()), Some("2.0"));
        for v in &mut app.versions {
            v.withdrawn = true;
        }
        assert_eq!(app.newest_orderable(), None);
    }

    #[test]
    fn a_downgrade_is_as_strict_as_the_strictest_version_left() {
        let app = application(vec![]);
        assert_eq!(app.downgrade("1.1", "1.0"), Some(Downgrade::Keep));
        assert_eq!(app.downgrade("3.0", "1.0"), Some(Downgrade::Migrate));
        assert_eq!(app.downgrade("3.0", "2.0"), Some(Downgrade::Keep));
        assert_eq!(app.downgrade("1.0", "2.0"), None, "that is an upgrade");
        assert_eq!(app.downgrade("2.0", "2.0"), None);
        assert_eq!(app.downgrade("2.0", "0.1"), None);
    }

    #[test]
    fn quantity_needs_seats() {
        let mut app = application(vec![]);
        assert!(app.check_quantity(1).is_ok());
        assert!(app.check_quantity(2).is_err());
        app.seats = Some(Seats { min: 2, max: 5 });
        assert!(app.check_quantity(5).is_ok());
        assert_eq!(app.check_quantity(1), Err("must be 2 to 5 seats".to_owned()));
    }

    #[test]
    fn characteristics_are_typed_defaulted_and_all_faults_told() {
        let mut name = declared("shareName", Kind::String, Required::Yes);
        name.pattern = Some("[a-z]+|x1".to_owned());
        name.max = Some(5);
        let mut size = declared("maxMib", Kind::Integer, Required::No);
        (size.min, size.max, size.default) = (Some(1), Some(10), Some(json!(4)));
        let mut tier = declared("tier", Kind::String, Required::No);
        tier.values = vec![json!("gold"), json!("tin")];
        let app = application(vec![
            name,
            size,
            tier,
            declared("open", Kind::Boolean, Required::No),
            declared("domain", Kind::String, Required::BeforeStart),
        ]);

        let resolved = app
            .check_characteristics(&given(&[
                ("plan", json!("s")),
                ("shareName", json!("abc")),
                ("open", json!("true")),
                ("tier", json!("tin")),
            ]))
            .unwrap();
        assert_eq!(
            resolved.values,
            given(&[
                ("shareName", json!("abc")),
                ("open", json!(true)),
                ("tier", json!("tin")),
                ("maxMib", json!(4))
            ])
        );
        assert_eq!(resolved.missing, ["domain"]);

        let cases = [
            ("maxMib", json!("12"), "must be 1 to 10"),
            ("maxMib", json!(0), "must be 1 to 10"),
            ("maxMib", json!(1.5), "must be an integer"),
            ("maxMib", json!("four"), "must be an integer"),
            ("open", json!("yes"), "must be true or false"),
            ("open", json!(1), "must be true or false"),
            ("tier", json!("lead"), "must be one of gold, tin"),
            ("shareName", json!("ABC"), "must match [a-z]+|x1"),
            ("shareName", json!("x1y"), "must match [a-z]+|x1"),
            ("shareName", json!("abcdef"), "must have 5 or less characters"),
            ("shareName", json!("a\nb"), "must not have control characters"),
            ("shareName", json!(["a"]), "must be text"),
            ("shareName", Value::Null, "is required and missing"),
            (
                "domain",
                json!("x".repeat(1025)),
                "must have at most 1024 characters",
            ),
            (
                "colour",
                json!("red"),
                "is unknown: app declares shareName, maxMib, tier, open, domain",
            ),
        ];
        for (path, value, message) in cases {
            let mut all = given(&[("shareName", json!("abc"))]);
            all.insert(path.to_owned(), value);
            let errors = app.check_characteristics(&all).unwrap_err();
            assert_eq!(
                errors,
                [CharacteristicError {
                    path: path.into(),
                    message: message.into()
                }]
            );
        }
        let errors = app
            .check_characteristics(&given(&[("a", json!(1)), ("maxMib", json!(99))]))
            .unwrap_err();
        assert_eq!(
            errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
            ["a", "shareName", "maxMib"]
        );
    }

    #[test]
    fn limits_and_estimates_fall_back_to_the_format_defaults() {
        let app = application(vec![]);
        assert_eq!(
            (
                app.estimate("install"),
                app.estimate("health"),
                app.estimate("dance")
            ),
            (7, 5, 0)
        );
        assert_eq!(app.versions[0].runtime.time_limit("backup"), 3600);
    }

    #[test]
    fn id_forms() {
        for good in ["a", "0a", "file-share", &"a".repeat(32)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", "A", "a.b", "a_b", "ä", &"a".repeat(33)] {
            assert!(!is_id(bad), "{bad}");
        }
        for good in ["1", "1.0", "v2.0-rc.1+b5", "2025.1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", ".1", "-1", "1/0", "1 0", "..", &"1".repeat(33)] {
            assert!(!is_version(bad), "{bad}");
        }
        assert!(
            is_characteristic_name("shareName")
                && !is_characteristic_name("Share")
                && !is_characteristic_name("a_b")
        );
    }

    #[test]
    fn json_round_trip() {
        let app = application(vec![declared("domain", Kind::String, Required::BeforeStart)]);
        let text = serde_json::to_string(&app).unwrap();
        assert!(text.contains("\"memoryMib\":256") && text.contains("\"before-start\""));
        assert_eq!(serde_json::from_str::<Application>(&text).unwrap(), app);
    }
}
