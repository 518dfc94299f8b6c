//! Jobs that are open, jobs in fallout, and what an operator decides about these.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::orders::job;
use crate::access::Caller;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::orders::OrderError;
use crate::orders::fallout::{Decision, decide as carry_out};
use crate::store::jobs::JobRow;

async fn render(doors: &Doors, caller: &Caller, jobs: Vec<JobRow>) -> Result<Json<Vec<Value>>, Problem> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let mut out = vec![];
    for j in &jobs {
        out.push(job(&mut tx, j).await?);
    }
    Ok(Json(out))
}

/// GET: jobs that have not ended.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let jobs = doors.engine.db.read(&caller.tenant).await?.open_jobs().await?;
    render(&doors, &caller, jobs).await
}

/// GET: jobs that need an operator.
///
/// # Errors
/// When the database does not answer.
pub async fn fallout(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let jobs = doors.engine.db.read(&caller.tenant).await?.fallout().await?;
    render(&doors, &caller, jobs).await
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    reason: Option<String>,
}

/// POST: retry, skip or abandon a job in fallout; a reason, where the body gives one, goes into the order's history
/// and the audit.
///
/// # Errors
/// 404, 409 when the job is not in fallout, 400 for a body that is none.
pub async fn decide(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path((id, decision)): Path<(String, String)>,
    given: Option<JsonBody>,
) -> Result<StatusCode, Problem> {
    let decision = match decision.as_str() {
        "retry" => Decision::Retry,
        "skip" => Decision::Skip,
        "abandon" => Decision::Abandon,
        other => return Err(Problem::not_found("decision", other)),
    };
    let body: Object<Body> = given.map(|JsonBody(v)| typed(&v)).transpose()?.unwrap_or_default();
    let uuid: Uuid = id.parse().map_err(|_| Problem::not_found("job", &id))?;
    carry_out(&doors.engine, &caller, uuid, decision, body.reason.as_deref()).await.map_err(|e| match e {
        OrderError::NotFound(id) => Problem::not_found("job", &id),
        other => Problem::of_order(other, |_, _| String::new()),
    })?;
    Ok(StatusCode::ACCEPTED)
}
