//! What is wrong with a manifest is told with its key and the way to put it right.

use super::example;
use crate::apps::manifest;

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
