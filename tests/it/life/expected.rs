//! The expected date: from the manifest's estimates, then from what steps really took; with the line, with a date.

use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::orders::expect;

use super::{expected, place_for, told_of};
use crate::harness::{
    CANCELS, CRM, ORDERS, TestApp, create, modify, provision, restore, service_id, set_state, take_backup,
    terminate,
};
use crate::probe::{TENANT, begin, read, validate, work_once};

/// From now, in seconds.
fn seconds(app: &TestApp, order: &Value) -> i64 {
    (expected(order) - app.engine().db.clock().now()).num_seconds()
}

/// An installation on a machine that has to be made: 30 s for the machine, 5 for the volume (docs/states.md), 5 for
/// the installation (the package's manifest), 10 to start, 5 to look (docs/packages.md).
const INSTALL: i64 = 30 + 5 + 5 + 10 + 5;

fn plain() -> Value {
    provision("C1", "kinfolk", "solo", Some("1.0"))
}

/// Remembers durations of a kind of step, and folds them.
async fn took(app: &TestApp, application: &str, kind: &str, all: impl IntoIterator<Item = i64>) {
    let mut tx = app.engine().db.tenant(TENANT).await.unwrap();
    for ms in all {
        tx.insert_duration(application, kind, ms).await.unwrap();
    }
    tx.commit().await.unwrap();
    expect::fold(app.engine()).await.unwrap();
}

#[tokio::test]
async fn without_experience_it_is_the_packages_estimate() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = app.place(json!([plain()])).await;
    let app_known = app.engine().catalogue.find(CRM).unwrap();
    let of_package: u32 = ["install", "start", "health"].iter().map(|r| app_known.estimate(r)).sum();
    assert_eq!(seconds(&app, &order), 30 + 5 + i64::from(of_package), "{order:#}");
    assert_eq!(seconds(&app, &order), INSTALL);
    validate(&app).await;
}

#[tokio::test]
async fn with_experience_it_is_the_90th_percentile_of_what_steps_took() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    for (application, kind) in
        [("", "create-machine"), ("", "ensure-volume"), (CRM, "start"), (CRM, "health")]
    {
        took(&app, application, kind, [1000]).await;
    }
    // Nine short ones and a long one: the long one is the tenth that may be above.
    took(&app, CRM, "install", (1..=9).map(|n| n * 1000).chain([3_600_000])).await;
    let order = app.place(json!([plain()])).await;
    assert_eq!(seconds(&app, &order), 4 + 9, "{order:#}");
    // A hundred newer ones: the old ones do not count any more, and are forgotten.
    took(&app, CRM, "install", std::iter::repeat_n(20_000, 100)).await;
    let other = app.place(json!([create("C2"), provision("C2", CRM, "solo", None)])).await;
    assert_eq!(seconds(&app, &other), 4 + 20, "{other:#}");
    let mut tx = read(&app).await;
    assert_eq!(tx.step_estimates(CRM).await.unwrap().iter().find(|(k, _)| k == "install").unwrap().1, 20_000);
}

#[tokio::test]
async fn what_steps_take_is_remembered() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    app.done(plain()).await;
    expect::fold(app.engine()).await.unwrap();
    let mut tx = read(&app).await;
    let mut kinds: Vec<_> = tx.step_estimates(CRM).await.unwrap().into_iter().collect();
    kinds.sort();
    let names: Vec<_> = kinds.iter().map(|(k, _)| k.as_str()).collect();
    assert_eq!(names, ["health", "install", "start"]);
    // The install was tried twice, a second and its jitter apart; the clock stood still otherwise.
    assert!((1000..2000).contains(&kinds[1].1), "{kinds:?}");
    assert_eq!(kinds[2].1, 0);
    assert_eq!(tx.step_estimates("").await.unwrap().len(), 2, "machine and volume");
}

#[tokio::test]
async fn an_order_counts_what_stands_before_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    took(&app, CRM, "install", [600_000]).await;
    let first = app.place(json!([plain()])).await;
    let second = app.place(json!([provision("C1", "filenook", "home", None)])).await;
    assert!(seconds(&app, &second) > seconds(&app, &first) + 15, "{second:#}");
    let third = app.place(json!([set_state(&service_id(&first, 0), "inactive")])).await;
    // It takes the time of one stop.
    assert_eq!(expected(&third) - expected(&second), TimeDelta::seconds(10));
    // The first goes: those behind come forward, and that is told, once.
    app.post(CANCELS, &json!({ "serviceOrder": { "id": first["id"] } })).await.expect(201);
    begin(&app).await;
    let nearer = app.show(&third).await;
    assert!(expected(&nearer) < expected(&third) - TimeDelta::seconds(60), "{nearer:#}");
    assert_eq!(told_of(&app, &third, "attributeValueChange").await, 1);
    app.run().await;
    validate(&app).await;
}

#[tokio::test]
async fn a_future_order_counts_from_its_date() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let order = place_for(&app, "2026-12-24T00:00:00Z", json!([plain()])).await;
    let begins = "2026-12-24T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((expected(&order) - begins).num_seconds(), INSTALL, "{order:#}");
}

#[tokio::test]
async fn a_step_that_takes_long_moves_the_date_and_small_changes_do_not() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    // The machine comes at the second try.
    app.faults(json!({ "rules": [{ "operation": "create_machine", "nth": 1, "effect": "retry" }] }));
    let order = app.place(json!([plain()])).await;
    work_once(&app).await;
    let begun = app.show(&order).await;
    assert_eq!(begun["state"], "inProgress");
    app.clock.advance(TimeDelta::hours(1));
    // One that stops at the installation, so that the order is still there to be looked at.
    app.faults(json!({ "rules": [{ "operation": "install", "effect": "retry" }] }));
    work_once(&app).await;
    let late = app.show(&order).await;
    assert_eq!(late["state"], "inProgress");
    assert!(expected(&late) > expected(&begun) + TimeDelta::minutes(50), "{late:#}");
    assert_eq!(told_of(&app, &order, "attributeValueChange").await, 1);
    // The date is not another one because a second passes between two tries.
    app.clock.advance(TimeDelta::seconds(5));
    work_once(&app).await;
    assert_eq!(expected(&app.show(&order).await), expected(&late));
    assert_eq!(told_of(&app, &order, "attributeValueChange").await, 1);
    app.mends();
    app.run().await;
    validate(&app).await;
}

#[tokio::test]
async fn an_order_that_begins_shows_the_date_by_its_plan() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    took(&app, CRM, "upgrade", [500_000]).await;
    let order = app.place(json!([modify(&s, &[("version", "2.0")])])).await;
    assert!(seconds(&app, &order) >= 500, "{order:#}");
    begin(&app).await;
    let begun = app.show(&order).await;
    assert_eq!(begun["state"], "inProgress");
    assert!(seconds(&app, &begun) >= 500, "{begun:#}");
    let list = app.get(&format!("{ORDERS}?expectedCompletionDate.gt=2026-11-23T08:05:00Z")).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

/// What an order of this item takes, placed for a date on which nothing else is to be done.
async fn takes(app: &TestApp, item: Value) -> i64 {
    let order = place_for(app, "2026-12-24T00:00:00Z", json!([item])).await;
    let begins: chrono::DateTime<chrono::Utc> = "2026-12-24T00:00:00Z".parse().unwrap();
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    (expected(&order) - begins).num_seconds()
}

#[tokio::test]
async fn every_action_takes_its_steps() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let backup = app.back_up(&s).await;
    let known = app.engine().catalogue.find(CRM).unwrap();
    let of = |roles: &[&str]| i64::from(roles.iter().map(|r| known.estimate(r)).sum::<u32>());
    // Seconds beside those of the scripts: 60 an archive brought or stored, 1 one dropped, 15 a machine deleted.
    let kept = of(&["backup"]) + 60 + 1;
    for (item, seconds) in [
        (create("C2"), 0),
        (set_state(&s, "active"), 0),
        (set_state(&s, "inactive"), of(&["stop"])),
        (take_backup(&s), kept),
        (restore(&s, &backup), 60 + of(&["backup", "stop", "restore", "start", "health"]) + 1 + 1),
        (terminate(&s), kept + of(&["stop"]) + 15),
        (terminate("C1"), kept + of(&["stop"]) + 15),
        (set_state("C1", "inactive"), of(&["stop"]) + 5),
        (modify(&s, &[("version", "1.1")]), of(&["backup", "stop", "upgrade", "start", "health"]) + 1),
    ] {
        assert_eq!(takes(&app, item.clone()).await, seconds, "{item}");
    }
    app.done(set_state(&s, "inactive")).await;
    assert_eq!(takes(&app, set_state(&s, "active")).await, of(&["start", "health"]));
    app.done(set_state("C1", "inactive")).await;
    assert_eq!(takes(&app, set_state("C1", "active")).await, 10, "the application stays stopped");
    app.done(set_state("C1", "active")).await;
    app.done(terminate(&s)).await;
    let back = 30 + 5 + of(&["install"]) + 60 + of(&["restore"]) + 1 + of(&["start", "health"]);
    assert_eq!(takes(&app, set_state(&s, "active")).await, back);
}
