//! Checks of the APIs that are looked at rather than ordered by: catalogues, inventories, customers, usage. They read,
//! send what must be refused, and make, change and take away entries of their own ([`changes`]). They need a server that
//! holds something; `telvisor conformance seed` puts it there.

use reqwest::Method;
use serde_json::{Value, json};

use super::changes;
use super::check::{Checks, Held, Stop, hold};
use super::client::Client;
use super::lists::{self, Collection};
use super::orders::bench::{listed, refused, text};
use crate::clock::new_id;

/// What is checked, by name.
pub const SECTIONS: [&str; 4] = ["reads", "refusals", "changes", "hub"];

/// Collections of subtypes, which a server need not have beside the one that holds them all.
const OPTIONAL: [&str; 2] = ["/logicalResource", "/physicalResource"];

/// Runs the sections that are wanted; `callback` is an address that the server may register.
pub async fn run(
    checks: &mut Checks<'_>,
    client: &Client,
    any_implementation: bool,
    callback: &str,
    wanted: impl Fn(&str) -> bool,
) {
    for path in client.api().collections() {
        let status = client.get(&path).await.map_or(0, |answer| answer.status);
        if wanted("reads") {
            checks.section("reads");
            entries(checks, client, &path).await;
            if status != 404 {
                let within = vec![];
                let collection = Collection { client, path: path.clone(), within, any_implementation };
                Box::pin(lists::run(checks, &collection)).await;
            }
        }
        if wanted("refusals") && status != 404 {
            checks.section("refusals");
            Box::pin(wrong(checks, client, &path, any_implementation)).await;
        }
        if wanted("changes") && status != 404 {
            checks.section("changes");
            Box::pin(changes::run(checks, client, &path, any_implementation)).await;
        }
    }
    if wanted("hub") {
        checks.section("hub");
        Box::pin(hub(checks, client, any_implementation, callback)).await;
    }
}

async fn entries(checks: &mut Checks<'_>, client: &Client, path: &str) {
    let clause = format!("{} retrieve", client.api().title());
    let title = format!("{path}: every entry is complete, and found by its href");
    let each = checks.check(title, clause, async {
        if OPTIONAL.contains(&path) && client.get(path).await?.status == 404 {
            return Err(Stop::Skipped(format!("the server has no {path}, which is its right")));
        }
        let all = listed(client, path).await?;
        let Some(first) = all.first() else {
            return Err(Stop::Skipped(format!("{path} is empty; seed it")));
        };
        for entry in &all {
            text(entry, "id")?;
            text(entry, "href")?;
        }
        let href = text(first, "href")?;
        let Some(target) = href.strip_prefix(&client.base) else {
            return Err(Stop::Failed(format!("href leads elsewhere than where it was asked: {href}")));
        };
        let one = client.get(target).await?.must_be(&[200])?.json()?;
        hold!(one["id"] == first["id"], "href of {} leads to {}", first["id"], one["id"]);
        Ok(())
    });
    each.await;
}

/// What cannot be created, changed or deleted, where the file declares that anything can.
async fn wrong(checks: &mut Checks<'_>, client: &Client, path: &str, any: bool) {
    let api = client.api();
    let one = format!("{path}/{}", new_id());
    if api.declares(Method::POST.as_str(), path) {
        let title =
            format!("{path}: POST of malformed JSON, or of no object, is 400; of another media type 415");
        let malformed = checks.check(title, "TMF630 3.4 error body", async {
            for body in ["", "{", "[]", "null", "7"] {
                let answer = client.send(Method::POST, path, &[], Some(body.into())).await?;
                refused(answer, 400, &[], any)?;
            }
            let headers = [("content-type", "text/plain")];
            let answer = client.send(Method::POST, path, &headers, Some(b"{}".to_vec())).await?;
            refused(answer, 415, &[], any).map(drop)
        });
        malformed.await;
        let mandatory = api.mandatory(path);
        let title = format!("{path}: POST without {} is 400", mandatory.join(", "));
        let lacking = checks.check(title, format!("{} create", api.title()), async {
            if mandatory.is_empty() {
                return Err(Stop::Skipped("the official file makes no member mandatory".into()));
            }
            refused(client.post(path, &json!({})).await?, 400, &[], any).map(drop)
        });
        lacking.await;
    }
    for (method, body) in [(Method::PATCH, Some(json!({ "name": "x" }))), (Method::DELETE, None)] {
        if api.declares(method.as_str(), &one) {
            let title = format!("{path}: {method} of an unknown id is 404");
            let unknown = checks.check(title, "TMF630 3.4 error body", async {
                let body = body.map(|body| body.to_string().into_bytes());
                refused(client.send(method, &one, &[], body).await?, 404, &[], any).map(drop)
            });
            unknown.await;
        }
    }
}

/// Registering a listener and taking it away; nothing happens that it could be told.
async fn hub(checks: &mut Checks<'_>, client: &Client, any: bool, callback: &str) {
    let clause = format!("{} hub", client.api().title());
    let typed = |mut value: Value| {
        if client.api().version == 5 {
            value["@type"] = "Hub".into();
        }
        value
    };
    let wrong = checks.check("POST /hub without a callback is 400", clause.clone(), async {
        refused(client.post("/hub", &typed(json!({}))).await?, 400, &["callback"], any).map(drop)
    });
    wrong.await;
    let title = "POST /hub registers a listener, DELETE takes it away: 201, 204, then 404";
    let registered = checks.check(title, clause, async {
        let answer = client.post("/hub", &typed(json!({ "callback": callback }))).await?.must_be(&[201])?;
        let hub: Value = answer.json()?;
        hold!(hub["callback"] == callback, "callback is {}", hub["callback"]);
        let target = format!("/hub/{}", text(&hub, "id")?);
        let location = answer.header("location").unwrap_or_default();
        hold!(location.ends_with(&target), "Location is {location:?}");
        client.delete(&target).await?.must_be(&[204])?;
        let again: Held<Value> = refused(client.delete(&target).await?, 404, &[], any);
        again.map(drop)
    });
    registered.await;
}
