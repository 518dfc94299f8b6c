//! The place in a list from which `Link: rel="next"` goes on: what the entries are sorted by, of the last one shown.
//! To clients it is opaque. It is signed, so that only places that this server gave are looked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::api::problem::Problem;
use crate::secrets::Secrets;
use crate::store::lists::Value;

const PURPOSE: &str = "cursor";

/// A place after an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The values of that entry, in the order of the sort.
    #[serde(rename = "k")]
    pub keys: Vec<Value>,
    /// How many entries came before, when it was given.
    #[serde(rename = "n")]
    pub position: i64,
}

impl Cursor {
    /// The text for the client. `of`: whose list, which one, and how it is sorted.
    #[must_use]
    pub fn seal(&self, secrets: &Secrets, of: &[&str]) -> String {
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mac = secrets.digest(PURPOSE, &parts(of, &body));
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(mac))
    }

    /// Reads what a client sends back.
    ///
    /// # Errors
    /// 400 naming `cursor`.
    pub fn open(text: &str, secrets: &Secrets, of: &[&str]) -> Result<Self, Problem> {
        let wrong = || {
            let message = "is not one that this list gave; begin without it, or follow the links as they are";
            Problem::invalid("cursor", message)
        };
        let (body, mac) = text.split_once('.').ok_or_else(wrong)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| wrong())?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| wrong())?;
        if !secrets.verify(PURPOSE, &parts(of, &body), &mac) {
            return Err(wrong());
        }
        serde_json::from_slice(&body).map_err(|_| wrong())
    }
}

fn parts<'a>(of: &'a [&str], body: &'a [u8]) -> Vec<&'a [u8]> {
    of.iter().map(|part| part.as_bytes()).chain([body]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(&dir.path().join("key")).unwrap();
        let cursor =
            Cursor { keys: vec![Value::Text("a".into()), Value::Number(3), Value::Nothing], position: 7 };
        let text = cursor.seal(&secrets, &["t", "/list", "a"]);
        assert_eq!(Cursor::open(&text, &secrets, &["t", "/list", "a"]).unwrap(), cursor);
        for of in [["u", "/list", "a"], ["t", "/other", "a"], ["t", "/list", "b"]] {
            assert!(Cursor::open(&text, &secrets, &of).is_err());
        }
        let forged = URL_SAFE_NO_PAD.encode("{\"k\":[],\"n\":0}");
        let forged = format!("{forged}.{}", text.split_once('.').unwrap().1);
        for bad in ["", ".", "x", forged.as_str(), &text[1..]] {
            let problem = Cursor::open(bad, &secrets, &["t", "/list", "a"]).unwrap_err();
            assert!(problem.message.starts_with("cursor: "), "{bad}");
        }
    }
}
