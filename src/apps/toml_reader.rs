//! Reads a TOML table key by key and gathers every fault instead of stopping at the first, so that who writes a
//! manifest mends it in one go.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::Fault;

/// One table of the manifest. A getter notes the key as known; [`Reader::finish`] complains of all others.
pub(super) struct Reader<'a> {
    table: &'a Table,
    path: String,
    known: Vec<&'static str>,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, faults: &'a RefCell<Vec<Fault>>) -> Self {
        Self { table, path: String::new(), known: Vec::new(), faults }
    }

    /// The full path of a key of this table.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.borrow_mut().push(Fault::new("manifest.toml", self.at(key), message));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Tells that a required key is missing; `example` is how it may look.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.fault(key, format!("is missing; add for example: {example}"));
    }

    fn wrong_type(&self, key: &str, wanted: &str, found: &Value) {
        self.fault(key, format!("must be {wanted}, not {}", type_words(found)));
    }

    /// Text without control characters (other than line ends), at most `max` characters, not empty.
    pub(super) fn text(&mut self, key: &'static str, max: usize) -> Option<String> {
        let value = self.get(key)?;
        let Value::String(text) = value else {
            self.wrong_type(key, "text in quotes", value);
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            self.fault(key, "is empty; write a text or remove the key");
            return None;
        }
        if text.chars().count() > max {
            self.fault(key, format!("has {} characters; at most {max} are allowed", text.chars().count()));
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            self.fault(key, "has a control character; remove it");
            return None;
        }
        Some(text.to_owned())
    }

    /// Required text; an empty one stands for a fault already told.
    pub(super) fn need_text(&mut self, key: &'static str, max: usize, example: &str) -> String {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, example);
            return String::new();
        }
        self.text(key, max).unwrap_or_default()
    }

    /// Required text of a form; `form` says it in words. Empty when faulty.
    pub(super) fn need_form(
        &mut self,
        key: &'static str,
        fits: fn(&str) -> bool,
        form: &str,
        example: &str,
    ) -> String {
        let text = self.need_text(key, 1024, example);
        if text.is_empty() || fits(&text) {
            return text;
        }
        self.fault(key, format!("\"{text}\" is not of the right form: {form}"));
        String::new()
    }

    /// One of the words; none when absent or faulty.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, 1024)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.fault(key, format!("\"{text}\" is unknown; write one of {}", all.join(", ")));
        }
        found
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        if value.as_bool().is_none() {
            self.wrong_type(key, "true or false (without quotes)", value);
        }
        value.as_bool()
    }

    /// An integer within the range; none when absent or faulty.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.get(key)?;
        let Value::Integer(number) = value else {
            self.wrong_type(key, "a whole number (without quotes)", value);
            return None;
        };
        self.in_range(key, *number, &range).then_some(*number)
    }

    fn in_range(&self, key: &str, number: i64, range: &RangeInclusive<i64>) -> bool {
        let fits = range.contains(&number);
        if !fits {
            self.fault(key, format!("is {number}; it must be {} to {}", range.start(), range.end()));
        }
        fits
    }

    /// A required integer within the range; the least of the range when faulty.
    pub(super) fn need_integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        example: &str,
    ) -> i64 {
        let least = *range.start();
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, example);
            return least;
        }
        self.integer(key, range).unwrap_or(least)
    }

    /// A value of any type, read by the caller.
    pub(super) fn any(&mut self, key: &'static str) -> Option<&'a Value> {
        self.get(key)
    }

    /// A list of texts; empty when absent.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let Value::Array(items) = value else {
            self.wrong_type(key, "a list of texts, [\"…\"]", value);
            return Vec::new();
        };
        let texts: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if texts.len() < items.len() {
            self.fault(key, "must have texts in quotes only");
        }
        texts
    }

    /// A sub-table; none when absent or faulty.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Reader<'a>> {
        let value = self.get(key)?;
        let Value::Table(table) = value else {
            self.wrong_type(key, &format!("a table, [{}]", self.at(key)), value);
            return None;
        };
        Some(Reader { table, path: self.at(key), known: Vec::new(), faults: self.faults })
    }

    /// A list of tables, `[[key]]`; empty when absent or faulty.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let tables: Option<Vec<_>> =
            value.as_array().map(|items| items.iter().filter_map(Value::as_table).collect());
        match (tables, value.as_array()) {
            (Some(tables), Some(items)) if tables.len() == items.len() => (1..)
                .zip(tables)
                .map(|(n, table)| Reader {
                    table,
                    path: format!("{}[{n}]", self.at(key)),
                    known: Vec::new(),
                    faults: self.faults,
                })
                .collect(),
            _ => {
                self.wrong_type(key, &format!("a list of tables, [[{}]]", self.at(key)), value);
                Vec::new()
            }
        }
    }

    /// A table of whole numbers within the range, whose keys are among `keys`.
    pub(super) fn numbers(
        &mut self,
        key: &'static str,
        keys: &[&'static str],
        range: &RangeInclusive<i64>,
    ) -> Vec<(&'static str, i64)> {
        let Some(mut table) = self.section(key) else {
            return Vec::new();
        };
        let found = keys.iter().filter_map(|k| table.integer(k, range.clone()).map(|n| (*k, n))).collect();
        table.finish();
        found
    }

    /// Complains of every key that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys().filter(|k| !self.known.contains(&k.as_str())) {
            let near = self.known.iter().copied().min_by_key(|known| distance(known, key));
            let hint = match near {
                Some(near) if distance(near, key) <= 2 => format!("did you mean {near}?"),
                _ => format!("remove it (known here: {})", self.known.join(", ")),
            };
            self.fault(key, format!("is not a key of format 1; {hint}"));
        }
    }
}

fn type_words(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Number of single-letter edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
