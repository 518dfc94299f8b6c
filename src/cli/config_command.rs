//! `telvisor config`: is the configuration well, and what is in force, from where.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::json;

use super::Global;
use super::out::Out;
use crate::config::{self, describe, document};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether a server could start with it.
    Check,
    /// Print every key with its value and where that came from; passwords are hidden.
    Show,
    /// Print the page that explains every key (Markdown).
    Document,
}

pub fn run(global: &Global, command: &Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if matches!(command, Command::Document) {
        // It tells the defaults, so it needs no configuration that is well.
        out.bytes(document::document().as_bytes())?;
        return Ok(0);
    }
    let mut config = global.load()?;
    match command {
        Command::Document => unreachable!("answered above"),
        Command::Check if out.json => out.json(&json!({ "ok": true }))?,
        Command::Check => out.line("the configuration is well")?,
        Command::Show => {
            let flags = global.overrides();
            let figment = config::layers(global.config.as_ref(), &flags);
            let source = |key: &str| describe::source_of(&figment, &flags, key);
            config.database.url = describe::masked_url(&config.database.url);
            if out.json {
                let sources: BTreeMap<_, _> = describe::keys()
                    .into_iter()
                    .map(|key| (source(&key), key))
                    .map(|(s, key)| (key, s))
                    .collect();
                out.json(&json!({ "config": config, "sources": sources }))?;
            } else {
                out.bytes(toml_of(&toml::Table::try_from(&config)?, source).as_bytes())?;
            }
        }
    }
    Ok(0)
}

/// TOML that can be used as a configuration file, each key with its source in a comment.
fn toml_of(config: &toml::Table, source: impl Fn(&str) -> String) -> String {
    let mut plain = String::new();
    let mut tables = String::new();
    for (name, value) in config {
        if let toml::Value::Table(table) = value {
            tables.push_str(&format!("\n[{name}]\n"));
            for (key, value) in table {
                tables.push_str(&format!("{key} = {value}  # {}\n", source(&format!("{name}.{key}"))));
            }
        } else {
            plain.push_str(&format!("{name} = {value}  # {}\n", source(name)));
        }
    }
    plain + &tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    #[test]
    fn what_is_shown_can_be_read_again() {
        let flags = Overrides { data: Some("/srv/t".into()), ..Overrides::default() };
        let config = Config::load(None, &flags).unwrap();
        let text = toml_of(&toml::Table::try_from(&config).unwrap(), |key| format!("of {key}"));
        assert!(text.contains("data = \"/srv/t\"  # of data\n"), "{text}");
        assert!(text.contains("attempts = 5  # of jobs.attempts\n"), "{text}");
        let again: Config = toml::from_str(&text).unwrap();
        assert_eq!(again.mediation.recipient, config.mediation.recipient);
        assert_eq!(again.listen, config.listen);
    }
}
