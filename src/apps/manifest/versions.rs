//! The versions of a package, their files, and what they need to run.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use chrono::NaiveDate;
use telvisor_model::catalogue::{Downgrade, Guest, Port, Protocol, Runtime, Version, is_id, is_version};
use toml::Value;

use super::{ID_FORM, ListedFile, Reader, is_inner_path, narrow};
use crate::hypervisor::Role;

const DAY_S: i64 = 86_400;

pub(super) fn read_versions(top: &mut Reader, runtime: &Runtime) -> (Vec<Version>, Vec<Vec<ListedFile>>) {
    let mut seen = BTreeSet::new();
    let (mut versions, mut files) = (Vec::new(), Vec::new());
    let words = [("keep", Downgrade::Keep), ("migrate", Downgrade::Migrate), ("refuse", Downgrade::Refuse)];
    for mut section in top.sections("version") {
        let form = "1 to 32 of letters, digits and . _ + -, starting with a letter or digit";
        let id = section.need_form("id", is_version, form, "id = \"1.0\"");
        // Compared without case, because each version has a folder and not every file system tells case apart.
        if !id.is_empty() && !seen.insert(id.to_lowercase()) {
            section
                .fault("id", format!("\"{id}\" is given twice; a version number has one content for ever"));
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
            runtime: section.section("runtime").map_or_else(|| runtime.clone(), |r| read_runtime(r, runtime)),
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
            |s| s.len() == 64 && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "64 hexadecimal digits in small letters, as sha256sum prints them",
            "sha256 = \"…\" (sha256sum prints it)",
        );
        let mode = section.word("mode", &[("0644", 0o644), ("0755", 0o755)]).unwrap_or(0o644);
        section.finish();
        files.push(ListedFile { path, sha256, mode });
    }
    files
}

pub(super) fn default_runtime() -> Runtime {
    Runtime { data_folder: "data".to_owned(), ..Runtime::default() }
}

/// Reads a `runtime` table; a key that is absent keeps its value of `base`.
pub(super) fn read_runtime(mut section: Reader, base: &Runtime) -> Runtime {
    let mut runtime = base.clone();
    if let Some(folder) = section.text("data_folder", 200) {
        if !is_inner_path(&folder) {
            section.fault("data_folder", "must be a relative path below the data volume, such as \"data\"");
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
            guest.fault("commands", format!("\"{bad}\" must be the name of a command, without a path"));
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
            section.fault("name", format!("\"{name}\" is given twice; give each port a name of its own"));
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
        ports.push(Port { name, number: u16::try_from(number).unwrap_or(u16::MAX), protocol });
    }
    ports
}

pub(super) fn read_seconds(section: &mut Reader, key: &'static str) -> BTreeMap<String, u32> {
    let roles: Vec<_> = Role::ALL.iter().map(|r| r.as_str()).collect();
    section
        .numbers(key, &roles, &(1..=DAY_S))
        .into_iter()
        .map(|(role, seconds)| (role.to_owned(), narrow(seconds)))
        .collect()
}
