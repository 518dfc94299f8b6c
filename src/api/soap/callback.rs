//! What we send by SOAP: contract C, `NotifyOrderStateChange` of `wsdl/telvisor-notify.wsdl`. The replies of contract B
//! are in [`later`]. All of it is SOAP 1.1, as the descriptions say.

use serde_json::Error;
use telvisor_model::OrderState;
use telvisor_soap::fault::envelope;
use telvisor_soap::values::Boolean;
use telvisor_soap::{Envelope, Limits, ParseError, Version, Writer, parse};

use super::ne::later;
use super::orders::show;
use crate::clock::show as time;
use crate::notify::soap::{Message, Soap};
use crate::store::events::EventRow;
use crate::store::orders::OrderBody;

/// Namespace of contract C.
pub const NS: &str = "urn:telvisor:notify:v1";
const OPERATION: &str = "NotifyOrderStateChange";
const ANSWER: &str = "NotifyOrderStateChangeResponse";

/// How letters by SOAP are written.
pub const SOAP: Soap = Soap { notification, reply: later::reply, accepted };

/// An envelope of SOAP 1.1, ready to be sent.
#[must_use]
pub fn letter(action: &str, text: String) -> Message {
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
    Ok(letter(&format!("{NS}/{OPERATION}"), envelope(Version::Soap11, "", &w.finish())))
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
