//! Orders that ended long ago leave the database, for a file or for good.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::orders::archive::archive;

use crate::harness::{
    CANCELS, CRM, ORDERS, PRODUCT_ORDERS, SERVICES, TestApp, create, files_below, modify, provision,
    service_id, terminate,
};
use crate::probe::{read, uuid};

async fn app(folder: bool) -> TestApp {
    TestApp::with(|c| {
        c.archive.days = 90;
        if folder {
            c.archive.folder = c.data.join("archive");
        }
    })
    .await
}

fn folder(app: &TestApp) -> PathBuf {
    app.data().join("archive")
}

/// The file of the day on which every test begins.
const DAY: &str = "default/orders-2026-11-23.jsonl.zst";

/// The names of all files.
fn files(app: &TestApp) -> Vec<String> {
    files_below(&folder(app)).into_keys().collect()
}

/// The lines of a file.
fn lines(path: &Path) -> Vec<Value> {
    let text = zstd::decode_all(std::fs::read(path).unwrap().as_slice()).unwrap();
    String::from_utf8(text).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

#[tokio::test]
async fn orders_go_to_a_file_with_all_that_belongs_to_them() {
    let app = app(true).await;
    app.customer("C1").await;
    let provisioned = app.done(provision("C1", CRM, "solo", None)).await;
    let subscription = service_id(&provisioned, 0);
    // A product order goes with its service order.
    let body = json!({ "productOrderItem": [{ "id": "1", "action": "modify", "quantity": 1,
        "product": { "id": subscription, "productCharacteristic": [{ "name": "plan", "value": "team" }] } }] });
    let product = app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    // One that is cancelled, one that fails, one that is hidden.
    let mut later = json!({ "serviceOrderItem": [create("C2")] });
    later["requestedStartDate"] = json!("2026-11-24T08:00:00Z");
    let cancelled = app.post(ORDERS, &later).await.expect(201);
    app.post(CANCELS, &json!({ "serviceOrder": { "id": cancelled["id"] } })).await.expect(201);
    app.run().await;
    app.breaks("create_machine");
    app.customer("C3").await;
    let failed = app.order(json!([provision("C3", CRM, "solo", None)])).await;
    app.mends();
    assert_eq!((text(&failed, "state"), text(&app.show(&cancelled).await, "state")), ("failed", "cancelled"));
    app.delete(&format!("{ORDERS}/{}", text(&failed, "id"))).await.expect(204);
    // Those that have not ended stay.
    let held = app.held("delete_machine", terminate(&subscription)).await;
    let before = app.counts().await;
    let records = app.records("mediation-csv").await;

    app.goto("2027-02-20T23:59:59Z");
    assert_eq!(archive(app.engine()).await.unwrap(), 0, "the ninetieth day after is not over");
    app.goto("2027-02-22T00:00:01Z");
    assert_eq!(archive(app.engine()).await.unwrap(), 7);
    let file = folder(&app).join(DAY);
    assert_eq!(files(&app), [DAY]);
    let written = lines(&file);
    assert_eq!(written.len(), 7);
    let of = |id: &Value| written.iter().find(|o| o["id"] == *id).unwrap_or_else(|| panic!("{id}"));
    let whole = of(&provisioned["id"]);
    assert_eq!((text(whole, "state"), text(whole, "customer_id")), ("completed", "C1"));
    assert_eq!(whole["request"]["serviceOrderItem"][0]["action"], "add");
    assert_eq!(whole["items"][0]["subscription"], json!(subscription));
    assert!(whole["history"].as_array().unwrap().len() >= 3);
    assert_eq!(whole["jobs"][0]["state"], "done");
    assert!(!whole["jobs"][0]["steps"].as_array().unwrap().is_empty());
    assert_eq!(whole["jobs"][0]["attempts"][0]["outcome"], "done");
    assert_eq!(of(&product["id"])["kind"], "product");
    assert_eq!(of(&cancelled["id"])["cancels"][0]["state"], "done");
    assert_eq!(of(&failed["id"])["state"], "failed");

    // Gone at the doors, with all its rows; what they made stays.
    for (list, id) in
        [(ORDERS, &provisioned["id"]), (ORDERS, &failed["id"]), (PRODUCT_ORDERS, &product["id"])]
    {
        let missing = app.get(&format!("{list}/{}", id.as_str().unwrap())).await.expect(404);
        assert_eq!(missing["code"], "notFound");
    }
    app.get(&format!("/api/v1/orders/{}", text(&provisioned, "id"))).await.expect(404);
    let open = app.get(ORDERS).await.expect(200);
    assert_eq!((open.as_array().unwrap().len(), &open[0]["id"]), (1, &held["id"]));
    let (orders, services) = app.counts().await;
    assert_eq!((orders.as_str(), &services), ("1", &before.1), "counted: {before:?}");
    let (mut tx, id) = (read(&app).await, uuid(&provisioned["id"]));
    assert!(tx.items(id).await.unwrap().is_empty() && tx.history(id).await.unwrap().is_empty());
    assert!(tx.jobs_of(id, None).await.unwrap().is_empty() && tx.personal(id).await.is_err());
    drop(tx);
    assert_eq!(app.service(&subscription).await["state"], "active");
    assert_eq!(app.records("mediation-csv").await, records, "and no record is written again");
    let service = app.get(&format!("{SERVICES}/{subscription}")).await.expect(200);
    assert_eq!(service["state"], "active");
    assert_eq!(archive(app.engine()).await.unwrap(), 0);
    // Life goes on.
    app.customer("C4").await;
    app.done(modify(&app.provision("C4", "stallfront", "stall", None).await, &[("plan", "shop")])).await;
}

#[tokio::test]
async fn without_a_folder_orders_are_deleted() {
    let app = app(false).await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    app.goto("2027-02-22T00:00:01Z");
    assert_eq!(archive(app.engine()).await.unwrap(), 2);
    assert!(app.get(ORDERS).await.expect(200).as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_leaves_no_half_file_and_no_order_twice() {
    let app = app(true).await;
    for n in 0..5 {
        app.customer(&format!("C{n}")).await;
    }
    app.clock.advance(TimeDelta::days(1));
    app.customer("D1").await;
    app.goto("2027-02-22T00:00:01Z");
    let file = folder(&app).join(DAY);
    // One died while it wrote.
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let half = file.with_extension("dead.tmp");
    std::fs::write(&half, b"half").unwrap();
    assert_eq!(archive(app.engine()).await.unwrap(), 5);
    assert_eq!(files(&app), [DAY]);
    assert_eq!(lines(&file).len(), 5);

    // One died between the file and the removal: the file stands, and what it holds is removed.
    let second = file.with_file_name("orders-2026-11-24.jsonl.zst");
    std::fs::write(&second, b"whole, as far as we know").unwrap();
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(archive(app.engine()).await.unwrap(), 1);
    assert_eq!(std::fs::read(&second).unwrap(), b"whole, as far as we know");
    assert!(app.get(ORDERS).await.expect(200).as_array().unwrap().is_empty());
}

#[tokio::test]
async fn two_processes_archive_each_order_once() {
    let app = app(true).await;
    if app.engine().db.kind() == "sqlite" {
        return;
    }
    for n in 0..30 {
        app.place(json!([create(&format!("C{n}"))])).await;
    }
    app.run().await;
    app.goto("2027-02-22T00:00:01Z");
    let other = app.another().await;
    let (one, two) = tokio::join!(Box::pin(archive(app.engine())), Box::pin(archive(&other)));
    assert_eq!(one.unwrap() + two.unwrap(), 30);
    let file = folder(&app).join(DAY);
    assert_eq!(files(&app), [DAY]);
    let mut ids: Vec<String> = lines(&file).iter().map(|o| text(o, "id").to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 30);
}
