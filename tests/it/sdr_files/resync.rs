//! A standby takes over that lacked what the lost primary sealed last.

use telvisor::mediation::resync::{Got, Resynced, resync};
use telvisor::mediation::seal::Cut;

use super::{ASN1, CSV, customers, cut, decoded, files, journal, names};
use crate::harness::TestApp;

/// Runs statements behind the server's back.
async fn change(app: &TestApp, statements: &[&'static str]) {
    let url = app.config.database_url();
    if app.engine().db.kind() == "postgres" {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&pool).await.unwrap();
        }
        pool.close().await;
    } else {
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&pool).await.unwrap();
        }
        pool.close().await;
    }
}

async fn run(app: &TestApp, got: &[Got]) -> Vec<Resynced> {
    resync(&app.engine().db, &app.config, got).await.unwrap()
}

/// The first file of each recipient is known, the second and third were sealed by the lost primary; of the third one
/// a record is lost, too.
async fn taken_over() -> TestApp {
    let app = TestApp::new().await;
    customers(&app).await;
    for records in [&["a", "b"][..], &["c", "d"], &["e", "lost"]] {
        journal(&app, "C1", records).await;
        assert_eq!(cut(&app, Cut::Manual).await, 2);
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    change(
        &app,
        &[
            "DELETE FROM sdr_files WHERE file_seq > 1",
            "DELETE FROM sdr_numbers WHERE file_seq > 1",
            "UPDATE sdr_streams SET next_file = 2, next_number = 3",
            "DELETE FROM sdr WHERE cause = 'lost'",
        ],
    )
    .await;
    app
}

#[tokio::test]
async fn numbers_of_the_lost_primary_are_not_given_again() {
    let app = taken_over().await;
    let lost = {
        let folder = app.data().join("sdr").join(CSV);
        let third =
            crate::harness::files_below(&folder).into_iter().find(|(n, _)| n.contains("_-_3.")).unwrap();
        let records = telvisor_sdr::decode::decode(&third.1).unwrap().records;
        records.iter().find(|r| r.external_order_id.as_deref() == Some("lost")).unwrap().record_id
    };
    let done = run(&app, &[]).await;
    assert_eq!(done.len(), 2);
    for stream in &done {
        assert_eq!((stream.files.len(), stream.numbered, stream.next_file, stream.next_number), (2, 3, 4, 7));
        assert_eq!((&stream.lost[..], stream.doubled.len()), (&[lost][..], 0));
    }
    assert!(run(&app, &[]).await.is_empty(), "once is enough");

    // What comes next goes on behind, and holds nothing that was sealed before.
    journal(&app, "C1", &["f"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    for recipient in [CSV, ASN1] {
        let list = files(&app, recipient, false).await;
        let seqs: Vec<_> = list.iter().map(|f| f["fileSeq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, [1, 2, 3, 4]);
        assert_eq!(names(&list[3]), ["f"]);
        assert_eq!(decoded(&list[3])["records"][0]["seq"], 7);
    }
}

#[tokio::test]
async fn what_a_recipient_has_collected_is_told() {
    let app = taken_over().await;
    std::fs::remove_dir_all(app.data().join("sdr").join(CSV)).unwrap();
    let got = Got { recipient: CSV.into(), tenant: "default".into(), test: false, file: 3, number: 6 };
    let done = run(&app, &[got.clone()]).await;
    let csv = done.iter().find(|s| s.recipient == CSV).unwrap();
    assert_eq!((csv.files.len(), csv.next_file, csv.next_number), (0, 4, 7));
    // Less than was given before changes nothing.
    let done = run(&app, &[Got { file: 1, number: 1, ..got.clone() }]).await;
    assert_eq!((done[0].next_file, done[0].next_number), (4, 7));
    let unknown = Got { recipient: "nobody".into(), ..got };
    assert!(
        resync(&app.engine().db, &app.config, &[unknown]).await.unwrap_err().to_string().contains("nobody")
    );
}

#[tokio::test]
async fn who_seals_too_early_is_told_what_the_recipient_has_twice() {
    let app = taken_over().await;
    // c, d and e go into a second file 2, under another time.
    app.clock.advance(chrono::TimeDelta::minutes(1));
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    let done = run(&app, &[]).await;
    for stream in &done {
        assert_eq!(
            (stream.files.len(), stream.numbered, stream.doubled.len(), stream.lost.len()),
            (1, 0, 1, 1)
        );
        assert_eq!((stream.next_file, stream.next_number), (4, 7));
    }
    journal(&app, "C1", &["f"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    assert_eq!(names(files(&app, CSV, false).await.last().unwrap()), ["f"]);
}
