//! Every row of the contract's table of orders, at every door that takes it: one story, and what it leaves in the
//! inventory after each order.

use serde_json::{Value, json};

use crate::harness::{
    CRM, ORDERS, PRODUCT_ORDERS, TestApp, characteristic, create, modify, provision, restore, set_state,
    take_backup, terminate,
};
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

/// A door: where its orders are placed, how it writes each row (none where it has no such order), and where the id of
/// what the first item is about stands in its answers.
struct Door {
    name: &'static str,
    orders: &'static str,
    write: fn(Row, &Made) -> Option<Value>,
    id: &'static str,
}

const DOORS: [Door; 4] = [
    Door { name: "TMF641 v4", orders: ORDERS, write: tmf641_v4, id: OF_SERVICE },
    Door { name: "TMF641 v5", orders: ORDERS_V5, write: tmf641_v5, id: OF_SERVICE },
    Door { name: "TMF622 v4", orders: PRODUCT_ORDERS, write: tmf622_v4, id: OF_PRODUCT },
    Door { name: "TMF622 v5", orders: PRODUCT_ORDERS_V5, write: tmf622_v5, id: OF_PRODUCT },
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

#[tokio::test]
async fn every_order_at_every_door() {
    for door in &DOORS {
        story(door).await;
    }
}

async fn story(door: &Door) {
    let app = TestApp::new().await;
    let mut made = Made::default();
    let mut records: Vec<&str> = vec![];
    for (n, (row, state, record)) in STORY.iter().enumerate() {
        let Some(body) = (door.write)(*row, &made) else { continue };
        let at = format!("{}, order {n}, {row:?}", door.name);
        let answer = app.post(door.orders, &body).await;
        assert_eq!(answer.status, 201, "{at}: {:#}", answer.body);
        app.run().await;
        let path = format!("{}/{}", door.orders, answer.body["id"].as_str().unwrap());
        let order = app.get(&path).await.expect(200);
        assert_eq!(order["state"], "completed", "{at}: {order:#}");
        match row {
            Row::Provision => {
                let id = order.pointer(door.id).and_then(Value::as_str);
                made.subscription = id.unwrap_or_else(|| panic!("{at}: {order:#}")).to_owned();
            }
            Row::Backup => {
                let service = &order["serviceOrderItem"][0]["service"];
                made.backup =
                    characteristic(service, "backupId").unwrap_or_else(|| panic!("{at}: {order:#}"));
            }
            _ => {}
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
        records.extend(record);
    }
    let written = app.records("mediation-csv").await;
    let written: Vec<_> = written.iter().map(|r| r["recordType"].as_str().unwrap()).collect();
    assert_eq!(written, records, "{}", door.name);
}
