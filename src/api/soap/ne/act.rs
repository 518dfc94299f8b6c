//! What contract B does with managed objects: what is there now is shown, the rest becomes service orders.

use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use telvisor_model::shown;
use uuid::Uuid;

use super::read::{Act, Kind, Named, Object};
use super::show::{self, Context};
use crate::access::Caller;
use crate::api::Doors;
use crate::api::soap::fault::{About, Refusal, What};
use crate::orders::accept::{Accepted, accept};
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::{Ask, Draft, DraftItem, Given, Member, customers, service_item};
use crate::store::customers::CustomerRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Tenant, Tx};

/// How an operation on an object is answered.
#[derive(Debug)]
pub enum Acted {
    /// At once, without an order.
    Done(String),
    /// By this order, when it has ended.
    Placed(Uuid),
}

fn missing(object: &Object) -> Refusal {
    let keys: Vec<String> = object.keys.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let what = match object.kind {
        Kind::Customer => What::CustomerNotFound,
        Kind::Subscription => What::SubscriptionNotFound,
    };
    Refusal::new(what, format!("there is no {} with {}", object.kind.as_str(), keys.join(" and ")))
}

/// Whether a refusal says that the object is not there: that the database does not answer says nothing about it.
fn absent(refusal: &Refusal) -> bool {
    matches!(refusal.what, What::CustomerNotFound | What::SubscriptionNotFound)
}

/// Whether a terminated one can still be brought back.
fn restorable(state: &str, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    state == "terminated" && until.is_some_and(|until| until > now)
}

/// The customer that a request names; `even_terminated`: one that can be brought back, too.
async fn customer(
    tx: &mut Tx<Tenant>,
    object: &Object,
    even_terminated: bool,
) -> Result<CustomerRow, Refusal> {
    let now = tx.now();
    let found = tx.customer_by_id(object.key("customerId").unwrap_or_default()).await?;
    found
        .filter(|c| {
            matches!(c.state.as_str(), "active" | "suspended")
                || (even_terminated && restorable(&c.state, c.restorable_until, now))
        })
        .ok_or_else(|| missing(object))
}

/// The subscription that a request names by its own id, or by customer and application.
async fn subscription(
    tx: &mut Tx<Tenant>,
    object: &Object,
    even_terminated: bool,
) -> Result<SubscriptionRow, Refusal> {
    let now = tx.now();
    let candidates: Vec<SubscriptionRow> = match object.key("subscriptionId") {
        Some(id) => match id.parse::<Uuid>() {
            Ok(id) => tx.subscription(id).await?.into_iter().collect(),
            Err(_) => vec![],
        },
        None => match tx.customer_by_id(object.key("customerId").unwrap_or_default()).await? {
            Some(c) => tx.subscriptions_of(c.uid).await?,
            None => vec![],
        },
    };
    let application = object.key("applicationId");
    let named = |s: &&SubscriptionRow| application.is_none_or(|a| s.application == a);
    let mut live = candidates.iter().filter(named).filter(|s| s.is_live());
    if let Some(found) = live.next() {
        if live.next().is_some() {
            let message = "there are several of this application; name one by subscriptionId";
            return Err(Refusal::new(What::SchemaViolation, message));
        }
        return owned(tx, object, found).await;
    }
    let ended = candidates.iter().filter(named).filter(|s| restorable(&s.state, s.restorable_until, now));
    match ended.max_by_key(|s| s.ended_at).filter(|_| even_terminated) {
        Some(found) => owned(tx, object, found).await,
        None => Err(missing(object)),
    }
}

/// Where the request names the customer too, it must be the subscription's.
async fn owned(
    tx: &mut Tx<Tenant>,
    object: &Object,
    s: &SubscriptionRow,
) -> Result<SubscriptionRow, Refusal> {
    match object.key("customerId") {
        Some(id) if tx.owner(s.customer).await?.customer_id != id => Err(missing(object)),
        _ => Ok(s.clone()),
    }
}

/// Keys and attributes of a customer as it is.
#[must_use]
pub fn of_customer(c: &CustomerRow) -> (Named, Named) {
    let state = if c.state == "suspended" { "suspended" } else { "active" };
    let mut attributes = vec![("name", c.name.clone())];
    let more = [("email", &c.email), ("phone", &c.phone), ("language", &c.language)];
    attributes.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    attributes.push(("state", state.to_owned()));
    (vec![("customerId", c.customer_id.clone())], attributes)
}

/// Keys and attributes of a subscription as it is.
///
/// # Errors
/// When the database does not answer.
pub async fn of_subscription(tx: &mut Tx<Tenant>, s: &SubscriptionRow) -> Result<(Named, Named), Refusal> {
    let owner = tx.owner(s.customer).await?;
    let service = shown::subscription_service(s.kept(), owner.kept());
    let state = if service == "active" { "active" } else { "suspended" };
    let keys = vec![
        ("subscriptionId", s.id.to_string()),
        ("customerId", owner.customer_id),
        ("applicationId", s.application.clone()),
    ];
    let attributes =
        vec![("planId", s.plan.clone()), ("version", s.version.clone()), ("state", state.to_owned())];
    Ok((keys, attributes))
}

/// Does what a request asks for.
///
/// # Errors
/// As the object is not there, or the order is not accepted.
pub async fn act(
    doors: &Doors,
    caller: &Caller,
    context: &Context,
    object: &Object,
    transaction: Option<&str>,
) -> Result<Acted, Refusal> {
    if let Some(order) = running(doors, caller, context, object).await? {
        return Ok(Acted::Placed(order));
    }
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let loose = doors.engine.config.soap.loose_errors;
    let done = |keys: &Named| {
        Acted::Done(show::response(&context.ns, context.act.as_str(), |w| {
            if context.act != Act::Set {
                show::id(w, keys);
            }
        }))
    };
    let wake = object.attribute("state") == Some("active");
    let (customer_id, ask) = match (context.act, object.kind) {
        (Act::Get, Kind::Customer) => {
            let (keys, attributes) = of_customer(&customer(&mut tx, object, false).await?);
            return Ok(Acted::Done(got(context, object.kind, &keys, &attributes)));
        }
        (Act::Get, Kind::Subscription) => {
            let s = subscription(&mut tx, object, false).await?;
            let (keys, attributes) = of_subscription(&mut tx, &s).await?;
            return Ok(Acted::Done(got(context, object.kind, &keys, &attributes)));
        }
        (Act::Create, _) => {
            if loose && let Some(keys) = live_keys(&mut tx, object).await? {
                return Ok(done(&keys));
            }
            (object.key("customerId").map(str::to_owned), add(object))
        }
        (Act::Set, Kind::Customer) => {
            let c = customer(&mut tx, object, wake).await?;
            if object.attribute("state").is_none() {
                drop(tx);
                set_data(doors, caller, &c.customer_id, object).await?;
                return Ok(done(&vec![]));
            }
            (Some(c.customer_id.clone()), set(object, c.customer_id))
        }
        (Act::Set, Kind::Subscription) => {
            let s = subscription(&mut tx, object, wake).await?;
            (None, set(object, s.id.to_string()))
        }
        (Act::Delete, Kind::Customer) => match customer(&mut tx, object, false).await {
            Err(r) if loose && absent(&r) => return Ok(done(&object.keys)),
            found => {
                let id = found?.customer_id;
                (Some(id.clone()), Ask::Delete { service: id })
            }
        },
        (Act::Delete, Kind::Subscription) => match subscription(&mut tx, object, false).await {
            Err(r) if loose && absent(&r) => return Ok(done(&object.keys)),
            found => (None, Ask::Delete { service: found?.id.to_string() }),
        },
    };
    drop(tx);
    let draft = draft(context, object, customer_id, ask, transaction);
    let accepted = accept(&doors.engine, caller, &draft).await;
    let at = |member: &Member| {
        (What::of_member(member, about(context.act, object.kind)), Some(path(context, object.kind, member)))
    };
    let accepted = accepted.map_err(|e| Refusal::of_order(e, at))?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => caller.door.as_str()).increment(1);
    if matches!(accepted, Accepted::Replayed(_)) {
        tracing::debug!(order.id = %accepted.id(), "joins the order of the same request");
    }
    Ok(Acted::Placed(accepted.id()))
}

fn got(context: &Context, kind: Kind, keys: &Named, attributes: &Named) -> String {
    show::response(&context.ns, "Get", |w| {
        show::id(w, keys);
        show::attributes(w, Act::Get, kind, keys, attributes);
    })
}

/// The keys of what is to be created, where it is there already.
async fn live_keys(tx: &mut Tx<Tenant>, object: &Object) -> Result<Option<Named>, Refusal> {
    let found = match object.kind {
        Kind::Customer if object.key("customerId").is_none() => return Ok(None),
        Kind::Customer => customer(tx, object, false).await.map(|c| of_customer(&c).0),
        Kind::Subscription => {
            let found = subscription(tx, object, false).await;
            found.map(|s| vec![("subscriptionId", s.id.to_string())])
        }
    };
    match found {
        Err(r) if absent(&r) => Ok(None),
        found => found.map(Some),
    }
}

fn given(name: &str, value: &str) -> Given {
    Given { name: name.to_owned(), value: json!(value) }
}

/// The characteristic that an attribute is.
fn characteristic(name: &'static str) -> &'static str {
    if name == "planId" { "plan" } else { name }
}

fn add(object: &Object) -> Ask {
    let specification = match object.kind {
        Kind::Customer => CUSTOMER_ACCOUNT,
        Kind::Subscription => object.key("applicationId").unwrap_or_default(),
    };
    let characteristics = object
        .attributes
        .iter()
        .filter(|(name, _)| *name != "state")
        .map(|(name, value)| given(characteristic(name), value))
        .collect();
    Ask::Add { specification: specification.to_owned(), characteristics, names_id: false }
}

fn set(object: &Object, service: String) -> Ask {
    let state = object.attribute("state").map(|s| if s == "active" { "active" } else { "inactive" });
    let changes = object.attributes.iter().filter(|(name, _)| *name != "state");
    Ask::Modify {
        service,
        state: state.map(str::to_owned),
        characteristics: changes.map(|(name, value)| given(characteristic(name), value)).collect(),
        application: None,
        direction: None,
    }
}

/// Names the same operation on the same object with the same attributes.
fn fingerprint(context: &Context, object: &Object) -> String {
    let mut keys = object.keys.clone();
    keys.sort_unstable();
    let text = json!([context.act.as_str(), object.kind.as_str(), keys, object.attributes]).to_string();
    format!("ne:{}", hex::encode(Sha256::digest(text)))
}

/// The order of the same request, while it runs; once it has ended, the request is a new one.
async fn running(
    doors: &Doors,
    caller: &Caller,
    context: &Context,
    object: &Object,
) -> Result<Option<Uuid>, Refusal> {
    if context.act == Act::Get {
        return Ok(None);
    }
    let (client, door, key) = (caller.principal.name(), caller.door.as_str(), fingerprint(context, object));
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let Some(id) = tx.order_of_key(&client, door, &key).await? else { return Ok(None) };
    if tx.order_even_hidden(id).await?.is_some_and(|o| !o.state.is_final()) {
        return Ok(Some(id));
    }
    drop(tx);
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    tx.free_key(&client, door, &key, id).await?;
    tx.commit().await?;
    Ok(None)
}

fn draft(
    context: &Context,
    object: &Object,
    customer: Option<String>,
    ask: Ask,
    transaction: Option<&str>,
) -> Draft {
    let item = DraftItem { id: "1".to_owned(), ask, relies_on: vec![], quantity: None };
    let mut request = json!({ "serviceOrderItem": [service_item(&item, &[])] });
    if let Some(customer) = &customer {
        request["relatedParty"] = json!([{ "id": customer, "role": "customer" }]);
    }
    let plain = |id: &&str| (1..=255).contains(&id.chars().count()) && !id.chars().any(char::is_control);
    Draft {
        customer,
        external_id: transaction.filter(plain).map(str::to_owned),
        key: Some(fingerprint(context, object)),
        request,
        items: vec![item],
        ..Draft::default()
    }
}

fn about(act: Act, kind: Kind) -> About {
    match (act, kind) {
        (Act::Create, Kind::Customer) => About::NewCustomer,
        (_, Kind::Customer) => About::Customer,
        (_, Kind::Subscription) => About::Subscription,
    }
}

/// Where a member stands in a request.
fn path(context: &Context, kind: Kind, member: &Member) -> String {
    let body = format!("/Envelope/Body/{}", context.act.as_str());
    match member {
        Member::Customer => format!("{body}/MOId/customerId"),
        Member::Specification => format!("{body}/MOId/applicationId"),
        Member::Characteristic(name) => {
            let name = if name == "plan" { "planId" } else { name };
            format!("{body}/MOAttributes/{}{}/{name}", context.act.verb(), kind.as_str())
        }
        _ => format!("{body}/MOId"),
    }
}

/// Changes a customer's own data, which is no order.
async fn set_data(doors: &Doors, caller: &Caller, id: &str, object: &Object) -> Result<(), Refusal> {
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    // Orders write the customer under this lock too.
    tx.lock_line(id).await?;
    let before = customer(&mut tx, object, false).await?;
    let mut row = before.clone();
    for (name, value) in &object.attributes {
        if value.trim().is_empty() {
            let path = format!("/Envelope/Body/Set/MOAttributes/setCustomer/{name}");
            return Err(Refusal::at(What::SchemaViolation, path, "must not be empty"));
        }
        match *name {
            "name" => row.name.clone_from(value),
            "email" => row.email = Some(value.clone()),
            "phone" => row.phone = Some(value.clone()),
            _ => row.language = Some(value.clone()),
        }
    }
    customers::save(&mut tx, Some(&before), &row, None).await?;
    let changed: Vec<&str> = object.attributes.iter().map(|(name, _)| *name).collect();
    tx.audit(caller, "customer.change", id, Some(&json!({ "changed": changed }))).await?;
    doors.engine.queue.publish(tx.commit().await?);
    Ok(())
}
