//! Record-only entries: written down, shown, changed, taken away, and nothing else.

use axum::http::Method;
use serde_json::{Value, json};

use super::{PRODUCTS, RESOURCES, RESOURCES_V5, SERVICES, SPECIFICATIONS, USAGES, ids, total, walk};
use crate::harness::{CRM, TestApp};

/// A list; the least body that it takes; a member to change with another value; where the mark stands.
pub fn kinds() -> [(&'static str, Value, &'static str, Value, &'static str); 6] {
    let named = |extra: Value| {
        let mut body = json!({ "name": "n" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    [
        (PRODUCTS, json!({ "status": "active" }), "status", json!("suspended"), "productCharacteristic"),
        (
            SERVICES,
            json!({ "state": "active", "serviceSpecification": { "id": "vpn" } }),
            "state",
            json!("inactive"),
            "serviceCharacteristic",
        ),
        (RESOURCES, named(json!({})), "resourceStatus", json!("alarm"), "resourceCharacteristic"),
        (
            RESOURCES_V5,
            named(json!({ "@type": "LogicalResource" })),
            "resourceStatus",
            json!("installed"),
            "resourceCharacteristic",
        ),
        (
            USAGES,
            json!({ "usageSpecification": { "id": "voice" } }),
            "status",
            json!("billed"),
            "usageCharacteristic",
        ),
        (SPECIFICATIONS, named(json!({})), "lifecycleStatus", json!("Retired"), "specCharacteristic"),
    ]
}

#[tokio::test]
async fn an_entry_is_written_shown_changed_and_taken_away() {
    let app = TestApp::new().await;
    for (list, body, member, other, marked) in kinds() {
        let before = total(&app.get(list).await);
        let answer = app.post(list, &body).await;
        let location = answer.headers["location"].to_str().unwrap().to_owned();
        let made = answer.expect(201);
        assert_eq!(made["href"], location.as_str());
        let path = location.strip_prefix("http://localhost:8080").unwrap();
        assert_eq!(path, format!("{list}/{}", made["id"].as_str().unwrap()));
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&made[name], value, "{list}: {name}");
        }
        let mark = |v: &Value| {
            let entries = v[marked].as_array().unwrap();
            entries.iter().filter(|c| c["name"] == "recordOnly").count()
        };
        assert_eq!(mark(&made), 1, "{made:#}");
        assert_eq!(app.get(path).await.expect(200), made);
        let listed = app.get(&format!("{list}?limit=100")).await;
        assert_eq!(total(&listed), before + 1);
        let listed = listed.expect(200);
        assert_eq!(listed.as_array().unwrap().iter().find(|v| v["id"] == made["id"]).unwrap(), &made);

        // The mark may be sent back, and may not be taken off.
        let changed = app.patch(path, &json!({ member: other, marked: made[marked] })).await.expect(200);
        assert_eq!((&changed[member], mark(&changed)), (&other, 1), "{changed:#}");
        assert_eq!(app.get(path).await.expect(200), changed);
        assert_eq!(
            app.patch(path, &json!({ marked: [] })).await.expect(200),
            changed,
            "nothing else stood there"
        );
        let by_state = if list == SPECIFICATIONS || list == RESOURCES_V5 { "name=n" } else { "" };
        let query = if by_state.is_empty() {
            format!("{member}={}", other.as_str().unwrap())
        } else {
            by_state.to_owned()
        };
        assert!(
            ids(&app.get(&format!("{list}?{query}")).await.expect(200)).contains(&text(&made["id"])),
            "{list}"
        );

        let operations =
            json!([{ "op": "replace", "path": format!("/{member}"), "value": body.get(member) }]);
        let operations = if body.get(member).is_some() {
            operations
        } else {
            json!([{ "op": "remove", "path": format!("/{member}") }])
        };
        let kind = [("content-type", "application/json-patch+json")];
        let patched = app.request(Method::PATCH, path, &kind, Some(operations.to_string().as_bytes())).await;
        let patched = patched.expect(200);
        if list != USAGES {
            assert_eq!(patched, made, "as it was");
        }

        let answer = app.delete(path).await;
        assert!(answer.octets.is_empty());
        answer.expect(204);
        app.get(path).await.expect(404);
        app.delete(path).await.expect(404);
        app.patch(path, &json!({ member: other })).await.expect(404);
        assert_eq!(total(&app.get(list).await), before);
    }
}

fn text(v: &Value) -> String {
    v.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_comes_from_elsewhere_keeps_its_id_and_all_that_was_said() {
    let app = TestApp::new().await;
    let body = json!({
        "id": "legacy:7", "status": "active", "name": "Old line", "startDate": "2019-05-01T00:00:00Z",
        "productOffering": { "id": "old.line", "name": "Line" }, "@type": "Line",
        "@schemaLocation": "http://schemas.example/line.json",
        "relatedParty": [{ "id": "P1", "role": "customer", "@referredType": "Individual" }],
        "productCharacteristic": [{ "name": "number", "value": "0171" }, { "name": "recordOnly", "value": "no" }],
        "colour": "red",
    });
    let made = app.post(PRODUCTS, &body).await.expect(201);
    for name in ["id", "name", "startDate", "productOffering", "@type", "@schemaLocation", "relatedParty"] {
        assert_eq!(made[name], body[name], "{name}");
    }
    assert_eq!(made.get("colour"), None, "what the file does not have is ignored");
    let marks = json!([
        { "name": "number", "value": "0171" }, { "name": "recordOnly", "valueType": "boolean", "value": true },
    ]);
    assert_eq!(made["productCharacteristic"], marks);
    for query in [
        "relatedParty.id=P1",
        "productOffering.id=old.line",
        "startDate=2019-05-01T00:00:00Z",
        "startDate.lt=2020-01-01T00:00:00Z&status=active",
        "id=legacy:7",
    ] {
        assert_eq!(ids(&app.get(&format!("{PRODUCTS}?{query}")).await.expect(200)), ["legacy:7"], "{query}");
    }
}

/// What was ordered and what was written down make one list.
#[tokio::test]
async fn lists_hold_both_newest_first() {
    let app = TestApp::new().await;
    let mut services = vec![];
    for n in 0..3 {
        let customer = format!("C{n}");
        app.customer(&customer).await;
        let s = app.provision(&customer, CRM, "solo", None).await;
        app.clock.advance(chrono::TimeDelta::seconds(1));
        for (list, body, ..) in kinds() {
            let made = app.post(list, &body).await.expect(201);
            if list == SERVICES {
                services.push(text(&made["id"]));
                services.push(s.clone());
            }
        }
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    services.reverse();
    for size in [1, 3, 100] {
        let all = walk(&app, SERVICES, size).await;
        assert_eq!(all.len(), 12, "account, subscription, machine and record");
        let known: Vec<_> = all.into_iter().filter(|id| services.contains(id)).collect();
        let mut wanted = vec![];
        for pair in services.chunks(2) {
            // The record is the newer one.
            wanted.extend([pair[1].clone(), pair[0].clone()]);
        }
        assert_eq!(known, wanted);
    }
    assert_eq!(walk(&app, PRODUCTS, 4).await.len(), 9);
    assert_eq!(walk(&app, RESOURCES, 2).await.len(), 9);
    assert_eq!(walk(&app, USAGES, 4).await.len(), 6);
    assert_eq!(walk(&app, SPECIFICATIONS, 4).await.len(), 9);
}

/// An entry makes no order, no job, no machine, no record and no file.
#[tokio::test]
async fn an_entry_goes_nowhere() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let (orders, _) = app.counts().await;
    for (list, mut body, ..) in kinds() {
        body["relatedParty"] = json!([{ "id": "C1", "role": "customer", "@referredType": "Customer" }]);
        if list == RESOURCES_V5 {
            body["relatedParty"] = json!([{
                "@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer",
                "partyOrPartyRole": { "@type": "PartyRef", "id": "C1" },
            }]);
        }
        app.post(list, &body).await.expect(201);
    }
    app.run().await;
    assert_eq!(app.counts().await.0, orders);
    assert_eq!(app.get("/api/v1/jobs").await.expect(200), json!([]));
    assert_eq!(app.machines(), Vec::<Value>::new());
    assert_eq!(app.records("mediation-csv").await, Vec::<Value>::new());
    assert_eq!(app.records("mediation-asn1").await, Vec::<Value>::new());
}

#[tokio::test]
async fn no_change_of_an_entry_is_lost() {
    let app = TestApp::new().await;
    for (list, body, member, other, _) in kinds() {
        let made = app.post(list, &body).await;
        let old = made.headers["etag"].to_str().unwrap().to_owned();
        let path = format!("{list}/{}", text(&made.expect(201)["id"]));
        let change = json!({ member: other }).to_string();
        let with = [("if-match", old.as_str())];
        app.request(Method::PATCH, &path, &with, Some(change.as_bytes())).await.expect(200);
        app.request(Method::PATCH, &path, &with, Some(change.as_bytes())).await.expect(412);
        app.request(Method::DELETE, &path, &with, None).await.expect(412);
        let now = app.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
        app.request(Method::DELETE, &path, &[("if-match", &now)], None).await.expect(204);
    }
    // Two at once: each member stands in the end.
    let made = app.post(PRODUCTS, &json!({ "status": "active" })).await.expect(201);
    let path = format!("{PRODUCTS}/{}", text(&made["id"]));
    let (name, words) = (json!({ "name": "n" }), json!({ "description": "d" }));
    let (one, two) = tokio::join!(app.patch(&path, &name), app.patch(&path, &words));
    one.expect(200);
    two.expect(200);
    let both = app.get(&path).await.expect(200);
    assert_eq!((&both["name"], &both["description"]), (&json!("n"), &json!("d")));
}

#[tokio::test]
async fn every_list_is_sorted_and_filtered_by_id_as_it_is_shown() {
    let app = TestApp::new().await;
    for (list, body, ..) in kinds() {
        for id in ["z-9", "0-1", "m-5"] {
            let mut body = body.clone();
            body["id"] = json!(format!("{id}{}", list.contains("v5")));
            app.post(list, &body).await.expect(201);
        }
    }
    app.customer("Q1").await;
    app.provision("Q1", CRM, "solo", None).await;
    for (list, ..) in kinds() {
        let mut wanted = ids(&app.get(list).await.expect(200));
        assert!(wanted.len() > 3, "{list} has more than record-only entries");
        wanted.sort();
        assert_eq!(walk(&app, &format!("{list}?sort=id"), 2).await, wanted, "{list}");
        let mut next = format!("{list}?sort=-id&limit=2");
        let mut seen = vec![];
        loop {
            let page = app.get(&next).await;
            let link = page.headers.get("link").map(|l| l.to_str().unwrap().to_owned()).unwrap_or_default();
            seen.extend(ids(&page.expect(200)));
            let Some(after) = link.split(", ").find(|l| l.contains("rel=\"next\"")) else { break };
            let uri = after.split(['<', '>']).nth(1).unwrap();
            next = uri.strip_prefix("http://localhost:8080").unwrap().to_owned();
        }
        wanted.reverse();
        assert_eq!(seen, wanted, "{list}, by cursor");
        let some = ids(&app.get(&format!("{list}?id.regex=^[zm]-&sort=id")).await.expect(200));
        assert!(some.len() >= 2 && some.iter().all(|id| !id.starts_with('0')), "{list}: {some:?}");
        assert_eq!(some, wanted.iter().rev().filter(|id| some.contains(id)).cloned().collect::<Vec<_>>());
    }
}
