//! A listener's own server: it keeps what it is sent, and answers as it is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use telvisor::conformance::official::Api;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    pub path: String,
    pub headers: HeaderMap,
    pub octets: Vec<u8>,
    pub body: Value,
    /// What was answered.
    pub status: u16,
}

impl Heard {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Its event, in short: `serviceOrder stateChange…`.
    pub fn event_type(&self) -> &str {
        self.body["eventType"].as_str().unwrap()
    }

    pub fn event_id(&self) -> &str {
        self.body["eventId"].as_str().unwrap()
    }

    /// The order that it is about, with its state.
    pub fn order(&self) -> (&str, &str) {
        let order = &self.body["event"]["serviceOrder"];
        (order["id"].as_str().unwrap_or_default(), order["state"].as_str().unwrap_or_default())
    }
}

/// Answers a request, given how many came before: a status, or a place to go to instead.
type Answer = dyn Fn(&Value, usize) -> u16 + Send + Sync;
/// The body of an answer, given that of the request.
type Words = dyn Fn(&[u8]) -> String + Send + Sync;

#[derive(Clone)]
struct Inner {
    heard: Arc<Mutex<Vec<Heard>>>,
    answer: Arc<Mutex<Box<Answer>>>,
    says: Arc<Mutex<Box<Words>>>,
    came: Arc<Notify>,
    /// Where a status of 3xx sends the client.
    elsewhere: Arc<Mutex<String>>,
    /// Requests wait until it is opened.
    gate: Arc<tokio::sync::RwLock<()>>,
    /// How long it takes to answer.
    takes: Arc<Mutex<Duration>>,
}

pub struct Ear {
    pub url: String,
    api: &'static Api,
    inner: Inner,
    server: JoinHandle<()>,
}

impl Ear {
    /// One that takes everything.
    pub async fn open() -> Self {
        Self::answering(|_, _| 204).await
    }

    /// One that answers with a status, by the notification and how many came before.
    pub async fn answering(answer: impl Fn(&Value, usize) -> u16 + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", answer).await
    }

    /// As [`Self::answering`], at this address.
    pub async fn at(address: &str, answer: impl Fn(&Value, usize) -> u16 + Send + Sync + 'static) -> Self {
        let inner = Inner {
            heard: Arc::default(),
            answer: Arc::new(Mutex::new(Box::new(answer))),
            says: Arc::new(Mutex::new(Box::new(|_| String::new()))),
            came: Arc::default(),
            elsewhere: Arc::default(),
            gate: Arc::default(),
            takes: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(inner.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, api: Api::named("tmf641", 4).expect("an API that we serve"), inner, server }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").trim_end_matches("/in").to_owned()
    }

    pub fn answers(&self, answer: impl Fn(&Value, usize) -> u16 + Send + Sync + 'static) {
        *self.inner.answer.lock().unwrap() = Box::new(answer);
    }

    /// From now on it says this in its answers.
    pub fn says(&self, words: impl Fn(&[u8]) -> String + Send + Sync + 'static) {
        *self.inner.says.lock().unwrap() = Box::new(words);
    }

    /// From now on it takes so long to answer.
    pub fn takes(&self, time: Duration) {
        *self.inner.takes.lock().unwrap() = time;
    }

    /// Where its redirects lead.
    pub fn leads_to(&self, url: &str) {
        url.clone_into(&mut self.inner.elsewhere.lock().unwrap());
    }

    /// Lets every request wait as long as this is held.
    pub async fn keeps_waiting(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        self.inner.gate.clone().write_owned().await
    }

    /// Everything that came; each notification is as the official file of its API declares it.
    pub fn heard(&self) -> Vec<Heard> {
        let heard = self.inner.heard.lock().unwrap().clone();
        for h in heard.iter().filter(|h| h.body.is_object()) {
            let faults = self.api.faults_as(h.event_type(), &h.body, false);
            assert!(
                faults.is_empty(),
                "{} against {}: {faults:#?}\n{:#}",
                h.event_type(),
                self.api.title(),
                h.body
            );
        }
        heard
    }

    /// From now on it listens to another API than TMF641 v4.
    pub fn of(mut self, name: &str, version: u8) -> Self {
        self.api = Api::named(name, version).expect("an API that we serve");
        self
    }

    /// What was taken (answered 2xx).
    pub fn taken(&self) -> Vec<Heard> {
        self.heard().into_iter().filter(|h| (200..300).contains(&h.status)).collect()
    }

    /// The names of the events that were taken.
    pub fn types(&self) -> Vec<String> {
        self.taken().iter().map(|h| h.event_type().to_owned()).collect()
    }

    pub fn forget(&self) {
        self.inner.heard.lock().unwrap().clear();
    }

    /// Waits until so many requests have come.
    pub async fn until(&self, count: usize) {
        loop {
            let came = self.inner.came.notified();
            if self.inner.heard.lock().unwrap().len() >= count {
                return;
            }
            came.await;
        }
    }

    /// How many different events were taken.
    pub fn events(&self) -> usize {
        let heard = self.inner.heard.lock().unwrap();
        let taken = heard.iter().filter(|h| (200..300).contains(&h.status));
        taken.map(Heard::event_id).collect::<BTreeSet<_>>().len()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(inner): State<Inner>, uri: Uri, headers: HeaderMap, octets: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&octets).unwrap_or_default();
    let said = (inner.says.lock().unwrap())(&octets);
    let status = {
        let mut heard = inner.heard.lock().unwrap();
        let status = (inner.answer.lock().unwrap())(&body, heard.len());
        heard.push(Heard { path: uri.to_string(), headers, octets: octets.to_vec(), body, status });
        status
    };
    inner.came.notify_one();
    drop(inner.gate.read().await);
    let takes = *inner.takes.lock().unwrap();
    if !takes.is_zero() {
        tokio::time::timeout(takes, std::future::pending::<()>()).await.ok();
    }
    let elsewhere = inner.elsewhere.lock().unwrap().clone();
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        (status, [("location", elsewhere)]).into_response()
    } else {
        (status, said).into_response()
    }
}
