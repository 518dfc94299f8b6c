//! Record-only entries: POST, PATCH and DELETE of the inventories and of usage. What is written down here is shown in
//! the lists, marked by the characteristic `recordOnly`, and goes nowhere else: no job, no machine, no journal, no
//! file. What was ordered is not changed here: 409 that names the door where it is.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, patch, post};
use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde_json::{Value, json};
use telvisor_model::{EventKind, Resource};
use telvisor_sdr::record::RecordType;
use uuid::Uuid;

use crate::api::Doors;
use crate::api::idempotency::{again, made_before};
use crate::api::official::Official;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, PatchBody, etag};
use crate::clock::{new_id, show as time};
use crate::orders::is_customer_id;
use crate::store::events::EventRow;
use crate::store::records::{Columns, RecordRow};
use crate::store::{Json, StoreError, Tenant, Tx};

/// Name of the characteristic that marks a record-only entry. What a client says of it is dropped.
pub const MARK: &str = "recordOnly";

/// Members that say how a resource extends its definition (TMF630).
const EXTENSION: [&str; 3] = ["@type", "@baseType", "@schemaLocation"];

/// How one API keeps its record-only entries.
pub struct Records {
    pub kind: Resource,
    /// What one is called in refusals.
    pub word: &'static str,
    /// Its `@type` where the client gives none.
    pub type_name: &'static str,
    /// Path of the list, below scheme and host.
    pub path: &'static str,
    /// Its official file.
    pub file: &'static LazyLock<Official>,
    /// Definitions of what POST takes, and of what PATCH may change.
    pub create: &'static str,
    pub update: &'static str,
    /// The member with the characteristics.
    pub characteristics: &'static str,
    /// The mark as an entry of that member.
    pub mark: fn() -> Value,
    /// Where what is not record-only is changed.
    pub door: &'static str,
    /// Puts in what every entry shows though the client gave none.
    pub complete: fn(&mut Value, DateTime<Utc>),
    /// What lists filter and sort by.
    pub columns: fn(&Value) -> Columns,
    /// From the form of the API's version to the form that is kept, and back.
    pub inward: fn(Value) -> Value,
    pub outward: fn(Value) -> Value,
}

/// The mark of most APIs.
#[must_use]
pub fn mark() -> Value {
    json!({ "name": MARK, "valueType": "boolean", "value": true })
}

/// For APIs whose form is the one that is kept.
#[must_use]
pub fn same(body: Value) -> Value {
    body
}

/// A text in a body.
#[must_use]
pub fn text(body: &Value, pointer: &str) -> Option<String> {
    body.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// A time in a body.
#[must_use]
pub fn moment(body: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    let text = body.pointer(pointer)?.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// Whom an entry is for: the party with role customer, else the first one.
#[must_use]
pub fn customer(body: &Value) -> Option<String> {
    let parties = body["relatedParty"].as_array()?;
    let is_customer =
        |p: &&Value| p["role"].as_str().is_some_and(|role| role.eq_ignore_ascii_case("customer"));
    let party = parties.iter().find(is_customer).or_else(|| parties.first())?;
    text(party, "/id").or_else(|| text(party, "/partyOrPartyRole/id"))
}

impl Records {
    /// An entry as GET shows it.
    #[must_use]
    pub fn shown(&self, base: &str, row: &RecordRow) -> Value {
        self.shown_as(base, &row.id, row.body.0.clone())
    }

    /// The entry of an event.
    ///
    /// # Errors
    /// When it is no event of an entry.
    pub fn of_event(&self, base: &str, e: &EventRow) -> Result<Value, serde_json::Error> {
        let id =
            e.body["id"].as_str().ok_or_else(|| serde_json::Error::custom("it is no record-only entry"))?;
        // What was erased since is empty.
        let body = e.personal.as_ref().map_or_else(|| json!({}), |p| p.0.clone());
        Ok(self.shown_as(base, id, body))
    }

    fn shown_as(&self, base: &str, id: &str, body: Value) -> Value {
        let mut out = (self.outward)(body);
        out["id"] = json!(id);
        out["href"] = json!(format!("{base}{}/{id}", self.path));
        if out["@type"].is_null() {
            out["@type"] = json!(self.type_name);
        }
        match out.get_mut(self.characteristics).and_then(Value::as_array_mut) {
            Some(list) => list.push((self.mark)()),
            None => out[self.characteristics] = json!([(self.mark)()]),
        }
        out
    }

    /// The body to keep of what a client gave or a patch left, if it is right.
    fn kept(&self, body: &Value) -> Result<Value, Problem> {
        let mut members = self.file.checked(self.create, body)?;
        members.retain(|name, _| name != "id" && name != "href");
        // How a resource is extended may be said where the file has no member for it.
        for name in EXTENSION {
            members.extend(body[name].is_string().then(|| (name.to_owned(), body[name].clone())));
        }
        let mut body = Value::Object(members);
        if let Some(list) = body.get_mut(self.characteristics).and_then(Value::as_array_mut) {
            list.retain(|c| c["name"] != MARK);
        }
        Ok((self.inward)(body))
    }

    fn type_of(&self, body: &Value) -> String {
        text(body, "/@type").unwrap_or_else(|| self.type_name.to_owned())
    }

    fn generated(&self, id: &str) -> Problem {
        let message = format!("{} {id} is no record-only entry: it is changed by {}", self.word, self.door);
        Problem::conflict("notRecordOnly", message)
    }

    /// The entry of this id.
    async fn find(&self, tx: &mut Tx<Tenant>, id: &str) -> Result<RecordRow, Problem> {
        match tx.record(self.kind, id).await? {
            Some(row) => Ok(row),
            None if is_generated(tx, self.kind, id).await? => Err(self.generated(id)),
            None => Err(Problem::not_found(self.word, id)),
        }
    }

    /// POST on the list.
    pub fn on_list(&'static self) -> MethodRouter<Doors> {
        post(async |ask: Ask, JsonBody(body): JsonBody| self.create(&ask, body).await)
    }

    /// PATCH and DELETE on an entry.
    pub fn on_one(&'static self) -> MethodRouter<Doors> {
        patch(async |ask: Ask, Path(id): Path<String>, body: PatchBody| self.patch(&ask, &id, &body).await)
            .delete(async |ask: Ask, Path(id): Path<String>| self.delete(&ask, &id).await)
    }

    /// POST: writes an entry down. `id` may be given, so that what comes from elsewhere keeps its own.
    ///
    /// # Errors
    /// 400 with the path of the wrong member, 409 for an id that is taken, and for a key that was used with other
    /// content.
    async fn create(&self, ask: &Ask, body: Value) -> Result<Response, Problem> {
        let id = match &body["id"] {
            Value::Null => new_id().to_string(),
            Value::String(id) if is_customer_id(id) => id.clone(),
            _ => {
                let why = "must be 1 to 64 letters, digits and . _ : @ -, a letter or digit first";
                return Err(Problem::invalid("id", why));
            }
        };
        let uid = new_id();
        let mut kept = self.kept(&body)?;
        let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
        if let Some(before) = made_before(ask, &mut tx, self.kind.as_str(), &body, uid).await? {
            let row = tx.record_by_uid(before).await?;
            return again(ask, row.map(|row| self.shown(&ask.base, &row)));
        }
        let now = tx.now();
        (self.complete)(&mut kept, now);
        let row = RecordRow {
            uid,
            kind: self.kind,
            id: id.clone(),
            version: 1,
            type_name: self.type_of(&kept),
            columns: (self.columns)(&kept),
            body: Json(kept),
            created_at: now,
            changed_at: now,
        };
        let taken =
            || Problem::conflict("alreadyExists", format!("id: there is a {} {id} already", self.word));
        if is_generated(&mut tx, self.kind, &id).await? {
            return Err(taken());
        }
        match tx.insert_record(&row).await {
            Err(e) if e.is_duplicate() => return Err(taken()),
            done => done?,
        }
        tell(&mut tx, EventKind::Create, &row).await?;
        tx.audit(&ask.caller, "record.create", &row.uid.to_string(), None).await?;
        tx.commit().await?;
        Ok(ask.created(self.shown(&ask.base, &row)))
    }

    /// PATCH: changes an entry.
    ///
    /// # Errors
    /// 400 with the path of the wrong member, 404, 409 for what is not record-only, 412.
    async fn patch(&self, ask: &Ask, id: &str, body: &PatchBody) -> Result<Response, Problem> {
        ask.unlost(|| self.patch_once(ask, id, body)).await
    }

    async fn patch_once(&self, ask: &Ask, id: &str, body: &PatchBody) -> Result<Response, Problem> {
        let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
        let mut row = self.find(&mut tx, id).await?;
        let stored = self.shown(&ask.base, &row);
        ask.must_match(&stored)?;
        let patched = body.patched(&stored)?;
        let may = self.file.members(self.update);
        let fixed = |name: &&String| {
            let name = name.as_str();
            name == "id" || name == "href" || (!may.contains(&name) && !EXTENSION.contains(&name))
        };
        if let Some(name) = patched.changed.iter().find(fixed) {
            return Err(Problem::invalid(name, "cannot be changed"));
        }
        // What the patch did not touch stays as it is kept: this version may not show all of it.
        let mut wanted = self.kept(&patched.value)?;
        let mut body = row.body.0.clone();
        for name in &patched.changed {
            body[name] = wanted[name].take();
        }
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        (self.complete)(&mut body, row.created_at);
        if body == row.body.0 {
            return Ok(ask.one(stored));
        }
        let was = row.columns.state.take();
        row.type_name = self.type_of(&body);
        row.columns = (self.columns)(&body);
        row.body = Json(body);
        row.changed_at = tx.now();
        if !tx.update_record(&row).await? {
            return Err(etag::changed());
        }
        row.version += 1;
        let kind =
            if row.columns.state == was { EventKind::AttributeValueChange } else { EventKind::StateChange };
        tell(&mut tx, kind, &row).await?;
        tx.audit(&ask.caller, "record.change", &row.uid.to_string(), None).await?;
        tx.commit().await?;
        Ok(ask.one(self.shown(&ask.base, &row)))
    }

    /// DELETE: takes an entry away.
    ///
    /// # Errors
    /// 404, 409 for what is not record-only, 412.
    async fn delete(&self, ask: &Ask, id: &str) -> Result<Response, Problem> {
        ask.unlost(|| self.delete_once(ask, id)).await
    }

    async fn delete_once(&self, ask: &Ask, id: &str) -> Result<Response, Problem> {
        let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
        let row = self.find(&mut tx, id).await?;
        ask.must_match(&self.shown(&ask.base, &row))?;
        if !tx.delete_record(row.uid, row.version).await? {
            return Err(etag::changed());
        }
        tell(&mut tx, EventKind::Delete, &row).await?;
        tx.audit(&ask.caller, "record.delete", &row.uid.to_string(), None).await?;
        tx.commit().await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

/// The body of an entry is personal; the rest of its event says which entry it is.
async fn tell(tx: &mut Tx<Tenant>, kind: EventKind, row: &RecordRow) -> Result<(), StoreError> {
    let body = json!({ "id": row.id, "createdAt": time(row.created_at) });
    tx.tell(row.kind, row.uid, kind, &body, Some(&row.body.0)).await
}

/// Whether something that was ordered, or that Telvisor made, has this id.
async fn is_generated(tx: &mut Tx<Tenant>, kind: Resource, id: &str) -> Result<bool, StoreError> {
    let uuid = id.parse::<Uuid>().ok();
    let named = matches!(kind, Resource::Product | Resource::Service);
    if named && tx.customer_by_id(id).await?.is_some() {
        return Ok(true);
    }
    if kind == Resource::UsageSpecification {
        return Ok(id.parse::<RecordType>().is_ok());
    }
    let Some(uuid) = uuid else {
        return Ok(false);
    };
    Ok((named && tx.subscription(uuid).await?.is_some())
        || (matches!(kind, Resource::Service | Resource::Resource) && tx.machine(uuid).await?.is_some())
        || (kind == Resource::Usage && tx.sdr(uuid).await?.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_customer_of_an_entry_is_found_in_both_forms() {
        let found = |parties: Value| customer(&json!({ "relatedParty": parties }));
        assert_eq!(found(json!([{"id": "a"}, {"id": "b", "role": "Customer"}])).as_deref(), Some("b"));
        assert_eq!(found(json!([{"id": "a", "role": "seller"}])).as_deref(), Some("a"));
        let v5 = json!([{"role": "customer", "partyOrPartyRole": {"id": "c"}}]);
        assert_eq!(found(v5).as_deref(), Some("c"));
        assert_eq!(found(json!([])), None);
    }
}
