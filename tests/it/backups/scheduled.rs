//! Backups that a plan includes: kinfolk's plan `company` takes one at 02:30.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use telvisor::orders::schedule;

use super::{expire, object, states};
use crate::harness::{CRM, ORDERS, TestApp, modify, set_state, terminate};

async fn due(app: &TestApp) -> usize {
    schedule::run(app.engine()).await.unwrap()
}

/// How many scheduled backups were ordered.
async fn ordered(app: &TestApp) -> usize {
    let orders = app.get(&format!("{ORDERS}?category=backup&limit=1000")).await.expect(200);
    let orders = orders.as_array().unwrap().clone();
    for o in &orders {
        let channel = o["externalReference"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["externalReferenceType"] == "channel");
        assert_eq!(channel.unwrap()["id"], "schedule", "{o:#}");
    }
    orders.len()
}

#[tokio::test]
async fn a_plan_with_backups_orders_each_once_and_keeps_the_newest() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "company", None).await;
    app.goto("2026-11-24T02:29:59Z");
    assert_eq!((due(&app).await, ordered(&app).await), (0, 0));
    app.goto("2026-11-24T02:30:00Z");
    due(&app).await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
    app.run().await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
    assert_eq!(states(&app.backups(&s).await), ["available"]);
    // The category tells the schedule's orders from this one.
    let mine = app.back_up(&s).await;
    for day in 25..=30 {
        app.goto(&format!("2026-11-{day}T02:30:00Z"));
        due(&app).await;
        app.run().await;
        expire(&app).await;
    }
    assert_eq!(states(&app.backups(&s).await), ["available"; 8]);
    for day in 1..=2 {
        app.goto(&format!("2026-12-0{day}T02:30:00Z"));
        due(&app).await;
        app.run().await;
        expire(&app).await;
    }
    let all = app.backups(&s).await;
    assert_eq!(all.len(), 10);
    let kept: Vec<_> = all.iter().filter(|b| b["state"] == "available").collect();
    assert_eq!(kept.len(), 8, "seven scheduled ones, and the ordered one");
    assert!(kept.iter().any(|b| b["id"] == mine.as_str()));
    assert!(all.iter().all(|b| object(&app, b).exists() == (b["state"] == "available")));
    assert_eq!(all.last().unwrap()["state"], "expired", "the oldest went");
    let records = app.records("mediation-csv").await;
    assert_eq!(records.iter().filter(|r| r["recordType"] == "backup-taken").count(), 10);
}

#[tokio::test]
async fn a_server_that_was_away_orders_what_became_due_once() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.provision("C1", CRM, "company", None).await;
    let app = app.restart().await;
    app.goto("2026-11-27T12:00:00Z");
    due(&app).await;
    app.run().await;
    assert_eq!(ordered(&app).await, 1);
    app.goto("2026-11-28T02:30:00Z");
    due(&app).await;
    assert_eq!(ordered(&app).await, 2);
}

#[tokio::test]
async fn an_order_between_due_time_and_sweep_does_not_push_the_backup_away() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "company", Some("1.0")).await;
    app.goto("2026-11-24T02:30:00Z");
    app.done(modify(&s, &[("version", "2.0")])).await;
    due(&app).await;
    assert_eq!(ordered(&app).await, 1);
}

#[tokio::test]
async fn a_schedule_follows_the_state_of_its_subscription() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "team", None).await;
    let mut day = 23;
    let mut expected = 0;
    let steps: [(Value, bool); 9] = [
        (modify(&s, &[("plan", "company")]), true),
        (set_state(&s, "inactive"), false),
        (set_state(&s, "active"), true),
        (set_state("C1", "inactive"), false),
        (set_state("C1", "active"), true),
        (terminate(&s), false),
        (set_state(&s, "active"), true),
        (terminate("C1"), false),
        (set_state("C1", "active"), true),
    ];
    for (item, runs) in steps {
        app.done(item.clone()).await;
        day += 1;
        app.goto(&telvisor::clock::show(
            "2026-11-01T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(day - 1),
        ));
        due(&app).await;
        app.run().await;
        expected += usize::from(runs);
        assert_eq!(ordered(&app).await, expected, "after {item}");
    }
    app.done(modify(&s, &[("plan", "team")])).await;
    app.clock.advance(TimeDelta::days(2));
    due(&app).await;
    assert_eq!(ordered(&app).await, expected, "the smaller plan has no schedule");
}

#[tokio::test]
async fn each_day_has_one_backup_when_clocks_change() {
    let app = TestApp::with(|c| c.time_zone = "Europe/Berlin".into()).await;
    app.customer("C1").await;
    app.provision("C1", CRM, "company", None).await;
    // 02:30 does not exist on 28 March 2027, and comes twice on 31 October.
    for (first, days) in [("2027-03-26T23:00:00Z", 4), ("2027-10-29T22:00:00Z", 4)] {
        app.goto(first);
        due(&app).await;
        app.run().await;
        let mut by_day: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..days * 48 {
            app.clock.advance(TimeDelta::minutes(30));
            let before = ordered(&app).await;
            due(&app).await;
            app.run().await;
            let new = ordered(&app).await - before;
            let local = app.engine().db.clock().now().with_timezone(&chrono_tz::Europe::Berlin);
            *by_day.entry(local.date_naive().to_string()).or_default() += new;
            if new > 0 {
                let time = local.format("%H:%M").to_string();
                assert!(
                    time == "02:30"
                        || (time == "03:00" || time == "03:30")
                            && local.date_naive().to_string() == "2027-03-28",
                    "{local}"
                );
            }
        }
        let whole: Vec<_> = by_day.iter().take(days).collect();
        assert!(whole.iter().all(|(_, n)| **n == 1), "{by_day:?}");
    }
}
