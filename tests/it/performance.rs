//! Performance counters: derived from what happened, each thing once, whatever was open or dead meanwhile.

use axum::http::Method;
use chrono::TimeDelta;
use clap::Parser as _;
use serde_json::{Value, json};
use telvisor::cli::{Cli, Out, run};
use telvisor::performance::{COUNTERS, begin_of, round};
use telvisor::store::sdr::NewSdr;
use telvisor::store::{Tenant, Tx};

use crate::harness::{CRM, PRODUCT_ORDERS, TestApp, create, provision, terminate};
use crate::process::{Looks, PATIENCE};

const PERFORMANCE: &str = "/api/v1/performance";

async fn close(app: &TestApp) {
    Box::pin(round(app.engine())).await.expect("the database answers");
}

async fn list(app: &TestApp, query: &str) -> Vec<Value> {
    app.get(&format!("{PERFORMANCE}?limit=1000&{query}")).await.expect(200).as_array().unwrap().clone()
}

/// What a counter comes to in all periods of five minutes, by its labels.
async fn count(app: &TestApp, counter: &str, labels: &[(&str, &str)]) -> i64 {
    let found = list(app, &format!("minutes=5&counter={counter}")).await;
    let fits = |row: &&Value| labels.iter().all(|(k, v)| row["labels"][k] == *v);
    found.iter().filter(fits).map(|row| row["count"].as_i64().unwrap()).sum()
}

/// A record of the customer C1, written now in an open transaction.
async fn record(app: &TestApp, cause: &str) -> Tx<Tenant> {
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    let c = tx.customer_by_id("C1").await.unwrap().unwrap();
    let subject = tx.subject(c.uid, "C1", None).await.unwrap();
    let now = tx.now();
    let body = json!({});
    let new =
        NewSdr { cause, subject, test: false, only: None, kind: "upgraded", body: &body, event_time: now };
    tx.insert_sdr(&new).await.unwrap();
    tx
}

#[tokio::test]
async fn everything_that_happened_is_counted_once() {
    let app = TestApp::new().await;
    // Counting begins with the first round.
    close(&app).await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [{ "operation": "install", "nth": 1, "effect": "retry" }] }));
    let s = app.provision("C1", CRM, "solo", None).await;
    app.mends();
    let item =
        json!({ "id": "1", "action": "add", "quantity": 1, "productOffering": { "id": "stallfront.stall" } });
    let body = json!({ "productOrderItem": [item], "relatedParty": [{ "id": "C1", "role": "customer" }] });
    app.post(PRODUCT_ORDERS, &body).await.expect(201);
    app.run().await;
    app.breaks("stop");
    app.place(json!([provision("C1", "ledgerwell", "basic", None)])).await;
    app.run().await;
    app.mends();
    app.records("mediation-csv").await;
    app.done(terminate(&s)).await;
    app.goto("2026-11-23T09:40:40Z");
    for _ in 0..3 {
        close(&app).await;
    }
    for (counter, labels, wanted) in [
        ("orders.received", &[("door", "tmf641"), ("kind", "service")][..], 4),
        ("orders.received", &[("door", "tmf622"), ("kind", "product")], 1),
        ("orders.received", &[("door", "tmf622"), ("kind", "service")], 1),
        ("orders.ended", &[("kind", "service"), ("outcome", "completed")], 5),
        ("orders.ended", &[("kind", "product"), ("outcome", "completed")], 1),
        ("items.ended", &[("action", "provision"), ("outcome", "completed")], 3),
        ("items.ended", &[("action", "create-customer")], 1),
        ("sdr.written", &[("type", "installed"), ("stream", "live")], 3),
        ("files.sealed", &[("recipient", "mediation-csv"), ("stream", "live")], 1),
        ("files.records", &[("recipient", "mediation-csv")], 3),
        ("machines.made", &[], 1),
    ] {
        assert_eq!(count(&app, counter, labels).await, wanted, "{counter} {labels:?}");
    }
    let sealed = list(&app, "minutes=60&counter=files.sealed&labels.regex=mediation-csv").await;
    assert!(sealed[0]["sum"].as_i64().unwrap() > 500, "octets: {sealed:#?}");
    let attempts = count(&app, "attempts", &[]).await;
    assert!(attempts > 3, "{attempts}");
    let steps = list(&app, "minutes=60&counter=steps").await;
    let install =
        steps.iter().find(|r| r["labels"]["step"] == "install").unwrap_or_else(|| panic!("{steps:#?}"));
    assert_eq!(install["count"], 3);
    // The one that failed first was done after a pause.
    let (sum, longest) = (install["sum"].as_i64().unwrap(), install["longest"].as_i64().unwrap());
    assert!(longest >= 500 && longest <= sum, "{install:#}");
    // Each length counts the same.
    for minutes in [15, 60] {
        let rows = list(&app, &format!("minutes={minutes}&counter=orders.received")).await;
        let all: i64 = rows.iter().map(|r| r["count"].as_i64().unwrap()).sum();
        assert_eq!(all, 6, "{minutes}");
    }
    assert!(list(&app, "").await.iter().all(|r| r["settled"] == true));
    let machines = list(&app, "minutes=5&counter=machines").await;
    assert_eq!(machines.len(), 1, "taken as the last period ended, and not made up for: {machines:#?}");
    assert_eq!((&machines[0]["labels"]["state"], &machines[0]["count"]), (&json!("running"), &json!(1)));
}

#[tokio::test]
async fn periods_are_aligned_and_settle_after_a_while() {
    let app = TestApp::new().await;
    app.goto("2026-11-23T08:03:00Z");
    close(&app).await;
    app.customer("C1").await;
    app.goto("2026-11-23T08:05:00Z");
    close(&app).await;
    let rows = list(&app, "minutes=5&counter=orders.received").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["periodStart"], &rows[0]["periodEnd"]),
        (&json!("2026-11-23T08:00:00Z"), &json!("2026-11-23T08:05:00Z"))
    );
    assert_eq!(rows[0]["settled"], false, "a process whose clock is behind may still add to it");
    assert!(list(&app, "minutes=15&counter=orders.received").await.is_empty(), "that period is not over");
    app.goto("2026-11-23T08:05:31Z");
    close(&app).await;
    assert_eq!(list(&app, "minutes=5&counter=orders.received").await[0]["settled"], true);
}

/// A transaction that was open when the period ended adds to it, as long as it lasts.
#[tokio::test]
async fn a_row_that_is_committed_late_is_counted_where_it_belongs() {
    let app = TestApp::new().await;
    let postgres = app.engine().db.kind() == "postgres";
    if postgres {
        // The database's own clock says how long a transaction has been open.
        let theirs = app.engine().db.system().await.unwrap().database_now().await.unwrap();
        app.clock.advance(theirs - app.engine().db.clock().now());
    }
    close(&app).await;
    app.customer("C1").await;
    let now = app.engine().db.clock().now();
    let end = begin_of(now, 5) + TimeDelta::minutes(5);
    app.clock.advance(end - TimeDelta::seconds(1) - now);
    let late = record(&app, "late").await;
    app.clock.advance(TimeDelta::minutes(3));
    let written = async || count(&app, "sdr.written", &[("type", "upgraded")]).await;
    if postgres {
        close(&app).await;
        close(&app).await;
        let rows = list(&app, "minutes=5&counter=orders.received").await;
        assert_eq!((written().await, &rows[0]["settled"]), (0, &json!(false)));
        late.commit().await.unwrap();
        // What only read may take a moment to end; what is open that long is waited for.
        let mut looks = Looks::until("the period is settled", PATIENCE);
        while list(&app, "minutes=5&counter=sdr.written").await.iter().all(|row| row["settled"] == false) {
            close(&app).await;
            looks.again().await;
        }
    } else {
        // There is one writer: the period waits for it.
        let (closed, committed) = tokio::join!(round(app.engine()), late.commit());
        closed.unwrap();
        committed.unwrap();
    }
    assert_eq!(written().await, 1);
    let rows = list(&app, "minutes=5&counter=sdr.written").await;
    assert_eq!(rows[0]["periodEnd"], json!(telvisor::clock::show(end)));
    assert_eq!(rows[0]["settled"], true);
    record(&app, "next").await.commit().await.unwrap();
    app.clock.advance(TimeDelta::minutes(6));
    close(&app).await;
    assert_eq!(written().await, 2, "the next one counts into its own period");
    assert_eq!(list(&app, "minutes=5&counter=sdr.written").await.len(), 2);
}

#[tokio::test]
async fn periods_in_which_nothing_ran_are_made_up_for() {
    let app = TestApp::new().await;
    close(&app).await;
    app.customer("C1").await;
    app.clock.advance(TimeDelta::minutes(20));
    app.customer("C2").await;
    let app = app.restart().await;
    app.clock.advance(TimeDelta::days(1));
    close(&app).await;
    let rows = list(&app, "minutes=5&counter=orders.received&sort=periodStart").await;
    let starts: Vec<_> = rows.iter().map(|r| r["periodStart"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-11-23T08:00:00Z", "2026-11-23T08:20:00Z"]);
    assert!(rows.iter().all(|r| r["count"] == 1));
}

#[tokio::test]
async fn old_counters_are_forgotten_and_lengths_are_configured() {
    let app = TestApp::with(|c| (c.performance.minutes, c.performance.keep_days) = (vec![10], 2)).await;
    close(&app).await;
    app.customer("C1").await;
    app.clock.advance(TimeDelta::hours(1));
    close(&app).await;
    assert_eq!(list(&app, "counter=orders.received&minutes=10").await.len(), 1);
    assert!(list(&app, "minutes=5").await.is_empty());
    app.clock.advance(TimeDelta::days(3));
    close(&app).await;
    assert!(list(&app, "counter=orders.received").await.is_empty());
    // It goes on where it was.
    app.customer("C2").await;
    app.clock.advance(TimeDelta::hours(1));
    close(&app).await;
    assert_eq!(list(&app, "counter=orders.received").await.len(), 1);
}

#[tokio::test]
async fn counters_are_read_in_pages_as_json_and_csv_and_at_the_command_line() {
    let app = TestApp::new().await;
    close(&app).await;
    app.done(create("C1")).await;
    app.clock.advance(TimeDelta::minutes(61));
    close(&app).await;
    let answer = app.get(&format!("{PERFORMANCE}?limit=1&sort=-minutes")).await;
    let link = answer.headers["link"].to_str().unwrap();
    assert!(link.contains("rel=\"next\""), "{link}");
    let total: usize = answer.headers["x-total-count"].to_str().unwrap().parse().unwrap();
    assert_eq!(answer.body[0]["minutes"], 60);
    assert!(total >= 6, "{total}");
    app.get(&format!("{PERFORMANCE}?colour=red")).await.expect(400);
    app.get(&format!("{PERFORMANCE}?minutes=many")).await.expect(400);
    let csv = [("accept", "text/csv")];
    let query = format!("{PERFORMANCE}?minutes=60&counter=orders.ended");
    let answer = app.request(Method::GET, &query, &csv, None).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(answer.headers["x-total-count"], "1");
    assert_eq!(
        String::from_utf8(answer.octets).unwrap(),
        "periodStart,periodEnd,minutes,counter,labels,count,sum,longest,settled\r\n\
         2026-11-23T08:00:00Z,2026-11-23T09:00:00Z,60,orders.ended,door=tmf641;kind=service;outcome=completed,1,,,true\r\n"
    );
    let server = app.listens().await;
    let say = async |words: &str| {
        let mut text = vec![];
        let line =
            format!("telvisor performance --minutes 60 --counter orders.ended {words} --server {server}");
        let cli = Cli::parse_from(line.split_whitespace());
        let status = run(cli, &mut Out::new(&mut text, words.contains("--json"))).await.unwrap();
        assert_eq!(status, 0);
        String::from_utf8(text).unwrap()
    };
    let table = say("").await;
    assert!(table.contains("door=tmf641;kind=service;outcome=completed  1"), "{table}");
    assert!(say("--csv").await.contains(",orders.ended,door=tmf641;kind=service;outcome=completed,1,,,yes"));
    let json: Value = serde_json::from_str(&say("--json --since 2026-11-23T08:00:00Z").await).unwrap();
    assert_eq!(json[0]["count"], 1);
    assert_eq!(say("--since 2026-11-23T09:00:00Z").await, "nothing was counted\n");
}

/// The page has a line for each counter, and each is derived and tested.
#[test]
fn the_page_lists_every_counter() {
    let read = |path: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    let (page, store) = (read("docs/performance.md"), read("src/store/performance.rs"));
    for (name, labels, what, sums) in COUNTERS {
        assert!(page.contains(&format!("| `{name}` | {labels} | {what} | {sums} |")), "{name}");
        assert!(store.contains(&format!("'{name}'")), "{name}");
    }
    assert_eq!(page.matches("\n| `").count(), COUNTERS.len());
}
