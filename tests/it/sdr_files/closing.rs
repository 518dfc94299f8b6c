//! When a file is closed: at the end of its period, when it is full, or by an operator.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use telvisor::config::{FileFormat, Recipient};
use telvisor::mediation::seal::{self, Cut};

use super::{
    ASN1, CSV, check_stream, customers, cut, journal, journal_many, names, octets, only, recipient, rows,
};
use crate::harness::{TestApp, files_below};

#[tokio::test]
async fn an_operator_closes_what_is_open() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["a", "b"]).await;
    app.goto("2026-11-23T15:07:42Z");
    let answer = app.request(axum::http::Method::POST, "/api/v1/sdr/seal", &[], None).await.expect(200);
    let made = answer["files"].as_array().unwrap();
    assert_eq!(made.len(), 2, "{answer:#}");
    let csv = &check_stream(&app, CSV, false).await[0];
    let asn1 = &check_stream(&app, ASN1, false).await[0];
    assert_eq!(csv["name"], "telvisor_-_1.20261123_-_1507+0000.csv");
    assert_eq!(asn1["name"], "telvisor_-_1.20261123_-_1507+0000.cdr");
    for f in [csv, asn1] {
        assert_eq!((f["closeReason"].as_u64(), f["records"].as_u64()), (Some(4), Some(2)));
        assert_eq!(f["periodStart"], "2026-11-23T00:00:00Z");
        assert_eq!(f["periodEnd"], "2026-11-24T00:00:00Z");
        let folder = app.data().join("sdr").join(f["recipient"].as_str().unwrap());
        assert!(f["path"].as_str().unwrap().ends_with(&format!("/{}", f["name"].as_str().unwrap())));
        assert_eq!(files_below(&folder).len(), 1);
    }
    let rows = rows(csv);
    assert!(rows.iter().all(|r| r.len() == 24));
    let h = ["H", "SDR", "1.0", "telvisor", CSV, "1", "LIVE", "2026-11-23T00:00:00+00:00"];
    assert_eq!(rows[0][..8], h);
    assert_eq!(
        rows[0][8..12],
        ["2026-11-24T00:00:00+00:00", "2026-11-23T08:00:01+00:00", "2026-11-23T15:07:42+00:00", "default"]
    );
    assert_eq!((rows[1][0].as_str(), rows[1][1].as_str(), rows[2][1].as_str()), ("D", "1", "2"));
    assert_eq!(rows[3][..5], ["T", "1", "2", "1", "2"]);
    assert_eq!(rows[3][14], "4");
    let text = octets(csv);
    let trailer = text.windows(4).rposition(|w| w == b"\r\nT,").unwrap() + 2;
    assert_eq!(rows[3][15], hex::encode(Sha256::digest(&text[..trailer])));
    // Nothing is open: no file, and no number is used up.
    assert_eq!(cut(&app, Cut::Manual).await, 0);
    journal(&app, "C1", &["c"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!((list.len(), names(&list[1])), (2, vec!["c".to_owned()]));
    assert!(files_below(&app.data().join("sdr/.work")).is_empty());
}

#[tokio::test]
async fn a_day_is_closed_after_its_end_and_once() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["monday"]).await;
    app.goto("2026-11-23T23:59:59.999999Z");
    journal(&app, "C1", &["last of monday"]).await;
    assert_eq!(cut(&app, Cut::Period).await, 0);
    app.goto("2026-11-24T00:00:00Z");
    journal(&app, "C1", &["first of tuesday"]).await;
    assert_eq!(cut(&app, Cut::Period).await, 2);
    assert_eq!(cut(&app, Cut::Period).await, 0);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!(names(&list[0]), ["monday", "last of monday"]);
    assert_eq!(list[0]["closeReason"], 0);
    assert_eq!(
        (&list[0]["periodStart"], &list[0]["periodEnd"]),
        (&json!("2026-11-23T00:00:00Z"), &json!("2026-11-24T00:00:00Z"))
    );
    assert_eq!(list[0]["name"], "telvisor_-_1.20261124_-_0000+0000.csv");
    // Away for days: each day gets its own file, an empty one none, and what is closed by hand tells its day too.
    app.goto("2026-11-26T10:00:00Z");
    journal(&app, "C1", &["thursday"]).await;
    app.goto("2026-11-28T01:00:00Z");
    journal(&app, "C1", &["saturday"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 6);
    let list = check_stream(&app, CSV, false).await;
    let told: Vec<_> =
        list[1..].iter().map(|f| (names(f)[0].clone(), f["closeReason"].as_u64().unwrap())).collect();
    let expected = [("first of tuesday", 0), ("thursday", 0), ("saturday", 4)];
    assert_eq!(told, expected.map(|(n, r)| (n.to_owned(), r)));
    app.goto("2026-11-29T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 0, "nothing was left of saturday");
}

#[tokio::test]
async fn weeks_months_and_cron_follow_the_time_zone() {
    let app = TestApp::with(|c| {
        c.time_zone = "Europe/Berlin".into();
        let schedules = [("d", "day"), ("w", "week"), ("m", "month"), ("h", "0 */6 * * *")];
        c.mediation.recipient = schedules.map(|(n, s)| recipient(n, s)).to_vec();
    })
    .await;
    customers(&app).await;
    // The day on which summer time begins has 23 hours.
    app.goto("2027-03-28T10:00:00Z");
    cut(&app, Cut::Period).await;
    journal(&app, "C1", &["a"]).await;
    let closed = async |at: &str| {
        app.goto(at);
        let mut names: Vec<_> =
            seal::seal(app.engine(), Cut::Period).await.unwrap().into_iter().map(|f| f.recipient).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(closed("2027-03-28T15:59:59Z").await, "");
    assert_eq!(closed("2027-03-28T16:00:00Z").await, "h", "18:00 in Berlin");
    assert_eq!(closed("2027-03-28T21:59:59Z").await, "");
    assert_eq!(closed("2027-03-28T22:00:00Z").await, "d w", "sunday ends at 22:00 in UTC");
    assert_eq!(closed("2027-03-31T21:59:59Z").await, "");
    assert_eq!(closed("2027-03-31T22:00:00Z").await, "m");
    let period = async |name: &str| {
        let f = check_stream(&app, name, false).await.remove(0);
        let rows = rows(&f);
        (rows[0][7].clone(), rows[0][8].clone(), f["name"].as_str().unwrap().to_owned())
    };
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(
        period("d").await,
        text(
            "2027-03-28T00:00:00+01:00",
            "2027-03-29T00:00:00+02:00",
            "telvisor_-_1.20270329_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("w").await,
        text(
            "2027-03-22T00:00:00+01:00",
            "2027-03-29T00:00:00+02:00",
            "telvisor_-_1.20270329_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("m").await,
        text(
            "2027-03-01T00:00:00+01:00",
            "2027-04-01T00:00:00+02:00",
            "telvisor_-_1.20270401_-_0000+0200.csv"
        )
    );
    assert_eq!(
        period("h").await,
        text(
            "2027-03-28T12:00:00+02:00",
            "2027-03-28T18:00:00+02:00",
            "telvisor_-_1.20270328_-_1800+0200.csv"
        )
    );
}

#[tokio::test]
async fn full_files_are_closed_by_count() {
    let app = TestApp::with(only(vec![Recipient { records: 3, ..recipient("r", "day") }])).await;
    customers(&app).await;
    journal_many(&app, 2).await;
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    journal(&app, "C1", &["c", "d", "e", "f", "g"]).await;
    assert_eq!(cut(&app, Cut::Limits).await, 2);
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    assert_eq!(cut(&app, Cut::Period).await, 0);
    assert_eq!(cut(&app, Cut::Manual).await, 1);
    let list = check_stream(&app, "r", false).await;
    let told: Vec<_> =
        list.iter().map(|f| (f["records"].as_u64().unwrap(), f["closeReason"].as_u64().unwrap())).collect();
    assert_eq!(told, [(3, 3), (3, 3), (1, 4)]);
    assert_eq!(names(&list[2]), ["g"]);
}

#[tokio::test]
async fn full_files_are_closed_by_size() {
    let both = [FileFormat::Csv, FileFormat::Asn1].map(|format| Recipient {
        bytes: 4096,
        format,
        ..recipient(if format == FileFormat::Csv { "c" } else { "a" }, "day")
    });
    let app = TestApp::with(only(both.to_vec())).await;
    customers(&app).await;
    journal_many(&app, 10).await;
    assert_eq!(cut(&app, Cut::Limits).await, 0);
    for n in 10..60 {
        journal(&app, "C1", &[&format!("order {n:04}")]).await;
    }
    assert!(cut(&app, Cut::Limits).await >= 4);
    for name in ["a", "c"] {
        let list = check_stream(&app, name, false).await;
        assert!(
            list.iter().all(|f| f["closeReason"] == 1 && f["bytes"].as_u64().unwrap() <= 4096),
            "{list:#?}"
        );
        assert!(list.iter().all(|f| f["bytes"].as_u64().unwrap() > 3000), "and not much less: {list:#?}");
    }
    assert_eq!(cut(&app, Cut::Limits).await, 0, "the rest is not full");
    cut(&app, Cut::Manual).await;
    for name in ["a", "c"] {
        let list = check_stream(&app, name, false).await;
        let all: Vec<String> = list.iter().flat_map(names).collect();
        assert_eq!(all, (0..60).map(|n| format!("order {n:04}")).collect::<Vec<_>>());
        assert_eq!(list.last().unwrap()["closeReason"], 4);
    }
}
