//! The WS-Security header (SOAP Message Security 1.0 with UsernameToken Profile 1.0) of a message, read and not judged:
//! whether the credentials are right is for who knows the clients.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};

use crate::envelope::Envelope;
use crate::fault::WSSE;
use crate::lexical::is_space;
use crate::tree::Element;
use crate::values::Time;

/// Namespace of `Created`, `Timestamp` and `Id`.
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#";
const BASE64: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Longest nonce, in octets.
pub const NONCE_OCTETS: usize = 128;

/// A UsernameToken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsernameToken {
    /// Who.
    pub username: String,
    /// The secret, or the digest of it.
    pub password: Password,
    /// The nonce, in Base64.
    pub nonce: Option<String>,
    /// When the client says it was made, an `xsd:dateTime`; the text goes into the digest as it stands.
    pub created: Option<String>,
}

/// What proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// `#PasswordText`: the secret itself.
    Text(String),
    /// `#PasswordDigest`: Base64(SHA-1(nonce + created + secret)).
    Digest(String),
}

/// Why a security header cannot be taken, by the fault codes of SOAP Message Security 1.0, 12.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// The header is not what the standard says.
    #[error("{0}")]
    InvalidSecurity(&'static str),
    /// A kind of token or protection that is not known here. It is refused, never ignored.
    #[error("{0} in wsse:Security is not supported; a UsernameToken is")]
    UnsupportedSecurityToken(String),
    /// The time that the message's own Timestamp gives it is over.
    #[error("the message's Timestamp has expired")]
    MessageExpired,
}

/// The token of the security header that is for us; none where there is no such header or no token in it.
///
/// # Errors
/// See [`SecurityError`].
pub fn username_token(
    envelope: &Envelope<'_>,
    now: DateTime<Utc>,
) -> Result<Option<UsernameToken>, SecurityError> {
    let invalid = |what| Err(SecurityError::InvalidSecurity(what));
    let mut headers = envelope.headers.iter().filter(|e| e.is(WSSE, "Security"));
    let Some(security) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return invalid("there are two wsse:Security headers for one receiver");
    }
    let (mut token, mut stamped) = (None, false);
    for child in &security.children {
        if child.is(WSSE, "UsernameToken") {
            if token.is_some() {
                return invalid("there are two UsernameTokens");
            }
            token = Some(read_token(child)?);
        } else if child.is(WSU, "Timestamp") {
            if std::mem::replace(&mut stamped, true) {
                return invalid("there are two Timestamps");
            }
            check_timestamp(child, now)?;
        } else {
            return Err(SecurityError::UnsupportedSecurityToken(shown(child)));
        }
    }
    Ok(token)
}

fn shown(e: &Element) -> String {
    e.name.chars().take(64).collect()
}

/// The text of an element without children.
fn text(e: &Element) -> Result<&str, SecurityError> {
    if e.children.is_empty() {
        Ok(&e.text)
    } else {
        Err(SecurityError::InvalidSecurity("a member of the UsernameToken holds elements"))
    }
}

fn time(e: &Element) -> Result<DateTime<Utc>, SecurityError> {
    let at = text(e)?.trim_matches(is_space).parse::<Time>();
    at.map(|t| t.0).map_err(|()| SecurityError::InvalidSecurity("a wsu time is no xsd:dateTime"))
}

/// The members stand in any order, as clients write them.
fn read_token(token: &Element) -> Result<UsernameToken, SecurityError> {
    let invalid = |what| Err(SecurityError::InvalidSecurity(what));
    let (mut username, mut password, mut nonce, mut created) = (None, None, None, None);
    for child in &token.children {
        let repeated = if child.is(WSSE, "Username") {
            username.replace(text(child)?.to_owned()).is_some()
        } else if child.is(WSSE, "Password") {
            password.replace(read_password(child)?).is_some()
        } else if child.is(WSSE, "Nonce") {
            nonce.replace(read_nonce(child)?).is_some()
        } else if child.is(WSU, "Created") {
            created.replace(read_created(child)?).is_some()
        } else {
            return Err(SecurityError::UnsupportedSecurityToken(shown(child)));
        };
        if repeated {
            return invalid("a member of the UsernameToken stands there twice");
        }
    }
    match (username, password) {
        (Some(username), Some(password)) => Ok(UsernameToken { username, password, nonce, created }),
        (None, _) => invalid("the UsernameToken has no Username"),
        (_, None) => invalid("the UsernameToken has no Password"),
    }
}

fn read_password(e: &Element) -> Result<Password, SecurityError> {
    let kind = e.attribute("", "Type").unwrap_or("").trim_matches(is_space);
    match kind.strip_prefix(PROFILE) {
        None if kind.is_empty() => Ok(Password::Text(text(e)?.to_owned())),
        Some("PasswordText") => Ok(Password::Text(text(e)?.to_owned())),
        Some("PasswordDigest") => base64(text(e)?).map(|(digest, _)| Password::Digest(digest)),
        _ => Err(SecurityError::UnsupportedSecurityToken("a Password of an unknown Type".to_owned())),
    }
}

fn read_created(e: &Element) -> Result<String, SecurityError> {
    time(e)?;
    Ok(text(e)?.trim_matches(is_space).to_owned())
}

fn read_nonce(e: &Element) -> Result<String, SecurityError> {
    if e.attribute("", "EncodingType").is_some_and(|t| t.trim_matches(is_space) != BASE64) {
        return Err(SecurityError::InvalidSecurity("a Nonce is encoded as Base64Binary"));
    }
    let nonce = base64(text(e)?)?;
    if (1..=NONCE_OCTETS).contains(&nonce.1) {
        return Ok(nonce.0);
    }
    Err(SecurityError::InvalidSecurity("a Nonce has 1 to 128 octets"))
}

/// Base64 without the space in it, and how many octets it stands for.
fn base64(text: &str) -> Result<(String, usize), SecurityError> {
    let plain: String = text.chars().filter(|&c| !is_space(c)).collect();
    match BASE64_STANDARD.decode(&plain) {
        Ok(octets) => Ok((plain, octets.len())),
        Err(_) => Err(SecurityError::InvalidSecurity("a Nonce or a digest is no Base64")),
    }
}

fn check_timestamp(stamp: &Element, now: DateTime<Utc>) -> Result<(), SecurityError> {
    for child in &stamp.children {
        if child.is(WSU, "Expires") && time(child)? <= now {
            return Err(SecurityError::MessageExpired);
        }
        if !child.is(WSU, "Expires") && !child.is(WSU, "Created") {
            return Err(SecurityError::InvalidSecurity("a Timestamp holds Created and Expires"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::SOAP11;
    use crate::{Limits, parse};

    fn read(security: &str) -> Result<Option<UsernameToken>, SecurityError> {
        let text = format!(
            "<s:Envelope xmlns:s='{SOAP11}' xmlns:w='{WSSE}' xmlns:u='{WSU}'><s:Header>{security}</s:Header>\
             <s:Body><a/></s:Body></s:Envelope>"
        );
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        let envelope = Envelope::open(&root, |_| true).unwrap();
        username_token(&envelope, "2026-11-23T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn tokens_as_clients_write_them() {
        assert_eq!(read(""), Ok(None));
        let token = read(
            "<w:Security><w:UsernameToken u:Id='t'><w:Username>bss</w:Username><w:Password>s</w:Password></w:UsernameToken></w:Security>",
        );
        let token = token.unwrap().unwrap();
        assert_eq!((token.username.as_str(), &token.password), ("bss", &Password::Text("s".into())));
        let digest = read(&format!(
            "<w:Security><u:Timestamp><u:Created>2026-11-23T07:59:00Z</u:Created><u:Expires>2026-11-23T08:09:00Z</u:Expires></u:Timestamp>\
             <w:UsernameToken><u:Created>2026-11-23T08:59:00+01:00</u:Created><w:Nonce EncodingType='{BASE64}'>AQID</w:Nonce>\
             <w:Password Type='{PROFILE}PasswordDigest'>BAUG</w:Password><w:Username>bss</w:Username></w:UsernameToken></w:Security>"
        ));
        let digest = digest.unwrap().unwrap();
        assert_eq!((digest.nonce, digest.password), (Some("AQID".into()), Password::Digest("BAUG".into())));
        assert_eq!(digest.created.unwrap(), "2026-11-23T08:59:00+01:00");
    }

    #[test]
    fn what_is_refused() {
        let token = "<w:UsernameToken><w:Username>a</w:Username><w:Password>b</w:Password></w:UsernameToken>";
        let long = BASE64_STANDARD.encode([0; 129]);
        for (security, wanted) in [
            (format!("<w:Security>{token}{token}</w:Security>"), "two UsernameTokens"),
            (format!("<w:Security>{token}</w:Security><w:Security>{token}</w:Security>"), "two wsse:Security"),
            ("<w:Security><d:Signature xmlns:d='urn:d'/></w:Security>".into(), "Signature in wsse:Security is not"),
            ("<w:Security><w:BinarySecurityToken/></w:Security>".into(), "BinarySecurityToken in"),
            ("<w:Security><w:UsernameToken><w:Password>b</w:Password></w:UsernameToken></w:Security>".into(), "no Username"),
            ("<w:Security><w:UsernameToken><w:Username>b</w:Username></w:UsernameToken></w:Security>".into(), "no Password"),
            (format!("<w:Security>{}</w:Security>", token.replace("</w:Password>", "</w:Password><w:Nonce>!</w:Nonce>")), "no Base64"),
            (format!("<w:Security>{}</w:Security>", token.replace("</w:Password>", &format!("</w:Password><w:Nonce>{long}</w:Nonce>"))), "1 to 128"),
            (format!("<w:Security>{}</w:Security>", token.replace("<w:Password>", "<w:Password Type='x'>")), "unknown Type"),
            ("<w:Security><u:Timestamp><u:Expires>2026-11-23T08:00:00Z</u:Expires></u:Timestamp></w:Security>".into(), "expired"),
        ] {
            let error = read(&security).expect_err(&security).to_string();
            assert!(error.contains(wanted), "{security}: {error}");
        }
    }
}
