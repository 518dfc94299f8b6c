//! What changes of a customer is told, in the transaction that changes it.

use serde_json::{Map, Value};
use telvisor_model::{EventKind, Resource};

use crate::store::customers::CustomerRow;
use crate::store::events::EventRow;
use crate::store::{StoreError, Tenant, Tx};

/// Members of a customer that stand in the personal part of its events.
const PERSONAL: [&str; 5] = ["name", "email", "phone", "language", "characteristics"];
/// Where the TMF629 resource as it was given stands in the personal part.
const PROFILE: &str = "profile";

/// Writes a customer and tells what is new of it; `before` is what was stored, none of a new one. `profile`, where there
/// is one, is what TMF629 gave, and replaces what it gave before.
///
/// # Errors
/// When the database refuses.
pub async fn save(
    tx: &mut Tx<Tenant>,
    before: Option<&CustomerRow>,
    now: &CustomerRow,
    profile: Option<&Value>,
) -> Result<(), StoreError> {
    match before {
        Some(before) => tx.save_customer(before, now).await?,
        None => tx.insert_customer(now).await?,
    }
    if let Some(profile) = profile {
        tx.save_profile(now.uid, profile).await?;
    }
    let Some(before) = before else {
        let (body, personal) = shown(now, profile.cloned());
        return tx.tell_first(Resource::Customer, now.uid, EventKind::Create, &body, Some(&personal)).await;
    };
    if profile.is_some() || !same_data(before, now) {
        tell(tx, now, EventKind::AttributeValueChange).await?;
    }
    if before.state != now.state {
        tell(tx, now, EventKind::StateChange).await?;
        // A terminated customer stays readable; to those who keep a copy it is gone.
        if now.state == "terminated" {
            tell(tx, now, EventKind::Delete).await?;
        }
    }
    Ok(())
}

fn same_data(a: &CustomerRow, b: &CustomerRow) -> bool {
    let data = |c: &CustomerRow| {
        (
            c.name.clone(),
            c.email.clone(),
            c.phone.clone(),
            c.language.clone(),
            c.test,
            c.characteristics.0.clone(),
        )
    };
    data(a) == data(b)
}

async fn tell(tx: &mut Tx<Tenant>, c: &CustomerRow, kind: EventKind) -> Result<(), StoreError> {
    let (body, personal) = shown(c, tx.profile(c.uid).await?);
    tx.tell(Resource::Customer, c.uid, kind, &body, Some(&personal)).await
}

/// What an event shows of a customer: the body, and the personal part.
fn shown(c: &CustomerRow, profile: Option<Value>) -> (Value, Value) {
    let mut body = serde_json::to_value(c).expect("plain data");
    let mut personal = Map::new();
    if let Some(members) = body.as_object_mut() {
        personal.extend(PERSONAL.iter().filter_map(|name| members.remove_entry(*name)));
    }
    personal.extend(profile.map(|profile| (PROFILE.to_owned(), profile)));
    (body, Value::Object(personal))
}

/// The customer that an event shows, with what TMF629 gave; its personal values are empty where they are gone.
///
/// # Errors
/// When it is no event of a customer.
pub fn of_event(e: &EventRow) -> Result<(CustomerRow, Option<Value>), serde_json::Error> {
    let mut members: Map<String, Value> = serde_json::from_value(e.body.0.clone())?;
    let personal = e.personal.as_ref().and_then(|p| p.0.as_object());
    members.extend(personal.cloned().unwrap_or_default());
    let profile = members.remove(PROFILE);
    Ok((serde_json::from_value(Value::Object(members))?, profile))
}
