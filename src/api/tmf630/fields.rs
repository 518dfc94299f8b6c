//! `fields`: which members of a resource are shown (TMF630, part 1, 4.3).

use serde_json::{Map, Value};

/// Keeps the members that `fields` names, nested ones by a dotted path. `id`, `href` and those that begin with `@`
/// always stay; `none` names nothing.
#[must_use]
pub fn select(value: Value, fields: &[String]) -> Value {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(list) => return list.into_iter().map(|v| select(v, fields)).collect(),
        other => return other,
    };
    let mut out = Map::new();
    for (key, member) in members {
        if key == "id" || key == "href" || key.starts_with('@') || fields.contains(&key) {
            out.insert(key, member);
            continue;
        }
        let below = |f: &String| Some(f.strip_prefix(&key)?.strip_prefix('.')?.to_owned());
        let nested: Vec<String> = fields.iter().filter_map(below).collect();
        if !nested.is_empty() {
            out.insert(key, select(member, &nested));
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_of_the_first_level_and_nested_ones_are_kept() {
        let v = json!({"id": "1", "href": "h", "@type": "T", "a": 1, "b": [{"id": 2, "c": 3, "d": {"e": 4, "f": 5}}]});
        let kept = |f: &[&str]| select(v.clone(), &f.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        assert_eq!(kept(&["none"]), json!({"id": "1", "href": "h", "@type": "T"}));
        assert_eq!(kept(&["a"]), json!({"id": "1", "href": "h", "@type": "T", "a": 1}));
        assert_eq!(kept(&["b.c"])["b"], json!([{"id": 2, "c": 3}]));
        assert_eq!(kept(&["b.d.e", "a"])["b"], json!([{"id": 2, "d": {"e": 4}}]));
        assert_eq!(kept(&["b", "b.c"])["b"], v["b"]);
        assert_eq!(kept(&["bb", ""]), kept(&["none"]));
    }
}
