//! Messages that we send: an operation's answer or a fault, in an envelope of the client's version.

use crate::envelope::Version;
use crate::tree::QualifiedName;
use crate::write::Writer;

/// Namespace of WS-Security 1.0 headers and fault codes.
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// Namespace of WS-Addressing 1.0.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";

/// Who is to blame, or which rule of SOAP or of a header was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The message is wrong: it will fail again. SOAP 1.2: Sender.
    Client,
    /// The message may be right: it can be sent again. SOAP 1.2: Receiver.
    Server,
    /// The envelope is of no known version.
    VersionMismatch,
    /// A header block must be understood and is not.
    MustUnderstand,
    /// A code of WS-Security 1.0 (12), such as `FailedAuthentication`.
    Security(&'static str),
    /// A code of WS-Addressing 1.0, SOAP binding (6.4), such as `InvalidAddressingHeader`.
    Addressing(&'static str),
}

/// A fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its code.
    pub code: Code,
    /// For people, useful alone: some clients show nothing else.
    pub text: String,
    /// The content of `detail`, as XML; empty for none. A fault about a header has none (SOAP 1.1, 4.4).
    pub detail: String,
    /// The blocks that were not understood, for `MustUnderstand`.
    pub not_understood: Vec<QualifiedName>,
}

/// An envelope around XML that was written before.
#[must_use]
pub fn envelope(version: Version, headers: &str, body: &str) -> String {
    let mut w = Writer::new();
    w.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    w.start("soap:Envelope", &[("xmlns:soap", version.namespace())]);
    if !headers.is_empty() {
        w.start("soap:Header", &[]).raw(headers).end();
    }
    w.start("soap:Body", &[]).raw(body);
    w.finish()
}

impl Fault {
    /// A fault without blocks that were not understood.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>, detail: String) -> Self {
        Self { code, text: text.into(), detail, not_understood: vec![] }
    }

    /// The status of the HTTP response: 500 for every fault of SOAP 1.1 (Basic Profile, R1126); SOAP 1.2 answers 400
    /// to a fault of the sender (part 2, table 20).
    #[must_use]
    pub fn status(&self, version: Version) -> u16 {
        match (version, self.code) {
            (Version::Soap12, Code::Client | Code::Security(_) | Code::Addressing(_)) => 400,
            _ => 500,
        }
    }

    /// The whole message. `headers`: blocks to send along.
    #[must_use]
    pub fn message(&self, version: Version, headers: &str) -> String {
        // A sender of an unknown version may not know this one either; 1.1 is what most know.
        match version {
            Version::Soap11 => envelope(version, headers, &self.soap11()),
            Version::Soap12 => {
                let mut blocks = self.blocks();
                blocks.push_str(headers);
                envelope(version, &blocks, &self.soap12())
            }
        }
    }

    fn soap11(&self) -> String {
        let mut w = Writer::new();
        let code = match self.code {
            Code::Client => "soap:Client".to_owned(),
            Code::Server => "soap:Server".to_owned(),
            Code::VersionMismatch => "soap:VersionMismatch".to_owned(),
            Code::MustUnderstand => "soap:MustUnderstand".to_owned(),
            Code::Security(name) => format!("wsse:{name}"),
            Code::Addressing(name) => format!("wsa:{name}"),
        };
        let namespace = self.namespace();
        w.start("soap:Fault", &[]);
        w.attributed("faultcode", namespace.as_slice(), code);
        w.attributed("faultstring", &[("xml:lang", "en")], &self.text);
        if !self.detail.is_empty() {
            w.start("detail", &[]).raw(&self.detail).end();
        }
        w.finish()
    }

    fn soap12(&self) -> String {
        let mut w = Writer::new();
        let (code, subcode) = match self.code {
            Code::Client => ("soap:Sender", None),
            Code::Server => ("soap:Receiver", None),
            Code::VersionMismatch => ("soap:VersionMismatch", None),
            Code::MustUnderstand => ("soap:MustUnderstand", None),
            Code::Security(name) => ("soap:Sender", Some(format!("wsse:{name}"))),
            Code::Addressing(name) => ("soap:Sender", Some(format!("wsa:{name}"))),
        };
        w.start("soap:Fault", &[]);
        w.start("soap:Code", &[]).text("soap:Value", code);
        if let Some(name) = subcode {
            w.start("soap:Subcode", &[]);
            w.attributed("soap:Value", self.namespace().as_slice(), name).end();
        }
        w.end();
        w.start("soap:Reason", &[]).attributed("soap:Text", &[("xml:lang", "en")], &self.text).end();
        if !self.detail.is_empty() {
            w.start("soap:Detail", &[]).raw(&self.detail).end();
        }
        w.finish()
    }

    /// The declaration of the prefix that the code has.
    fn namespace(&self) -> Option<(&'static str, &'static str)> {
        match self.code {
            Code::Security(_) => Some(("xmlns:wsse", WSSE)),
            Code::Addressing(_) => Some(("xmlns:wsa", WSA)),
            _ => None,
        }
    }

    /// Header blocks of SOAP 1.2 (part 1, 5.4.7 and 5.4.8) that say what would be understood.
    fn blocks(&self) -> String {
        let mut w = Writer::new();
        for name in &self.not_understood {
            let qname = format!("u:{}", name.name);
            w.attributed("soap:NotUnderstood", &[("xmlns:u", &name.ns), ("qname", &qname)], "");
        }
        if self.code == Code::VersionMismatch {
            let own = [("xmlns:v", Version::Soap12.namespace()), ("qname", "v:Envelope")];
            w.start("soap:Upgrade", &[]).attributed("soap:SupportedEnvelope", &own, "");
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, Limits, parse};

    fn read(text: &str) -> Element {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_fault_in_both_versions() {
        let fault = Fault::new(Code::Client, "no <such> thing", "<d xmlns='u'/>".into());
        let old = read(&fault.message(Version::Soap11, ""));
        let inner = &old.children[0].children[0];
        assert!(inner.is(crate::envelope::SOAP11, "Fault"));
        let names: Vec<_> = inner.children.iter().map(|c| (&*c.ns, c.name.as_str())).collect();
        assert_eq!(names, [("", "faultcode"), ("", "faultstring"), ("", "detail")]);
        assert_eq!(inner.children[1].text, "no <such> thing");
        assert_eq!(fault.status(Version::Soap11), 500);

        let new = read(&fault.message(Version::Soap12, ""));
        let inner = &new.children[0].children[0];
        let names: Vec<_> = inner.children.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["Code", "Reason", "Detail"]);
        assert_eq!(inner.children[0].children[0].text, "soap:Sender");
        assert_eq!(fault.status(Version::Soap12), 400);
    }

    #[test]
    fn codes_of_headers_bring_their_prefix() {
        let fault = Fault::new(Code::Security("FailedAuthentication"), "no", String::new());
        assert!(fault.message(Version::Soap11, "").contains(&format!("xmlns:wsse=\"{WSSE}\">wsse:Failed")));
        let new = read(&fault.message(Version::Soap12, ""));
        let code = &new.children[0].children[0].children[0];
        assert_eq!(code.children[1].children[0].text, "wsse:FailedAuthentication");
    }

    #[test]
    fn soap_12_says_what_was_not_understood() {
        let name = QualifiedName { ns: "urn:x".into(), name: "a".into() };
        let mut fault = Fault::new(Code::MustUnderstand, "no", String::new());
        fault.not_understood.push(name);
        let new = read(&fault.message(Version::Soap12, ""));
        let block = &new.children[0].children[0];
        assert_eq!((block.name.as_str(), block.attribute("", "qname")), ("NotUnderstood", Some("u:a")));
    }
}
