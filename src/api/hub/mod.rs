//! `/hub` of every TMF API: register a listener, remove it.

pub mod apis;
mod inventory;
pub mod query;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Doors;
use super::problem::Problem;
use super::request::{JsonBody, Object, typed};
use super::tmf630::{Ask, found, uuid};
use crate::notify::listeners::{Change, ListenerError, Registration, change, register};
use crate::notify::{Api, Envelope, sign};
use crate::store::listeners::ListenerRow;
use apis::{APIS, SHOWS};

/// Carries a new listener's signing secret, once: in the answer to its registration.
const SECRET: &str = "telvisor-webhook-secret";

/// The routes of all hubs.
pub fn routes() -> Router<Doors> {
    APIS.iter().fold(Router::new(), |router, api| {
        let one = delete(move |ask, id| remove(api, ask, id));
        let one = if api.reads_hub { one.get(move |ask, id| show(api, ask, id)) } else { one };
        router
            .route(&format!("{}/hub", api.path), post(move |ask, body| create(api, ask, body)))
            .route(&format!("{}/hub/{{id}}", api.path), one)
    })
}

#[derive(Debug, Deserialize)]
struct Body {
    callback: String,
    query: Option<String>,
    secret: Option<String>,
    #[serde(rename = "@type")]
    kind: Option<String>,
}

/// POST: registers a listener. 201 with Location, and its signing secret in a header where the client gave none.
///
/// # Errors
/// 400 for a callback or query that cannot be, 409 for one that is registered already.
async fn create(api: &'static Api, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    if given.get("callback").is_none() {
        return Err(Problem::invalid("callback", "is missing: where are events to be sent?"));
    }
    let body: Object<Body> = typed(&given)?;
    if api.envelope == Envelope::V5 && body.kind.is_none() {
        return Err(Problem::invalid("@type", "is missing; it is Hub"));
    }
    let query = body.query.clone().unwrap_or_default();
    query::check(&query, api)?;
    let secret = body.secret.as_deref().map(sign::read_secret).transpose();
    let secret = secret.map_err(|why| Problem::invalid("secret", why))?;
    let made = secret.is_none();
    let asked = Registration { callback: body.callback.clone(), query, base: ask.base.clone(), secret };
    let registered = register(ask.engine(), &SHOWS, api, &ask.caller, &asked).await;
    let (listener, secret) = registered.map_err(problem)?;
    let mut response = ask.created(render(api, &ask.base, &listener));
    let shown = HeaderValue::from_str(&format!("{}{}/hub/{}", ask.base, api.path, listener.id));
    if let Ok(location) = shown {
        response.headers_mut().insert(axum::http::header::LOCATION, location);
    }
    if let (true, Ok(value)) = (made, HeaderValue::from_str(&sign::show_secret(&secret))) {
        response.headers_mut().insert(SECRET, value);
    }
    Ok(response)
}

/// GET by id, where the official file has it.
///
/// # Errors
/// 404.
async fn show(api: &'static Api, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let listener = look_up(api, &ask, &id).await?;
    Ok(ask.one(render(api, &ask.base, &listener)))
}

/// DELETE: removes a listener with what it was still to be sent.
///
/// # Errors
/// 404.
async fn remove(api: &'static Api, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let listener = look_up(api, &ask, &id).await?;
    change(ask.engine(), &ask.caller, listener.id, &Change::Remove).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A listener of this API.
async fn look_up(api: &Api, ask: &Ask, id: &str) -> Result<ListenerRow, Problem> {
    let row = ask.read().await?.listener(uuid("listener", id)?).await?;
    found("listener", id, row.filter(|l| l.api == api.name))
}

fn render(api: &Api, base: &str, l: &ListenerRow) -> Value {
    let mut out = json!({ "id": l.id, "callback": l.callback });
    if !l.query.is_empty() {
        out["query"] = json!(l.query);
    }
    if api.envelope == Envelope::V5 {
        out["href"] = json!(format!("{base}{}/hub/{}", api.path, l.id));
        out["@type"] = json!("Hub");
    }
    out
}

/// Renders a refusal.
pub fn problem(e: ListenerError) -> Problem {
    match e {
        ListenerError::Callback(why) => Problem::invalid("callback", why.to_string()),
        ListenerError::Known(_) => {
            Problem::conflict("alreadyExists", format!("callback: with this query {e}; remove it first"))
        }
        ListenerError::NotFound(id) => Problem::not_found("listener", &id.to_string()),
        ListenerError::Store(e) => Problem::from(e),
        other => {
            tracing::error!(error = %other, "a listener could not be served");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "internal error",
                "see the server's log",
            )
        }
    }
}
