//! The catalogues of TMF620 and TMF633: what application packages make, read only, and beside it what operators post,
//! change and delete. One set of handlers serves every resource of both.

pub mod jobs;
pub mod shelf;

use std::collections::HashSet;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use telvisor_model::{EventKind, Resource as Told};

use self::shelf::Shelf;
use super::Doors;
use super::idempotency::{again, made_before};
use super::official::Official;
use super::problem::Problem;
use super::request::JsonBody;
use super::tmf630::{Ask, PatchBody, etag, found};
use crate::clock::{new_id, show};
use crate::store::catalogue::{EntryBody, EntryRow};
use crate::store::events::EventRow;
use crate::store::{Json, StoreError, Tenant, Tx};

/// One of the two APIs.
pub struct Api {
    /// `TMF620`, as stored.
    pub name: &'static str,
    /// Base path.
    pub path: &'static str,
    pub official: &'static LazyLock<Official>,
    /// It has an event of its own for a new `lifecycleStatus`.
    pub tells_status: bool,
}

/// A resource of a catalogue.
pub struct Resource {
    pub api: &'static Api,
    /// `productOffering`, as in paths.
    pub name: &'static str,
    /// `ProductOffering`, as in the official file.
    pub definition: &'static str,
    /// What its events are about; none: nothing is told of it.
    pub told: Option<Told>,
    /// What application packages make.
    pub generated: fn(&Shelf<'_>) -> Vec<Value>,
}

/// The routes of these resources.
pub fn routes(resources: &[&'static Resource]) -> Router<Doors> {
    resources.iter().fold(Router::new(), |router, &of| {
        let all = get(move |ask| list(of, ask)).post(move |ask, body| create(of, ask, body));
        let one = get(move |ask, id| show_one(of, ask, id))
            .patch(move |ask, id, body| patch(of, ask, id, body))
            .delete(move |ask, id| delete(of, ask, id));
        router.route(&format!("/{}", of.name), all).route(&format!("/{}/{{id}}", of.name), one)
    })
}

impl Resource {
    fn generated(&self, ask: &Ask) -> Vec<Value> {
        (self.generated)(&Shelf { base: &ask.base, catalogue: &ask.engine().catalogue })
    }

    fn members(&self, definition: &str) -> Vec<&'static str> {
        let official: &'static Official = self.api.official;
        official.members(&format!("{}{definition}", self.definition))
    }

    /// A body as the Create definition knows it, without the time that the server gives.
    fn checked(&self, body: &Value) -> Result<Map<String, Value>, Problem> {
        let mut kept = self.api.official.checked(&format!("{}_Create", self.definition), body)?;
        kept.remove("lastUpdate");
        Ok(kept)
    }

    /// A posted entry as it is shown.
    fn posted(&self, base: &str, e: &EntryRow) -> Value {
        self.shown(base, &e.id, &e.body.0, e.updated_at)
    }

    fn shown(&self, base: &str, id: &str, body: &Value, updated_at: DateTime<Utc>) -> Value {
        let mut out = body.clone();
        out["id"] = json!(id);
        out["href"] = json!(format!("{base}{}/{}/{id}", self.api.path, self.name));
        if self.members("").contains(&"lastUpdate") {
            out["lastUpdate"] = json!(show(updated_at));
        }
        out
    }

    /// The entry that one of its events shows.
    ///
    /// # Errors
    /// When it is no event of an entry.
    pub fn of_event(&self, base: &str, e: &EventRow) -> Result<Value, serde_json::Error> {
        let entry: EntryBody = serde_json::from_value(e.body.0.clone())?;
        Ok(self.shown(base, &entry.id, &entry.body, entry.updated_at))
    }

    /// A posted entry, to be changed or deleted.
    async fn to_change(&self, ask: &Ask, id: &str) -> Result<EntryRow, Problem> {
        if self.generated(ask).iter().any(|v| v["id"] == id) {
            let message = format!(
                "{} {id} is made from the application packages and is read only: publish or withdraw the package",
                self.name
            );
            return Err(Problem::conflict("readOnly", message));
        }
        found(self.name, id, ask.read().await?.entry(self.api.name, self.name, id).await?)
    }

    /// A new entry of what was given, under the id that it chose or a new one, with the defaults.
    fn new_entry(&self, given: &Value, now: DateTime<Utc>) -> Result<EntryRow, Problem> {
        let mut body = self.checked(given)?;
        let members = self.members("");
        let mut default = |name: &str, value: Value| {
            if members.contains(&name) {
                body.entry(name).or_insert(value);
            }
        };
        default("lifecycleStatus", json!("In study"));
        default("version", json!("1.0"));
        default("isBundle", json!(false));
        default("isSellable", json!(false));
        default("isRoot", json!(given["parentId"].is_null()));
        default("@type", json!(self.definition));
        Ok(EntryRow {
            api: self.api.name.to_owned(),
            kind: self.name.to_owned(),
            id: id_of(given)?,
            uid: new_id(),
            body: Json(Value::Object(body)),
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Refuses one more entry than a tenant may have.
    async fn has_room(&self, ask: &Ask, tx: &mut Tx<Tenant>) -> Result<(), Problem> {
        let most = ask.engine().config.api.catalogue_most;
        if tx.count_entries(self.api.name, self.name).await? >= most {
            let message = format!(
                "there are {most} posted entries of {} (api.catalogue_most); delete what is not needed",
                self.name
            );
            return Err(Problem::conflict("catalogueFull", message));
        }
        Ok(())
    }

    async fn tell(&self, tx: &mut Tx<Tenant>, e: &EntryRow, kind: EventKind) -> Result<(), StoreError> {
        let Some(told) = self.told else { return Ok(()) };
        let body = EntryBody { id: e.id.clone(), body: e.body.0.clone(), updated_at: e.updated_at };
        tx.tell(told, e.uid, kind, &body, None).await
    }
}

/// GET: what packages make, in catalogue order, then what was posted, newest first.
async fn list(of: &'static Resource, ask: Ask) -> Result<Response, Problem> {
    let mut all = of.generated(&ask);
    let ids: HashSet<String> = all.iter().filter_map(|v| v["id"].as_str()).map(str::to_owned).collect();
    let posted = ask.read().await?.entries(of.api.name, of.name).await?;
    // A package that came later hides what was posted under its id.
    all.extend(posted.iter().filter(|e| !ids.contains(&e.id)).map(|e| of.posted(&ask.base, e)));
    ask.list_of(all, &of.members(""))
}

async fn show_one(of: &'static Resource, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    if let Some(shown) = of.generated(&ask).into_iter().find(|v| v["id"] == id.as_str()) {
        return Ok(ask.one(shown));
    }
    let entry = ask.read().await?.entry(of.api.name, of.name, &id).await?;
    Ok(ask.one(of.posted(&ask.base, &found(of.name, &id, entry)?)))
}

/// POST: 201 with the entry. The client may give an id that is free. A repeat under the same key shows it as it is now.
async fn create(of: &'static Resource, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let engine = ask.engine();
    let entry = of.new_entry(&given, engine.db.clock().now())?;
    let id = &entry.id;
    let kind = format!("{} {}", of.api.name, of.name);
    let taken = || Problem::conflict("alreadyExists", format!("id: there is a {} {id} already", of.name));
    if of.generated(&ask).iter().any(|v| v["id"] == id.as_str()) {
        return Err(taken());
    }
    let mut tx = engine.db.tenant(&ask.caller.tenant).await?;
    if let Some(before) = made_before(&ask, &mut tx, &kind, &given, entry.uid).await? {
        let entry = tx.entry_by_uid(before).await?;
        return again(&ask, entry.map(|entry| of.posted(&ask.base, &entry)));
    }
    of.has_room(&ask, &mut tx).await?;
    if !tx.insert_entry(&entry).await? {
        return Err(taken());
    }
    of.tell(&mut tx, &entry, EventKind::Create).await?;
    tx.audit(&ask.caller, "catalogue.create", &format!("{} {id}", of.name), None).await?;
    engine.queue.publish(tx.commit().await?);
    Ok(ask.created(of.posted(&ask.base, &entry)))
}

/// PATCH: 200 with the entry as it is then.
async fn patch(
    of: &'static Resource,
    ask: Ask,
    Path(id): Path<String>,
    given: PatchBody,
) -> Result<Response, Problem> {
    ask.unlost(|| patch_once(of, &ask, &id, &given)).await
}

async fn patch_once(of: &Resource, ask: &Ask, id: &str, given: &PatchBody) -> Result<Response, Problem> {
    let mut entry = of.to_change(ask, id).await?;
    let stored = of.posted(&ask.base, &entry);
    ask.must_match(&stored)?;
    let patched = given.patched(&stored)?;
    let may = of.members("_Update");
    if let Some(name) = patched.changed.iter().find(|name| !may.contains(&name.as_str())) {
        return Err(Problem::invalid(name, format!("cannot be changed; possible: {}", may.join(", "))));
    }
    let body = of.checked(&patched.value)?;
    if patched.changed.is_empty() {
        return Ok(ask.one(stored));
    }
    let engine = ask.engine();
    let mut tx = engine.db.tenant(&ask.caller.tenant).await?;
    entry.body = Json(Value::Object(body));
    entry.updated_at = tx.now();
    if !tx.update_entry(&entry).await? {
        return Err(etag::changed());
    }
    let is_status = |name: &String| of.api.tells_status && name == "lifecycleStatus";
    if patched.changed.iter().any(is_status) {
        of.tell(&mut tx, &entry, EventKind::StateChange).await?;
    }
    if !patched.changed.iter().all(is_status) {
        of.tell(&mut tx, &entry, EventKind::AttributeValueChange).await?;
    }
    let detail = json!({ "changed": patched.changed });
    tx.audit(&ask.caller, "catalogue.change", &format!("{} {id}", of.name), Some(&detail)).await?;
    engine.queue.publish(tx.commit().await?);
    Ok(ask.one(of.posted(&ask.base, &entry)))
}

/// DELETE: 204.
async fn delete(of: &'static Resource, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    ask.unlost(|| delete_once(of, &ask, &id)).await
}

async fn delete_once(of: &Resource, ask: &Ask, id: &str) -> Result<Response, Problem> {
    let entry = of.to_change(ask, id).await?;
    ask.must_match(&of.posted(&ask.base, &entry))?;
    let engine = ask.engine();
    let mut tx = engine.db.tenant(&ask.caller.tenant).await?;
    if !tx.delete_entry(&entry).await? {
        return Err(etag::changed());
    }
    of.tell(&mut tx, &entry, EventKind::Delete).await?;
    tx.audit(&ask.caller, "catalogue.delete", &format!("{} {id}", of.name), None).await?;
    engine.queue.publish(tx.commit().await?);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The id that the client chose, or a new one.
fn id_of(given: &Value) -> Result<String, Problem> {
    let fits = |id: &str| {
        id.len() <= 128
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "._:@~-".contains(c))
    };
    match &given["id"] {
        Value::Null => Ok(new_id().to_string()),
        Value::String(id) if fits(id) => Ok(id.clone()),
        _ => {
            let why = "must be 1 to 128 letters, digits and . _ : @ ~ -, a letter or digit first";
            Err(Problem::invalid("id", why))
        }
    }
}
