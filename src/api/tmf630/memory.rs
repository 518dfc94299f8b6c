//! Lists that are in memory as a whole: filtered, sorted and paged on what is shown.

use std::cmp::Ordering;

use chrono::DateTime;
use serde_json::Value;

use super::filter::{Alternative, Filter, Test};
use super::query::Query;
use crate::api::problem::Problem;
use crate::store::lists::Compare;

impl Query {
    /// Filters, sorts and pages a list; returns the page and the number of all that fit.
    ///
    /// # Errors
    /// 400 naming an attribute that no entry has. `known`: members of the first level.
    pub fn in_memory(
        &self,
        all: Vec<Value>,
        known: &[&str],
        limits: (i64, i64),
    ) -> Result<(Vec<Value>, i64), Problem> {
        self.without_cursor()?;
        let asked = self.filters.iter().flat_map(|f| f.any_of.iter().map(|a| &a.attribute));
        for name in asked.chain(self.sort.iter().map(|(name, _)| name)) {
            let first = name.split('.').next().unwrap_or("");
            if !known.contains(&first) {
                let message = format!("cannot be filtered or sorted by; possible: {}", known.join(", "));
                return Err(Problem::invalid(name, message));
            }
        }
        let fits = |v: &Value| {
            self.filters.iter().all(|f| matches(v, f)) && self.json_path.iter().all(|path| path.fits(v))
        };
        let mut fitting: Vec<Value> = all.into_iter().filter(fits).collect();
        for (name, descending) in self.sort.iter().rev() {
            fitting.sort_by(|a, b| nulls_last(texts(a, name).first(), texts(b, name).first(), *descending));
        }
        let total = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
        let limit = self.limit.unwrap_or(limits.0).min(limits.1);
        let page = fitting
            .into_iter()
            .skip(usize::try_from(self.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(0))
            .collect();
        Ok((page, total))
    }
}

fn nulls_last(a: Option<&String>, b: Option<&String>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => order(b, a),
        (Some(a), Some(b)) => order(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Numbers as numbers, times as times, everything else as text.
fn order(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) {
        return a.total_cmp(&b);
    }
    match (DateTime::parse_from_rfc3339(a), DateTime::parse_from_rfc3339(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

/// The texts at a dotted path, arrays opened.
#[must_use]
pub fn texts(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(|v| texts(v, path)).collect(),
        Value::Object(map) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            map.get(first).map_or_else(Vec::new, |v| texts(v, rest))
        }
        _ if !path.is_empty() => vec![],
        Value::String(s) => vec![s.clone()],
        Value::Null => vec![],
        other => vec![other.to_string()],
    }
}

/// Whether an entry fits a filter: any of its values at the path may.
#[must_use]
pub fn matches(value: &Value, filter: &Filter) -> bool {
    filter.any_of.iter().any(|a| texts(value, &a.attribute).iter().any(|text| holds(text, a)))
}

fn holds(text: &str, alternative: &Alternative) -> bool {
    let (compare, wanted) = match &alternative.test {
        Test::Matches(pattern) => return pattern.is_match(text),
        Test::Is(compare, wanted) => (compare, wanted),
    };
    match compare {
        Compare::Equal => text == wanted || is_same_time(text, wanted),
        Compare::Greater => order(text, wanted).is_gt(),
        Compare::GreaterOrEqual => order(text, wanted).is_ge(),
        Compare::Less => order(text, wanted).is_lt(),
        Compare::LessOrEqual => order(text, wanted).is_le(),
    }
}

/// An unencoded `+` of an offset arrives as a blank.
fn is_same_time(text: &str, wanted: &str) -> bool {
    let time = |t: &str| DateTime::parse_from_rfc3339(&t.replace(' ', "+")).ok();
    time(text).is_some_and(|t| time(wanted) == Some(t))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(query: &str) -> Vec<String> {
        let all = vec![
            json!({"name": "a", "n": 10, "list": [{"x": "1", "y": "p"}, {"x": "2", "y": "q"}]}),
            json!({"name": "b", "n": 9, "at": "2026-11-23T08:00:00Z"}),
            json!({"name": "c", "at": "2026-11-23T09:30:00+01:00", "list": [{"x": "2", "y": "p"}]}),
        ];
        let query = Query::parse(Some(query)).unwrap();
        let (page, _) = query.in_memory(all, &["name", "n", "at", "list"], (10, 10)).unwrap();
        page.iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn entries_are_filtered_sorted_and_paged_by_what_they_show() {
        for (query, wanted) in [
            ("", "abc"),
            ("name=a,c", "ac"),
            ("n.gt=9", "a"),
            ("n.lt=10", "b"),
            ("list.x=2", "ac"),
            ("list.x=2&list.y=q", "a"),
            ("name.regex=[bc]", "bc"),
            ("at.gt=2026-11-23T08:15:00Z", "c"),
            ("at=2026-11-23T08:30:00Z", "c"),
            ("filter=$.list[?(@.x=='2' %26%26 @.y=='p')]", "c"),
            ("filter=list[?(@.x=='2')]", "ac"),
            ("filter=$[?(@.n>9)]&name=a", "a"),
            ("sort=-name", "cba"),
            // What is not there comes last in both directions.
            ("sort=n", "bac"),
            ("sort=-n", "abc"),
            ("sort=at", "bca"),
            ("sort=-at", "cba"),
            ("sort=-name&offset=1&limit=1", "b"),
        ] {
            assert_eq!(names(query).concat(), wanted, "{query}");
        }
    }
}
