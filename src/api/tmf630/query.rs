//! Queries by the rules of TMF630: `fields`, filters with operators and alternatives, `sort`, `offset` and `limit`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::fields;
use crate::api::problem::Problem;
use crate::api::request::NO_NUL;
use crate::store::lists::{Compare, Condition, Page, Value as Bound};

/// Type of a filterable attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Time,
    Id,
}

/// An attribute that can be filtered and sorted by: its name in the API, its column, its type.
pub type Attribute = (&'static str, &'static str, Kind);

/// A parsed query.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub fields: Option<Vec<String>>,
    pub offset: i64,
    pub limit: Option<i64>,
    pub sort: Vec<(String, bool)>,
    pub filters: Vec<Filter>,
}

/// One filter: any of the values.
#[derive(Debug, Clone)]
pub struct Filter {
    pub attribute: String,
    pub compare: Compare,
    pub values: Vec<String>,
}

const OPERATORS: [(&str, &str, Compare); 5] = [
    (".gte", ">=", Compare::GreaterOrEqual),
    (".lte", "<=", Compare::LessOrEqual),
    (".gt", ">", Compare::Greater),
    (".lt", "<", Compare::Less),
    (".eq", "==", Compare::Equal),
];

impl Query {
    /// Parses the query part of a URL.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (key, value) in form_urlencoded::parse(text.unwrap_or("").as_bytes()) {
            if value.contains('\0') || key.contains('\0') {
                return Err(Problem::invalid(&key, NO_NUL));
            }
            match key.as_ref() {
                "fields" => query.fields = Some(value.split(',').map(|f| f.trim().to_owned()).collect()),
                "offset" => query.offset = number("offset", &value, 0)?,
                "limit" => query.limit = Some(number("limit", &value, 0)?),
                "sort" => query.sort = value.split(',').filter(|s| !s.is_empty()).map(sort_by).collect(),
                _ => query.filter(&key, &value),
            }
        }
        Ok(query)
    }

    fn filter(&mut self, key: &str, value: &str) {
        // The literal form `attr>value` arrives as one key, or split at its `=`.
        let literal = [">=", "<=", ">", "<"]
            .iter()
            .find_map(|op| key.split_once(op).map(|(a, rest)| (a, *op, rest)))
            .filter(|(_, _, rest)| !rest.is_empty());
        let (attribute, compare, text) = if let Some((attribute, op, rest)) = literal {
            let compare = OPERATORS.iter().find(|(_, o, _)| *o == op).map_or(Compare::Equal, |(.., c)| *c);
            (attribute, compare, rest.to_owned())
        } else if let Some((attribute, op)) = key
            .strip_suffix('>')
            .map(|a| (a, Compare::GreaterOrEqual))
            .or_else(|| key.strip_suffix('<').map(|a| (a, Compare::LessOrEqual)))
        {
            (attribute, op, value.to_owned())
        } else if let Some((attribute, op)) =
            OPERATORS.iter().find_map(|(suffix, _, c)| key.strip_suffix(suffix).map(|a| (a, *c)))
        {
            (attribute, op, value.to_owned())
        } else {
            (key, Compare::Equal, value.to_owned())
        };
        // `attr=a;attr=b` is one alternative more.
        let again = format!(";{attribute}=");
        let values: Vec<String> =
            text.replace(&again, ",").split(',').map(|v| v.trim_matches('"').to_owned()).collect();
        match self
            .filters
            .iter_mut()
            .find(|f| f.attribute == attribute && f.compare == compare && compare == Compare::Equal)
        {
            Some(known) => known.values.extend(values),
            None => self.filters.push(Filter { attribute: attribute.to_owned(), compare, values }),
        }
    }

    /// Takes the filter on equality with an attribute out of the query, where a door looks it up itself: its values.
    pub fn take(&mut self, attribute: &str) -> Option<Vec<String>> {
        let fits = |f: &Filter| f.attribute == attribute && f.compare == Compare::Equal;
        let at = self.filters.iter().position(fits)?;
        Some(self.filters.remove(at).values)
    }

    /// The page of a stored list.
    ///
    /// # Errors
    /// 400 naming an attribute that cannot be filtered or sorted by, or a value that does not fit it.
    pub fn page(
        &self,
        attributes: &[Attribute],
        newest: &[(&'static str, bool)],
        limits: (i64, i64),
    ) -> Result<Page, Problem> {
        let known = |name: &str| {
            attributes.iter().find(|(n, ..)| *n == name).ok_or_else(|| {
                let names: Vec<_> = attributes.iter().map(|(n, ..)| *n).collect();
                Problem::invalid(
                    name,
                    format!("cannot be filtered or sorted by; possible: {}", names.join(", ")),
                )
            })
        };
        let mut conditions = vec![];
        for f in &self.filters {
            if f.attribute == "@type" {
                continue;
            }
            let (name, column, kind) = known(&f.attribute)?;
            let mut any_of = vec![];
            for v in &f.values {
                match kind {
                    Kind::Text => any_of.push(Bound::Text(v.clone())),
                    Kind::Time => any_of.push(Bound::Time(time(name, v)?)),
                    // What is no id of ours matches nothing.
                    Kind::Id => any_of.extend(v.parse().ok().map(Bound::Id)),
                }
            }
            conditions.push(Condition { column, compare: f.compare, any_of });
        }
        let mut order = vec![];
        for (name, descending) in &self.sort {
            order.push((known(name)?.1, *descending));
        }
        order.extend(newest.iter().filter(|(c, _)| !self.sort.iter().any(|(n, _)| n == c)));
        let limit = self.limit.unwrap_or(limits.0).min(limits.1);
        Ok(Page { conditions, order, limit, offset: self.offset })
    }

    /// Filters and pages a list that is in memory; returns the page and the number of all that fit.
    ///
    /// # Errors
    /// 400 naming an attribute that no entry has.
    pub fn in_memory(
        &self,
        all: Vec<Value>,
        known: &[&str],
        limits: (i64, i64),
    ) -> Result<(Vec<Value>, i64), Problem> {
        let asked = self.filters.iter().map(|f| &f.attribute);
        for name in asked.chain(self.sort.iter().map(|(name, _)| name)) {
            let first = name.split('.').next().unwrap_or("");
            if !known.contains(&first) {
                let message = format!("cannot be filtered or sorted by; possible: {}", known.join(", "));
                return Err(Problem::invalid(name, message));
            }
        }
        let fits = |v: &Value| self.filters.iter().all(|f| matches(v, f));
        let mut fitting: Vec<Value> = all.into_iter().filter(fits).collect();
        for (name, descending) in self.sort.iter().rev() {
            fitting.sort_by_key(|v| texts(v, name).first().cloned());
            if *descending {
                fitting.reverse();
            }
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

    /// Keeps the members of an entry that `fields` names.
    #[must_use]
    pub fn select(&self, value: Value) -> Value {
        match &self.fields {
            Some(fields) => fields::select(value, fields),
            None => value,
        }
    }
}

fn number(name: &str, text: &str, least: i64) -> Result<i64, Problem> {
    match text.parse::<i64>() {
        Ok(n) if n >= least => Ok(n),
        _ => Err(Problem::invalid(name, format!("{text:?} is not a whole number from {least}"))),
    }
}

fn sort_by(text: &str) -> (String, bool) {
    match text.trim().strip_prefix('-') {
        Some(name) => (name.to_owned(), true),
        None => (text.trim().trim_start_matches('+').to_owned(), false),
    }
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    // An unencoded `+` of an offset arrives as a blank.
    let text = text.replace(' ', "+");
    DateTime::parse_from_rfc3339(&text)
        .map(|t| t.to_utc())
        .map_err(|_| Problem::invalid(name, format!("{text:?} is no RFC 3339 time")))
}

/// The texts at a dotted path, arrays opened.
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

fn matches(value: &Value, filter: &Filter) -> bool {
    let found = texts(value, &filter.attribute);
    found.iter().any(|text| {
        filter.values.iter().any(|wanted| match filter.compare {
            Compare::Equal => text == wanted,
            Compare::Greater => text > wanted,
            Compare::GreaterOrEqual => text >= wanted,
            Compare::Less => text < wanted,
            Compare::LessOrEqual => text <= wanted,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: &[Attribute] =
        &[("state", "state", Kind::Text), ("orderDate", "order_date", Kind::Time)];

    fn conditions(text: &str) -> Vec<(String, Compare, usize)> {
        let page = Query::parse(Some(text)).unwrap().page(ATTRIBUTES, &[], (10, 100)).unwrap();
        page.conditions.into_iter().map(|c| (c.column.to_owned(), c.compare, c.any_of.len())).collect()
    }

    #[test]
    fn every_form_of_a_filter_is_understood() {
        let equal = |n| vec![("state".to_owned(), Compare::Equal, n)];
        assert_eq!(conditions("state=held"), equal(1));
        assert_eq!(conditions("state=held,pending"), equal(2));
        assert_eq!(conditions("state=held;state=pending"), equal(2));
        assert_eq!(conditions("state=held&state=pending"), equal(2));
        assert_eq!(conditions("state.eq=%22held%22"), equal(1));
        let later = |c| vec![("order_date".to_owned(), c, 1)];
        assert_eq!(conditions("orderDate.gt=2026-01-01T00:00:00Z"), later(Compare::Greater));
        assert_eq!(conditions("orderDate%3E2026-01-01T00:00:00Z"), later(Compare::Greater));
        assert_eq!(conditions("orderDate%3E=2026-01-01T00:00:00Z"), later(Compare::GreaterOrEqual));
        assert_eq!(conditions("orderDate=%222026-01-01T00:00:00+01:00%22"), later(Compare::Equal));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let parse = |t: &str| Query::parse(Some(t)).and_then(|q| q.page(ATTRIBUTES, &[], (10, 100)));
        for (text, name) in [
            ("colour=red", "colour"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
            ("orderDate=soon", "orderDate"),
            ("sort=colour", "colour"),
        ] {
            assert!(parse(text).unwrap_err().message.starts_with(name), "{text}");
        }
    }
}
