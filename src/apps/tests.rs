use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::check::check;
use super::manifest;
use super::package::load;

mod demo;

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

/// (text of the example, what replaces it, the faults that must be told).
const MANIFEST_FAULTS: &[(&str, &str, &[&str])] = &[
    (
        "format = 1",
        "format = 2",
        &["format: is a format that this Telvisor does not know; it reads format 1"],
    ),
    ("format = 1\n", "", &["format: is missing; add for example: format = 1"]),
    ("format = 1", "format = \"1\"", &["format: must be a whole number (without quotes), not text"]),
    (
        "id = \"greeter\"",
        "id = \"Greeter.x\"",
        &["id: \"Greeter.x\" is not of the right form: 1 to 32 of a-z, 0-9 and -, not starting with -"],
    ),
    ("name = \"Greeter\"\n", "", &["name: is missing; add for example: name = \"My App\""]),
    ("name = \"Greeter\"", "name = \" \"", &["name: is empty; write a text or remove the key"]),
    ("name = \"Greeter\"", "name = \"a\\u0007\"", &["name: has a control character; remove it"]),
    (
        "category =",
        "catgory =",
        &[
            "category: is missing; add for example: category = \"office\"",
            "catgory: is not a key of format 1; did you mean category?",
        ],
    ),
    (
        "icon = \"icon.svg\"",
        "icon = \"../icon.svg\"",
        &["icon: \"../icon.svg\" is not of the right form: a file name ending in .svg or .png"],
    ),
    (
        "[provider]",
        "placement = \"moon\"\n[provider]",
        &["placement: \"moon\" is unknown; write one of \"shared\", \"dedicated\""],
    ),
    (
        "[provider]",
        "multiple = \"yes\"\n[provider]",
        &["multiple: must be true or false (without quotes), not text"],
    ),
    (
        "[provider]",
        "screenshots = [\"a.gif\"]\n[provider]",
        &["screenshots: \"a.gif\" must be a file name ending in .svg or .png"],
    ),
    (
        "https://makers.example",
        "makers.example",
        &["provider.url: is not a web address; write for example \"https://example.com\""],
    ),
    (
        "email = \"help@makers.example\"",
        "",
        &["support.email: is missing, and phone and url too; give at least one, subscribers turn to it"],
    ),
    (
        "help@makers.example",
        "help",
        &["support.email: is not an e-mail address; write for example \"help@example.com\""],
    ),
    ("max = 20", "max = 0", &["seats.max: is 0; it must be 1 to 100000"]),
    ("min = 1", "min = 30", &["seats.max: is 20, below min = 30; make it at least as large"]),
    (
        "\"ownerName\"",
        "\"plan\"",
        &["characteristic[1].name: \"plan\" has a meaning of its own in every order; choose another"],
    ),
    (
        "\"colour\"",
        "\"owner-name\"",
        &["characteristic[2].name: \"owner-name\" gives the same script variable as another; rename one"],
    ),
    ("\"before-start\"", "true", &["characteristic[1].required: must be text in quotes, not true or false"]),
    ("default = \"green\"", "default = \"blue\"", &["characteristic[2].default: must be one of red, green"]),
    ("default = \"green\"", "default = 3", &["characteristic[2].default: must be of the kind string"]),
    (
        "default = \"green\"",
        "default = \"green\"\nrequired = \"yes\"",
        &["characteristic[2].required: and default contradict each other; remove one"],
    ),
    (
        "values = [\"red\", \"green\"]",
        "values = \"red\"",
        &["characteristic[2].values: must be a list, [\"…\", \"…\"]"],
    ),
    (
        "data_folder = \"data\"",
        "data_folder = \"/data\"",
        &["runtime.data_folder: must be a relative path below the data volume, such as \"data\""],
    ),
    ("number = 8090", "number = 70000", &["runtime.port[1].number: is 70000; it must be 1 to 65535"]),
    (
        "\"busybox\"",
        "\"/bin/busybox\"",
        &["runtime.guest.commands: \"/bin/busybox\" must be the name of a command, without a path"],
    ),
    ("backup = 600", "backup = 0", &["runtime.limits.backup: is 0; it must be 1 to 86400"]),
    ("install = 10", "instal = 10", &["estimates.instal: is not a key of format 1; did you mean install?"]),
    (
        "id = \"large\"",
        "id = \"small\"",
        &["plan[2].id: \"small\" is given twice; give each plan an id of its own"],
    ),
    (
        "memory_mib = 256",
        "memory_mib = \"256\"",
        &["plan[2].memory_mib: must be a whole number (without quotes), not text"],
    ),
    (
        "vcpu = 2",
        "vcpu = 1.5",
        &["plan[2].vcpu: must be a whole number (without quotes), not a number with a point"],
    ),
    (
        "amount = \"2.50\"",
        "amount = 2.50",
        &[
            "plan[2].price.amount: must be a decimal number in quotes, such as \"9.90\", so that no digit is lost",
        ],
    ),
    (
        "currency = \"EUR\"",
        "currency = \"Euro\"",
        &["plan[1].price.currency: \"Euro\" is not of the right form: three capital letters of ISO 4217"],
    ),
    (
        "\"15 3 * * *\"",
        "\"0 15 3 * * *\"",
        &["plan[2].backup.cron: must have five fields: minute hour day-of-month month day-of-week"],
    ),
    ("keep = 5", "keep = 0", &["plan[2].backup.keep: is 0; it must be 1 to 1000"]),
    (
        "id = \"1.1\"",
        "id = \"1.0\"",
        &["version[2].id: \"1.0\" is given twice; a version number has one content for ever"],
    ),
    (
        "released = 2026-01-31",
        "released = \"soon\"",
        &["version[1].released: must be a date without quotes, such as 2026-03-31"],
    ),
    (
        "released = 2026-01-31",
        "downgrade = \"keep\"",
        &["version[1].downgrade: means nothing for the oldest version; remove it"],
    ),
    (
        "downgrade = \"keep\"\n",
        "",
        &["version[2].downgrade: is missing; add for example: downgrade = \"migrate\" (or keep, or refuse)"],
    ),
    (
        "path = \"www/index.html\"",
        "path = \"../secret\"",
        &[
            "version[1].file[1].path: \"../secret\" is not of the right form: a relative path with / between its parts, \
         without . or .. or \\, of at most 200 characters",
        ],
    ),
    (
        "sha256 = \"5891",
        "sha256 = \"5",
        &[
            "version[1].file[1].sha256: \"5b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\" is not of the \
         right form: 64 hexadecimal digits in small letters, as sha256sum prints them",
        ],
    ),
    ("[estimates]", "[estimates", &["line 48: is not TOML: unclosed table, expected `]`"]),
];

#[test]
fn each_manifest_fault_has_its_key_and_the_fix() {
    for (from, to, expected) in MANIFEST_FAULTS {
        assert!(example().contains(from), "the example has no {from}");
        let found = manifest::parse(&example().replacen(from, to, 1)).err().unwrap_or_default();
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected: Vec<_> = expected.iter().map(|e| format!("manifest.toml: {e}")).collect();
        assert_eq!(found, expected, "after {from} became {to}");
    }
}

#[test]
fn faulty_expressions_are_told_with_their_reason() {
    for (from, to, start) in [
        (
            "\"[A-Za-z ]+\"",
            "\"[A\"",
            "manifest.toml: characteristic[1].pattern: is not a regular expression: ",
        ),
        (
            "\"15 3 * * *\"",
            "\"99 3 * * *\"",
            "manifest.toml: plan[2].backup.cron: is not a cron expression: ",
        ),
    ] {
        let found = manifest::parse(&example().replacen(from, to, 1)).unwrap_err();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].to_string().starts_with(start) && found[0].to_string().len() > start.len(),
            "{found:?}"
        );
    }
}

#[test]
fn all_faults_are_told_together() {
    let text = example()
        .replacen("vcpu = 1", "vcpu = 0", 1)
        .replacen("name = \"Greeter\"\n", "", 1)
        .replacen("\"month\"", "\"week\"", 1)
        .replacen("[[plan]]\nid = \"large\"", "[[plan]]\nid = \"la rge\"", 1);
    let keys: Vec<_> = manifest::parse(&text).unwrap_err().into_iter().map(|f| f.at).collect();
    assert_eq!(keys, ["name", "plan[1].vcpu", "plan[1].price.period", "plan[2].id"]);
    let nothing = manifest::parse("format = 1").unwrap_err();
    let keys: Vec<_> = nothing.iter().map(|f| f.at.as_str()).collect();
    for key in ["id", "name", "provider", "support", "description", "category", "icon", "plan", "version"] {
        assert!(keys.contains(&key), "{key} of {keys:?}");
    }
}

#[test]
fn faults_of_the_folder() {
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
