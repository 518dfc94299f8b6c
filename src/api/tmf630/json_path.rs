//! `filter`: a JSONPath (RFC 9535; TMF630, part 6). A resource fits that it finds anything in.

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::api::problem::Problem;

/// A parsed `filter`.
#[derive(Debug, Clone)]
pub struct PathFilter {
    path: JsonPath,
    /// `$` stands for the list (`$[?(@.name=='x')]`), not for the resource (`$.note[?(@.author=='x')]`).
    of_list: bool,
}

impl PathFilter {
    /// Reads the parameter; the `$.` before a member may be left away.
    ///
    /// # Errors
    /// 400 naming `filter`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let whole = if text.starts_with('$') { text.to_owned() } else { format!("$.{text}") };
        let path = JsonPath::parse(&whole)
            .map_err(|e| Problem::invalid("filter", format!("{text:?} is no JSONPath: {e}")))?;
        Ok(Self { path, of_list: whole.starts_with("$[?") || whole.starts_with("$[*]") })
    }

    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        if self.of_list {
            let list = Value::Array(vec![value.clone()]);
            return !self.path.query(&list).is_empty();
        }
        !self.path.query(value).is_empty()
    }
}
