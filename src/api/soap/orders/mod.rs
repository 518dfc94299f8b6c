//! Contract A, `/soap/orders`: orders of a BSS by SOAP 1.1 and 1.2 (docs/soap.md).

pub mod ask;
pub mod place;
pub mod read;
pub mod request;
pub mod show;
pub mod tell;

use axum::extract::{Extension, Request as HttpRequest, State};
use axum::response::Response;
use telvisor_model::Scope;
use telvisor_soap::addressing::addressing;
use telvisor_soap::fault::{WSA, WSSE};
use telvisor_soap::{Element, Envelope};

use self::request::{NS, OPERATIONS, OrderInfo, Request, Wanted};
use super::fault::{Refusal, Refused, What, provisioning};
use super::message::{
    self, Answer, Early, Message, check_action, check_related_action, check_version, related,
};
use super::security;
use super::wait::{load, until_settled};
use crate::access::{Caller, Door};
use crate::api::Doors;
use crate::api::entry::Around;
use crate::api::tmf630::href::Base;
use crate::clock::new_id;
use crate::orders::accept::{Accepted, accept};

/// POST: one operation.
pub async fn post(
    State(doors): State<Doors>,
    Extension(around): Extension<Around>,
    Extension(Base(base)): Extension<Base>,
    http: HttpRequest,
) -> Response {
    let trace = message::trace(&doors, &around.origin);
    let (version, answer) = match message::receive(http, &doors).await {
        Err(early) => (early.version, Err(early)),
        Ok(message) => {
            let answer = operate(&doors, &around, &base, &message).await;
            (message.sent_as, answer.map_err(|refused| Early::of(message.sent_as, refused)))
        }
    };
    message::respond(version, answer, "", |refusal| provisioning(refusal, &trace))
}

/// The header blocks that are acted on.
fn understood(block: &Element) -> bool {
    block.is(WSSE, "Security") || &*block.ns == WSA
}

fn action(operation: &str) -> String {
    format!("{NS}/{operation}")
}

/// Reads the operation, checks who asks, acts.
async fn operate(doors: &Doors, around: &Around, base: &str, message: &Message) -> Result<Answer, Refused> {
    let envelope = Envelope::open(&message.root, understood)?;
    check_version(&envelope, message)?;
    let token = security::token(doors, &envelope)?;
    let caller = security::caller(doors, Door::Soap, around, token).await?;
    let operation = read::operation(&envelope.operation)?;
    check_action(message.action.as_deref(), &action(operation), OPERATIONS.iter().map(|o| action(o)))?;
    let addressing = addressing(&envelope)?;
    if let Some(a) = &addressing {
        check_related_action(a, &action(operation), operation)?;
        // Orders tell their way by `notifyTo`.
        if a.reply_to.is_some() {
            let message = "answers of this contract go back on the connection; notifyTo names where an order tells its way";
            return Err(Refused::addressing("OnlyAnonymousAddressSupported", message));
        }
    }
    let request = read::request(operation, &envelope.operation)?;
    let body = act(doors, &caller, base, operation, request).await?;
    let response = format!("{}Response", action(operation));
    let headers = addressing.map(|a| related(&response, new_id(), &a.message_id)).unwrap_or_default();
    Ok(Answer::Message { headers, body })
}

/// What a caller needs for an operation.
fn scope(request: &Request) -> Scope {
    match request {
        Request::Place(..) | Request::CancelOrder { .. } | Request::GetBackupLink { .. } => {
            Scope::OrdersWrite
        }
        Request::Subscribe { .. } | Request::Unsubscribe { .. } => Scope::Events,
        _ => Scope::OrdersRead,
    }
}

async fn act(
    doors: &Doors,
    caller: &Caller,
    base: &str,
    operation: &'static str,
    request: Request,
) -> Result<String, Refused> {
    security::allow(caller, scope(&request))?;
    let answer = match request {
        Request::Place(info, wanted) => place_order(doors, caller, operation, &info, &wanted).await,
        Request::ListBackups { subscription } => ask::list_backups(doors, caller, &subscription).await,
        Request::GetBackupLink { backup, customer, seconds } => {
            ask::backup_link(doors, caller, base, &backup, customer.as_deref(), seconds).await
        }
        Request::GetOrderStatus(name) => ask::status(doors, caller, &name).await,
        Request::FindOrders(find) => ask::find(doors, caller, &find).await,
        Request::CancelOrder { order, reason } => ask::cancel_order(doors, caller, &order, reason).await,
        Request::GetSubscription { subscription } => {
            ask::get_subscription(doors, caller, &subscription).await
        }
        Request::GetCustomer { customer } => ask::get_customer(doors, caller, &customer).await,
        Request::Subscribe { notify_to, states } => tell::subscribe(doors, caller, &notify_to, &states).await,
        Request::Unsubscribe { reference } => tell::unsubscribe(doors, caller, &reference).await,
    };
    Ok(answer?)
}

/// Places the order of an operation, and waits for its end where the client wants that.
async fn place_order(
    doors: &Doors,
    caller: &Caller,
    operation: &str,
    info: &OrderInfo,
    wanted: &Wanted,
) -> Result<String, Refusal> {
    let named = |r: Refusal| Refusal { external_id: Some(info.external_id.clone()), ..r };
    // What is a subscription to this client must not be a customer account of the same id.
    if let Some(id) = wanted.subscription() {
        ask::subscription(doors, caller, operation, id).await.map_err(named)?;
    }
    tell::judge(doors, operation, info.notify_to.as_ref()).await.map_err(named)?;
    let draft = place::draft(info, wanted);
    let at =
        |member: &_| (What::of_member(member, wanted.about()), Some(place::path(operation, &draft, member)));
    let accepted = accept(&doors.engine, caller, &draft).await;
    let accepted = accepted.map_err(|e| Refusal::of_order(e, at)).map_err(named)?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => caller.door.as_str()).increment(1);
    let duplicate = matches!(accepted, Accepted::Replayed(_));
    let id = accepted.id();
    tell::follow(doors, caller, operation, id, info.notify_to.as_ref()).await.map_err(named)?;
    let (order, items) = match accepted {
        _ if info.wait_seconds > 0 => until_settled(doors, caller, id, info.wait_seconds).await?,
        Accepted::New(new) => (new.order, new.items),
        Accepted::Replayed(id) => load(doors, caller, id).await?,
    };
    Ok(show::response(operation, |w| show::ack(w, &order, &items, duplicate)))
}
