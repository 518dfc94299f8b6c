//! Paths of a JSON patch query (TMF630, part 5): a JSON pointer that passes over arrays, with conditions on their
//! entries (`/item/quantity?item.id=10`), or a JSONPath (`$.item[?@.id=='10'].quantity`).

use serde_json::Value;
use serde_json_path::{JsonPath, NormalizedPath};

use super::memory::texts;

/// The JSON pointers of all values that a path names, in the order of the document. `new`: a last member that is not
/// there yet is named too.
///
/// # Errors
/// What is wrong with the path, in words; that it names nothing.
pub fn targets(document: &Value, path: &str, new: bool) -> Result<Vec<String>, String> {
    let found = if path.starts_with('$') {
        by_json_path(document, path, new)?
    } else {
        let (pointer, conditions) = path.split_once('?').unwrap_or((path, ""));
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err("begins with neither / nor $".to_owned());
        }
        let conditions: Vec<(String, String)> = form_urlencoded::parse(conditions.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.trim_matches('"').to_owned()))
            .collect();
        let mut walk = Walk { conditions: &conditions, new, found: vec![] };
        if conditions.iter().all(|c| holds(document, &c.0, &c.1)) {
            let segments: Vec<&str> = pointer.split('/').skip(1).collect();
            walk.go(document, &segments, "", String::new());
        }
        walk.found
    };
    if found.is_empty() { Err(format!("{path} names nothing")) } else { Ok(found) }
}

fn by_json_path(document: &Value, path: &str, new: bool) -> Result<Vec<String>, String> {
    let parse = |text: &str| JsonPath::parse(text).map_err(|e| format!("is no JSONPath: {e}"));
    let pointers = |path: &JsonPath| -> Vec<String> {
        path.query_located(document).locations().map(NormalizedPath::to_json_pointer).collect()
    };
    let found = pointers(&parse(path)?);
    match path.rsplit_once('.') {
        Some((parent, name)) if new && found.is_empty() && !name.contains([']', '\'', '*']) => {
            let parents = parent.trim_end_matches('.');
            Ok(pointers(&parse(parents)?).into_iter().map(|p| format!("{p}/{name}")).collect())
        }
        _ => Ok(found),
    }
}

fn holds(value: &Value, path: &str, wanted: &str) -> bool {
    texts(value, path).iter().any(|t| t == wanted)
}

struct Walk<'a> {
    conditions: &'a [(String, String)],
    new: bool,
    found: Vec<String>,
}

impl Walk<'_> {
    /// `dotted`: the members passed so far, as conditions write them; `pointer`: where `value` stands.
    fn go(&mut self, value: &Value, segments: &[&str], dotted: &str, pointer: String) {
        if let Value::Array(list) = value
            && !segments.first().is_some_and(|s| *s == "-" || s.parse::<usize>().is_ok())
        {
            let below = format!("{dotted}.");
            let own: Vec<_> =
                self.conditions.iter().filter_map(|(n, v)| Some((n.strip_prefix(&below)?, v))).collect();
            if own.is_empty() && segments.is_empty() {
                self.found.push(pointer);
                return;
            }
            for (n, entry) in list.iter().enumerate() {
                if own.iter().all(|(name, wanted)| holds(entry, name, wanted)) {
                    self.go(entry, segments, dotted, format!("{pointer}/{n}"));
                }
            }
            return;
        }
        let Some((first, rest)) = segments.split_first() else {
            self.found.push(pointer);
            return;
        };
        let below = format!("{pointer}/{first}");
        let name = first.replace("~1", "/").replace("~0", "~");
        let (member, dotted) = match value {
            Value::Array(list) => (first.parse::<usize>().ok().and_then(|n| list.get(n)), dotted.to_owned()),
            Value::Object(map) if dotted.is_empty() => (map.get(&name), name),
            Value::Object(map) => (map.get(&name), format!("{dotted}.{name}")),
            _ => return,
        };
        match member {
            Some(member) => self.go(member, rest, &dotted, below),
            None if self.new && rest.is_empty() => self.found.push(below),
            None => {}
        }
    }
}
