//! The manifest of a package, `manifest.toml`, into checked types. Every fault is told, with its key and the fix.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::NaiveDate;
use serde_json::Value as Json;
use telvisor_model::catalogue::{
    Application, BackupSchedule, Declared, Downgrade, Guest, Kind, Period, Placement, Plan, Port, Price,
    Protocol, Provider, RESERVED_CHARACTERISTICS, Required, Runtime, Seats, Support, Version, check_pattern,
    is_characteristic_name, is_id, is_version,
};
use toml::Value;

use super::Fault;
use super::toml_reader::Reader;

const ID_FORM: &str = "1 to 32 of a-z, 0-9 and -, not starting with -";
const DAY_S: i64 = 86_400;

/// A manifest without faults in itself; whether the folder fits it is for [`super::package`] to see.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// With empty digests.
    pub application: Application,
    /// The files of each version, in the order of the versions.
    pub files: Vec<Vec<ListedFile>>,
}

/// A file that the manifest lists for a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Relative path below the `files` folder, and below `TELVISOR_FILES` in the guest.
    pub path: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Permission bits in the guest.
    pub mode: u32,
}

/// Reads a manifest.
///
/// # Errors
/// All faults together.
pub fn parse(text: &str) -> Result<Manifest, Vec<Fault>> {
    let table = toml::Table::from_str(text).map_err(|e| {
        let line = e
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        vec![Fault::new(
            "manifest.toml",
            format!("line {line}"),
            format!("is not TOML: {}", e.message()),
        )]
    })?;
    let faults = RefCell::new(Vec::new());
    let mut top = Reader::new(&table, &faults);
    if top.need_integer("format", 1..=i64::MAX, "format = 1") != 1 {
        top.fault(
            "format",
            "is a format that this Telvisor does not know; it reads format 1",
        );
        // Nothing else can be judged by the rules of format 1.
        return Err(faults.into_inner());
    }
    let manifest = read(&mut top);
    top.finish();
    let faults = faults.into_inner();
    if faults.is_empty() {
        Ok(manifest)
    } else {
        Err(faults)
    }
}

fn read(top: &mut Reader) -> Manifest {
    let runtime = top
        .section("runtime")
        .map_or_else(default_runtime, |r| read_runtime(r, &default_runtime()));
    let (versions, files) = read_versions(top, &runtime);
    let application = Application {
        id: top.need_form("id", is_id, ID_FORM, "id = \"my-app\""),
        name: top.need_text("name", 80, "name = \"My App\""),
        provider: read_provider(top),
        support: read_support(top),
        description: top.need_text(
            "description",
            4000,
            "description = \"What it does, in a few sentences.\"",
        ),
        category: top.need_form("category", is_id, ID_FORM, "category = \"office\""),
        icon: top.need_form(
            "icon",
            is_image,
            "a file name ending in .svg or .png",
            "icon = \"icon.svg\"",
        ),
        screenshots: read_screenshots(top),
        placement: top
            .word(
                "placement",
                &[("shared", Placement::Shared), ("dedicated", Placement::Dedicated)],
            )
            .unwrap_or_default(),
        multiple: top.boolean("multiple").unwrap_or(false),
        seats: read_seats(top),
        characteristics: read_characteristics(top),
        plans: read_plans(top),
        versions,
        estimates: read_seconds(top, "estimates"),
    };
    Manifest { application, files }
}

fn read_provider(top: &mut Reader) -> Provider {
    let Some(mut section) = top.section("provider") else {
        if !top.has("provider") {
            top.missing("provider", "[provider] with name = \"My Company\"");
        }
        return Provider {
            name: String::new(),
            url: None,
        };
    };
    let name = section.need_text("name", 80, "name = \"My Company\"");
    let url = read_url(&mut section);
    section.finish();
    Provider { name, url }
}

fn read_support(top: &mut Reader) -> Support {
    let mut support = Support {
        email: None,
        phone: None,
        url: None,
    };
    let Some(mut section) = top.section("support") else {
        if !top.has("support") {
            top.missing("support", "[support] with email = \"help@example.com\"");
        }
        return support;
    };
    if !["email", "phone", "url"].iter().any(|key| section.has(key)) {
        section.fault(
            "email",
            "is missing, and phone and url too; give at least one, subscribers turn to it",
        );
    }
    support.email = section.text("email", 254);
    if support.email.as_ref().is_some_and(|e| {
        !e.split_once('@')
            .is_some_and(|(a, b)| !a.is_empty() && b.contains('.'))
    }) {
        section.fault(
            "email",
            "is not an e-mail address; write for example \"help@example.com\"",
        );
    }
    support.phone = section.text("phone", 40);
    support.url = read_url(&mut section);
    section.finish();
    support
}

fn read_url(section: &mut Reader) -> Option<String> {
    let url = section.text("url", 500)?;
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
        section.fault(
            "url",
            "is not a web address; write for example \"https://example.com\"",
        );
    }
    Some(url)
}

fn read_screenshots(top: &mut Reader) -> Vec<String> {
    let names = top.texts("screenshots");
    for name in names.iter().filter(|name| !is_image(name)) {
        top.fault(
            "screenshots",
            format!("\"{name}\" must be a file name ending in .svg or .png"),
        );
    }
    if names.len() > 8 {
        top.fault(
            "screenshots",
            format!("has {} entries; at most 8 are allowed", names.len()),
        );
    }
    names
}

fn read_seats(top: &mut Reader) -> Option<Seats> {
    let mut section = top.section("seats")?;
    let min = section.integer("min", 1..=100_000).unwrap_or(1);
    let max = section.need_integer("max", 1..=100_000, "max = 50");
    if max < min {
        section.fault(
            "max",
            format!("is {max}, below min = {min}; make it at least as large"),
        );
    }
    section.finish();
    Some(Seats {
        min: narrow(min),
        max: narrow(max),
    })
}

fn read_plans(top: &mut Reader) -> Vec<Plan> {
    let mut seen = BTreeSet::new();
    let mut plans = Vec::new();
    for mut section in top.sections("plan") {
        let id = section.need_form("id", is_id, ID_FORM, "id = \"small\"");
        if !id.is_empty() && !seen.insert(id.clone()) {
            section.fault(
                "id",
                format!("\"{id}\" is given twice; give each plan an id of its own"),
            );
        }
        plans.push(Plan {
            id,
            name: section.need_text("name", 80, "name = \"Small\""),
            description: section.text("description", 1000).unwrap_or_default(),
            vcpu: narrow(section.need_integer("vcpu", 1..=256, "vcpu = 1")),
            memory_mib: wide(section.need_integer("memory_mib", 16..=4_194_304, "memory_mib = 512")),
            disk_gib: wide(section.need_integer("disk_gib", 1..=65_536, "disk_gib = 10")),
            price: read_price(&mut section),
            backup: read_backup(&mut section),
        });
        section.finish();
    }
    if plans.is_empty() {
        top.missing(
            "plan",
            "[[plan]] with id, name, vcpu, memory_mib, disk_gib and price, smallest first",
        );
    }
    plans
}

fn read_price(plan: &mut Reader) -> Price {
    let none = Price {
        amount: "0".to_owned(),
        currency: String::new(),
        period: Period::Month,
    };
    let Some(mut section) = plan.section("price") else {
        if !plan.has("price") {
            plan.missing(
                "price",
                "price = { amount = \"9.90\", currency = \"EUR\", period = \"month\" }",
            );
        }
        return none;
    };
    let amount = match section.any("amount") {
        None => {
            section.missing("amount", "amount = \"9.90\"");
            String::new()
        }
        Some(Value::String(text)) if is_amount(text) => text.clone(),
        Some(_) => {
            section.fault(
                "amount",
                "must be a decimal number in quotes, such as \"9.90\", so that no digit is lost",
            );
            String::new()
        }
    };
    let three = |s: &str| s.len() == 3 && s.bytes().all(|b| b.is_ascii_uppercase());
    let currency = section.need_form(
        "currency",
        three,
        "three capital letters of ISO 4217",
        "currency = \"EUR\"",
    );
    let periods = [
        ("day", Period::Day),
        ("month", Period::Month),
        ("year", Period::Year),
        ("once", Period::Once),
    ];
    if !section.has("period") {
        section.missing("period", "period = \"month\"");
    }
    let period = section.word("period", &periods).unwrap_or(none.period);
    section.finish();
    Price {
        amount,
        currency,
        period,
    }
}

fn read_backup(plan: &mut Reader) -> Option<BackupSchedule> {
    let mut section = plan.section("backup")?;
    let cron = section.need_text("cron", 200, "cron = \"30 2 * * *\" (every day at 02:30)");
    if !cron.is_empty() {
        if cron.split_whitespace().count() != 5 {
            section.fault(
                "cron",
                "must have five fields: minute hour day-of-month month day-of-week",
            );
        } else if let Err(e) = croner::Cron::from_str(&cron) {
            section.fault("cron", format!("is not a cron expression: {e}"));
        }
    }
    let keep = narrow(section.need_integer("keep", 1..=1000, "keep = 7"));
    section.finish();
    Some(BackupSchedule { cron, keep })
}

fn read_characteristics(top: &mut Reader) -> Vec<Declared> {
    let mut variables = BTreeSet::new();
    let mut all = Vec::new();
    for mut section in top.sections("characteristic") {
        let name = section.need_form(
            "name",
            is_characteristic_name,
            "1 to 32 of letters, digits and -, starting with a small letter",
            "name = \"shareName\"",
        );
        if RESERVED_CHARACTERISTICS.contains(&name.as_str()) {
            section.fault(
                "name",
                format!("\"{name}\" has a meaning of its own in every order; choose another"),
            );
        } else if !name.is_empty() && !variables.insert(super::env::characteristic_variable(&name)) {
            section.fault(
                "name",
                format!("\"{name}\" gives the same script variable as another; rename one"),
            );
        }
        let kinds = [
            ("string", Kind::String),
            ("integer", Kind::Integer),
            ("boolean", Kind::Boolean),
        ];
        if !section.has("kind") {
            section.missing("kind", "kind = \"string\"");
        }
        let kind = section.word("kind", &kinds).unwrap_or(Kind::String);
        all.push(read_characteristic(&mut section, name, kind));
        section.finish();
    }
    all
}

fn read_characteristic(section: &mut Reader, name: String, kind: Kind) -> Declared {
    let required = [
        ("no", Required::No),
        ("yes", Required::Yes),
        ("before-start", Required::BeforeStart),
    ];
    let mut declared = Declared {
        name,
        kind,
        required: section.word("required", &required).unwrap_or_default(),
        default: None,
        description: section.need_text("description", 1000, "description = \"What it is for.\""),
        pattern: section.text("pattern", 500),
        min: section.integer("min", i64::MIN..=i64::MAX),
        max: section.integer("max", i64::MIN..=i64::MAX),
        values: Vec::new(),
    };
    if let Some(pattern) = &declared.pattern {
        if kind != Kind::String {
            section.fault("pattern", "fits text only; remove it or write kind = \"string\"");
        } else if let Err(e) = check_pattern(pattern) {
            section.fault("pattern", format!("is not a regular expression: {e}"));
            declared.pattern = None;
        }
    }
    if kind == Kind::Boolean && (declared.min.is_some() || declared.max.is_some()) {
        section.fault("min", "and max do not fit a boolean; remove them");
    }
    if let (Some(min), Some(max)) = (declared.min, declared.max)
        && max < min
    {
        section.fault(
            "max",
            format!("is {max}, below min = {min}; make it at least as large"),
        );
    }
    if let Some(Value::Array(values)) = section.any("values") {
        // Gathered aside: a value is not to be judged by the values before it.
        let mut allowed = Vec::new();
        for value in values {
            match accept(&declared, value) {
                Ok(value) => allowed.push(value),
                Err(message) => section.fault("values", format!("{value}: {message}")),
            }
        }
        declared.values = allowed;
    } else if section.has("values") {
        section.fault("values", "must be a list, [\"…\", \"…\"]");
    }
    if let Some(value) = section.any("default") {
        match accept(&declared, value) {
            Ok(value) => declared.default = Some(value),
            Err(message) => section.fault("default", message),
        }
        if declared.required != Required::No {
            section.fault("required", "and default contradict each other; remove one");
        }
    }
    declared
}

/// A value of the manifest in the type that the characteristic has.
fn accept(declared: &Declared, value: &Value) -> Result<Json, String> {
    let value = match (declared.kind, value) {
        (Kind::String, Value::String(s)) => Json::from(s.as_str()),
        (Kind::Integer, Value::Integer(n)) => Json::from(*n),
        (Kind::Boolean, Value::Boolean(b)) => Json::from(*b),
        (kind, _) => {
            return Err(format!(
                "must be of the kind {}",
                format!("{kind:?}").to_lowercase()
            ));
        }
    };
    declared.accept(&value)
}

fn read_versions(top: &mut Reader, runtime: &Runtime) -> (Vec<Version>, Vec<Vec<ListedFile>>) {
    let mut seen = BTreeSet::new();
    let (mut versions, mut files) = (Vec::new(), Vec::new());
    let words = [
        ("keep", Downgrade::Keep),
        ("migrate", Downgrade::Migrate),
        ("refuse", Downgrade::Refuse),
    ];
    for mut section in top.sections("version") {
        let form = "1 to 32 of letters, digits and . _ + -, starting with a letter or digit";
        let id = section.need_form("id", is_version, form, "id = \"1.0\"");
        // Compared without case, because each version has a folder and not every file system tells case apart.
        if !id.is_empty() && !seen.insert(id.to_lowercase()) {
            section.fault(
                "id",
                format!("\"{id}\" is given twice; a version number has one content for ever"),
            );
        }
        if versions.is_empty() && section.has("downgrade") {
            section.fault("downgrade", "means nothing for the oldest version; remove it");
        }
        if !versions.is_empty() && !section.has("downgrade") {
            section.missing("downgrade", "downgrade = \"migrate\" (or keep, or refuse)");
        }
        versions.push(Version {
            id,
            released: read_date(&mut section),
            downgrade: section.word("downgrade", &words).unwrap_or_default(),
            withdrawn: section.boolean("withdrawn").unwrap_or(false),
            notes: section.text("notes", 2000).unwrap_or_default(),
            digest: String::new(),
            runtime: section
                .section("runtime")
                .map_or_else(|| runtime.clone(), |r| read_runtime(r, runtime)),
        });
        files.push(read_files(&mut section));
        section.finish();
    }
    if versions.is_empty() {
        top.missing("version", "[[version]] with id = \"1.0\", oldest first");
    }
    (versions, files)
}

fn read_date(section: &mut Reader) -> Option<NaiveDate> {
    let value = section.any("released")?;
    let date = match value {
        Value::Datetime(d) if d.time.is_none() => NaiveDate::from_str(&d.to_string()).ok(),
        _ => None,
    };
    if date.is_none() {
        section.fault("released", "must be a date without quotes, such as 2026-03-31");
    }
    date
}

fn read_files(version: &mut Reader) -> Vec<ListedFile> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for mut section in version.sections("file") {
        let form =
            "a relative path with / between its parts, without . or .. or \\, of at most 200 characters";
        let path = section.need_form("path", is_inner_path, form, "path = \"www/index.html\"");
        if !path.is_empty() && !seen.insert(path.clone()) {
            section.fault("path", format!("\"{path}\" is listed twice; remove one"));
        }
        let sha256 = section.need_form(
            "sha256",
            |s| {
                s.len() == 64
                    && s.bytes()
                        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            },
            "64 hexadecimal digits in small letters, as sha256sum prints them",
            "sha256 = \"…\" (sha256sum prints it)",
        );
        let mode = section
            .word("mode", &[("0644", 0o644), ("0755", 0o755)])
            .unwrap_or(0o644);
        section.finish();
        files.push(ListedFile { path, sha256, mode });
    }
    files
}

fn default_runtime() -> Runtime {
    Runtime {
        data_folder: "data".to_owned(),
        ..Runtime::default()
    }
}

/// Reads a `runtime` table; a key that is absent keeps its value of `base`.
fn read_runtime(mut section: Reader, base: &Runtime) -> Runtime {
    let mut runtime = base.clone();
    if let Some(folder) = section.text("data_folder", 200) {
        if !is_inner_path(&folder) {
            section.fault(
                "data_folder",
                "must be a relative path below the data volume, such as \"data\"",
            );
        }
        runtime.data_folder = folder;
    }
    if section.has("port") {
        runtime.ports = read_ports(&mut section);
    }
    if let Some(mut guest) = section.section("guest") {
        runtime.guest = Guest {
            commands: guest.texts("commands"),
            architectures: guest.texts("architectures"),
            internet: guest.boolean("internet").unwrap_or(false),
        };
        let odd = |s: &&String| s.is_empty() || s.contains(|c: char| c == '/' || c.is_whitespace());
        if let Some(bad) = runtime.guest.commands.iter().find(odd) {
            guest.fault(
                "commands",
                format!("\"{bad}\" must be the name of a command, without a path"),
            );
        }
        if let Some(bad) = runtime.guest.architectures.iter().find(odd) {
            guest.fault(
                "architectures",
                format!("\"{bad}\" must be as uname -m prints it, such as \"x86_64\""),
            );
        }
        guest.finish();
    }
    if section.has("limits") {
        runtime.time_limits = read_seconds(&mut section, "limits");
    }
    section.finish();
    runtime
}

fn read_ports(runtime: &mut Reader) -> Vec<Port> {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut ports = Vec::new();
    for mut section in runtime.sections("port") {
        let name = section.need_form("name", is_id, ID_FORM, "name = \"web\"");
        if !name.is_empty() && !names.insert(name.clone()) {
            section.fault(
                "name",
                format!("\"{name}\" is given twice; give each port a name of its own"),
            );
        }
        let number = section.need_integer("number", 1..=65_535, "number = 8080");
        if !numbers.insert(number) {
            section.fault("number", format!("{number} is given twice; choose another"));
        }
        let words = [
            ("http", Protocol::Http),
            ("https", Protocol::Https),
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Udp),
        ];
        let protocol = section.word("protocol", &words).unwrap_or(Protocol::Http);
        section.finish();
        ports.push(Port {
            name,
            number: u16::try_from(number).unwrap_or(u16::MAX),
            protocol,
        });
    }
    ports
}

fn read_seconds(section: &mut Reader, key: &'static str) -> BTreeMap<String, u32> {
    let roles: Vec<_> = crate::hypervisor::Role::ALL.iter().map(|r| r.as_str()).collect();
    section
        .numbers(key, &roles, &(1..=DAY_S))
        .into_iter()
        .map(|(role, seconds)| (role.to_owned(), narrow(seconds)))
        .collect()
}

/// A relative path that stays below its folder on every file system.
pub(super) fn is_inner_path(path: &str) -> bool {
    (1..=200).contains(&path.len())
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(|c: char| c == '\\' || c == ':' || c.is_control())
}

fn is_image(name: &str) -> bool {
    is_inner_path(name) && !name.contains('/') && (name.ends_with(".svg") || name.ends_with(".png"))
}

fn is_amount(text: &str) -> bool {
    let digits = |s: &str, max| (1..=max).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        None => digits(text, 9),
        Some((whole, part)) => digits(whole, 9) && digits(part, 4),
    }
}

/// Of a number whose range was checked, or stands for a fault already told.
fn narrow(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(1)
}

fn wide(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(1)
}
