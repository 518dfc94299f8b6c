//! Who is told how orders go: `Subscribe`, `Unsubscribe`, and `notifyTo` of an order.

use telvisor_model::OrderState;
use uuid::Uuid;

use super::ask::at;
use super::show;
use crate::access::Caller;
use crate::api::Doors;
use crate::api::hub::apis::SHOWS;
use crate::api::soap::fault::{Refusal, What};
use crate::notify::listeners::ListenerError;
use crate::notify::soap;

/// Why an address is not told of anything; `path`: where it stands in the request.
pub fn refusal(e: ListenerError, path: String) -> Refusal {
    match e {
        ListenerError::Callback(why) => Refusal::at(What::CallbackNotAllowed, path, why.to_string()),
        ListenerError::Known(_) => {
            let message = "another client has subscribed this address to these states";
            Refusal::at(What::AlreadyExists, path, message)
        }
        ListenerError::NotFound(id) => {
            Refusal::at(What::SubscriptionNotFound, path, format!("there is no subscriptionRef {id}"))
        }
        ListenerError::Store(e) => e.into(),
        other => {
            tracing::error!(error = %other, "a listener could not be served");
            Refusal::new(What::Internal, "internal error; the server's log has the cause")
        }
    }
}

/// Tells an address of every order that comes to one of these states; of all where there are none.
///
/// # Errors
/// [`What::CallbackNotAllowed`].
pub async fn subscribe(
    doors: &Doors,
    caller: &Caller,
    address: &str,
    states: &[String],
) -> Result<String, Refusal> {
    const OPERATION: &str = "Subscribe";
    let states: Vec<OrderState> = states.iter().filter_map(|s| s.parse().ok()).collect();
    let made = soap::subscribe(&doors.engine, &SHOWS, caller, address, &states).await;
    let listener = made.map_err(|e| refusal(e, at(OPERATION, "notifyTo")))?;
    Ok(show::response(OPERATION, |w| {
        w.text("tns:subscriptionRef", listener.id.to_string());
    }))
}

/// Ends a subscription.
///
/// # Errors
/// [`What::SubscriptionNotFound`].
pub async fn unsubscribe(doors: &Doors, caller: &Caller, reference: &str) -> Result<String, Refusal> {
    const OPERATION: &str = "Unsubscribe";
    let path = || at(OPERATION, "subscriptionRef");
    let unknown = || {
        Refusal::at(What::SubscriptionNotFound, path(), format!("there is no subscriptionRef {reference}"))
    };
    let id: Uuid = reference.parse().map_err(|_| unknown())?;
    soap::unsubscribe(&doors.engine, caller, id).await.map_err(|e| refusal(e, path()))?;
    Ok(show::response(OPERATION, |_| ()))
}

/// Judges `notifyTo` before the order is placed.
///
/// # Errors
/// [`What::CallbackNotAllowed`].
pub async fn judge(doors: &Doors, operation: &str, address: Option<&String>) -> Result<(), Refusal> {
    let Some(address) = address else { return Ok(()) };
    let judged = soap::judge(&doors.engine, address).await;
    judged.map_err(|why| refusal(why.into(), at(operation, "order/notifyTo")))
}

/// Tells `notifyTo` of the order that was placed. The order stands by then: a client that gets no answer repeats it,
/// which changes nothing but this.
///
/// # Errors
/// When the database does not answer.
pub async fn follow(
    doors: &Doors,
    caller: &Caller,
    operation: &str,
    order: Uuid,
    address: Option<&String>,
) -> Result<(), Refusal> {
    let Some(address) = address else { return Ok(()) };
    let followed = soap::for_order(&doors.engine, &SHOWS, caller, order, address).await;
    followed.map_err(|e| refusal(e, at(operation, "order/notifyTo")))
}
