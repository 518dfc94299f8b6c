//! Contract B, `/soap/ne`: Telvisor as a network element of a provisioning gateway, in the shape of CAI3G 1.2
//! (docs/soap.md).

pub mod act;
pub mod later;
pub mod read;
pub mod search;
pub mod show;

use axum::extract::{Extension, Request as HttpRequest, State};
use axum::response::Response;
use telvisor_model::Scope;
use telvisor_soap::addressing::addressing;
use telvisor_soap::fault::{WSA, WSSE};
use telvisor_soap::{Element, Envelope};

use self::act::Acted;
use self::read::{Act, OPERATIONS, Request};
use self::show::Context;
use super::fault::{Refusal, Refused, What};
use super::message::{
    self, Answer, Early, Message, check_action, check_related_action, check_version, related,
};
use super::security;
use super::wait::until_settled;
use crate::access::check::{AccessError, Credentials};
use crate::access::sessions::{self, SessionError};
use crate::access::{Caller, Door};
use crate::api::Doors;
use crate::api::entry::Around;
use crate::clock::new_id;
use crate::config::AccessMode;

/// The header blocks of the dialect; they come back as they were sent.
const BLOCKS: [&str; 4] = ["SessionId", "TransactionId", "SequenceId", "Context"];

/// Header blocks of a request by name, as they were sent.
type Echo = Vec<(String, String)>;

/// POST: one operation.
pub async fn post(
    State(doors): State<Doors>,
    Extension(around): Extension<Around>,
    http: HttpRequest,
) -> Response {
    let ns = doors.engine.config.soap.ne_namespace.clone();
    let message = match message::receive(http, &doors).await {
        Err(early) => {
            return message::respond(early.version, Err(early), "", |r| show::fault(&ns, r));
        }
        Ok(message) => message,
    };
    let version = message.sent_as;
    let understood = |block: &Element| {
        block.is(WSSE, "Security") || &*block.ns == WSA || BLOCKS.iter().any(|b| block.is(&ns, b))
    };
    let (echo, answer) = match Envelope::open(&message.root, understood) {
        Err(e) => (vec![], Err(e.into())),
        Ok(envelope) => {
            let echo = echo(&ns, &envelope);
            let answer = Box::pin(operate(&doors, &around, &ns, &message, &envelope, &echo)).await;
            (echo, answer)
        }
    };
    let headers = match &answer {
        Err(Refused::Typed(r)) if r.what == What::SessionInvalid => show::session_fault(&ns, &r.message),
        _ => show::echoed(&ns, &echo),
    };
    message::respond(version, answer.map_err(|r| Early::of(version, r)), &headers, |r| show::fault(&ns, r))
}

/// The blocks that go back. What real clients send in them is no number, often.
fn echo(ns: &str, envelope: &Envelope<'_>) -> Echo {
    let value = |name: &&str| {
        let block = envelope.headers.iter().find(|e| e.is(ns, name))?;
        Some(((*name).to_owned(), block.text.to_string()))
    };
    BLOCKS.iter().filter_map(value).collect()
}

fn sent<'a>(echo: &'a Echo, name: &str) -> Option<&'a str> {
    let value = echo.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim());
    value.filter(|v| !v.is_empty())
}

/// Reads the operation, checks who asks, acts.
async fn operate(
    doors: &Doors,
    around: &Around,
    ns: &str,
    message: &Message,
    envelope: &Envelope<'_>,
    echo: &Echo,
) -> Result<Answer, Refused> {
    check_version(envelope, message)?;
    let token = security::token(doors, envelope)?;
    let operation = read::operation(ns, &envelope.operation)?;
    check_action(message.action.as_deref(), &action(operation), OPERATIONS.iter().map(|o| action(o)))?;
    let addressing = addressing(envelope)?;
    let request = read::request(ns, operation, &envelope.operation)?;
    if let Some(a) = &addressing {
        check_related_action(a, &action(operation), operation)?;
    }
    let reply_to = addressing.as_ref().and_then(|a| Some((a.reply_to.as_deref()?, a.message_id.as_str())));
    let places = matches!(request, Request::Act(Act::Create | Act::Set | Act::Delete, _));
    if reply_to.is_some() && !places {
        let message = "only the answers to Create, Set and Delete go to another address";
        return Err(Refused::addressing("OnlyAnonymousAddressSupported", message));
    }
    let answer = |body| {
        let related = addressing.as_ref().map(|a| related(&responds(operation), new_id(), &a.message_id));
        let headers = show::echoed(ns, echo) + &related.unwrap_or_default();
        Ok(Answer::Message { headers, body })
    };
    match request {
        Request::Login { user, secret } => {
            let opened = sessions::open(&doors.engine, &user, &secret, Door::SoapNe, &around.origin).await?;
            answer(show::response(ns, operation, |w| {
                w.text("ne:sessionId", &opened.id);
                w.text("ne:baseSequenceId", opened.base_sequence_id.to_string());
            }))
        }
        Request::Logout { session } => {
            sessions::close(&doors.engine, &session, Door::SoapNe, &around.origin).await?;
            answer(show::response(ns, operation, |_| ()))
        }
        Request::Search { kind, filters } => {
            let caller = caller(doors, around, token, echo).await?;
            security::allow(&caller, Scope::OrdersRead)?;
            answer(search::search(doors, &caller, ns, kind, &filters).await?)
        }
        Request::Act(act, object) => {
            let caller = caller(doors, around, token, echo).await?;
            let scope = if act == Act::Get { Scope::OrdersRead } else { Scope::OrdersWrite };
            security::allow(&caller, scope)?;
            let context = Context { ns: ns.to_owned(), act, kind: object.kind, echo: echo.clone() };
            let transaction = sent(echo, "TransactionId");
            if let Some((to, _)) = reply_to {
                later::judge(doors, to).await?;
            }
            match act::act(doors, &caller, &context, &object, transaction).await? {
                Acted::Done(body) => answer(body),
                Acted::Placed(order) => {
                    if let Some((to, message_id)) = reply_to {
                        later::promise(doors, &caller, &context, order, to, message_id).await?;
                        return Ok(Answer::Later);
                    }
                    let seconds = doors.engine.config.soap.ne_wait_seconds;
                    let (order, items) = until_settled(doors, &caller, order, seconds).await?;
                    answer(show::ended(&context, &order, &items)?)
                }
            }
        }
    }
}

fn action(operation: &str) -> String {
    format!("CAI3G#{operation}")
}

/// The action of an answer.
fn responds(operation: &str) -> String {
    format!("{}Response", action(operation))
}

/// Who calls: by the session, else by a token or by HTTP.
async fn caller(
    doors: &Doors,
    around: &Around,
    token: Option<Credentials>,
    echo: &Echo,
) -> Result<Caller, Refused> {
    if let Some(session) = sent(echo, "SessionId") {
        return Ok(sessions::use_(&doors.engine, session, Door::SoapNe, &around.origin).await?);
    }
    let nothing = token.is_none() && around.credentials == Some(Credentials::None);
    if nothing && doors.engine.config.access.mode == AccessMode::Required {
        return Err(Refusal::new(What::SessionInvalid, "there is no SessionId; log in").into());
    }
    security::caller(doors, Door::SoapNe, around, token).await
}

impl From<SessionError> for Refused {
    fn from(e: SessionError) -> Self {
        match e {
            SessionError::Unknown => {
                Refusal::new(What::SessionInvalid, "Invalid sessionId. Log in again").into()
            }
            SessionError::TooMany { .. } => Refusal::new(What::Busy, e.to_string()).into(),
            SessionError::Store(e) => e.into(),
            SessionError::Access(e) => match e {
                AccessError::Wrong | AccessError::Needed | AccessError::Malformed(_) | AccessError::Clear => {
                    Refusal::new(What::AuthenticationFailed, e.to_string()).into()
                }
                other => other.into(),
            },
            SessionError::Random(e) => {
                tracing::error!(error = %e, "no session could be opened");
                Refusal::new(What::Internal, "internal error; the server's log has the cause").into()
            }
        }
    }
}
