//! TMF642 Alarm Management v4.0.0: the alarms of this network element, and those that other systems told it; and the
//! tasks that acknowledge, clear, comment or group several at once.

pub mod body;
mod change;
pub mod render;
pub mod tasks;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;

use super::Doors;
use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found, uuid};

/// Path of the list, below scheme and host.
const PATH: &str = "/tmf-api/alarm/v4/alarm";

/// What lists of alarms filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("ackState", "ack_state", Kind::Text),
    ("perceivedSeverity", "severity", Kind::Text),
    ("alarmType", "alarm_type", Kind::Text),
    ("probableCause", "cause", Kind::Text),
    ("specificProblem", "problem", Kind::Text),
    ("alarmedObject.id", "object_id", Kind::Text),
    ("alarmedObjectType", "object_type", Kind::Text),
    ("sourceSystemId", "source", Kind::Text),
    ("externalAlarmId", "external_id", Kind::Text),
    ("alarmRaisedTime", "raised_at", Kind::Time),
    ("alarmReportingTime", "reported_at", Kind::Time),
    ("alarmChangedTime", "changed_at", Kind::Time),
    ("alarmClearedTime", "cleared_at", Kind::Time),
];

/// The routes below the base path.
pub fn router() -> Router<Doors> {
    let alarms = Router::new()
        .route("/alarm", get(list).post(change::create))
        .route("/alarm/{id}", get(show).patch(change::patch).delete(change::delete));
    tasks::TASKS.iter().fold(alarms, |router, task| {
        router
            .route(&format!("/{}", task.name), task.on_list())
            .route(&format!("/{}/{{id}}", task.name), task.on_one())
    })
}

/// GET: a page of alarms, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
async fn list(ask: Ask) -> Result<Response, Problem> {
    let page = ask.page(ATTRIBUTES, &[("raised_at", true), ("id", true)])?;
    let alarms = ask.read().await?.list_alarms(&page).await?;
    let shown = alarms.rows.iter().map(|a| render::alarm(&ask.base, a)).collect();
    Ok(ask.list(&page, &alarms, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let row = ask.read().await?.alarm(uuid("alarm", &id)?).await?;
    Ok(ask.one(render::alarm(&ask.base, &found("alarm", &id, row)?)))
}
