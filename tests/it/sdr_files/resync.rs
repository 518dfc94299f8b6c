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
    let done = run(&app, std::slice::from_ref(&got)).await;
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

#[tokio::test]
async fn every_layout_is_taken_over_heartbeats_and_own_columns_too() {
    let table = |text: &str| toml::from_str::<telvisor::config::Recipient>(text).unwrap();
    let own = "[csv]\nseparator = ';'\ntrailer = [{ field = 'count' }]\n\
               columns = [{ field = 'recordId' }, { field = 'seq', width = 8, right = true, fill = '0' }]";
    let list = vec![
        table("name = 'csv'\nformat = 'csv'\nempty = 'heartbeat'"),
        table("name = 'headers'\nformat = 'asn1'\nframing = 'ts32297'\nempty = 'heartbeat'"),
        table("name = 'batch'\nformat = 'asn1'\nframing = 'batch'\nempty = 'heartbeat'"),
        table(&format!(
            "name = 'own'\nformat = 'csv'\nempty = 'heartbeat'\nfile_name = 'S{{seq:05}}.csv'\n{own}"
        )),
    ];
    let app = TestApp::with(super::only(list)).await;
    customers(&app).await;
    journal(&app, "C1", &["a", "b"]).await;
    app.goto("2026-11-24T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 4);
    journal(&app, "C1", &["c", "d", "e"]).await;
    app.goto("2026-11-26T00:00:00Z");
    assert_eq!(cut(&app, Cut::Period).await, 8, "tuesday, and wednesday without records");
    let before = super::files(&app, "own", false).await.len();
    change(
        &app,
        &[
            "DELETE FROM sdr_files WHERE file_seq > 1",
            "DELETE FROM sdr_numbers WHERE file_seq > 1",
            "UPDATE sdr_streams SET next_file = 2, next_number = 3",
        ],
    )
    .await;
    let done = run(&app, &[]).await;
    assert_eq!(done.len(), 4);
    for stream in &done {
        let told = (stream.files.len(), stream.numbered, stream.next_file, stream.next_number);
        assert_eq!(told, (2, 3, 4, 6), "{stream:?}");
        assert!(stream.lost.is_empty() && stream.doubled.is_empty());
    }
    assert!(run(&app, &[]).await.is_empty(), "once is enough");
    journal(&app, "C1", &["f"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 4);
    for name in ["csv", "headers", "batch", "own"] {
        let list = files(&app, name, false).await;
        assert_eq!(list.len(), before + 1, "{name}");
        let numbers: Vec<_> =
            list.iter().map(|f| (f["fileSeq"].as_u64(), f["firstNumber"].as_u64())).collect();
        let expected = [(1, 1), (2, 3), (3, 6), (4, 6)].map(|(f, n)| (Some(f), Some(n)));
        assert_eq!(numbers, expected, "{name}");
    }
    let unjoined = app.engine().db.read_system().await.unwrap().unjoined_files().await.unwrap();
    assert!(unjoined.is_empty(), "{unjoined:?}");
    // One whose columns tell too little is not guessed at.
    let blind = table("name = 'blind'\nformat = 'csv'\n[csv]\ncolumns = [{ field = 'externalOrderId' }]");
    let app = app.restart_with(|c| c.mediation.recipient.push(blind)).await;
    journal(&app, "C1", &["g"]).await;
    cut(&app, Cut::Manual).await;
    change(
        &app,
        &[
            "DELETE FROM sdr_files WHERE recipient = 'blind'",
            "UPDATE sdr_streams SET next_file = 1 WHERE recipient = 'blind'",
        ],
    )
    .await;
    let refused = resync(&app.engine().db, &app.config, &[]).await.unwrap_err().to_string();
    assert!(refused.contains("--last-file"), "{refused}");
}
