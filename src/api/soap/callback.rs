//! What we send by SOAP: contract C, `NotifyOrderStateChange` of `wsdl/telvisor-notify.wsdl`, and the reply of an
//! operation of contract B that named `wsa:ReplyTo`. All of it is SOAP 1.1, as those descriptions say.

use serde_json::Error;
use telvisor_model::OrderState;
use telvisor_soap::fault::{WSA, envelope};
use telvisor_soap::values::Boolean;
use telvisor_soap::{Envelope, Limits, ParseError, Version, Writer, parse};

use super::ne::{self, show::Context};
use super::orders::show;
use crate::clock::show as time;
use crate::notify::soap::{Message, Soap};
use crate::store::events::EventRow;
use crate::store::followers::ReplyRow;
use crate::store::orders::OrderBody;

/// Namespace of contract C.
pub const NS: &str = "urn:telvisor:notify:v1";
const OPERATION: &str = "NotifyOrderStateChange";
const ANSWER: &str = "NotifyOrderStateChangeResponse";
/// Action of a reply that is a fault (WS-Addressing 1.0, SOAP Binding, 6).
const FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";

/// How letters by SOAP are written.
pub const SOAP: Soap = Soap { notification, reply, accepted };

fn message(action: &str, text: String) -> Message {
    let content_type = Version::Soap11.media_type();
    Message { content_type, action: format!("\"{action}\""), body: text.into_bytes() }
}

fn notification(event: &EventRow, before: Option<OrderState>) -> Result<Message, Error> {
    let of: OrderBody = serde_json::from_value(event.body.0.clone())?;
    let mut w = Writer::new();
    w.start("tns:NotifyOrderStateChange", &[("xmlns:tns", NS)]);
    w.text("tns:eventId", event.id.to_string());
    w.text("tns:eventTime", time(event.at));
    w.text("tns:sequence", event.number.to_string());
    w.optional("tns:previousState", before.filter(|b| *b != of.order.state).map(OrderState::as_str));
    show::status(&mut w, &of.order, &of.items);
    Ok(message(&format!("{NS}/{OPERATION}"), envelope(Version::Soap11, "", &w.finish())))
}

/// Whether a BSS takes a notification: by the response of the operation with `accepted` true.
fn accepted(answer: &[u8]) -> Result<(), String> {
    let words = |e: &dyn std::fmt::Display| format!("the answer is no {ANSWER}: {e}");
    let root = parse(answer, &Limits::default()).map_err(|e| words(&e))?;
    let envelope = Envelope::open(&root, |_| true).map_err(|e| words(&e))?;
    let operation = envelope.operation;
    if !operation.element().is(NS, ANSWER) {
        return Err(words(&format!("it is {}", operation.element().name)));
    }
    let read = || -> Result<bool, ParseError> {
        let mut c = operation.children()?;
        c.required(NS, "eventId")?;
        Ok(c.required(NS, "accepted")?.value::<Boolean>("xsd:boolean")?.0)
    };
    match read() {
        Ok(true) => Ok(()),
        Ok(false) => Err("the answer says that it is not accepted".into()),
        Err(e) => Err(words(&e)),
    }
}

/// The response to an operation of contract B, or the fault that it ended in, with what it relates to.
fn reply(event: &EventRow, to: &str, row: &ReplyRow) -> Result<Message, Error> {
    let of: OrderBody = serde_json::from_value(event.body.0.clone())?;
    let context: Context = serde_json::from_value(row.context.0.clone())?;
    let (action, answer) = match ne::show::ended(&context, &of.order, &of.items) {
        Ok(body) => (format!("CAI3G#{}Response", context.act.as_str()), Ok(body)),
        Err(refusal) => (FAULT.to_owned(), Err(ne::show::fault(&context.ns, &refusal))),
    };
    let mut w = Writer::new();
    let wsa = [("xmlns:wsa", WSA)];
    w.attributed("wsa:To", &wsa, to).attributed("wsa:Action", &wsa, &action);
    // The same in each repeat, so that a receiver can tell one.
    w.attributed("wsa:MessageID", &wsa, format!("urn:uuid:{}", event.id));
    w.attributed("wsa:RelatesTo", &wsa, &row.message_id);
    w.raw(&ne::show::echoed(&context.ns, &context.echo));
    let headers = w.finish();
    let text = match answer {
        Ok(body) => envelope(Version::Soap11, &headers, &body),
        Err(fault) => fault.message(Version::Soap11, &headers),
    };
    Ok(message(&action, text))
}
