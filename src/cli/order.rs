//! `telvisor order`: place orders through the TMF641 door, list them, follow them.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::http::{Http, query, segment};
use super::out::{Out, Stop, clean};
use super::place::Wish;
use super::watch::{self, Order, View};

pub const ORDERS: &str = "/tmf-api/serviceOrdering/v4/serviceOrder";
const SERVICES: &str = "/tmf-api/serviceInventory/v4/service";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List orders, newest first.
    List {
        /// Only those in this state.
        #[arg(long)]
        state: Option<String>,
        /// Only the one with your number.
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show an order with its jobs, steps and errors.
    Show { id: String },
    /// Place an order.
    Place(Box<Place>),
    /// Follow an order to its end; status 0 when it completed, 1 otherwise.
    Watch { id: String },
    /// Approve an order that waits for it: it goes on.
    Approve(Decision),
    /// Do not approve an order that waits for it: it ends cancelled.
    Refuse(Decision),
    /// Keep an order from going on.
    Hold(Decision),
    /// Let an order go on that was held with `hold`.
    Release(Decision),
}

#[derive(Debug, Args)]
pub struct Decision {
    /// Id of the order.
    id: String,
    /// Why, for the history of the order.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub wish: Wish,
    /// A service order as JSON, posted as it is; - is standard input.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "customer", "action", "application", "subscription", "plan", "version", "backup", "name", "email",
            "phone", "language", "set", "external_id",
        ]
    )]
    pub file: Option<PathBuf>,
    /// Follow it to its end.
    #[arg(long)]
    pub wait: bool,
}

pub async fn run(http: &Http, command: Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    match command {
        Command::List { state, external_id, limit } => {
            let pairs = [("limit", Some(limit.to_string())), ("state", state), ("externalId", external_id)];
            list(http, &query(&pairs), out).await
        }
        Command::Show { id } => show(http, &id, out).await,
        Command::Place(place) => Box::pin(place_order(http, *place, out)).await,
        Command::Watch { id } => watch_order(http, &id, out).await,
        Command::Approve(d) => decide(http, &d, "approval", Some(true), out).await,
        Command::Refuse(d) => decide(http, &d, "approval", Some(false), out).await,
        Command::Hold(d) => decide(http, &d, "hold", None, out).await,
        Command::Release(d) => decide(http, &d, "release", None, out).await,
    }
}

async fn list(http: &Http, query: &str, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let orders: Vec<Value> = http.get(&format!("{ORDERS}{query}")).await?;
    if out.json {
        out.json(&orders)?;
        return Ok(0);
    }
    let rows: Vec<_> = orders.iter().map(row).collect();
    let titles = ["order", "state", "placed", "customer", "by", "external id", "asks for"];
    out.table(&titles, &rows, "no such order; place one with `telvisor order place`")?;
    Ok(0)
}

/// A line of the list, from an order as TMF641 shows it.
fn row(order: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is = |value: &Value, word: &str| value.as_str().is_some_and(|v| v.eq_ignore_ascii_case(word));
    let items = all(&order["serviceOrderItem"]);
    let customer = all(&order["relatedParty"])
        .into_iter()
        .find(|party| is(&party["role"], "customer"))
        .map_or_else(|| "-".into(), |party| text(&party["id"]));
    let channel = all(&order["externalReference"])
        .into_iter()
        .find(|reference| is(&reference["externalReferenceType"], "channel"))
        .map_or_else(|| "-".into(), |reference| text(&reference["id"]));
    let asks: Vec<_> = items
        .iter()
        .map(|item| {
            let what = item["service"]["serviceSpecification"]["id"].as_str();
            let what = what.or(item["service"]["id"].as_str()).unwrap_or("nothing");
            format!("{} {what}", text(&item["action"]))
        })
        .collect();
    vec![
        text(&order["id"]),
        text(&order["state"]),
        text(&order["orderDate"]),
        customer,
        channel,
        text(&order["externalId"]),
        asks.join(", "),
    ]
}

async fn show(http: &Http, id: &str, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let found: Value = http.get(&format!("/api/v1/orders/{}", segment(id))).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let order: Order = serde_json::from_value(found)?;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    for (title, value) in [
        ("order", order.id.clone()),
        ("state", order.state.clone()),
        ("customer", or_dash(&order.customer_id)),
        ("by", or_dash(&order.channel)),
        ("external id", or_dash(&order.external_id)),
        ("placed", or_dash(&order.order_date)),
        ("ended", or_dash(&order.completion_date)),
    ] {
        out.line(format!("{title:12}{}", clean(&value)))?;
    }
    for (title, other) in [("of product", &order.product_order), ("by service", &order.service_order)] {
        if let Some(id) = other {
            out.line(format!("{title:12}{id}"))?;
        }
    }
    for item in &order.items {
        out.line(format!("item {}  {}  {}", clean(&item.id), item.what(), item.state))?;
        for (title, value) in [("subscription", &item.subscription), ("backup", &item.backup)] {
            if let Some(value) = value {
                out.line(format!("  {title} {value}"))?;
            }
        }
        for job in &item.jobs {
            out.line(format!("  job {}  {}  {}", job.id, clean(&job.title), job.state))?;
            for step in &job.steps {
                out.line(format!("    {}  {}", clean(&step.title), step.state))?;
            }
        }
    }
    for trouble in order.troubles() {
        out.line(format!("error: {trouble}"))?;
    }
    Ok(0)
}

/// Sends an operator's decision about an order, and tells how the order is then.
async fn decide(
    http: &Http,
    d: &Decision,
    what: &str,
    approve: Option<bool>,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    let mut body = json!({ "reason": d.reason });
    if let Some(approve) = approve {
        body["approve"] = json!(approve);
    }
    let reply = http.post(&format!("/api/v1/orders/{}/{what}", segment(&d.id)), &body).await?;
    if out.json {
        out.json(&reply.body)?;
        return Ok(0);
    }
    let state = reply.body["state"].as_str().unwrap_or("taken down");
    match reply.body["waitsFor"].as_str() {
        Some(text) => out.line(format!("order {} is {state}: {}", clean(&d.id), clean(text)))?,
        None => out.line(format!("order {} is {state}", clean(&d.id)))?,
    }
    Ok(0)
}

async fn watch_order(http: &Http, id: &str, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let order = watch::follow(http, id, View::fitting(out, ""), |_| false, out).await?;
    if out.json {
        let whole: Value = http.get(&format!("/api/v1/orders/{}", segment(id))).await?;
        out.json(&whole)?;
    }
    Ok(u8::from(!order.is_completed()))
}

async fn place_order(http: &Http, place: Place, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let body = match &place.file {
        Some(path) => file(path)?,
        None => {
            let subscription = subscription(http, &place.wish).await?;
            place.wish.body(subscription.as_deref()).map_err(Stop::Usage)?
        }
    };
    let (id, order) = post(http, &body).await?;
    if place.wait {
        if !out.json {
            out.line(format!("order {id} is placed"))?;
        }
        return watch_order(http, &id, out).await;
    }
    let rejected = order["state"] == "rejected";
    if out.json {
        out.json(&order)?;
    } else {
        out.line(format!("order {id} is {}", order["state"].as_str().unwrap_or("placed")))?;
        out.line(format!("follow it with: {} order watch {id}", super::program()))?;
    }
    Ok(u8::from(rejected))
}

fn file(path: &PathBuf) -> anyhow::Result<Value> {
    let name = path.display().to_string();
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("{name} cannot be read"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))
}

/// Posts a service order; its id, and the order as answered.
pub async fn post(http: &Http, body: &Value) -> anyhow::Result<(String, Value)> {
    let reply = http.post(ORDERS, body).await?;
    let id = reply.body["id"].as_str().map(ToOwned::to_owned);
    let id = id.ok_or_else(|| anyhow!("the answer to POST {ORDERS} has no id"))?;
    Ok((id, reply.body))
}

/// A service of the inventory (TMF638), a customer account among them.
pub async fn service(http: &Http, id: &str) -> anyhow::Result<Value> {
    Ok(http.get(&format!("{SERVICES}/{}", segment(id))).await?)
}

/// The subscription that is meant: the given one, or the customer's of the given application.
async fn subscription(http: &Http, wish: &Wish) -> anyhow::Result<Option<String>> {
    let (Some(application), None, true) =
        (&wish.application, &wish.subscription, wish.action.needs_subscription())
    else {
        return Ok(wish.subscription.clone());
    };
    let customer = wish.customer.clone();
    let name = customer.clone().unwrap_or_default();
    let services: Vec<Value> =
        http.get(&format!("{SERVICES}{}", query(&[("relatedParty.id", customer)]))).await?;
    // A terminated one may be meant too, by re-activate; it comes into question when there is no other.
    let of_application =
        || services.iter().filter(|s| s["serviceSpecification"]["id"].as_str() == Some(application));
    let mut found: Vec<_> = of_application().filter(|s| s["state"] != json!("terminated")).collect();
    if found.is_empty() {
        found = of_application().collect();
    }
    match found.as_slice() {
        [one] => Ok(one["id"].as_str().map(ToOwned::to_owned)),
        [] => bail!("customer {name} has no subscription of {application}"),
        _ => {
            bail!("customer {name} has several subscriptions of {application}: say which with --subscription")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_finds_customer_and_channel() {
        let order = json!({
            "id": "o", "state": "completed", "orderDate": "2026-01-01T00:00:00Z",
            "externalReference": [{ "externalReferenceType": "channel", "id": "tmf641" }],
            "relatedParty": [{ "id": "5", "role": "seller" }, { "id": "7", "role": "Customer" }],
            "serviceOrderItem": [{ "id": "1", "action": "add", "service": {
                "serviceSpecification": { "id": "crm" } } }],
        });
        assert_eq!(row(&order), ["o", "completed", "2026-01-01T00:00:00Z", "7", "tmf641", "-", "add crm"]);
        assert_eq!(row(&json!({})), ["-", "-", "-", "-", "-", "-", ""]);
    }
}
