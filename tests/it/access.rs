//! Who is let in: clients, their secrets, nonces and sessions.

mod clients;
mod commands;
mod sessions;
mod wsse;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use telvisor::access::check::{AccessError, Credentials, authenticate};
use telvisor::access::{Caller, Door, Origin};
use telvisor::config::AccessMode;
use telvisor::engine::Engine;

use crate::harness::{Answer, TestApp};

pub const CLIENTS: &str = "/api/v1/clients";

/// A server that asks for credentials, with an operator.
pub struct Closed {
    pub app: TestApp,
    /// Value of `Authorization`.
    pub operator: String,
}

impl Closed {
    pub async fn open() -> Self {
        let app = TestApp::with(|c| c.access.mode = AccessMode::Required).await;
        let operator = first_operator(&app).await;
        Self { app, operator }
    }

    /// A request with these credentials.
    pub async fn ask(&self, method: Method, path: &str, authorization: &str, body: Option<&Value>) -> Answer {
        let headers: &[(&str, &str)] =
            if authorization.is_empty() { &[] } else { &[("authorization", authorization)] };
        let body = body.map(|b| b.to_string().into_bytes());
        self.app.request(method, path, headers, body.as_deref()).await
    }

    pub async fn get(&self, path: &str, authorization: &str) -> Answer {
        self.ask(Method::GET, path, authorization, None).await
    }

    pub async fn post(&self, path: &str, authorization: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, authorization, Some(body)).await
    }

    /// Makes a client; the answer with its secret.
    pub async fn add(&self, body: Value) -> Value {
        self.post(CLIENTS, &self.operator, &body).await.expect(201)
    }
}

/// Makes the first operator, as the command line does before there is a server to ask.
async fn first_operator(app: &TestApp) -> String {
    use telvisor::access::clients::{NewClient, add};
    use telvisor_model::Scope;
    let new = NewClient {
        name: "ops".into(),
        tenant: "default".into(),
        scopes: Scope::ALL.to_vec(),
        digest: false,
    };
    let e = app.engine();
    let made = add(&e.db, &e.secrets, &Caller::local(Door::Cli), &new).await.unwrap();
    basic("ops", &made.secret)
}

pub fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

/// `Authorization` of a client that was just made.
pub fn of(made: &Value) -> String {
    basic(made["name"].as_str().unwrap(), text(made, "secret"))
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("{member}: {value:#}"))
}

/// From this machine.
pub fn near() -> Origin {
    Origin { address: "127.0.0.1".parse().ok(), private: true, ..Origin::default() }
}

pub async fn check(engine: &Engine, credentials: &Credentials) -> Result<Caller, AccessError> {
    authenticate(engine, credentials, Door::Soap, &near()).await
}

pub fn plain(name: &str, secret: &str) -> Credentials {
    Credentials::Basic { name: name.into(), secret: secret.into() }
}

/// A client for these tests: the operator's answer to its making.
pub fn named(name: &str) -> Value {
    json!({ "name": name })
}
