//! Why a SOAP call is refused: one table of numbers and codes for both contracts (docs/soap.md).

use telvisor_model::OrderState;
use telvisor_soap::addressing::AddressingError;
use telvisor_soap::security::SecurityError;
use telvisor_soap::{Code, EnvelopeError, Fault, ParseError, Writer};
use uuid::Uuid;

use super::orders::request::NS;
use crate::orders::{Member, OrderError};
use crate::store::StoreError;

/// What is the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    SessionInvalid,
    AuthenticationFailed,
    NotAuthorized,
    MalformedXml,
    InvalidEnvelope,
    UnknownOperation,
    ActionMismatch,
    SchemaViolation,
    LimitExceeded,
    CustomerNotFound,
    SubscriptionNotFound,
    OrderNotFound,
    ApplicationOrPlanUnknown,
    InvalidState,
    DuplicateOrderConflict,
    CallbackNotAllowed,
    AlreadyExists,
    Busy,
    BackendUnavailable,
    /// Contract B only: the order did not end as asked, or not in time.
    OrderUnfinished,
    Internal,
}

impl What {
    /// Its number and its code, stable.
    #[must_use]
    pub const fn named(self) -> (u32, &'static str) {
        match self {
            Self::SessionInvalid => (1001, "SESSION_INVALID"),
            Self::AuthenticationFailed => (1002, "AUTHENTICATION_FAILED"),
            Self::NotAuthorized => (1003, "NOT_AUTHORIZED"),
            Self::MalformedXml => (2001, "MALFORMED_XML"),
            Self::InvalidEnvelope => (2002, "INVALID_ENVELOPE"),
            Self::UnknownOperation => (2003, "UNKNOWN_OPERATION"),
            Self::ActionMismatch => (2004, "ACTION_MISMATCH"),
            Self::SchemaViolation => (2005, "SCHEMA_VIOLATION"),
            Self::LimitExceeded => (2006, "LIMIT_EXCEEDED"),
            Self::CustomerNotFound => (3001, "CUSTOMER_NOT_FOUND"),
            Self::SubscriptionNotFound => (3002, "SUBSCRIPTION_NOT_FOUND"),
            Self::OrderNotFound => (3003, "ORDER_NOT_FOUND"),
            Self::ApplicationOrPlanUnknown => (3004, "APPLICATION_OR_PLAN_UNKNOWN"),
            Self::InvalidState => (3005, "INVALID_STATE"),
            Self::DuplicateOrderConflict => (3006, "DUPLICATE_ORDER_CONFLICT"),
            Self::CallbackNotAllowed => (3007, "CALLBACK_NOT_ALLOWED"),
            Self::AlreadyExists => (3008, "ALREADY_EXISTS"),
            Self::Busy => (4001, "BUSY"),
            Self::BackendUnavailable => (4002, "BACKEND_UNAVAILABLE"),
            Self::OrderUnfinished => (4006, "EXTERNAL_ERROR"),
            Self::Internal => (5000, "INTERNAL"),
        }
    }

    /// Whether the same request may succeed later: then the fault is the server's.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Busy | Self::BackendUnavailable | Self::OrderUnfinished | Self::Internal)
    }

    /// The fault code of the SOAP envelope.
    #[must_use]
    pub const fn code(self) -> Code {
        if self.retryable() { Code::Server } else { Code::Client }
    }
}

/// What an order is about, in the eyes of who places it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    NewCustomer,
    Customer,
    Subscription,
}

impl What {
    /// What the matter is when a member of an order is wrong.
    #[must_use]
    pub fn of_member(member: &Member, about: About) -> Self {
        match (member, about) {
            (Member::Customer, About::Customer | About::Subscription)
            | (Member::Service, About::NewCustomer | About::Customer) => Self::CustomerNotFound,
            (Member::Service, About::Subscription) => Self::SubscriptionNotFound,
            (Member::Specification, _) => Self::ApplicationOrPlanUnknown,
            (Member::Characteristic(name), _) if name == "plan" || name == "version" => {
                Self::ApplicationOrPlanUnknown
            }
            _ => Self::SchemaViolation,
        }
    }
}

/// A refusal with everything that the detail of its fault says.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub what: What,
    /// In words: what exactly, and what to do.
    pub message: String,
    /// The element that is wrong, by local names from the Envelope.
    pub path: Option<String>,
    pub order: Option<Uuid>,
    /// The state of the order, where that is what is the matter.
    pub state: Option<OrderState>,
    pub external_id: Option<String>,
    /// When to ask again, in seconds; said where it is retryable.
    pub retry_after_s: u32,
}

impl Refusal {
    #[must_use]
    pub fn new(what: What, message: impl Into<String>) -> Self {
        Self {
            what,
            message: message.into(),
            path: None,
            order: None,
            state: None,
            external_id: None,
            retry_after_s: 1,
        }
    }

    /// An element whose content is wrong.
    #[must_use]
    pub fn at(what: What, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..Self::new(what, message) }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.what.retryable() && !self.state.is_some_and(OrderState::is_final)
    }

    /// The reason why an order is not accepted; `at` says what a wrong member is, and where it stands in the request.
    #[must_use]
    pub fn of_order(e: OrderError, at: impl Fn(&Member) -> (What, Option<String>)) -> Self {
        match e {
            OrderError::Invalid { member, message, .. } => {
                let (what, path) = at(&member);
                Self { path, ..Self::new(what, message) }
            }
            OrderError::Exists { message, .. } => Self::new(What::AlreadyExists, message),
            OrderError::Forbidden { message, .. } => Self::new(What::InvalidState, message),
            OrderError::KeyConflict { made: order, .. } => {
                let message =
                    format!("the externalOrderId was used before with other content, for order {order}");
                let (_, path) = at(&Member::ExternalId);
                Self { path, order: Some(order), ..Self::new(What::DuplicateOrderConflict, message) }
            }
            OrderError::Changed => {
                Self::new(What::BackendUnavailable, "the order was changed in between; try again")
            }
            OrderError::Busy { why, retry_after_s } => {
                let message = format!("{why}; try again in {retry_after_s} s");
                Self { retry_after_s, ..Self::new(What::Busy, message) }
            }
            OrderError::NotFound(id) => Self::new(What::OrderNotFound, format!("there is no order {id}")),
            OrderError::Store(e) => Self::from(e),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        if e.is_full() {
            tracing::warn!("all connections to the database are in use; a SOAP request is turned away");
            return Self::new(
                What::Busy,
                "all connections to the database are in use; try again in a moment",
            );
        }
        tracing::error!(error = %e, "a SOAP request could not be answered");
        if e.is_out_of_time() {
            return Self::new(What::Busy, "the search takes too long; narrow it down and try again");
        }
        if e.is_transient() {
            return Self::new(What::BackendUnavailable, "the service is busy; try again in a moment");
        }
        Self::new(What::Internal, "internal error; the server's log has the cause under the traceId")
    }
}

impl From<ParseError> for Refusal {
    fn from(e: ParseError) -> Self {
        match &e {
            ParseError::Malformed { .. } => Self::new(What::MalformedXml, e.to_string()),
            ParseError::Limit { .. } => Self::new(What::LimitExceeded, e.to_string()),
            ParseError::Schema { violation, path } => {
                Self::at(What::SchemaViolation, path.clone(), violation.to_string())
            }
        }
    }
}

/// A fault of the protocol itself, or a refusal in the contract's own words.
#[derive(Debug)]
pub enum Refused {
    /// Of the envelope or one of its headers: it has no detail.
    Protocol(Box<Fault>),
    /// HTTP did not prove who calls: 401 with a challenge.
    Challenge(Box<Fault>),
    Typed(Box<Refusal>),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Typed(Box::new(refusal))
    }
}

impl From<ParseError> for Refused {
    fn from(e: ParseError) -> Self {
        Refusal::from(e).into()
    }
}

impl From<StoreError> for Refused {
    fn from(e: StoreError) -> Self {
        Refusal::from(e).into()
    }
}

impl From<EnvelopeError> for Refused {
    fn from(e: EnvelopeError) -> Self {
        let text = e.to_string();
        match e {
            EnvelopeError::Version(_) => Self::version(text),
            EnvelopeError::NotUnderstood { names, .. } => Self::Protocol(Box::new(Fault {
                not_understood: names,
                ..Fault::new(Code::MustUnderstand, text, String::new())
            })),
            EnvelopeError::Layout { .. } => Refusal::new(What::InvalidEnvelope, text).into(),
        }
    }
}

impl From<SecurityError> for Refused {
    fn from(e: SecurityError) -> Self {
        let name = match e {
            SecurityError::InvalidSecurity(_) => "InvalidSecurity",
            SecurityError::UnsupportedSecurityToken(_) => "UnsupportedSecurityToken",
            SecurityError::MessageExpired => "MessageExpired",
        };
        Self::security(name, &e.to_string())
    }
}

impl From<AddressingError> for Refused {
    fn from(e: AddressingError) -> Self {
        Self::addressing(e.code, &e.message)
    }
}

impl Refused {
    /// A message of another version of SOAP than the one it was sent as, or of none.
    #[must_use]
    pub fn version(text: impl Into<String>) -> Self {
        Self::Protocol(Box::new(Fault::new(Code::VersionMismatch, text, String::new())))
    }

    /// A fault of WS-Security; its text begins with the number, as it has no detail.
    #[must_use]
    pub fn security(name: &'static str, message: &str) -> Self {
        let (number, code) = What::AuthenticationFailed.named();
        let text = format!("{number} {code}: {message}");
        Self::Protocol(Box::new(Fault::new(Code::Security(name), text, String::new())))
    }

    /// The same for who proves himself by HTTP, or not at all.
    #[must_use]
    pub fn challenge(message: &str) -> Self {
        match Self::security("FailedAuthentication", message) {
            Self::Protocol(fault) => Self::Challenge(fault),
            other => other,
        }
    }

    /// A fault of WS-Addressing.
    #[must_use]
    pub fn addressing(name: &'static str, message: &str) -> Self {
        let (number, code) = What::InvalidEnvelope.named();
        let text = format!("{number} {code}: {message}");
        Self::Protocol(Box::new(Fault::new(Code::Addressing(name), text, String::new())))
    }
}

/// Where and when a fault was made, for the log's sake.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The id of the trace that the client began, else that of the request.
    pub id: String,
    pub now: String,
}

/// A refusal as a fault of contract A.
#[must_use]
pub fn provisioning(refusal: &Refusal, trace: &Trace) -> Fault {
    let (number, code) = refusal.what.named();
    let mut w = Writer::new();
    w.start("tns:provisioningFault", &[("xmlns:tns", NS)]);
    w.text("tns:code", code).text("tns:number", number.to_string());
    w.text("tns:message", &refusal.message);
    w.text("tns:retryable", refusal.retryable().to_string());
    w.optional("tns:path", refusal.path.as_ref());
    w.optional("tns:orderId", refusal.order.map(|o| o.to_string()));
    w.optional("tns:externalOrderId", refusal.external_id.as_ref());
    w.text("tns:traceId", &trace.id).text("tns:timestamp", &trace.now);
    let at = refusal.path.as_ref().map_or(String::new(), |p| format!("{p}: "));
    let text = format!("{number} {code}: {at}{}", refusal.message);
    Fault::new(refusal.what.code(), text, w.finish())
}
