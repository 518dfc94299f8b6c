//! Nothing completes without its record.

use serde_json::json;
use telvisor::apps::catalogue::Catalogue;
use telvisor::engine::Engine;
use telvisor::mediation::journal;
use telvisor::orders::finish;
use telvisor::orders::moves::Moving;
use telvisor::store::StoreError;

use crate::harness::{CRM, TestApp, modify};
use crate::probe::{TENANT, uuid};

/// The same process without a catalogue.
async fn without_catalogue(app: &TestApp) -> Engine {
    Engine { catalogue: Catalogue::default(), ..app.another().await }
}

#[tokio::test]
async fn a_change_whose_direction_cannot_be_told_is_an_error() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let order = app.order(json!([modify(&s, &[("version", "2.0"), ("plan", "team")])])).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    let moving = Moving::load(&mut tx, uuid(&order["id"])).await.unwrap().unwrap();
    let jobs = finish::jobs_of(&mut tx, &moving, 0).await.unwrap();
    let blind = without_catalogue(&app).await;
    let (o, i) = (&moving.order, &moving.items[0]);
    let told = journal::completed_item(&blind, &mut tx, o, i, &jobs).await;
    assert!(matches!(told, Err(StoreError::Missing { .. })), "{told:?}");
    // With its catalogue it writes what it has written: once.
    journal::completed_item(app.engine(), &mut tx, o, i, &jobs).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.records("mediation-csv").await.len(), 3);
}

#[tokio::test]
async fn a_completed_item_whose_subscription_is_gone_is_an_error() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    let orders = crate::probe::orders(&app).await;
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    let mut moving = Moving::load(&mut tx, uuid(&orders[0]["id"])).await.unwrap().unwrap();
    let intent = moving.items[0].intent.0.as_mut().unwrap();
    intent.subscription = Some(uuid::Uuid::from_u128(1));
    let told = journal::completed_item(app.engine(), &mut tx, &moving.order, &moving.items[0], &[]).await;
    assert!(matches!(told, Err(StoreError::Missing { .. })), "{told:?}");
}
