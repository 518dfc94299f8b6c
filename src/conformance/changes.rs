//! What an API that is not ordered by lets clients make, change and take away. Each entry that these checks make they
//! take away again.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::check::{Checks, Held, Stop, hold, needs};
use super::client::Client;
use super::orders::bench::{listed, refused, text};
use crate::clock::new_id;

const PATCHING: &str = "TMF630 3.2 partial update";
const CONDITIONAL: &str = "RFC 9110 conditional requests";
/// Longest that a customer may take to be where it was brought.
const LONGEST: Duration = Duration::from_secs(60);

/// The least that a collection takes, by what the official file demands; none where it is not known.
fn least(api: &str, path: &str) -> Option<Value> {
    let name = format!("conformance {}", new_id().simple());
    Some(match (api, path) {
        ("tmf620", "/catalog" | "/category" | "/productOffering" | "/productOfferingPrice")
        | ("tmf620", "/productSpecification")
        | ("tmf633", "/serviceCatalog" | "/serviceCategory" | "/serviceSpecification")
        | ("tmf635", "/usageSpecification")
        | ("tmf639", "/resource") => json!({ "name": name }),
        ("tmf633", "/serviceCandidate") => {
            json!({ "name": name, "serviceSpecification": { "id": "conformance" } })
        }
        ("tmf635", "/usage") => json!({
            "usageType": "conformance", "usageDate": "2026-01-01T00:00:00Z", "status": "received",
            "usageSpecification": { "id": "conformance" },
        }),
        ("tmf637", "/product") => json!({ "status": "active", "name": name }),
        ("tmf638", "/service") => {
            json!({ "state": "active", "name": name, "serviceSpecification": { "id": "conformance" } })
        }
        ("tmf642", "/alarm") => json!({
            "alarmRaisedTime": "2026-01-01T00:00:00Z", "alarmType": "processingErrorAlarm",
            "alarmedObject": { "id": "conformance" }, "perceivedSeverity": "minor", "state": "raised",
            "probableCause": "thresholdCrossed", "sourceSystemId": name,
        }),
        ("tmf629", "/customer") => json!({
            "name": name, "engagedParty": { "id": "conformance", "@referredType": "Individual" },
        }),
        _ => return None,
    })
}

/// The text of an entry that anybody may change.
fn words(api: &str) -> &'static str {
    if api == "tmf642" { "alarmDetails" } else { "description" }
}

/// Makes, changes and takes away an entry of a collection, as far as the file declares it.
pub async fn run(checks: &mut Checks<'_>, client: &Client, path: &str, any: bool) {
    let api = client.api();
    let one = format!("{path}/{{id}}");
    let declared = |method: Method, at: &str| api.declares(method.as_str(), at);
    let Some(body) = least(api.name, path).filter(|_| declared(Method::POST, path)) else { return };
    let clause = |what: &str| format!("{} {what}", api.title());
    let made = checks
        .check(
            format!("{path}: POST makes an entry: 201, Location, shown as it was given"),
            clause("create"),
            async { created(client, path, &body).await },
        )
        .await;
    if api.name == "tmf629" {
        life(checks, client, &made).await;
        return;
    }
    let title = format!("{path}: what was made is found by its id, and in the list");
    let found = checks.check(title, clause("retrieve"), async {
        let made = needs(&made)?;
        let read = client.get(&at(path, made)?).await?.must_be(&[200])?.json()?;
        for name in body.as_object().into_iter().flat_map(|b| b.keys()) {
            hold!(read[name] == made[name], "{name} is {}", read[name]);
        }
        let id = text(made, "id")?;
        let all = listed(client, &format!("{path}?id={id}")).await?;
        hold!(all.iter().any(|e| e["id"] == made["id"]), "the list by its id has {} others", all.len());
        Ok(())
    });
    found.await;
    let title = format!("{path}: an id that is taken is 409");
    let taken = checks.promise(title, clause("create"), async {
        if api.name == "tmf642" {
            return Err(Stop::Skipped("the owning system gives the ids of alarms".into()));
        }
        let mut again = body.clone();
        again["id"] = needs(&made)?["id"].clone();
        refused(client.post(path, &again).await?, 409, &[], any).map(drop)
    });
    taken.await;
    let title = format!("{path}: a repeat under an Idempotency-Key makes nothing new; other content is 409");
    let repeated = checks.promise(title, "Telvisor idempotency", repeat(client, path, &body, any));
    repeated.await;
    if declared(Method::PATCH, &one) {
        patches(checks, client, path, &made, any).await;
    }
    if declared(Method::DELETE, &one) {
        let title = format!("{path}: DELETE takes an entry away: 204, then 404");
        let gone = checks.check(title, clause("delete"), async {
            let target = at(path, needs(&made)?)?;
            let stale = [("if-match", "\"another\"")];
            if !any {
                client.send(Method::DELETE, &target, &stale, None).await?.must_be(&[412])?;
            }
            client.delete(&target).await?.must_be(&[204])?;
            refused(client.get(&target).await?, 404, &[], any)?;
            refused(client.delete(&target).await?, 404, &[], any).map(drop)
        });
        gone.await;
    }
    let title = format!("{path}: what the API itself tells is not changed or deleted here: 409");
    let generated = checks.promise(title, clause("update"), async {
        let all = listed(client, path).await?;
        let theirs = |e: &&Value| {
            let marked =
                |list: &Value| list.as_array().is_some_and(|l| l.iter().any(|c| c["name"] == "recordOnly"));
            if api.name == "tmf642" {
                return e["sourceSystemId"] == "telvisor" && e["state"] != "cleared";
            }
            !e.as_object().is_some_and(|e| e.values().any(marked)) && e["name"] != body["name"]
        };
        let Some(entry) = all.iter().find(theirs) else {
            return Err(Stop::Skipped(format!("{path} holds nothing but what clients made; seed it")));
        };
        let target = at(path, entry)?;
        let change = json!({ (words(api.name)): "conformance" }).to_string().into_bytes();
        let answer = client.send(Method::PATCH, &target, &[], Some(change)).await?;
        refused(answer, 409, &[], any)?;
        refused(client.delete(&target).await?, 409, &[], any).map(drop)
    });
    generated.await;
}

/// Address of an entry below the base.
fn at(path: &str, entry: &Value) -> Held<String> {
    Ok(format!("{path}/{}", text(entry, "id")?))
}

/// POSTs an entry, which must be shown as it was given.
async fn created(client: &Client, path: &str, body: &Value) -> Held<Value> {
    let answer = client.post(path, body).await?.must_be(&[201])?;
    let made = answer.json()?;
    let target = at(path, &made)?;
    let location = answer.header("location").unwrap_or_default();
    hold!(location.ends_with(&target), "Location is {location:?}");
    for (name, value) in body.as_object().into_iter().flatten() {
        let shown = &made[name];
        let same = match value {
            Value::Object(members) => members.iter().all(|(member, v)| shown[member] == *v),
            value => shown == value,
        };
        hold!(same, "{name} is {shown}, given was {value}");
    }
    Ok(made)
}

async fn repeat(client: &Client, path: &str, body: &Value, any: bool) -> Held {
    let key = new_id().to_string();
    let headers = [("idempotency-key", key.as_str())];
    let send = async |body: &Value| {
        client.send(Method::POST, path, &headers, Some(body.to_string().into_bytes())).await
    };
    let first = send(body).await?.must_be(&[201])?.json()?;
    let again = send(body).await?.must_be(&[201])?;
    let says = again.header("idempotency-replayed");
    hold!(says == Some("true"), "Idempotency-Replayed is {says:?}");
    let again = again.json()?;
    hold!(again["id"] == first["id"], "the repeat made {}", again["id"]);
    let mut other = body.clone();
    other[words(client.api().name)] = "other content".into();
    refused(send(&other).await?, 409, &[], any)?;
    client.delete(&at(path, &first)?).await?.must_be(&[204]).map(drop)
}

/// PATCH by each media type, on conditions, and of what cannot be changed.
async fn patches(checks: &mut Checks<'_>, client: &Client, path: &str, made: &Option<Value>, any: bool) {
    let patch = async |kind: &str, body: &Value, more: &[(&str, &str)]| {
        let target = at(path, needs(made)?)?;
        let headers: Vec<(&str, &str)> =
            [("content-type", kind)].into_iter().chain(more.iter().copied()).collect();
        client.send(Method::PATCH, &target, &headers, Some(body.to_string().into_bytes())).await
    };
    let text = words(client.api().name);
    let read = async || client.get(&at(path, needs(made)?)?).await?.must_be(&[200])?.json();
    let operation = |value: &str| json!([{ "op": "add", "path": format!("/{text}"), "value": value }]);
    for (kind, body, wanted) in [
        ("application/json", json!({ text: "changed" }), "changed"),
        ("application/merge-patch+json", json!({ text: "merged" }), "merged"),
        ("application/json-patch+json", operation("patched"), "patched"),
        ("application/json-patch-query+json", operation("queried"), "queried"),
    ] {
        let title = format!("{path}: PATCH by {kind} is kept, the rest stays");
        let check = checks.check(title, PATCHING, async {
            let before = read().await?;
            let answer = patch(kind, &body, &[]).await?;
            if answer.status == 415 && any && kind != "application/json" {
                let why = "the server does not take it, which is its right in version 4";
                return Err(Stop::Skipped(why.into()));
            }
            let mut after = answer.must_be(&[200])?.json()?;
            hold!(after[text] == wanted, "{text} is {}", after[text]);
            let now = read().await?;
            hold!(now == after, "a later read shows {now}");
            let mut expected = before;
            expected[text] = wanted.into();
            // A server may say when an entry was changed.
            for entry in [&mut after, &mut expected] {
                for time in ["lastUpdate", "alarmChangedTime"] {
                    entry.as_object_mut().map(|members| members.remove(time));
                }
            }
            hold!(after == expected, "more than the text changed: {after}");
            Ok(())
        });
        check.await;
    }
    let title = format!("{path}: PATCH of id or href is 400, and changes nothing");
    let fixed = checks.promise(title, PATCHING, async {
        let before = read().await?;
        for name in ["id", "href"] {
            let answer = patch("application/json", &json!({ name: "other" }), &[]).await?;
            refused(answer, 400, &[name], any)?;
        }
        hold!(read().await? == before, "it changed all the same");
        Ok(())
    });
    fixed.await;
    let title = format!("{path}: PATCH of a wrong type is 400 and names the member");
    let wrong = checks.check(title, PATCHING, async {
        let answer = patch("application/json", &json!({ text: 5 }), &[]).await?;
        refused(answer, 400, &[text], any).map(drop)
    });
    wrong.await;
    let title = format!("{path}: PATCH with If-Match: 200 on what was read, 412 on an older state");
    let conditional = checks.promise(title, CONDITIONAL, async {
        let answer = client.get(&at(path, needs(made)?)?).await?.must_be(&[200])?;
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        hold!(!tag.is_empty(), "GET has no ETag: {answer}");
        let matching = [("if-match", tag.as_str())];
        let change = |to: &str| json!({ text: to });
        patch("application/json", &change("on what was read"), &matching).await?.must_be(&[200])?;
        patch("application/json", &change("on an older state"), &matching).await?.must_be(&[412])?;
        hold!(read().await?[text] == "on what was read", "it changed all the same");
        Ok(())
    });
    conditional.await;
}

/// TMF629: a customer from its creation to its end, each step by an order.
async fn life(checks: &mut Checks<'_>, client: &Client, made: &Option<Value>) {
    const PATH: &str = "/customer";
    let clause = format!("{} status", client.api().title());
    let becomes = async |status: &str| {
        let began = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        loop {
            looks.tick().await;
            let now = client.get(&at(PATH, needs(made)?)?).await?.must_be(&[200])?.json()?;
            if now["status"] == status {
                return Held::Ok(now);
            }
            hold!(began.elapsed() < LONGEST, "status is {} and not {status}", now["status"]);
        }
    };
    let named = |answer: &super::client::Answer| {
        let link = answer.header("link").unwrap_or_default();
        hold!(link.contains("rel=\"related\""), "the Link header names no order: {link:?}");
        Ok(())
    };
    let patch = async |body: Value| {
        let target = at(PATH, needs(made)?)?;
        client.send(Method::PATCH, &target, &[], Some(body.to_string().into_bytes())).await?.must_be(&[200])
    };
    let active = checks.promise("/customer: one that was made becomes active", clause.clone(), async {
        hold!(needs(made)?["status"] == "pending", "it was shown as {}", needs(made)?["status"]);
        becomes("active").await
    });
    active.await;
    let title = "/customer: PATCH of the name changes it and nothing else";
    let renamed = checks.check(title, PATCHING, async {
        let before = client.get(&at(PATH, needs(made)?)?).await?.must_be(&[200])?.json()?;
        let after = patch(json!({ "name": "conformance renamed" })).await?.json()?;
        hold!(after["name"] == "conformance renamed", "name is {}", after["name"]);
        for name in ["id", "href", "status", "engagedParty"] {
            hold!(after[name] == before[name], "{name} changed to {}", after[name]);
        }
        Ok(())
    });
    renamed.await;
    for (status, before) in [("suspended", "active"), ("active", "suspended")] {
        let title = format!("/customer: PATCH of status {status} places an order, which brings it there");
        let moved = checks.promise(title, clause.clone(), async {
            let answer = patch(json!({ "status": status })).await?;
            named(&answer)?;
            let shown = answer.json()?;
            // The order may be done before the answer is made.
            let either = shown["status"] == before || shown["status"] == status;
            hold!(either, "it answers {}", shown["status"]);
            becomes(status).await
        });
        moved.await;
    }
    let title = "/customer: a status that nobody can be brought to is 400 or 409";
    let wrong = checks.promise(title, clause.clone(), async {
        let target = at(PATH, needs(made)?)?;
        for status in ["pending", "sleeping"] {
            let body = json!({ "status": status }).to_string().into_bytes();
            let answer = client.send(Method::PATCH, &target, &[], Some(body)).await?;
            hold!(matches!(answer.status, 400 | 409), "{status}: {answer}");
        }
        Ok(())
    });
    wrong.await;
    let title = "/customer: DELETE ends it by an order: 204; the entry stays readable, terminated";
    let ended = checks.promise(title, format!("{} delete", client.api().title()), async {
        let answer = client.delete(&at(PATH, needs(made)?)?).await?.must_be(&[204])?;
        named(&answer)?;
        becomes("terminated").await
    });
    if ended.await.is_none()
        && let Some(made) = made
        && let Ok(target) = at(PATH, made)
    {
        // Another implementation: it is taken away as its file has it.
        drop(client.delete(&target).await);
    }
}
