//! Names of files, after a template such as `{node}_-_{seq}.{date}_-_{time}{offset}.{ext}`.

use std::fmt::Write as _;

use chrono::{Datelike, Timelike};

use crate::file::FileInfo;

/// The name of every recipient that has no template of its own, after the clause on names of TS 32.297.
pub const DEFAULT: &str = "{node}_-_{seq}.{date}_-_{time}{offset}.{ext}";

/// What may stand in braces, and what it becomes.
pub const VARIABLES: [(&str, &str); 11] = [
    ("node", "`node_id`"),
    ("recipient", "name of the recipient"),
    ("tenant", "the tenant"),
    ("test", "`live` or `test`"),
    ("seq", "number of the file; `{seq:08}` with zeros before it"),
    ("date", "`YYYYMMDD` of the closing"),
    ("time", "`HHMM` of the closing"),
    ("second", "`SS` of the closing"),
    ("offset", "offset from UTC at the closing, `+hhmm`"),
    ("start", "`YYYYMMDD` of the period's begin"),
    ("ext", "`csv` or `cdr`"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(&'static str),
    /// With how many digits at least.
    Seq(usize),
}

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Part>);

impl NameTemplate {
    /// Says in words what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![];
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, from) = rest.split_at(at);
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let inside = from.strip_prefix('{').and_then(|f| f.split_once('}'));
            let (name, after) =
                inside.ok_or_else(|| format!("{text:?} has a brace without its other one"))?;
            parts.push(variable(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let visible = |c: char| c.is_ascii_graphic() && !"/\\*?\"<>|".contains(c);
        if let Some(c) = text.chars().find(|c| !visible(*c)) {
            return Err(format!("{c:?} cannot stand in the name of a file"));
        }
        if text.starts_with('.') {
            return Err("a name that begins with a dot is hidden".to_owned());
        }
        let plain_end = text.ends_with("{ext}") || [".csv", ".cdr"].iter().any(|e| text.ends_with(e));
        if !plain_end {
            return Err("the name must end in .{ext}, .csv or .cdr".to_owned());
        }
        if !parts.iter().any(|p| matches!(p, Part::Seq(_))) {
            return Err("without {seq} two files could have one name".to_owned());
        }
        Ok(Self(parts))
    }

    /// Whether a variable stands in it.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|p| matches!(p, Part::Variable(v) if *v == name))
    }

    /// The name of a file; later revisions of a refused one have `_-_rN` before their ending.
    pub fn render(&self, info: &FileInfo, extension: &str, revision: u32) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Seq(width) => write!(out, "{:0width$}", info.file_seq).expect("a String takes all"),
                Part::Variable(name) => out.push_str(&value(name, info, extension)),
            }
        }
        if revision > 1 {
            let at = out.rfind('.').unwrap_or(out.len());
            out.insert_str(at, &format!("_-_r{revision}"));
        }
        out
    }

    /// The number in a name that this template made.
    pub fn seq_of(&self, name: &str) -> Option<u32> {
        if !name.is_ascii() {
            return None;
        }
        let (stem, extension) = name.rsplit_once('.')?;
        // A revision's own mark is none of the template's.
        let revised = stem.rsplit_once("_-_r").filter(|(_, n)| !n.is_empty() && digits(n));
        let first = revised.and_then(|(stem, _)| matched(&self.0, &format!("{stem}.{extension}"), None));
        first.or_else(|| matched(&self.0, name, None))
    }
}

fn variable(name: &str) -> Result<Part, String> {
    if let Some(width) = name.strip_prefix("seq:") {
        let width: usize = width.parse().map_err(|_| format!("{{{name}}} is not like {{seq:08}}"))?;
        return if width <= 10 {
            Ok(Part::Seq(width))
        } else {
            Err("a file number has at most 10 digits".to_owned())
        };
    }
    if name == "seq" {
        return Ok(Part::Seq(0));
    }
    let known = VARIABLES.iter().find(|(known, _)| *known == name);
    known.map(|(known, _)| Part::Variable(known)).ok_or_else(|| {
        let names: Vec<_> = VARIABLES.iter().map(|(n, _)| *n).collect();
        format!("{{{name}}} is not known; there are {}", names.join(", "))
    })
}

fn value(name: &str, info: &FileInfo, extension: &str) -> String {
    let closed = info.closed_at.naive_local();
    let day = |d: chrono::NaiveDateTime| format!("{:04}{:02}{:02}", d.year(), d.month(), d.day());
    match name {
        "node" => info.node_id.clone(),
        "recipient" => info.recipient.clone(),
        "tenant" => info.tenant.clone(),
        "test" => if info.test { "test" } else { "live" }.to_owned(),
        "date" => day(closed),
        "time" => format!("{:02}{:02}", closed.hour(), closed.minute()),
        "second" => format!("{:02}", closed.second()),
        "offset" => {
            let seconds = info.closed_at.offset().local_minus_utc();
            let minutes = seconds.unsigned_abs() / 60;
            format!("{}{:02}{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
        }
        "start" => day(info.period_start.naive_local()),
        _ => extension.to_owned(),
    }
}

/// Reads a name back: the number in it, when all of it fits. `seq` once it is known.
fn matched(parts: &[Part], name: &str, seq: Option<u32>) -> Option<u32> {
    let Some((part, rest)) = parts.split_first() else { return seq.filter(|_| name.is_empty()) };
    let try_lengths = |fits: &dyn Fn(&str) -> bool, seq: &dyn Fn(&str) -> Option<u32>| {
        let values = (1..=name.len()).map(|at| name.split_at(at));
        values.filter(|(value, _)| fits(value)).find_map(|(value, after)| matched(rest, after, seq(value)))
    };
    match part {
        Part::Text(text) => matched(rest, name.strip_prefix(text.as_str())?, seq),
        Part::Seq(_) => try_lengths(&digits, &|value| seq.or_else(|| value.parse().ok())),
        Part::Variable(variable) => try_lengths(&|value| may_be(variable, value), &|_| seq),
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn may_be(variable: &str, value: &str) -> bool {
    match variable {
        "date" | "start" => value.len() == 8 && digits(value),
        "time" => value.len() == 4 && digits(value),
        "second" => value.len() == 2 && digits(value),
        "offset" => value.len() == 5 && value.starts_with(['+', '-']) && digits(&value[1..]),
        "test" => ["live", "test"].contains(&value),
        "ext" => ["csv", "cdr"].contains(&value),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_text;

    fn info() -> FileInfo {
        FileInfo {
            node_id: "telvisor".into(),
            recipient: "billing".into(),
            file_seq: 17,
            test: true,
            period_start: from_text("2026-11-23T00:00:00+02:00").unwrap(),
            period_end: from_text("2026-11-24T00:00:00+02:00").unwrap(),
            opened_at: from_text("2026-11-23T08:00:00+02:00").unwrap(),
            closed_at: from_text("2026-11-24T00:00:07-03:30").unwrap(),
            tenant: "acme".into(),
            close_reason: 0,
        }
    }

    #[test]
    fn variables_become_what_the_file_is() {
        let name = |text: &str, revision| NameTemplate::parse(text).unwrap().render(&info(), "csv", revision);
        assert_eq!(name(DEFAULT, 1), info().default_name("csv"));
        assert_eq!(name(DEFAULT, 2), "telvisor_-_17.20261124_-_0000-0330_-_r2.csv");
        assert_eq!(
            name("{tenant}-{test}-{recipient}-{start}-{second}-{seq:08}.cdr", 1),
            "acme-test-billing-20261123-07-00000017.cdr"
        );
    }

    #[test]
    fn a_name_tells_its_number_again() {
        for text in [
            DEFAULT,
            "{seq}.{ext}",
            "{tenant}{test}_{seq:06}_{date}.{ext}",
            "X{date}{time}-{seq}-{recipient}.csv",
        ] {
            let template = NameTemplate::parse(text).unwrap();
            for revision in [1, 3] {
                let name = template.render(&info(), "csv", revision);
                assert_eq!(template.seq_of(&name), Some(17), "{name}");
                assert_eq!(template.seq_of(&format!("{name}.ack")), None);
            }
        }
        let default = NameTemplate::parse(DEFAULT).unwrap();
        assert_eq!(default.seq_of("telvisor_-_x.csv"), None);
        assert_eq!(default.seq_of("telvisor.csv"), None);
    }

    #[test]
    fn what_is_no_name_is_told() {
        for (text, told) in [
            ("{node}.csv", "{seq}"),
            ("{seq}", "end in"),
            ("{seq}.{ext", "brace"),
            ("{seq}}.csv", "brace"),
            ("{number}.csv", "not known"),
            ("a/{seq}.csv", "'/'"),
            (".{seq}.csv", "hidden"),
            ("{seq:x}.csv", "like"),
            ("{seq:99}.csv", "digits"),
        ] {
            let error = NameTemplate::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
