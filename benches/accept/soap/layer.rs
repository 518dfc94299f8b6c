//! What happens to a message between HTTP and storage, and back.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde_json::json;
use telvisor::api::soap::fault::{Refused, Trace, provisioning};
use telvisor::api::soap::message::check_action;
use telvisor::api::soap::orders::request::{NS, OPERATIONS, Request};
use telvisor::api::soap::orders::{place, read, show};
use telvisor::store::orders::{ItemRow, OrderRow};
use telvisor_soap::addressing::addressing;
use telvisor_soap::fault::{WSA, WSSE, envelope};
use telvisor_soap::security::username_token;
use telvisor_soap::{Element, Envelope, Limits, Version, parse};

/// The action of [`REQUEST`].
pub const ACTION: &str = "urn:telvisor:orders:v1/ProvisionApplication";

/// A ProvisionApplication of 1.5 kB with a UsernameToken, as a client's stack writes it.
pub static REQUEST: LazyLock<String> = LazyLock::new(|| {
    let token = "<wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\" \
        xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\"><wsse:UsernameToken>\
        <wsse:Username>bss-1</wsse:Username>\
        <wsse:Password Type=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText\">\
        0123456789abcdef0123456789abcdef</wsse:Password><wsse:Nonce>MTIzNDU2Nzg5MDEyMzQ1Ng==</wsse:Nonce>\
        <wsu:Created>2026-11-23T08:00:00Z</wsu:Created></wsse:UsernameToken></wsse:Security>";
    let value = |n: &str, v: &str| {
        format!("<ns1:characteristic><ns1:name>{n}</ns1:name><ns1:value>{v}</ns1:value></ns1:characteristic>")
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
        <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:ns1=\"{NS}\">\
        <soap:Header>{token}</soap:Header><soap:Body><ns1:ProvisionApplication><ns1:order>\
        <ns1:externalOrderId>crm-2026-11-23-000042</ns1:externalOrderId><ns1:description>Provisioned by the CRM</ns1:description>\
        <ns1:priority>2</ns1:priority><ns1:requestedCompletionDate>2026-11-24T12:00:00+01:00</ns1:requestedCompletionDate>\
        </ns1:order><ns1:customerId>C-0000004712</ns1:customerId><ns1:applicationId>kinfolk</ns1:applicationId>\
        <ns1:planId>solo</ns1:planId><ns1:quantity>1</ns1:quantity><ns1:characteristics>{}{}</ns1:characteristics>\
        </ns1:ProvisionApplication></soap:Body></soap:Envelope>",
        value("siteName", "Main street 1"),
        value("language", "en"),
    )
});

/// The time, and the order as storage would give it back.
pub struct Stored {
    now: DateTime<Utc>,
    order: OrderRow,
    items: Vec<ItemRow>,
}

impl Stored {
    pub fn new() -> anyhow::Result<Self> {
        let id = "01a209a6-8755-766c-8151-b2525bbd7c2d";
        let at = "2026-11-23T08:00:00.123456Z";
        let order = serde_json::from_value(json!({
            "id": id, "kind": "service", "parent": null, "customer_id": "C-0000004712", "customer": null,
            "door": "soap", "channel": "soap", "client": "bss-1", "external_id": "crm-2026-11-23-000042",
            "category": null, "priority": "2", "urgency": 2, "state": "acknowledged", "order_date": at,
            "requested_start": null, "requested_completion": null, "expected_completion": at, "started_at": null,
            "ended_at": null, "cancelled_at": null, "cancel_reason": null, "place": 1, "waits_for": null,
            "goes_on": false, "version": 1, "event_number": 1, "history_number": 1, "errors": [],
            "trace_parent": null, "request_id": null, "approval": null, "changed_at": null,
        }))?;
        let item = serde_json::from_value(json!({
            "order_id": id, "item_id": "1", "uid": id, "number": 0, "state": "acknowledged", "action": "add",
            "intent": null, "relies_on": [], "subscription": "01a209a6-8c6d-76c8-ad64-9a9d91d2230a", "before": null,
            "started_at": null, "ended_at": null, "error_code": null, "error": null,
        }))?;
        Ok(Self { now: at.parse()?, order, items: vec![item] })
    }
}

/// Reads a message, checks it, makes the draft of its order, and writes the answer to it.
pub fn answer(octets: &[u8], action: &str, stored: &Stored) -> Result<String, Refused> {
    let root = parse(octets, &Limits::default())?;
    let envelope_in = Envelope::open(&root, |b: &Element| b.is(WSSE, "Security") || &*b.ns == WSA)?;
    username_token(&envelope_in, stored.now)?;
    let operation = read::operation(&envelope_in.operation)?;
    let own = format!("{NS}/{operation}");
    check_action(Some(action), &own, OPERATIONS.iter().map(|o| format!("{NS}/{o}")))?;
    addressing(&envelope_in)?;
    if let Request::Place(info, wanted) = read::request(operation, &envelope_in.operation)? {
        std::hint::black_box(place::draft(&info, &wanted));
    }
    let body = show::response(operation, |w| show::ack(w, &stored.order, &stored.items, false));
    Ok(envelope(Version::Soap11, "", &body))
}

/// The fault that answers what is refused.
pub fn refuse(refused: &Refused) -> String {
    let trace = Trace { id: "0".to_owned(), now: "2026-11-23T08:00:00Z".to_owned() };
    match refused {
        Refused::Protocol(fault) | Refused::Challenge(fault) => fault.message(Version::Soap11, ""),
        Refused::Typed(refusal) => provisioning(refusal, &trace).message(Version::Soap11, ""),
    }
}
