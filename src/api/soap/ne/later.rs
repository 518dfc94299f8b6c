//! `wsa:ReplyTo`: the answer goes to another address, when the order has ended.

use serde_json::{Error, json};
use telvisor_soap::fault::{WSA, envelope};
use telvisor_soap::{Version, Writer};
use uuid::Uuid;

use super::responds;
use super::show::{self, Context};
use crate::access::Caller;
use crate::api::Doors;
use crate::api::hub::apis::SHOWS;
use crate::api::soap::callback::letter;
use crate::api::soap::fault::Refused;
use crate::api::soap::message::related;
use crate::api::soap::orders::tell::refusal;
use crate::notify::soap::{self, Message};
use crate::store::events::EventRow;
use crate::store::followers::ReplyRow;
use crate::store::orders::OrderBody;

/// Action of a reply that is a fault (WS-Addressing 1.0, SOAP Binding, 6).
const FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";
/// Where the address stands in a request.
const ADDRESS: &str = "/Envelope/Header/ReplyTo/Address";

/// Judges an address before anything is done.
///
/// # Errors
/// That the address may not be called.
pub async fn judge(doors: &Doors, to: &str) -> Result<(), Refused> {
    let judged = soap::judge(&doors.engine, to).await;
    judged.map_err(|why| refusal(why.into(), ADDRESS.to_owned()).into())
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
    let kept = json!(kept);
    let promised = soap::reply_to(&doors.engine, &SHOWS, caller, order, to, message_id, &kept).await;
    promised.map_err(|e| refusal(e, ADDRESS.to_owned()).into())
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
    // The same at every try, and another for each request.
    let id = Uuid::new_v5(&event.id, promised.message_id.as_bytes());
    w.raw(&related(&action, id, &promised.message_id)).raw(&show::echoed(&context.ns, &context.echo));
    let headers = w.finish();
    let text = match ended {
        Ok(body) => envelope(Version::Soap11, &headers, &body),
        Err(refusal) => show::fault(&context.ns, &refusal).message(Version::Soap11, &headers),
    };
    Ok(letter(&action, text))
}
