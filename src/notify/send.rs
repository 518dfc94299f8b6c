//! One notification on its way to one callback.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use uuid::Uuid;

use super::guard::{Guard, Guarded};
use super::soap::Message;
use super::{NotifyError, sign};
use crate::config::Config;

/// Most octets of an answer that are read: enough to keep the connection, and to say why one was refused.
const READ: usize = 16 << 10;
/// Longest text kept of a failure.
const WORDS: usize = 300;

/// What sends: one client for all listeners, which connects to judged addresses only.
#[derive(Clone)]
pub struct Post {
    client: Client,
    guard: Arc<Guard>,
}

/// A notification, ready to be sent.
#[derive(Debug, Clone)]
pub struct Letter {
    pub callback: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Judges what is answered with a 2xx.
    pub taken: fn(answer: &[u8]) -> Result<(), String>,
}

impl Letter {
    /// A letter of a hub, signed. `event_id` is the same at every try; `timestamp` in seconds since 1970.
    #[must_use]
    pub fn signed(callback: String, body: Vec<u8>, event_id: Uuid, timestamp: i64, secret: &[u8]) -> Self {
        let id = event_id.to_string();
        let signature = sign::signature(secret, &id, timestamp, &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        Self { callback, headers, body, taken: |_| Ok(()) }
    }

    /// A letter by SOAP.
    #[must_use]
    pub fn soap(callback: String, message: Message, taken: fn(&[u8]) -> Result<(), String>) -> Self {
        let headers = vec![("content-type", message.content_type.to_owned()), ("soapaction", message.action)];
        Self { callback, headers, body: message.body, taken }
    }
}

impl Post {
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(config: &Config) -> Result<Self, NotifyError> {
        let guard = Arc::new(Guard::new(config));
        let client = crate::http::client()
            .redirect(redirect::Policy::none())
            .dns_resolver(Guarded(guard.clone()))
            .timeout(Duration::from_secs(config.notify.timeout_s))
            .user_agent(concat!("telvisor/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(NotifyError::Client)?;
        Ok(Self { client, guard })
    }

    /// Sends a letter. A 2xx that the letter takes is delivery.
    ///
    /// # Errors
    /// Why it was not delivered, in words.
    pub async fn send(&self, letter: Letter) -> Result<(), String> {
        let url: Url = self.guard.url(&letter.callback).map_err(|e| e.to_string())?;
        let mut request = self.client.post(url).body(letter.body);
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        let mut answer = request.send().await.map_err(|e| words(&chain(&e)))?;
        let status = answer.status();
        let mut read = vec![];
        while read.len() < READ {
            match answer.chunk().await {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        if status.is_success() {
            return (letter.taken)(&read).map_err(|why| words(&why));
        }
        if status.is_redirection() {
            return Err(format!("{status}; redirects are not followed"));
        }
        Err(words(&format!("{status} {}", String::from_utf8_lossy(&read))))
    }
}

/// An error with what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Short enough to keep, without control characters, which PostgreSQL or a terminal would not take.
fn words(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The event's trace with a span of our own (W3C Trace Context, 3.2); a new trace where the event has none.
#[must_use]
pub fn trace_parent(of_event: Option<&str>, event_id: Uuid) -> String {
    let own = event_id.simple().to_string();
    let span = &own[16..];
    let parts: Vec<&str> = of_event.unwrap_or_default().split('-').collect();
    match parts[..] {
        ["00", trace, _, flags] => format!("00-{trace}-{span}-{flags}"),
        _ => format!("00-{own}-{span}-00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_with_a_span_of_its_own() {
        let id = Uuid::from_u128(0x0123_4567_89ab_7def_8123_4567_89ab_cdef);
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_parent(Some(given), id), "00-4bf92f3577b34da6a3ce929d0e0e4736-8123456789abcdef-01");
        assert_eq!(trace_parent(None, id), "00-0123456789ab7def8123456789abcdef-8123456789abcdef-00");
    }

    #[test]
    fn what_a_listener_says_is_kept_short_and_plain() {
        assert_eq!(words("500\r\n\u{0}oops\n"), "500   oops");
        assert_eq!(words(&"é".repeat(1000)).chars().count(), WORDS);
    }
}
