//! Periods without records, files that are open for long, and clocks that jump.

use chrono::TimeDelta;
use telvisor::config::{Empty, FileFormat, Framing, Recipient};
use telvisor::mediation::seal::Cut;

use super::{check_stream, customers, cut, decoded, journal, names, only, recipient};
use crate::harness::TestApp;

fn beating(name: &str, schedule: &str) -> Recipient {
    Recipient { empty: Empty::Heartbeat, ..recipient(name, schedule) }
}

#[tokio::test]
async fn a_period_without_records_makes_a_heartbeat_where_that_is_wanted() {
    let asn1 = |name: &str, framing| Recipient {
        framing,
        empty: Empty::Heartbeat,
        ..Recipient::new(name, FileFormat::Asn1)
    };
    let list = vec![
        beating("csv", "day"),
        asn1("headers", Framing::Ts32297),
        asn1("batch", Framing::Batch),
        recipient("quiet", "day"),
    ];
    let app = TestApp::with(only(list)).await;
    // Nobody has ever done anything: a stream of nothing is told, too.
    app.goto("2026-11-24T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 3);
    assert_eq!(cut(&app, Cut::Period).await, 0, "once a period");
    customers(&app).await;
    journal(&app, "C1", &["tuesday"]).await;
    // Away until friday: wednesday and thursday are told, each by its own file, in the order of the days.
    app.goto("2026-11-27T00:00:01Z");
    assert_eq!(cut(&app, Cut::Period).await, 3 * 3 + 1);
    for name in ["csv", "headers", "batch"] {
        let list = check_stream(&app, name, false).await;
        let told: Vec<_> = list
            .iter()
            .map(|f| (f["periodStart"].as_str().unwrap()[..10].to_owned(), f["records"].as_u64().unwrap()))
            .collect();
        let expected = [("2026-11-23", 0), ("2026-11-24", 1), ("2026-11-25", 0), ("2026-11-26", 0)];
        assert_eq!(told, expected.map(|(d, n)| (d.to_owned(), n)), "{name}");
        assert_eq!(decoded(&list[3])["totals"]["count"], 0);
    }
    assert_eq!(check_stream(&app, "quiet", false).await.len(), 1);
    // What an operator closed in the middle of the day was no empty day.
    journal(&app, "C1", &["friday"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 4);
    app.goto("2026-11-28T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 0);
}

#[tokio::test]
async fn a_file_is_closed_when_its_first_record_has_waited_long_enough() {
    let app = TestApp::with(only(vec![Recipient { open_minutes: 5, ..recipient("r", "day") }])).await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    app.clock.advance(TimeDelta::minutes(4));
    journal(&app, "C1", &["b"]).await;
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(cut(&app, Cut::Limits).await, 1);
    let list = check_stream(&app, "r", false).await;
    assert_eq!((names(&list[0]), list[0]["closeReason"].as_u64()), (vec!["a".into(), "b".into()], Some(2)));
    app.clock.advance(TimeDelta::minutes(30));
    assert_eq!(cut(&app, Cut::Limits).await, 0, "nothing has waited since");
}

#[tokio::test]
async fn the_days_of_summer_time_month_ends_and_the_leap_day_each_make_their_file() {
    for (begin, days) in [("2028-02-27", 4), ("2028-03-24", 5), ("2028-10-27", 5), ("2028-12-30", 4)] {
        let app = TestApp::with(|c| {
            c.time_zone = "Europe/Athens".into();
            c.mediation.recipient = vec![recipient("r", "day"), recipient("m", "month")];
        })
        .await;
        customers(&app).await;
        let first: chrono::NaiveDate = begin.parse().unwrap();
        app.goto(&format!("{begin}T12:00:00Z"));
        cut(&app, Cut::Period).await;
        let before = check_stream(&app, "r", false).await.len();
        for _ in 0..days {
            journal(&app, "C1", &[&format!("{}", app.engine().db.clock().now())]).await;
            // Some hours at a time, so that no day is left out or cut twice.
            for _ in 0..6 {
                app.clock.advance(TimeDelta::hours(4));
                cut(&app, Cut::Period).await;
            }
        }
        let list = check_stream(&app, "r", false).await.split_off(before);
        assert_eq!(list.len(), days);
        for (n, f) in list.iter().enumerate() {
            let info = &decoded(f)["file"];
            let day = first + TimeDelta::days(n as i64);
            assert!(
                info["periodStart"].as_str().unwrap().starts_with(&format!("{day}T00:00:00")),
                "{info:#}"
            );
            let next = day + TimeDelta::days(1);
            assert!(info["periodEnd"].as_str().unwrap().starts_with(&format!("{next}T00:00:00")), "{info:#}");
            assert_eq!(f["records"], 1);
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_doubles_and_loses_nothing() {
    let app = TestApp::with(only(vec![beating("r", "0 * * * *")])).await;
    customers(&app).await;
    app.goto("2026-11-23T09:00:00Z");
    cut(&app, Cut::Period).await;
    journal(&app, "C1", &["a"]).await;
    app.goto("2026-11-23T10:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 1);
    // Two hours back: what is written there still comes after what is sealed, and no period is cut twice.
    app.goto("2026-11-23T08:30:00Z");
    journal(&app, "C1", &["b"]).await;
    assert_eq!(cut(&app, Cut::Period).await, 0);
    app.goto("2026-11-23T10:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 0);
    journal(&app, "C1", &["c"]).await;
    app.goto("2026-11-23T11:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 1);
    let list = check_stream(&app, "r", false).await;
    let all: Vec<_> = list.iter().flat_map(names).collect();
    assert_eq!(all, ["a", "b", "c"]);
    let times: Vec<_> = list.iter().map(|f| f["periodStart"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
}
