//! The answers of contract A, as `wsdl/telvisor-orders.xsd` has them.

use serde_json::Value;
use telvisor_model::catalogue::plain;
use telvisor_model::shown;
use telvisor_soap::Writer;

use super::request::NS;
use crate::clock::show as time;
use crate::store::backups::BackupRow;
use crate::store::customers::CustomerRow;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::subscriptions::SubscriptionRow;
use crate::store::told::Owner;

/// An answer: `{operation}Response` with what `content` writes in it.
#[must_use]
pub fn response(operation: &str, content: impl FnOnce(&mut Writer)) -> String {
    let mut inner = Writer::new();
    content(&mut inner);
    let mut w = Writer::new();
    w.element(&format!("tns:{operation}Response"), &[("xmlns:tns", NS)], &inner.finish());
    w.finish()
}

/// The members of `OrderAck`.
fn ack_members(w: &mut Writer, o: &OrderRow, items: &[ItemRow], duplicate: Option<bool>) {
    w.text("tns:orderId", o.id.to_string());
    w.optional("tns:externalOrderId", o.external_id.as_ref());
    w.text("tns:state", o.state.as_str());
    w.text("tns:orderDate", time(o.order_date));
    w.optional("tns:expectedCompletionDate", o.expected_completion.map(time));
    w.optional("tns:customerId", o.customer_id.as_ref());
    let subscription = items.iter().find_map(|i| i.subscription);
    w.optional("tns:subscriptionId", subscription.map(|s| s.to_string()));
    w.optional("tns:duplicate", duplicate.map(|d| d.to_string()));
}

/// `ack`.
pub fn ack(w: &mut Writer, o: &OrderRow, items: &[ItemRow], duplicate: bool) {
    w.start("tns:ack", &[]);
    ack_members(w, o, items, duplicate.then_some(true));
    w.end();
}

/// `status`.
pub fn status(w: &mut Writer, o: &OrderRow, items: &[ItemRow]) {
    w.start("tns:status", &[]);
    ack_members(w, o, items, None);
    w.text("tns:stateChangeDate", time(o.changed_at.unwrap_or(o.order_date)));
    w.optional("tns:completionDate", o.ended_at.map(time));
    for i in items {
        item(w, i);
    }
    w.end();
}

fn item(w: &mut Writer, i: &ItemRow) {
    w.start("tns:item", &[]);
    w.text("tns:itemId", &i.item_id).text("tns:action", &i.action).text("tns:state", i.state.as_str());
    w.optional("tns:subscriptionId", i.subscription.map(|s| s.to_string()));
    w.optional("tns:backupId", i.intent.0.as_ref().and_then(|x| x.backup).map(|b| b.to_string()));
    let failed = i.error.is_some();
    w.optional("tns:errorCode", failed.then(|| fault_code(i.error_code.as_deref().unwrap_or("failed"))));
    w.optional("tns:errorText", i.error.as_ref());
    w.end();
}

/// A code as `FaultCode` has it: capital letters, digits and `_`, 3 to 64 of them.
fn fault_code(code: &str) -> String {
    let mut out: String = code
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .take(60)
        .collect();
    if !out.starts_with(|c: char| c.is_ascii_uppercase()) || out.len() < 3 {
        out = format!("ITEM_{out}");
    }
    out
}

/// `page`.
pub fn page(w: &mut Writer, total: i64, orders: &[(OrderRow, Vec<ItemRow>)]) {
    w.start("tns:page", &[]).text("tns:total", total.min(i64::from(i32::MAX)).to_string());
    for (order, items) in orders {
        status(w, order, items);
    }
    w.end();
}

/// `subscription`.
pub fn subscription(w: &mut Writer, s: &SubscriptionRow, owner: &Owner) {
    let state = shown::subscription_product(s.kept(), owner.kept());
    w.start("tns:subscription", &[]);
    w.text("tns:subscriptionId", s.id.to_string()).text("tns:customerId", &owner.customer_id);
    w.text("tns:state", state);
    w.text("tns:applicationId", &s.application).text("tns:planId", &s.plan).text("tns:version", &s.version);
    let seats = s.characteristics.0.get(crate::orders::resolve::SEATS);
    w.optional("tns:quantity", seats.map(plain));
    w.optional("tns:accessUrl", s.access_url.as_ref().filter(|_| state == "active"));
    let rest: Vec<(&String, &Value)> = s
        .characteristics
        .0
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != crate::orders::resolve::SEATS)
        .collect();
    if !rest.is_empty() {
        w.start("tns:characteristics", &[]);
        for (name, value) in rest {
            w.start("tns:characteristic", &[]).text("tns:name", name).text("tns:value", plain(value)).end();
        }
        w.end();
    }
    w.end();
}

/// `customer`.
pub fn customer(w: &mut Writer, c: &CustomerRow, subscriptions: &[SubscriptionRow]) {
    w.start("tns:customer", &[]);
    w.text("tns:customerId", &c.customer_id).text("tns:name", &c.name);
    w.text("tns:state", shown::account_product(c.kept()));
    let more = |name: &str| c.characteristics.0.get(name).map(plain);
    let contact = [
        ("tns:email", c.email.clone()),
        ("tns:phone", c.phone.clone()),
        ("tns:street", more("street")),
        ("tns:city", more("city")),
        ("tns:postCode", more("postCode")),
        ("tns:country", more("country").filter(|v| is_country(v))),
    ];
    if contact.iter().any(|(_, value)| value.is_some()) {
        w.start("tns:contact", &[]);
        for (name, value) in contact {
            w.optional(name, value.map(|v| v.chars().take(255).collect::<String>()));
        }
        w.end();
    }
    for s in subscriptions {
        w.text("tns:subscriptionId", s.id.to_string());
    }
    w.end();
}

/// Other doors take any text as a customer's country.
fn is_country(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase())
}

/// `backups`.
pub fn backups(w: &mut Writer, list: &[BackupRow]) {
    w.start("tns:backups", &[]);
    for b in list {
        w.start("tns:backup", &[]).text("tns:backupId", b.id.to_string()).text("tns:state", &b.state);
        w.optional("tns:size", b.size.map(|s| s.to_string())).optional("tns:sha256", b.sha256.as_ref());
        w.text("tns:createdAt", time(b.created_at)).end();
    }
    w.end();
}

/// `link`.
pub fn link(w: &mut Writer, url: &str, expires_at: &str) {
    w.start("tns:link", &[]).text("tns:url", url).text("tns:expiresAt", expires_at).end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fit_the_pattern() {
        for (code, shown) in [("relied-on", "RELIED_ON"), ("x", "ITEM_X"), ("", "ITEM_"), ("4xx", "ITEM_4XX")]
        {
            assert_eq!(fault_code(code), shown);
        }
    }
}
