//! TMF629 Customer v4.0.0: customers as a CRM knows them. What creates, suspends, re-activates or terminates one is a
//! service order like that of any other door; each answer that placed one names it in a Link header.

pub mod body;
pub mod change;
pub mod render;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::JsonBody;
use super::tmf630::{Ask, Attribute, Kind, found};
use super::{Doors, TMF641, idempotency, official};
use crate::orders::accept::{Accepted, accept};
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::{Ask as Wanted, Draft, DraftItem, Member};
use crate::store::customers::{CustomerRow, ListedCustomer};
use crate::store::{Tenant, Tx};

/// What customers can be filtered and sorted by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "customer_id", Kind::Text),
    ("name", "name", Kind::Text),
    (
        "status",
        "CASE WHEN state IN ('pending', 'active', 'suspended') THEN state ELSE 'terminated' END",
        Kind::Text,
    ),
    ("engagedParty.id", "COALESCE(party_id, customer_id)", Kind::Text),
    ("contactMedium.characteristic.emailAddress", "email", Kind::Text),
    ("contactMedium.characteristic.phoneNumber", "phone", Kind::Text),
    ("validFor.startDateTime", "created_at", Kind::Time),
    ("validFor.endDateTime", "ended_at", Kind::Time),
    ("@type", "", Kind::Always("Customer")),
];

/// All routes of this API but the hub.
pub fn router() -> Router<Doors> {
    Router::new()
        .route("/customer", get(list).post(create))
        .route("/customer/{id}", get(show).patch(change::patch).delete(change::delete))
}

/// GET: a page of customers, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(ask: Ask) -> Result<Response, Problem> {
    let page = ask.page(ATTRIBUTES, &[("created_at", true), ("uid", true)])?;
    let listed = ask.read().await?.list_customers(&page).await?;
    let one = |l: &ListedCustomer| render::customer(&ask.base, &l.customer, l.profile.as_ref().map(|p| &p.0));
    let shown = listed.rows.iter().map(one).collect();
    Ok(ask.list(&page, &listed, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let (_, shown) = load(&mut ask.read().await?, &ask.base, &id).await?;
    Ok(ask.one(shown))
}

/// A customer and how it is shown.
///
/// # Errors
/// 404.
async fn load(tx: &mut Tx<Tenant>, base: &str, id: &str) -> Result<(CustomerRow, Value), Problem> {
    let row = found("customer", id, tx.customer_by_id(id).await?)?;
    let profile = tx.profile(row.uid).await?;
    let shown = render::customer(base, &row, profile.as_ref());
    Ok((row, shown))
}

/// POST: places the order that creates the customer; 201 with the customer, pending.
///
/// # Errors
/// 400 with the path of the wrong member, 409 when the id or the key is used.
pub async fn create(ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let profile = Value::Object(official::TMF629.checked("Customer_Create", &given)?);
    let (number, characteristics) = body::read(&profile)?;
    let list: Vec<Value> =
        characteristics.iter().map(|g| json!({ "name": g.name, "value": g.value })).collect();
    let mut request = json!({
        "serviceOrderItem": [{
            "id": "1", "action": "add",
            "service": { "serviceSpecification": { "id": CUSTOMER_ACCOUNT }, "serviceCharacteristic": list },
        }],
    });
    if let Some(number) = &number {
        request["relatedParty"] = json!([{ "id": number, "role": "customer" }]);
    }
    let draft = Draft {
        customer: number,
        profile: Some(body::kept(profile.clone())),
        items: vec![item(Wanted::Add {
            specification: CUSTOMER_ACCOUNT.to_owned(),
            characteristics,
            names_id: false,
        })],
        ..draft(&ask, request)?
    };
    let accepted = place(&ask, &draft, &profile).await?;
    let mut tx = ask.read().await?;
    let order = found("order", "", tx.order_even_hidden(accepted.id()).await?)?;
    let (_, shown) = load(&mut tx, &ask.base, &order.customer_id.unwrap_or_default()).await?;
    let mut response = ask.created(shown);
    placed(&ask, &mut response, &accepted);
    Ok(response)
}

/// An order of this door, still without its item.
fn draft(ask: &Ask, request: Value) -> Result<Draft, Problem> {
    Ok(Draft {
        key: idempotency::key(&ask.headers)?,
        channel: Some("api".to_owned()),
        request,
        ..Draft::default()
    })
}

fn item(ask: Wanted) -> DraftItem {
    DraftItem { id: "1".to_owned(), ask, relies_on: vec![], quantity: None }
}

/// Places an order; `given` is the customer that refusals name the members of.
async fn place(ask: &Ask, draft: &Draft, given: &Value) -> Result<Accepted, Problem> {
    let accepted = accept(ask.engine(), &ask.caller, draft).await;
    let accepted = accepted.map_err(|e| Problem::of_order(e, |_, member| path(given, member)))?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => ask.caller.door.as_str()).increment(1);
    Ok(accepted)
}

/// Names the order in the answer, and says so when it is a repeat.
fn placed(ask: &Ask, response: &mut Response, accepted: &Accepted) {
    let link = format!("<{}{TMF641}/serviceOrder/{}>; rel=\"related\"", ask.base, accepted.id());
    if let Ok(value) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LINK, value);
    }
    if matches!(accepted, Accepted::Replayed(_)) {
        idempotency::replayed(response);
    }
}

/// Where a member of the order stands in a TMF629 customer.
fn path(given: &Value, member: &Member) -> String {
    match member {
        Member::Characteristic(name) => body::path(given, name),
        Member::Customer => body::path(given, body::NUMBER),
        Member::ServiceState => "status".to_owned(),
        Member::ExternalId => "Idempotency-Key".to_owned(),
        _ => "customer".to_owned(),
    }
}
