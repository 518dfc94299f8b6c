//! The official files, and whether an answer is what they declare.
//!
//! The files are the TM Forum's, under Apache-2.0, in `conformance/official/`; `patches.json` there mends their known
//! errors, each with its reason. An answer is held against the schema that the file gives for its method, path and
//! status; an error of any status against the file's `Error`. What a file does not declare at all (an operation that
//! is ours alone) is not judged.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use include_dir::{Dir, include_dir};
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde::Deserialize;
use serde_json::Value;

mod schema;

pub use schema::Strictness;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/conformance/official");

/// Most faults that are told of one answer.
const TOLD: usize = 5;

/// One version of one API, and the file that declares it.
pub struct Api {
    /// As on the command line: `tmf641`.
    pub name: &'static str,
    /// 4 or 5.
    pub version: u8,
    /// Path of the API on a server, without a slash at the end.
    pub base: &'static str,
    file: &'static str,
    document: OnceLock<Value>,
    /// Schemas that were compiled, by where they stand in the file and how strict they are.
    compiled: Mutex<HashMap<(String, Strictness), Arc<Validator>>>,
}

/// All that there are.
pub static APIS: LazyLock<Vec<Api>> = LazyLock::new(|| {
    let api = |name, version, base, file| Api {
        name,
        version,
        base,
        file,
        document: OnceLock::new(),
        compiled: Mutex::default(),
    };
    vec![
        api(
            "tmf620",
            4,
            "/tmf-api/productCatalogManagement/v4",
            "TMF620/TMF620-ProductCatalog-v4.1.0.swagger.json",
        ),
        api(
            "tmf622",
            4,
            "/tmf-api/productOrderingManagement/v4",
            "TMF622/TMF622-ProductOrder-v4.0.0.swagger.json",
        ),
        api(
            "tmf622",
            5,
            "/tmf-api/productOrderingManagement/v5",
            "TMF622/TMF622-ProductOrdering-v5.0.0.oas.json",
        ),
        api("tmf629", 4, "/tmf-api/customerManagement/v4", "TMF629/TMF629-Customer-v4.0.0.swagger.json"),
        api(
            "tmf633",
            4,
            "/tmf-api/serviceCatalogManagement/v4",
            "TMF633/TMF633-ServiceCatalog-v4.0.0.swagger.json",
        ),
        api("tmf635", 4, "/tmf-api/usageManagement/v4", "TMF635/TMF635-UsageManagement-v4.0.0.swagger.json"),
        api(
            "tmf637",
            4,
            "/tmf-api/productInventory/v4",
            "TMF637/TMF637-ProductInventory-v4.0.0.swagger.json",
        ),
        api(
            "tmf638",
            4,
            "/tmf-api/serviceInventory/v4",
            "TMF638/TMF638-ServiceInventory-v4.0.0.swagger.json",
        ),
        api(
            "tmf639",
            4,
            "/tmf-api/resourceInventoryManagement/v4",
            "TMF639/TMF639-ResourceInventory-v4.0.0.swagger.json",
        ),
        api(
            "tmf639",
            5,
            "/tmf-api/resourceInventoryManagement/v5",
            "TMF639/TMF639-Resource_Inventory_Management-v5.0.0.oas.json",
        ),
        api("tmf641", 4, "/tmf-api/serviceOrdering/v4", "TMF641/TMF641-ServiceOrdering-v4.1.0.swagger.json"),
        api("tmf641", 5, "/tmf-api/serviceOrdering/v5", "TMF641/TMF641-ServiceOrdering-v5.0.0.oas.json"),
        api("tmf642", 4, "/tmf-api/alarm/v4", "TMF642/TMF642-Alarm-v4.0.0.swagger.json"),
    ]
});

/// A change to an official file, and why the file is wrong there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Path of the file in `conformance/official/`.
    pub file: String,
    pub reason: String,
    /// RFC 6902.
    pub patch: json_patch::Patch,
}

/// What was asked, and what came back.
pub struct Exchange<'a> {
    pub method: &'a str,
    /// Below the API's base, with the query.
    pub target: &'a str,
    pub status: u16,
    /// The body as JSON; null when there is none.
    pub body: &'a Value,
}

impl Api {
    /// The API of this name and version.
    #[must_use]
    pub fn named(name: &str, version: u8) -> Option<&'static Self> {
        APIS.iter().find(|api| api.name == name && api.version == version)
    }

    /// The API that a path of a server belongs to, and the rest of the path.
    #[must_use]
    pub fn at(path: &str) -> Option<(&'static Self, &str)> {
        APIS.iter().find_map(|api| {
            let rest = path.strip_prefix(api.base)?;
            (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((api, rest))
        })
    }

    /// TMF641 v4.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} v{}", self.name.to_uppercase(), self.version)
    }

    /// The file, patched.
    ///
    /// # Panics
    /// When a file of the build is missing or a patch does not fit; a test reads them all.
    pub fn document(&self) -> &Value {
        self.document.get_or_init(|| {
            let text = FILES.get_file(self.file).expect("the official files are in the build").contents();
            let mut document = serde_json::from_slice(text).expect("the official files are JSON");
            for patch in patches().iter().filter(|p| p.file == self.file) {
                json_patch::patch(&mut document, &patch.patch)
                    .unwrap_or_else(|e| panic!("{}: {}: {e}", self.file, patch.reason));
            }
            document
        })
    }

    /// The values that the file allows for an enumeration, such as `ServiceOrderStateType`.
    #[must_use]
    pub fn enumeration(&self, name: &str) -> Vec<&str> {
        let list = self.document().pointer(&format!("{}/{name}/enum", schema::definitions(self.document())));
        list.and_then(Value::as_array).map_or_else(Vec::new, |l| l.iter().filter_map(Value::as_str).collect())
    }

    /// Paths of the collections that can be listed, without the hub.
    #[must_use]
    pub fn collections(&self) -> Vec<String> {
        let paths = self.document()["paths"].as_object().into_iter().flatten();
        let lists = paths.filter(|(path, operations)| {
            operations.get("get").is_some() && !path.contains('{') && !path.starts_with("/hub")
        });
        lists.map(|(path, _)| path.clone()).collect()
    }

    /// Whether the file has an operation.
    #[must_use]
    pub fn declares(&self, method: &str, path: &str) -> bool {
        self.responses(method, path).is_some()
    }

    /// Members that a POST to a collection must bring.
    #[must_use]
    pub fn mandatory(&self, path: &str) -> Vec<&str> {
        let operation = &self.document()["paths"][path]["post"];
        let body = operation["parameters"].as_array().into_iter().flatten().find(|p| p["in"] == "body");
        let whole = &operation["requestBody"];
        let whole = whole["$ref"]
            .as_str()
            .and_then(|r| self.document().pointer(r.trim_start_matches('#')))
            .unwrap_or(whole);
        let content = whole["content"].as_object().and_then(|kinds| kinds.values().next());
        let mut names = vec![];
        if let Some(schema) = body.or(content).map(|part| &part["schema"]) {
            self.demanded(schema, &mut names);
        }
        names
    }

    /// What a schema requires, its parts included.
    fn demanded<'a>(&'a self, schema: &'a Value, names: &mut Vec<&'a str>) {
        if let Some(place) =
            schema["$ref"].as_str().and_then(|r| self.document().pointer(r.trim_start_matches('#')))
        {
            return self.demanded(place, names);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.demanded(part, names);
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }

    /// What is wrong with an answer; empty when nothing is, or when the file does not know the operation.
    pub fn faults(&self, exchange: &Exchange, extensions: bool) -> Vec<String> {
        let (path, query) = exchange.target.split_once('?').unwrap_or((exchange.target, ""));
        if exchange.status >= 400 {
            let place = format!("{}/Error", schema::definitions(self.document()));
            return self.against(&place, Strictness { extensions, partial: false }, exchange.body);
        }
        let Some(responses) = self.responses(exchange.method, path) else { return vec![] };
        // 304 is an answer of HTTP, which the files leave out.
        if exchange.status == 304 {
            return vec![];
        }
        let Some(place) = self.schema_of(&responses, exchange.status) else {
            return vec![format!("the official file declares no {} here", exchange.status)];
        };
        match place {
            None if exchange.body.is_null() => vec![],
            None if exchange.status == 204 => vec![format!("a body under status 204: {}", exchange.body)],
            None => vec![],
            Some(place) => {
                let partial = query.split('&').any(|pair| pair.starts_with("fields="));
                self.against(&place, Strictness { extensions, partial }, exchange.body)
            }
        }
    }

    /// What is wrong with a value as one of the file's definitions, such as `ServiceOrder`.
    pub fn faults_as(&self, definition: &str, value: &Value, extensions: bool) -> Vec<String> {
        let place = format!("{}/{definition}", schema::definitions(self.document()));
        self.against(&place, Strictness { extensions, partial: false }, value)
    }

    /// The same of a value that may leave members out, as events do.
    pub fn faults_in_part(&self, definition: &str, value: &Value, extensions: bool) -> Vec<String> {
        let place = format!("{}/{definition}", schema::definitions(self.document()));
        self.against(&place, Strictness { extensions, partial: true }, value)
    }

    /// Where the responses of an operation stand.
    fn responses(&self, method: &str, path: &str) -> Option<String> {
        let asked: Vec<&str> = path.trim_matches('/').split('/').collect();
        let paths = self.document()["paths"].as_object()?;
        let fits = |template: &str| {
            let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
            parts.len() == asked.len() && parts.iter().zip(&asked).all(|(p, a)| p == a || p.starts_with('{'))
        };
        let (template, operations) = paths.iter().find(|(template, _)| fits(template))?;
        let method = method.to_lowercase();
        operations.get(&method)?;
        Some(format!("/paths/{}/{method}/responses", template.replace('~', "~0").replace('/', "~1")))
    }

    /// Where the schema of a response stands: none when the status is not declared, none inside when it has no body.
    fn schema_of(&self, responses: &str, status: u16) -> Option<Option<String>> {
        let document = self.document();
        let declared = document.pointer(responses)?;
        let key =
            if declared.get(status.to_string()).is_some() { status.to_string() } else { "default".into() };
        let mut place = format!("{responses}/{key}");
        let mut response = document.pointer(&place)?;
        if let Some(elsewhere) = response["$ref"].as_str() {
            place = elsewhere.trim_start_matches('#').to_owned();
            response = document.pointer(&place)?;
        }
        if response.get("schema").is_some() {
            return Some(Some(format!("{place}/schema")));
        }
        let kind =
            response["content"].as_object().and_then(|kinds| kinds.keys().find(|k| k.contains("json")));
        Some(kind.map(|kind| format!("{place}/content/{}/schema", kind.replace('/', "~1"))))
    }

    fn against(&self, place: &str, strictness: Strictness, value: &Value) -> Vec<String> {
        let validator = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (place.to_owned(), strictness);
            Arc::clone(compiled.entry(key).or_insert_with(|| Arc::new(self.compile(place, strictness))))
        };
        if validator.is_valid(value) {
            return vec![];
        }
        told(validator.iter_errors(value).map(|e| {
            (
                e.instance_path().to_string(),
                matches!(e.kind(), ValidationErrorKind::UnevaluatedProperties { .. }),
                e.to_string(),
            )
        }))
    }

    fn compile(&self, place: &str, strictness: Strictness) -> Validator {
        let schema = schema::of(self.document(), place, strictness);
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap_or_else(|e| panic!("{} {place}: {e}", self.file))
    }
}

/// The faults at the bottom of the others: where a member is wrong, all members around it count as unknown, too.
fn told(faults: impl Iterator<Item = (String, bool, String)>) -> Vec<String> {
    let mut faults: Vec<_> = faults.collect();
    faults.sort_by_key(|(path, unknown, _)| (*unknown, std::cmp::Reverse(path.len())));
    let mut kept: Vec<(String, String)> = vec![];
    for (path, unknown, words) in faults {
        if !unknown || !kept.iter().any(|(below, _)| below.starts_with(&path)) {
            kept.push((path, words));
        }
    }
    kept.into_iter().take(TOLD).map(|(path, words)| format!("{path}: {words}")).collect()
}

/// The changes to the official files.
///
/// # Panics
/// When the list is no list of patches; a test reads it.
pub fn patches() -> &'static [Patch] {
    static PATCHES: LazyLock<Vec<Patch>> = LazyLock::new(|| {
        let text = FILES.get_file("patches.json").expect("the list of patches is in the build").contents();
        serde_json::from_slice(text).expect("patches.json is a list of patches")
    });
    &PATCHES
}

#[cfg(test)]
mod tests;
