//! The story: one subscriber from the first order to the last, and the records that went to mediation.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::files;
use super::tour::{Page, Tour, characteristic, count, page, page_status, say};
use crate::cli::http::segment;
use crate::cli::order;
use crate::cli::out::Out;

const SPECIFICATIONS: &str = "/tmf-api/serviceCatalogManagement/v4/serviceSpecification";

/// What the subscriber orders first, and what it is changed to.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    application: String,
    name: String,
    small: (String, String),
    large: (String, String),
}

/// A backup as the own API lists it.
#[derive(Debug, Deserialize)]
struct Backup {
    id: String,
    state: String,
    size: Option<u64>,
    sha256: Option<String>,
}

pub async fn play(tour: &mut Tour, world: Option<&Path>, out: &mut Out<'_>) -> anyhow::Result<()> {
    let choice = choose(&tour.http.get::<Vec<Value>>(SPECIFICATIONS).await?)?;
    let before = files::listed(tour).await?;
    let (plan, version) = choice.small.clone();
    say(
        out,
        format!("\nThe life of customer {}, with {} ({}).", tour.customer, choice.name, choice.application),
    )?;

    tour.scene("Create the customer", out)?;
    let account = characteristics(
        json!({ "serviceSpecification": { "id": "customer-account" } }),
        &[("name", "Ada Demo"), ("email", "ada@demo.example")],
    );
    tour.order("add", account, out).await?;
    let customer = tour.customer.clone();
    tour.service_is("customer", &customer, "active", out).await?;

    tour.scene(&format!("Provision {} {version}, plan {plan}", choice.application), out)?;
    let wanted = characteristics(
        json!({ "serviceSpecification": { "id": choice.application } }),
        &[("plan", &plan), ("version", &version)],
    );
    let done = tour.order("add", wanted, out).await?;
    let id = done.items.first().and_then(|item| item.subscription.clone());
    let id = id.ok_or_else(|| anyhow!("the completed item names no subscription"))?;
    tour.service_is("subscription", &id, "active", out).await?;
    let url = characteristic(&order::service(&tour.http, &id).await?, "accessUrl");
    let url = url.ok_or_else(|| anyhow!("the active subscription has no accessUrl"))?;
    say(out, format!("    the application is at {url}"))?;
    shows(tour, &url, &choice.small, 0, out).await?;
    if let Some(world) = world {
        let there = machines_of(world, &customer)?;
        tour.truth("the world has one machine of the customer", &there, &1, out)?;
    }

    tour.scene("Use it: count to three", out)?;
    for _ in 0..3 {
        count(&tour.http, &url).await?;
    }
    shows(tour, &url, &choice.small, 3, out).await?;

    let (plan, version) = choice.large.clone();
    tour.scene(&format!("Upgrade to {version}, plan {plan}"), out)?;
    tour.order(
        "modify",
        characteristics(json!({ "id": id }), &[("plan", &plan), ("version", &version)]),
        out,
    )
    .await?;
    shows(tour, &url, &choice.large, 3, out).await?;

    tour.scene("Back up", out)?;
    tour.order("modify", characteristics(json!({ "id": id }), &[("operation", "backup")]), out).await?;
    let backups: Vec<Backup> =
        tour.http.get(&format!("/api/v1/subscriptions/{}/backups", segment(&id))).await?;
    tour.truth("the subscription has one backup", &backups.len(), &1, out)?;
    let backup = backups.into_iter().next().ok_or_else(|| anyhow!("no backup is listed"))?;
    tour.truth("it is available", &backup.state, &"available".to_owned(), out)?;

    tour.scene("Download it by a link", out)?;
    download(tour, &backup, out).await?;

    tour.scene("Count on to five, then restore the backup", out)?;
    for _ in 0..2 {
        count(&tour.http, &url).await?;
    }
    shows(tour, &url, &choice.large, 5, out).await?;
    let restore = [("operation", "restore"), ("backupId", backup.id.as_str())];
    tour.order("modify", characteristics(json!({ "id": id }), &restore), out).await?;
    shows(tour, &url, &choice.large, 3, out).await?;

    let smaller = (choice.small.0.clone(), choice.large.1.clone());
    tour.scene(&format!("Downgrade to plan {}", smaller.0), out)?;
    tour.order("modify", characteristics(json!({ "id": id }), &[("plan", &smaller.0)]), out).await?;
    shows(tour, &url, &smaller, 3, out).await?;

    tour.scene("Suspend the customer", out)?;
    tour.order("modify", json!({ "id": customer, "state": "inactive" }), out).await?;
    tour.service_is("customer", &customer, "inactive", out).await?;
    tour.service_is("subscription", &id, "inactive", out).await?;
    let status = page_status(&tour.http, &url).await?;
    tour.truth("the application's page answers 503", &status, &503, out)?;

    tour.scene("Re-activate the customer", out)?;
    tour.order("modify", json!({ "id": customer, "state": "active" }), out).await?;
    tour.service_is("subscription", &id, "active", out).await?;
    let url = characteristic(&order::service(&tour.http, &id).await?, "accessUrl").unwrap_or(url);
    shows(tour, &url, &smaller, 3, out).await?;

    tour.scene("Terminate the customer", out)?;
    tour.order("delete", json!({ "id": customer }), out).await?;
    tour.service_is("customer", &customer, "terminated", out).await?;
    tour.service_is("subscription", &id, "terminated", out).await?;
    let status = page_status(&tour.http, &url).await?;
    tour.truth("the application's page is gone", &status, &404, out)?;
    if let Some(world) = world {
        let left = machines_of(world, &customer)?;
        tour.truth("the world has no machine of the customer", &left, &0, out)?;
    }

    tour.scene("Seal the service detail records", out)?;
    files::seal_and_show(tour, &before, &id, out).await
}

/// A service with characteristics.
fn characteristics(mut service: Value, pairs: &[(&str, &str)]) -> Value {
    let all: Vec<_> = pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    service["serviceCharacteristic"] = all.into();
    service
}

/// The application's page shows this plan and version, and this count.
async fn shows(
    tour: &mut Tour,
    url: &str,
    (plan, version): &(String, String),
    counter: u64,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    let seen = page(&tour.http, url).await?;
    let what = format!("the application's page shows plan {plan}, version {version}, count {counter}");
    tour.truth(what, &seen, &Page { plan: plan.clone(), version: version.clone(), counter }, out)
}

/// The application with which the most can be shown: a CRM if there is one, else the first.
fn choose(specifications: &[Value]) -> anyhow::Result<Choice> {
    let fitting = specifications.iter().filter_map(|specification| {
        let values = |name| values(specification, name);
        let (plans, versions) = (values("plan"), values("version"));
        let (old, new) = (versions.len().checked_sub(2)?, versions.len() - 1);
        Some(Choice {
            application: specification["id"].as_str()?.to_owned(),
            name: specification["name"].as_str().unwrap_or("an application").to_owned(),
            small: (plans.first()?.clone(), versions[old].clone()),
            large: (plans.get(1)?.clone(), versions[new].clone()),
        })
    });
    let all: Vec<_> = fitting.collect();
    let crm = all.iter().position(|c| c.name.to_lowercase().contains("crm")).unwrap_or(0);
    all.into_iter().nth(crm).context(
        "the catalogue has no application with two plans and two versions; leave catalogue.apps empty for the built-in ones",
    )
}

/// The values that a characteristic of a specification (TMF633) may have, in their order.
fn values(specification: &Value, name: &str) -> Vec<String> {
    let all = specification["specCharacteristic"].as_array();
    let found = all.into_iter().flatten().find(|c| c["name"] == name);
    let values = found.and_then(|c| c["characteristicValueSpecification"].as_array());
    let text = |value: &Value| {
        let value = if value["value"].is_object() { &value["value"]["value"] } else { &value["value"] };
        value.as_str().map(ToOwned::to_owned)
    };
    values.into_iter().flatten().filter_map(text).collect()
}

/// The link works, and gives the octets that the list promised.
async fn download(tour: &mut Tour, backup: &Backup, out: &mut Out<'_>) -> anyhow::Result<()> {
    let target = format!("/api/v1/backups/{}/download-links", segment(&backup.id));
    let link = tour.http.post(&target, &json!({ "customer": tour.customer })).await?;
    let url = link.body["url"].as_str().ok_or_else(|| anyhow!("the answer to POST {target} has no url"))?;
    say(out, format!("    link {url}\n    valid until {}", link.body["expiresAt"].as_str().unwrap_or("-")))?;
    let (mut digest, mut octets) = (Sha256::new(), 0u64);
    let piece = |piece: &[u8]| {
        digest.update(piece);
        octets += piece.len() as u64;
    };
    tour.http.download(url, piece).await?;
    let sum = hex::encode(digest.finalize());
    tour.truth(format!("it has the size in the list ({octets} octets)"), &Some(octets), &backup.size, out)?;
    tour.truth(
        format!("it has the SHA-256 in the list ({})", &sum[..16]),
        &Some(sum.clone()),
        &backup.sha256,
        out,
    )?;
    let other = json!({ "customer": format!("{}-other", tour.customer) });
    let refused = match tour.http.post(&target, &other).await {
        Ok(reply) => reply.status.as_u16(),
        Err(crate::cli::http::HttpError::Refused(refusal)) => refusal.status.as_u16(),
        Err(e) => return Err(e.into()),
    };
    tour.truth("another customer gets no link (404)", &refused, &404, out)
}

/// How many machines of the customer the simulated world has.
fn machines_of(world: &Path, customer: &str) -> anyhow::Result<usize> {
    let dir = world.join("machines");
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e).with_context(|| dir.display().to_string()),
    };
    let mut count = 0;
    for entry in entries {
        let path = entry?.path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // Gone since it was listed.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        let machine: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        count += usize::from(machine["customer"] == customer);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specification(id: &str, name: &str, plans: &[&str], versions: &[&str]) -> Value {
        let of = |all: &[&str]| all.iter().map(|v| json!({ "value": v })).collect::<Vec<_>>();
        json!({ "id": id, "name": name, "specCharacteristic": [
            { "name": "plan", "characteristicValueSpecification": of(plans) },
            { "name": "version", "characteristicValueSpecification": of(versions) },
        ] })
    }

    #[test]
    fn the_demo_takes_an_application_that_can_go_up() {
        let all = [
            json!({ "id": "customer-account", "name": "Customer account" }),
            specification("one", "One", &["a"], &["1"]),
            specification("files", "Files", &["home", "office"], &["1", "2"]),
            specification("kin", "Kin CRM", &["solo", "team", "company"], &["1.0", "1.1", "2.0"]),
        ];
        let kin = choose(&all).unwrap();
        assert_eq!(kin.application, "kin");
        assert_eq!(kin.small, ("solo".into(), "1.1".into()));
        assert_eq!(kin.large, ("team".into(), "2.0".into()));
        assert_eq!(choose(&all[..3]).unwrap().application, "files");
        assert!(choose(&all[..2]).unwrap_err().to_string().contains("catalogue.apps"));
    }

    #[test]
    fn only_the_customers_machines_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(machines_of(dir.path(), "a").unwrap(), 0);
        std::fs::create_dir(dir.path().join("machines")).unwrap();
        std::fs::write(dir.path().join("machines/x"), r#"{"customer":"a"}"#).unwrap();
        std::fs::write(dir.path().join("machines/y"), r#"{"customer":"b"}"#).unwrap();
        assert_eq!(machines_of(dir.path(), "a").unwrap(), 1);
    }
}
