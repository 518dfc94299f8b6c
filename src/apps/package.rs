//! Loads a package folder: manifest, scripts, files and pictures, each checked, each version with its digest.
//!
//! The whole folder is read into memory first, by walking it without following links; what the manifest names is
//! then looked up there, so no name in it can lead out of the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};
use telvisor_model::catalogue::{Application, Downgrade, Runtime};

use super::Fault;
use super::manifest::{self, ListedFile, Manifest};
use super::tree::{Tree, read_tree};
use crate::hypervisor::Role;

/// A script goes into a guest in one piece.
const MAX_SCRIPT: u64 = 64 << 10;
const MAX_PICTURE: u64 = 1 << 20;

/// Roles that every version must have. `upgrade` and `downgrade` are asked for where there is a way up or down;
/// without `health` a started application counts as well.
const REQUIRED: [Role; 7] =
    [Role::Install, Role::Start, Role::Stop, Role::Configure, Role::Remove, Role::Backup, Role::Restore];

/// A checked application package.
#[derive(Debug, Clone)]
pub struct Package {
    pub application: Application,
    /// The text of `manifest.toml`.
    pub manifest: String,
    /// In the order of the manifest, oldest first.
    pub versions: Vec<PackageVersion>,
    pub icon: Picture,
    pub screenshots: Vec<Picture>,
}

/// What a worker needs to run one version of an application; stored once, under its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersion {
    pub version: String,
    /// SHA-256 in lower-case hex, see `docs/packages.md`.
    pub digest: String,
    /// Texts of POSIX sh scripts.
    pub scripts: BTreeMap<Role, String>,
    /// Sorted by path.
    pub files: Vec<PackageFile>,
}

/// A file that scripts find below `TELVISOR_FILES`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// Relative, with `/`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Lower-case hex.
    pub sha256: String,
    pub content: Vec<u8>,
}

/// An icon or a screenshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub name: String,
    pub content: Vec<u8>,
}

/// A folder is not a package.
#[derive(Debug, Clone, thiserror::Error, Serialize)]
#[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PackageError {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// Reads and checks the package in a folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(dir: &Path) -> Result<Package, PackageError> {
    let mut faults = Vec::new();
    let tree = read_tree(dir, &mut faults);
    if let Some(package) = assemble(&tree, &mut faults)
        && faults.is_empty()
    {
        return Ok(package);
    }
    faults.sort();
    Err(PackageError { faults })
}

fn assemble(tree: &Tree, faults: &mut Vec<Fault>) -> Option<Package> {
    let Some(octets) = tree.get("manifest.toml") else {
        // When the folder could not be read, that has been told.
        if faults.is_empty() {
            faults.push(Fault::new(
                "manifest.toml",
                "",
                "is missing; a package is a folder with this file in it",
            ));
        }
        return None;
    };
    let Ok(text) = std::str::from_utf8(octets) else {
        faults.push(Fault::new("manifest.toml", "", "is not UTF-8 text"));
        return None;
    };
    let Manifest { mut application, files } = match manifest::parse(text) {
        Ok(manifest) => manifest,
        Err(found) => {
            faults.extend(found);
            return None;
        }
    };
    let mut used = BTreeSet::from(["manifest.toml".to_owned()]);
    let mut versions = Vec::new();
    for (index, listed) in files.iter().enumerate() {
        let scripts = take_scripts(tree, &application, index, &mut used, faults);
        let files = take_files(tree, &application.versions[index].id, listed, index, &mut used, faults);
        let version = &mut application.versions[index];
        version.digest =
            digest(&application.id, &version.id, version.downgrade, &version.runtime, &scripts, &files);
        versions.push(PackageVersion {
            version: version.id.clone(),
            digest: version.digest.clone(),
            scripts,
            files,
        });
    }
    let icon = take_picture(tree, "icon", &application.icon, &mut used, faults);
    let screenshots = application
        .screenshots
        .iter()
        .map(|name| take_picture(tree, "screenshots", name, &mut used, faults))
        .collect();
    for path in tree.keys().filter(|p| !used.contains(*p) && !is_note(p)) {
        faults.push(Fault::new(path, "", unused(path)));
    }
    Some(Package { application, manifest: text.to_owned(), versions, icon, screenshots })
}

/// Notes for people may lie beside the manifest.
fn is_note(path: &str) -> bool {
    !path.contains('/') && (path.ends_with(".md") || path.starts_with("LICENSE"))
}

fn unused(path: &str) -> String {
    if path.contains("scripts/") {
        let names = Role::ALL.iter().map(|r| format!("{r}.sh")).collect::<Vec<_>>();
        format!(
            "is used by no version; a script is one of {}, in scripts/ or versions/VERSION/scripts/",
            names.join(", ")
        )
    } else if path.contains("files/") {
        "is listed for no version; add it as [[version.file]] with its sha256, or remove it".to_owned()
    } else {
        "does not belong into a package; remove it".to_owned()
    }
}

/// The scripts of a version: its own, else the common ones.
fn take_scripts(
    tree: &Tree,
    application: &Application,
    index: usize,
    used: &mut BTreeSet<String>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<Role, String> {
    let version = &application.versions[index];
    let mut scripts = BTreeMap::new();
    for (role, name) in Role::ALL.iter().map(|r| (*r, r.as_str())) {
        let own = format!("versions/{}/scripts/{name}.sh", version.id);
        let common = format!("scripts/{name}.sh");
        let Some((path, octets)) = tree.get_key_value(&own).or_else(|| tree.get_key_value(&common)) else {
            let reason = match role {
                Role::Upgrade if index > 0 => "each version but the oldest needs it",
                Role::Downgrade if index > 0 && version.downgrade != Downgrade::Refuse => {
                    "a version with downgrade = \"keep\" or \"migrate\" needs it"
                }
                _ if REQUIRED.contains(&role) => "each version needs it",
                _ => continue,
            };
            faults.push(Fault::new(common, "", format!("is missing for version {}; {reason}", version.id)));
            continue;
        };
        used.insert(path.clone());
        if octets.len() as u64 > MAX_SCRIPT {
            faults.push(Fault::new(
                path,
                "",
                format!("has more than {} KiB; move parts into files", MAX_SCRIPT >> 10),
            ));
        }
        match String::from_utf8(octets.clone()) {
            Ok(text) if !text.contains('\0') => {
                scripts.insert(role, text);
            }
            _ => faults.push(Fault::new(path, "", "is not UTF-8 text; a script is a POSIX sh text")),
        }
    }
    scripts
}

/// The listed files of a version, from its own folder or the common one, with their sums checked.
fn take_files(
    tree: &Tree,
    version: &str,
    listed: &[ListedFile],
    index: usize,
    used: &mut BTreeSet<String>,
    faults: &mut Vec<Fault>,
) -> Vec<PackageFile> {
    let mut files = Vec::new();
    for (n, file) in (1..).zip(listed) {
        let at = format!("version[{}].file[{n}]", index + 1);
        let own = format!("versions/{version}/files/{}", file.path);
        let common = format!("files/{}", file.path);
        let Some((path, content)) = tree.get_key_value(&own).or_else(|| tree.get_key_value(&common)) else {
            let message = format!("\"{}\" is neither at {own} nor at {common}; add it there", file.path);
            faults.push(Fault::new("manifest.toml", format!("{at}.path"), message));
            continue;
        };
        used.insert(path.clone());
        let sum = sha256(content);
        if sum != file.sha256 {
            let message = format!("does not fit {path}, whose sum is {sum}; write that if the file is right");
            faults.push(Fault::new("manifest.toml", format!("{at}.sha256"), message));
        }
        files.push(PackageFile {
            path: file.path.clone(),
            mode: file.mode,
            sha256: sum,
            content: content.clone(),
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn take_picture(
    tree: &Tree,
    at: &str,
    name: &str,
    used: &mut BTreeSet<String>,
    faults: &mut Vec<Fault>,
) -> Picture {
    used.insert(name.to_owned());
    let content = tree.get(name).cloned().unwrap_or_default();
    if !tree.contains_key(name) {
        let message = format!("\"{name}\" is not in the package folder; add it");
        faults.push(Fault::new("manifest.toml", at, message));
    } else if let Some(message) = picture_fault(name, &content) {
        faults.push(Fault::new(name, "", message));
    }
    Picture { name: name.to_owned(), content }
}

/// Pictures are shown in other people's browsers, so an SVG may draw and nothing else.
fn picture_fault(name: &str, content: &[u8]) -> Option<&'static str> {
    if content.len() as u64 > MAX_PICTURE {
        return Some("has more than 1 MiB; make the picture smaller");
    }
    if name.ends_with(".png") {
        return (!content.starts_with(b"\x89PNG\r\n\x1a\n")).then_some("is not a PNG picture");
    }
    let Ok(text) = std::str::from_utf8(content) else {
        return Some("is not an SVG picture in UTF-8");
    };
    let text = text.to_lowercase();
    if !text.contains("<svg") {
        return Some("is not an SVG picture");
    }
    let event = |part: &str| {
        let name: String = part.chars().take_while(char::is_ascii_alphabetic).collect();
        !name.is_empty() && part[name.len()..].trim_start().starts_with('=')
    };
    let handler = text.match_indices("on").any(|(i, _)| {
        text[..i].ends_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/'))
            && event(&text[i + 2..])
    });
    let active =
        ["<script", "<foreignobject", "<!entity", "<!doctype", "<style", "href", "javascript:", "url(http"];
    (handler || active.iter().any(|a| text.contains(a)))
        .then_some("has scripts, event handlers, links or a document type; an icon may only draw")
}

/// What the digest of a version covers; the order of the members is part of the format.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DigestContent<'a> {
    format: u32,
    application: &'a str,
    version: &'a str,
    downgrade: Downgrade,
    runtime: &'a Runtime,
    scripts: BTreeMap<&'static str, String>,
    files: Vec<DigestFile<'a>>,
}

#[derive(Serialize)]
struct DigestFile<'a> {
    path: &'a str,
    mode: u32,
    sha256: &'a str,
}

fn digest(
    application: &str,
    version: &str,
    downgrade: Downgrade,
    runtime: &Runtime,
    scripts: &BTreeMap<Role, String>,
    files: &[PackageFile],
) -> String {
    let content = DigestContent {
        format: 1,
        application,
        version,
        downgrade,
        runtime,
        scripts: scripts.iter().map(|(role, text)| (role.as_str(), sha256(text.as_bytes()))).collect(),
        files: files.iter().map(|f| DigestFile { path: &f.path, mode: f.mode, sha256: &f.sha256 }).collect(),
    };
    sha256(&serde_json::to_vec(&content).expect("text keys and plain values always serialize"))
}

/// SHA-256 in lower-case hex.
fn sha256(octets: &[u8]) -> String {
    hex::encode(Sha256::digest(octets))
}
