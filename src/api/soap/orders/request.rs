//! The requests of contract A, as `wsdl/telvisor-orders.xsd` has them; `read` makes them of a message.

use chrono::{DateTime, Utc};

/// Namespace of the messages and types of contract A.
pub const NS: &str = "urn:telvisor:orders:v1";

/// `order`: what every order has.
#[derive(Debug, Clone)]
pub struct OrderInfo {
    pub external_id: String,
    pub description: Option<String>,
    pub priority: Option<i32>,
    pub requested_start: Option<DateTime<Utc>>,
    pub requested_completion: Option<DateTime<Utc>>,
    pub notify_to: Option<String>,
    pub wait_seconds: u32,
}

/// A characteristic; a nil value is none.
pub type Characteristic = (String, Option<String>);

/// `Contact`, as (characteristic of the customer, value).
pub type Contact = Vec<(&'static str, String)>;

/// What a subscription or customer is to become, or to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Suspend,
    Reactivate,
    Terminate,
}

/// The direction that a change must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeType {
    Upgrade,
    Downgrade,
    Modify,
}

/// By which id an order is named.
#[derive(Debug, Clone)]
pub enum OrderName {
    Id(String),
    External(String),
}

/// An operation that places an order.
#[derive(Debug, Clone)]
pub enum Wanted {
    CreateCustomer {
        customer: Option<String>,
        name: String,
        kind: Option<String>,
        contact: Contact,
        characteristics: Vec<Characteristic>,
    },
    Customer {
        verb: Verb,
        customer: String,
        reason: Option<String>,
    },
    Provision {
        customer: String,
        application: String,
        plan: String,
        version: Option<String>,
        quantity: Option<i32>,
        characteristics: Vec<Characteristic>,
    },
    Change {
        subscription: String,
        change: Option<ChangeType>,
        plan: Option<String>,
        version: Option<String>,
        quantity: Option<i32>,
        characteristics: Vec<Characteristic>,
    },
    Subscription {
        verb: Verb,
        subscription: String,
        reason: Option<String>,
    },
    Backup {
        subscription: String,
    },
    Restore {
        subscription: String,
        backup: String,
    },
}

/// What `FindOrders` asks for.
#[derive(Debug, Clone)]
pub struct Find {
    pub customer: Option<String>,
    pub state: Option<String>,
    pub changed_since: Option<DateTime<Utc>>,
    pub offset: i32,
    pub limit: i32,
}

/// One request.
#[derive(Debug, Clone)]
pub enum Request {
    Place(Box<OrderInfo>, Box<Wanted>),
    ListBackups { subscription: String },
    GetBackupLink { backup: String, customer: Option<String>, seconds: Option<i32> },
    GetOrderStatus(OrderName),
    FindOrders(Find),
    CancelOrder { order: OrderName, reason: Option<String> },
    GetSubscription { subscription: String },
    GetCustomer { customer: String },
    Subscribe { notify_to: String, states: Vec<String> },
    Unsubscribe { reference: String },
}

/// The operations, as the WSDL has them.
pub const OPERATIONS: [&str; 20] = [
    "CreateCustomer",
    "SuspendCustomer",
    "ReactivateCustomer",
    "TerminateCustomer",
    "ProvisionApplication",
    "ChangeSubscription",
    "SuspendSubscription",
    "ReactivateSubscription",
    "TerminateSubscription",
    "BackupSubscription",
    "RestoreSubscription",
    "ListBackups",
    "GetBackupLink",
    "GetOrderStatus",
    "FindOrders",
    "CancelOrder",
    "GetSubscription",
    "GetCustomer",
    "Subscribe",
    "Unsubscribe",
];
