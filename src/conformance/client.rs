//! The client of the kit: requests that may be wrong on purpose, and answers that are looked at as they came.

use std::time::Duration;

use reqwest::{Method, Url, redirect};
use serde_json::Value;

use super::check::{Held, Stop, hold};
use super::official::{Api, Exchange};

/// Longest that any answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Requests below one base URL.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at the end.
    pub base: String,
    token: Option<String>,
    api: &'static Api,
    /// Members that the official file does not know are accepted in answers.
    extensions: bool,
}

/// Header names with values.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// One answer.
pub struct Answer {
    pub method: Method,
    /// Below the base URL, with the query.
    pub target: String,
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
    api: &'static Api,
    extensions: bool,
}

impl Client {
    /// # Errors
    /// Why the base URL cannot be called.
    pub fn new(
        api: &'static Api,
        base: &str,
        token: Option<String>,
        extensions: bool,
    ) -> Result<Self, String> {
        let url = Url::parse(base).map_err(|e| format!("{base}: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{base}: {} is not spoken here", url.scheme()));
        }
        // Each request on a connection of its own: what one of them breaks, the next must not feel.
        let http = crate::http::client()
            .timeout(ANSWER)
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token, api, extensions })
    }

    /// The same server and credentials, another API of it.
    #[must_use]
    pub fn of(&self, api: &'static Api, base: &str) -> Self {
        Self { api, base: base.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// The API that is asked.
    #[must_use]
    pub fn api(&self) -> &'static Api {
        self.api
    }

    /// Host name of the base URL.
    #[must_use]
    pub fn host(&self) -> String {
        Url::parse(&self.base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Sends a request; a body is JSON unless a header says otherwise. `Host` may be given.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        headers: Headers<'_>,
        body: Option<Vec<u8>>,
    ) -> Held<Answer> {
        let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut request = self.http.request(method.clone(), format!("{}{target}", self.base));
        if !given("accept") {
            request = request.header("accept", "application/json");
        }
        if body.is_some() && !given("content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        self.answer(method, target, request).await
    }

    async fn answer(
        &self,
        method: Method,
        target: &str,
        mut request: reqwest::RequestBuilder,
    ) -> Held<Answer> {
        if let Some(token) = &self.token {
            // NAME:SECRET is Basic; a bearer token has no colon (RFC 6750, 2.1).
            request = match token.split_once(':') {
                Some((name, secret)) => request.basic_auth(name, Some(secret)),
                None => request.bearer_auth(token),
            };
        }
        let no_answer = |e: reqwest::Error| Stop::Failed(format!("{method} {target}: no answer: {e:?}"));
        let response = request.send().await.map_err(no_answer)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(no_answer)?.to_vec();
        let (api, extensions) = (self.api, self.extensions);
        Ok(Answer { method, target: target.to_owned(), status, headers, body, api, extensions })
    }

    /// POSTs a body of which only the length is told: a server that finds it too large need not read it, and what it
    /// answers is seen although the body never comes.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn announce(&self, target: &str, length: usize) -> Held<Answer> {
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = self.http.post(format!("{}{target}", self.base));
        let request = request.header("content-type", "application/json").header("content-length", length);
        self.answer(Method::POST, target, request.body(reqwest::Body::wrap_stream(never))).await
    }

    /// # Errors
    /// When no answer comes; so for the three below.
    pub async fn get(&self, target: &str) -> Held<Answer> {
        self.send(Method::GET, target, &[], None).await
    }

    pub async fn get_with(&self, target: &str, headers: Headers<'_>) -> Held<Answer> {
        self.send(Method::GET, target, headers, None).await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Held<Answer> {
        self.send(Method::POST, target, &[], Some(body.to_string().into_bytes())).await
    }

    pub async fn delete(&self, target: &str) -> Held<Answer> {
        self.send(Method::DELETE, target, &[], None).await
    }
}

impl Answer {
    /// # Errors
    /// When the status is another one.
    pub fn must_be(self, statuses: &[u16]) -> Held<Self> {
        hold!(statuses.contains(&self.status), "expected {statuses:?}: {self}");
        Ok(self)
    }

    /// The body, which must be JSON and what the official file declares for this operation and status.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json(&self) -> Held<Value> {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        hold!(kind.ends_with("json"), "content type is not JSON but {kind:?}: {self}");
        let body = serde_json::from_slice(&self.body)
            .map_err(|e| Stop::Failed(format!("the body is not JSON ({e}): {self}")))?;
        let exchange =
            Exchange { method: self.method.as_str(), target: &self.target, status: self.status, body: &body };
        let faults = self.api.faults(&exchange, self.extensions);
        hold!(faults.is_empty(), "against the official file: {}: {self}", faults.join("; "));
        Ok(body)
    }

    /// The body as an array.
    ///
    /// # Errors
    /// As [`Answer::json`]; or it is no array.
    pub fn list(&self) -> Held<Vec<Value>> {
        match self.json()? {
            Value::Array(list) => Ok(list),
            _ => Err(Stop::Failed(format!("not an array: {self}"))),
        }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that holds a number.
    ///
    /// # Errors
    /// When it holds none.
    pub fn count(&self, header: &str) -> Held<usize> {
        let text = self.header(header).unwrap_or_default();
        text.parse().map_err(|_| Stop::Failed(format!("header {header} is {text:?}, not a number: {self}")))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        write!(f, "{} {} -> {} {body}", self.method, self.target, self.status)
    }
}

/// A target with a query, whose values are percent-encoded.
#[must_use]
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    // A plus for a blank is understood by most servers, %20 by all.
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20");
    format!("{path}?{query}")
}
