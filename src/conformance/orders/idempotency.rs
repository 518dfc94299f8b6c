//! Sending an order twice.

use serde_json::{Value, json};

use super::bench::{Bench, ids, text};
use crate::conformance::check::{Checks, Held, hold};
use crate::conformance::client::Headers;
use reqwest::Method;

const CLAUSE: &str = "Telvisor: idempotency";

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("idempotency");
    let number = format!("once-{}", b.run);
    let title = "the same external id with the same content is the same order, with other content 409";
    let external = checks.promise(title, CLAUSE, async {
        let order = replay(b, &b.external(&number), &[]).await?;
        let found = b.list(&[(b.by_external(), &number)]).await?;
        hold!(ids(&found) == [text(&order, "id")?], "found {}", found.len());
        Ok(())
    });
    external.await;
    let key = format!("key-{}", b.run);
    let header = checks.promise("an Idempotency-Key does the same", CLAUSE, async {
        replay(b, &json!({}), &[("idempotency-key", &key)]).await.map(drop)
    });
    header.await;
    let without = checks.promise("without a key, equal bodies are two orders", CLAUSE, async {
        let (one, other) = (b.place(&b.stock()).await?, b.place(&b.stock()).await?);
        hold!(one["id"] != other["id"], "the same order twice");
        Ok(())
    });
    without.await;
    let refused = checks.promise("a refused order does not use its key up", CLAUSE, async {
        let external = b.external(&format!("refused-{}", b.run));
        let destroy = b.item("destroy", "1", json!({}));
        b.refuses(&b.order(&[destroy], external.clone()), 400, &[]).await?;
        b.place(&b.stock_with(external)).await.map(drop)
    });
    refused.await;
    let title = "400: an external id of more than 255 characters or with control characters";
    let long = checks.promise(title, CLAUSE, async {
        b.place(&b.stock_with(b.external(&format!("{:x<255}", b.run)))).await?;
        for bad in ["x".repeat(256), "a\nb".into(), "a\0b".into()] {
            let member = if b.is_v5() && b.is_tmf641() { "externalReference" } else { "externalId" };
            b.refuses(&b.stock_with(b.external(&bad)), 400, &[member]).await?;
        }
        Ok(())
    });
    long.await;
}

/// Places one order twice, the second time written otherwise, and again with other content.
async fn replay(b: &Bench, members: &Value, headers: Headers<'_>) -> Held<Value> {
    let mut body = b.stock_with(members.clone());
    body["description"] = "once".into();
    let send =
        async |text: String| b.client.send(Method::POST, &b.orders(), headers, Some(text.into_bytes())).await;
    let first = send(body.to_string()).await?.must_be(&[201])?;
    hold!(first.header("idempotency-replayed").is_none(), "the first is called a replay: {first}");
    let again = send(reversed(&body)).await?.must_be(&[201])?;
    let (order, same) = (b.order_in(&first)?, b.order_in(&again)?);
    hold!(order["id"] == same["id"], "a repeat made another order: {again}");
    hold!(first.header("location") == again.header("location"), "another Location: {again}");
    let replayed = again.header("idempotency-replayed");
    hold!(replayed == Some("true"), "Idempotency-Replayed is {replayed:?}: {again}");
    body["description"] = "twice".into();
    b.refused(send(body.to_string()).await?, 409, &[])?;
    Ok(order)
}

/// The same content with the members the other way round, and with blanks.
fn reversed(body: &Value) -> String {
    let members = body.as_object().into_iter().flatten();
    let members: Vec<_> = members.map(|(name, value)| format!("  {} : {value:#}", json!(name))).collect();
    format!("{{\n{}\n}}", members.into_iter().rev().collect::<Vec<_>>().join(",\n"))
}
