//! Mediation by hand: close what is open now, list and read files.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::clock::show as time;
use crate::engine::Engine;
use crate::mediation::deliver::lanes;
use crate::mediation::seal::{self, Cut, SealError};
use crate::store::sdr_files::FileRow;

pub(super) fn problem(e: SealError) -> Problem {
    match e {
        SealError::Store(e) => Problem::from(e),
        SealError::NearlyFull { .. } => Problem::busy(e.to_string(), 60),
        other => {
            tracing::error!(error = %other, "sealing failed");
            Problem::from(crate::store::StoreError::Missing { what: "SDR file", id: other.to_string() })
        }
    }
}

/// A file with how its delivery goes; with its path where it goes into a folder of ours.
fn render(engine: &Engine, f: &FileRow, elsewhere: &[String]) -> Value {
    let mut shown = json!({
        "recipient": f.recipient, "tenant": f.tenant, "test": f.test, "fileSeq": f.file_seq, "revision": f.revision,
        "name": f.name, "records": f.records, "bytes": f.bytes, "sha256": f.sha256, "state": f.state,
        "periodStart": time(f.period_start), "periodEnd": time(f.period_end),
        "closedAt": time(f.closed_at), "closeReason": f.close_reason,
        "firstNumber": f.first_number, "lastNumber": f.last_number,
        "tries": f.delivery.tries,
    });
    if !elsewhere.contains(&f.recipient) {
        let path = seal::folder(&seal::root(engine), f).join(&f.name);
        shown["path"] = json!(std::path::absolute(&path).unwrap_or(path).display().to_string());
    }
    let times = [
        ("deliveredAt", f.delivered_at),
        ("acknowledgedAt", f.acknowledged_at),
        ("nextTry", f.delivery.next_try),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            shown[name] = json!(time(at));
        }
    }
    if let Some(error) = &f.delivery.last_error {
        shown["lastError"] = json!(error);
    }
    shown
}

/// POST: closes what is open for every recipient, and answers the files made now.
///
/// # Errors
/// When a file cannot be written; it is tried again.
pub async fn seal(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Problem> {
    let sealed = seal::seal(&doors.engine, Cut::Manual).await.map_err(problem)?;
    let names: Vec<&str> = sealed.iter().map(|f| f.name.as_str()).collect();
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    tx.audit(&caller, "sdr.seal", "all recipients", Some(&json!({ "files": names }))).await?;
    tx.commit().await?;
    let elsewhere = lanes::names(&doors.engine).await?;
    let mut tx = doors.engine.db.read_system().await?;
    let now: Vec<Value> = tx
        .files(&caller.tenant)
        .await?
        .iter()
        .filter(|f| {
            sealed.iter().any(|s| {
                (&s.recipient, s.test, s.file_seq, &s.tenant) == (&f.recipient, f.test, f.file_seq, &f.tenant)
            })
        })
        .map(|f| render(&doors.engine, f, &elsewhere))
        .collect();
    Ok(Json(json!({ "files": now })))
}

/// GET: all files of the tenant, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn files(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let files = doors.engine.db.read_system().await?.files(&caller.tenant).await?;
    let elsewhere = lanes::names(&doors.engine).await?;
    Ok(Json(files.iter().map(|f| render(&doors.engine, f, &elsewhere)).collect()))
}

/// GET: a file's octets, rebuilt from its manifest.
///
/// # Errors
/// 404.
pub async fn file(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path((recipient, file_seq)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let test =
        form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).any(|(k, v)| k == "test" && v == "true");
    let files = doors.engine.db.read_system().await?.files(&caller.tenant).await?;
    let found = files
        .into_iter()
        .find(|f| f.recipient == recipient && f.file_seq.to_string() == file_seq && f.test == test)
        .ok_or_else(|| Problem::not_found("SDR file", &format!("{file_seq} of {recipient}")))?;
    let octets = seal::rebuild(&doors.engine, &found).await.map_err(problem)?;
    let kind = if found.name.to_ascii_lowercase().ends_with(".csv") {
        "text/csv"
    } else {
        "application/octet-stream"
    };
    Ok(([(header::CONTENT_TYPE, kind)], octets).into_response())
}
