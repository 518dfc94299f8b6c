//! Drafts of TMF622 v5: free to change, without effect, and unknown to everybody else until they are submitted.

use axum::http::Method;
use serde_json::{Value, json};

use super::{PRODUCT_CANCELS_V5, PRODUCT_ORDERS_V5, all_typed, product_order5};
use crate::harness::{CANCELS, CRM, ORDERS, PRODUCT_ORDERS, TestApp};
use crate::probe::{read, uuid, validate};
use crate::tmf622::{provision, terminate};

fn draft(items: &Value) -> Value {
    let mut body = product_order5(items);
    body["requestedInitialState"] = json!("draft");
    body
}

async fn total(app: &TestApp, list: &str) -> String {
    app.get(list).await.headers["x-total-count"].to_str().unwrap().to_owned()
}

/// A draft of an order for a customer that is there, and its path.
async fn drafted(app: &TestApp) -> (Value, String) {
    app.customer("C1").await;
    let body = draft(&json!([provision("C1", &format!("{CRM}.solo"))]));
    let kept = app.post(PRODUCT_ORDERS_V5, &body).await.expect(201);
    let path = format!("{PRODUCT_ORDERS_V5}/{}", kept["id"].as_str().unwrap());
    (kept, path)
}

#[tokio::test]
async fn a_draft_has_no_effect_and_is_unknown_to_v4() {
    let app = TestApp::new().await;
    let before = app.counts().await;
    let (kept, path) = drafted(&app).await;
    assert_eq!((&kept["state"], &kept["requestedInitialState"]), (&json!("draft"), &json!("draft")));
    assert!(kept["productOrderItem"][0].get("state").is_none(), "{kept:#}");
    all_typed(&kept, "");
    app.run().await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "draft");
    assert_eq!(
        app.counts().await.0,
        (before.0.parse::<u32>().unwrap() + 1).to_string(),
        "the customer's order alone"
    );
    assert!(app.machines().is_empty());
    assert!(read(&app).await.events_of(uuid(&kept["id"])).await.unwrap().is_empty());

    let id = kept["id"].as_str().unwrap();
    let v4 = format!("{PRODUCT_ORDERS}/{id}");
    app.get(&v4).await.expect(404);
    app.patch(&v4, &json!({ "description": "x" })).await.expect(404);
    app.delete(&v4).await.expect(404);
    let cancel = json!({ "productOrder": { "id": id } });
    app.post("/tmf-api/productOrderingManagement/v4/cancelProductOrder", &cancel).await.expect(400);
    for (query, v4, v5) in [("", "0", "1"), ("?state=draft", "0", "1"), ("?state=acknowledged", "0", "0")] {
        assert_eq!(total(&app, &format!("{PRODUCT_ORDERS}{query}")).await, v4, "{query}");
        assert_eq!(total(&app, &format!("{PRODUCT_ORDERS_V5}{query}")).await, v5, "{query}");
    }
    assert_eq!(app.get(PRODUCT_ORDERS).await.expect(200), json!([]));
    assert_eq!(app.get(PRODUCT_ORDERS_V5).await.expect(200)[0]["id"], kept["id"]);
    assert_eq!(total(&app, ORDERS).await, "1", "no service order stands behind it");
    let cancel = json!({ "@type": "CancelProductOrder", "productOrder": { "id": id } });
    let told = app.post(PRODUCT_CANCELS_V5, &cancel).await.expect(409);
    assert!(told["message"].as_str().unwrap().contains("delete it"), "{told}");
    app.post(CANCELS, &json!({ "serviceOrder": { "id": id } })).await.expect(400);
    // Nobody waits for it.
    let end = app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": [terminate("C1")] })).await.expect(201);
    app.run().await;
    let ended = app.get(&format!("{PRODUCT_ORDERS}/{}", end["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(ended["state"], "completed");
    validate(&app).await;
}

#[tokio::test]
async fn a_draft_is_changed_freely_and_submitted() {
    let app = TestApp::new().await;
    let (kept, path) = drafted(&app).await;
    let plan = json!([
        { "op": "replace", "path": "/productOrderItem/0/productOffering/id", "value": format!("{CRM}.team") },
        { "op": "add", "path": "/description", "value": "for the team" },
    ]);
    let headers = [("content-type", "application/json-patch+json")];
    let changed =
        app.request(Method::PATCH, &path, &headers, Some(plan.to_string().as_bytes())).await.expect(200);
    assert_eq!(changed["state"], "draft");
    assert_eq!(changed["productOrderItem"][0]["productOffering"]["id"], format!("{CRM}.team"));
    assert_eq!((&changed["id"], &changed["creationDate"]), (&kept["id"], &kept["creationDate"]));
    app.clock.advance(chrono::TimeDelta::hours(1));
    app.patch(&path, &json!({ "priority": "1", "description": null })).await.expect(200);
    let now = app.get(&path).await.expect(200);
    assert_eq!(now["priority"], "1");
    assert!(now.get("description").is_none());
    for (body, status) in [
        (json!({ "state": "inProgress" }), 409),
        (json!({ "requestedInitialState": "acknowledged" }), 400),
        (json!({ "creationDate": "2020-01-01T00:00:00Z" }), 400),
        (json!({ "productOrderItem": [] }), 400),
        (json!({ "relatedParty": [{ "id": "C1" }] }), 400),
    ] {
        app.patch(&path, &body).await.expect(status);
    }
    let stale = [("if-match", "\"older\""), ("content-type", "application/json")];
    assert_eq!(
        app.request(Method::PATCH, &path, &stale, Some(b"{\"state\":\"acknowledged\"}")).await.status,
        412
    );

    let submitted =
        app.patch(&path, &json!({ "@type": "ProductOrder", "state": "acknowledged" })).await.expect(200);
    assert_eq!((&submitted["id"], &submitted["creationDate"]), (&kept["id"], &kept["creationDate"]));
    app.run().await;
    let done = app.get(&path).await.expect(200);
    assert_eq!(done["state"], "completed", "{done:#}");
    let product = done["productOrderItem"][0]["product"]["id"].as_str().unwrap();
    let service = app.service(product).await;
    assert_eq!(super::named(&service["serviceCharacteristic"], "plan")["value"], "team");
    assert_eq!(total(&app, PRODUCT_ORDERS).await, "1");
    let events = read(&app).await.events_of(uuid(&kept["id"])).await.unwrap();
    assert_eq!(events[0].kind, telvisor_model::EventKind::Create);
    validate(&app).await;
}

#[tokio::test]
async fn a_submission_is_checked_as_a_post_is_and_refusal_leaves_the_draft() {
    let app = TestApp::new().await;
    // What it names need not be there before it is submitted.
    let body = draft(&json!([provision("C1", &format!("{CRM}.solo"))]));
    let kept = app.post(PRODUCT_ORDERS_V5, &body).await.expect(201);
    let path = format!("{PRODUCT_ORDERS_V5}/{}", kept["id"].as_str().unwrap());
    let submit = json!({ "state": "acknowledged" });
    let told = app.patch(&path, &submit).await.expect(400);
    assert!(told["message"].as_str().unwrap().starts_with("relatedParty"), "{told}");
    assert_eq!(app.get(&path).await.expect(200), kept, "nothing has changed");
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    app.patch(&path, &submit).await.expect(409);
    assert_eq!(app.get(&path).await.expect(200)["state"], "draft");
    let other = json!({ "productOrderItem": product_order5(&json!([provision("C1", "stallfront.stall")]))["productOrderItem"] });
    app.patch(&path, &other).await.expect(200);
    app.patch(&path, &submit).await.expect(200);
    // Submitted is submitted.
    app.patch(&path, &submit).await.expect(200);
    app.run().await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "completed");
    app.patch(&path, &submit).await.expect(409);

    let bare = draft(&json!([{ "id": "1", "action": "add" }]));
    let kept = app.post(PRODUCT_ORDERS_V5, &bare).await.expect(201);
    let path = format!("{PRODUCT_ORDERS_V5}/{}", kept["id"].as_str().unwrap());
    assert_eq!(app.patch(&path, &submit).await.expect(200)["state"], "rejected");
    validate(&app).await;
}

#[tokio::test]
async fn a_draft_is_deleted_and_its_key_stays_used() {
    let app = TestApp::new().await;
    let mut body = draft(&json!([provision("C1", &format!("{CRM}.solo"))]));
    body["externalId"] = json!([{ "@type": "ExternalIdentifier", "id": "E1" }]);
    let kept = app.post(PRODUCT_ORDERS_V5, &body).await.expect(201);
    let again = app.post(PRODUCT_ORDERS_V5, &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201)["id"], kept["id"]);
    body["requestedInitialState"] = json!("acknowledged");
    app.post(PRODUCT_ORDERS_V5, &body).await.expect(409);
    let path = format!("{PRODUCT_ORDERS_V5}/{}", kept["id"].as_str().unwrap());
    assert_eq!(app.delete(&path).await.status, 204);
    app.get(&path).await.expect(404);
    app.patch(&path, &json!({ "state": "acknowledged" })).await.expect(404);
    app.post(PRODUCT_ORDERS_V5, &body).await.expect(409);
    assert_eq!(total(&app, PRODUCT_ORDERS_V5).await, "0");
}

#[tokio::test]
async fn an_order_is_accepted_until_its_first_job_is_claimed() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let body = product_order5(&json!([provision("C1", &format!("{CRM}.solo"))]));
    let placed = app.post(PRODUCT_ORDERS_V5, &body).await.expect(201);
    assert_eq!(placed["state"], "acknowledged");
    crate::probe::begin(&app).await;
    let path = format!("{PRODUCT_ORDERS_V5}/{}", placed["id"].as_str().unwrap());
    let shown = app.get(&path).await.expect(200);
    assert_eq!(shown["state"], "inProgress.accepted");
    // For v4 it is in progress, and so it is for who asks for all that are.
    let v4 = app.get(&format!("{PRODUCT_ORDERS}/{}", placed["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(v4["state"], "inProgress");
    assert_eq!(total(&app, &format!("{PRODUCT_ORDERS_V5}?state=inProgress")).await, "1");
    let asked = async |states: &str| {
        let list = format!("{PRODUCT_ORDERS_V5}?state={states}");
        let count = app.get(&list).await.expect(200).as_array().unwrap().len();
        assert_eq!(total(&app, &list).await, count.to_string(), "{states}");
        count
    };
    assert_eq!(asked("inProgress.accepted").await, 1);
    assert_eq!(asked("held,inProgress.accepted").await, 1);
    assert_eq!(asked("held,completed").await, 0);
    app.get(&format!("{PRODUCT_ORDERS}?state=inProgress.accepted")).await.expect(200);
    assert_eq!(total(&app, &format!("{PRODUCT_ORDERS}?state=inProgress.accepted")).await, "0", "not for v4");
    app.patch(&path, &shown).await.expect(200);
    app.patch(&path, &json!({ "state": "inProgress" })).await.expect(200);
    // It tries again after a while, and so is still at work.
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    crate::probe::work_once(&app).await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "inProgress");
    assert_eq!((asked("inProgress.accepted").await, asked("inProgress").await), (0, 1));
    assert_eq!(asked("inProgress.accepted,inProgress").await, 1);
    app.mends();
    app.run().await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "completed");
}

#[tokio::test]
async fn a_submitted_draft_is_approved_and_expected_as_a_new_order_is() {
    let app = TestApp::with(|c| c.approval.applications = vec![CRM.to_owned()]).await;
    let (kept, path) = drafted(&app).await;
    assert!(kept.get("expectedCompletionDate").is_none(), "{kept:#}");
    let submitted = app.patch(&path, &json!({ "state": "acknowledged" })).await.expect(200);
    app.customer("C2").await;
    let items = json!([provision("C2", &format!("{CRM}.solo"))]);
    let posted = app.post(PRODUCT_ORDERS_V5, &product_order5(&items)).await.expect(201);
    assert_eq!(
        (&submitted["state"], &posted["state"]),
        (&json!("pending"), &json!("pending")),
        "{submitted:#}"
    );
    assert!(submitted["expectedCompletionDate"].is_string(), "{submitted:#}");
    let takes = |o: &Value, since: chrono::DateTime<chrono::Utc>| {
        o["expectedCompletionDate"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
            - since
    };
    let now = app.engine().db.clock().now();
    assert!((takes(&submitted, now) - takes(&posted, now)).abs() < chrono::TimeDelta::seconds(2));
    let approve = format!("/api/v1/orders/{}/approval", kept["id"].as_str().unwrap());
    app.run().await;
    assert_eq!(app.get(&path).await.expect(200)["state"], "pending", "nothing is done before");
    let told = app.post(&approve, &json!({ "approve": true })).await.expect(200);
    assert!(
        told["href"].as_str().unwrap().starts_with("http://localhost:8080/tmf-api/productOrdering"),
        "{told}"
    );
    app.run().await;
    let done = app.get(&path).await.expect(200);
    assert_eq!(done["state"], "completed", "{done:#}");
    validate(&app).await;
}
