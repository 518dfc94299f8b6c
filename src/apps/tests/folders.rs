//! What is wrong with the files and scripts of a package, and what their digest covers.

use std::fs;
use std::path::Path;

use super::{digests, edit, example, faults, package, write};
use crate::apps::check::check;

#[test]
fn each_fault_of_the_folder_is_told_with_its_file_and_the_fix() {
    let sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let remove = |path: &'static str| move |dir: &Path| fs::remove_file(dir.join(path)).unwrap();
    let put = |path: &'static str, text: &'static str| move |dir: &Path| write(dir, path, text);
    type Change = Box<dyn Fn(&Path)>;
    let cases: Vec<(Change, String)> = vec![
        (Box::new(remove("manifest.toml")), "manifest.toml: is missing; a package is a folder with this file in it".into()),
        (Box::new(remove("icon.svg")), "manifest.toml: icon: \"icon.svg\" is not in the package folder; add it".into()),
        (Box::new(put("icon.svg", "<svg onload=\"x()\"></svg>")), "icon.svg: has scripts, event handlers, links or a document type; an icon may only draw".into()),
        (Box::new(put("icon.svg", "<svg><script>1</script></svg>")), "icon.svg: has scripts, event handlers, links or a document type; an icon may only draw".into()),
        (Box::new(put("icon.svg", "GIF89a")), "icon.svg: is not an SVG picture".into()),
        (Box::new(put("secret.txt", "x")), "secret.txt: does not belong into a package; remove it".into()),
        (Box::new(put("files/www/more.html", "x")), "files/www/more.html: is listed for no version; add it as [[version.file]] with its sha256, or remove it".into()),
        (Box::new(put("versions/9.9/scripts/start.sh", "x")), "versions/9.9/scripts/start.sh: is used by no version".into()),
        (Box::new(put("scripts/dance.sh", "x")), "scripts/dance.sh: is used by no version".into()),
        (Box::new(put("files/www/index.html", "test")), format!("manifest.toml: version[1].file[1].sha256: does not fit files/www/index.html, whose sum is {sum}; write that if the file is right")),
        (Box::new(remove("files/www/index.html")), "manifest.toml: version[1].file[1].path: \"www/index.html\" is neither at versions/1.0/files/www/index.html nor at files/www/index.html; add it there".into()),
        (Box::new(remove("scripts/restore.sh")), "scripts/restore.sh: is missing for version 1.0; each version needs it".into()),
        (Box::new(remove("scripts/upgrade.sh")), "scripts/upgrade.sh: is missing for version 1.1; each version but the oldest needs it".into()),
        (Box::new(remove("scripts/downgrade.sh")), "scripts/downgrade.sh: is missing for version 1.1; a version with downgrade = \"keep\" or \"migrate\" needs it".into()),
        (Box::new(|dir| write(dir, "scripts/start.sh", [0xff, 0xfe])), "scripts/start.sh: is not UTF-8 text; a script is a POSIX sh text".into()),
        (Box::new(|dir| write(dir, "scripts/start.sh", "#".repeat(65 << 10))), "scripts/start.sh: has more than 64 KiB; move parts into files".into()),
        (Box::new(|dir| write(dir, "manifest.toml", " ".repeat(257 << 10))), "manifest.toml: has more than 256 KiB".into()),
        (Box::new(|dir| {
            fs::remove_file(dir.join("files/www/index.html")).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", dir.join("files/www/index.html")).unwrap();
        }), "files/www/index.html: is a symbolic link; put the file itself in its place".into()),
        (Box::new(|dir| std::os::unix::fs::symlink("/etc", dir.join("versions")).unwrap()), "versions: is a symbolic link; put the file itself in its place".into()),
    ];
    for (change, expected) in cases {
        let dir = package();
        change(dir.path());
        let found = faults(dir.path());
        assert!(found.iter().any(|f| f.starts_with(&expected)), "expected {expected}\nfound {found:#?}");
    }
    let absent = faults(Path::new("/nonexistent"));
    assert!(absent.len() == 1 && absent[0].starts_with(".: cannot be read: "), "{absent:?}");
}

#[test]
fn a_refused_way_down_needs_no_script() {
    let dir = package();
    edit(dir.path(), "downgrade = \"keep\"", "downgrade = \"refuse\"");
    fs::remove_file(dir.path().join("scripts/downgrade.sh")).unwrap();
    assert_eq!(faults(dir.path()), [""; 0]);
}

#[test]
fn the_digest_covers_what_runs_and_nothing_else() {
    let dir = package();
    let before = digests(dir.path());
    assert_ne!(before[0], before[1]);
    assert_eq!(before, digests(package().path()), "another folder with the same content");
    // Fixed here, because packages that are stored must keep their digest for ever.
    assert_eq!(before[0], "6dbb80d953d132c4cee61b2d607ee5b1488cb02cd93770b03fdaad3ec9e77bc1");

    for (from, to) in [
        ("name = \"Greeter\"", "name = \"Grüßer\""),
        ("amount = \"1.00\"", "amount = \"1.10\""),
        ("memory_mib = 128", "memory_mib = 129"),
        ("install = 10", "install = 11"),
        ("released = 2026-01-31", "withdrawn = true"),
        ("[[version]]\nid = \"1.0\"", "# a remark\n[[version]]\nid = \"1.0\""),
    ] {
        edit(dir.path(), from, to);
        assert_eq!(digests(dir.path()), before, "{from} became {to}");
    }
    for (from, to) in [
        ("number = 8090", "number = 8091"),
        ("backup = 600", "backup = 601"),
        ("data_folder = \"data\"", "data_folder = \"other\""),
        ("\"busybox\", ", ""),
        ("id = \"greeter\"", "id = \"greeter2\""),
    ] {
        edit(dir.path(), from, to);
        let now = digests(dir.path());
        assert!(now[0] != before[0] && now[1] != before[1], "{from} became {to}");
    }
    for (from, to) in [
        ("downgrade = \"keep\"", "downgrade = \"migrate\""),
        ("notes =", "runtime = { port = [{ name = \"web\", number = 9000 }] }\nnotes ="),
    ] {
        edit(dir.path(), from, to);
        let now = digests(dir.path());
        assert!(now[0] == before[0] && now[1] != before[1], "only of 1.1: {from} became {to}");
    }
    let last = example().trim_end();
    write(dir.path(), "manifest.toml", format!("{last}\nmode = \"0755\"\n"));
    let now = digests(dir.path());
    assert!(now[0] == before[0] && now[1] != before[1], "the mode of a file");

    write(dir.path(), "manifest.toml", example());
    write(dir.path(), "versions/1.0/scripts/start.sh", "#!/bin/sh\nset -eu\n");
    assert_eq!(digests(dir.path()), before, "the same script from its own folder");
    write(dir.path(), "versions/1.0/scripts/start.sh", "#!/bin/sh\nset -eu\n:\n");
    let now = digests(dir.path());
    assert!(now[0] != before[0] && now[1] == before[1], "a script of 1.0");
}

#[test]
fn check_tells_what_looks_wrong_in_scripts() {
    let dir = package();
    write(dir.path(), "scripts/start.sh", "#!/bin/bash\n# [[ in a comment\nif [[ 1 ]]; then :; fi\n");
    write(dir.path(), "scripts/stop.sh", "#!/bin/sh\nset -e\nif true; then\n");
    write(dir.path(), "scripts/remove.sh", "#!/bin/sh\r\nset -e\r\n");
    write(
        dir.path(),
        "scripts/backup.sh",
        "#!/bin/sh\nset -eu\n[ a == b ]\ngrep 'x$' y\nawk '$1 == \"x\"' y\n",
    );
    fs::remove_file(dir.path().join("scripts/health.sh")).unwrap();
    let report = check(dir.path());
    assert!(!report.ok);
    let warnings: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "scripts/health.sh: is missing for version 1.0; without it the application counts as healthy once started",
            "scripts/health.sh: is missing for version 1.1; without it the application counts as healthy once started",
            "scripts/backup.sh: line 3: `==` is bash, not POSIX sh; compare with =",
            "scripts/start.sh: line 1: should be #!/bin/sh: scripts are run by the POSIX sh of the guest, whatever stands here",
            "scripts/start.sh: has no `set -e`: it would go on after a command that failed, and end with 0",
            "scripts/start.sh: line 3: `[[` is bash, not POSIX sh; write [ … ]",
        ]
    );
    assert_eq!(report.errors.len(), 2, "{report}");
    assert!(report.errors[0].to_string().starts_with("scripts/remove.sh: line 1: ends in CR LF"));
    assert!(report.errors[1].to_string().starts_with("scripts/stop.sh: is not valid sh: "));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["application"], "greeter");
    assert_eq!(json["errors"][0]["file"], "scripts/remove.sh");
    assert!(report.to_string().ends_with("greeter cannot be used: 2 errors, 6 warnings"));
}
