//! Tests of packages, and the package that they start from.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::check::check;
use super::package::load;

mod demo;
mod folders;
mod manifests;

/// The manifest that `docs/packages.md` shows; every test starts from it, so the page stays true.
fn example() -> &'static str {
    let page = include_str!("../../docs/packages.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn demo_packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps")
}

fn write(dir: &Path, path: &str, text: impl AsRef<[u8]>) {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// A whole package of the example manifest.
fn package() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "manifest.toml", example());
    write(dir.path(), "icon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/></svg>");
    write(dir.path(), "files/www/index.html", "hello\n");
    for name in crate::hypervisor::Role::ALL.iter().map(|r| r.as_str()) {
        write(dir.path(), &format!("scripts/{name}.sh"), "#!/bin/sh\nset -eu\n");
    }
    dir
}

fn edit(dir: &Path, from: &str, to: &str) {
    assert!(example().contains(from), "the example has no {from}");
    write(dir, "manifest.toml", example().replacen(from, to, 1));
}

fn faults(dir: &Path) -> Vec<String> {
    load(dir).err().map(|e| e.faults.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

fn digests(dir: &Path) -> Vec<String> {
    load(dir).unwrap().versions.into_iter().map(|v| v.digest).collect()
}

#[test]
fn the_example_of_the_page_is_a_package() {
    let dir = package();
    let package = load(dir.path()).unwrap();
    let app = &package.application;
    assert_eq!((app.id.as_str(), app.plans.len(), app.versions.len()), ("greeter", 2, 2));
    assert_eq!(app.plans[1].backup.as_ref().map(|b| b.keep), Some(5));
    assert_eq!(app.versions[1].runtime.ports[0].number, 8090, "a version has the common runtime");
    assert_eq!(app.versions[0].runtime.time_limit("backup"), 600);
    assert_eq!(app.versions[0].digest, package.versions[0].digest);
    assert_eq!(package.versions[0].files[0].content, b"hello\n");
    let report = check(dir.path());
    assert!(report.ok && report.warnings.is_empty(), "{report}");
}
