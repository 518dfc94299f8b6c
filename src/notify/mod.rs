//! Telling others: every event that was committed gets its position, goes to the listeners that want it, and is sent
//! until each of them has it.
//!
//! ```text
//! orders, … write events ─> sequence: position, one delivery per listener ─> lane of each listener ─> send
//! ```
//! What an event looks like is the doors' business: `app` hands over [`Shows`], and this part names no door.

pub mod envelope;
pub mod guard;
pub mod keep;
pub mod lane;
mod leading;
pub mod listeners;
pub mod run;
pub mod send;
pub mod sequence;
pub mod sign;
pub mod soap;

use serde_json::Value;
use telvisor_model::{EventKind, Resource};

use crate::store::StoreError;
use crate::store::events::EventRow;

/// How the doors show events.
#[derive(Debug, Clone, Copy)]
pub struct Shows {
    pub apis: &'static [Api],
    /// Whether a listener with this query wants this notification; `key` names the resource below `event`.
    pub fits: fn(query: &str, key: &str, notification: &Value) -> bool,
    pub soap: soap::Soap,
}

/// One version of one API with a hub.
#[derive(Debug)]
pub struct Api {
    /// As listeners keep it: `tmf641.v4`.
    pub name: &'static str,
    /// Base path.
    pub path: &'static str,
    pub envelope: Envelope,
    /// `domain` of its notifications.
    pub domain: &'static str,
    /// Whether its official file has GET of a registration.
    pub reads_hub: bool,
    pub shown: &'static [Shown],
}

/// The form of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    V4,
    V5,
}

/// How an API shows the events of a resource.
#[derive(Debug)]
pub struct Shown {
    pub resource: Resource,
    /// Its name in this API, as it stands below `event`: `serviceOrder`.
    pub key: &'static str,
    /// Which of its events the API has, and how their names end: `StateChangeEvent`.
    pub events: &'static [(EventKind, &'static str)],
    /// The resource as it was. `base` is what hrefs begin with.
    pub render: Render,
}

/// Renders the resource of an event.
pub type Render = fn(base: &str, event: &EventRow) -> Result<Value, serde_json::Error>;

impl Api {
    /// How this API shows an event, and the event's name; none where it has no such event.
    #[must_use]
    pub fn shows(&self, resource: Resource, kind: EventKind) -> Option<(&Shown, String)> {
        let shown = self.shown.iter().find(|s| s.resource == resource)?;
        let (_, end) = shown.events.iter().find(|(k, _)| *k == kind)?;
        Some((shown, shown.event_type(end)))
    }

    /// The names of all its events, each once.
    #[must_use]
    pub fn event_types(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.shown.iter().flat_map(|s| s.events.iter().map(|(_, end)| s.event_type(end))).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Shown {
    /// `serviceOrder` and `StateChangeEvent` make `ServiceOrderStateChangeEvent`.
    fn event_type(&self, end: &str) -> String {
        let (first, rest) = self.key.split_at(1);
        format!("{}{rest}{end}", first.to_ascii_uppercase())
    }
}

impl Shows {
    /// An API by its name.
    #[must_use]
    pub fn api(&self, name: &str) -> Option<&'static Api> {
        self.apis.iter().find(|a| a.name == name)
    }
}

/// What keeps notifications from going on.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the secret of listener {0} cannot be read: {1}")]
    Secret(uuid::Uuid, crate::secrets::UnsealError),
    #[error("a request broke off: {0}")]
    Broken(tokio::task::JoinError),
    #[error("the HTTP client cannot be made: {0}")]
    Client(reqwest::Error),
}

impl crate::store::Again for NotifyError {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}
