//! `telvisor app check DIR`: everything that is wrong with a package, and what looks wrong, in words.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use super::{Fault, Package, load};
use crate::hypervisor::Role;

/// What a check found. Serializes as the JSON of `app check --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub ok: bool,
    /// Absent when the package could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Version and digest, oldest first.
    pub versions: Vec<CheckedVersion>,
    /// The package cannot be used.
    pub errors: Vec<Fault>,
    /// The package can be used, and probably not as meant.
    pub warnings: Vec<Fault>,
    /// Checks that could not be made here.
    pub notes: Vec<String>,
}

/// A version of a package without errors.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedVersion {
    pub version: String,
    pub digest: String,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for fault in &self.errors {
            writeln!(f, "error: {fault}")?;
        }
        for fault in &self.warnings {
            writeln!(f, "warning: {fault}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for v in &self.versions {
            writeln!(f, "version {} {}", v.version, v.digest)?;
        }
        let name = self.application.as_deref().unwrap_or("the package");
        let verdict = if self.ok { "can be used" } else { "cannot be used" };
        write!(f, "{name} {verdict}: {} errors, {} warnings", self.errors.len(), self.warnings.len())
    }
}

/// Checks the package in a folder. Runs `sh -n` over each script where there is an `sh`; never runs a script.
#[must_use]
pub fn check(dir: &Path) -> Report {
    let mut report = Report {
        ok: false,
        application: None,
        versions: Vec::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    match load(dir) {
        Err(e) => report.errors = e.faults,
        Ok(package) => {
            report.application = Some(package.application.id.clone());
            for v in &package.versions {
                report.versions.push(CheckedVersion { version: v.version.clone(), digest: v.digest.clone() });
            }
            check_scripts(dir, &package, &mut report);
        }
    }
    report.ok = report.errors.is_empty();
    report
}

fn check_scripts(dir: &Path, package: &Package, report: &mut Report) {
    // A common script is looked at once, though several versions have it.
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for version in &package.versions {
        if !version.scripts.contains_key(&Role::Health) {
            let message = format!(
                "is missing for version {}; without it the application counts as healthy once started",
                version.version
            );
            report.warnings.push(Fault::new("scripts/health.sh", "", message));
        }
        for (role, text) in &version.scripts {
            let own = format!("versions/{}/scripts/{}.sh", version.version, role.as_str());
            let path = if dir.join(&own).exists() { own } else { format!("scripts/{}.sh", role.as_str()) };
            texts.insert(path, text);
        }
    }
    let mut has_sh = true;
    for (path, text) in texts {
        report.warnings.extend(warnings(&path, text));
        if text.contains('\r') {
            let line = text.lines().position(|l| l.ends_with('\r')).map_or(1, |n| n + 1);
            let at = format!("line {line}");
            let message = "ends in CR LF, which sh does not understand; save the file with LF line ends";
            report.errors.push(Fault::new(path, at, message));
        } else if has_sh {
            match syntax_fault(text) {
                Ok(None) => {}
                Ok(Some(message)) => report.errors.push(Fault::new(path, "", message)),
                Err(e) => {
                    has_sh = false;
                    report
                        .notes
                        .push(format!("the syntax of scripts was not checked, for sh did not run: {e}"));
                }
            }
        }
    }
}

/// What `sh -n` says of a script; none when it is well.
fn syntax_fault(text: &str) -> std::io::Result<Option<String>> {
    let mut child = Command::new("sh")
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("was asked to be piped");
    // A shell that gives up early closes its end; what it says then counts, not the failed write.
    let _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| format!("is not valid sh: {}", said.trim())))
}

/// What looks wrong in a script, found by simple means; comments are passed over.
fn warnings(path: &str, text: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    let shebang = text.lines().next().unwrap_or_default();
    if !matches!(shebang.trim_end(), "#!/bin/sh" | "#! /bin/sh" | "#!/bin/sh -e" | "#!/bin/sh -eu") {
        let message =
            "should be #!/bin/sh: scripts are run by the POSIX sh of the guest, whatever stands here";
        found.push(Fault::new(path, "line 1", message));
    }
    let sets_e = text.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("set")
            && words.any(|w| (w.starts_with('-') && w.contains('e')) || w == "errexit" || w == "errexit;")
    });
    if !sets_e && !shebang.contains(" -e") {
        let message = "has no `set -e`: it would go on after a command that failed, and end with 0";
        found.push(Fault::new(path, "", message));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split(" #").next().unwrap_or_default().trim_start();
        if code.starts_with('#') {
            continue;
        }
        if code.contains("[ ") && code.contains(" == ") && !code.contains("awk") {
            found.push(Fault::new(
                path,
                format!("line {number}"),
                "`==` is bash, not POSIX sh; compare with =",
            ));
        }
        for (mark, advice) in BASHISMS {
            let hit = match mark.strip_prefix('^') {
                Some(start) => code.starts_with(start),
                None => code.contains(mark),
            };
            if hit {
                let message =
                    format!("`{}` is bash, not POSIX sh; {advice}", mark.trim_start_matches('^').trim());
                found.push(Fault::new(path, format!("line {number}"), message));
            }
        }
    }
    found
}

/// What bash knows and POSIX sh does not; `^` stands for the start of a line.
const BASHISMS: [(&str, &str); 18] = [
    ("[[ ", "write [ … ]"),
    ("^source ", "write . FILE"),
    ("^function ", "write NAME() { …; }"),
    ("^declare ", "assign plainly"),
    ("^typeset ", "assign plainly"),
    ("^let ", "write $(( … ))"),
    ("<<<", "use a here-document or printf"),
    ("&>", "write >FILE 2>&1"),
    ("|&", "write 2>&1 |"),
    ("<(", "use a file or a pipe"),
    ("=(", "there are no arrays; use \"$@\" or a file"),
    (" $'", "use printf"),
    ("=$'", "use printf"),
    ("pipefail", "check each part of the pipe"),
    ("echo -e", "use printf"),
    ("read -p", "scripts have no terminal"),
    ("$RANDOM", "read /dev/urandom"),
    ("${!", "use eval with care, or a case"),
];
