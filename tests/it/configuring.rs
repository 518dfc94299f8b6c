//! The command line with a wrong configuration: it names the key, where its value came from, and what to do.

use std::process::Command;

/// What `telvisor config check` says with these flags and variables, and its status.
fn check(flags: &[&str], variables: &[(&str, &str)]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telvisor"));
    command.env_clear().envs(variables.iter().copied()).args(["config", "check"]).args(flags);
    let done = command.output().expect("the program runs");
    assert!(done.stdout.is_empty(), "{done:?}");
    (String::from_utf8(done.stderr).unwrap(), done.status.code().unwrap())
}

#[test]
fn a_wrong_value_is_told_with_where_it_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "[jobs]\nattempts = 0\n").unwrap();
    let file = file.to_str().unwrap();
    for (flags, variables, told) in [
        (
            &[][..],
            &[("TELVISOR_JOBS__ATTEMPTS", "x")][..],
            "jobs.attempts (TELVISOR_JOBS__ATTEMPTS): invalid type",
        ),
        (
            &[],
            &[("TELVISOR_JOBS__ATTEMPTS", "-1")],
            "jobs.attempts (TELVISOR_JOBS__ATTEMPTS): -1 is too little",
        ),
        (&[], &[("TELVISOR_TIME_ZONE", "Moon")], "time_zone (TELVISOR_TIME_ZONE): \"Moon\""),
        (
            &[],
            &[("TELVISOR_MEDIATION__RECIPIENT", "[{name=\"a\",format=\"xml\"}]")],
            "mediation.recipient.0.format (TELVISOR_MEDIATION__RECIPIENT): unknown variant",
        ),
        (&[], &[("TELVISOR_HYPERVISOR", "magic")], "hypervisor (TELVISOR_HYPERVISOR): no driver"),
        (
            &["--hypervisor", "magic"],
            &[("TELVISOR_HYPERVISOR", "sim")],
            "hypervisor (--hypervisor): no driver",
        ),
        (&["--listen", "10.0.0.1:80"], &[], "listen (--listen): 10.0.0.1:80 is not a loopback address"),
        (&["--config", file], &[], &format!("jobs.attempts ({file}): 0 is too little")),
        (&[], &[("TELVISOR_CONFIG", file)], &format!("jobs.attempts ({file}): 0 is too little")),
        // Wrong together with a default: what is in force is named.
        (&[], &[("TELVISOR_API__PAGE_MOST", "5")], "api.page (default): 100 is more than api.page_most, 5"),
        (
            &["--role", "worker", "--database", "postgres://h/d"],
            &[],
            "store.shared (default): with role = Worker other processes",
        ),
        (
            &[],
            &[("TELVISOR_DATABASE__SYSTEM_URL", "postgres://h/d")],
            "database.system_url (TELVISOR_DATABASE__SYSTEM_URL): SQLite knows no roles",
        ),
        (&[], &[("TELVISOR_ARCHIVE__DAYS", "30")], "archive.days (TELVISOR_ARCHIVE__DAYS): 30;"),
        (&[], &[("TELVISOR_HEALTH__LISTEN", "here")], "health.listen (TELVISOR_HEALTH__LISTEN): \"here\""),
        (
            &[],
            &[
                ("TELVISOR_DATABASE", "postgres://telvisor@127.0.0.1/telvisor"),
                ("TELVISOR_DATABASE__PASSWORD_FILE", "/nowhere/password"),
            ],
            "database.password_file (TELVISOR_DATABASE__PASSWORD_FILE): /nowhere/password cannot be read",
        ),
        (
            &[],
            &[("TELVISOR_TEST__CLOCK_OFFSET_S", "90000")],
            "test.clock_offset_s (TELVISOR_TEST__CLOCK_OFFSET_S): 90000",
        ),
        (&[], &[("TELVISOR_BASE_URL", "example.com")], "base_url (TELVISOR_BASE_URL): \"example.com\""),
    ] {
        let (words, status) = check(flags, variables);
        assert!(words.starts_with(&format!("telvisor: {told}")), "{flags:?} {variables:?}: {words}");
        assert_eq!((status, words.lines().count()), (1, 1), "{words}");
    }
}

#[test]
fn a_variable_that_stands_for_a_flag_is_named_as_it_was_given() {
    for (flags, variables, named) in [
        (&[][..], &[("TELVISOR_ROLE", "boss")][..], "'boss' for 'TELVISOR_ROLE'"),
        (&[], &[("TELVISOR_LISTEN", "nowhere")], "'nowhere' for 'TELVISOR_LISTEN'"),
        (&["--role", "boss"], &[("TELVISOR_ROLE", "api")], "'boss' for '--role"),
        (&["--role=boss"], &[], "'boss' for '--role"),
    ] {
        let (words, status) = check(flags, variables);
        assert!(words.contains(named), "{words}");
        assert_eq!(status, 2, "{words}");
    }
}
