//! Who calls a SOAP door: a UsernameToken in the message, else what the HTTP request proved.

use telvisor_model::Scope;
use telvisor_soap::Envelope;
use telvisor_soap::security::{Password, UsernameToken, username_token};

use super::fault::{Refusal, Refused, What};
use crate::access::check::{AccessError, Credentials, Wsse, authenticate};
use crate::access::{Caller, Door};
use crate::api::Doors;
use crate::api::entry::Around;

/// The credentials in a message's own security header.
///
/// # Errors
/// A wsse fault for a header or a token of a kind that is not known.
pub fn token(doors: &Doors, envelope: &Envelope<'_>) -> Result<Option<Credentials>, Refused> {
    let now = doors.engine.db.clock().now();
    username_token(envelope, now)?.map(credentials).transpose()
}

fn credentials(token: UsernameToken) -> Result<Credentials, Refused> {
    let UsernameToken { username: name, password, nonce, created } = token;
    match password {
        Password::Text(secret) => Ok(Credentials::PasswordText { name, secret, nonce, created }),
        Password::Digest(digest) => match (nonce, created) {
            (Some(nonce), Some(created)) => Ok(Credentials::PasswordDigest { name, nonce, created, digest }),
            _ => Err(Refused::security("InvalidSecurity", "a PasswordDigest needs a Nonce and Created")),
        },
    }
}

/// The caller: by the token where there is one, else by what HTTP brought.
///
/// # Errors
/// A wsse fault; a challenge by HTTP where no token was given.
pub async fn caller(
    doors: &Doors,
    door: Door,
    around: &Around,
    token: Option<Credentials>,
) -> Result<Caller, Refused> {
    let by_token = token.is_some();
    let credentials = match (token, &around.credentials) {
        (Some(token), _) => token,
        (None, Some(credentials)) => credentials.clone(),
        (None, None) => {
            let message = "Authorization must be given once, as Basic with the name and secret of a client";
            return Err(Refused::challenge(message));
        }
    };
    authenticate(&doors.engine, &credentials, door, &around.origin).await.map_err(|e| {
        if by_token || e.wsse().is_none() { e.into() } else { Refused::challenge(&e.to_string()) }
    })
}

impl From<AccessError> for Refused {
    fn from(e: AccessError) -> Self {
        let name = match e.wsse() {
            Some(Wsse::FailedAuthentication) => "FailedAuthentication",
            Some(Wsse::InvalidSecurity) => "InvalidSecurity",
            Some(Wsse::UnsupportedSecurityToken) => "UnsupportedSecurityToken",
            Some(Wsse::MessageExpired) => "MessageExpired",
            None => return unavailable(e).into(),
        };
        Self::security(name, &e.to_string())
    }
}

fn unavailable(e: AccessError) -> Refusal {
    match e {
        AccessError::Store(e) => Refusal::from(e),
        AccessError::TooOften(_) | AccessError::TooMany(_) => Refusal::new(What::Busy, e.to_string()),
        other => {
            tracing::error!(error = %other, "a client could not be checked");
            Refusal::new(What::Internal, "internal error; the server's log has the cause")
        }
    }
}

/// Refuses a caller without a scope.
///
/// # Errors
/// [`What::NotAuthorized`].
pub fn allow(caller: &Caller, scope: Scope) -> Result<(), Refusal> {
    if caller.scopes.allow(scope) {
        return Ok(());
    }
    let message = format!("{} has not the scope {scope}", caller.principal.name());
    Err(Refusal::new(What::NotAuthorized, message))
}
