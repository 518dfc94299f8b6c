//! `wsa:ReplyTo`: the answer goes to another address, when the order has ended.

use serde_json::Error;
use telvisor_soap::fault::{WSA, envelope};
use telvisor_soap::{Version, Writer};
use uuid::Uuid;

use super::responds;
use super::show::{self, Context};
use crate::access::Caller;
use crate::api::Doors;
use crate::api::hub::apis::SHOWS;
use crate::api::soap::callback::letter;
use crate::api::soap::fault::{Refusal, Refused, What};
use crate::api::soap::message::related;
use crate::notify::listeners::ListenerError;
use crate::notify::soap::{self, Message};
use crate::store::events::EventRow;
use crate::store::followers::ReplyRow;
use crate::store::orders::OrderBody;

/// Action of a reply that is a fault (WS-Addressing 1.0, SOAP Binding, 6).
const FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";
/// Longest `wsa:MessageID`.
const LONGEST: usize = 1024;

/// Judges an address, and what the answer is to name, before anything is done.
///
/// # Errors
/// [`What::CallbackNotAllowed`]; a fault of addressing for an identifier that is too long to keep.
pub async fn judge(doors: &Doors, to: &str, message_id: &str) -> Result<(), Refused> {
    if message_id.len() > LONGEST {
        let message = format!("wsa:MessageID must not be longer than {LONGEST} octets");
        return Err(Refused::addressing("InvalidAddressingHeader", &message));
    }
    let path = "/Envelope/Header/ReplyTo/Address";
    let judged = soap::judge(&doors.engine, to).await;
    judged.map_err(|why| Refusal::at(What::CallbackNotAllowed, path, why.to_string()).into())
}

/// Promises the answer to an operation for the end of its order.
///
/// # Errors
/// When the database does not answer.
pub async fn promise(
    doors: &Doors,
    caller: &Caller,
    context: &Context,
    order: Uuid,
    to: &str,
    message_id: &str,
) -> Result<(), Refused> {
    // A session lives no longer than a day, and is nobody's business in a database.
    let mut kept = context.clone();
    kept.echo.retain(|(name, _)| name != "SessionId");
    let kept = serde_json::to_value(&kept).map_err(internal)?;
    let promised = soap::reply_to(&doors.engine, &SHOWS, caller, order, to, message_id, &kept).await;
    promised.map_err(|e| match e {
        ListenerError::Store(e) => e.into(),
        ListenerError::Callback(why) => Refusal::new(What::CallbackNotAllowed, why.to_string()).into(),
        other => internal(other),
    })
}

fn internal(e: impl std::fmt::Display) -> Refused {
    tracing::error!(error = %e, "a reply could not be promised");
    Refusal::new(What::Internal, "internal error; the server's log has the cause").into()
}

/// The answer that was promised, at the end of the order.
///
/// # Errors
/// When event or promise were written in a form that this release cannot read.
pub fn reply(event: &EventRow, to: &str, promised: &ReplyRow) -> Result<Message, Error> {
    let of: OrderBody = serde_json::from_value(event.body.0.clone())?;
    let context: Context = serde_json::from_value(promised.context.0.clone())?;
    let ended = show::ended(&context, &of.order, &of.items);
    let action = if ended.is_ok() { responds(context.act.as_str()) } else { FAULT.to_owned() };
    let mut w = Writer::new();
    w.attributed("wsa:To", &[("xmlns:wsa", WSA)], to);
    // The same at every try: by the event's id.
    w.raw(&related(&action, event.id, &promised.message_id)).raw(&show::echoed(&context.ns, &context.echo));
    let headers = w.finish();
    let text = match ended {
        Ok(body) => envelope(Version::Soap11, &headers, &body),
        Err(refusal) => show::fault(&context.ns, &refusal).message(Version::Soap11, &headers),
    };
    Ok(letter(&action, text))
}
