//! Who calls. Every handler gets a [`Caller`], and the store's handle is opened for its tenant.
//!
//! Until clients and users exist there is one caller: `local` of tenant `default`, with all scopes. Who proves what
//! comes with access control; what a caller is does not change then.

use std::fmt;

use uuid::Uuid;

/// The tenant of the embedded default.
pub const DEFAULT_TENANT: &str = "default";

/// The door through which a call came. Its text is the channel shown on orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    Tmf622,
    Tmf629,
    Tmf641,
    Soap,
    SoapNe,
    Api,
    Cli,
    Schedule,
    System,
}

impl Door {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tmf622 => "tmf622",
            Self::Tmf629 => "tmf629",
            Self::Tmf641 => "tmf641",
            Self::Soap => "soap",
            Self::SoapNe => "soap-ne",
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Schedule => "schedule",
            Self::System => "system",
        }
    }
}

/// What acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A system that places or reads orders.
    Client(String),
    /// A person of the operator.
    User(String),
    /// A subscriber, bound to one customer.
    Subscriber { customer: Uuid },
    /// Telvisor itself (schedules, sweeps).
    System,
}

impl Principal {
    /// Name for audit and idempotency.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Client(name) | Self::User(name) => name.clone(),
            Self::Subscriber { customer } => format!("subscriber:{customer}"),
            Self::System => "system".into(),
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    All,
    Only(Vec<String>),
}

impl Scopes {
    #[must_use]
    pub fn allow(&self, scope: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().any(|s| s == scope),
        }
    }
}

/// Who calls, through which door, from where, and under which trace.
#[derive(Debug, Clone)]
pub struct Caller {
    pub tenant: String,
    pub principal: Principal,
    pub scopes: Scopes,
    pub door: Door,
    /// Source address.
    pub source: Option<String>,
    pub request_id: Option<String>,
    /// W3C traceparent.
    pub trace_parent: Option<String>,
}

impl Caller {
    /// The one caller of an open server.
    #[must_use]
    pub fn local(door: Door) -> Self {
        Self {
            tenant: DEFAULT_TENANT.into(),
            principal: Principal::Client("local".into()),
            scopes: Scopes::All,
            door,
            source: None,
            request_id: None,
            trace_parent: None,
        }
    }

    /// Telvisor itself, acting for a tenant.
    #[must_use]
    pub fn system(tenant: &str, door: Door) -> Self {
        Self {
            tenant: tenant.to_owned(),
            principal: Principal::System,
            scopes: Scopes::All,
            door,
            source: None,
            request_id: None,
            trace_parent: None,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} by {}", self.principal.name(), self.tenant, self.door.as_str())
    }
}
