//! Every row of the contract's table of orders, at every door that takes it: one story, and what it leaves in the
//! inventory after each order.

use serde_json::{Value, json};
use telvisor_soap::Version::{self, Soap11, Soap12};

use crate::harness::{
    CRM, ORDERS, PRODUCT_ORDERS, TestApp, characteristic, create, modify, provision, restore, set_state,
    take_backup, terminate,
};
use crate::soap::ne::{call as call_ne, object};
use crate::soap::{call as call_soap, order as order_soap, text};
use crate::tmf622::{self, change, set_status};
use crate::v5::{ORDERS_V5, PRODUCT_ORDERS_V5, named, order5, product_order5};

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Row {
    CreateCustomer,
    Provision,
    Change(&'static str, &'static str),
    Suspend,
    Reactivate,
    Terminate,
    SuspendCustomer,
    ReactivateCustomer,
    TerminateCustomer,
    Backup,
    Restore,
}

/// The story; after each order the state of what it is about in TMF638, and the record that it writes.
const STORY: &[(Row, &str, Option<&str>)] = &[
    (Row::CreateCustomer, "active", None),
    (Row::Provision, "active", Some("installed")),
    (Row::Change("plan", "team"), "active", Some("upgraded")),
    (Row::Change("version", "2.0"), "active", Some("upgraded")),
    (Row::Suspend, "inactive", None),
    (Row::Reactivate, "active", None),
    (Row::Backup, "active", Some("backup-taken")),
    (Row::Restore, "active", Some("backup-restored")),
    (Row::Terminate, "terminated", None),
    (Row::Reactivate, "active", Some("installed")),
    (Row::SuspendCustomer, "inactive", None),
    (Row::ReactivateCustomer, "active", None),
    (Row::TerminateCustomer, "terminated", None),
    (Row::ReactivateCustomer, "active", Some("installed")),
];

/// What the story has made so far.
#[derive(Default)]
struct Made {
    subscription: String,
    backup: String,
}

/// A door: how an order is placed and run to its end there. None where it has no such order.
struct Door {
    name: &'static str,
    how: How,
}

enum How {
    /// Where its orders are, how it writes each row, and where the id of what the first item is about stands.
    Tmf { orders: &'static str, write: fn(Row, &Made) -> Option<Value>, id: &'static str },
    /// Contract A.
    Soap(Version),
    /// Contract B.
    NetworkElement,
}

const DOORS: [Door; 7] = [
    Door { name: "TMF641 v4", how: How::Tmf { orders: ORDERS, write: tmf641_v4, id: OF_SERVICE } },
    Door { name: "TMF641 v5", how: How::Tmf { orders: ORDERS_V5, write: tmf641_v5, id: OF_SERVICE } },
    Door { name: "TMF622 v4", how: How::Tmf { orders: PRODUCT_ORDERS, write: tmf622_v4, id: OF_PRODUCT } },
    Door { name: "TMF622 v5", how: How::Tmf { orders: PRODUCT_ORDERS_V5, write: tmf622_v5, id: OF_PRODUCT } },
    Door { name: "SOAP A, 1.1", how: How::Soap(Soap11) },
    Door { name: "SOAP A, 1.2", how: How::Soap(Soap12) },
    Door { name: "SOAP B", how: How::NetworkElement },
];
const OF_SERVICE: &str = "/serviceOrderItem/0/service/id";
const OF_PRODUCT: &str = "/productOrderItem/0/product/id";

const CUSTOMER: &str = "C1";

/// The row as an item of TMF641 v4.
fn item(row: Row, made: &Made, suspended: &str) -> Value {
    let s = made.subscription.as_str();
    match row {
        Row::CreateCustomer => create(CUSTOMER),
        Row::Provision => provision(CUSTOMER, CRM, "solo", Some("1.0")),
        Row::Change(name, value) => modify(s, &[(name, value)]),
        Row::Suspend => set_state(s, suspended),
        Row::Reactivate => set_state(s, "active"),
        Row::Terminate => terminate(s),
        Row::SuspendCustomer => set_state(CUSTOMER, suspended),
        Row::ReactivateCustomer => set_state(CUSTOMER, "active"),
        Row::TerminateCustomer => terminate(CUSTOMER),
        Row::Backup => take_backup(s),
        Row::Restore => restore(s, &made.backup),
    }
}

fn tmf641_v4(row: Row, made: &Made) -> Option<Value> {
    Some(json!({ "serviceOrderItem": [item(row, made, "inactive")] }))
}

fn tmf641_v5(row: Row, made: &Made) -> Option<Value> {
    Some(order5(&json!([item(row, made, "suspended")])))
}

/// The row as an item of TMF622 v4, which has no backups.
fn product_item(row: Row, made: &Made) -> Option<Value> {
    let s = made.subscription.as_str();
    Some(match row {
        Row::CreateCustomer => tmf622::create(CUSTOMER),
        Row::Provision => {
            let mut item = tmf622::provision(CUSTOMER, &format!("{CRM}.solo"));
            item["product"]["productCharacteristic"] = json!([{ "name": "version", "value": "1.0" }]);
            item
        }
        Row::Change(name, value) => change(s, &[(name, value)]),
        Row::Suspend => set_status(s, "suspended"),
        Row::Reactivate => set_status(s, "active"),
        Row::Terminate => tmf622::terminate(s),
        Row::SuspendCustomer => set_status(CUSTOMER, "suspended"),
        Row::ReactivateCustomer => set_status(CUSTOMER, "active"),
        Row::TerminateCustomer => tmf622::terminate(CUSTOMER),
        Row::Backup | Row::Restore => return None,
    })
}

fn tmf622_v4(row: Row, made: &Made) -> Option<Value> {
    Some(json!({ "productOrderItem": [product_item(row, made)?] }))
}

fn tmf622_v5(row: Row, made: &Made) -> Option<Value> {
    Some(product_order5(&json!([product_item(row, made)?])))
}

/// Places a row's order by TMF and runs it to its end.
async fn by_tmf(
    app: &TestApp,
    made: &mut Made,
    row: Row,
    at: &str,
    (orders, body, id): (&str, &Value, &str),
) {
    let answer = app.post(orders, body).await;
    assert_eq!(answer.status, 201, "{at}: {:#}", answer.body);
    app.run().await;
    let path = format!("{orders}/{}", answer.body["id"].as_str().unwrap());
    let order = app.get(&path).await.expect(200);
    assert_eq!(order["state"], "completed", "{at}: {order:#}");
    match row {
        Row::Provision => {
            let id = order.pointer(id).and_then(Value::as_str);
            made.subscription = id.unwrap_or_else(|| panic!("{at}: {order:#}")).to_owned();
        }
        Row::Backup => {
            let service = &order["serviceOrderItem"][0]["service"];
            made.backup = characteristic(service, "backupId").unwrap_or_else(|| panic!("{at}: {order:#}"));
        }
        _ => {}
    }
}

/// The row as an operation of contract A, after its `order`.
fn operation(row: Row, made: &Made) -> (&'static str, String) {
    let subscription = format!("<subscriptionId>{}</subscriptionId>", made.subscription);
    let customer = format!("<customerId>{CUSTOMER}</customerId>");
    match row {
        Row::CreateCustomer => ("CreateCustomer", format!("{customer}<name>Ada</name>")),
        Row::Provision => (
            "ProvisionApplication",
            format!(
                "{customer}<applicationId>{CRM}</applicationId><planId>solo</planId><version>1.0</version>"
            ),
        ),
        Row::Change("plan", plan) => ("ChangeSubscription", format!("{subscription}<planId>{plan}</planId>")),
        Row::Change(_, version) => {
            ("ChangeSubscription", format!("{subscription}<version>{version}</version>"))
        }
        Row::Suspend => ("SuspendSubscription", subscription),
        Row::Reactivate => ("ReactivateSubscription", subscription),
        Row::Terminate => ("TerminateSubscription", subscription),
        Row::SuspendCustomer => ("SuspendCustomer", customer),
        Row::ReactivateCustomer => ("ReactivateCustomer", customer),
        Row::TerminateCustomer => ("TerminateCustomer", customer),
        Row::Backup => ("BackupSubscription", subscription),
        Row::Restore => {
            ("RestoreSubscription", format!("{subscription}<backupId>{}</backupId>", made.backup))
        }
    }
}

async fn by_soap(app: &TestApp, made: &mut Made, row: Row, n: usize, version: Version) {
    let (operation, children) = operation(row, made);
    let external = format!("o-{n}");
    let ack = call_soap(app, version, operation, &format!("{}{children}", order_soap(&external))).await;
    if row == Row::Provision {
        made.subscription = text(ack.good(), "subscriptionId");
    }
    app.run().await;
    let by_id = format!("<orderId>{}</orderId>", text(ack.good(), "orderId"));
    let status = call_soap(app, version, "GetOrderStatus", &by_id).await;
    assert_eq!(text(status.good(), "state"), "completed", "{row:?}");
    if row == Row::Backup {
        made.backup = text(status.good(), "backupId");
    }
}

/// The row as an operation of contract B, which has no backups; its answer is the order's end.
async fn by_network_element(app: &TestApp, made: &mut Made, row: Row) -> bool {
    let id = made.subscription.clone();
    let customer = |attributes: &str| object("Customer", &[("customerId", CUSTOMER)], attributes);
    let subscription = |attributes: &str| object("Subscription", &[("subscriptionId", &id)], attributes);
    let set = |what: &str| subscription(&format!("<m:setSubscription>{what}</m:setSubscription>"));
    let set_customer =
        |state: &str| customer(&format!("<m:setCustomer><m:state>{state}</m:state></m:setCustomer>"));
    let (operation, children) = match row {
        Row::CreateCustomer => {
            ("Create", customer("<m:createCustomer><m:name>Ada</m:name></m:createCustomer>"))
        }
        Row::Provision => {
            let keys = [("customerId", CUSTOMER), ("applicationId", CRM)];
            let attributes = "<m:createSubscription><m:planId>solo</m:planId><m:version>1.0</m:version></m:createSubscription>";
            ("Create", object("Subscription", &keys, attributes))
        }
        Row::Change("plan", plan) => ("Set", set(&format!("<m:planId>{plan}</m:planId>"))),
        Row::Change(_, version) => ("Set", set(&format!("<m:version>{version}</m:version>"))),
        Row::Suspend => ("Set", set("<m:state>suspended</m:state>")),
        Row::Reactivate => ("Set", set("<m:state>active</m:state>")),
        Row::Terminate => ("Delete", subscription("")),
        Row::SuspendCustomer => ("Set", set_customer("suspended")),
        Row::ReactivateCustomer => ("Set", set_customer("active")),
        Row::TerminateCustomer => ("Delete", customer("")),
        Row::Backup | Row::Restore => return false,
    };
    let reply = call_ne(app, operation, &children).await;
    if row == Row::Provision {
        made.subscription = text(reply.good(), "subscriptionId");
    }
    reply.good();
    true
}

#[tokio::test]
async fn every_order_at_every_door() {
    for door in &DOORS {
        Box::pin(story(door)).await;
    }
}

async fn story(door: &Door) {
    let app = TestApp::new().await;
    let mut made = Made::default();
    let mut records: Vec<&str> = vec![];
    for (n, (row, state, record)) in STORY.iter().enumerate() {
        let at = format!("{}, order {n}, {row:?}", door.name);
        match &door.how {
            How::Tmf { orders, write, id } => {
                let Some(body) = write(*row, &made) else { continue };
                Box::pin(by_tmf(&app, &mut made, *row, &at, (orders, &body, id))).await;
            }
            How::Soap(version) => Box::pin(by_soap(&app, &mut made, *row, n, *version)).await,
            How::NetworkElement => {
                if !Box::pin(by_network_element(&app, &mut made, *row)).await {
                    continue;
                }
            }
        }
        let of_customer = matches!(
            row,
            Row::CreateCustomer | Row::SuspendCustomer | Row::ReactivateCustomer | Row::TerminateCustomer
        );
        let service = app.service(if of_customer { CUSTOMER } else { &made.subscription }).await;
        assert_eq!(service["state"], *state, "{at}: {service:#}");
        if let Row::Change(name, value) = row {
            assert_eq!(named(&service["serviceCharacteristic"], name)["value"], *value, "{at}");
        }
        in_the_world(&app, &made, &at).await;
        records.extend(record);
    }
    let written = app.records("mediation-csv").await;
    let written: Vec<_> = written.iter().map(|r| r["recordType"].as_str().unwrap()).collect();
    assert_eq!(written, records, "{}", door.name);
}

/// The simulator's world has what TMF638 says: the application on the customer's machine, running or stopped, in its
/// plan and version; no machine where nothing is installed.
async fn in_the_world(app: &TestApp, made: &Made, at: &str) {
    let machines = app.machines();
    if made.subscription.is_empty() {
        assert!(machines.is_empty(), "{at}");
        return;
    }
    let service = app.service(&made.subscription).await;
    let state = service["state"].as_str().unwrap();
    if state == "terminated" {
        assert!(machines.is_empty(), "{at}: {machines:#?}");
        return;
    }
    let [machine] = machines.as_slice() else { panic!("{at}: {machines:#?}") };
    let installed = &machine["applications"][0];
    assert_eq!(installed["subscription"], made.subscription.as_str(), "{at}");
    for name in ["plan", "version"] {
        assert_eq!(installed[name], named(&service["serviceCharacteristic"], name)["value"], "{at}");
    }
    let runs = installed["state"] == "running" && machine["state"] == "running";
    assert_eq!(runs, state == "active", "{at}: {machine:#}");
}
