//! The SOAP doors, as a client's stack meets them.

mod bad_input;
mod callbacks;
mod memory;
pub mod ne;
mod orders;
mod security;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use telvisor_soap::{Element, Limits, Version, parse};

use crate::harness::{TestApp, setting};

pub const ORDERS: &str = "/soap/orders";
pub const NS: &str = "urn:telvisor:orders:v1";

/// One answer: its HTTP status, its media type, and the only element in the Body.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub kind: String,
    pub root: Element,
}

impl Reply {
    /// The only child of the Body.
    pub fn body(&self) -> &Element {
        let body = self.root.children.iter().find(|e| e.name == "Body").expect("a Body");
        &body.children[0]
    }

    /// The header blocks.
    pub fn headers(&self) -> &[Element] {
        self.root.children.iter().find(|e| e.name == "Header").map_or(&[], |h| &h.children)
    }

    /// The content of the answer, which must be no fault.
    #[track_caller]
    pub fn good(&self) -> &Element {
        assert_eq!(self.status, 200, "{:#?}", self.root);
        self.body()
    }

    /// Number, code and path of a typed fault of contract A.
    #[track_caller]
    pub fn fault(&self) -> (u32, String, String) {
        let fault = self.body();
        assert_eq!(fault.name, "Fault", "{fault:#?}");
        let detail = find(fault, "provisioningFault").unwrap_or_else(|| panic!("a typed detail: {fault:#?}"));
        let number: u32 = text(detail, "number").parse().unwrap();
        assert_eq!(text(detail, "retryable"), (number >= 4000).to_string(), "{detail:#?}");
        (number, text(detail, "code"), text(detail, "path"))
    }

    /// `faultcode`, or the innermost code of SOAP 1.2; then the text.
    #[track_caller]
    pub fn protocol(&self) -> (String, String) {
        let fault = self.body();
        assert_eq!(fault.name, "Fault", "{fault:#?}");
        match find(fault, "faultcode") {
            Some(code) => (code.text.to_string(), text(fault, "faultstring")),
            None => {
                let code = find(fault, "Subcode").or_else(|| find(fault, "Code")).unwrap();
                (text(code, "Value"), text(fault, "Text"))
            }
        }
    }
}

/// The first element with this name, at any depth.
pub fn find<'a>(e: &'a Element, name: &str) -> Option<&'a Element> {
    if e.name == name {
        return Some(e);
    }
    e.children.iter().find_map(|c| find(c, name))
}

/// The text of the first element with this name; empty where there is none.
pub fn text(e: &Element, name: &str) -> String {
    find(e, name).map(|e| e.text.to_string()).unwrap_or_default()
}

/// An envelope.
pub fn envelope(version: Version, headers: &str, body: &str) -> String {
    let ns = version.namespace();
    format!("<s:Envelope xmlns:s=\"{ns}\"><s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>")
}

/// Sends octets as they are.
pub async fn send(app: &TestApp, path: &str, headers: &[(&str, &str)], octets: &[u8]) -> Reply {
    let answer = app.request(Method::POST, path, headers, Some(octets)).await;
    let kind = answer.headers.get("content-type").map(|v| v.to_str().unwrap().to_owned());
    keep(&answer.octets);
    let root = parse(&answer.octets, &Limits::default())
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&answer.octets)));
    Reply { status: answer.status.as_u16(), kind: kind.unwrap_or_default(), root }
}

/// Keeps a message of ours for a judge of its own in the folder that `TELVISOR_TEST_SOAP_MESSAGES` names
/// (`tests/soap/check_messages.sh`).
pub fn keep(message: &[u8]) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    if let Some(folder) = setting("TELVISOR_TEST_SOAP_MESSAGES") {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        std::fs::write(PathBuf::from(folder).join(format!("{n:05}.xml")), message)
            .expect("the message is kept");
    }
}

/// Calls an operation of contract A with these children.
pub async fn call(app: &TestApp, version: Version, operation: &str, children: &str) -> Reply {
    let body = format!("<{operation} xmlns=\"{NS}\">{children}</{operation}>");
    let action = format!("\"{NS}/{operation}\"");
    let message = envelope(version, "", &body);
    match version {
        Version::Soap11 => {
            let headers = [("content-type", "text/xml; charset=utf-8"), ("soapaction", action.as_str())];
            send(app, ORDERS, &headers, message.as_bytes()).await
        }
        Version::Soap12 => {
            let kind = format!("application/soap+xml; charset=utf-8; action={action}");
            send(app, ORDERS, &[("content-type", kind.as_str())], message.as_bytes()).await
        }
    }
}

/// `order` with this external id.
pub fn order(external_id: &str) -> String {
    format!("<order><externalOrderId>{external_id}</externalOrderId></order>")
}
