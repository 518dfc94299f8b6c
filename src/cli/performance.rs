//! `telvisor performance`: the counters of the granularity periods.

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;

use super::http::{Http, query};
use super::out::Out;

const PERFORMANCE: &str = "/api/v1/performance";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Length of the periods in minutes.
    #[arg(long, default_value_t = 15)]
    minutes: u32,
    /// Name of the counter, such as orders.ended; several with commas between.
    #[arg(long)]
    counter: Option<String>,
    /// Periods that begin at this time or later, such as 2026-11-23T08:00:00Z.
    #[arg(long)]
    since: Option<DateTime<Utc>>,
    /// Most lines.
    #[arg(long)]
    limit: Option<u32>,
    /// As CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// # Errors
/// What the server refused.
pub async fn run(http: &Http, arguments: &Arguments, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let asked = query(&[
        ("minutes", Some(arguments.minutes.to_string())),
        ("counter", arguments.counter.clone()),
        ("periodStart.gte", arguments.since.map(crate::clock::show)),
        ("limit", arguments.limit.map(|n| n.to_string())),
    ]);
    let found: Value = http.get(&format!("{PERFORMANCE}{asked}")).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let text = |v: &Value| {
        v.as_str().map_or_else(|| if v.is_null() { String::new() } else { v.to_string() }, str::to_owned)
    };
    let labels = |v: &Value| {
        let pairs = v.as_object().into_iter().flatten();
        pairs.map(|(k, v)| format!("{k}={}", text(v))).collect::<Vec<_>>().join(";")
    };
    let row = |v: &Value| {
        let mut row = vec![text(&v["periodStart"]), text(&v["counter"]), labels(&v["labels"])];
        row.extend(["count", "sum", "longest"].map(|name| text(&v[name])));
        row.push(if v["settled"] == true { "yes".into() } else { "not yet".into() });
        row
    };
    let rows: Vec<Vec<String>> = found.as_array().into_iter().flatten().map(row).collect();
    let titles = ["period", "counter", "labels", "count", "sum", "longest", "settled"];
    if arguments.csv {
        for line in std::iter::once(titles.map(str::to_owned).to_vec()).chain(rows) {
            out.line(line.join(","))?;
        }
        return Ok(0);
    }
    out.table(&titles, &rows, "nothing was counted")?;
    Ok(0)
}
