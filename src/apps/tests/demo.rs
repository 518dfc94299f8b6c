//! The packages below `apps/`: all are well, and one is really run, from install to remove, by the `sh` of this host.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;
use telvisor_model::catalogue::{Downgrade, Placement};
use uuid::Uuid;

use super::{demo_packages, write};
use crate::apps::env::{GuestFolders, ScriptRun, characteristic_variable, script_text};
use crate::apps::{Package, PackageVersion, check, load};
use crate::hypervisor::Role;

fn demo_folders() -> Vec<PathBuf> {
    let mut dirs: Vec<_> = fs::read_dir(demo_packages()).unwrap().map(|e| e.unwrap().path()).collect();
    dirs.sort();
    dirs
}

#[test]
fn every_demo_package_passes_the_check() {
    for dir in demo_folders() {
        let report = check(&dir);
        assert!(report.ok && report.warnings.is_empty(), "{report}");
        assert_eq!(report.application.as_deref(), dir.file_name().and_then(|n| n.to_str()));
    }
}

#[test]
fn the_demo_catalogue_has_what_it_must_show() {
    let packages: Vec<Package> = demo_folders().iter().map(|d| load(d).unwrap()).collect();
    let apps: Vec<_> = packages.iter().map(|p| &p.application).collect();
    for category in ["crm", "web-shop", "accounting", "file-share"] {
        let app = apps.iter().find(|a| a.category == category).unwrap();
        // A provision order needs a customer, an application and a plan, nothing else.
        assert_eq!(app.check_characteristics(&BTreeMap::new()).unwrap().missing, [""; 0]);
        let newest = app.newest_orderable().unwrap().id.clone();
        assert_ne!(app.downgrade(&newest, &app.versions[0].id), Some(Downgrade::Refuse));
    }
    for app in &apps {
        assert!(app.plans.len() >= 2 && app.versions.len() >= 2, "{}", app.id);
        assert!(app.versions.iter().all(|v| !v.withdrawn), "{}", app.id);
    }
    assert!(apps.iter().any(|a| a.versions.len() >= 3));
    assert!(apps.iter().any(|a| a.placement == Placement::Dedicated && a.multiple));
    assert!(apps.iter().any(|a| !a.characteristics.is_empty()));
    assert!(apps.iter().any(|a| a.plans.iter().any(|p| p.backup.is_some())));
    let ports: std::collections::BTreeSet<_> =
        apps.iter().map(|a| a.versions[0].runtime.ports[0].number).collect();
    assert_eq!(ports.len(), apps.len(), "the demo applications fit on one machine as they are");
}

#[test]
fn characteristics_become_variables() {
    for (name, variable) in [
        ("shareName", "TELVISOR_CHAR_SHARE_NAME"),
        ("maxUploadMib", "TELVISOR_CHAR_MAX_UPLOAD_MIB"),
        ("ipv4Address", "TELVISOR_CHAR_IPV4_ADDRESS"),
        ("useTLS", "TELVISOR_CHAR_USE_TLS"),
        ("my-name", "TELVISOR_CHAR_MY_NAME"),
    ] {
        assert_eq!(characteristic_variable(name), variable);
    }
}

/// A folder that stands for a guest, in which one subscription of an application lives.
struct Guest {
    dir: tempfile::TempDir,
    package: Package,
    subscription: Uuid,
}

/// Stands for the guest's busybox: `httpd` waits until it is ended, `wget` does what httpd would do with the request.
const BUSYBOX: &str = r#"#!/bin/sh
set -eu
applet=$1
shift
case $applet in
    httpd) mkfifo "$0.$$"; exec 3<>"$0.$$"; rm "$0.$$"; read -r never <&3 ;;
    timeout) shift; exec "$@" ;;
    wget)
        [ -d "/proc/$(cat "$TELVISOR_HOME/pid")" ] || exit 1
        . "$TELVISOR_HOME/settings"
        "$TELVISOR_HOME/program/www/cgi-bin/health" | sed '1,/^.$/d'
        ;;
esac
"#;

/// Stands for zstd where the host has none: the archive is then a plain tar, all else is as it is.
const ZSTD: &str = r#"#!/bin/sh
for last; do :; done
case "$*" in
    *-t*) tar -tf "$last" >/dev/null 2>&1 ;;
    *-d*) cat "$last" ;;
    *) cat >"$last" ;;
esac
"#;

impl Guest {
    fn new(application: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tool = |name: &str, text: &str| {
            write(dir.path(), &format!("bin/{name}"), text);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(dir.path().join("bin").join(name), mode).unwrap();
        };
        tool("busybox", BUSYBOX);
        if Command::new("zstd").arg("--version").stdout(Stdio::null()).status().is_err() {
            tool("zstd", ZSTD);
        }
        let package = load(&demo_packages().join(application)).unwrap();
        Self { dir, package, subscription: Uuid::from_u128(7) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn package(&self, version: &str) -> &PackageVersion {
        self.package.versions.iter().find(|v| v.version == version).unwrap()
    }

    /// Lays the files of a version into the guest and says where the folders are.
    fn folders(&self, version: &str) -> GuestFolders {
        let files = self.path(&format!("files/{version}"));
        for file in &self.package(version).files {
            write(&files, &file.path, &file.content);
            fs::set_permissions(files.join(&file.path), fs::Permissions::from_mode(file.mode)).unwrap();
        }
        let text = |p: PathBuf| p.to_str().unwrap().to_owned();
        GuestFolders { home: text(self.path("home")), volume: text(self.path("volume")), files: text(files) }
    }

    fn run(&self, role: Role, version: &str, from: Option<&str>) -> Output {
        let app = &self.package.application;
        let folders = self.folders(version);
        let archive = self.path("spool/archive.tar.zst");
        let script = ScriptRun {
            role,
            subscription: self.subscription,
            application: app,
            version: app.version(version).unwrap(),
            from_version: from,
            plan: &app.plans[0],
            folders: &folders,
            characteristics: &BTreeMap::from([("shareName".to_owned(), json!("It's $HOME"))]),
            seats: None,
            ports: &BTreeMap::from([("web".to_owned(), 18_081)]),
            archive: Some(archive.to_str().unwrap()),
        };
        let text = script_text(role, self.package(version), from.map(|v| self.package(v))).unwrap();
        let script = script.script(text);
        assert_eq!(script.env["TELVISOR_PORT"], "18081");
        self.sh(&["-c", &script.script], &script.env)
    }

    fn sh(&self, args: &[&str], env: &BTreeMap<String, String>) -> Output {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display());
        Command::new("sh")
            .args(args)
            .env_clear()
            .env("PATH", path)
            .envs(env)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a script twice, as a retry would, and expects both to succeed.
    fn twice(&self, role: Role, version: &str, from: Option<&str>) {
        for _ in 0..2 {
            let output = self.run(role, version, from);
            assert!(output.status.success(), "{role:?} {version}: {output:?}");
        }
    }

    /// Opens the page of the application as httpd would; with a body as a POST.
    fn open(&self, body: Option<&str>) -> String {
        let home = self.path("home");
        let request = match body {
            Some(body) => {
                format!(
                    "REQUEST_METHOD=POST CONTENT_LENGTH={} && export REQUEST_METHOD CONTENT_LENGTH && printf %s '{body}' |",
                    body.len()
                )
            }
            None => String::new(),
        };
        let text = format!(". '{h}/settings' && {request} '{h}/program/www/cgi-bin/app'", h = home.display());
        let output = self.sh(&["-c", &text], &BTreeMap::new());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn records(&self) -> String {
        fs::read_to_string(self.path("volume/data/records.tsv")).unwrap()
    }
}

impl Drop for Guest {
    /// Ends the stand-in for httpd even when a test fails.
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(self.path("home/pid")) {
            let _ = Command::new("kill").arg(pid.trim()).stderr(Stdio::null()).status();
        }
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

#[test]
fn a_whole_life_of_the_crm_by_its_scripts() {
    let guest = Guest::new("kinfolk");
    guest.twice(Role::Install, "1.0", None);
    assert_eq!(guest.run(Role::Health, "1.0", None).status.code(), Some(1), "not started");
    guest.twice(Role::Start, "1.0", None);
    guest.twice(Role::Health, "1.0", None);
    assert!(exists(&guest.path("home/boot")), "starts at boot");

    guest.open(Some("name=Ann%20%26+Bo&phone=12%0934"));
    guest.twice(Role::Install, "1.0", None);
    assert_eq!(guest.records(), "#1\nAnn & Bo\t12 34\n", "a repeated install keeps the data");
    assert!(guest.open(None).contains("<td>Ann &amp; Bo</td><td>12 34</td>"));

    guest.twice(Role::Backup, "1.0", None);
    assert!(exists(&guest.path("spool/archive.tar.zst")));
    guest.twice(Role::Stop, "1.0", None);
    assert!(!exists(&guest.path("home/boot")), "stays stopped");
    guest.twice(Role::Configure, "1.0", None);
    assert!(!exists(&guest.path("home/boot")), "configure starts nothing that was stopped");

    guest.twice(Role::Upgrade, "2.0", Some("1.0"));
    assert_eq!(guest.records(), "#2\nAnn & Bo\t12 34\t\n");
    guest.twice(Role::Start, "2.0", None);
    guest.twice(Role::Health, "2.0", None);
    guest.twice(Role::Configure, "2.0", None);
    guest.twice(Role::Health, "2.0", None);
    guest.open(Some("name=Cy&phone=5&email=cy%40x.example"));
    guest.twice(Role::Stop, "2.0", None);

    guest.twice(Role::Downgrade, "1.1", Some("2.0"));
    assert_eq!(guest.records(), "#1\nAnn & Bo\t12 34\nCy\t5\n");
    guest.twice(Role::Downgrade, "1.0", Some("1.1"));
    guest.twice(Role::Upgrade, "2.0", Some("1.0"));

    // The backup is of 1.0: restoring it at 2.0 brings its data to the form of 2.0.
    guest.twice(Role::Restore, "2.0", Some("1.0"));
    assert_eq!(guest.records(), "#2\nAnn & Bo\t12 34\t\n");
    write(guest.dir.path(), "spool/archive.tar.zst", "no archive");
    let damaged = guest.run(Role::Restore, "2.0", Some("1.0"));
    assert_eq!(damaged.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("the archive is damaged"));
    assert_eq!(guest.records(), "#2\nAnn & Bo\t12 34\t\n", "the data is as before");

    guest.twice(Role::Start, "2.0", None);
    guest.twice(Role::Remove, "2.0", None);
    assert!(!exists(&guest.path("home")) && exists(&guest.path("volume/data")));
}

#[test]
fn the_accounting_package_keeps_amounts_both_ways() {
    let guest = Guest::new("ledgerwell");
    guest.twice(Role::Install, "2024.2", None);
    guest.open(Some("date=2026-01-31&text=Paper&amount=19.99"));
    guest.twice(Role::Upgrade, "2025.1", Some("2024.2"));
    assert_eq!(guest.records(), "#2\n2026-01-31\tPaper\t1999\n");
    guest.twice(Role::Downgrade, "2024.2", Some("2025.1"));
    assert_eq!(guest.records(), "#1\n2026-01-31\tPaper\t19.99\n");
}

#[test]
fn a_customers_text_reaches_the_file_share_unchanged() {
    let guest = Guest::new("filenook");
    guest.twice(Role::Install, "1.3", None);
    write(guest.dir.path(), "volume/data/shared/plan.txt", "four");
    let page = guest.open(None);
    assert!(page.contains("<h1>It's $HOME</h1>"), "{page}");
    assert!(page.contains("<a href=\"?get=plan.txt\">plan.txt</a> (4 octets)"), "{page}");
}
