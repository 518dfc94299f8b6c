//! What every scene of the tour needs: tell, order and wait, look whether something is true.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::http::Http;
use crate::cli::order;
use crate::cli::out::Out;
use crate::cli::watch::{self, Order, View};

/// Longest that one order of the tour may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The tour so far.
pub struct Tour {
    pub http: Http,
    pub customer: String,
    scene: usize,
    /// Every truth that was looked at, and whether it held.
    truths: Vec<(String, bool)>,
}

impl Tour {
    pub fn new(http: Http, customer: String) -> Self {
        Self { http, customer, scene: 0, truths: Vec::new() }
    }

    /// Opens a scene.
    pub fn scene(&mut self, title: &str, out: &mut Out<'_>) -> anyhow::Result<()> {
        self.scene += 1;
        say(out, format!("\n{:2}  {title}", self.scene))
    }

    /// Looks whether what was seen is what must be; the tour goes on either way, and remembers.
    pub fn truth<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl Into<String>,
        seen: &T,
        wanted: &T,
        out: &mut Out<'_>,
    ) -> anyhow::Result<()> {
        let what = what.into();
        let holds = seen == wanted;
        if holds {
            say(out, format!("    ok    {what}"))?;
        } else {
            say(out, format!("    FALSE {what}: should be {wanted:?}, and is {seen:?}"))?;
        }
        self.truths.push((what, holds));
        Ok(())
    }

    /// Places an order of one item on the customer, shows its steps, and waits until it is completed.
    ///
    /// # Errors
    /// When the order is refused or does not complete: what follows would make no sense.
    pub async fn order(&mut self, action: &str, service: Value, out: &mut Out<'_>) -> anyhow::Result<Order> {
        let body = json!({
            "externalId": format!("{}-{}", self.customer, self.scene),
            "externalReference": [{ "externalReferenceType": "channel", "id": "cli", "name": "cli" }],
            "relatedParty": [{ "id": self.customer, "role": "customer" }],
            "serviceOrderItem": [{ "id": "1", "action": action, "service": service }],
        });
        let (id, _) = order::post(&self.http, &body).await?;
        say(out, format!("    POST serviceOrder: {action} {service}\n    order {id}"))?;
        let view = View::fitting(out, "      ");
        let stuck = |order: &Order| order.state == "held" || order.state == "pending";
        let followed = watch::follow(&self.http, &id, view, stuck, out);
        let order = tokio::time::timeout(PATIENCE, followed).await.map_err(|_| {
            anyhow!("order {id} did not end within {} s; see `telvisor jobs`", PATIENCE.as_secs())
        })??;
        if !order.is_completed() {
            bail!("order {id} ended {}: {}", order.state, order.troubles().join("; "));
        }
        Ok(order)
    }

    /// The state of a service, as TMF638 shows it, is the wanted one.
    pub async fn service_is(
        &mut self,
        what: &str,
        id: &str,
        state: &str,
        out: &mut Out<'_>,
    ) -> anyhow::Result<()> {
        let service = order::service(&self.http, id).await?;
        let seen = service["state"].as_str().unwrap_or("none").to_owned();
        self.truth(format!("TMF638: the {what} is {state}"), &seen, &state.to_owned(), out)
    }

    /// Says how it went, and gives the status to end with.
    pub fn sum_up(&self, out: &mut Out<'_>) -> anyhow::Result<u8> {
        let failed: Vec<_> = self.truths.iter().filter(|(_, holds)| !holds).map(|(what, _)| what).collect();
        if out.json {
            let truths: Vec<_> =
                self.truths.iter().map(|(what, holds)| json!({ "truth": what, "holds": holds })).collect();
            out.json(&json!({ "customer": self.customer, "ok": failed.is_empty(), "truths": truths }))?;
        } else if failed.is_empty() {
            out.line(format!("\nAll of it came true: {} of {}.", self.truths.len(), self.truths.len()))?;
        } else {
            out.line(format!("\n{} of {} did not come true:", failed.len(), self.truths.len()))?;
            for what in &failed {
                out.line(format!("  {what}"))?;
            }
        }
        out.flush()?;
        Ok(u8::from(!failed.is_empty()))
    }
}

/// A line of the story; JSON has none.
pub fn say(out: &mut Out<'_>, text: impl std::fmt::Display) -> anyhow::Result<()> {
    if out.json {
        return Ok(());
    }
    out.line(text)?;
    out.flush()
}

/// A characteristic of a service, as TMF shows it.
pub fn characteristic(service: &Value, name: &str) -> Option<String> {
    let all = service["serviceCharacteristic"].as_array()?;
    let value = &all.iter().find(|c| c["name"] == name)?["value"];
    // TMF allows the bare value and an object around it.
    let value = if value.is_object() { &value["value"] } else { value };
    Some(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
}

/// What the application's own page says.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Page {
    pub plan: String,
    pub version: String,
    pub counter: u64,
}

/// Uses the application once, as its user would: its counter goes up.
pub async fn count(http: &Http, url: &str) -> anyhow::Result<Page> {
    read(http, Method::POST, &format!("{url}/count")).await
}

pub async fn page(http: &Http, url: &str) -> anyhow::Result<Page> {
    read(http, Method::GET, url).await
}

pub async fn page_status(http: &Http, url: &str) -> anyhow::Result<u16> {
    Ok(http.ask(Method::GET, url, "application/json", None).await?.status().as_u16())
}

async fn read(http: &Http, method: Method, url: &str) -> anyhow::Result<Page> {
    let answer = http.ask(method, url, "application/json", None).await?;
    let status = answer.status();
    if status != StatusCode::OK {
        bail!("the application's page {url} answers {status}");
    }
    answer.json().await.with_context(|| format!("the application's page {url} shows no counter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truth_that_does_not_hold_makes_the_status_1() {
        let http = Http::new("http://127.0.0.1:9", None).unwrap();
        let mut tour = Tour::new(http, "c".into());
        let mut text = Vec::new();
        let mut out = Out::new(&mut text, false);
        tour.truth("one is one", &1, &1, &mut out).unwrap();
        assert_eq!(tour.sum_up(&mut out).unwrap(), 0);
        tour.truth("one is two", &1, &2, &mut out).unwrap();
        assert_eq!(tour.sum_up(&mut out).unwrap(), 1);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("FALSE one is two: should be 2, and is 1"), "{text}");
        assert!(text.contains("1 of 2 did not come true"), "{text}");
    }

    #[test]
    fn characteristics_are_found_in_both_shapes() {
        let service = json!({ "serviceCharacteristic": [
            { "name": "plan", "value": "small" },
            { "name": "accessUrl", "value": { "value": "http://x" } },
        ] });
        assert_eq!(characteristic(&service, "plan").as_deref(), Some("small"));
        assert_eq!(characteristic(&service, "accessUrl").as_deref(), Some("http://x"));
        assert_eq!(characteristic(&service, "version"), None);
    }
}
