//! The answers and faults of contract B, as `wsdl/telvisor-ne.wsdl` has them.

use serde::{Deserialize, Serialize};
use telvisor_soap::{Fault, Writer};

use super::read::{Act, Kind, MO, Named};
use crate::api::soap::fault::{Refusal, What};
use crate::store::orders::{ItemRow, OrderRow};

/// What an answer needs to know of the request: also when it goes another way, long after.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Context {
    /// Namespace of the dialect.
    pub ns: String,
    pub act: Act,
    pub kind: Kind,
    /// Header blocks to give back, by name.
    pub echo: Vec<(String, String)>,
}

/// The header blocks of a request, given back as they came.
#[must_use]
pub fn echoed(ns: &str, echo: &[(String, String)]) -> String {
    let mut w = Writer::new();
    for (name, value) in echo {
        w.attributed(&format!("ne:{name}"), &[("xmlns:ne", ns)], value);
    }
    w.finish()
}

/// `{operation}Response` with what `content` writes in it.
#[must_use]
pub fn response(ns: &str, operation: &str, content: impl FnOnce(&mut Writer)) -> String {
    let mut inner = Writer::new();
    content(&mut inner);
    let mut w = Writer::new();
    let name = format!("ne:{operation}Response");
    w.element(&name, &[("xmlns:ne", ns), ("xmlns:mo", MO)], &inner.finish());
    w.finish()
}

/// `MOId`.
pub fn id(w: &mut Writer, keys: &Named) {
    w.start("ne:MOId", &[]);
    for (name, value) in keys {
        w.text(&format!("mo:{name}"), value);
    }
    w.end();
}

/// `MOAttributes` with one object, its keys repeated as attributes.
pub fn attributes(w: &mut Writer, act: Act, kind: Kind, keys: &Named, attributes: &Named) {
    let repeated: Vec<(&str, &str)> = keys.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut inner = Writer::new();
    for (name, value) in attributes {
        inner.text(&format!("mo:{name}"), value);
    }
    w.start("ne:MOAttributes", &[]);
    w.element(&format!("mo:{}{}", act.verb(), kind.as_str()), &repeated, &inner.finish());
    w.end();
}

/// The answer to an operation whose order has been completed; else why there is none.
///
/// # Errors
/// [`What::OrderUnfinished`] with the order and its state.
pub fn ended(context: &Context, order: &OrderRow, items: &[ItemRow]) -> Result<String, Refusal> {
    if order.state != telvisor_model::OrderState::Completed {
        return Err(unfinished(order, items));
    }
    let operation = context.act.as_str();
    Ok(response(&context.ns, operation, |w| {
        if context.act != Act::Set {
            id(w, &keys_of(context.kind, order, items));
        }
    }))
}

/// The keys of what an order is about.
fn keys_of(kind: Kind, order: &OrderRow, items: &[ItemRow]) -> Named {
    match kind {
        Kind::Customer => order.customer_id.iter().map(|id| ("customerId", id.clone())).collect(),
        Kind::Subscription => {
            let id = items.iter().find_map(|i| i.subscription);
            id.iter().map(|id| ("subscriptionId", id.to_string())).collect()
        }
    }
}

fn unfinished(order: &OrderRow, items: &[ItemRow]) -> Refusal {
    let why = items.iter().find_map(|i| i.error.as_deref());
    let message = match why {
        Some(why) => format!("External Error: order {} is {}: {why}", order.id, order.state),
        None => format!("External Error: order {} is {}", order.id, order.state),
    };
    Refusal {
        order: Some(order.id),
        state: Some(order.state),
        ..Refusal::new(What::OrderUnfinished, message)
    }
}

/// A refusal as a fault of this dialect.
#[must_use]
pub fn fault(ns: &str, refusal: &Refusal) -> Fault {
    let number = number(refusal.what);
    let (_, code) = refusal.what.named();
    let at = refusal.path.as_ref().map_or(String::new(), |p| format!("{p}: "));
    let text = format!("{code}: {at}{}", refusal.message);
    let mut w = Writer::new();
    w.start("ne:Cai3gFault", &[("xmlns:ne", ns)]);
    w.text("ne:faultcode", number.to_string());
    w.start("ne:faultreason", &[]).text("ne:reasonText", &text).end();
    w.text("ne:faultrole", role(refusal.what));
    if let (Some(order), Some(state)) = (refusal.order, refusal.state) {
        w.start("ne:details", &[]).start("mo:orderFault", &[("xmlns:mo", MO)]);
        w.text("mo:orderId", order.to_string()).text("mo:state", state.as_str());
        w.text("mo:retryable", refusal.retryable().to_string());
    }
    Fault::new(refusal.what.code(), format!("{number} {text}"), w.finish())
}

/// The number in this dialect: what stands behind us is an external error.
const fn number(what: What) -> u32 {
    match what {
        What::BackendUnavailable => What::OrderUnfinished.named().0,
        other => other.named().0,
    }
}

/// Who found the fault: the mediation function in front, or the network element behind it.
const fn role(what: What) -> &'static str {
    match what.named().0 {
        1000..3000 | 4001 | 5000 => "MF",
        _ => "NEF",
    }
}

/// The header block that goes with a session that is none.
#[must_use]
pub fn session_fault(ns: &str, message: &str) -> String {
    let mut w = Writer::new();
    w.start("ne:SessionIdFault", &[("xmlns:ne", ns)]);
    w.text("ne:faultactor", "MF").text("ne:description", message);
    w.text("ne:faultcode", What::SessionInvalid.named().0.to_string());
    w.finish()
}
