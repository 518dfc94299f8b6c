//! `/exportJob` and `/importJob`: posted entries as a file, and a file as posted entries. Both are done when they are
//! answered. The server writes and reads no file elsewhere: the file is the `data:` URL of the job itself (RFC 2397).

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use telvisor_model::EventKind;

use super::{Resource, delete, list, show_one};
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, Query};
use crate::clock::{new_id, show};
use crate::store::Json;
use crate::store::catalogue::EntryRow;

/// What a file of entries is, as a URL.
const FILE: &str = "data:application/json;base64,";
/// Members of a job that the server gives.
const GIVEN: [&str; 4] = ["status", "errorLog", "creationDate", "completionDate"];

/// The tasks of one API, and the resources that they work on.
pub struct Jobs {
    pub import: Resource,
    pub export: Resource,
    pub of: &'static [&'static Resource],
}

/// The routes of the tasks.
pub fn routes(jobs: &'static Jobs) -> Router<Doors> {
    let all = |of: &'static Resource| get(move |ask| list(of, ask));
    let one = |of: &'static Resource| {
        get(move |ask, id| show_one(of, ask, id)).delete(move |ask, id| delete(of, ask, id))
    };
    Router::new()
        .route("/exportJob", all(&jobs.export).post(move |ask, body| export(jobs, ask, body)))
        .route("/exportJob/{id}", one(&jobs.export))
        .route("/importJob", all(&jobs.import).post(move |ask, body| import(jobs, ask, body)))
        .route("/importJob/{id}", one(&jobs.import))
}

/// POST: 201 with the job, whose `url` is the file.
async fn export(jobs: &'static Jobs, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let mut job = begun(&jobs.export, &given)?;
    let outcome = exported(jobs, &ask, &job).await;
    let outcome = outcome.map(|file| {
        job.insert("url".to_owned(), json!(format!("{FILE}{}", BASE64.encode(file.to_string()))));
    });
    ended(&jobs.export, &ask, job, outcome).await
}

/// POST: 201 with the job; what it says of its success is in the catalogue by then.
async fn import(jobs: &'static Jobs, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let job = begun(&jobs.import, &given)?;
    let outcome = imported(jobs, &ask, &job).await;
    ended(&jobs.import, &ask, job, outcome).await
}

fn begun(of: &Resource, given: &Value) -> Result<Map<String, Value>, Problem> {
    let mut job = of.checked(given)?;
    job.retain(|name, _| !GIVEN.contains(&name.as_str()));
    Ok(job)
}

/// Stores the job as it ended and answers it. A database that does not answer is no end of a job.
async fn ended(
    of: &Resource,
    ask: &Ask,
    mut job: Map<String, Value>,
    outcome: Result<(), Problem>,
) -> Result<Response, Problem> {
    let engine = ask.engine();
    let mut tx = engine.db.tenant(&ask.caller.tenant).await?;
    of.has_room(ask, &mut tx).await?;
    let now = tx.now();
    let mut put = |name: &str, value: &str| job.insert(name.to_owned(), json!(value));
    put("creationDate", &show(now));
    put("completionDate", &show(now));
    put("status", if outcome.is_ok() { "Succeeded" } else { "Failed" });
    match outcome {
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => _ = put("errorLog", &problem.message),
        Ok(()) => {}
    }
    put("contentType", "application/json");
    if of.members("").contains(&"@type") {
        job.entry("@type").or_insert(json!(of.definition));
    }
    let entry = EntryRow {
        api: of.api.name.to_owned(),
        kind: of.name.to_owned(),
        id: new_id().to_string(),
        uid: new_id(),
        body: Json(Value::Object(job)),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tx.insert_entry(&entry).await?;
    tx.audit(&ask.caller, &format!("catalogue.{}", of.name), &entry.id, None).await?;
    tx.commit().await?;
    Ok(ask.created(of.posted(&ask.base, &entry)))
}

/// The resource that a path or address is of: `/productOffering`, `https://…/productOffering`.
fn at<'a>(jobs: &'a Jobs, path: &str) -> Option<&'a Resource> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    jobs.of.iter().copied().find(|r| r.name == last)
}

/// What the `path` of a job names; none when it names nothing.
fn named<'a>(jobs: &'a Jobs, job: &Map<String, Value>) -> Result<Option<&'a Resource>, Problem> {
    let Some(path) = job.get("path").and_then(Value::as_str) else { return Ok(None) };
    let names: Vec<_> = jobs.of.iter().map(|r| r.name).collect();
    let why = || Problem::invalid("path", format!("{path:?} is none of the resources {}", names.join(", ")));
    at(jobs, path).map(Some).ok_or_else(why)
}

/// Refuses what is no JSON.
fn is_json(job: &Map<String, Value>) -> Result<(), Problem> {
    match job.get("contentType").and_then(Value::as_str) {
        None | Some("application/json") => Ok(()),
        Some(other) => Err(Problem::invalid("contentType", format!("{other:?}: files are application/json"))),
    }
}

/// The posted entries that an export asks for.
async fn exported(jobs: &Jobs, ask: &Ask, job: &Map<String, Value>) -> Result<Value, Problem> {
    is_json(job)?;
    if !job["url"].as_str().is_some_and(|url| url.starts_with("data:")) {
        let why =
            "the server writes no file elsewhere; say \"data:,\" and find the file in the url of the answer";
        return Err(Problem::invalid("url", why));
    }
    let most = ask.engine().config.api.catalogue_most;
    let query = Query::parse(job.get("query").and_then(Value::as_str))?;
    let of = match named(jobs, job)? {
        Some(one) => vec![one],
        None => jobs.of.to_vec(),
    };
    let mut tx = ask.read().await?;
    let mut out = vec![];
    for of in of {
        let posted = tx.entries(of.api.name, of.name).await?;
        let posted = posted.iter().map(|e| of.posted(&ask.base, e)).collect();
        out.extend(query.in_memory(posted, &of.members(""), (most, most))?.0);
    }
    Ok(Value::Array(out))
}

/// Puts the entries of a file into the catalogue, all or none.
async fn imported(jobs: &Jobs, ask: &Ask, job: &Map<String, Value>) -> Result<(), Problem> {
    is_json(job)?;
    let file = job["url"].as_str().and_then(|url| url.strip_prefix(FILE)).ok_or_else(|| {
        Problem::invalid(
            "url",
            format!("the server reads no file elsewhere; give the file itself, as {FILE}…"),
        )
    })?;
    let octets = BASE64.decode(file).map_err(|e| Problem::invalid("url", format!("is no base64: {e}")))?;
    let entries: Vec<Value> = serde_json::from_slice(&octets)
        .map_err(|e| Problem::invalid("url", format!("the file is no JSON array: {e}")))?;
    let named = named(jobs, job)?;
    let engine = ask.engine();
    let mut tx = engine.db.tenant(&ask.caller.tenant).await?;
    for (n, given) in entries.iter().enumerate() {
        let wrong = |why: String| Problem::invalid(&format!("url: entry {n}"), why);
        let own = given["href"].as_str().and_then(|href| at(jobs, href.rsplit_once('/')?.0));
        let of = named.or(own).ok_or_else(|| wrong("of which resource? give a path, or its href".into()))?;
        let mut entry = of.new_entry(given, tx.now()).map_err(|e| wrong(e.message))?;
        if of.generated(ask).iter().any(|v| v["id"] == entry.id.as_str()) {
            return Err(wrong(format!("{} {} is made from the application packages", of.name, entry.id)));
        }
        let known = tx.entry(of.api.name, of.name, &entry.id).await?;
        let kind = if let Some(known) = known {
            entry = EntryRow { body: entry.body, updated_at: entry.updated_at, ..known };
            tx.update_entry(&entry).await?;
            EventKind::AttributeValueChange
        } else {
            of.has_room(ask, &mut tx).await?;
            tx.insert_entry(&entry).await?;
            EventKind::Create
        };
        of.tell(&mut tx, &entry, kind).await?;
    }
    engine.queue.publish(tx.commit().await?);
    Ok(())
}
