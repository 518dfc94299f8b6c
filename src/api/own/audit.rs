//! The audit of SDR files, as JSON or as CSV.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::api::Doors;
use crate::api::own::sdr::problem;
use crate::api::problem::Problem;
use crate::clock::show as time;
use crate::mediation::audit::{Ask, Count, MOST, Period, audit, to_csv};
use crate::mediation::reconcile;

/// Periods of each stream when the request does not say.
const PERIODS: usize = 7;

fn counts(c: &Count) -> Value {
    json!({
        "events": c.events, "open": c.open, "written": c.written, "delivered": c.delivered,
        "acknowledged": c.acknowledged, "rejected": c.rejected, "difference": c.difference,
    })
}

fn render(p: &Period) -> Value {
    let occurs = p.types.iter().filter(|(_, c)| **c != Count::default());
    let types: serde_json::Map<_, _> =
        occurs.map(|(kind, c)| (kind.as_str().to_owned(), counts(c))).collect();
    json!({
        "recipient": p.recipient, "tenant": p.tenant, "test": p.test, "periodStart": time(p.start),
        "periodEnd": time(p.end), "closed": p.closed, "files": p.files, "firstFile": p.first_file,
        "lastFile": p.last_file, "firstNumber": p.first_number, "lastNumber": p.last_number, "octets": p.octets,
        "types": types, "total": counts(&p.total()), "balances": p.balances(), "trouble": p.trouble,
    })
}

/// What was asked for.
#[derive(Debug)]
struct Asked {
    recipient: Option<String>,
    until: Option<DateTime<Utc>>,
    periods: usize,
}

fn asked(raw: &str) -> Result<Asked, Problem> {
    let mut asked = Asked { recipient: None, until: None, periods: PERIODS };
    for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
        let wrong = |why: &str| Problem::invalid(&name, format!("{value:?}: {why}"));
        match &*name {
            "recipient" => asked.recipient = Some(value.into_owned()),
            "until" => asked.until = Some(moment("until", &value)?),
            "periods" => {
                let n = value.parse().ok().filter(|n| (1..=MOST).contains(n));
                asked.periods = n.ok_or_else(|| wrong(&format!("is none of 1 to {MOST}")))?;
            }
            _ => return Err(Problem::invalid(&name, "there are recipient, until and periods")),
        }
    }
    Ok(asked)
}

/// GET: each period of the tenant's streams, what was journalled against what lies in files. `Accept: text/csv` gets
/// it as CSV.
///
/// # Errors
/// 400 naming a parameter.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let asked = asked(&raw.unwrap_or_default())?;
    let until = asked.until.unwrap_or_else(|| doors.engine.db.clock().now());
    let recipient = asked.recipient.as_deref();
    let ask = Ask { tenant: &caller.tenant, recipient, until, periods: asked.periods };
    let periods = audit(&doors.engine, &ask).await.map_err(problem)?;
    let wants = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    if wants.is_some_and(|a| a.contains("text/csv")) {
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], to_csv(&periods)).into_response());
    }
    let shown: Vec<Value> = periods.iter().map(render).collect();
    let balances = periods.iter().all(Period::balances);
    Ok(Json(json!({ "balances": balances, "periods": shown })).into_response())
}

/// GET: the account of a recipient's period, for its own books, as CSV: of the one that contains `at`, else of the last
/// that has ended; `test=true` for test customers'.
///
/// # Errors
/// 404, 400 naming a parameter.
pub async fn account(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(recipient): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let (mut at, mut test) = (None, false);
    for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        match (&*name, &*value) {
            ("at", value) => at = Some(moment("at", value)?),
            ("test", "true") => test = true,
            ("test", "false") => test = false,
            _ => return Err(Problem::invalid(&name, "there are at (a time) and test (true or false)")),
        }
    }
    let stream = (caller.tenant.as_str(), recipient.as_str(), test);
    let text = reconcile::of_period(&doors.engine, stream, at).await.map_err(problem)?;
    let text = text.ok_or_else(|| Problem::not_found("recipient", &recipient))?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response())
}

fn moment(name: &str, value: &str) -> Result<DateTime<Utc>, Problem> {
    let at: Result<DateTime<chrono::FixedOffset>, _> = value.parse();
    let wrong = |_| Problem::invalid(name, format!("{value:?}: is no time such as 2026-11-23T08:00:00Z"));
    Ok(at.map_err(wrong)?.to_utc())
}
