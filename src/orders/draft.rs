//! What a door hands over: parsed and schema-valid, without a judgement.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::OrderKind;
use uuid::Uuid;

/// Name of the specification that stands for a customer.
pub const CUSTOMER_ACCOUNT: &str = "customer-account";

/// An order as a door understood it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub kind: OrderKind,
    /// The client is not ready to submit it: it is kept as a draft.
    pub unsubmitted: bool,
    /// The kept draft that this is the new content of, or that is submitted with it.
    pub drafted: Option<Drafted>,
    /// The customer that the order is for, as its parties name it.
    pub customer: Option<String>,
    pub external_id: Option<String>,
    /// The client's idempotency key, when it gave one besides the external id.
    pub key: Option<String>,
    /// Where the order came from, when not by the door's own name.
    pub channel: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub requested_start: Option<DateTime<Utc>>,
    pub requested_completion: Option<DateTime<Utc>>,
    /// The parsed body: echoed in answers, and what a repeat is compared with.
    pub request: Value,
    /// What TMF629 gave of the customer, to be kept beside it.
    pub profile: Option<Value>,
    pub notes: Vec<Value>,
    pub items: Vec<DraftItem>,
}

/// A draft as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Drafted {
    pub id: Uuid,
    /// It must still be at this version.
    pub version: i64,
    /// When it was made, which is the order's date.
    pub at: DateTime<Utc>,
}

/// One item.
#[derive(Debug, Clone)]
pub struct DraftItem {
    pub id: String,
    pub ask: Ask,
    /// Ids of items that must be completed before.
    pub relies_on: Vec<String>,
    pub quantity: Option<i64>,
}

/// A characteristic as given.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub name: String,
    pub value: Value,
}

/// Which way a change goes, by the ranks of plans and versions in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

/// What an item asks for, in words common to all doors.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Schema-valid, but names nothing to do: the order ends `rejected` with this reason.
    Nothing {
        reason: String,
    },
    /// Explicitly no change.
    NoChange,
    /// A new customer account, or a subscription of an application.
    Add {
        specification: String,
        characteristics: Vec<Given>,
        names_id: bool,
    },
    /// A change to a service: its state, or characteristics. `application`: of which it must be, `direction`: which way
    /// plan and version must go, where the request says so.
    Modify {
        service: String,
        state: Option<String>,
        characteristics: Vec<Given>,
        application: Option<String>,
        direction: Option<Direction>,
    },
    Delete {
        service: String,
    },
}

/// The member of a request that a message is about; each door renders it as its own path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Items,
    ItemId,
    Relationship,
    Quantity,
    Customer,
    ExternalId,
    Specification,
    Service,
    ServiceState,
    Characteristic(String),
    RequestedStart,
    /// A member by its name.
    Named(&'static str),
}
