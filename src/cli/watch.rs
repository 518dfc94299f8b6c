//! `telvisor order watch`: an order's steps as they happen. Progress bars on a terminal, plain lines otherwise.

mod bars;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;
use telvisor_model::order::OrderState;

use bars::Bars;

use super::http::{Http, segment};
use super::out::{Out, clean};

/// Between two looks at an order.
const LOOK: Duration = Duration::from_millis(200);
/// Looks in a row that may find no server (it may be restarting): half a minute.
const ABSENT: u32 = 150;

/// An order as `GET /api/v1/orders/{id}` shows it; what is not needed here is left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: String,
    pub state: String,
    /// Of a service order, the product order that it was made from; of a product order, its service order.
    pub product_order: Option<String>,
    pub service_order: Option<String>,
    pub channel: Option<String>,
    pub external_id: Option<String>,
    pub customer_id: Option<String>,
    pub order_date: Option<String>,
    pub completion_date: Option<String>,
    /// The order or subscription that it waits for.
    #[serde(default)]
    pub waits_for: Value,
    #[serde(default)]
    pub errors: Vec<OrderError>,
    #[serde(default)]
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct OrderError {
    pub reason: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    pub id: String,
    pub action: Option<String>,
    pub state: String,
    pub subscription: Option<String>,
    pub backup: Option<String>,
    pub application: Option<String>,
    pub plan: Option<String>,
    pub version: Option<String>,
    pub error: Option<String>,
    #[serde(default)]
    pub jobs: Vec<Job>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    pub id: String,
    pub title: String,
    pub state: String,
    pub phase: Option<String>,
    #[serde(default)]
    pub tries: i64,
    pub error: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    pub title: String,
    pub state: String,
}

impl Order {
    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state.parse::<OrderState>().is_ok_and(OrderState::is_final)
    }

    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.state == OrderState::Completed.as_str()
    }

    /// What went wrong, a sentence each; empty when nothing did.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let of_order = self.errors.iter().filter_map(|e| match (&e.reason, &e.message) {
            (Some(reason), Some(message)) if !message.contains(reason.as_str()) => {
                Some(format!("{reason}: {message}"))
            }
            (_, Some(words)) | (Some(words), None) => Some(words.clone()),
            (None, None) => None,
        });
        let mut troubles: Vec<String> = of_order.collect();
        for item in &self.items {
            let jobs = item.jobs.iter().filter_map(|job| job.error.as_ref());
            for words in item.error.iter().chain(jobs) {
                // Each layer repeats what the one below it said.
                if !troubles.iter().any(|t| t.contains(words.as_str())) {
                    troubles.push(words.clone());
                }
            }
        }
        troubles.iter().map(|t| clean(t)).collect()
    }
}

impl Item {
    /// What is asked for, such as `provision crm small 1.0`.
    #[must_use]
    pub fn what(&self) -> String {
        let words = [&self.action, &self.application, &self.plan, &self.version];
        clean(&words.into_iter().flatten().cloned().collect::<Vec<_>>().join(" "))
    }
}

/// How an order's steps are shown.
pub enum View {
    Nothing,
    /// Each line after this indent.
    Lines(&'static str),
    Bars(Bars),
}

impl View {
    /// What fits where the output goes.
    #[must_use]
    pub fn fitting(out: &Out<'_>, indent: &'static str) -> Self {
        if out.json {
            Self::Nothing
        } else if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
            Self::Bars(Bars::new(indent))
        } else {
            Self::Lines(indent)
        }
    }

    fn show(&mut self, before: Option<&Order>, now: &Order, out: &mut Out<'_>) -> anyhow::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Lines(indent) => {
                for line in lines(before, now) {
                    out.line(format!("{indent}{line}"))?;
                }
                out.flush()
            }
            Self::Bars(bars) => {
                bars.show(now);
                Ok(())
            }
        }
    }
}

/// Follows an order until it is final, or until `enough` of it was seen.
///
/// # Errors
/// When the server refuses, or stays away for half a minute.
pub async fn follow(
    http: &Http,
    id: &str,
    mut view: View,
    enough: impl Fn(&Order) -> bool,
    out: &mut Out<'_>,
) -> anyhow::Result<Order> {
    let target = format!("/api/v1/orders/{}", segment(id));
    let mut before: Option<Order> = None;
    let mut absent = 0;
    loop {
        match http.get::<Order>(&target).await {
            Ok(now) => {
                absent = 0;
                view.show(before.as_ref(), &now, out)?;
                if now.is_final() || enough(&now) {
                    return Ok(now);
                }
                before = Some(now);
            }
            // An order outlives its server: wait for the next one to come up.
            Err(error) if before.is_some() && error.is_passing() && absent < ABSENT => absent += 1,
            Err(error) => bail!(error),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What changed between two looks, a line each.
fn lines(before: Option<&Order>, now: &Order) -> Vec<String> {
    let mut lines = Vec::new();
    let waits = names(&now.waits_for);
    if before.is_none_or(|b| b.state != now.state || names(&b.waits_for) != waits) && !now.is_final() {
        lines.push(match waits.as_str() {
            "" => format!("order {}", now.state),
            waits => format!("order {}, waits for {waits}", now.state),
        });
    }
    if now.state == "held" && before.is_none_or(|b| b.state != "held") {
        lines.push("held: an operator decides, see `telvisor fallout list`".into());
    }
    for item in &now.items {
        let was = before.and_then(|b| b.items.iter().find(|i| i.id == item.id));
        for job in &item.jobs {
            let was = was.and_then(|i| i.jobs.iter().find(|j| j.id == job.id));
            job_lines(was, job, &mut lines);
        }
        if was.is_none_or(|was| was.state != item.state) {
            let error = item.error.as_ref().map_or_else(String::new, |e| format!(": {}", clean(e)));
            lines.push(format!("item {} {}: {}{error}", clean(&item.id), item.what(), item.state));
        }
    }
    if now.is_final() {
        lines.push(format!("order {}", now.state));
        if !now.is_completed() {
            lines.extend(now.troubles());
        }
    }
    lines
}

fn job_lines(was: Option<&Job>, now: &Job, lines: &mut Vec<String>) {
    let title = clean(&now.title);
    if let Some(error) = &now.error
        && was.is_none_or(|was| {
            was.error.as_ref() != Some(error) || was.tries < now.tries && undoing(was) == undoing(now)
        })
    {
        let number = failed_try(was, now).map_or_else(String::new, |n| format!("try {n} "));
        lines.push(format!("  {title}: {number}failed: {}", clean(error)));
    }
    if undoing(now) && !was.is_some_and(undoing) {
        lines.push(format!("  {title}: undoing"));
    }
    for (n, step) in now.steps.iter().enumerate() {
        let old = was.and_then(|w| w.steps.get(n)).map_or("waiting", |s| s.state.as_str());
        if step.state != old {
            let state = if step.state == "begun" { "…" } else { step.state.as_str() };
            lines.push(format!("  {title}: {} {state}", clean(&step.title)));
        }
    }
}

fn undoing(job: &Job) -> bool {
    job.phase.as_deref() == Some("undo")
}

/// Which try, from 1, it was that failed last. A job that is turned around counts anew, so the last try before that
/// is known only to those who saw the one before it.
fn failed_try(was: Option<&Job>, now: &Job) -> Option<i64> {
    match was.filter(|was| undoing(now) && !undoing(was)) {
        Some(was) => Some(was.tries + 1),
        None => (now.tries > 0).then_some(now.tries),
    }
}

/// The ids in a value that is one, several or none.
fn names(value: &Value) -> String {
    match value {
        // The server says it in words: `waits for order ...`, or what the order needs.
        Value::String(text) => clean(text.strip_prefix("waits for ").unwrap_or(text)),
        Value::Array(all) => all.iter().map(names).filter(|n| !n.is_empty()).collect::<Vec<_>>().join(", "),
        Value::Object(one) => one.get("id").map(names).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order(state: &str, item: &str, steps: &[&str]) -> Value {
        let steps: Vec<_> = steps
            .iter()
            .zip(["make the disk", "install"])
            .map(|(s, t)| json!({"title": t, "state": s}))
            .collect();
        json!({
            "id": "o1", "state": state, "waitsFor": null, "items": [{
                "id": "1", "action": "provision", "state": item, "application": "crm", "plan": "small",
                "version": "1.0",
                "jobs": [{"id": "j1", "title": "machine", "state": "running", "phase": "do", "tries": 0,
                          "error": null, "steps": steps}],
            }],
        })
    }

    fn read(order: Value) -> Order {
        serde_json::from_value(order).unwrap()
    }

    #[test]
    fn only_what_changed_is_told() {
        let first = read(order("inProgress", "inProgress", &["done", "begun"]));
        assert_eq!(
            lines(None, &first),
            [
                "order inProgress",
                "  machine: make the disk done",
                "  machine: install …",
                "item 1 provision crm small 1.0: inProgress",
            ]
        );
        assert!(lines(Some(&first), &first).is_empty());
        let last = read(order("completed", "completed", &["done", "done"]));
        assert_eq!(
            lines(Some(&first), &last),
            ["  machine: install done", "item 1 provision crm small 1.0: completed", "order completed"]
        );
    }

    #[test]
    fn a_failure_is_told_once_with_its_reason() {
        let first = read(order("inProgress", "inProgress", &["begun", "waiting"]));
        let mut failing = order("inProgress", "inProgress", &["begun", "waiting"]);
        failing["items"][0]["jobs"][0]["error"] = "no disk is free".into();
        failing["items"][0]["jobs"][0]["tries"] = 1.into();
        let again = read(failing.clone());
        assert_eq!(lines(Some(&first), &again), ["  machine: try 1 failed: no disk is free"]);
        failing["state"] = "failed".into();
        failing["items"][0]["state"] = "failed".into();
        failing["items"][0]["error"] = "machine: no disk is free".into();
        failing["errors"] = json!([{"code": "x", "reason": "machine: no disk is free", "message": null}]);
        let last = read(failing);
        assert_eq!(
            lines(Some(&again), &last),
            [
                "item 1 provision crm small 1.0: failed: machine: no disk is free",
                "order failed",
                "machine: no disk is free",
            ]
        );
        assert!(last.is_final() && !last.is_completed());
    }

    #[test]
    fn tries_are_counted_from_one() {
        let job = |phase: &str, state: &str, tries: i64, error: &str| {
            let mut order = order("inProgress", "inProgress", &[]);
            let job = &mut order["items"][0]["jobs"][0];
            (job["phase"], job["state"]) = (phase.into(), state.into());
            (job["tries"], job["error"]) = (tries.into(), error.into());
            if error.is_empty() {
                job["error"] = Value::Null;
            }
            read(order)
        };
        let told = |was: &Order, now: &Order| lines(Some(was), now);
        let fresh = job("do", "running", 0, "");
        // Given up after the first try, and turned around: the count begins anew.
        assert_eq!(
            told(&fresh, &job("undo", "ready", 0, "no disk")),
            ["  machine: try 1 failed: no disk", "  machine: undoing"]
        );
        let third = job("do", "ready", 3, "busy");
        assert_eq!(told(&third, &job("undo", "ready", 0, "no disk"))[0], "  machine: try 4 failed: no disk");
        // Turned around by a cancel: no other try failed.
        assert_eq!(told(&third, &job("undo", "ready", 0, "busy")), ["  machine: undoing"]);
        let undo = job("undo", "ready", 0, "no disk");
        assert_eq!(told(&undo, &job("undo", "ready", 1, "gone")), ["  machine: try 1 failed: gone"]);
        // In fallout, and tried again by an operator.
        let fallout = job("do", "fallout", 1, "no disk");
        assert_eq!(told(&fresh, &fallout), ["  machine: try 1 failed: no disk"]);
        assert!(told(&fallout, &job("do", "ready", 0, "no disk")).is_empty());
        // Seen too late to know.
        assert!(lines(None, &undo).contains(&"  machine: failed: no disk".to_owned()));
        assert!(!lines(None, &undo).iter().any(|l| l.contains("try 0")));
    }

    #[test]
    fn waiting_and_holding_are_told() {
        let mut waiting = order("acknowledged", "acknowledged", &[]);
        waiting["waitsFor"] = json!("waits for order o0 (held)");
        let waiting = read(waiting);
        assert_eq!(lines(None, &waiting)[0], "order acknowledged, waits for order o0 (held)");
        let held = read(order("held", "held", &[]));
        assert!(lines(Some(&waiting), &held)[1].contains("telvisor fallout list"));
        assert!(!held.is_final());
    }

    #[test]
    fn undoing_is_told() {
        let first = read(order("inProgress", "inProgress", &["done", "begun"]));
        let mut undo = order("inProgress", "inProgress", &["undone", "begun"]);
        undo["items"][0]["jobs"][0]["phase"] = "undo".into();
        assert_eq!(
            lines(Some(&first), &read(undo)),
            ["  machine: undoing", "  machine: make the disk undone"]
        );
    }
}
