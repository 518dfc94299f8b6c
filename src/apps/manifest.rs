//! The manifest of a package, `manifest.toml`, into checked types. Every fault is told, with its key and the fix.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::str::FromStr;

use telvisor_model::catalogue::{
    Application, BackupSchedule, Period, Placement, Plan, Price, Provider, Seats, Support, is_id,
};
use toml::Value;

use super::Fault;
use super::toml_reader::Reader;

mod characteristics;
mod versions;

use characteristics::read_characteristics;
use versions::{default_runtime, read_runtime, read_seconds, read_versions};

const ID_FORM: &str = "1 to 32 of a-z, 0-9 and -, not starting with -";

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
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        vec![Fault::new("manifest.toml", format!("line {line}"), format!("is not TOML: {}", e.message()))]
    })?;
    let faults = RefCell::new(Vec::new());
    let mut top = Reader::new(&table, &faults);
    if top.need_integer("format", 1..=i64::MAX, "format = 1") != 1 {
        top.fault("format", "is a format that this Telvisor does not know; it reads format 1");
        // Nothing else can be judged by the rules of format 1.
        return Err(faults.into_inner());
    }
    let manifest = read(&mut top);
    top.finish();
    let faults = faults.into_inner();
    if faults.is_empty() { Ok(manifest) } else { Err(faults) }
}

fn read(top: &mut Reader) -> Manifest {
    let runtime =
        top.section("runtime").map_or_else(default_runtime, |r| read_runtime(r, &default_runtime()));
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
        icon: top.need_form("icon", is_image, "a file name ending in .svg or .png", "icon = \"icon.svg\""),
        screenshots: read_screenshots(top),
        placement: top
            .word("placement", &[("shared", Placement::Shared), ("dedicated", Placement::Dedicated)])
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
        return Provider { name: String::new(), url: None };
    };
    let name = section.need_text("name", 80, "name = \"My Company\"");
    let url = read_url(&mut section);
    section.finish();
    Provider { name, url }
}

fn read_support(top: &mut Reader) -> Support {
    let mut support = Support { email: None, phone: None, url: None };
    let Some(mut section) = top.section("support") else {
        if !top.has("support") {
            top.missing("support", "[support] with email = \"help@example.com\"");
        }
        return support;
    };
    if !["email", "phone", "url"].iter().any(|key| section.has(key)) {
        section
            .fault("email", "is missing, and phone and url too; give at least one, subscribers turn to it");
    }
    support.email = section.text("email", 254);
    if support
        .email
        .as_ref()
        .is_some_and(|e| !e.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.')))
    {
        section.fault("email", "is not an e-mail address; write for example \"help@example.com\"");
    }
    support.phone = section.text("phone", 40);
    support.url = read_url(&mut section);
    section.finish();
    support
}

fn read_url(section: &mut Reader) -> Option<String> {
    let url = section.text("url", 500)?;
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
        section.fault("url", "is not a web address; write for example \"https://example.com\"");
    }
    Some(url)
}

fn read_screenshots(top: &mut Reader) -> Vec<String> {
    let names = top.texts("screenshots");
    for name in names.iter().filter(|name| !is_image(name)) {
        top.fault("screenshots", format!("\"{name}\" must be a file name ending in .svg or .png"));
    }
    if names.len() > 8 {
        top.fault("screenshots", format!("has {} entries; at most 8 are allowed", names.len()));
    }
    names
}

fn read_seats(top: &mut Reader) -> Option<Seats> {
    let mut section = top.section("seats")?;
    let min = section.integer("min", 1..=100_000).unwrap_or(1);
    let max = section.need_integer("max", 1..=100_000, "max = 50");
    if max < min {
        section.fault("max", format!("is {max}, below min = {min}; make it at least as large"));
    }
    section.finish();
    Some(Seats { min: narrow(min), max: narrow(max) })
}

fn read_plans(top: &mut Reader) -> Vec<Plan> {
    let mut seen = BTreeSet::new();
    let mut plans = Vec::new();
    for mut section in top.sections("plan") {
        let id = section.need_form("id", is_id, ID_FORM, "id = \"small\"");
        if !id.is_empty() && !seen.insert(id.clone()) {
            section.fault("id", format!("\"{id}\" is given twice; give each plan an id of its own"));
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
        top.missing("plan", "[[plan]] with id, name, vcpu, memory_mib, disk_gib and price, smallest first");
    }
    plans
}

fn read_price(plan: &mut Reader) -> Price {
    let none = Price { amount: "0".to_owned(), currency: String::new(), period: Period::Month };
    let Some(mut section) = plan.section("price") else {
        if !plan.has("price") {
            plan.missing("price", "price = { amount = \"9.90\", currency = \"EUR\", period = \"month\" }");
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
    let currency =
        section.need_form("currency", three, "three capital letters of ISO 4217", "currency = \"EUR\"");
    let periods =
        [("day", Period::Day), ("month", Period::Month), ("year", Period::Year), ("once", Period::Once)];
    if !section.has("period") {
        section.missing("period", "period = \"month\"");
    }
    let period = section.word("period", &periods).unwrap_or(none.period);
    section.finish();
    Price { amount, currency, period }
}

fn read_backup(plan: &mut Reader) -> Option<BackupSchedule> {
    let mut section = plan.section("backup")?;
    let cron = section.need_text("cron", 200, "cron = \"30 2 * * *\" (every day at 02:30)");
    if !cron.is_empty() {
        if cron.split_whitespace().count() != 5 {
            section.fault("cron", "must have five fields: minute hour day-of-month month day-of-week");
        } else if let Err(e) = croner::Cron::from_str(&cron) {
            section.fault("cron", format!("is not a cron expression: {e}"));
        }
    }
    let keep = narrow(section.need_integer("keep", 1..=1000, "keep = 7"));
    section.finish();
    Some(BackupSchedule { cron, keep })
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
