//! `telvisor listeners`: who is told of events, what they have still to be sent, pause, resume, replay.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, segment};
use super::out::Out;

const LISTENERS: &str = "/api/v1/listeners";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the listeners with what they have still to be sent.
    List,
    /// Show one listener.
    Show(Which),
    /// Send a listener nothing until it is resumed; its events are kept.
    Pause {
        #[command(flatten)]
        which: Which,
        /// Why, for those who look at it.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a paused listener go on.
    Resume(Which),
    /// Send a listener its events again, from a point on.
    Replay {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        from: Point,
    },
    /// Say how a listener is called.
    Set {
        #[command(flatten)]
        which: Which,
        /// Whether /listener/<event> is appended to its callback.
        #[arg(long, action = clap::ArgAction::Set, value_name = "true|false")]
        listener_path: bool,
    },
    /// Remove a listener with what it has still to be sent.
    Remove(Which),
}

#[derive(Debug, Args)]
pub struct Which {
    /// Id of the listener.
    listener: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Point {
    /// Position of the first event.
    #[arg(long)]
    position: Option<i64>,
    /// Time of the first event, such as 2026-11-23T08:00:00Z.
    #[arg(long)]
    time: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listener {
    id: String,
    api: String,
    callback: String,
    query: Option<String>,
    state: String,
    backlog: i64,
    failing_since: Option<String>,
    last_error: Option<String>,
    paused_why: Option<String>,
}

pub async fn run(http: &Http, command: &Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let path = |which: &Which| format!("{LISTENERS}/{}", segment(&which.listener));
    match command {
        Command::List => list(http, out).await,
        Command::Show(which) => {
            let found: Value = http.get(&path(which)).await?;
            show(&found, out)
        }
        Command::Pause { which, reason } => {
            let reply = http.post(&format!("{}/pause", path(which)), &json!({ "reason": reason })).await?;
            show(&reply.body, out)
        }
        Command::Resume(which) => {
            let reply = http.post(&format!("{}/resume", path(which)), &json!({})).await?;
            show(&reply.body, out)
        }
        Command::Set { which, listener_path } => {
            let reply = http.patch(&path(which), &json!({ "listenerPath": listener_path })).await?;
            show(&reply.body, out)
        }
        Command::Replay { which, from } => {
            let body = match from.position {
                Some(position) => json!({ "position": position }),
                None => json!({ "time": from.time }),
            };
            let reply = http.post(&format!("{}/replay", path(which)), &body).await?;
            if out.json {
                out.json(&reply.body)?;
            } else {
                out.line(format!("{} events are sent again", reply.body["events"]))?;
            }
            Ok(0)
        }
        Command::Remove(which) => {
            http.delete(&path(which)).await?;
            if !out.json {
                out.line(format!("listener {} is removed", which.listener))?;
            }
            Ok(0)
        }
    }
}

async fn list(http: &Http, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let found: Value = http.get(LISTENERS).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let listeners: Vec<Listener> = serde_json::from_value(found)?;
    let row = |l: Listener| {
        vec![l.id, l.api, l.callback, l.state, l.backlog.to_string(), l.last_error.unwrap_or_default()]
    };
    let rows: Vec<_> = listeners.into_iter().map(row).collect();
    out.table(&["listener", "api", "callback", "state", "backlog", "last error"], &rows, "nobody listens")?;
    Ok(0)
}

fn show(found: &Value, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if out.json {
        out.json(found)?;
        return Ok(0);
    }
    let l: Listener = serde_json::from_value(found.clone())?;
    let lines = [
        ("listener", Some(l.id)),
        ("api", Some(l.api)),
        ("callback", Some(l.callback)),
        ("query", l.query),
        ("state", Some(l.state)),
        ("why", l.paused_why),
        ("backlog", Some(l.backlog.to_string())),
        ("failing since", l.failing_since),
        ("last error", l.last_error),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            out.line(format!("{name:13} {}", super::out::clean(&value)))?;
        }
    }
    Ok(0)
}
