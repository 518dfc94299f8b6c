//! Clients, for operators: made, given new secrets, let in or not.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use telvisor_model::{ClientState, Scope};

use crate::access::Caller;
use crate::access::clients::{self, ClientError, Issued, NewClient};
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::href::Base;
use crate::api::{Doors, OWN};
use crate::clock::show as time;
use crate::store::clients::ClientRow;

fn render(c: &ClientRow) -> Value {
    json!({
        "name": c.name, "tenant": c.tenant, "scopes": c.scopes, "state": c.state,
        "digest": c.digest_secret.is_some(), "createdAt": time(c.created_at), "changedAt": time(c.changed_at),
    })
}

/// A client with its new secrets, which are shown this once.
#[must_use]
pub fn shown_once(i: &Issued) -> Value {
    let mut body = render(&i.client);
    body["secret"] = json!(i.secret);
    if let Some(digest) = &i.digest_secret {
        body["digestSecret"] = json!(digest);
    }
    body
}

/// Secrets must not be kept on the way.
fn issued(status: StatusCode, i: &Issued) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(shown_once(i))).into_response()
}

fn problem(e: ClientError) -> Problem {
    match e {
        ClientError::Name { what: "tenant", .. } => Problem::invalid("tenant", e.to_string()),
        ClientError::Name { .. } | ClientError::Reserved(_) => Problem::invalid("name", e.to_string()),
        ClientError::NoScope => Problem::invalid("scopes", e.to_string()),
        ClientError::Exists(_) => Problem::conflict("alreadyExists", format!("name: {e}")),
        ClientError::NotFound(name) => Problem::not_found("client", &name),
        ClientError::OtherTenant(_) => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "not for this caller", e.to_string())
        }
        ClientError::Store(e) => Problem::from(e),
        ClientError::Random(_) | ClientError::Hash(_) => {
            tracing::error!(error = %e, "a client could not be given a secret");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", "internal error", "see the server's log")
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: String,
    tenant: Option<String>,
    scopes: Option<Vec<Scope>>,
    #[serde(default)]
    digest: bool,
}

/// POST: makes a client. 201 with its secret.
///
/// # Errors
/// 400 naming the member, 403 for another tenant, 409 for a name that is taken.
pub async fn add(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(Base(base)): Extension<Base>,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    let body: Object<Body> = typed(&given)?;
    let new = NewClient {
        name: body.name.clone(),
        tenant: body.tenant.clone().unwrap_or_else(|| caller.tenant.clone()),
        scopes: body.scopes.clone().unwrap_or_else(|| Scope::OF_A_BSS.to_vec()),
        digest: body.digest,
    };
    let (db, secrets) = (&doors.engine.db, &doors.engine.secrets);
    let made = clients::add(db, secrets, &caller, &new).await.map_err(problem)?;
    let mut response = issued(StatusCode::CREATED, &made);
    if let Ok(value) = HeaderValue::from_str(&format!("{base}{OWN}/clients/{}", new.name)) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// GET: the clients of the caller's tenant, by name; for callers of tenant `default` those of all tenants.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let found = clients::list(&doors.engine.db, &caller).await.map_err(problem)?;
    Ok(Json(found.iter().map(render).collect()))
}

/// GET: one client.
///
/// # Errors
/// 404.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = clients::show(&doors.engine.db, &caller, &name).await.map_err(problem)?;
    Ok(Json(render(&found)))
}

/// POST: gives a client new secrets; the old ones are void at once.
///
/// # Errors
/// 404.
pub async fn rotate(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (db, secrets) = (&doors.engine.db, &doors.engine.secrets);
    let made = clients::rotate(db, secrets, &caller, &name).await.map_err(problem)?;
    Ok(issued(StatusCode::OK, &made))
}

/// POST: does not let a client in any more; its sessions end.
///
/// # Errors
/// 404.
pub async fn disable(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    set_state(&doors, &caller, &name, ClientState::Disabled).await
}

/// POST: lets a disabled client in again, with the secret that it had.
///
/// # Errors
/// 404.
pub async fn enable(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    set_state(&doors, &caller, &name, ClientState::Active).await
}

async fn set_state(
    doors: &Doors,
    caller: &Caller,
    name: &str,
    state: ClientState,
) -> Result<Json<Value>, Problem> {
    let client = clients::set_state(&doors.engine.db, caller, name, state).await.map_err(problem)?;
    Ok(Json(render(&client)))
}
