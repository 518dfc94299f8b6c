//! Cancelling by a task.

use reqwest::Method;
use serde_json::{Value, json};

use super::bench::{Bench, capital, ids, listed, text, until};
use crate::clock::new_id;
use crate::conformance::check::{Checks, Held, hold, needs};

/// States that a task never leaves.
const ENDED: [&str; 4] = ["done", "cancelled", "rejected", "terminatedWithError"];

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("cancel");
    let clause = b.clause("cancel");
    let task = checks.promise("an order that has not begun is cancelled", clause.clone(), async {
        let order = b.place(&b.patient(json!({}))).await?;
        let task = cancel(b, &order).await?;
        let state = ended(b, &task).await?;
        hold!(state != "terminatedWithError" && state != "rejected", "the task ended {state}");
        let order = b.ends(&order, &["cancelled"]).await?;
        let reason = &order["cancellationReason"];
        hold!(reason == "changed mind", "the order's cancellationReason is {reason}");
        hold!(order["cancellationDate"].is_string(), "the order has no cancellationDate: {order}");
        Ok(task)
    });
    let task = task.await;
    let list = checks.promise("the task is in the list, and found by its id", clause.clone(), async {
        let id = text(needs(&task)?, "id")?;
        let tasks = listed(&b.client, &b.cancels()).await?;
        hold!(ids(&tasks).iter().any(|known| known == id), "the task is not in the list");
        let found = listed(&b.client, &format!("{}?id={id}", b.cancels())).await?;
        hold!(ids(&found) == [id], "?id= finds {:?}", ids(&found));
        Ok(())
    });
    list.await;
    let closed = checks.check("a task has no PATCH and no DELETE", clause.clone(), async {
        let id = task
            .as_ref()
            .map_or_else(|| new_id().to_string(), |task| task["id"].as_str().unwrap_or("x").into());
        let target = format!("{}/{id}", b.cancels());
        for method in [Method::PATCH, Method::DELETE] {
            b.refused(b.client.send(method, &target, &[], Some(b"{}".to_vec())).await?, 405, &[])?;
        }
        Ok(())
    });
    closed.await;
    let ended_order = checks.promise("an order in a final state keeps it", clause.clone(), async {
        let order = b.place(&b.stock()).await?;
        let answer = b.client.post(&b.cancels(), &b.cancel_of(&order)).await?.must_be(&[201, 409])?;
        if answer.status == 409 {
            b.refused(answer, 409, &[])?;
        } else {
            let state = ended(b, &answer.json()?).await?;
            hold!(state == "terminatedWithError" || state == "rejected", "the task ended {state}");
        }
        let state = b.read(&order).await?["state"].clone();
        hold!(state == order["state"], "the order's state is {state}");
        Ok(())
    });
    ended_order.await;
    let wrong =
        checks.check("without an order 400, of an unknown one 400, an unknown task 404", clause, async {
            let order = b.words.order;
            let body = |value: Value| b.typed(&capital(b.words.cancel), value);
            let unknown = b.cancel_of(&json!({ "id": new_id().to_string() }));
            // The official files declare no 404 for this POST of version 4.
            for wrong in [body(json!({})), body(json!({ order: {} })), unknown] {
                b.refused(b.client.post(&b.cancels(), &wrong).await?, 400, &[order])?;
            }
            b.refused(b.client.get(&format!("{}/{}", b.cancels(), new_id())).await?, 404, &[]).map(drop)
        });
    wrong.await;
}

/// Asks for a cancel; the task.
async fn cancel(b: &Bench, order: &Value) -> Held<Value> {
    let answer = b.client.post(&b.cancels(), &b.cancel_of(order)).await?.must_be(&[201])?;
    let task = answer.json()?;
    for name in ["id", "href", "state"] {
        text(&task, name)?;
    }
    hold!(task[b.words.order]["id"] == order["id"], "for another order: {answer}");
    hold!(task["cancellationReason"] == "changed mind", "the reason is not kept: {answer}");
    let location = answer.header("location");
    hold!(location == task["href"].as_str(), "Location is {location:?}: {answer}");
    Ok(task)
}

/// Waits for the end of a task; its last state.
async fn ended(b: &Bench, task: &Value) -> Held<String> {
    let target = format!("{}/{}", b.cancels(), text(task, "id")?);
    let look = until("the end of the cancel task", async || {
        let seen = b.client.get(&target).await?.must_be(&[200])?.json()?;
        let state = text(&seen, "state")?.to_owned();
        Ok(ENDED.contains(&state.as_str()).then_some(state))
    });
    look.await
}
