//! PATCH and DELETE of a customer. A change of status is an order; other members are the customer's own data, and are
//! changed at once.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{body, draft, item, load, path, place, placed, render};
use crate::api::official;
use crate::api::problem::Problem;
use crate::api::tmf630::{Ask, PatchBody, Patched};
use crate::orders::resolve::new_customer;
use crate::orders::{Ask as Wanted, Draft, OrderError, customers};
use crate::store::customers::CustomerRow;
use crate::store::{Tenant, Tx};

/// What `status` may be set to, and the state of the service that this is.
const STATUSES: [(&str, Option<&str>); 3] =
    [("active", Some("active")), ("suspended", Some("inactive")), ("terminated", None)];

/// PATCH: 200 with the customer as it is now; a new `status` is that of an order, which the Link header names.
///
/// # Errors
/// 400 with the path of the wrong member, 409 for a state that forbids it, 404, 412.
pub async fn patch(ask: Ask, Path(id): Path<String>, given: PatchBody) -> Result<Response, Problem> {
    let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
    // Orders write the customer under this lock too.
    tx.lock_line(&id).await?;
    let (row, stored) = load(&mut tx, &ask.base, &id).await?;
    ask.must_match(&stored)?;
    let patched = given.patched(&stored)?;
    allowed(&patched)?;
    if patched.changed.iter().any(|name| name == "status") {
        drop(tx);
        return set_status(&ask, &row, &patched).await;
    }
    if patched.changed.is_empty() {
        return Ok(ask.one(stored));
    }
    let shown = set_data(&ask, tx, row, &patched).await?;
    Ok(ask.one(shown))
}

fn allowed(patched: &Patched) -> Result<(), Problem> {
    let may = official::TMF629.members("Customer_Update");
    match patched.changed.iter().find(|name| !may.contains(&name.as_str())) {
        Some(name) => Err(Problem::invalid(name, format!("cannot be changed; possible: {}", may.join(", ")))),
        None => Ok(()),
    }
}

/// Places the order that brings the customer to the new status.
async fn set_status(ask: &Ask, row: &CustomerRow, patched: &Patched) -> Result<Response, Problem> {
    let (status, reason) = ("status", "statusReason");
    if let Some(other) = patched.changed.iter().find(|name| *name != status && *name != reason) {
        let why = "cannot be changed together with status, which is an order; send two requests";
        return Err(Problem::invalid(other, why));
    }
    let wanted = patched.get(status);
    let Some((_, state)) = STATUSES.iter().find(|(name, _)| wanted == name) else {
        let names: Vec<_> = STATUSES.iter().map(|(name, _)| *name).collect();
        return Err(Problem::invalid(status, format!("{wanted} is none of {}", names.join(", "))));
    };
    exists(row)?;
    let mut draft = order(ask, row, *state)?;
    if patched.changed.iter().any(|name| name == reason) {
        draft.profile = Some(kept(row, patched));
    }
    let accepted = place(ask, &draft, &patched.value).await.map_err(|p| not_yet(row, p))?;
    let (_, shown) = load(&mut ask.read().await?, &ask.base, &row.customer_id).await?;
    let mut response = ask.one(shown);
    placed(ask, &mut response, &accepted);
    Ok(response)
}

/// Nothing is ordered on a customer that never came to be.
fn exists(row: &CustomerRow) -> Result<(), Problem> {
    if row.state == "cancelled" {
        let message = format!("status: customer {} was never created", row.customer_id);
        return Err(Problem::conflict("forbiddenState", message));
    }
    Ok(())
}

/// What is wrong with an order that we wrote ourselves is not the request, but that the customer is still to come: the
/// order that creates it waits.
fn not_yet(row: &CustomerRow, problem: Problem) -> Problem {
    if problem.status == StatusCode::BAD_REQUEST && row.state == "pending" {
        let message =
            format!("status: customer {} is not there yet: the order that creates it waits", row.customer_id);
        return Problem::conflict("forbiddenState", message);
    }
    problem
}

/// The order that brings the customer's account to a state; none: that terminates it.
fn order(ask: &Ask, row: &CustomerRow, state: Option<&str>) -> Result<Draft, Problem> {
    let id = row.customer_id.clone();
    let (action, wanted) = match state {
        Some(state) => {
            let state = Some(state.to_owned());
            (
                "modify",
                Wanted::Modify {
                    service: id.clone(),
                    state,
                    characteristics: vec![],
                    application: None,
                    direction: None,
                },
            )
        }
        None => ("delete", Wanted::Delete { service: id.clone() }),
    };
    let mut service = json!({ "id": id });
    if let Some(state) = state {
        service["state"] = json!(state);
    }
    let request = json!({
        "relatedParty": [{ "id": id, "role": "customer" }],
        "serviceOrderItem": [{ "id": "1", "action": action, "service": service }],
    });
    Ok(Draft { customer: Some(id), items: vec![item(wanted)], ..draft(ask, request)? })
}

/// Changes the customer's own data.
async fn set_data(
    ask: &Ask,
    mut tx: Tx<Tenant>,
    row: CustomerRow,
    patched: &Patched,
) -> Result<Value, Problem> {
    let customer = Value::Object(official::TMF629.checked("Customer", &patched.value)?);
    if !customer["name"].is_string() {
        return Err(Problem::invalid("name", "is missing"));
    }
    let (number, given) = body::read(&customer)?;
    if number.is_some_and(|number| number != row.customer_id) {
        let why = format!("cannot be changed: the customer is {}", row.customer_id);
        return Err(Problem::invalid(&body::path(&customer, body::NUMBER), why));
    }
    let told = given.iter().any(|g| g.name == "test");
    let new =
        new_customer(0, &given).map_err(|e: OrderError| Problem::of_order(e, |_, m| path(&customer, m)))?;
    if told && new.test != row.test {
        let why = "cannot be changed: a customer is a test customer from its creation on, or never";
        return Err(Problem::invalid(&body::path(&customer, "test"), why));
    }
    let profile = kept(&row, patched);
    let before = row.clone();
    let mut row = row;
    new.put_into(&mut row);
    customers::save(&mut tx, Some(&before), &row, Some(&profile)).await?;
    let detail = json!({ "changed": patched.changed });
    tx.audit(&ask.caller, "customer.change", &row.customer_id, Some(&detail)).await?;
    ask.engine().queue.publish(tx.commit().await?);
    Ok(render::customer(&ask.base, &row, Some(&profile)))
}

/// What is kept of a changed customer: not what Telvisor itself added to what was given.
fn kept(row: &CustomerRow, patched: &Patched) -> Value {
    let mut kept = body::kept(patched.value.clone());
    if let Some(members) = kept.as_object_mut()
        && members.get("validFor") == Some(&render::valid_for(row))
    {
        members.remove("validFor");
    }
    kept
}

/// DELETE: places the order that terminates the customer; 204. The entry stays readable.
///
/// # Errors
/// 404, 409 for a state that forbids it, 412.
pub async fn delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let (row, stored) = load(&mut ask.read().await?, &ask.base, &id).await?;
    ask.must_match(&stored)?;
    exists(&row)?;
    let accepted = place(&ask, &order(&ask, &row, None)?, &stored).await.map_err(|p| not_yet(&row, p))?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    placed(&ask, &mut response, &accepted);
    Ok(response)
}
