//! What version 5 adds: `fields` on POST, drafts of product orders, changes of a service by JSON patch.

use serde_json::{Value, json};

use super::bench::{Bench, plain_members, text};
use crate::conformance::check::{Checks, hold, needs};
use crate::conformance::client::with_query;
use crate::conformance::official::Api;

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("v5");
    let fields =
        checks.check("POST: ?fields= gives the chosen members", "TMF630 4.3 attribute selection", async {
            let target = with_query(&b.orders(), &[("fields", "state")]);
            let order = b.client.post(&target, &b.stock()).await?.must_be(&[201])?.json()?;
            let members = plain_members(&order);
            hold!(members.contains(&"state") && !members.contains(&b.words.items), "members are {members:?}");
            Ok(())
        });
    fields.await;
    let typed = checks.check("every object of an order says its @type", b.clause("retrieve"), async {
        let order = b.place(&b.patient(json!({}))).await?;
        let untyped = untyped(&order, "order");
        hold!(untyped.is_empty(), "without @type: {}", untyped.join(", "));
        b.client.post(&b.cancels(), &b.cancel_of(&order)).await?.must_be(&[201, 202]).map(drop)
    });
    typed.await;
    both_versions(checks, b).await;
    if b.is_tmf641() {
        modify_path(checks, b).await;
    } else {
        drafts(checks, b).await;
    }
}

/// Objects that lack `@type`, by their paths.
fn untyped(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = (!members.contains_key("@type")).then(|| path.to_owned());
            let below = members.iter().flat_map(|(name, value)| untyped(value, &format!("{path}.{name}")));
            own.into_iter().chain(below).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(n, value)| untyped(value, &format!("{path}[{n}]"))).collect()
        }
        _ => vec![],
    }
}

async fn both_versions(checks: &mut Checks<'_>, b: &Bench) {
    let title = "an order of version 5 is read by version 4 under the same id";
    let read = checks.promise(title, "Telvisor: one order, two versions", async {
        let order = b.place(&b.stock()).await?;
        let older = older(b);
        let seen = older.get(&b.at(text(&order, "id")?)).await?.must_be(&[200])?.json()?;
        hold!(seen["id"] == order["id"] && seen["state"] == order["state"], "version 4 shows {seen}");
        hold!(text(&seen, "href")?.contains("/v4/"), "href of version 4 is {}", seen["href"]);
        Ok(())
    });
    read.await;
}

/// Version 4 of the same API on the same server.
fn older(b: &Bench) -> crate::conformance::client::Client {
    let api = Api::named(b.api.name, 4).unwrap_or(b.api);
    let server = b.client.base.strip_suffix(b.api.base).unwrap_or(&b.client.base);
    b.client.of(api, &format!("{server}{}", api.base))
}

async fn modify_path(checks: &mut Checks<'_>, b: &Bench) {
    let clause = b.clause("modifyPath");
    let patch = |path: &str| {
        json!([b.typed("JsonPatch", json!({ "op": "replace", "path": path, "value": "inactive" }))])
    };
    let add = checks.check("modifyPath of an item that adds is 400", clause.clone(), async {
        let mut item = b.stock_item();
        item["modifyPath"] = patch("/state");
        b.refuses(&b.order(&[item], json!({})), 400, &[b.words.items, "0", "modifyPath"]).await
    });
    add.await;
}

async fn drafts(checks: &mut Checks<'_>, b: &Bench) {
    let clause = b.clause("drafts");
    let placed = checks.check("requestedInitialState draft makes a draft", clause.clone(), async {
        let order = b.place(&b.stock_with(json!({ "requestedInitialState": "draft" }))).await?;
        hold!(order["state"] == "draft", "state is {}", order["state"]);
        Ok(order)
    });
    let draft = placed.await;
    let hidden = checks.promise("a draft does not exist for version 4", clause.clone(), async {
        let answer = older(b).get(&b.at(text(needs(&draft)?, "id")?)).await?;
        b.refused(answer, 404, &[]).map(drop)
    });
    hidden.await;
    let changed = checks.check("a draft may be changed freely", clause.clone(), async {
        let draft = needs(&draft)?;
        let body = b.typed_order(json!({ "description": "drafted", "category": "drafts" }));
        let after = b.order_in(&b.patch(draft, &body).await?.must_be(&[200])?)?;
        hold!(after["category"] == "drafts" && after["state"] == "draft", "it is {after}");
        Ok(())
    });
    changed.await;
    let submitted =
        checks.check("a draft is submitted by PATCH of its state to acknowledged", clause.clone(), async {
            let draft = needs(&draft)?;
            let answer = b.patch(draft, &b.typed_order(json!({ "state": "acknowledged" }))).await?;
            answer.must_be(&[200, 202])?;
            let order = b.read(draft).await?;
            hold!(order["state"] != "draft", "it is a draft still");
            Ok(())
        });
    submitted.await;
    let deleted = checks.check("a draft may be deleted", clause, async {
        let order = b.place(&b.stock_with(json!({ "requestedInitialState": "draft" }))).await?;
        let target = b.at(text(&order, "id")?);
        b.client.delete(&target).await?.must_be(&[202, 204])?;
        b.refused(b.client.get(&target).await?, 404, &[]).map(drop)
    });
    deleted.await;
}
