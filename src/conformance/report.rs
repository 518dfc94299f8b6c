//! What came of a run: text, JUnit, JSON, and how many checks of each clause held.

use serde_json::{Value, json};

use super::check::{Outcome, Stop};

/// How many held, failed, and did not apply.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Counts {
    #[must_use]
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome.end {
                Ok(()) => counts.passed += 1,
                Err(Stop::Failed(_)) => counts.failed += 1,
                Err(Stop::Skipped(_)) => counts.skipped += 1,
            }
        }
        counts
    }

    /// Whether something was proved, and nothing was refuted.
    #[must_use]
    pub fn is_good(self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

/// The end of an outcome in one word, and why.
fn words(outcome: &Outcome) -> (&'static str, &str) {
    match &outcome.end {
        Ok(()) => ("ok", ""),
        Err(Stop::Failed(why)) => ("FAIL", why),
        Err(Stop::Skipped(why)) => ("skip", why),
    }
}

/// One line for one check.
#[must_use]
pub fn line(outcome: &Outcome) -> String {
    let (word, why) = words(outcome);
    let colon = if why.is_empty() { "" } else { ": " };
    // What the other side sent must not steer the reader's terminal.
    format!("{word:<4} {}{colon}{why}", outcome.title).replace(char::is_control, " ")
}

/// Every clause once, in the order of its first check, with its counts.
#[must_use]
pub fn clauses(outcomes: &[Outcome]) -> Vec<(&str, Counts)> {
    let mut names: Vec<&str> = vec![];
    for outcome in outcomes {
        if !names.contains(&outcome.clause.as_str()) {
            names.push(&outcome.clause);
        }
    }
    let of = |name: &str| Counts::of(outcomes.iter().filter(|o| o.clause == name));
    names.into_iter().map(|name| (name, of(name))).collect()
}

/// The run as JSON.
#[must_use]
pub fn json(suite: &str, target: &str, outcomes: &[Outcome]) -> Value {
    let show = |c: Counts| json!({ "passed": c.passed, "failed": c.failed, "skipped": c.skipped });
    let checks = outcomes.iter().map(|outcome| {
        let (word, why) = words(outcome);
        let mut check = json!({
            "section": outcome.section, "title": outcome.title, "clause": outcome.clause,
            "result": word.to_lowercase(), "seconds": outcome.took.as_secs_f64(),
        });
        if !why.is_empty() {
            check["message"] = why.into();
        }
        check
    });
    let table = clauses(outcomes).into_iter().map(|(clause, counts)| {
        let mut row = show(counts);
        row["clause"] = clause.into();
        row
    });
    json!({
        "suite": suite, "target": target, "total": show(Counts::of(outcomes)),
        "clauses": table.collect::<Vec<_>>(), "checks": checks.collect::<Vec<_>>(),
    })
}

/// The run as a JUnit report.
#[must_use]
pub fn junit(suite: &str, outcomes: &[Outcome]) -> String {
    let counts = Counts::of(outcomes);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name={} tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        quoted(suite),
        outcomes.len(),
        counts.failed,
        counts.skipped
    );
    for outcome in outcomes {
        let (word, why) = words(outcome);
        let inner = match word {
            "FAIL" => format!("<failure message={}/>", quoted(why)),
            "skip" => format!("<skipped message={}/>", quoted(why)),
            _ => String::new(),
        };
        let name = quoted(&outcome.title);
        let class = quoted(&format!("{suite}.{}", outcome.section));
        let seconds = outcome.took.as_secs_f64();
        text +=
            &format!("  <testcase classname={class} name={name} time=\"{seconds:.3}\">{inner}</testcase>\n");
    }
    text + "</testsuite>\n"
}

/// An attribute's value of XML 1.0, which knows hardly any control characters.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(title: &str, clause: &str, end: Result<(), Stop>) -> Outcome {
        let (title, clause) = (title.to_owned(), clause.to_owned());
        Outcome { section: "lists", title, clause, end, took: Duration::from_millis(1500) }
    }

    fn three() -> [Outcome; 3] {
        [
            outcome("a", "TMF630 4.5", Ok(())),
            outcome("b", "TMF630 3.4", Err(Stop::Failed("\"x\" <\u{1b}>".into()))),
            outcome("c", "TMF630 4.5", Err(Stop::Skipped("not here".into()))),
        ]
    }

    #[test]
    fn a_run_is_counted_as_a_whole_and_by_clause() {
        let outcomes = three();
        assert_eq!(Counts::of(&outcomes), Counts { passed: 1, failed: 1, skipped: 1 });
        assert!(!Counts::of(&outcomes).is_good() && Counts::of(&outcomes[..1]).is_good());
        assert!(!Counts::of(&outcomes[2..]).is_good(), "nothing was proved");
        let table = clauses(&outcomes);
        assert_eq!(table[0], ("TMF630 4.5", Counts { passed: 1, failed: 0, skipped: 1 }));
        assert_eq!(table[1].0, "TMF630 3.4");
    }

    #[test]
    fn reports_say_what_failed_and_are_well_formed() {
        let outcomes = three();
        assert_eq!(line(&outcomes[1]), "FAIL b: \"x\" < >");
        let xml = junit("tmf641-v4", &outcomes);
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("<failure message=\"&quot;x&quot; &lt;?&gt;\"/>"), "{xml}");
        assert!(xml.contains("classname=\"tmf641-v4.lists\" name=\"a\" time=\"1.500\"></testcase>"), "{xml}");
        let json = json("tmf641-v4", "http://x", &outcomes);
        assert_eq!(json["checks"][1]["result"], "fail");
        assert_eq!(json["clauses"][0]["passed"], 1);
    }
}
