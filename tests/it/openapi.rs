//! Our own OpenAPI documents: checked in, true to the doors, with examples that run.

use std::path::Path;

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::api::openapi::{DOCUMENTS, Document, text};

use crate::harness::TestApp;

fn operations(document: &Document) -> Vec<(Method, String, &Value)> {
    let base = document.body["servers"][0]["url"].as_str().unwrap();
    let mut out = vec![];
    for (path, item) in document.body["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            out.push((method, format!("{base}{path}"), operation));
        }
    }
    out
}

#[test]
fn the_checked_in_documents_are_those_of_the_code() {
    for document in DOCUMENTS.iter() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tmf-specs/{}.json", document.name));
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == text(document),
            "tmf-specs/{}.json has drifted: `telvisor openapi --write tmf-specs`",
            document.name
        );
    }
}

/// Every documented operation is there, and nothing that is there is left out.
#[tokio::test]
async fn documents_and_doors_have_the_same_operations() {
    let app = TestApp::new().await;
    let all = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
    for document in DOCUMENTS.iter() {
        let documented = operations(document);
        for (_, path, _) in &documented {
            let asked = path.replace(['{', '}'], "");
            let answer = app.request(Method::OPTIONS, &asked, &[], None).await;
            assert_eq!(answer.status, 405, "{path} is no door");
            let allowed = answer.headers["allow"].to_str().unwrap().to_owned();
            for method in &all {
                let there = allowed.split(',').any(|m| m.trim() == method.as_str());
                let told = documented.iter().any(|(m, p, _)| m == method && p == path);
                assert_eq!(there, told, "{method} {path}: door {there}, document {told}");
            }
        }
    }
}

/// Every route of the page of routes stands in a document.
#[test]
fn every_door_of_an_api_is_documented() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/mod.rs")).unwrap();
    let told: Vec<String> = DOCUMENTS
        .iter()
        .flat_map(|d| d.body["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    let routes = page.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let unversioned = ["/health/live", "/health/ready", "/metrics", "/download/{tenant}/{link}"];
    let mut seen = 0;
    for route in routes.filter(|r| !unversioned.contains(r)) {
        assert!(told.iter().any(|path| path == route), "{route} stands in no document");
        seen += 1;
    }
    assert!(seen > 10, "the routes are elsewhere now");
}

/// Every example of a POST is accepted; every example of a PATCH changes what that POST made.
#[tokio::test]
async fn every_example_runs() {
    let mut run = 0;
    for document in DOCUMENTS.iter().filter(|d| d.name != "telvisor-v1") {
        let app = TestApp::new().await;
        let mut made: Vec<(String, Value)> = vec![];
        let operations = operations(document);
        for (method, path, operation) in operations.iter().filter(|(m, ..)| *m == Method::POST) {
            for (name, mut body) in examples(operation) {
                for (resource, of) in
                    [("serviceOrder", "cancelServiceOrder"), ("productOrder", "cancelProductOrder")]
                {
                    if path.ends_with(of) {
                        let orders = path.replace(of, resource);
                        let order = app.post(&orders, &first_example(&operations, &orders)).await.expect(201);
                        body[resource]["id"] = order["id"].clone();
                    }
                }
                let answer = app.post(path, &body).await;
                assert_eq!(answer.status, 201, "{method} {path}, example {name}: {:#}", answer.body);
                run += 1;
                made.push((path.clone(), answer.body));
            }
        }
        for (_, path, operation) in operations.iter().filter(|(m, ..)| *m == Method::PATCH) {
            let all = path.strip_suffix("/{id}").unwrap();
            let (_, one) = made.iter().find(|(p, _)| p == all).expect("something was made to change");
            for (name, body) in examples(operation) {
                let answer = app.patch(&format!("{all}/{}", one["id"].as_str().unwrap()), &body).await;
                assert_eq!(answer.status, 200, "PATCH {path}, example {name}: {:#}", answer.body);
                run += 1;
            }
        }
    }
    assert!(run > 20, "{run} examples");
}

fn examples(operation: &Value) -> Vec<(String, Value)> {
    let examples = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
    examples.into_iter().flatten().map(|(name, e)| (name.clone(), e["value"].clone())).collect()
}

fn first_example(operations: &[(Method, String, &Value)], path: &str) -> Value {
    let (.., operation) =
        operations.iter().find(|(m, p, _)| *m == Method::POST && p == path).expect("the order's own door");
    examples(operation).remove(0).1
}

/// Every link leads to an operation of its document.
#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS.iter() {
        let ids: Vec<&str> =
            operations(document).iter().map(|(_, _, o)| o["operationId"].as_str().unwrap()).collect();
        for (_, path, operation) in operations(document) {
            for answer in operation["responses"].as_object().unwrap().values() {
                for link in answer["links"].as_object().into_iter().flat_map(|l| l.values()) {
                    assert!(ids.contains(&link["operationId"].as_str().unwrap()), "{path}: {link}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_served_with_all_it_needs() {
    let app = TestApp::new().await;
    let page = app.get("/docs/").await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.octets).unwrap();
    for foreign in ["http://", "https://", "\"//"] {
        assert!(!html.contains(foreign), "the page takes something from elsewhere: {html}");
    }
    for part in html.split(['"', '\'']).filter(|p| p.ends_with(".js") || p.ends_with(".css")) {
        assert_eq!(app.get(&format!("/docs/{}", part.trim_start_matches("./"))).await.status, 200, "{part}");
    }
    for document in DOCUMENTS.iter() {
        assert_eq!(app.get(&document.path).await.expect(200), document.body);
    }
    assert_eq!(app.get("/docs/openapi/none.json").await.expect(404)["code"], json!("notFound"));
}
