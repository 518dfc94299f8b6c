//! Alarms: what raises and clears each of them, and what is done with them by TMF642 and the command line.

mod page;
mod raised;
mod tasks;
mod tmf642;
mod watched;

use serde_json::{Value, json};
use telvisor::alarms::watch::Watch;
use telvisor::engine::Engine;

use crate::harness::TestApp;

pub const ALARMS: &str = "/tmf-api/alarm/v4/alarm";

/// The alarms that a query finds, newest first.
pub async fn alarms(app: &TestApp, query: &str) -> Vec<Value> {
    app.get(&format!("{ALARMS}?{query}")).await.expect(200).as_array().unwrap().clone()
}

/// The open alarms of a name.
pub async fn open(app: &TestApp, name: &str) -> Vec<Value> {
    alarms(app, &format!("state=raised,updated&specificProblem={name}")).await
}

/// The one open alarm of a name.
pub async fn one(app: &TestApp, name: &str) -> Value {
    let found = open(app, name).await;
    assert_eq!(found.len(), 1, "{name}: {found:#?}");
    found[0].clone()
}

/// The alarms of a name that are cleared.
pub async fn over(app: &TestApp, name: &str) -> Vec<Value> {
    alarms(app, &format!("state=cleared&specificProblem={name}")).await
}

/// One look of a process.
pub async fn look(watch: &mut Watch, engine: &Engine) {
    Box::pin(watch.round(engine)).await.expect("the database answers");
}

/// An alarm of another system.
pub fn told(problem: &str) -> Value {
    json!({
        "alarmRaisedTime": "2026-11-23T07:00:00Z", "alarmType": "environmentalAlarm",
        "alarmedObject": { "id": "rack-7" }, "perceivedSeverity": "minor",
        "probableCause": "temperatureUnacceptable", "sourceSystemId": "building-1", "state": "raised",
        "specificProblem": problem,
    })
}
