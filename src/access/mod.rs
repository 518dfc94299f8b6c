//! Who calls. Every handler gets a [`Caller`], and the store's handle is opened for its tenant.
//!
//! This page and [`memory`] and [`secret`] are words and pure pieces that every part may name. Who is let in is decided
//! by [`check`], against the [`clients`] in the database; [`sessions`] are what a client opens once and then refers to.

pub mod check;
pub mod clients;
pub mod memory;
pub mod secret;
pub mod sessions;

use std::fmt;
use std::net::IpAddr;

use telvisor_model::Scope;
use uuid::Uuid;

/// The tenant of the embedded default.
pub const DEFAULT_TENANT: &str = "default";

/// The door through which a call came. Its text is the channel shown on orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    Tmf622,
    Tmf629,
    Tmf641,
    /// Contract A.
    Soap,
    /// Contract B, the network-element dialect.
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
    Only(Vec<Scope>),
}

impl Scopes {
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&scope),
        }
    }
}

/// Where a request came from, before anybody knows who sent it.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address: the connection's, or what a trusted proxy tells.
    pub address: Option<IpAddr>,
    /// The same with the port where it is known, for the audit.
    pub source: Option<String>,
    /// Whether nobody in between could read it: it came by TLS (as a trusted proxy tells), or from this machine.
    pub private: bool,
    pub request_id: Option<String>,
    /// W3C traceparent.
    pub trace_parent: Option<String>,
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

/// What the caller of an open server is called; no client may have this name.
pub const LOCAL: &str = "local";

impl Caller {
    /// The one caller of an open server.
    #[must_use]
    pub fn local(door: Door) -> Self {
        Self::client(LOCAL, DEFAULT_TENANT, Scopes::All, door)
    }

    /// A client.
    #[must_use]
    pub fn client(name: &str, tenant: &str, scopes: Scopes, door: Door) -> Self {
        Self {
            tenant: tenant.to_owned(),
            principal: Principal::Client(name.to_owned()),
            scopes,
            door,
            source: None,
            request_id: None,
            trace_parent: None,
        }
    }

    /// Telvisor itself, acting for a tenant.
    #[must_use]
    pub fn system(tenant: &str, door: Door) -> Self {
        Self { principal: Principal::System, ..Self::client("", tenant, Scopes::All, door) }
    }

    /// The same, with where the request came from.
    #[must_use]
    pub fn from(self, origin: &Origin) -> Self {
        Self {
            source: origin.source.clone(),
            request_id: origin.request_id.clone(),
            trace_parent: origin.trace_parent.clone(),
            ..self
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} by {}", self.principal.name(), self.tenant, self.door.as_str())
    }
}
