//! The text of a list's statements.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Compare, Order, Page, Test, Value};

/// A statement that is being written, with the values of its marks from `$2` on; `$1` is the tenant.
pub(super) struct Text {
    pub text: String,
    pub values: Vec<Value>,
    /// How many columns `match_N` it reads.
    pub matches: usize,
    postgres: bool,
}

/// `TEXT_OF(x)`: an id as clients see it. PostgreSQL has a type for ids, SQLite keeps their octets.
fn with_ids(postgres: bool, from: &str) -> Cow<'_, str> {
    let mut parts = from.split("TEXT_OF(");
    let first = parts.next().unwrap_or_default();
    let mut out = Cow::Borrowed(first);
    for part in parts {
        let (id, rest) = part.split_once(')').unwrap_or((part, ""));
        let text = if postgres {
            format!("{id}::text")
        } else {
            let piece = |from: u8, length: u8| format!("substr(hex({id}), {from}, {length})");
            let pieces = [piece(1, 8), piece(9, 4), piece(13, 4), piece(17, 4), piece(21, 12)];
            format!("lower({})", pieces.join(" || '-' || "))
        };
        out = Cow::Owned(format!("{out}{text}{rest}"));
    }
    out
}

impl Text {
    pub fn new(postgres: bool, select: &str, from: &str) -> Self {
        Self { text: format!("{select} {}", with_ids(postgres, from)), values: vec![], matches: 0, postgres }
    }

    /// Reads `columns`, and beside them `key_N` for what the page is sorted by and `match_N` for what its patterns
    /// decide on.
    pub fn page(postgres: bool, columns: &str, from: &str, page: &Page) -> Self {
        let mut list: Vec<String> = vec![];
        if !columns.is_empty() {
            list.push(columns.to_owned());
        }
        list.extend(page.order.iter().enumerate().map(|(n, o)| format!("{} AS key_{n}", o.column)));
        let texts: Vec<&str> = page.matches.iter().flat_map(|m| m.any_of.iter().copied()).collect();
        list.extend(texts.iter().enumerate().map(|(n, column)| format!("{column} AS match_{n}")));
        let mut out = Self::new(postgres, &format!("SELECT {} FROM", list.join(", ")), from);
        out.matches = texts.len();
        out
    }

    pub fn conditions(&mut self, page: &Page) {
        for condition in &page.conditions {
            let any = match condition.any_of.as_slice() {
                [] => "1 = 0".to_owned(),
                // One column with one of several values: an index serves that in this form only.
                [first, others @ ..]
                    if condition.any_of.iter().all(|t| t.compare == Compare::Equal)
                        && others.iter().all(|t| t.column == first.column) =>
                {
                    let marks: Vec<String> =
                        condition.any_of.iter().map(|t| self.mark(t.value.clone())).collect();
                    format!("{} IN ({})", first.column, marks.join(", "))
                }
                tests => tests.iter().map(|t| self.test(t)).collect::<Vec<_>>().join(" OR "),
            };
            self.add(&format!(" AND ({any})"));
        }
    }

    fn test(&mut self, test: &Test) -> String {
        let operator = match test.compare {
            Compare::Equal => "=",
            Compare::Greater => ">",
            Compare::GreaterOrEqual => ">=",
            Compare::Less => "<",
            Compare::LessOrEqual => "<=",
        };
        let column = self.column(test.column, test.text && test.compare != Compare::Equal);
        let mark = self.mark(test.value.clone());
        format!("{column} {operator} {mark}")
    }

    /// What comes after an entry with these values, in the order.
    pub fn after(&mut self, order: &[Order], keys: Vec<Value>) {
        let marks: Vec<Option<String>> =
            keys.into_iter().map(|v| (v != Value::Nothing).then(|| self.mark(v))).collect();
        let columns: Vec<String> = order.iter().map(|o| self.column(o.column, o.text)).collect();
        let one_way = order.windows(2).all(|pair| pair[0].descending == pair[1].descending);
        if one_way && order.iter().all(|o| !o.nullable) {
            // As a row it is a range of an index.
            let marks: Vec<String> = marks.into_iter().flatten().collect();
            let operator = if order.first().is_some_and(|o| o.descending) { "<" } else { ">" };
            self.add(&format!(" AND ({}) {operator} ({})", columns.join(", "), marks.join(", ")));
            return;
        }
        let mut ways = vec![];
        for (n, o) in order.iter().enumerate() {
            let operator = if o.descending { "<" } else { ">" };
            let further = match &marks[n] {
                // What is null comes last: nothing comes after it.
                None => continue,
                Some(mark) if o.nullable => {
                    format!("({0} {operator} {mark} OR {0} IS NULL)", columns[n])
                }
                Some(mark) => format!("{} {operator} {mark}", columns[n]),
            };
            let same = (0..n).map(|i| match &marks[i] {
                Some(mark) => format!("{} = {mark}", columns[i]),
                None => format!("{} IS NULL", columns[i]),
            });
            ways.push(format!("({})", same.chain([further]).collect::<Vec<_>>().join(" AND ")));
        }
        self.add(&format!(" AND ({})", ways.join(" OR ")));
    }

    pub fn order(&mut self, page: &Page, limit: i64, offset: i64) {
        let by: Vec<String> = page
            .order
            .iter()
            .map(|o| {
                let direction = if o.descending { " DESC" } else { "" };
                let nulls = if o.nullable { " NULLS LAST" } else { "" };
                format!("{}{direction}{nulls}", self.column(o.column, o.text))
            })
            .collect();
        self.add(&format!(" ORDER BY {} LIMIT {limit} OFFSET {offset}", by.join(", ")));
    }

    /// Text is compared octet by octet, which SQLite does by itself.
    fn column(&self, column: &str, text: bool) -> String {
        if text && self.postgres { format!("({column}) COLLATE \"C\"") } else { column.to_owned() }
    }

    fn mark(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len() + 1)
    }

    fn add(&mut self, text: &str) {
        self.text.write_str(text).expect("a String takes all");
    }
}
