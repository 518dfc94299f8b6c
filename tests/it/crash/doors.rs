//! The doors by which one and the same order can be placed.

use std::time::Duration;

use serde_json::{Value, json};
use telvisor_soap::{Element, Limits, Version, parse};

use super::client::{Client, as_service_order};
use super::model::{APPS, Account, Ask};
use crate::harness::{ORDERS, PRODUCT_ORDERS};
use crate::process::Looks;
use crate::soap;
use crate::soap::ne::object;
use crate::v5::{ORDERS_V5, PRODUCT_ORDERS_V5, order5, product_order5};

/// Longest time that a SOAP call may be told to come again.
const PATIENCE: Duration = Duration::from_secs(300);
const NE: &str = "/soap/ne";
const NE_NS: &str = "urn:telvisor:ne:1.2";
const MO_NS: &str = "urn:telvisor:mo:v1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Tmf641,
    Tmf641V5,
    Tmf622,
    Tmf622V5,
    /// Contract A.
    Soap,
    /// Contract B, which answers when the order has ended.
    Ne,
}

/// The doors of version 4.
pub const V4: &[Door] = &[Door::Tmf641, Door::Tmf622];
pub const ALL: &[Door] = &[Door::Tmf641, Door::Tmf641V5, Door::Tmf622, Door::Tmf622V5, Door::Soap, Door::Ne];

impl Door {
    /// Whether such an order can be placed here.
    pub fn takes(self, account: &Account, asks: &[Ask]) -> bool {
        match self {
            Self::Tmf641 | Self::Tmf641V5 => true,
            Self::Tmf622 | Self::Tmf622V5 => asks.iter().all(|ask| account.product_item(1, ask).is_some()),
            Self::Soap => asks.len() == 1,
            Self::Ne => asks.len() == 1 && !matches!(asks[0], Ask::Backup(_) | Ask::Restore { .. }),
        }
    }

    /// Places an order, again and again until it is answered; what TMF641 shows of it. Contract B can make several
    /// of the repeats, of which the later find that all is as they want it.
    pub async fn place(self, client: &Client, account: &Account, asks: &[Ask], external: &str) -> Vec<Value> {
        let numbered = || asks.iter().enumerate().map(|(n, ask)| (n + 1, ask));
        let items = || numbered().map(|(n, ask)| account.item(n, ask)).collect::<Value>();
        let products = || numbered().filter_map(|(n, ask)| account.product_item(n, ask)).collect::<Value>();
        let post = async |door: &str, body: Value| {
            let answer = client.post(door, &body).await;
            let words = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 201, "{door}: {asks:?} of {account:?}: {words}");
            answer.json()
        };
        let again = async |order: &Value| client.order(order["id"].as_str().expect("it has an id")).await;
        let order = match self {
            Self::Tmf641 => {
                post(ORDERS, json!({ "externalId": external, "serviceOrderItem": items() })).await
            }
            Self::Tmf622 => {
                let body = json!({ "externalId": external, "productOrderItem": products() });
                as_service_order(post(PRODUCT_ORDERS, body).await)
            }
            Self::Tmf641V5 => {
                let mut body = order5(&items());
                let kind = "externalId";
                let reference =
                    json!({ "@type": "ExternalReference", "externalReferenceType": kind, "id": external });
                body["externalReference"] = json!([reference]);
                again(&post(ORDERS_V5, body).await).await
            }
            Self::Tmf622V5 => {
                let mut body = product_order5(&products());
                body["externalId"] = json!([{ "@type": "ExternalIdentifier", "id": external }]);
                again(&post(PRODUCT_ORDERS_V5, body).await).await
            }
            Self::Soap => {
                let (operation, children) = by_soap(account, &asks[0], external);
                let body = format!("<{operation} xmlns=\"{}\">{children}</{operation}>", soap::NS);
                let message = soap::envelope(Version::Soap11, "", &body);
                let answer = call(client, soap::ORDERS, &message).await;
                let ack = answer.unwrap_or_else(|n| panic!("{n}: {asks:?} of {account:?}"));
                client.order(&soap::text(&ack, "orderId")).await
            }
            Self::Ne => {
                let (operation, children) = by_ne(account, &asks[0]);
                let header = format!("<n:TransactionId xmlns:n=\"{NE_NS}\">{external}</n:TransactionId>");
                let body = format!(
                    "<n:{operation} xmlns:n=\"{NE_NS}\" xmlns:m=\"{MO_NS}\">{children}</n:{operation}>"
                );
                let answer = call(client, NE, &soap::envelope(Version::Soap11, &header, &body)).await;
                // A repeat whose first call did its work finds what it wants to make, or not what it wants to delete.
                let done = matches!((operation, answer.as_ref().err()), (_, None) | ("Create", Some(3008)))
                    || matches!((operation, answer.as_ref().err()), ("Delete", Some(3001 | 3002)));
                assert!(done, "{:?}: {asks:?} of {account:?}", answer.err());
                let found = client.get(&format!("{ORDERS}?externalId={external}")).await.expect(200);
                let mut orders = found.as_array().expect("a list").clone();
                assert!(!orders.is_empty(), "{external} was answered and is no order");
                // Newest first.
                orders.reverse();
                return orders;
            }
        };
        vec![order]
    }
}

/// Calls until the answer is no fault that asks for a repeat; the content of the answer, or the number of the fault.
async fn call(client: &Client, path: &str, message: &str) -> Result<Element, u32> {
    let mut looks = Looks::until("a SOAP call is answered for good", PATIENCE);
    loop {
        let answer = client.post_text(path, "text/xml; charset=utf-8", message.to_owned()).await;
        let words = String::from_utf8_lossy(&answer.body);
        let root = parse(&answer.body, &Limits::default()).unwrap_or_else(|e| panic!("{e}: {words}"));
        let body = root.children.into_iter().find(|e| e.name == "Body").expect("a Body");
        let content = body.children.into_iter().next().expect("a Body has content");
        if content.name != "Fault" {
            return Ok(content);
        }
        let number = ["number", "faultcode"].iter().find_map(|name| {
            let detail = soap::find(&content, "provisioningFault").or(soap::find(&content, "Cai3gFault"))?;
            soap::text(detail, name).parse().ok()
        });
        match number.unwrap_or_else(|| panic!("a fault without a number: {words}")) {
            // Busy, what stands behind it away, an order that has not ended yet.
            4001 | 4002 | 4006 => looks.again().await,
            5000 => panic!("an internal fault: {words}"),
            number => return Err(number),
        }
    }
}

/// Operation and content of contract A.
fn by_soap(account: &Account, ask: &Ask, external: &str) -> (&'static str, String) {
    let element = |name: &str, value: &str| format!("<{name}>{value}</{name}>");
    let customer = element("customerId", &account.id);
    let subscription = |id: &str| element("subscriptionId", id);
    let (operation, children) = match ask {
        Ask::Create => ("CreateCustomer", customer + &element("name", &format!("Customer {}", account.id))),
        Ask::Provision { app, plan, version } => {
            let app = &APPS[*app];
            let what = [("applicationId", app.id), ("planId", app.plans[*plan])].map(|(n, v)| element(n, v));
            ("ProvisionApplication", customer + &what.concat() + &element("version", app.versions[*version]))
        }
        Ask::Change { subscription: id, plan, version } => {
            let app = account.find(id).app();
            let plan = plan.map(|p| element("planId", app.plans[p]));
            let version = version.map(|v| element("version", app.versions[v]));
            let changes: String = plan.into_iter().chain(version).collect();
            ("ChangeSubscription", subscription(id) + &changes)
        }
        Ask::Suspend(id) => ("SuspendSubscription", subscription(id)),
        Ask::Reactivate(id) => ("ReactivateSubscription", subscription(id)),
        Ask::Terminate(id) => ("TerminateSubscription", subscription(id)),
        Ask::Backup(id) => ("BackupSubscription", subscription(id)),
        Ask::Restore { subscription: id, backup } => {
            ("RestoreSubscription", subscription(id) + &element("backupId", backup))
        }
        Ask::SuspendCustomer => ("SuspendCustomer", customer),
        Ask::ReactivateCustomer => ("ReactivateCustomer", customer),
        Ask::TerminateCustomer => ("TerminateCustomer", customer),
    };
    (operation, soap::order(external) + &children)
}

/// Operation and managed object of contract B.
fn by_ne(account: &Account, ask: &Ask) -> (&'static str, String) {
    let element = |name: &str, value: &str| format!("<m:{name}>{value}</m:{name}>");
    let of_customer = [("customerId", account.id.as_str())];
    let customer = |attributes: &str| object("Customer", &of_customer, attributes);
    let subscription =
        |id: &str, attributes: &str| object("Subscription", &[("subscriptionId", id)], attributes);
    let state = |kind: &str, state: &str| element(kind, &element("state", state));
    match ask {
        Ask::Create => (
            "Create",
            customer(&element("createCustomer", &element("name", &format!("Customer {}", account.id)))),
        ),
        Ask::Provision { app, plan, version } => {
            let app = &APPS[*app];
            let keys = [of_customer[0], ("applicationId", app.id)];
            let wanted = element("planId", app.plans[*plan]) + &element("version", app.versions[*version]);
            ("Create", object("Subscription", &keys, &element("createSubscription", &wanted)))
        }
        Ask::Change { subscription: id, plan, version } => {
            let app = account.find(id).app();
            let plan = plan.map(|p| element("planId", app.plans[p]));
            let version = version.map(|v| element("version", app.versions[v]));
            let changes: String = plan.into_iter().chain(version).collect();
            ("Set", subscription(id, &element("setSubscription", &changes)))
        }
        Ask::Suspend(id) => ("Set", subscription(id, &state("setSubscription", "suspended"))),
        Ask::Reactivate(id) => ("Set", subscription(id, &state("setSubscription", "active"))),
        Ask::Terminate(id) => ("Delete", subscription(id, "")),
        Ask::SuspendCustomer => ("Set", customer(&state("setCustomer", "suspended"))),
        Ask::ReactivateCustomer => ("Set", customer(&state("setCustomer", "active"))),
        Ask::TerminateCustomer => ("Delete", customer("")),
        Ask::Backup(_) | Ask::Restore { .. } => unreachable!("contract B knows no backups"),
    }
}
