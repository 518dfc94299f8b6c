//! Filters of a query (TMF630, part 1, 4.4): what is asked of which attribute, before it is known whether there is one.
//!
//! A filter is one part of the query between two `&`; all filters must fit. Within a filter stand alternatives, of
//! which one must fit: values by a comma or a semicolon (`state=held,failed`), or whole tests by a semicolon
//! (`orderDate.lt=A;orderDate.gt=B`). Equality with the same attribute in several filters is alternatives too. A value
//! in double quotes may contain commas and semicolons.

use regex::{Regex, RegexBuilder};

use crate::api::problem::Problem;
use crate::store::lists::Compare;

/// Most octets that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// How an attribute is tested.
#[derive(Debug, Clone)]
pub enum Test {
    Is(Compare, String),
    /// Somewhere in its text. Matched in time linear in the text, whatever the pattern is.
    Matches(Regex),
}

/// One alternative of a filter.
#[derive(Debug, Clone)]
pub struct Alternative {
    pub attribute: String,
    pub test: Test,
}

/// One filter: one of the alternatives must fit.
#[derive(Debug, Clone)]
pub struct Filter {
    pub any_of: Vec<Alternative>,
}

impl Filter {
    /// The attribute that all alternatives hold to be equal to a value.
    #[must_use]
    pub fn equality(&self) -> Option<&str> {
        let first = self.any_of.first()?.attribute.as_str();
        let equal = |a: &Alternative| a.attribute == first && matches!(a.test, Test::Is(Compare::Equal, _));
        self.any_of.iter().all(equal).then_some(first)
    }
}

/// An operator as a suffix of the name.
const SUFFIXES: [(&str, Option<Compare>); 6] = [
    (".gte", Some(Compare::GreaterOrEqual)),
    (".lte", Some(Compare::LessOrEqual)),
    (".gt", Some(Compare::Greater)),
    (".lt", Some(Compare::Less)),
    (".eq", Some(Compare::Equal)),
    (".regex", None),
];

/// An operator between name and value, longer ones first. Only `=` may follow a suffix. TMF630 writes the operator for
/// patterns in two ways.
const LITERALS: [(&str, Option<Compare>); 8] = [
    (">=", Some(Compare::GreaterOrEqual)),
    ("<=", Some(Compare::LessOrEqual)),
    ("==", Some(Compare::Equal)),
    ("*=", None),
    ("=~", None),
    (">", Some(Compare::Greater)),
    ("<", Some(Compare::Less)),
    ("=", Some(Compare::Equal)),
];

/// Reads one filter, already decoded.
///
/// # Errors
/// 400 naming the attribute: no operator, or a pattern that is none.
pub fn parse(text: &str) -> Result<Filter, Problem> {
    let Some((name, _, rest)) = split(text) else {
        return Err(Problem::invalid(text, "is no filter: a name, an operator and a value"));
    };
    if is_pattern(text) {
        let test = Test::Matches(pattern(name, rest)?);
        return Ok(Filter { any_of: vec![Alternative { attribute: name.to_owned(), test }] });
    }
    let mut any_of: Vec<Alternative> = vec![];
    for piece in pieces(text, ';') {
        let (name, compare, values) = match (split(piece), any_of.last()) {
            (Some((name, Some(compare), values)), _) => (name.to_owned(), compare, values),
            (Some((name, None, _)), _) => {
                return Err(Problem::invalid(name, "a pattern stands alone, in a filter of its own"));
            }
            (None, Some(Alternative { attribute, test: Test::Is(compare, _) })) => {
                (attribute.clone(), *compare, piece)
            }
            (None, _) => return Err(Problem::invalid(name, "is no filter: a name, an operator and a value")),
        };
        for value in pieces(values, ',') {
            let test = Test::Is(compare, unquoted(value).to_owned());
            any_of.push(Alternative { attribute: name.clone(), test });
        }
    }
    Ok(Filter { any_of })
}

fn is_pattern(text: &str) -> bool {
    matches!(split(text), Some((_, None, _)))
}

fn pattern(name: &str, text: &str) -> Result<Regex, Problem> {
    RegexBuilder::new(unquoted(text)).size_limit(PATTERN_SIZE).build().map_err(|e| {
        let words = e.to_string();
        let last = words.lines().last().unwrap_or("").trim_start_matches("error: ");
        Problem::invalid(name, format!("is compared with a wrong pattern: {last}"))
    })
}

/// Name, operator (none: a pattern), and the rest.
fn split(text: &str) -> Option<(&str, Option<Compare>, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || "._@:-".contains(c)))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let (literal, compare) = LITERALS.iter().find(|(l, _)| rest.starts_with(l))?;
    let value = &rest[literal.len()..];
    if *literal == "="
        && let Some((name, compare)) =
            SUFFIXES.iter().find_map(|(suffix, c)| Some((name.strip_suffix(suffix)?, *c)))
        && !name.is_empty()
    {
        return Some((name, compare, value));
    }
    Some((name, *compare, value))
}

/// The pieces between separators that stand outside quotes.
fn pieces(text: &str, separator: char) -> Vec<&str> {
    let (mut out, mut start, mut quoted) = (vec![], 0, false);
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            out.push(&text[start..at]);
            start = at + 1;
        }
    }
    out.push(&text[start..]);
    out
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let word = |a: Alternative| match a.test {
            Test::Is(compare, value) => format!("{} {compare:?} {value}", a.attribute),
            Test::Matches(pattern) => format!("{} ~ {pattern}", a.attribute),
        };
        parse(text).unwrap().any_of.into_iter().map(word).collect()
    }

    #[test]
    fn every_form_is_understood() {
        for (text, wanted) in [
            ("state=held", vec!["state Equal held"]),
            ("state.eq=held", vec!["state Equal held"]),
            ("state==held", vec!["state Equal held"]),
            ("state=", vec!["state Equal "]),
            ("relatedParty.id=C1", vec!["relatedParty.id Equal C1"]),
            ("@type=X", vec!["@type Equal X"]),
            ("state=held,failed", vec!["state Equal held", "state Equal failed"]),
            ("state=held;failed", vec!["state Equal held", "state Equal failed"]),
            ("state=held;state=failed", vec!["state Equal held", "state Equal failed"]),
            ("d.gt=1;d.lt=2", vec!["d Greater 1", "d Less 2"]),
            ("d>1;d<2", vec!["d Greater 1", "d Less 2"]),
            ("d>=1", vec!["d GreaterOrEqual 1"]),
            ("d<=1", vec!["d LessOrEqual 1"]),
            ("d.gte=1", vec!["d GreaterOrEqual 1"]),
            ("d.lte=1", vec!["d LessOrEqual 1"]),
            ("n=\"a,b\",\"c;d\",e", vec!["n Equal a,b", "n Equal c;d", "n Equal e"]),
            ("n=a=b", vec!["n Equal a=b"]),
            ("n=say \"x\"", vec!["n Equal say \"x\""]),
            ("n.regex=^a{1,2};b$", vec!["n ~ ^a{1,2};b$"]),
            ("n*=a.*", vec!["n ~ a.*"]),
            ("n=~\"a,b\"", vec!["n ~ a,b"]),
            ("d=2026-11-23T08:00:00+01:00", vec!["d Equal 2026-11-23T08:00:00+01:00"]),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_named() {
        for (text, start) in [
            ("state", "state"),
            ("=x", "=x"),
            ("n.regex=(", "n"),
            ("n.regex=a{1,99999}{1,99999}", "n"),
            ("a=x;b.regex=y", "b"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.message.starts_with(&format!("{start}: ")), "{text}: {}", problem.message);
        }
    }
}
