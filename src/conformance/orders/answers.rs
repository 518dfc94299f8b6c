//! Headers of an answer, what a client may not set, and wrong requests.

use reqwest::Method;
use serde_json::{Value, json};

use super::bench::{Bench, text};
use crate::clock::new_id;
use crate::conformance::check::{Checks, Stop, hold};

const CREATE: &str = "TMF630 1.8 create";
const ERRORS: &str = "TMF630 3.4 error body";

pub async fn refusals(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("refusals");
    malformed(checks, b).await;
    wrong_members(checks, b).await;
    protocol(checks, b).await;
    foreign(checks, b).await;
}

pub async fn accepted(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("answers");
    let w = &b.words;
    let location =
        checks.check("POST: Location is the absolute href and leads to the order", CREATE, async {
            let answer = b.client.post(&b.orders(), &b.stock()).await?.must_be(&[201])?;
            let order = b.order_in(&answer)?;
            let href = text(&order, "href")?;
            let location = answer.header("location");
            hold!(location == Some(href), "Location is {location:?}, href {href}");
            hold!(
                href.starts_with("http://") || href.starts_with("https://"),
                "href is not absolute: {href}"
            );
            let right = format!("{}{}", b.client.base, b.at(text(&order, "id")?));
            hold!(href == right, "href is not where it was asked: {href}, not {right}");
            b.read(&order).await.map(drop)
        });
    location.await;
    let ignored = checks.promise("POST: members that the server sets are ignored", b.clause("create"), async {
        let mine = json!({
            "href": "http://mine/", "state": "completed", w.date: "2001-01-01T00:00:00Z", "unheardOf": { "a": 1 },
        });
        let order = b.place(&b.stock_with(mine.clone())).await?;
        for name in ["href", "state", w.date] {
            hold!(order[name] != mine[name], "{name} was taken over");
        }
        hold!(order.get("unheardOf").is_none(), "an unknown member was kept");
        if !b.is_v5() {
            let order = b.place(&b.stock_with(json!({ "id": "mine" }))).await?;
            hold!(order["id"] != "mine", "id was taken over");
        }
        Ok(())
    });
    ignored.await;
    let title = "POST: an order that names nothing to do ends rejected, with the reason";
    let rejected = checks.promise(title, b.clause("states"), async {
        let order = b.place(&b.stock()).await?;
        hold!(order["state"] == "rejected", "the 201 shows {}", order["state"]);
        let shown = order.to_string();
        // TMF622 v4 has no member for it but notes.
        hold!(shown.contains("rrorMessage") || shown.contains("note"), "no reason is shown: {shown}");
        Ok(())
    });
    rejected.await;
    let title = format!("POST: a client may not choose {}.id of an add", w.thing);
    let chosen = checks.promise(title, b.clause("create"), async {
        let item = b.item("add", "1", json!({ "id": "chosen" }));
        b.refuses(&b.order(&[item], json!({})), 400, &[w.items, "0", w.thing, "id"]).await
    });
    chosen.await;
}

async fn malformed(checks: &mut Checks<'_>, b: &Bench) {
    let bodies = |list: &[&[u8]]| list.iter().map(|body| body.to_vec()).collect::<Vec<_>>();
    let unclosed = format!("{{\"{}\":[", b.words.items);
    let unopened = format!("{{\"{}\":[]}}}}", b.words.items);
    let mut utf8 = b"{\"description\":\"".to_vec();
    utf8.extend(b"\xff\"}");
    let wrong = [
        (
            "malformed JSON",
            bodies(&[b"", b"{", unclosed.as_bytes(), b"not json", unopened.as_bytes(), b"\0"]),
        ),
        ("invalid UTF-8", vec![utf8]),
        ("JSON that is no object", bodies(&[b"[]", b"null", b"\"order\"", b"1"])),
    ];
    for (what, bodies) in wrong {
        let check = checks.check(format!("400: {what}"), ERRORS, async {
            for body in bodies {
                let answer = b.client.send(Method::POST, &b.orders(), &[], Some(body)).await?;
                b.refused(answer, 400, &[])?;
            }
            Ok(())
        });
        check.await;
    }
}

/// Wrong or missing members, each with its path.
fn wrong(b: &Bench) -> Vec<(Vec<&'static str>, Value)> {
    let w = &b.words;
    let items = |list: Value| b.typed(&super::bench::capital(w.order), json!({ w.items: list }));
    let order = |members: Value| b.order(&[b.stock_item()], members);
    let without = |name: &str| {
        let mut item = b.stock_item();
        if let Some(item) = item.as_object_mut() {
            item.remove(name);
        }
        items(json!([item]))
    };
    let with = |name: &str, value: Value| {
        let mut item = b.stock_item();
        item[name] = value;
        items(json!([item]))
    };
    let mut list = vec![
        (vec![w.items], items(json!("none"))),
        (vec![w.items, "0"], items(json!([7]))),
        (vec![w.items, "0", "id"], with("id", json!(1))),
        (vec![w.items, "0", "id"], without("id")),
        (vec![w.items, "0", "action"], without("action")),
        (vec![w.items, "1", "action"], items(json!([b.stock_item(), b.item("destroy", "2", json!({}))]))),
        (
            vec![w.items, "0", w.thing, w.status],
            items(json!([b.item("add", "1", json!({ w.status: "asleep" }))])),
        ),
        (vec![w.items, "0", "quantity"], with("quantity", json!("many"))),
        (vec!["priority"], order(json!({ "priority": 1 }))),
        (vec!["requestedStartDate"], order(json!({ "requestedStartDate": "tomorrow" }))),
    ];
    if b.is_tmf641() {
        let specification = b.typed("ServiceSpecificationRef", json!({ "id": 7 }));
        let item = b.item("add", "1", json!({ "serviceSpecification": specification }));
        list.push((vec![w.items, "0", w.thing, "serviceSpecification", "id"], items(json!([item]))));
        list.push((vec![w.items, "0", w.thing], without(w.thing)));
    } else {
        let offering = b.typed("ProductOfferingRef", json!({ "id": 7 }));
        list.push((vec![w.items, "0", "productOffering", "id"], with("productOffering", offering)));
    }
    let mut party = b.party("x");
    if b.is_v5() {
        party["partyOrPartyRole"]["id"] = json!(5);
        list.push((
            vec!["relatedParty", "0", "partyOrPartyRole", "id"],
            order(json!({ "relatedParty": [party] })),
        ));
        let mut untyped = b.stock();
        if let Some(order) = untyped.as_object_mut() {
            order.remove("@type");
        }
        list.push((vec!["@type"], untyped));
    } else {
        party["id"] = json!(5);
        list.push((vec!["relatedParty", "0", "id"], order(json!({ "relatedParty": [party] }))));
    }
    list
}

async fn wrong_members(checks: &mut Checks<'_>, b: &Bench) {
    for (number, (path, body)) in wrong(b).into_iter().enumerate() {
        let title = format!("400: wrong or missing {} ({}), named by its path", path.join("."), number + 1);
        checks.check(title, b.clause("create"), b.refuses(&body, 400, &path)).await;
    }
}

/// What HTTP says about methods, media types and sizes.
async fn protocol(checks: &mut Checks<'_>, b: &Bench) {
    let stock = b.stock().to_string().into_bytes();
    let kind = checks.check("415: a body that is not JSON", "RFC 9110 content", async {
        for kind in ["text/plain", "application/xml"] {
            let headers = [("content-type", kind)];
            let answer = b.client.send(Method::POST, &b.orders(), &headers, Some(stock.clone())).await?;
            b.refused(answer, 415, &[])?;
        }
        Ok(())
    });
    kind.await;
    let title = "405: a method that the resource does not have, with Allow";
    let method = checks.check(title, "RFC 9110 methods", async {
        let one = b.at(&new_id().to_string());
        for (method, target) in
            [(Method::PUT, &b.orders()), (Method::DELETE, &b.orders()), (Method::POST, &one)]
        {
            let answer = b.client.send(method, target, &[], Some(b"{}".to_vec())).await?;
            let allow = answer.header("allow").unwrap_or_default().to_owned();
            b.refused(answer, 405, &[])?;
            hold!(allow.contains("GET"), "Allow is {allow:?} on {target}");
        }
        Ok(())
    });
    method.await;
    let accept = checks.promise("406: an answer that is not JSON is wanted", "RFC 9110 content", async {
        let answer = b.client.get_with(&b.orders(), &[("accept", "application/xml")]).await?;
        b.refused(answer, 406, &[]).map(drop)
    });
    accept.await;
    let large = checks.promise("413: a body of 16 MiB", "RFC 9110 content", async {
        b.refused(b.client.announce(&b.orders(), 16 << 20).await?, 413, &[]).map(drop)
    });
    large.await;
    let paths = checks.check("404: unknown paths have the error body, too", ERRORS, async {
        for target in [format!("{}s", b.orders()), format!("{}/a/b", b.orders())] {
            b.refused(b.client.get(&target).await?, 404, &[])?;
        }
        Ok(())
    });
    paths.await;
    let odd = checks.check("404: ids that cannot be", b.clause("retrieve"), async {
        let long = "0".repeat(2000);
        for id in ["not-a-uuid", "a%2Fb", "%27%20OR%201=1", &long, "%F0%9F%98%80"] {
            b.refused(b.client.get(&b.at(id)).await?, 404, &[])?;
        }
        Ok(())
    });
    odd.await;
}

async fn foreign(checks: &mut Checks<'_>, b: &Bench) {
    let title = "403: an open server refuses what a foreign web page could send";
    let foreign = checks.promise(title, "Telvisor: open servers", async {
        let host = b.client.host();
        if host != "localhost" && !host.starts_with("127.") {
            return Err(Stop::Skipped("the server is not on loopback".into()));
        }
        let stock = b.stock().to_string().into_bytes();
        for header in
            [("host", "evil.example"), ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")]
        {
            b.refused(b.client.get_with(&b.orders(), &[header]).await?, 403, &[])?;
            let posted = b.client.send(Method::POST, &b.orders(), &[header], Some(stock.clone())).await?;
            b.refused(posted, 403, &[])?;
        }
        Ok(())
    });
    foreign.await;
}
