//! PATCH in each form that TMF630 has: merge patch (RFC 7396; also what is sent as plain JSON), JSON patch (RFC 6902)
//! and JSON patch query (TMF630, part 5), whose paths choose entries of arrays by what they contain.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

use super::media;
use super::patch_path::targets;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::api::request;

/// What a PATCH may be sent as; said in `Accept-Patch`.
pub const ACCEPTED: &str = "application/json, application/merge-patch+json, application/json-patch+json, \
                            application/json-patch-query+json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Merge,
    Operations,
    Query,
}

/// The body of a PATCH, in one of the forms.
#[derive(Debug)]
pub struct PatchBody {
    form: Form,
    body: Value,
}

/// What a patch makes of a resource.
#[derive(Debug, PartialEq)]
pub struct Patched {
    /// The resource with the patch done.
    pub value: Value,
    /// The members of the first level that are not as they were, removed ones too.
    pub changed: Vec<String>,
}

impl Patched {
    /// A member of the patched resource; null where it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> &Value {
        self.value.get(name).unwrap_or(&Value::Null)
    }
}

impl FromRequest<Doors> for PatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, Problem> {
        let form =
            form(request.headers()).map_err(|problem| Problem { accept_patch: Some(ACCEPTED), ..problem })?;
        Self::new(form, request::parse(&request::read(request, doors).await?)?)
    }
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    match media::content_type(headers)?.as_str() {
        "application/json" | "application/merge-patch+json" => Ok(Form::Merge),
        "application/json-patch+json" => Ok(Form::Operations),
        "application/json-patch-query+json" => Ok(Form::Query),
        other => {
            let message = format!("Content-Type {other} is not understood; send one of {ACCEPTED}");
            Err(media::unsupported(&message))
        }
    }
}

impl PatchBody {
    fn new(form: Form, body: Value) -> Result<Self, Problem> {
        match (form, &body) {
            (Form::Merge, Value::Object(_)) | (Form::Operations | Form::Query, Value::Array(_)) => {
                Ok(Self { form, body })
            }
            (Form::Merge, _) => {
                Err(Problem::invalid("", "the body must be a JSON object: a merge patch of the resource"))
            }
            _ => Err(Problem::invalid("", "the body must be a JSON array of operations")),
        }
    }

    /// The body as it was sent, for the paths in refusals.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Does the patch on a resource as GET shows it. Nothing is judged here: the door holds what changed against what
    /// may be changed.
    ///
    /// # Errors
    /// 400 naming the operation that is malformed or leads nowhere, 409 for a `test` that fails.
    pub fn patched(&self, stored: &Value) -> Result<Patched, Problem> {
        let mut value = stored.clone();
        match (self.form, &self.body) {
            (Form::Merge, patch) => json_patch::merge(&mut value, patch),
            (form, Value::Array(operations)) => {
                for (n, operation) in operations.iter().enumerate() {
                    operate(&mut value, n, operation, form)?;
                }
            }
            _ => {}
        }
        if !value.is_object() {
            return Err(Problem::invalid("", "the patch leaves no resource"));
        }
        let changed = changed(stored, &value);
        Ok(Patched { value, changed })
    }
}

fn changed(stored: &Value, value: &Value) -> Vec<String> {
    let names = |v: &Value| v.as_object().map(|m| m.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut all = names(stored);
    all.extend(names(value));
    all.sort_unstable();
    all.dedup();
    all.retain(|name| stored.get(name) != value.get(name));
    all
}

fn operate(value: &mut Value, n: usize, operation: &Value, form: Form) -> Result<(), Problem> {
    let wrong = |member: &str, message: &str| Problem::invalid(&format!("[{n}]{member}"), message);
    let op = operation["op"].as_str().ok_or_else(|| wrong(".op", "is missing"))?;
    let path = operation["path"].as_str().ok_or_else(|| wrong(".path", "is missing"))?;
    let mut single = operation.clone();
    let mut paths = vec![path.to_owned()];
    if form == Form::Query {
        paths = targets(value, path, op == "add").map_err(|m| wrong(".path", &m))?;
        if let Some(from) = operation["from"].as_str() {
            let sources = targets(value, from, false).map_err(|m| wrong(".from", &m))?;
            let [source] = sources.as_slice() else {
                return Err(wrong(".from", "names more than one value"));
            };
            single["from"] = Value::String(source.clone());
        }
    }
    // Entries are taken from an array from behind, so that those before keep their places.
    for path in paths.iter().rev() {
        single["path"] = Value::String(path.clone());
        let mut one = single.clone();
        if form == Form::Query && op == "add" {
            adjust(value, path, &mut one);
        }
        let parsed: PatchOperation = serde_json::from_value(one)
            .map_err(|e| wrong("", &format!("is no operation of a JSON patch: {e}")))?;
        json_patch::patch(value, &[parsed]).map_err(|e| match e.kind {
            PatchErrorKind::TestFailed => {
                let message = format!("[{n}].path: {path} has another value than the test says");
                Problem::new(StatusCode::CONFLICT, "patchTest", "a test of the patch failed", message)
            }
            PatchErrorKind::InvalidFromPointer => wrong(".from", "leads to nothing"),
            PatchErrorKind::CannotMoveInsideItself => wrong(".from", "is moved into itself"),
            _ => wrong(".path", &format!("{path} leads to nothing")),
        })?;
    }
    Ok(())
}

/// In a JSON patch query, what is added to an array that is named as a whole becomes its last entry, and what is added
/// where a chosen entry stands takes its place.
fn adjust(value: &Value, path: &str, operation: &mut Value) {
    let whole = value.pointer(path).is_some_and(Value::is_array) && !operation["value"].is_array();
    let entry = path
        .rsplit_once('/')
        .is_some_and(|(before, last)| value.pointer(before).is_some_and(Value::is_array) && last != "-");
    if whole {
        operation["path"] = Value::String(format!("{path}/-"));
    } else if entry {
        operation["op"] = Value::String("replace".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> Value {
        json!({
            "id": "1", "description": "d", "note": [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}],
            "item": [
                {"id": "10", "quantity": 1, "billing": {"id": "x"}, "party": [{"role": "customer", "name": "Mary"}]},
                {"id": "20", "quantity": 2, "billing": {"id": "y"}, "party": [{"role": "customer", "name": "John"}]},
            ],
        })
    }

    fn done(form: Form, body: Value) -> Result<Patched, Problem> {
        PatchBody::new(form, body)?.patched(&order())
    }

    #[test]
    fn a_merge_patch_replaces_adds_and_removes() {
        let patched = done(Form::Merge, json!({"description": null, "category": "c", "id": "1"})).unwrap();
        assert_eq!(patched.changed, ["category", "description"]);
        assert_eq!((patched.get("description"), patched.get("category")), (&Value::Null, &json!("c")));
        let patched = done(Form::Merge, json!({"note": []})).unwrap();
        assert_eq!((patched.changed.as_slice(), patched.get("note")), (&["note".to_owned()][..], &json!([])));
        assert!(done(Form::Merge, json!({})).unwrap().changed.is_empty());
    }

    #[test]
    fn a_json_patch_is_done_operation_by_operation() {
        let patched = done(
            Form::Operations,
            json!([
                {"op": "test", "path": "/description", "value": "d"},
                {"op": "replace", "path": "/description", "value": "e"},
                {"op": "add", "path": "/note/-", "value": {"text": "c"}},
                {"op": "remove", "path": "/note/0"},
                {"op": "copy", "from": "/item/0/quantity", "path": "/item/1/quantity"},
                {"op": "move", "from": "/item/0/billing", "path": "/billing"},
            ]),
        )
        .unwrap();
        assert_eq!(patched.changed, ["billing", "description", "item", "note"]);
        assert_eq!(patched.get("note"), &json!([{"id": "2", "text": "b"}, {"text": "c"}]));
        assert_eq!(patched.value["item"][1]["quantity"], 1);
    }

    #[test]
    fn a_json_patch_query_chooses_entries_by_what_they_contain() {
        let query = |op: Value| done(Form::Query, json!([op])).unwrap().value;
        let v = query(json!({"op": "replace", "path": "/item/billing/id?item.id=20", "value": "z"}));
        assert_eq!(
            (&v["item"][0]["billing"]["id"], &v["item"][1]["billing"]["id"]),
            (&json!("x"), &json!("z"))
        );
        let v = query(
            json!({"op": "replace", "path": "/item/quantity?item.party.role=customer&item.party.name=Mary",
            "value": 7}),
        );
        assert_eq!((&v["item"][0]["quantity"], &v["item"][1]["quantity"]), (&json!(7), &json!(2)));
        let v = query(json!({"op": "remove", "path": "/note?note.id=1"}));
        assert_eq!(v["note"], json!([{"id": "2", "text": "b"}]));
        let v = query(json!({"op": "remove", "path": "/item?item.party.role=customer"}));
        assert_eq!(v["item"], json!([]));
        let v = query(json!({"op": "add", "path": "/note", "value": {"text": "c"}}));
        assert_eq!(v["note"][2], json!({"text": "c"}));
        let v = query(json!({"op": "add", "path": "/item/party?item.id=10", "value": {"name": "Ann"}}));
        assert_eq!(
            (v["item"][0]["party"][1]["name"].as_str(), v["item"][1]["party"][1].as_str()),
            (Some("Ann"), None)
        );
        let v = query(json!({"op": "add", "path": "/item/name?item.id=10", "value": "n"}));
        assert_eq!((&v["item"][0]["name"], &v["item"][1]["name"]), (&json!("n"), &Value::Null));
        let v = query(json!({"op": "replace", "path": "$.item[?(@.id=='20')].quantity", "value": 9}));
        assert_eq!((&v["item"][0]["quantity"], &v["item"][1]["quantity"]), (&json!(1), &json!(9)));
        let v = query(json!({"op": "add", "path": "$.item[?@.id=='20'].name", "value": "n"}));
        assert_eq!((&v["item"][0]["name"], &v["item"][1]["name"]), (&Value::Null, &json!("n")));
        let v = query(json!({"op": "replace", "path": "/item/0/quantity", "value": 5}));
        assert_eq!(v["item"][0]["quantity"], 5);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let refused = |form, body| done(form, body).unwrap_err();
        for (form, body, start) in [
            (Form::Merge, json!([]), "the body"),
            (Form::Operations, json!({}), "the body"),
            (Form::Operations, json!([{"path": "/a"}]), "[0].op"),
            (Form::Operations, json!([{"op": "remove"}]), "[0].path"),
            (Form::Operations, json!([{"op": "turn", "path": "/id"}]), "[0]"),
            (Form::Operations, json!([{"op": "remove", "path": "/nothing"}]), "[0].path"),
            (Form::Operations, json!([{"op": "replace", "path": "", "value": 1}]), "the patch"),
            (Form::Operations, json!([{"op": "copy", "from": "/nothing", "path": "/a"}]), "[0].from"),
            (Form::Query, json!([{"op": "remove", "path": "/note?note.id=9"}]), "[0].path"),
            (Form::Query, json!([{"op": "remove", "path": "$.note[?("}]), "[0].path"),
            (Form::Query, json!([{"op": "remove", "path": "$.nothing"}]), "[0].path"),
            (
                Form::Query,
                json!([{"op": "copy", "from": "/note?note.text=a", "path": "/nothing/x"}]),
                "[0].path",
            ),
        ] {
            let problem = refused(form, body.clone());
            assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{body}");
            assert!(problem.message.starts_with(start), "{body}: {}", problem.message);
        }
        let problem = refused(Form::Operations, json!([{"op": "test", "path": "/id", "value": "2"}]));
        assert_eq!(problem.status, StatusCode::CONFLICT);
    }
}
