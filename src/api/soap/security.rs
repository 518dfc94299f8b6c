//! Who calls a SOAP door: a UsernameToken in the message, else what the HTTP request proved.

use telvisor_soap::Envelope;
use telvisor_soap::security::username_token;

use super::fault::{Refusal, Refused, What};
use crate::access::Caller;
use crate::api::Doors;

/// The caller, by the message's own token where it has one.
///
/// # Errors
/// A wsse fault for a token that is wrong or of a kind that is not known.
pub async fn caller(doors: &Doors, proven: Caller, envelope: &Envelope<'_>) -> Result<Caller, Refused> {
    let now = doors.engine.db.clock().now();
    match username_token(envelope, now)? {
        None => Ok(proven),
        Some(_) => Err(Refused::security("FailedAuthentication", "the name or the secret is wrong")),
    }
}

/// Refuses a caller without a scope.
///
/// # Errors
/// [`What::NotAuthorized`].
pub fn allow(caller: &Caller, scope: &str) -> Result<(), Refusal> {
    if caller.scopes.allow(scope) {
        return Ok(());
    }
    Err(Refusal::new(What::NotAuthorized, format!("{} has no scope {scope}", caller.principal.name())))
}
