//! The query of a request: `fields`, filters, `filter`, `sort`, `offset`, `limit`, `cursor`; and the page of a stored
//! list that it asks for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::filter::{self, Alternative, Filter, Test};
use super::json_path::PathFilter;
use super::{cursor::Cursor, fields};
use crate::api::problem::Problem;
use crate::api::request::NO_NUL;
use crate::store::lists::{Compare, Condition, Match, Order, Page, Test as Stored, Value as Bound};

/// Type of a filterable attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// RFC 3339.
    Time,
    Id,
    /// A whole number.
    Number,
    /// Not stored: every entry of the list has this value (`@type`).
    Always(&'static str),
}

/// An attribute that can be filtered and sorted by: its name in the API, its column, its type. Of two columns, written
/// `a|b`, either may fit, and lists are sorted by the first.
pub type Attribute = (&'static str, &'static str, Kind);

/// A parsed query.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub fields: Option<Vec<String>>,
    pub offset: i64,
    pub limit: Option<i64>,
    pub sort: Vec<(String, bool)>,
    pub filters: Vec<Filter>,
    pub json_path: Option<PathFilter>,
    pub cursor: Option<String>,
}

/// How a stored list is read where the client does not say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    /// Its order, and what follows the client's own; its last column is unique, none of them is ever null.
    pub newest: &'a [(&'static str, bool)],
    /// Entries of a page: without a `limit`, and at most.
    pub limits: (i64, i64),
    /// How long the database may look.
    pub time: Duration,
}

impl Query {
    /// Parses the query part of a URL.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut query = Self::default();
        let mut offset = None;
        for part in text.unwrap_or("").split('&') {
            let Some((key, value)) = form_urlencoded::parse(part.as_bytes()).next() else { continue };
            if value.contains('\0') || key.contains('\0') {
                return Err(Problem::invalid(&key, NO_NUL));
            }
            match key.as_ref() {
                "fields" => query.fields = Some(value.split(',').map(|f| f.trim().to_owned()).collect()),
                "offset" => offset = Some(number("offset", &value)?),
                "limit" => query.limit = Some(number("limit", &value)?),
                "sort" => {
                    query.sort = value.split(',').filter(|s| !s.trim().is_empty()).map(sort_by).collect();
                }
                "filter" => query.json_path = Some(PathFilter::parse(&value)?),
                "cursor" => query.cursor = Some(value.into_owned()),
                // An operator may be encoded, so name and value are told apart after decoding.
                _ if part.contains('=') => query.add(filter::parse(&format!("{key}={value}"))?),
                _ => query.add(filter::parse(&key)?),
            }
        }
        if offset.is_some() && query.cursor.is_some() {
            return Err(Problem::invalid("offset", "cannot be given together with cursor"));
        }
        query.offset = offset.unwrap_or(0);
        Ok(query)
    }

    fn add(&mut self, filter: Filter) {
        let known =
            filter.equality().and_then(|name| self.filters.iter_mut().find(|f| f.equality() == Some(name)));
        match known {
            Some(known) => known.any_of.extend(filter.any_of),
            None => self.filters.push(filter),
        }
    }

    /// Takes the filter on equality with an attribute out of the query, where a door looks it up itself: its values.
    pub fn take(&mut self, attribute: &str) -> Option<Vec<String>> {
        let at = self.filters.iter().position(|f| f.equality() == Some(attribute))?;
        let value = |test| if let Test::Is(_, value) = test { Some(value) } else { None };
        Some(self.filters.remove(at).any_of.into_iter().filter_map(|a| value(a.test)).collect())
    }

    /// Asks for an attribute to have one of the values, as a filter of the client would.
    pub fn equal(&mut self, attribute: &str, values: Vec<String>) {
        let one =
            |value| Alternative { attribute: attribute.to_owned(), test: Test::Is(Compare::Equal, value) };
        self.filters.push(Filter { any_of: values.into_iter().map(one).collect() });
    }

    /// The page of a stored list. A cursor is opened by `open`, which is told how the list is sorted.
    ///
    /// # Errors
    /// 400 naming an attribute that cannot be filtered or sorted by, or a value that does not fit it; 501 for a
    /// JSONPath.
    pub fn page(
        &self,
        attributes: &[Attribute],
        defaults: Defaults<'_>,
        open: impl FnOnce(&str, &str) -> Result<Cursor, Problem>,
    ) -> Result<Page, Problem> {
        if self.json_path.is_some() {
            let message = "filter: a JSONPath is answered for lists that are in memory (the catalogues), not for \
                           stored ones; use the filters of attributes";
            let status = axum::http::StatusCode::NOT_IMPLEMENTED;
            return Err(Problem::new(status, "notImplemented", "not implemented", message));
        }
        let mut page = Page {
            conditions: vec![],
            matches: vec![],
            order: self.order(attributes, defaults.newest)?,
            after: None,
            limit: self.limit.unwrap_or(defaults.limits.0).min(defaults.limits.1),
            offset: self.offset,
            position: self.offset,
            time: defaults.time,
        };
        for f in &self.filters {
            add_condition(&mut page, f, attributes)?;
        }
        if let Some(text) = &self.cursor {
            let cursor = open(text, &page.sorted_by())?;
            (page.after, page.position) = (Some(cursor.keys), cursor.position);
        }
        Ok(page)
    }

    fn order(
        &self,
        attributes: &[Attribute],
        newest: &[(&'static str, bool)],
    ) -> Result<Vec<Order>, Problem> {
        let stays = |column: &str| newest.iter().any(|(c, _)| *c == column);
        let mut order: Vec<Order> = vec![];
        for (name, descending) in &self.sort {
            let (_, columns, kind) = find(attributes, name)?;
            let column = columns.split('|').next().unwrap_or(columns);
            if !matches!(kind, Kind::Always(_)) && !order.iter().any(|o| o.column == column) {
                let (nullable, text) = (!stays(column), *kind == Kind::Text);
                order.push(Order { column, descending: *descending, nullable, text });
            }
        }
        // What is sorted by its own date alone keeps one direction, so that an index serves it from either end.
        let turned = match order.as_slice() {
            [only] if newest.first().is_some_and(|(c, _)| *c == only.column) => Some(only.descending),
            _ => None,
        };
        for (column, descending) in newest {
            if !order.iter().any(|o| o.column == *column) {
                let descending = turned.unwrap_or(*descending);
                order.push(Order { column, descending, nullable: false, text: false });
            }
        }
        Ok(order)
    }

    /// A list in memory has no cursors.
    pub(super) fn without_cursor(&self) -> Result<(), Problem> {
        match self.cursor {
            Some(_) => {
                Err(Problem::invalid("cursor", "is not one that this list gave; it goes on by offset"))
            }
            None => Ok(()),
        }
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

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Result<&'a Attribute, Problem> {
    attributes.iter().find(|(n, ..)| *n == name).ok_or_else(|| {
        let names: Vec<_> = attributes.iter().map(|(n, ..)| *n).collect();
        let message = format!("cannot be filtered or sorted by; possible: {}", names.join(", "));
        Problem::invalid(name, message)
    })
}

fn add_condition(page: &mut Page, filter: &Filter, attributes: &[Attribute]) -> Result<(), Problem> {
    let mut any_of = vec![];
    for a in &filter.any_of {
        let &(name, column, kind) = find(attributes, &a.attribute)?;
        let (compare, value) = match (&a.test, kind) {
            (Test::Matches(pattern), Kind::Text) => {
                page.matches.push(Match { any_of: column.split('|').collect(), pattern: pattern.clone() });
                return Ok(());
            }
            (Test::Matches(_), _) => {
                return Err(Problem::invalid(name, "is no text; a pattern needs one"));
            }
            (Test::Is(compare, value), _) => (*compare, value),
        };
        let bound = match kind {
            Kind::Text => Bound::Text(value.clone()),
            Kind::Time => Bound::Time(time(name, value)?),
            Kind::Number => Bound::Number(
                value.parse().map_err(|_| Problem::invalid(name, format!("{value:?} is no whole number")))?,
            ),
            Kind::Id => match value.parse() {
                Ok(id) => Bound::Id(id),
                // What is no id of ours matches nothing.
                Err(_) => continue,
            },
            Kind::Always(constant) if compare == Compare::Equal => {
                if value == constant {
                    return Ok(());
                }
                continue;
            }
            Kind::Always(_) => return Err(Problem::invalid(name, "can only be compared for equality")),
        };
        let either = column.split('|');
        any_of.extend(either.map(|column| Stored {
            column,
            text: kind == Kind::Text,
            compare,
            value: bound.clone(),
        }));
    }
    page.conditions.push(Condition { any_of });
    Ok(())
}

fn number(name: &str, text: &str) -> Result<i64, Problem> {
    match text.parse::<i64>() {
        Ok(n) if n >= 0 => Ok(n),
        _ => Err(Problem::invalid(name, format!("{text:?} is not a whole number from 0"))),
    }
}

/// An unencoded `+` arrives as a blank.
fn sort_by(text: &str) -> (String, bool) {
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(name) => (name.to_owned(), true),
        None => (text.trim_start_matches('+').to_owned(), false),
    }
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    // An unencoded `+` of an offset arrives as a blank.
    let text = text.replace(' ', "+");
    // The official kits put quotes around times.
    let text = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(&text);
    DateTime::parse_from_rfc3339(text)
        .map(|t| t.to_utc())
        .map_err(|_| Problem::invalid(name, format!("{text:?} is no RFC 3339 time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: &[Attribute] = &[
        ("id", "id", Kind::Id),
        ("state", "state", Kind::Text),
        ("orderDate", "order_date", Kind::Time),
        ("size", "size", Kind::Number),
        ("@type", "", Kind::Always("Thing")),
    ];
    const NEWEST: &[(&str, bool)] = &[("order_date", true), ("id", true)];

    fn page(text: &str) -> Result<Page, Problem> {
        let defaults = Defaults { newest: NEWEST, limits: (10, 100), time: Duration::from_secs(1) };
        let open = |_: &str, _: &str| Ok(Cursor { keys: vec![], position: 3 });
        Query::parse(Some(text))?.page(ATTRIBUTES, defaults, open)
    }

    fn conditions(text: &str) -> Vec<usize> {
        page(text).unwrap().conditions.iter().map(|c| c.any_of.len()).collect()
    }

    #[test]
    fn filters_on_one_attribute_are_joined_where_they_hold_it_equal() {
        assert_eq!(conditions("state=held"), [1]);
        assert_eq!(conditions("state=held,failed"), [2]);
        assert_eq!(conditions("state=held&state=failed&size=1"), [2, 1]);
        assert_eq!(conditions("state=held%3Bstate%3Dfailed"), [2]);
        assert_eq!(
            conditions("orderDate.gt=2026-01-01T00:00:00Z&orderDate%3C=2026-02-01T00:00:00+01:00"),
            [1, 1]
        );
        assert_eq!(conditions("orderDate%3E2026-01-01T00:00:00Z"), [1]);
        assert_eq!(conditions("orderDate%3E%3D%222026-01-01T00:00:00Z%22"), [1]);
        assert_eq!(conditions("id=4711"), [0]);
        assert_eq!(conditions("@type=Thing"), Vec::<usize>::new());
        assert_eq!(conditions("@type=Other"), [0]);
        let matched = page("state.regex=^h&state%3D~d$&state%2A=el").unwrap();
        assert_eq!((matched.matches.len(), matched.conditions.len()), (3, 0));
    }

    #[test]
    fn the_order_ends_with_what_is_unique_and_never_null() {
        let order = |text: &str| -> Vec<String> {
            let word = |o: &Order| {
                format!(
                    "{}{}{}",
                    if o.descending { "-" } else { "" },
                    o.column,
                    if o.nullable { "?" } else { "" }
                )
            };
            page(text).unwrap().order.iter().map(word).collect()
        };
        assert_eq!(order(""), ["-order_date", "-id"]);
        assert_eq!(order("sort=orderDate"), ["order_date", "id"]);
        assert_eq!(order("sort=-orderDate"), ["-order_date", "-id"]);
        assert_eq!(order("sort=-state,+size"), ["-state?", "size?", "-order_date", "-id"]);
        assert_eq!(order("sort=state,state"), ["state?", "-order_date", "-id"]);
        assert_eq!(order("sort=id"), ["id", "-order_date"]);
        assert_eq!(order("sort=@type"), ["-order_date", "-id"]);
        assert_eq!(page("cursor=x").unwrap().position, 3);
        assert_eq!(page("offset=4").unwrap().position, 4);
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        for (text, name) in [
            ("colour=red", "colour"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
            ("offset=0&cursor=x", "offset"),
            ("orderDate=soon", "orderDate"),
            ("size=big", "size"),
            ("sort=colour", "colour"),
            ("orderDate.regex=2026", "orderDate"),
            ("@type.gt=A", "@type"),
            ("filter=$.a[", "filter"),
        ] {
            assert!(page(text).unwrap_err().message.starts_with(&format!("{name}: ")), "{text}");
        }
        assert_eq!(page("filter=$.a").unwrap_err().status.as_u16(), 501);
    }
}
