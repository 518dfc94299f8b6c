//! GET of the performance counters, as JSON or as CSV.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use crate::api::Doors;
use crate::api::problem::Problem;
use crate::api::tmf630::{Ask, Attribute, Kind};
use crate::clock::show as time;
use crate::store::performance::CounterRow;

/// What the list is filtered and sorted by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("periodStart", "v.period_start", Kind::Time),
    ("minutes", "v.minutes", Kind::Number),
    ("counter", "v.counter", Kind::Text),
    ("labels", "v.labels", Kind::Text),
    ("count", "v.count", Kind::Number),
];

/// The first line of the CSV.
const TITLES: &str = "periodStart,periodEnd,minutes,counter,labels,count,sum,longest,settled";

/// GET: a page of counters, newest period first. `Accept: text/csv` gets them as CSV (RFC 4180).
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(State(doors): State<Doors>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let csv = parts
        .headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|a| a.contains("text/csv"));
    if csv {
        parts.headers.remove(header::ACCEPT);
    }
    let ask = Ask::from_request_parts(&mut parts, &doors).await?;
    let newest = [("v.period_start", true), ("v.minutes", false), ("v.counter", false), ("v.labels", false)];
    let page = ask.page(ATTRIBUTES, &newest)?;
    let found = ask.read().await?.list_performance(&page).await?;
    let mut response = ask.list(&page, &found, found.rows.iter().map(shown).collect());
    if csv {
        let headers = std::mem::take(response.headers_mut());
        let lines: Vec<_> = std::iter::once(TITLES.to_owned()).chain(found.rows.iter().map(line)).collect();
        response = (lines.join("\r\n") + "\r\n").into_response();
        let of_page = |name: &str| !name.starts_with("content-");
        response.headers_mut().extend(headers.into_iter().filter_map(|(name, value)| {
            let name = name.filter(|n| of_page(n.as_str()))?;
            Some((name, value))
        }));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/csv; charset=utf-8"));
    }
    Ok(response)
}

fn end(row: &CounterRow) -> String {
    time(row.period_start + TimeDelta::minutes(row.minutes))
}

fn shown(row: &CounterRow) -> Value {
    let labels: Map<String, Value> = row
        .labels
        .split(';')
        .filter_map(|l| l.split_once('='))
        .map(|(k, v)| (k.to_owned(), json!(v)))
        .collect();
    json!({
        "periodStart": time(row.period_start), "periodEnd": end(row), "minutes": row.minutes,
        "counter": row.counter, "labels": labels, "count": row.count, "sum": row.sum, "longest": row.longest,
        "settled": row.settled,
    })
}

/// Names and labels have neither commas nor quotes.
fn line(row: &CounterRow) -> String {
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let columns = [
        time(row.period_start),
        end(row),
        row.minutes.to_string(),
        row.counter.clone(),
        row.labels.clone(),
        row.count.to_string(),
        number(row.sum),
        number(row.longest),
        row.settled.to_string(),
    ];
    columns.join(",")
}
