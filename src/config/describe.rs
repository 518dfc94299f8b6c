//! Names, origins and masks: what can be said of a configuration without its values doing harm.

use figment::error::Kind;
use figment::{Figment, Metadata};

use super::Overrides;

/// How figment calls the layer of flags and of the variables that stand for one.
pub(super) const COMMAND_LINE: &str = "command line";

/// Variables that stand for a flag or have a short name, or that the command line reads itself.
const OF_FLAGS: [&str; 10] = [
    "TELVISOR_CALLBACK_ALLOW",
    "TELVISOR_CONFIG",
    "TELVISOR_DATA",
    "TELVISOR_DATABASE",
    "TELVISOR_AMQP",
    "TELVISOR_HYPERVISOR",
    "TELVISOR_LISTEN",
    "TELVISOR_ROLE",
    "TELVISOR_SERVER",
    "TELVISOR_TOKEN",
];

/// Every key of the configuration, such as `jobs.attempts`.
#[must_use]
pub fn keys() -> Vec<String> {
    let defaults: toml::Table = super::DEFAULTS.parse().expect("the embedded defaults are TOML");
    let mut keys = Vec::new();
    for (name, value) in &defaults {
        match value {
            toml::Value::Table(table) => keys.extend(table.keys().map(|key| format!("{name}.{key}"))),
            _ => keys.push(name.clone()),
        }
    }
    keys
}

/// The variable that sets a key.
#[must_use]
pub fn variable(key: &str) -> String {
    match key {
        "database.url" => "TELVISOR_DATABASE".into(),
        "amqp.url" => "TELVISOR_AMQP".into(),
        "notify.callback_allow" => "TELVISOR_CALLBACK_ALLOW".into(),
        key => format!("TELVISOR_{}", key.replace('.', "__").to_uppercase()),
    }
}

/// Where a key's value came from: a file, the variable, the flag, or `default`.
#[must_use]
pub fn source_of(figment: &Figment, flags: &Overrides, key: &str) -> String {
    if let Some(from) = flags.came_from.get(key) {
        return from.clone();
    }
    figment.find_metadata(key).map_or_else(|| "default".into(), |layer| origin(layer, key))
}

/// Where a layer has a key from.
fn origin(layer: &Metadata, key: &str) -> String {
    match &layer.source {
        Some(figment::Source::File(path)) => path.display().to_string(),
        _ if layer.name == COMMAND_LINE => {
            format!("--{}", if key == "database.url" { "database" } else { key })
        }
        // The embedded text is the only TOML that is not a file.
        _ if layer.name.contains("TOML") => "default".into(),
        _ => {
            // A value may lie within that of its key, as in a list.
            let within = |k: &String| key.strip_prefix(k.as_str()).is_some_and(|rest| rest.starts_with('.'));
            let key = keys().into_iter().find(within).unwrap_or_else(|| key.to_owned());
            if key == "notify.callback_allow" {
                return variable(&key);
            }
            format!("TELVISOR_{}", key.replace('.', "__").to_uppercase())
        }
    }
}

/// What could not be read, on one line: key, where it was set, what is wrong with it.
pub(super) fn unreadable(error: &figment::Error) -> String {
    let told: Vec<_> = error.clone().into_iter().map(|e| misfit(&e)).collect();
    told.join("; ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn misfit(e: &figment::Error) -> String {
    let mut key = e.path.join(".");
    let problem = match &e.kind {
        Kind::UnknownField(name, _)
            if key.is_empty() || key == *name || key.ends_with(&format!(".{name}")) =>
        {
            if key.is_empty() {
                key.clone_from(name);
            }
            "there is no such key".to_owned()
        }
        other => other.to_string(),
    };
    let from = e.metadata.as_ref().map(|layer| origin(layer, &key)).unwrap_or_default();
    match (key.as_str(), from.as_str()) {
        ("", "") => problem,
        ("", from) => format!("{from}: {problem}"),
        (key, "") => format!("{key}: {problem}"),
        (key, from) => format!("{key} ({from}): {problem}"),
    }
}

/// The URL of a database with its password hidden.
#[must_use]
pub fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, query)) => {
            let parts: Vec<_> = query
                .split('&')
                .map(|part| if part.to_lowercase().contains("password=") { "password=***" } else { part })
                .collect();
            format!("{path}?{}", parts.join("&"))
        }
        None => path.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

/// The first of the names that begins with `TELVISOR_` and that nothing reads, with advice. Names that begin with
/// `TELVISOR_TEST_` are left to the test-suite.
pub(super) fn unknown_variable(names: impl Iterator<Item = String>) -> Option<(String, String)> {
    let mut known: Vec<_> = OF_FLAGS.iter().map(|name| (*name).to_owned()).collect();
    for key in keys() {
        known.push(format!("TELVISOR_{}", key.replace('.', "__").to_uppercase()));
    }
    let name = names
        .filter(|name| name.starts_with("TELVISOR_"))
        .filter(|name| !name.starts_with("TELVISOR_TEST_") && !known.contains(name))
        .min()?;
    let nearest = known.iter().min_by_key(|other| distance(&name, other)).expect("there are known names");
    Some((name, format!("did you mean {nearest}? otherwise unset it")))
}

/// How many letters must be put in, left out or replaced to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::super::{UrlOnly, layers};
    use super::*;

    fn unknown(name: &str) -> Option<(String, String)> {
        unknown_variable(["PATH".to_owned(), name.to_owned()].into_iter())
    }

    #[test]
    fn a_slip_of_the_pen_is_named_with_the_nearest_variable() {
        let (name, fix) = unknown("TELVISOR_JOBS__ATTEMPT").unwrap();
        assert_eq!(name, "TELVISOR_JOBS__ATTEMPT");
        assert!(fix.contains("TELVISOR_JOBS__ATTEMPTS?"), "{fix}");
        assert!(unknown("TELVISOR_LISTN").unwrap().1.contains("TELVISOR_LISTEN?"));
    }

    #[test]
    fn known_variables_and_those_of_others_pass() {
        for name in ["TELVISOR_DATA", "TELVISOR_TOKEN", "TELVISOR_TIME_ZONE", "TELVISOR_TEST__FAULT"] {
            assert_eq!(unknown(name), None, "{name}");
        }
        assert_eq!(unknown("TELVISORS_X"), None);
        assert_eq!(unknown("TELVISOR_TEST_FULL"), None);
    }

    #[test]
    fn the_source_of_a_key_is_told() {
        let database = Some(UrlOnly { url: "postgres://x".into() });
        let mut flags = Overrides { data: Some("/srv".into()), database, ..Overrides::default() };
        flags.came_from.insert("data", "TELVISOR_DATA".into());
        let figment = layers(None, &flags);
        assert_eq!(source_of(&figment, &flags, "data"), "TELVISOR_DATA");
        assert_eq!(source_of(&figment, &flags, "database.url"), "--database");
        assert_eq!(source_of(&figment, &flags, "jobs.attempts"), "default");
        assert!(keys().contains(&"jobs.attempts".to_owned()) && keys().contains(&"listen".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_names_key_and_file_on_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        let words = |text: &str| {
            std::fs::write(&file, text).unwrap();
            super::super::Config::load(Some(&file), &Overrides::default()).unwrap_err().to_string()
        };
        for (text, key) in [
            ("[jobs]\nattempts = 'x'", "jobs.attempts"),
            ("[jobs]\nattempts = 0", "jobs.attempts"),
            ("colour = 1", "colour"),
            ("[jobs]\ncolour = 1", "jobs.colour"),
            ("[[mediation.recipient]]\nname = 'a'\nformat = 'xml'", "mediation.recipient.0.format"),
        ] {
            let (words, start) = (words(text), format!("{key} ({}): ", file.display()));
            assert!(words.starts_with(&start) && !words.contains('\n'), "{words}");
        }
        let broken = words("[jobs");
        assert!(broken.contains("t.toml") && !broken.contains('\n'), "{broken}");
        let absent = super::super::Config::load(Some(&dir.path().join("absent")), &Overrides::default());
        assert!(absent.unwrap_err().to_string().contains("absent"));
    }

    #[test]
    fn passwords_are_hidden() {
        assert_eq!(masked_url("postgres://u:p@w@h:5432/db"), "postgres://u:***@h:5432/db");
        assert_eq!(masked_url("postgres://u@h/db?password=p&a=b"), "postgres://u@h/db?password=***&a=b");
        assert_eq!(masked_url("sqlite:./var/telvisor.db"), "sqlite:./var/telvisor.db");
    }
}
