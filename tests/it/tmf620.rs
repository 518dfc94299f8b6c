//! TMF620 and what it has in common with TMF633: entries that packages make, and entries that operators post.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::apps::catalogue::import;
use telvisor::store::catalogue::EntryRow;
use tempfile::TempDir;

use crate::harness::{Answer, CRM, ORDERS, PRODUCT_ORDERS, TestApp, copy_package, create, provision};
use crate::notify::{Ear, Heard};

const BASE: &str = "/tmf-api/productCatalogManagement/v4";
const SERVICES: &str = "/tmf-api/serviceCatalogManagement/v4";
const OFFERINGS: &str = "/tmf-api/productCatalogManagement/v4/productOffering";

/// Every resource of both catalogues, with the least that a POST of it needs.
fn resources() -> Vec<(String, Value)> {
    let named = json!({ "name": "Fibre" });
    let mut out: Vec<_> =
        ["productSpecification", "productOffering", "productOfferingPrice", "category", "catalog"]
            .map(|r| (format!("{BASE}/{r}"), named.clone()))
            .into();
    out.extend(
        ["serviceSpecification", "serviceCategory", "serviceCatalog"]
            .map(|r| (format!("{SERVICES}/{r}"), named.clone())),
    );
    let candidate = json!({ "name": "Fibre", "serviceSpecification": { "id": "kinfolk" } });
    out.push((format!("{SERVICES}/serviceCandidate"), candidate));
    out
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap()).collect()
}

/// The path that an address of this server has.
fn path(href: &str) -> &str {
    href.strip_prefix("http://localhost:8080").unwrap_or_else(|| panic!("{href} is none of this server"))
}

/// Every `href` in a body.
fn hrefs(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            out.extend(members.get("href").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|v| hrefs(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| hrefs(v, out)),
        _ => {}
    }
}

async fn told(app: &TestApp, of: &str, id: &str) -> Vec<String> {
    let mut tx = app.engine().db.read("default").await.unwrap();
    let (api, kind) = if of.starts_with(BASE) { ("TMF620", BASE) } else { ("TMF633", SERVICES) };
    let kind = of.strip_prefix(kind).unwrap().trim_start_matches('/');
    let entry: Option<EntryRow> = tx.entry(api, kind, id).await.unwrap();
    let uid = entry.expect("it is stored").uid;
    let events = tx.events_of(uid).await.unwrap();
    events.iter().map(|e| format!("{} {}", e.resource, e.kind)).collect()
}

#[tokio::test]
async fn each_application_is_a_specification_and_each_plan_an_offering_with_its_price() {
    let app = TestApp::new().await;
    let specs = app.get(&format!("{BASE}/productSpecification")).await.expect(200);
    assert_eq!(
        ids(&specs),
        ["customer-account", "filenook", "kinfolk", "ledgerwell", "stallfront", "yardmaster"]
    );
    let offerings = app.get(OFFERINGS).await.expect(200);
    assert_eq!(
        ids(&offerings)[..4],
        ["customer-account", "filenook.home", "filenook.office", "kinfolk.solo"]
    );
    assert_eq!(ids(&offerings).len(), 13);
    let prices = app.get(&format!("{BASE}/productOfferingPrice")).await.expect(200);
    assert_eq!(ids(&prices), ids(&offerings)[1..]);

    let home = app.get(&format!("{OFFERINGS}/filenook.home")).await.expect(200);
    assert_eq!(home["name"], "Filenook Home");
    assert_eq!(home["lifecycleStatus"], "Active");
    assert_eq!((&home["isBundle"], &home["isSellable"]), (&json!(false), &json!(true)));
    assert_eq!(home["version"], "1.3");
    assert_eq!(home["productSpecification"]["id"], "filenook");
    assert_eq!(home["serviceCandidate"]["id"], "filenook");
    assert_eq!(home["category"][0]["id"], "file-share");
    assert_eq!(home["@type"], "ProductOffering");
    let fixed = home["prodSpecCharValueUse"].as_array().unwrap();
    let values: Vec<_> = fixed.iter().map(|u| &u["productSpecCharacteristicValue"][0]["value"]).collect();
    assert_eq!(values, [&json!("home"), &json!(1), &json!(256), &json!(5)]);

    let price = app.get(path(home["productOfferingPrice"][0]["href"].as_str().unwrap())).await.expect(200);
    assert_eq!(price["price"], json!({ "unit": "EUR", "value": 2.5 }));
    assert_eq!(price["priceType"], "recurring");
    assert_eq!(price["recurringChargePeriodType"], "month");
    assert_eq!(price["recurringChargePeriodLength"], 1);

    let kinfolk = app.get(&format!("{BASE}/productSpecification/{CRM}")).await.expect(200);
    let list = kinfolk["productSpecCharacteristic"].as_array().unwrap();
    let plans = &list.iter().find(|c| c["name"] == "plan").unwrap()["productSpecCharacteristicValue"];
    let plans: Vec<_> = plans.as_array().unwrap().iter().map(|v| v["value"].as_str().unwrap()).collect();
    assert_eq!(plans, ["solo", "team", "company"], "smallest first");
    assert_eq!(kinfolk["brand"], kinfolk["relatedParty"][0]["name"]);

    let catalogue = app.get(&format!("{BASE}/catalog/telvisor")).await.expect(200);
    assert_eq!(catalogue["category"].as_array().unwrap().len(), 6);
    let crm = app.get(&format!("{BASE}/category/crm")).await.expect(200);
    assert_eq!(ids(&crm["productOffering"]), ["kinfolk.solo", "kinfolk.team", "kinfolk.company"]);
    assert_eq!(crm["isRoot"], true);
}

#[tokio::test]
async fn every_address_in_the_generated_catalogues_leads_to_what_has_it() {
    let app = TestApp::new().await;
    let mut seen = vec![];
    for (of, _) in resources() {
        let list = app.get(&of).await.expect(200);
        assert!(!list.as_array().unwrap().is_empty(), "{of}");
        hrefs(&list, &mut seen);
        for entry in list.as_array().unwrap() {
            for member in
                ["id", "href", "name", "version", "lifecycleStatus", "lastUpdate", "validFor", "@type"]
            {
                assert!(!entry[member].is_null(), "{of}: {member} of {entry:#}");
            }
        }
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 50, "{}", seen.len());
    for href in seen {
        let found = app.get(path(&href)).await.expect(200);
        assert_eq!(found["href"], href);
    }
}

#[tokio::test]
async fn lists_are_filtered_by_every_attribute_and_dotted_paths() {
    let app = TestApp::new().await;
    for (query, wanted) in [
        ("id=kinfolk.team", vec!["kinfolk.team"]),
        ("productSpecification.id=ledgerwell", vec!["ledgerwell.basic", "ledgerwell.business"]),
        ("category.id=crm&sort=-id", vec!["kinfolk.team", "kinfolk.solo", "kinfolk.company"]),
        ("name=%22Filenook%20Home%22", vec!["filenook.home"]),
        ("prodSpecCharValueUse.productSpecCharacteristicValue.value=siding", vec!["yardmaster.siding"]),
        ("lifecycleStatus=Retired", vec![]),
        ("isSellable=true&offset=1&limit=2", vec!["filenook.home", "filenook.office"]),
        ("statusReason=x", vec![]),
    ] {
        let found = app.get(&format!("{OFFERINGS}?{query}")).await.expect(200);
        assert_eq!(ids(&found), wanted, "{query}");
    }
    let page = app.get(&format!("{OFFERINGS}?limit=5&fields=name")).await;
    assert_eq!(page.headers["x-total-count"], "13");
    assert_eq!(page.headers["x-result-count"], "5");
    assert!(page.headers["link"].to_str().unwrap().contains("rel=\"next\""));
    let mut members: Vec<_> = page.body[0].as_object().unwrap().keys().cloned().collect();
    members.retain(|m| !m.starts_with('@'));
    assert_eq!(members, ["href", "id", "name"]);
    let refused = app.get(&format!("{OFFERINGS}?colour=red")).await.expect(400);
    assert!(refused["message"].as_str().unwrap().starts_with("colour"), "{refused}");
}

#[tokio::test]
async fn operators_post_change_and_delete_every_kind_of_entry() {
    let app = TestApp::new().await;
    for (of, body) in resources() {
        let before = app.get(&of).await;
        let made = app.post(&of, &body).await;
        let location = made.headers["location"].to_str().unwrap().to_owned();
        let made = made.expect(201);
        assert_eq!(made["href"], location, "{of}");
        assert_eq!((&made["name"], &made["lifecycleStatus"]), (&json!("Fibre"), &json!("In study")));
        assert_eq!(made["version"], "1.0");
        assert!(!made["lastUpdate"].is_null() && !made["@type"].is_null(), "{made:#}");
        let id = made["id"].as_str().unwrap();
        assert_eq!(app.get(path(&location)).await.expect(200), made);
        let listed = app.get(&format!("{of}?name=Fibre")).await.expect(200);
        assert_eq!(listed, json!([made]));
        assert_eq!(told(&app, &of, id).await.len(), 1);

        app.clock.advance(chrono::TimeDelta::minutes(1));
        let changed = app.patch(path(&location), &json!({ "name": "Fibre 2", "description": "d" })).await;
        assert!(changed.headers.contains_key("etag"));
        let changed = changed.expect(200);
        assert_eq!((&changed["name"], &changed["description"]), (&json!("Fibre 2"), &json!("d")));
        assert!(changed["lastUpdate"].as_str() > made["lastUpdate"].as_str(), "{changed:#}");
        let launched =
            app.patch(path(&location), &json!({ "lifecycleStatus": "Launched" })).await.expect(200);
        assert_eq!(launched["lifecycleStatus"], "Launched");
        // What changes nothing is no change.
        let same = app.patch(path(&location), &json!({ "lifecycleStatus": "Launched" })).await.expect(200);
        assert_eq!(same, launched);
        assert_eq!(app.get(path(&location)).await.expect(200), launched);
        let kinds = told(&app, &of, id).await;
        let resource = of.rsplit('/').next().unwrap();
        // TMF633 has no event of its own for a new lifecycleStatus.
        let last = if of.starts_with(BASE) { "stateChange" } else { "attributeValueChange" };
        let wanted = ["create", "attributeValueChange", last].map(|k| format!("{resource} {k}"));
        assert_eq!(kinds, wanted, "{of}");

        app.delete(path(&location)).await.expect(204);
        app.get(path(&location)).await.expect(404);
        app.delete(path(&location)).await.expect(404);
        app.patch(path(&location), &json!({ "name": "x" })).await.expect(404);
        assert_eq!(app.get(&of).await.expect(200), before.expect(200));
    }
}

#[tokio::test]
async fn a_deletion_is_told_with_the_entry_as_it_was() {
    let app = TestApp::new().await;
    let made = app.post(OFFERINGS, &json!({ "id": "fibre", "name": "Fibre" })).await.expect(201);
    let mut tx = app.engine().db.read("default").await.unwrap();
    let uid = tx.entry("TMF620", "productOffering", "fibre").await.unwrap().unwrap().uid;
    drop(tx);
    app.delete(&format!("{OFFERINGS}/fibre")).await.expect(204);
    let events = app.engine().db.read("default").await.unwrap().events_of(uid).await.unwrap();
    assert_eq!(events[1].kind, telvisor_model::EventKind::Delete);
    assert_eq!(events[1].body.0["body"]["name"], made["name"]);
    let offering = telvisor::api::tmf620::RESOURCES.iter().find(|r| r.name == "productOffering").unwrap();
    assert_eq!(offering.of_event("http://localhost:8080", &events[1]).unwrap(), made);
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named() {
    let app = TestApp::new().await;
    let party = json!([{ "id": "1" }]);
    for (of, body, start) in [
        ("productOffering", json!({}), "name: is missing"),
        ("productOffering", json!([]), "the body must be a JSON object"),
        ("productOffering", json!({ "name": 1 }), "name: must be text"),
        ("productOffering", json!({ "name": "n", "id": "a b" }), "id: must be"),
        ("productOffering", json!({ "name": "n", "id": 7 }), "id: must be"),
        ("productOffering", json!({ "name": "n", "category": [{}] }), "category[0].id: is missing"),
        (
            "productOffering",
            json!({ "name": "n", "productSpecification": { "name": "x" } }),
            "productSpecification.id: is missing",
        ),
        (
            "productOfferingPrice",
            json!({ "name": "n", "price": { "value": "1" } }),
            "price.value: must be a number",
        ),
        (
            "productOfferingPrice",
            json!({ "name": "n", "validFor": { "startDateTime": "today" } }),
            "validFor.startDateTime: \"today\"",
        ),
        (
            "catalog",
            json!({ "name": "n", "relatedParty": party }),
            "relatedParty[0].@referredType: is missing",
        ),
        ("category", json!({ "name": "n", "isRoot": "yes" }), "isRoot: must be true or false"),
    ] {
        let refused = app.post(&format!("{BASE}/{of}"), &body).await.expect(400);
        assert!(refused["message"].as_str().unwrap().starts_with(start), "{body}: {refused}");
    }
    let candidate =
        app.post(&format!("{SERVICES}/serviceCandidate"), &json!({ "name": "n" })).await.expect(400);
    assert_eq!(candidate["message"], "serviceSpecification: is missing");
    let text = app.request(Method::POST, OFFERINGS, &[("content-type", "text/plain")], Some(b"{}")).await;
    text.expect(415);

    app.post(OFFERINGS, &json!({ "id": "mine", "name": "n" })).await.expect(201);
    let mine = format!("{OFFERINGS}/mine");
    for (patch, start) in [
        (json!({ "lastUpdate": "2026-01-01T00:00:00Z" }), "lastUpdate: cannot be changed"),
        (json!({ "id": "other" }), "id: cannot be changed"),
        (json!({ "colour": "red" }), "colour: cannot be changed"),
        (json!({ "name": null }), "name: is missing"),
        (json!({ "isBundle": 1 }), "isBundle: must be"),
        (json!({ "place": [{ "name": "x" }] }), "place[0].id: is missing"),
    ] {
        let refused = app.patch(&mine, &patch).await.expect(400);
        assert!(refused["message"].as_str().unwrap().starts_with(start), "{patch}: {refused}");
    }
}

#[tokio::test]
async fn ids_are_unique_and_generated_entries_are_read_only() {
    let app = TestApp::new().await;
    let mine = json!({ "id": "fibre.100", "name": "Fibre" });
    app.post(OFFERINGS, &mine).await.expect(201);
    assert_eq!(app.post(OFFERINGS, &mine).await.expect(409)["code"], "alreadyExists");
    // Another kind of entry may have the same id.
    app.post(&format!("{BASE}/productOfferingPrice"), &mine).await.expect(201);
    for taken in ["kinfolk.solo", "customer-account"] {
        let refused = app.post(OFFERINGS, &json!({ "id": taken, "name": "n" })).await.expect(409);
        assert_eq!(refused["code"], "alreadyExists");
    }
    for (of, _) in resources() {
        let list = app.get(&of).await.expect(200);
        let one = path(list[1.min(list.as_array().unwrap().len() - 1)]["href"].as_str().unwrap()).to_owned();
        if one.ends_with("fibre.100") {
            continue;
        }
        let before = app.get(&one).await.expect(200);
        for answer in [app.patch(&one, &json!({ "name": "x" })).await, app.delete(&one).await] {
            let refused = answer.expect(409);
            assert_eq!(refused["code"], "readOnly");
            assert!(
                refused["message"].as_str().unwrap().contains("publish or withdraw the package"),
                "{refused}"
            );
        }
        assert_eq!(app.get(&one).await.expect(200), before);
    }
}

fn etag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn changes_hold_against_the_entry_that_the_client_knows() {
    let app = TestApp::new().await;
    app.post(OFFERINGS, &json!({ "id": "mine", "name": "a" })).await.expect(201);
    let mine = format!("{OFFERINGS}/mine");
    let first = etag(&app.get(&mine).await);
    let patch = |tag: String, name: &'static str| {
        let mine = mine.clone();
        let app = &app;
        async move {
            let body = json!([{ "op": "replace", "path": "/name", "value": name }]).to_string();
            let headers = [("content-type", "application/json-patch+json"), ("if-match", tag.as_str())];
            app.request(Method::PATCH, &mine, &headers, Some(body.as_bytes())).await
        }
    };
    assert_eq!(patch(first.clone(), "b").await.expect(200)["name"], "b");
    patch(first.clone(), "c").await.expect(412);
    app.request(Method::DELETE, &mine, &[("if-match", &first)], None).await.expect(412);
    let now = app.get(&mine).await;
    let tag = etag(&now);
    assert_eq!(now.expect(200)["name"], "b");
    app.request(Method::DELETE, &mine, &[("if-match", &tag)], None).await.expect(204);
}

#[tokio::test]
async fn an_entry_without_a_package_is_listed_and_cannot_be_ordered() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let specs = format!("{SERVICES}/serviceSpecification");
    app.post(&specs, &json!({ "id": "fibre", "name": "Fibre" })).await.expect(201);
    app.post(OFFERINGS, &json!({ "id": "copper", "name": "Copper" })).await.expect(201);
    assert_eq!(app.get(&format!("{OFFERINGS}/copper")).await.expect(200)["isSellable"], false);
    for id in ["fibre", "copper"] {
        let order = json!({ "serviceOrderItem": [provision("C1", id, "solo", None)] });
        let refused = app.post(ORDERS, &order).await.expect(400);
        let message = refused["message"].as_str().unwrap();
        assert!(message.starts_with("serviceOrderItem[0].service.serviceSpecification.id: "), "{message}");
        assert!(message.contains("no application package stands behind it"), "{message}");
    }
    // An offering has the same reason at the door of product orders, with a plan of its own or of an application.
    for id in ["fibre.100", "kinfolk.huge"] {
        app.post(OFFERINGS, &json!({ "id": id, "name": "Offer" })).await.expect(201);
        let order = json!({ "productOrderItem": [{
            "id": "1", "action": "add", "productOffering": { "id": id },
            "product": { "relatedParty": [{ "id": "C1", "role": "customer" }] },
        }] });
        let refused = app.post(PRODUCT_ORDERS, &order).await.expect(400);
        let message = refused["message"].as_str().unwrap();
        assert!(message.starts_with("productOrderItem[0]."), "{message}");
        let why = format!("\"{id}\" is listed in the catalogue, but no application package stands behind it");
        assert!(message.contains(&why), "{message}");
    }
    let order = json!({ "serviceOrderItem": [provision("C1", "nothing", "solo", None)] });
    let refused = app.post(ORDERS, &order).await.expect(400);
    assert!(refused["message"].as_str().unwrap().contains("there is no service specification"), "{refused}");
    let both = json!({ "serviceOrderItem": [create("C2"), provision("C2", "fibre", "solo", None)] });
    app.post(ORDERS, &both).await.expect(400);
}

#[tokio::test]
async fn a_package_that_comes_hides_what_was_posted_and_one_that_goes_is_retired() {
    let packages = TempDir::new().unwrap();
    copy_package("filenook", packages.path());
    let app = TestApp::with(|c| c.catalogue.apps = packages.path().to_owned()).await;
    let imported = async || {
        import(&app.engine().db, packages.path()).await.unwrap();
        app.engine().catalogue.load(&app.engine().db).await.unwrap();
    };
    let home = app.get(&format!("{OFFERINGS}/filenook.home")).await.expect(200);
    app.post(OFFERINGS, &json!({ "id": "kinfolk.solo", "name": "Mine" })).await.expect(201);
    app.clock.advance(chrono::TimeDelta::hours(1));
    copy_package(CRM, packages.path());
    imported().await;
    let found = app.get(&format!("{OFFERINGS}?id=kinfolk.solo")).await.expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert!(found[0]["name"].as_str().unwrap().starts_with("Kinfolk"));
    // What was imported again and says the same did not change.
    assert_eq!(app.get(&format!("{OFFERINGS}/filenook.home")).await.expect(200), home);
    assert!(found[0]["lastUpdate"].as_str() > home["lastUpdate"].as_str());

    std::fs::remove_dir_all(packages.path().join(CRM)).unwrap();
    imported().await;
    let retired = app.get(&format!("{OFFERINGS}/kinfolk.solo")).await.expect(200);
    assert_eq!((&retired["lifecycleStatus"], &retired["isSellable"]), (&json!("Retired"), &json!(false)));
    let candidate = app.get(&format!("{SERVICES}/serviceCandidate/{CRM}")).await.expect(200);
    assert_eq!(candidate["lifecycleStatus"], "Retired");
}

#[tokio::test]
async fn posted_entries_are_exported_and_imported_as_a_file() {
    let app = TestApp::new().await;
    for base in [BASE, SERVICES] {
        let (offering, category) = if base == BASE {
            ("productOffering", "category")
        } else {
            ("serviceSpecification", "serviceCategory")
        };
        let at = |rest: &str| format!("{base}/{rest}");
        app.post(&at(offering), &json!({ "id": "fibre", "name": "Fibre", "description": "d" }))
            .await
            .expect(201);
        app.post(&at(category), &json!({ "id": "lines", "name": "Lines" })).await.expect(201);
        let all = app.post(&at("exportJob"), &json!({ "url": "data:," })).await.expect(201);
        assert_eq!(all["status"], "Succeeded", "{all:#}");
        let address = path(all["href"].as_str().unwrap()).to_owned();
        assert_eq!(app.get(&address).await.expect(200), all);
        assert_eq!(app.get(&at("exportJob")).await.expect(200), json!([all]));
        let one = json!({ "url": "data:,", "path": at(offering), "query": "name=Copper" });
        let none = app.post(&at("exportJob"), &one).await.expect(201);
        assert_eq!(none["url"], "data:application/json;base64,W10=", "nothing is called so");

        // What was changed and deleted since comes back; what was not in the file stays.
        app.patch(&at(&format!("{offering}/fibre")), &json!({ "description": "other" })).await.expect(200);
        app.delete(&at(&format!("{category}/lines"))).await.expect(204);
        app.post(&at(offering), &json!({ "id": "copper", "name": "Copper" })).await.expect(201);
        let done = app.post(&at("importJob"), &json!({ "url": all["url"] })).await.expect(201);
        assert_eq!(done["status"], "Succeeded", "{done:#}");
        assert_eq!(app.get(&at(&format!("{offering}/fibre"))).await.expect(200)["description"], "d");
        app.get(&at(&format!("{category}/lines"))).await.expect(200);
        app.get(&at(&format!("{offering}/copper"))).await.expect(200);
        app.delete(&address).await.expect(204);
        app.get(&address).await.expect(404);
        app.patch(path(done["href"].as_str().unwrap()), &json!({})).await.expect(405);
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_done_fails_whole_with_the_reason() {
    let app = TestApp::new().await;
    let (export, import) = (format!("{BASE}/exportJob"), format!("{BASE}/importJob"));
    assert!(
        app.post(&export, &json!({})).await.expect(400)["message"]
            .as_str()
            .unwrap()
            .starts_with("url: is missing")
    );
    let file = |text: &str| {
        use base64::Engine as _;
        format!("data:application/json;base64,{}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    let twice = file("[{\"id\": \"a\", \"name\": \"n\"}, {\"id\": \"b\"}]");
    let generated = file("[{\"id\": \"a\", \"name\": \"n\"}, {\"id\": \"kinfolk.solo\", \"name\": \"n\"}]");
    let offering = "/productOffering";
    for (at, body, start) in [
        (&export, json!({ "url": "https://files.example/a" }), "url: the server writes no file elsewhere"),
        (&export, json!({ "url": "data:,", "path": "/nothing" }), "path: \"/nothing\" is none of"),
        (&export, json!({ "url": "data:,", "path": offering, "query": "colour=red" }), "colour"),
        (&export, json!({ "url": "data:,", "contentType": "text/csv" }), "contentType: \"text/csv\""),
        (&import, json!({ "url": "https://files.example/a" }), "url: the server reads no file elsewhere"),
        (&import, json!({ "url": "data:application/json;base64,?" }), "url: is no base64"),
        (&import, json!({ "url": file("{}") }), "url: the file is no JSON array"),
        (&import, json!({ "url": file("[{\"name\": \"n\"}]") }), "url: entry 0: of which resource?"),
        (&import, json!({ "url": twice, "path": offering }), "url: entry 1: name: is missing"),
        (
            &import,
            json!({ "url": generated, "path": offering }),
            "url: entry 1: productOffering kinfolk.solo is made",
        ),
    ] {
        let job = app.post(at, &body).await.expect(201);
        assert_eq!(job["status"], "Failed", "{body}");
        assert!(job["errorLog"].as_str().unwrap().starts_with(start), "{body}: {job:#}");
    }
    app.get(&format!("{OFFERINGS}/a")).await.expect(404);
}

#[tokio::test]
async fn a_catalogue_that_is_full_takes_no_more() {
    let app = TestApp::with(|c| c.api.catalogue_most = 2).await;
    for name in ["a", "b"] {
        app.post(OFFERINGS, &json!({ "id": name, "name": name })).await.expect(201);
    }
    let refused = app.post(OFFERINGS, &json!({ "name": "c" })).await.expect(409);
    assert_eq!(refused["code"], "catalogueFull");
    app.post(&format!("{BASE}/category"), &json!({ "name": "c" })).await.expect(201);
    let file =
        json!({ "url": "data:application/json;base64,W3sibmFtZSI6ICJjIn1d", "path": "/productOffering" });
    let job = app.post(&format!("{BASE}/importJob"), &file).await.expect(201);
    assert!(job["errorLog"].as_str().unwrap().starts_with("there are 2 posted entries"), "{job:#}");
    app.delete(&format!("{OFFERINGS}/a")).await.expect(204);
    app.post(OFFERINGS, &json!({ "name": "c" })).await.expect(201);
}

#[tokio::test]
async fn listeners_of_both_hubs_are_told_of_posted_entries() {
    let app = TestApp::new().await;
    for (of, body) in resources() {
        let (base, resource) = of.rsplit_once('/').unwrap();
        let ear = Ear::open().await;
        let hub = app.post(&format!("{base}/hub"), &json!({ "callback": ear.url })).await.expect(201);
        let made = app.post(&of, &body).await.expect(201);
        let one = path(made["href"].as_str().unwrap()).to_owned();
        let both = json!({ "lifecycleStatus": "Active", "description": "d" });
        let changed = app.patch(&one, &both).await.expect(200);
        app.delete(&one).await.expect(204);
        app.notify_all().await;
        let name = format!("{}{}", resource[..1].to_uppercase(), &resource[1..]);
        let wanted: Vec<String> = if base == BASE {
            ["Create", "StateChange", "AttributeValueChange", "Delete"]
                .map(|k| format!("{name}{k}Event"))
                .into()
        } else {
            ["Create", "Change", "Delete"].map(|k| format!("{name}{k}Event")).into()
        };
        let heard = ear.heard();
        assert_eq!(heard.iter().map(Heard::event_type).collect::<Vec<_>>(), wanted);
        assert_eq!(heard[0].body["event"][resource], made);
        assert_eq!(heard[1].body["event"][resource], changed);
        assert_eq!(heard.last().unwrap().body["event"][resource], changed);
        app.delete(&format!("{base}/hub/{}", hub["id"].as_str().unwrap())).await.expect(204);
    }
}
