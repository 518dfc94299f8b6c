//! `telvisor alarms`: what an operator must know; acknowledge, clear, comment. It talks to TMF642.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, query, segment};
use super::out::{Out, clean};
use crate::alarms::page;
use crate::api::TMF642;
use crate::clock::{Clock as _, SystemClock, show as time};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the alarms that are open, newest first.
    List(Which),
    /// Show one alarm.
    Show {
        /// Id of the alarm.
        alarm: String,
    },
    /// Say that somebody has taken notice.
    Ack(Alarms),
    /// Take that back.
    Unack(Alarms),
    /// Say that it is over. What still holds is raised anew.
    Clear(Alarms),
    /// Say something about it.
    Comment {
        #[command(flatten)]
        which: Alarms,
        /// What is said.
        #[arg(long)]
        text: String,
    },
    /// Print the page of all alarms that there are (docs/alarms.md).
    Document,
}

#[derive(Debug, Args)]
pub struct Which {
    /// Those that are cleared, too.
    #[arg(long)]
    all: bool,
    /// critical, major, minor or warning; several with commas between.
    #[arg(long)]
    severity: Option<String>,
    /// Name of the alarm, such as jobInFallout; several with commas between.
    #[arg(long = "type", value_name = "NAME")]
    kind: Option<String>,
    /// Id of the alarmed object.
    #[arg(long)]
    object: Option<String>,
    /// Most alarms to list.
    #[arg(long)]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Alarms {
    /// Ids of alarms.
    #[arg(required = true)]
    alarms: Vec<String>,
    /// Who says so.
    #[arg(long, default_value = "operator")]
    user: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alarm {
    id: String,
    specific_problem: Option<String>,
    probable_cause: String,
    perceived_severity: String,
    state: String,
    ack_state: String,
    alarm_raised_time: String,
    alarmed_object: Option<Value>,
    alarmed_object_type: Option<String>,
    alarm_details: Option<String>,
}

impl Alarm {
    fn object(&self) -> String {
        let id = self.alarmed_object.as_ref().and_then(|o| o["id"].as_str()).unwrap_or("-");
        self.alarmed_object_type.as_ref().map_or(id.to_owned(), |kind| format!("{kind} {id}"))
    }
}

/// # Errors
/// What the server refused. `http` is asked for where a server is.
pub async fn run(
    http: impl FnOnce() -> anyhow::Result<Http>,
    command: &Command,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    let now = time(SystemClock.now());
    match command {
        Command::Document => {
            out.bytes(page::as_markdown().as_bytes())?;
            Ok(0)
        }
        Command::List(which) => list(&http()?, which, out).await,
        Command::Show { alarm } => {
            let found: Value = http()?.get(&format!("{TMF642}/alarm/{}", segment(alarm))).await?;
            show(&found, out)
        }
        Command::Ack(which) => {
            let body = json!({ "ackSystemId": "cli", "ackUserId": which.user, "ackTime": now });
            task(&http()?, which, ("ackAlarms", "ackedAlarm", "acknowledged"), body, out).await
        }
        Command::Unack(which) => {
            let body = json!({ "ackSystemId": "cli", "ackUserId": which.user, "ackTime": now });
            task(&http()?, which, ("unAckAlarms", "unAckedAlarm", "not acknowledged any more"), body, out)
                .await
        }
        Command::Clear(which) => {
            let body = json!({ "clearSystemId": "cli", "clearUserId": which.user, "alarmClearedTime": now });
            task(&http()?, which, ("clearAlarms", "clearedAlarm", "cleared"), body, out).await
        }
        Command::Comment { which, text } => {
            let said = json!({ "comment": text, "userId": which.user, "systemId": "cli", "time": now });
            let body = json!({ "comment": said });
            task(&http()?, which, ("commentAlarms", "commentedAlarm", "commented"), body, out).await
        }
    }
}

async fn list(http: &Http, which: &Which, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let asked = query(&[
        ("state", (!which.all).then(|| "raised,updated".to_owned())),
        ("perceivedSeverity", which.severity.clone()),
        ("specificProblem", which.kind.clone()),
        ("alarmedObject.id", which.object.clone()),
        ("limit", which.limit.map(|n| n.to_string())),
    ]);
    let found: Value = http.get(&format!("{TMF642}/alarm{asked}")).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let alarms: Vec<Alarm> = serde_json::from_value(found)?;
    let row = |a: Alarm| {
        let object = a.object();
        let seen = if a.ack_state == "acknowledged" { "yes" } else { "no" };
        let what = a.specific_problem.unwrap_or(a.probable_cause);
        let details = a.alarm_details.unwrap_or_default();
        vec![a.id, a.perceived_severity, what, object, a.alarm_raised_time, seen.into(), details]
    };
    let rows: Vec<_> = alarms.into_iter().map(row).collect();
    let titles = ["alarm", "severity", "what", "object", "raised", "seen", "details"];
    out.table(&titles, &rows, "no alarm is open")?;
    Ok(0)
}

fn show(found: &Value, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if out.json {
        out.json(found)?;
        return Ok(0);
    }
    let a: Alarm = serde_json::from_value(found.clone())?;
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    let lines = [
        ("alarm", Some(a.id.clone())),
        ("what", a.specific_problem.clone()),
        ("severity", Some(a.perceived_severity.clone())),
        ("cause", Some(a.probable_cause.clone())),
        ("object", Some(a.object())),
        ("state", Some(a.state.clone())),
        ("seen", Some(a.ack_state.clone())),
        ("by", text("ackUserId")),
        ("raised", Some(a.alarm_raised_time.clone())),
        ("changed", text("alarmChangedTime")),
        ("cleared", text("alarmClearedTime")),
        ("details", a.alarm_details.clone()),
        ("remedy", text("proposedRepairedActions")),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            out.line(format!("{name:9} {}", clean(&value)))?;
        }
    }
    for c in found["comment"].as_array().into_iter().flatten() {
        let word = |name: &str| clean(c[name].as_str().unwrap_or("-"));
        out.line(format!("comment   {} {}: {}", word("time"), word("userId"), word("comment")))?;
    }
    Ok(0)
}

/// Does a task to each of the alarms, and says which of them there are not.
async fn task(
    http: &Http,
    which: &Alarms,
    (name, done, word): (&str, &str, &str),
    mut body: Value,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    let patterns: Vec<_> = which.alarms.iter().map(|id| json!({ "id": id })).collect();
    body["alarmPattern"] = json!(patterns);
    let reply = http.post(&format!("{TMF642}/{name}"), &body).await?;
    let met =
        |id: &String| reply.body[done].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == **id));
    if out.json {
        out.json(&reply.body)?;
    }
    let mut status = 0;
    for id in &which.alarms {
        if !met(id) {
            status = 1;
            super::complain(&format!("there is no alarm {id}"));
        } else if !out.json {
            out.line(format!("alarm {id} is {word}"))?;
        }
    }
    Ok(status)
}
