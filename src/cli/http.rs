//! The one HTTP client of the command line: limits on time, no redirects, no proxy, and refusals in clear words.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::out::clean;

/// Longest that a connection may take, and any answer but a download.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// Largest answer that is held in memory: 64 MiB, several times a full SDR file.
const LARGEST: usize = 64 << 20;

/// A request that did not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error(
        "no server answers at {base} ({reason}); start one with `telvisor serve`, or name another with --server or TELVISOR_SERVER"
    )]
    Unreachable { base: String, reason: String },
    #[error("{base} did not answer {request} in time; look at its log, or try again")]
    Slow { base: String, request: String },
    #[error("{0}")]
    Refused(Refusal),
    #[error("{base} answers {request} with something else than Telvisor would: {reason}; is --server right?")]
    Strange { base: String, request: String, reason: String },
    #[error("--server {url:?} cannot be used: {reason}; give one such as http://127.0.0.1:8080")]
    BadServer { url: String, reason: String },
}

impl HttpError {
    /// Whether the same request may well succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } => true,
            Self::Refused(refusal) => refusal.status == StatusCode::SERVICE_UNAVAILABLE,
            _ => false,
        }
    }
}

/// The server's no.
#[derive(Debug)]
pub struct Refusal {
    pub request: String,
    pub status: StatusCode,
    pub code: Option<String>,
    pub reason: Option<String>,
    /// What is wrong, with the path of the wrong member.
    pub message: Option<String>,
}

impl Refusal {
    fn read(request: &str, status: StatusCode, body: &[u8]) -> Self {
        /// The error body of the TMF APIs, which the own API has too.
        #[derive(Deserialize, Default)]
        struct Body {
            code: Option<Value>,
            reason: Option<String>,
            message: Option<String>,
        }
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let code = body.code.map(|c| c.as_str().map_or_else(|| c.to_string(), ToOwned::to_owned));
        Self { request: request.to_owned(), status, code, reason: body.reason, message: body.message }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reason = self.reason.as_deref().map(clean).filter(|r| !r.is_empty());
        let message = self.message.as_deref().map(clean).filter(|m| !m.is_empty());
        let words = match (reason, message) {
            (Some(reason), Some(message)) if message.contains(&reason) => message,
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
            (Some(words), None) | (None, Some(words)) => words,
            (None, None) => "no reason given".to_owned(),
        };
        write!(f, "{words} (status {}", self.status.as_u16())?;
        match &self.code {
            Some(code) if *code != self.status.as_u16().to_string() => write!(f, ", code {}", clean(code))?,
            _ => {}
        }
        write!(f, " to {})", self.request)?;
        match self.status {
            StatusCode::UNAUTHORIZED => write!(f, "; set TELVISOR_TOKEN to NAME:SECRET of a client"),
            status if status.is_redirection() => {
                write!(f, "; redirects are not followed, give the final address with --server")
            }
            _ => Ok(()),
        }
    }
}

/// An answer that was not a refusal.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub location: Option<String>,
    /// Null when there is no body.
    pub body: Value,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Http {
    /// # Errors
    /// When the address is none that can be called.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, HttpError> {
        let bad = |reason: String| HttpError::BadServer { url: base.to_owned(), reason };
        let url = reqwest::Url::parse(base).map_err(|e| bad(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("{} is not spoken here", url.scheme())));
        }
        let client = crate::http::client()
            .connect_timeout(CONNECT)
            .read_timeout(ANSWER)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), token })
    }

    /// Address of the server, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks, and gives the answer before its body was read. A target is a path on the server, or an address.
    ///
    /// # Errors
    /// When no answer comes; a refusal is an answer.
    pub async fn ask(
        &self,
        method: Method,
        target: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Response, HttpError> {
        let here = format!("{}/", self.base);
        let url = if target.starts_with('/') { format!("{}{target}", self.base) } else { target.to_owned() };
        let mut request = self.client.request(method.clone(), &url).header(header::ACCEPT, accept);
        // The token is for its own server only, whatever address an answer names.
        if let (Some(token), true) = (&self.token, url.starts_with(&here)) {
            request = match token.split_once(':') {
                Some((name, secret)) => request.basic_auth(name, Some(secret)),
                None => request.bearer_auth(token),
            };
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(|e| self.failed(&format!("{method} {target}"), &e))
    }

    async fn accepted(&self, method: Method, target: &str, body: Option<&Value>) -> Result<Reply, HttpError> {
        let request = format!("{method} {target}");
        let answer = self.ask(method, target, "application/json", body).await?;
        let status = answer.status();
        let location =
            answer.headers().get(header::LOCATION).and_then(|l| l.to_str().ok()).map(ToOwned::to_owned);
        let octets = self.body(&request, answer).await?;
        if !status.is_success() {
            return Err(HttpError::Refused(Refusal::read(&request, status, &octets)));
        }
        let body = if octets.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&octets).map_err(|e| self.strange(&request, &e))?
        };
        Ok(Reply { status, location, body })
    }

    /// # Errors
    /// [`HttpError`]; so for all that follow.
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, HttpError> {
        let reply = self.accepted(Method::GET, target, None).await?;
        serde_json::from_value(reply.body).map_err(|e| self.strange(&format!("GET {target}"), &e))
    }

    pub async fn post(&self, target: &str, body: &Value) -> Result<Reply, HttpError> {
        self.accepted(Method::POST, target, Some(body)).await
    }

    pub async fn put(&self, target: &str, body: &Value) -> Result<Reply, HttpError> {
        self.accepted(Method::PUT, target, Some(body)).await
    }

    pub async fn patch(&self, target: &str, body: &Value) -> Result<Reply, HttpError> {
        self.accepted(Method::PATCH, target, Some(body)).await
    }

    pub async fn delete(&self, target: &str) -> Result<Reply, HttpError> {
        self.accepted(Method::DELETE, target, None).await
    }

    /// The octets of a file.
    pub async fn octets(&self, target: &str) -> Result<Vec<u8>, HttpError> {
        let request = format!("GET {target}");
        let answer = self.ask(Method::GET, target, "*/*", None).await?;
        let status = answer.status();
        let octets = self.body(&request, answer).await?;
        if status.is_success() {
            Ok(octets)
        } else {
            Err(HttpError::Refused(Refusal::read(&request, status, &octets)))
        }
    }

    /// Hands a download of any size over piece by piece; returns its status.
    pub async fn download(
        &self,
        target: &str,
        mut piece: impl FnMut(&[u8]),
    ) -> Result<StatusCode, HttpError> {
        let request = format!("GET {target}");
        let mut answer = self.ask(Method::GET, target, "*/*", None).await?;
        let status = answer.status();
        if !status.is_success() {
            let octets = self.body(&request, answer).await?;
            return Err(HttpError::Refused(Refusal::read(&request, status, &octets)));
        }
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.failed(&request, &e))? {
            piece(&chunk);
        }
        Ok(status)
    }

    async fn body(&self, request: &str, mut answer: Response) -> Result<Vec<u8>, HttpError> {
        let mut octets = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.failed(request, &e))? {
            if octets.len() + chunk.len() > LARGEST {
                return Err(self.strange(request, &format!("more than {} MiB", LARGEST >> 20)));
            }
            octets.extend_from_slice(&chunk);
        }
        Ok(octets)
    }

    fn failed(&self, request: &str, error: &reqwest::Error) -> HttpError {
        let base = self.base.clone();
        if error.is_timeout() && !error.is_connect() {
            return HttpError::Slow { base, request: request.to_owned() };
        }
        // The outer layers only say that a request failed; the innermost names the reason.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        HttpError::Unreachable { base, reason: cause.to_string() }
    }

    fn strange(&self, request: &str, reason: &dyn std::fmt::Display) -> HttpError {
        HttpError::Strange {
            base: self.base.clone(),
            request: request.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// A query from the pairs that have a value, with its question mark; empty without any.
#[must_use]
pub fn query(pairs: &[(&str, Option<String>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        empty if empty.is_empty() => empty,
        some => format!("?{some}"),
    }
}

/// Text as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    // `+` is a plus sign in a path.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::read("POST /x", status, body.as_bytes()).to_string()
    }

    #[test]
    fn a_refusal_shows_reason_message_and_code() {
        let body = r#"{"code":"3005","reason":"the customer is suspended","message":"serviceOrderItem[0]: re-activate it","status":"409"}"#;
        assert_eq!(
            shown(409, body),
            "the customer is suspended: serviceOrderItem[0]: re-activate it (status 409, code 3005 to POST /x)"
        );
    }

    #[test]
    fn a_refusal_says_nothing_twice() {
        let body =
            r#"{"code":400,"reason":"no such plan","message":"serviceOrderItem[0].plan: no such plan"}"#;
        assert_eq!(shown(400, body), "serviceOrderItem[0].plan: no such plan (status 400 to POST /x)");
    }

    #[test]
    fn a_refusal_without_a_body_still_says_what_to_do() {
        assert_eq!(shown(502, "<html>"), "no reason given (status 502 to POST /x)");
        assert!(shown(401, "").ends_with("set TELVISOR_TOKEN to NAME:SECRET of a client"));
        assert!(shown(302, "").contains("redirects are not followed"));
    }

    #[test]
    fn a_refusal_cannot_steer_the_terminal() {
        assert!(!shown(400, r#"{"reason":"\u001b[2Jgone"}"#).contains('\u{1b}'));
    }

    #[test]
    fn addresses_that_cannot_be_called_are_refused() {
        for url in ["localhost:8080", "ftp://x", "nonsense"] {
            assert!(matches!(Http::new(url, None), Err(HttpError::BadServer { .. })), "{url}");
        }
        assert_eq!(Http::new("http://127.0.0.1:8080/", None).unwrap().base(), "http://127.0.0.1:8080");
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let http = Http::new(&format!("http://{at}"), None).unwrap();
        let error = http.get::<Value>("/x").await.unwrap_err();
        assert!(error.to_string().contains("telvisor serve"), "{error}");
        assert!(error.is_passing());
    }

    #[test]
    fn queries_and_segments_are_encoded() {
        assert_eq!(query(&[("a", Some("b c&d".into())), ("e", None)]), "?a=b+c%26d");
        assert_eq!(query(&[("e", None)]), "");
        assert_eq!(segment("a/b c?"), "a%2Fb%20c%3F");
    }
}
