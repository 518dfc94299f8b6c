//! Reading and changing: lists of orders and services, the catalogue, PATCH and DELETE of an order.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{
    Answer, CRM, ORDERS, SERVICES, SPECS, TestApp, characteristic, create, modify, provision, set_state,
    terminate,
};
use crate::probe::{read, uuid};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().unwrap())
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect()
}

/// Seven orders, one a minute; oldest first.
async fn seven(app: &TestApp) -> Vec<String> {
    let mut placed = vec![];
    for n in 0..7 {
        let body = json!({
            "externalId": format!("E{n}"), "category": if n % 2 == 0 { "even" } else { "odd" },
            "serviceOrderItem": [create(&format!("C{n}"))],
        });
        placed.push(app.post(ORDERS, &body).await.expect(201)["id"].as_str().unwrap().to_owned());
        app.clock.advance(TimeDelta::minutes(1));
    }
    placed
}

#[tokio::test]
async fn a_list_of_orders_is_paged_sorted_filtered_and_cut_to_fields() {
    let app = TestApp::new().await;
    let placed = seven(&app).await;
    let newest: Vec<_> = placed.iter().rev().cloned().collect();
    let all = app.get(ORDERS).await;
    assert_eq!(header(&all, "x-total-count"), "7");
    assert_eq!(header(&all, "x-result-count"), "7");
    assert_eq!(header(&all, "link"), "");
    assert_eq!(ids(&all.expect(200)), newest);

    let page = app.get(&format!("{ORDERS}?offset=2&limit=3&category=odd,even")).await;
    assert_eq!(header(&page, "x-total-count"), "7");
    assert_eq!(header(&page, "x-result-count"), "3");
    let link = header(&page, "link").to_owned();
    for rel in ["first", "prev", "next", "last"] {
        assert!(link.contains(&format!("rel=\"{rel}\"")), "{rel}: {link}");
    }
    assert_eq!(ids(&page.expect(200)), newest[2..5]);
    // Its links lead through the list, with the filter.
    let next = link.split(", ").find(|l| l.contains("\"next\"")).unwrap();
    let next = next.trim_start_matches("<http://localhost:8080").split('>').next().unwrap();
    let page = app.get(next).await;
    assert!(!header(&page, "link").contains("\"next\""));
    assert_eq!(ids(&page.expect(200)), newest[5..]);
    assert_eq!(ids(&app.get(&format!("{ORDERS}?offset=7")).await.expect(200)), Vec::<String>::new());
    assert_eq!(ids(&app.get(&format!("{ORDERS}?limit=0")).await.expect(200)), Vec::<String>::new());

    assert_eq!(ids(&app.get(&format!("{ORDERS}?sort=orderDate")).await.expect(200)), placed);
    let by_category = app.get(&format!("{ORDERS}?sort=-category,orderDate")).await.expect(200);
    assert_eq!(by_category[0]["category"], "odd");
    assert_eq!(ids(&by_category), [1, 3, 5, 0, 2, 4, 6].map(|n: usize| placed[n].clone()));

    for (filter, wanted) in [
        ("externalId=E3", vec![3]),
        ("externalId=E3,E1", vec![3, 1]),
        ("externalId=E3&externalId=E1", vec![3, 1]),
        ("externalId=E3;externalId=E1", vec![3, 1]),
        ("category=odd&relatedParty.id=C5", vec![5]),
        ("category=odd&relatedParty.id=C4", vec![]),
        ("state=completed", vec![]),
        ("state=acknowledged&limit=2", vec![6, 5]),
        ("externalReference.id=tmf641&externalId=E0", vec![0]),
        (&format!("id={}", placed[2]), vec![2]),
        ("id=4711", vec![]),
        ("orderDate.gt=2026-11-23T08:05:01Z", vec![6]),
        ("orderDate.gte=2026-11-23T08:05:01Z", vec![6, 5]),
        ("orderDate%3C2026-11-23T08:01:01Z", vec![0]),
        ("orderDate.lte=2026-11-23T09:01:01%2B01:00", vec![1, 0]),
    ] {
        let found = app.get(&format!("{ORDERS}?{filter}")).await;
        let wanted: Vec<_> = wanted.into_iter().map(|n: usize| placed[n].clone()).collect();
        assert_eq!(ids(&found.expect(200)), wanted, "{filter}");
    }

    let cut = app.get(&format!("{ORDERS}?fields=state,serviceOrderItem.state&limit=1")).await.expect(200);
    let mut members: Vec<_> = cut[0].as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["@type", "href", "id", "serviceOrderItem", "state"]);
    assert_eq!(cut[0]["serviceOrderItem"][0]["service"], Value::Null);
    let bare = app.get(&format!("{ORDERS}/{}?fields=none", placed[0])).await.expect(200);
    assert_eq!(bare.as_object().unwrap().len(), 3, "{bare}");
}

#[tokio::test]
async fn more_than_a_page_holds_is_cut_and_counted() {
    let app = TestApp::with(|c| (c.api.page, c.api.page_most) = (2, 3)).await;
    let placed = seven(&app).await;
    for (query, shown) in [("", 2), ("?limit=3", 3), ("?limit=1000", 3), ("?limit=0", 0)] {
        let answer = app.get(&format!("{ORDERS}{query}")).await;
        assert_eq!(header(&answer, "x-total-count"), "7");
        assert_eq!(header(&answer, "x-result-count"), shown.to_string(), "{query}");
        assert_eq!(header(&answer, "link").is_empty(), shown == 0, "{query}");
        let next = header(&answer, "link").split(", ").find(|l| l.ends_with("rel=\"next\"")).unwrap_or("");
        let size = format!("&limit={shown}>");
        assert!(shown == 0 || next.contains("cursor=") && next.contains(&size), "{query}: {next}");
        assert_eq!(answer.expect(200).as_array().unwrap().len(), shown, "{query}");
    }
    // The links lead through everything, however much was asked for.
    let mut seen = vec![];
    let mut next = Some(format!("{ORDERS}?limit=1000"));
    while let Some(path) = next {
        let answer = app.get(&path).await;
        let link = header(&answer, "link").to_owned();
        let found = link.split(", ").find(|l| l.contains("\"next\""));
        next = found
            .map(|l| l.trim_start_matches("<http://localhost:8080").split('>').next().unwrap().to_owned());
        seen.extend(ids(&answer.expect(200)));
    }
    assert_eq!(seen, placed.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_list_is_named() {
    let app = TestApp::new().await;
    for (list, query, name) in [
        (ORDERS, "colour=red", "colour"),
        (ORDERS, "sort=colour", "colour"),
        (ORDERS, "limit=x", "limit"),
        (ORDERS, "limit=-1", "limit"),
        (ORDERS, "limit=", "limit"),
        (ORDERS, "limit=99999999999999999999", "limit"),
        (ORDERS, "offset=-1", "offset"),
        (ORDERS, "offset=1.5", "offset"),
        (ORDERS, "orderDate=soon", "orderDate"),
        (ORDERS, "state=%00", "state"),
        (ORDERS, "state='%20OR%201=1&colour='", "colour"),
        (SERVICES, "colour=red", "colour"),
        (SERVICES, "limit=x", "limit"),
        (SERVICES, "startDate.gt=x", "startDate"),
        (SERVICES, "sort=plan", "plan"),
        (SPECS, "colour=red", "colour"),
        (SPECS, "sort=colour", "colour"),
        (SPECS, "offset=x", "offset"),
    ] {
        let answer = app.get(&format!("{list}?{query}")).await.expect(400);
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{name}: ")), "{query}: {message}");
    }
    let quoted = app.get(&format!("{ORDERS}?state='%20OR%201=1--")).await;
    assert_eq!(quoted.expect(200), json!([]));
}

#[tokio::test]
async fn services_are_customer_facing_or_resource_facing() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    app.customer("C2").await;
    let shop = app.provision("C2", "stallfront", "stall", None).await;
    let list = |query: &str| {
        let path = format!("{SERVICES}?{query}");
        let app = &app;
        async move {
            let mut found = ids(&app.get(&path).await.expect(200));
            found.sort();
            found
        }
    };
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let own = |s: &str| s.to_owned();
    let machines: Vec<String> = app.machines().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(list("category=RFS").await, sorted(machines.clone()));
    assert_eq!(list("category=CFS").await, sorted(vec![own("C1"), own("C2"), crm.clone(), shop.clone()]));
    assert_eq!(list("category=CFS&relatedParty.id=C1").await, sorted(vec![own("C1"), crm.clone()]));
    assert_eq!(list("serviceSpecification.id=kinfolk").await, std::slice::from_ref(&crm));
    assert_eq!(list("serviceSpecification.id=customer-account").await, ["C1", "C2"]);
    assert_eq!(list(&format!("id={crm},C2,nobody")).await, sorted(vec![own("C2"), crm.clone()]));
    let page = app.get(&format!("{SERVICES}?id={crm},C2&limit=1")).await;
    assert!(header(&page, "link").contains("\"next\""), "{:?}", page.headers);
    assert_eq!(list(&format!("id={crm},C2&category=CFS&state=active&limit=1")).await.len(), 1);
    app.done(set_state("C1", "inactive")).await;
    assert_eq!(list("state=inactive&category=CFS").await, sorted(vec![own("C1"), crm.clone()]));
    app.done(terminate("C1")).await;
    let gone = list("state=terminated").await;
    assert!(gone.contains(&crm) && gone.contains(&own("C1")) && gone.len() == 3, "{gone:?}");
    let service = app.service(&crm).await;
    assert_eq!(
        service["relatedParty"][0],
        json!({
            "id": "C1", "role": "customer", "@type": "RelatedParty", "@referredType": "Customer",
        })
    );
    let cut = app.get(&format!("{SERVICES}/{shop}?fields=state")).await.expect(200);
    assert_eq!(cut["state"], "active");
    assert_eq!(cut["category"], Value::Null);
}

fn offered(specification: &Value, name: &str) -> Vec<String> {
    let list = specification["specCharacteristic"].as_array().unwrap();
    let found =
        list.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name}: {specification:#}"));
    let values = found["characteristicValueSpecification"].as_array().unwrap();
    values.iter().map(|v| v["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_catalogue_lists_every_plan_and_version_smallest_and_oldest_first() {
    let app = TestApp::new().await;
    let list = app.get(SPECS).await;
    let total = header(&list, "x-total-count").to_owned();
    let list = list.expect(200);
    assert_eq!(list.as_array().unwrap().len().to_string(), total);
    for (id, plans, versions) in [
        (CRM, &["solo", "team", "company"][..], &["1.0", "1.1", "2.0"][..]),
        ("ledgerwell", &["basic", "business"], &["2024.2", "2025.1"]),
        ("stallfront", &["stall", "shop", "market"], &["3.4", "4.0"]),
        ("filenook", &["home", "office"], &["1.2", "1.3"]),
        ("yardmaster", &["siding", "yard"], &["0.9", "1.0"]),
    ] {
        let shown = app.get(&format!("{SPECS}/{id}")).await.expect(200);
        assert_eq!(offered(&shown, "plan"), plans);
        assert_eq!(offered(&shown, "version"), versions);
        assert_eq!(shown["lifecycleStatus"], "Active");
        assert!(list.as_array().unwrap().contains(&shown), "{id} is in the list as it is alone");
        assert_eq!(app.get(shown["href"].as_str().unwrap()).await.expect(200), shown);
    }
    let account = app.get(&format!("{SPECS}/customer-account")).await.expect(200);
    assert_eq!(offered(&account, "name"), Vec::<String>::new());
    // What it lists can be ordered, with nothing else.
    app.customer("C1").await;
    for specification in list.as_array().unwrap().iter().filter(|s| s["id"] != "customer-account") {
        let id = specification["id"].as_str().unwrap();
        for version in offered(specification, "version") {
            for plan in offered(specification, "plan") {
                let customer = format!("{id}-{version}-{plan}");
                let items = json!([create(&customer), provision(&customer, id, &plan, Some(&version))]);
                app.post(ORDERS, &json!({ "serviceOrderItem": items })).await.expect(201);
            }
        }
    }
    let sorted = app.get(&format!("{SPECS}?sort=-name&limit=2&fields=name")).await.expect(200);
    assert_eq!(sorted[0]["name"], "Yardmaster");
}

#[tokio::test]
async fn patch_changes_what_the_update_schema_has_and_nothing_else() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "category": "sales", "description": "first", "requestedStartDate": "2026-12-01T00:00:00Z",
        "serviceOrderItem": [provision("C1", CRM, "solo", None)],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    let path = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    let changed = app
        .patch(&path, &json!({ "description": "second", "priority": "1", "externalId": "X", "note": [{ "text": "hello" }] }))
        .await
        .expect(200);
    for (member, value) in
        [("description", "second"), ("priority", "1"), ("externalId", "X"), ("category", "sales")]
    {
        assert_eq!(changed[member], value, "{member}");
    }
    assert_eq!(changed["note"][0]["text"], "hello");
    assert_eq!(app.show(&placed).await, changed);
    // Null takes away; what is equal is no change, wherever it stands.
    let changed = app.patch(&path, &json!({ "description": null, "priority": null })).await.expect(200);
    assert_eq!((&changed["description"], &changed["priority"]), (&Value::Null, &Value::Null));
    app.patch(&path, &changed).await.expect(200);
    app.patch(&path, &json!({ "state": "acknowledged", "id": placed["id"], "category": "sales" }))
        .await
        .expect(200);

    for (status, start, patch) in [
        (409, "state: ", json!({ "state": "cancelled" })),
        (409, "state: ", json!({ "state": "held", "description": "x" })),
        (409, "state: ", json!({ "state": "nonsense" })),
        (400, "id: ", json!({ "id": "other" })),
        (400, "href: ", json!({ "href": "http://elsewhere" })),
        (400, "category: ", json!({ "category": "other" })),
        (400, "orderDate: ", json!({ "orderDate": "2020-01-01T00:00:00Z" })),
        (400, "completionDate: ", json!({ "completionDate": "2027-01-01T00:00:00Z" })),
        (400, "colour: ", json!({ "colour": "red" })),
        (400, "description: ", json!({ "description": 7 })),
        (400, "description: ", json!({ "description": "a\u{0}" })),
        (400, "requestedStartDate: ", json!({ "requestedStartDate": "soon" })),
        (400, "externalId: ", json!({ "externalId": "a\nb" })),
        (400, "note: ", json!({ "note": "hello" })),
        (400, "the body must be", json!([])),
    ] {
        let answer = app.patch(&path, &patch).await;
        assert_eq!(answer.status.as_u16(), status, "{patch}: {:#}", answer.body);
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.starts_with(start), "{patch}: {message}");
        if start == "state: " {
            assert!(message.contains("cancelServiceOrder"), "{message}");
        }
    }
    assert_eq!(app.show(&placed).await["description"], Value::Null, "nothing half-done");
    // The date may be moved until the order has its place in the line; then not any more.
    app.patch(&path, &json!({ "requestedStartDate": "2026-11-23T07:00:00Z" })).await.expect(200);
    app.run().await;
    assert_eq!(app.show(&placed).await["state"], "completed");
    app.patch(&path, &json!({ "requestedStartDate": "2027-01-01T00:00:00Z" })).await.expect(409);
    let merge = [("content-type", "application/merge-patch+json")];
    app.request(Method::PATCH, &path, &merge, Some(b"{\"description\":\"late\"}")).await.expect(200);
    let xml = [("content-type", "text/xml")];
    app.request(Method::PATCH, &path, &xml, Some(b"<a/>")).await.expect(415);
    app.patch(&path, &json!({ "state": "completed" })).await.expect(200);
}

#[tokio::test]
async fn an_order_shows_the_customer_that_it_is_for() {
    let app = TestApp::new().await;
    let party = |id: &Value| json!([{ "id": id, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer" }]);
    // Named in the item's service.
    let placed = app.place(json!([create("C1")])).await;
    assert_eq!(placed["relatedParty"], party(&json!("C1")));
    app.run().await;
    // Known by the service that the order is about.
    let placed = app.place(json!([set_state("C1", "inactive")])).await;
    assert_eq!(placed["relatedParty"], party(&json!("C1")));
    let shown = app.show(&placed).await;
    assert_eq!(shown["relatedParty"], placed["relatedParty"]);
    assert_eq!(
        app.get(&format!("{ORDERS}?relatedParty.id=C1&state=acknowledged")).await.expect(200)[0],
        shown
    );
    // Sent back as it is shown, it is no change.
    app.patch(&format!("{ORDERS}/{}", shown["id"].as_str().unwrap()), &shown).await.expect(200);
    // A number that we gave.
    let mut item = create("x");
    item["service"].as_object_mut().unwrap().remove("relatedParty");
    let placed = app.place(json!([item])).await;
    let id = &placed["serviceOrderItem"][0]["service"]["id"];
    assert!(id.is_string());
    assert_eq!(placed["relatedParty"], party(id));
    // Beside others, and where the client names it, once.
    let body = json!({
        "relatedParty": [{ "id": "shop", "role": "seller" }], "serviceOrderItem": [set_state("C1", "active")],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    assert_eq!(placed["relatedParty"][0]["@referredType"], "Organization");
    assert_eq!(placed["relatedParty"][1], party(&json!("C1"))[0]);
    let body = json!({
        "relatedParty": [{ "id": "C1", "role": "Customer" }], "serviceOrderItem": [set_state("C1", "active")],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    assert_eq!(placed["relatedParty"].as_array().unwrap().len(), 1);
    assert_eq!(placed["relatedParty"][0]["role"], "Customer", "as it was given");
    // No customer, no list.
    let rejected = app.place(json!([{ "id": "1", "action": "add", "service": {} }])).await;
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(rejected.get("relatedParty"), None);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_leaves_no_trace() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = json!({
        "description": "first", "priority": "1", "requestedStartDate": "2026-12-01T00:00:00Z",
        "note": [{ "text": "hello" }], "serviceOrderItem": [provision("C1", CRM, "solo", None)],
    });
    let placed = app.post(ORDERS, &body).await.expect(201);
    let path = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    let traces = async || {
        let mut tx = read(&app).await;
        let events = tx.events_of(uuid(&placed["id"])).await.unwrap().len();
        (events, tx.audited(placed["id"].as_str().unwrap()).await.unwrap().len())
    };
    let before = traces().await;
    for same in [
        json!({}),
        placed.clone(),
        json!({ "description": "first", "externalId": null }),
        json!({ "requestedStartDate": "2026-12-01T01:00:00+01:00" }),
        json!({ "note": [{ "text": "hello" }] }),
    ] {
        assert_eq!(app.patch(&path, &same).await.expect(200), placed, "{same}");
        assert_eq!(traces().await, before, "{same}");
    }
    app.patch(&path, &json!({ "priority": "2" })).await.expect(200);
    assert_eq!(traces().await, (before.0 + 1, before.1 + 1));
}

#[tokio::test]
async fn only_an_order_that_has_ended_can_be_deleted() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let placed = app.place(json!([provision("C1", CRM, "solo", None)])).await;
    let path = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    let answer = app.delete(&path).await.expect(409);
    assert!(answer["message"].as_str().unwrap().contains("acknowledged"), "{answer}");
    app.run().await;
    let answer = app.delete(&path).await;
    assert_eq!(answer.body, "");
    answer.expect(204);
    app.get(&path).await.expect(404);
    app.delete(&path).await.expect(404);
    app.patch(&path, &json!({ "description": "x" })).await.expect(404);
    assert_eq!(app.counts().await.0, "1");
    let id = placed["serviceOrderItem"][0]["service"]["id"].as_str().unwrap();
    assert_eq!(app.service(id).await["state"], "active", "the service stays");
    let changed = app.done(modify(id, &[("plan", "team")])).await;
    assert_eq!(characteristic(&app.service(id).await, "plan").as_deref(), Some("team"));
    assert_eq!(changed["state"], "completed");
}
