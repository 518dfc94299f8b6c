//! Accepting an order: one transaction, in which it gets its ids and its place in the customer's line.

use telvisor_model::plan::outline;
use telvisor_model::{Action, Refusal, Verdict};
use uuid::Uuid;

use super::draft::CUSTOMER_ACCOUNT;
use super::form::{check_form, is_customer_id, running_order};
use super::keys::Taken;
use super::moves::Moving;
use super::resolve::{self, Resolved, Scene};
use super::rows::{insert, reject};
use super::view::Line;
use super::{Ask, Draft, DraftItem, Member, OrderError};
use super::{admission, approval, drafts, estimates, keys, line, view};
use crate::access::Caller;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::fault;
use crate::store::customers::CustomerRow;
use crate::store::lines::Entered;
use crate::store::{Hint, StoreError, Tenant, Trace, Tx, retrying};

/// What acceptance answers.
#[derive(Debug)]
pub enum Accepted {
    /// The new order, as it was committed.
    New(Box<Moving>),
    /// The key was used before with the same content: this is the order it made then.
    Replayed(Uuid),
}

impl Accepted {
    /// The order's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::New(moving) => moving.order.id,
            Self::Replayed(id) => *id,
        }
    }
}

/// Accepts an order, or says which member or state is against it. Nothing is written when it is refused.
///
/// # Errors
/// See [`OrderError`].
pub async fn accept(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    check_form(draft)?;
    if let Err(busy) = admission::enter(engine, caller) {
        // A repeat is answered whatever waits.
        if !is_repeat(engine, caller, draft).await? {
            return Err(busy);
        }
    }
    retrying("acceptance", || once(engine, caller, draft)).await
}

async fn once(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let nothing = draft.items.iter().find_map(|i| match &i.ask {
        Ask::Nothing { reason } => Some((i.id.clone(), reason.clone())),
        _ => None,
    });
    let order = draft.drafted.map_or_else(new_id, |d| d.id);
    let customer_id = if nothing.is_some() { None } else { Some(customer_of(&mut tx, draft).await?) };
    let mut entered = None;
    if let Some(id) = &customer_id {
        if !is_customer_id(id) {
            let why = "a customer id is 1 to 64 letters, digits and . _ : @ -, a letter or digit first";
            return Err(OrderError::invalid(None, Member::Customer, why));
        }
        entered = Some(line::enter(engine, &mut tx, id).await?);
    }
    if let Some(drafted) = draft.drafted {
        // Its key was taken when it was kept.
        drafts::take(&mut tx, drafted).await?;
    } else if let Some(before) = replayed(engine, &mut tx, caller, draft, order).await? {
        return Ok(Accepted::Replayed(before));
    }
    let moving = match (&customer_id, entered) {
        (Some(id), Some(Entered { is_new, place })) => {
            let line = if is_new { vec![] } else { view::line(&mut tx, id).await? };
            let standing = Standing { line, is_new, place: None };
            let prepared = prepare(engine, &mut tx, id, draft, standing).await?;
            let mut moving = insert(&mut tx, caller, draft, order, id, prepared, place).await?;
            if moving.order.place.is_some() && approval::is_needed(engine, &moving.order, &moving.items) {
                approval::ask(engine, &mut tx, &mut moving).await?;
                moving.save(&mut tx).await?;
            }
            moving
        }
        _ => {
            let (item, reason) = nothing.unwrap_or_default();
            reject(&mut tx, caller, draft, order, &item, &reason).await?
        }
    };
    tx.audit(caller, "order.accept", &order.to_string(), None).await?;
    if let (Some(customer_id), true) = (customer_id, moving.order.place.is_some()) {
        let trace = Trace(caller.trace_parent.clone());
        tx.hint(Hint::Line { tenant: caller.tenant.clone(), customer_id, trace });
    }
    engine.commit(tx, ["accept.before_commit", "accept.after_commit"]).await?;
    fault::point("accept.after_publish");
    let moving = moving.into_placed();
    tracing::info!(order.id = %order, order.state = %moving.order.state, external_id = draft.external_id, %caller, "order accepted");
    Ok(Accepted::New(Box::new(moving)))
}

/// The customer that the order is for: named, or the owner of the first service named.
async fn customer_of(tx: &mut Tx<Tenant>, draft: &Draft) -> Result<String, OrderError> {
    if let Some(id) = &draft.customer {
        return Ok(id.clone());
    }
    let mut creates = false;
    for (n, item) in draft.items.iter().enumerate() {
        match &item.ask {
            Ask::Modify { service, .. } | Ask::Delete { service } => {
                if let Some(owner) = owner(tx, service).await? {
                    return Ok(owner);
                }
                let why = record_only(tx, &item.ask).await?;
                let why = why.unwrap_or_else(|| format!("there is no service {service}"));
                return Err(OrderError::invalid(n, Member::Service, why));
            }
            Ask::Add { specification, .. } => creates |= specification == CUSTOMER_ACCOUNT,
            Ask::Nothing { .. } | Ask::NoChange => {}
        }
    }
    if creates {
        let id = new_id().simple().to_string();
        return Ok(format!("C{}", &id[id.len() - 12..]));
    }
    Err(OrderError::invalid(None, Member::Customer, "whose order is it? name a party with role customer"))
}

/// The customer id of a service: of a subscription, or the customer itself.
pub(super) async fn owner(tx: &mut Tx<Tenant>, service: &str) -> Result<Option<String>, StoreError> {
    if let Ok(id) = service.parse::<Uuid>()
        && let Some(s) = tx.subscription(id).await?
    {
        return Ok(tx.customer(s.customer).await?.map(|c| c.customer_id));
    }
    Ok(tx.customer_by_id(service).await?.map(|c| c.customer_id))
}

/// Why nothing can be ordered on what an item names: it was only written down in an inventory.
async fn record_only(tx: &mut Tx<Tenant>, ask: &Ask) -> Result<Option<String>, StoreError> {
    let (Ask::Modify { service, .. } | Ask::Delete { service }) = ask else {
        return Ok(None);
    };
    let kind = tx.recorded_as(service).await?;
    Ok(kind.map(|kind| {
        format!("{service} is a record-only {kind} of the inventory: nothing can be ordered on it")
    }))
}

/// What repeats of an order are known by: a key of the client's, or its own number of the order.
fn key_of(draft: &Draft) -> Option<String> {
    draft.key.clone().or_else(|| draft.external_id.as_ref().map(|id| format!("ext:{id}")))
}

async fn is_repeat(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<bool, StoreError> {
    let Some(key) = key_of(draft) else { return Ok(false) };
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    Ok(tx.order_of_key(&caller.principal.name(), caller.door.as_str(), &key).await?.is_some())
}

/// Takes the idempotency keys; the order made before when they were used with the same content.
pub(super) async fn replayed(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    order: Uuid,
) -> Result<Option<Uuid>, OrderError> {
    let Some(key) = key_of(draft) else { return Ok(None) };
    let mut content = keys::canonical(&draft.request);
    if let Some(profile) = &draft.profile {
        content.push_str(&keys::canonical(profile));
    }
    match keys::take(engine, tx, (caller, caller.door.as_str()), &key, &content, order).await? {
        Taken::New => Ok(None),
        Taken::Same(id) => Ok(Some(id)),
        Taken::Other(id) => Err(OrderError::KeyConflict { key, what: "order", made: id }),
    }
}

/// What stands in the line of the customer of an order that is judged.
pub(super) struct Standing {
    pub(super) line: Line,
    /// There is no customer yet, nor was there ever an order for it.
    pub(super) is_new: bool,
    /// Its place, when it stands in the line already, so that only those before it count.
    pub(super) place: Option<i64>,
}

pub(super) struct Prepared {
    pub(super) customer: Option<CustomerRow>,
    pub(super) line: Line,
    /// In running order: place in the request, and what will be done.
    pub(super) items: Vec<(usize, Resolved)>,
}

/// Judges every item against what the due orders before, and the items before, will leave.
pub(super) async fn prepare(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    draft: &Draft,
    standing: Standing,
) -> Result<Prepared, OrderError> {
    let keeps = engine.config.terminate.retention_days > 0;
    let at = tx.now();
    let loaded = match standing.is_new {
        true => view::nobody(keeps),
        false => view::load(tx, customer_id, at, keeps).await?,
    };
    let mut view = loaded.view;
    view::project(&standing.line, standing.place, &mut view);
    let creates =
        |i: &DraftItem| matches!(&i.ask, Ask::Add { specification, .. } if specification == CUSTOMER_ACCOUNT);
    if view.state == telvisor_model::CustomerState::Absent && !draft.items.iter().any(creates) {
        return Err(unknown_customer(customer_id));
    }
    let mut backups = vec![];
    for s in &loaded.subscriptions {
        if draft
            .items
            .iter()
            .any(|i| matches!(&i.ask, Ask::Modify { service, .. } if *service == s.id.to_string()))
        {
            backups.extend(tx.backups_of(s.id).await?);
        }
    }
    let mut items = vec![];
    for n in running_order(&draft.items)? {
        let scene = Scene {
            catalogue: &engine.catalogue,
            customer_id,
            view: &view,
            subscriptions: &loaded.subscriptions,
            backups: &backups,
        };
        let mut resolved = match resolve::resolve(&scene, n, &draft.items[n]) {
            Err(OrderError::Invalid { member: Member::Service, message, .. }) => {
                if let Some(why) = record_only(tx, &draft.items[n].ask).await? {
                    return Err(OrderError::invalid(n, Member::Service, why));
                }
                // A service of an unknown customer: the customer is what is wrong.
                if view.state == telvisor_model::CustomerState::Absent && draft.customer.is_some() {
                    return Err(unknown_customer(customer_id));
                }
                return Err(OrderError::invalid(n, Member::Service, message));
            }
            // What only a catalogue entry names is known, and cannot be ordered all the same.
            Err(OrderError::Invalid { item, member, message }) => {
                let listed = listed_only(tx, &draft.items[n], &member).await?;
                let message = listed.unwrap_or(message);
                return Err(OrderError::Invalid { item, member, message });
            }
            other => other?,
        };
        if let Some(intent) = &resolved.intent {
            match view.judge(intent) {
                Verdict::Act => {
                    let steps = outline(&view, intent, &|id| engine.catalogue.find(id));
                    resolved.takes_ms = estimates::of_steps(engine, tx, &steps).await?;
                    view.apply(intent);
                }
                Verdict::Holds => {}
                Verdict::Refuse(why) => return Err(refusal(n, customer_id, why)),
            }
            if intent.action == Action::CreateCustomer {
                free_id(tx, n, customer_id).await?;
            }
        }
        items.push((n, resolved));
    }
    Ok(Prepared { customer: loaded.customer, line: standing.line, items })
}

/// Why what an item names cannot be ordered although the catalogue lists it: a specification, or the offering of one
/// plan of it.
async fn listed_only(
    tx: &mut Tx<Tenant>,
    item: &DraftItem,
    wrong: &Member,
) -> Result<Option<String>, StoreError> {
    let Ask::Add { specification, characteristics, .. } = &item.ask else { return Ok(None) };
    let plan = characteristics.iter().find(|g| g.name == "plan").and_then(|g| g.value.as_str());
    let offering = plan.map(|plan| format!("{specification}.{plan}"));
    let names = match wrong {
        Member::Specification => vec![offering, Some(specification.clone())],
        Member::Characteristic(name) if name == "plan" => vec![offering],
        _ => vec![],
    };
    for name in names.into_iter().flatten() {
        if tx.is_listed_only(&name).await? {
            return Ok(Some(format!(
                "{name:?} is listed in the catalogue, but no application package stands behind it: it cannot be ordered"
            )));
        }
    }
    Ok(None)
}

fn unknown_customer(customer_id: &str) -> OrderError {
    OrderError::invalid(None, Member::Customer, format!("there is no customer {customer_id}"))
}

fn refusal(n: usize, customer_id: &str, why: Refusal) -> OrderError {
    match why {
        Refusal::UnknownCustomer => unknown_customer(customer_id),
        Refusal::UnknownSubscription => {
            OrderError::invalid(n, Member::Service, "there is no such subscription")
        }
        Refusal::AlreadyExists(why) => OrderError::Exists { item: Some(n), message: why.to_owned() },
        Refusal::Forbidden(why) => OrderError::Forbidden { item: Some(n), message: why.to_owned() },
    }
}

/// A new customer's id must not be that of a subscription or machine, nor of what is written down as a service or
/// product.
async fn free_id(tx: &mut Tx<Tenant>, n: usize, id: &str) -> Result<(), OrderError> {
    if let Some(kind) = tx.recorded_as(id).await? {
        let message = format!("a record-only {kind} of the inventory has this id");
        return Err(OrderError::Exists { item: Some(n), message });
    }
    if let Ok(id) = id.parse::<Uuid>()
        && (tx.subscription(id).await?.is_some() || tx.machine(id).await?.is_some())
    {
        let message = "a subscription or machine has this id".to_owned();
        return Err(OrderError::Exists { item: Some(n), message });
    }
    Ok(())
}
