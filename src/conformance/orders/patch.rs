//! PATCH and DELETE of an order.

use reqwest::Method;
use serde_json::{Value, json};

use super::bench::{Bench, refused, text};
use crate::clock::new_id;
use crate::conformance::check::{Checks, Held, Stop, hold, needs};

const PATCHING: &str = "TMF630 3.2 partial update";
const CONDITIONAL: &str = "RFC 9110 conditional requests";

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("patch");
    let placed = checks.check("an order that nothing moves is accepted", b.clause("create"), async {
        b.place(&b.patient(json!({ "description": "later" }))).await
    });
    let order = placed.await;
    plain(checks, b, &order).await;
    types(checks, b, &order).await;
    conditional(checks, b, &order).await;
    deletion(checks, b, &order).await;
}

async fn plain(checks: &mut Checks<'_>, b: &Bench, order: &Option<Value>) {
    let later = checks.promise("an order for a later date stays acknowledged", b.clause("states"), async {
        let order = needs(order)?;
        hold!(order["state"] == "acknowledged", "state is {}", order["state"]);
        let date = &order["requestedStartDate"];
        hold!(date == "2099-01-01T00:00:00Z", "requestedStartDate is {date}");
        Ok(())
    });
    later.await;
    let kept = checks.check("PATCH: a new description is kept, the rest stays", PATCHING, async {
        let before = needs(order)?;
        let answer = b.patch(before, &b.typed_order(json!({ "description": "changed" }))).await?;
        let after = b.order_in(&answer.must_be(&[200])?)?;
        hold!(after["description"] == "changed", "description is {}", after["description"]);
        hold!(b.read(before).await?["description"] == "changed", "a later read does not show it");
        for name in ["id", "href", b.words.date, "state"] {
            hold!(after[name] == before[name], "{name} changed to {}", after[name]);
        }
        Ok(())
    });
    kept.await;
    let title = "PATCH: its own state is accepted, another is 409 and names the cancel resource";
    let state = checks.promise(title, b.clause("states"), async {
        let order = needs(order)?;
        b.patch(order, &b.typed_order(json!({ "state": order["state"] }))).await?.must_be(&[200])?;
        for state in ["cancelled", "inProgress"] {
            let answer = b.patch(order, &b.typed_order(json!({ "state": state }))).await?;
            let body = b.refused(answer, 409, &[])?;
            hold!(body.to_string().contains(b.words.cancel), "does not name the cancel resource: {body}");
        }
        hold!(b.read(order).await?["state"] == order["state"], "the state changed all the same");
        Ok(())
    });
    state.await;
    let title = "PATCH: members that cannot be changed are 400, unless equal to what is there";
    let fixed = checks.promise(title, PATCHING, async {
        let (order, date) = (needs(order)?, b.words.date);
        let same = json!({ "id": order["id"], date: order[date], "href": order["href"] });
        b.patch(order, &b.typed_order(same)).await?.must_be(&[200])?;
        let moment = "2001-01-01T00:00:00Z";
        let mut wrong = vec![("id", "other"), (date, moment)];
        if b.is_tmf641() && !b.is_v5() {
            wrong.extend([("category", "other"), ("startDate", moment)]);
        }
        for (name, value) in wrong {
            b.refused(b.patch(order, &b.typed_order(json!({ name: value }))).await?, 400, &[name])?;
        }
        Ok(())
    });
    fixed.await;
    let title = "PATCH: wrong types and malformed JSON are 400, another media type 415, an unknown id 404";
    let wrong = checks.check(title, PATCHING, async {
        let order = needs(order)?;
        b.refused(b.patch(order, &b.typed_order(json!({ "description": 5 }))).await?, 400, &["description"])?;
        for body in ["", "{", "[]", "null"] {
            let answer = b.patch_as(order, "application/json", body.into(), &[]).await?;
            b.refused(answer, 400, &[])?;
        }
        b.refused(b.patch_as(order, "text/plain", b"{}".to_vec(), &[]).await?, 415, &[])?;
        let nobody = json!({ "id": new_id().to_string() });
        b.refused(b.patch(&nobody, &b.typed_order(json!({ "description": "x" }))).await?, 404, &[]).map(drop)
    });
    wrong.await;
}

/// The media types of a patch; version 4 of the official files declares none but `application/json`.
async fn types(checks: &mut Checks<'_>, b: &Bench, order: &Option<Value>) {
    let operation = |op: &str, value: &str| json!([{ "op": op, "path": "/description", "value": value }]);
    for (kind, body, wanted) in [
        ("application/merge-patch+json", b.typed_order(json!({ "description": "merged" })), "merged"),
        ("application/json-patch+json", operation("replace", "patched"), "patched"),
        ("application/json-patch-query+json", operation("replace", "queried"), "queried"),
    ] {
        let check = checks.check(format!("PATCH: {kind} is taken"), PATCHING, async {
            let order = needs(order)?;
            let answer = b.patch_as(order, kind, body.to_string().into_bytes(), &[]).await?;
            if answer.status == 415 && b.any_implementation && !b.is_v5() {
                return Err(Stop::Skipped(
                    "the server does not take it, which is its right in version 4".into(),
                ));
            }
            let after = b.order_in(&answer.must_be(&[200])?)?;
            hold!(after["description"] == wanted, "description is {}", after["description"]);
            let read = b.read(order).await?;
            hold!(read["description"] == wanted, "a later read shows {}", read["description"]);
            Ok(())
        });
        check.await;
    }
    let title = "PATCH: null of a merge patch takes a member away";
    let null = checks.promise(title, "RFC 7396 merge patch", async {
        let order = needs(order)?;
        let body = b.typed_order(json!({ "description": null })).to_string().into_bytes();
        b.patch_as(order, "application/merge-patch+json", body, &[]).await?.must_be(&[200])?;
        let read = b.read(order).await?;
        hold!(read.get("description").is_none(), "description is {}", read["description"]);
        b.patch(order, &b.typed_order(json!({ "description": "back" }))).await?.must_be(&[200]).map(drop)
    });
    null.await;
    let title = "PATCH: a JSON patch whose test does not hold changes nothing";
    let tested = checks.promise(title, "RFC 6902 JSON patch", async {
        let order = needs(order)?;
        let before = b.read(order).await?;
        let body = json!([
            { "op": "replace", "path": "/description", "value": "half" },
            { "op": "test", "path": "/description", "value": "something else" },
        ]);
        let answer =
            b.patch_as(order, "application/json-patch+json", body.to_string().into_bytes(), &[]).await?;
        hold!([400, 409].contains(&answer.status), "expected 400 or 409: {answer}");
        answer.json()?;
        let after = b.read(order).await?;
        hold!(after["description"] == before["description"], "description is {}", after["description"]);
        Ok(())
    });
    tested.await;
    let accept = checks.promise(
        "PATCH: 415 names the types that are taken in Accept-Patch",
        "RFC 5789 PATCH",
        async {
            let answer =
                b.patch_as(needs(order)?, "text/plain", b"{}".to_vec(), &[]).await?.must_be(&[415])?;
            let taken = answer.header("accept-patch").unwrap_or_default();
            hold!(
                taken.contains("merge-patch+json") && taken.contains("json-patch+json"),
                "Accept-Patch is {taken:?}"
            );
            Ok(())
        },
    );
    accept.await;
}

async fn conditional(checks: &mut Checks<'_>, b: &Bench, order: &Option<Value>) {
    let tag = async |order: &Value| -> Held<String> {
        let answer = b.client.get(&b.at(text(order, "id")?)).await?.must_be(&[200])?;
        match answer.header("etag") {
            Some(tag) => Ok(tag.to_owned()),
            None if b.any_implementation => Err(Stop::Skipped("the server sends no ETag".into())),
            None => Err(Stop::Failed(format!("no ETag: {answer}"))),
        }
    };
    let lost = checks.check("PATCH: If-Match with the tag of an older state is 412", CONDITIONAL, async {
        let order = needs(order)?;
        let before = tag(order).await?;
        let change = |words: &str| b.typed_order(json!({ "description": words })).to_string().into_bytes();
        let first = b.patch_as(order, "application/json", change("first"), &[("if-match", &before)]).await?;
        first.must_be(&[200])?;
        hold!(tag(order).await? != before, "the tag is the same after a change");
        let second =
            b.patch_as(order, "application/json", change("second"), &[("if-match", &before)]).await?;
        refused(second, 412, &[], b.any_implementation)?;
        let read = b.read(order).await?;
        hold!(read["description"] == "first", "the second change was made: {}", read["description"]);
        Ok(())
    });
    lost.await;
}

async fn deletion(checks: &mut Checks<'_>, b: &Bench, order: &Option<Value>) {
    let live = checks.promise("DELETE: an order that has not ended is 409", b.clause("delete"), async {
        let order = needs(order)?;
        b.refused(b.client.delete(&b.at(text(order, "id")?)).await?, 409, &[])?;
        b.read(order).await.map(drop)
    });
    live.await;
    let ended =
        checks.promise("DELETE: an order that has ended is 204, then 404", b.clause("delete"), async {
            let order = b.place(&b.stock()).await?;
            let target = b.at(text(&order, "id")?);
            let gone = b.client.delete(&target).await?.must_be(&[202, 204])?;
            hold!(gone.body.is_empty(), "a body under {}: {gone}", gone.status);
            b.refused(b.client.get(&target).await?, 404, &[])?;
            b.refused(b.client.delete(&target).await?, 404, &[])?;
            let found = b.list(&[("id", text(&order, "id")?)]).await?;
            hold!(found.is_empty(), "it is still in the list");
            Ok(())
        });
    ended.await;
    let unknown = checks.check("DELETE: an unknown id is 404", b.clause("delete"), async {
        let target = b.at(&new_id().to_string());
        b.refused(b.client.send(Method::DELETE, &target, &[], None).await?, 404, &[]).map(drop)
    });
    unknown.await;
    let end = checks.promise("the order is cancelled in the end", b.clause("cancel"), async {
        b.client.post(&b.cancels(), &b.cancel_of(needs(order)?)).await?.must_be(&[201])?;
        b.ends(needs(order)?, &["cancelled"]).await.map(drop)
    });
    end.await;
}
