//! WS-Addressing 1.0 headers of a request (Core, 3; SOAP Binding, 6).

use crate::envelope::Envelope;
use crate::fault::WSA;
use crate::lexical::is_space;
use crate::tree::Element;

const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
const NONE: &str = "http://www.w3.org/2005/08/addressing/none";

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressing {
    /// The action, which must be that of the operation.
    pub action: String,
    /// What the answer relates to.
    pub message_id: String,
    /// Where the answer goes, where that is not the HTTP response.
    pub reply_to: Option<String>,
}

/// A fault of the SOAP binding, 6.4, with its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressingError {
    /// `InvalidAddressingHeader` or `MessageAddressingHeaderRequired`.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

/// Reads the headers; none where the message has none of them.
///
/// # Errors
/// A header that stands there twice, is empty, or is missing beside others.
pub fn addressing(envelope: &Envelope<'_>) -> Result<Option<Addressing>, AddressingError> {
    if !envelope.headers.iter().any(|e| &*e.ns == WSA) {
        return Ok(None);
    }
    let reply_to = match one(envelope, "ReplyTo")? {
        None => None,
        Some(e) => address(e)?,
    };
    Ok(Some(Addressing {
        action: required(envelope, "Action")?,
        message_id: required(envelope, "MessageID")?,
        reply_to,
    }))
}

fn one<'a>(envelope: &Envelope<'a>, name: &str) -> Result<Option<&'a Element>, AddressingError> {
    envelope.header(WSA, name).map_err(|_| invalid(format!("wsa:{name} stands there twice")))
}

fn invalid(message: String) -> AddressingError {
    AddressingError { code: "InvalidAddressingHeader", message }
}

fn required(envelope: &Envelope<'_>, name: &str) -> Result<String, AddressingError> {
    let missing = || AddressingError {
        code: "MessageAddressingHeaderRequired",
        message: format!("wsa:{name} is missing; with WS-Addressing it is required"),
    };
    let value = one(envelope, name)?.ok_or_else(missing)?.text.trim_matches(is_space);
    if value.is_empty() || value.len() > 1024 {
        return Err(invalid(format!("wsa:{name} has 1 to 1024 octets")));
    }
    Ok(value.to_owned())
}

/// The address of an endpoint reference; none for the HTTP response.
fn address(e: &Element) -> Result<Option<String>, AddressingError> {
    let found = e.children.iter().find(|c| c.is(WSA, "Address"));
    let value = found.map_or("", |a| a.text.trim_matches(is_space));
    match value {
        "" => Err(invalid("wsa:ReplyTo has no Address".to_owned())),
        ANONYMOUS => Ok(None),
        NONE => Err(invalid("wsa:ReplyTo asks for no answer; an operation always has one".to_owned())),
        other => Ok(Some(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::SOAP12;
    use crate::{Limits, parse};

    fn read(headers: &str) -> Result<Option<Addressing>, AddressingError> {
        let text = format!(
            "<s:Envelope xmlns:s='{SOAP12}' xmlns:a='{WSA}'><s:Header>{headers}</s:Header><s:Body><x/></s:Body></s:Envelope>"
        );
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        addressing(&Envelope::open(&root, |_| true).unwrap())
    }

    #[test]
    fn the_answer_goes_where_it_is_wanted() {
        assert_eq!(read(""), Ok(None));
        let base = "<a:Action>urn:x</a:Action><a:MessageID>m1</a:MessageID>";
        let reply = |to: &str| format!("{base}<a:ReplyTo><a:Address>{to}</a:Address></a:ReplyTo>");
        assert_eq!(read(base).unwrap().unwrap().reply_to, None);
        assert_eq!(read(&reply(ANONYMOUS)).unwrap().unwrap().reply_to, None);
        assert_eq!(read(&reply("http://b/")).unwrap().unwrap().reply_to.as_deref(), Some("http://b/"));
        assert_eq!(read(&reply(NONE)).unwrap_err().code, "InvalidAddressingHeader");
    }

    #[test]
    fn with_one_header_the_others_are_required() {
        for (headers, code) in [
            ("<a:Action>urn:x</a:Action>", "MessageAddressingHeaderRequired"),
            ("<a:MessageID>m</a:MessageID>", "MessageAddressingHeaderRequired"),
            ("<a:Action> </a:Action><a:MessageID>m</a:MessageID>", "InvalidAddressingHeader"),
            (
                "<a:Action>x</a:Action><a:Action>y</a:Action><a:MessageID>m</a:MessageID>",
                "InvalidAddressingHeader",
            ),
        ] {
            assert_eq!(read(headers).unwrap_err().code, code, "{headers}");
        }
    }
}
