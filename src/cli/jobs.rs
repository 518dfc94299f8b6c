//! `telvisor jobs` and `telvisor fallout`: what is being done, and what waits for an operator.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, segment};
use super::out::Out;

#[derive(Debug, Subcommand)]
pub enum Fallout {
    /// List the jobs whose attempts are used up.
    List,
    /// Try a job again.
    Retry(Decision),
    /// Leave a job out: its item ends failed, the rest goes on.
    Skip(Decision),
    /// Give a job up: what still can be is undone.
    Abandon(Decision),
}

#[derive(Debug, clap::Args)]
pub struct Decision {
    /// Id of the job.
    job: String,
    /// Why, for the history of the order.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Job {
    id: String,
    title: String,
    order: Option<String>,
    item: Option<String>,
    state: String,
    phase: Option<String>,
    error: Option<String>,
    #[serde(default)]
    tries: i64,
}

pub async fn list(http: &Http, out: &mut Out<'_>) -> anyhow::Result<u8> {
    show(http, "/api/v1/jobs", "no job is open", out).await
}

pub async fn fallout(http: &Http, command: &Fallout, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let (verb, decision) = match command {
        Fallout::List => return show(http, "/api/v1/fallout", "nothing waits for an operator", out).await,
        Fallout::Retry(decision) => ("retry", decision),
        Fallout::Skip(decision) => ("skip", decision),
        Fallout::Abandon(decision) => ("abandon", decision),
    };
    let target = format!("/api/v1/fallout/{}/{verb}", segment(&decision.job));
    let reply = http.post(&target, &json!({ "reason": decision.reason })).await?;
    if out.json {
        let answer =
            if reply.body.is_null() { json!({ "job": decision.job, "decision": verb }) } else { reply.body };
        out.json(&answer)?;
    } else {
        out.line(format!("job {}: {verb} is taken down and will be done", decision.job))?;
    }
    Ok(0)
}

async fn show(http: &Http, target: &str, empty: &str, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let found: Value = http.get(target).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let jobs: Vec<Job> = serde_json::from_value(found)?;
    let rows: Vec<Vec<String>> = jobs.into_iter().map(row).collect();
    out.table(&["job", "order", "item", "what", "state", "tries", "error"], &rows, empty)?;
    Ok(0)
}

fn row(job: Job) -> Vec<String> {
    let state = match job.phase.as_deref() {
        Some("undo") => format!("{} (undo)", job.state),
        _ => job.state,
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let (order, item) = (or_dash(job.order), or_dash(job.item));
    vec![job.id, order, item, job.title, state, job.tries.to_string(), job.error.unwrap_or_default()]
}
