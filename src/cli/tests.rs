//! How the command line is understood.

use super::*;

fn parsed(line: &str) -> Cli {
    let matches = Cli::command().try_get_matches_from(line.split_whitespace()).unwrap();
    Cli::from_matches(&matches).unwrap()
}

fn refused(line: &str) -> clap::Error {
    Cli::try_parse_from(line.split_whitespace()).unwrap_err()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn no_command_serves() {
    assert!(parsed("telvisor").command.is_none());
    assert!(matches!(parsed("telvisor serve").command, Some(Command::Serve)));
}

#[test]
fn flags_of_every_command_stand_before_and_behind_it() {
    for line in ["telvisor --data /d --role api order list", "telvisor order list --role api --data /d"] {
        let cli = parsed(line);
        assert_eq!(cli.global.overrides().data, Some("/d".into()), "{line}");
        assert_eq!(cli.global.role, Some(Role::Api), "{line}");
        assert_eq!(cli.global.came_from["data"], "--data", "{line}");
    }
}

#[test]
fn several_addresses_can_be_given() {
    let listen = parsed("telvisor serve --listen 127.0.0.1:1 --listen 127.0.0.1:2,[::1]:3").global.listen;
    assert_eq!(listen.len(), 3);
    assert_eq!(listen[2], "[::1]:3".parse().unwrap());
}

#[test]
fn a_flag_wins_over_the_default_and_says_where_it_came_from() {
    let global = parsed("telvisor config show --database postgres://h/d --hypervisor sim+unix:/s").global;
    let config = global.load().unwrap();
    assert_eq!(config.database.url, "postgres://h/d");
    assert_eq!(config.hypervisor, "sim+unix:/s");
    assert_eq!(global.came_from["database.url"], "--database");
}

#[test]
fn the_server_asked_is_the_named_one_or_the_configured_address() {
    let base = |line| parsed(line).global.http().map(|http| http.base().to_owned());
    assert_eq!(base("telvisor jobs --server http://h:1/").unwrap(), "http://h:1");
    assert_eq!(base("telvisor jobs --listen 127.0.0.1:99").unwrap(), "http://127.0.0.1:99");
    let error = base("telvisor jobs --listen 127.0.0.1:0").unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Stop::Usage(words)) if words.contains("--server")));
}

#[test]
fn a_file_and_flags_of_an_order_exclude_each_other() {
    assert!(refused("telvisor order place --file o.json --customer 7").to_string().contains("--customer"));
    assert!(refused("telvisor order place").to_string().contains("--customer"));
    assert!(refused("telvisor order place --customer 7 --set x").to_string().contains("NAME=VALUE"));
    parsed("telvisor order place --file o.json --wait");
}

#[test]
fn mistakes_end_with_status_2() {
    for line in [
        "telvisor nonsense",
        "telvisor --role boss",
        "telvisor --listen nowhere",
        "telvisor fallout retry j1",
        "telvisor simulator --socket s",
        "telvisor sdr show mediation-csv one",
        "telvisor sdr decode",
        "telvisor order place --customer 7 --action fly",
    ] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn the_other_commands_are_understood() {
    for line in [
        "telvisor demo --exit",
        "telvisor simulator --socket s --world w",
        "telvisor order watch o1 --json",
        "telvisor fallout skip j1 --reason because",
        "telvisor sdr show mediation-csv 1 --test --raw",
        "telvisor sdr decode a.csv b.cdr",
        "telvisor sdr icd",
        "telvisor app check dir",
        "telvisor doctor",
        "telvisor migrate",
        "telvisor completions zsh",
    ] {
        parsed(line);
    }
}

#[tokio::test]
async fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let mut text = Vec::new();
        let cli = parsed(&format!("telvisor completions {shell}"));
        assert_eq!(run(cli, &mut Out::new(&mut text, false)).await.unwrap(), 0);
        assert!(String::from_utf8(text).unwrap().contains("fallout"), "{shell}");
    }
}
