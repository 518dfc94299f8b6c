//! The documents say what the program does, and tell nothing of the machine that they were written on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use telvisor::cli::{Cli, Out, run};
use telvisor::config::{Config, DEFAULTS, describe};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

async fn printed(arguments: &str) -> String {
    let mut text = vec![];
    let cli = Cli::parse_from(arguments.split(' '));
    assert_eq!(run(cli, &mut Out::new(&mut text, false)).await.unwrap(), 0);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_published_module_is_the_one_that_is_written() {
    assert_eq!(read("docs/SDR-DataTypes.asn1").trim_end(), telvisor_sdr::ASN1_MODULE.trim_end());
}

#[tokio::test]
async fn printed_pages_are_what_the_program_prints() {
    for (page, arguments) in
        [("docs/mediation-icd.md", "telvisor sdr icd"), ("docs/configuration.md", "telvisor config document")]
    {
        assert!(read(page) == printed(arguments).await, "{page} is old: {arguments} > {page}");
    }
}

/// A key that nothing reads would be refused, and one that is read must have a default.
#[test]
fn every_default_is_read_and_every_key_has_one() {
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let read = |table: &toml::Table| toml::from_str::<Config>(&table.to_string()).map(drop);
    read(&defaults).unwrap();
    let keys = describe::keys();
    assert!(keys.len() > 30);
    for key in keys {
        let mut less = defaults.clone();
        let (table, name) = match key.split_once('.') {
            Some((table, name)) => (less[table].as_table_mut().unwrap(), name),
            None => (&mut less, key.as_str()),
        };
        let value = table.remove(name).unwrap();
        assert!(read(&less).is_err(), "{key} is read from nowhere");
        let mut more = defaults.clone();
        let table = match key.split_once('.') {
            Some((table, _)) => more[table].as_table_mut().unwrap(),
            None => &mut more,
        };
        table.insert(format!("{name}_x"), value);
        assert!(read(&more).is_err(), "{key}_x is not refused");
    }
}

#[test]
fn documents_name_only_variables_that_exist() {
    let scripts = read("src/apps/env.rs");
    let mut known: BTreeSet<String> = describe::keys().iter().map(|key| describe::variable(key)).collect();
    known.extend(flags_of(&Cli::command()).1);
    known.insert("TELVISOR_TOKEN".into());
    known.insert("TELVISOR_TEST_FULL".into());
    // The page of the command line shows what a misspelt one gets.
    known.insert("TELVISOR_LISTN".into());
    let exists = |name: &str| {
        let of_scripts = name.strip_prefix("TELVISOR_").is_some_and(|rest| {
            rest.starts_with("CHAR_")
                || rest.starts_with("PORT_")
                || scripts.contains(&format!("set(\"{rest}\""))
                || scripts.contains(&format!("\"{rest}\",\n"))
        });
        known.contains(name) || of_scripts
    };
    let mut seen = 0;
    for (page, text) in pages() {
        for name in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            // `TELVISOR_` alone and `TELVISOR_*` name the family.
            if name.starts_with("TELVISOR_") && name != "TELVISOR_" {
                assert!(exists(name), "{page}: nothing reads {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
    for name in ["TELVISOR_JOB__ATTEMPTS", "TELVISOR_CONFIGURATION", "TELVISOR_APP"] {
        assert!(!exists(name), "{name}");
    }
}

#[test]
fn documents_show_only_commands_that_exist() {
    let mut seen = 0;
    for (page, text) in pages() {
        for command in commands(&text) {
            if let Err(problem) = understood(&command) {
                panic!("{page}: {command}: {problem}");
            }
            seen += 1;
        }
    }
    assert!(seen > 2, "{seen}");
    let text = "Run `telvisor sdr icd`, or\n```sh\n$ cargo run -- demo --exit # once\n```\nand `--nothing`.";
    assert_eq!(commands(text), ["telvisor sdr icd", "telvisor demo --exit", "telvisor --nothing"]);
    for wrong in ["telvisor fly", "telvisor --nothing", "telvisor order place --exit", "telvisor sdr fly"] {
        assert!(understood(wrong).is_err(), "{wrong}");
    }
}

/// The commands of this program in a page: in backticks, or lines of a fenced block.
fn commands(text: &str) -> Vec<String> {
    let mut out = vec![];
    let mut add = |code: &str| {
        let code = code.trim().trim_start_matches("$ ");
        let code = code.split(" #").next().unwrap_or(code);
        let rest = ["telvisor ", "cargo run -- "].iter().find_map(|start| code.strip_prefix(start));
        match rest {
            Some(rest) => out.push(format!("telvisor {rest}")),
            None if code.starts_with("--") => out.push(format!("telvisor {code}")),
            None => {}
        }
    };
    for (n, part) in text.split("```").enumerate() {
        if n % 2 == 1 {
            part.lines().filter(|line| !line.trim().starts_with("--")).for_each(&mut add);
        } else {
            part.split('`').skip(1).step_by(2).for_each(&mut add);
        }
    }
    out
}

/// Whether the subcommands and flags of a line exist; values are not looked at. A flag alone may be of any command.
fn understood(line: &str) -> Result<(), String> {
    let root = Cli::command();
    let mut here = &root;
    let mut flags = flags_of_one(&root);
    let mut at_subcommand = true;
    for word in line.split_whitespace().skip(1) {
        if word.chars().next().is_some_and(|c| matches!(c, '|' | '>' | '&' | '<' | ';')) {
            break;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or(flag);
            let alone = std::ptr::eq(here, &raw const root) && line.starts_with("telvisor --");
            let any = alone && flags_of(&root).0.contains(flag);
            if !flag.is_empty() && !flags.contains(flag) && !any {
                return Err(format!("there is no flag --{flag}"));
            }
            // Its value, if any, is no subcommand.
            at_subcommand = false;
        } else if let Some(next) = here.find_subcommand(word) {
            here = next;
            flags.extend(flags_of_one(next));
            at_subcommand = true;
        } else if at_subcommand && here.has_subcommands() && !word.contains(['|', '…', '[', '<']) {
            return Err(format!("there is no command {word}"));
        } else {
            at_subcommand = false;
        }
    }
    Ok(())
}

fn flags_of_one(command: &clap::Command) -> BTreeSet<String> {
    let named = command.get_arguments().filter_map(|a| a.get_long());
    named.chain(["help", "version"]).map(str::to_owned).collect()
}

/// Long flags of a command and all below it, and the variables that stand for them.
fn flags_of(command: &clap::Command) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut flags = flags_of_one(command);
    let variables = command.get_arguments().filter_map(|a| a.get_env()?.to_str());
    let mut variables: BTreeSet<_> = variables.map(str::to_owned).collect();
    for inner in command.get_subcommands() {
        let (more, others) = flags_of(inner);
        flags.extend(more);
        variables.extend(others);
    }
    (flags, variables)
}

/// What readers of this project are told: the pages at the top, in `docs/` and in `conformance/`.
fn pages() -> Vec<(String, String)> {
    let of_readers =
        |path: &String| !path.contains('/') || path.starts_with("docs/") || path.starts_with("conformance/");
    texts().into_iter().filter(|(path, _)| path.ends_with(".md") && of_readers(path)).collect()
}

#[test]
fn nothing_tells_where_it_was_written() {
    let mut seen = 0;
    for (path, text) in texts() {
        seen += 1;
        if let Some(told) = told(&text) {
            panic!("{path} names {told}");
        }
    }
    assert!(seen > 200, "{seen}");
    for home in ["root", "home", "work", "Users"] {
        assert!(told(&format!("see /{home}/me/notes")).is_some(), "{home}");
    }
    assert!(told(&format!("pip install --{}-url=https://a.example/simple", "index")).is_some());
    assert_eq!(told("https://a.example/home/page and target/root/x"), None);
}

/// Folders of somebody's machine, and indexes of packages that are not the public one.
fn told(text: &str) -> Option<String> {
    let homes = ["root", "home", "work", "Users"].map(|home| format!("/{home}/"));
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}/".contains(c));
    let home = homes.iter().find(|home| text.match_indices(*home).any(|(at, _)| begins(at)));
    let indexes =
        [format!("--{}-url", "index"), format!("\"{}\": \"http", "resolved"), format!("[{}.", "registries")];
    home.or_else(|| indexes.iter().find(|index| text.contains(*index))).cloned()
}

/// Every text of the project, by its path from the root.
fn texts() -> Vec<(String, String)> {
    fn look(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Made by building, running and testing; and a git folder or, in a work tree, its file.
            if ["target", "var", "node_modules", "__pycache__", ".git", ".venv"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                look(&path, out);
            } else {
                out.push(path);
            }
        }
    }
    let mut paths = vec![];
    look(root(), &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    paths.iter().filter_map(|path| Some((name(path), std::fs::read_to_string(path).ok()?))).collect()
}
