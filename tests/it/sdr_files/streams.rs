//! Which records come into which stream of files: each once, in the order of their commits.

use chrono::TimeDelta;
use telvisor::config::Recipient;
use telvisor::mediation::seal::{self, Cut};

use super::{
    ASN1, CSV, check_stream, customers, cut, decoded, files, journal, names, only, recipient, rows, write,
};
use crate::harness::{TestApp, files_below};

#[tokio::test]
async fn test_customers_have_files_and_numbers_of_their_own() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    journal(&app, "T1", &["t"]).await;
    journal(&app, "C1", &["b"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 4);
    journal(&app, "T1", &["u"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    for r in [CSV, ASN1] {
        let (live, test) = (check_stream(&app, r, false).await, check_stream(&app, r, true).await);
        assert_eq!(live.iter().flat_map(names).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(test.iter().flat_map(names).collect::<Vec<_>>(), ["t", "u"]);
        let folder = app.data().join("sdr").join(r).join("test");
        assert!(test.iter().all(|f| folder.join(f["name"].as_str().unwrap()).is_file()));
    }
    let rows = rows(&files(&app, CSV, true).await[1]);
    assert_eq!((rows[0][5].as_str(), rows[0][6].as_str(), rows[1][1].as_str()), ("2", "TEST", "2"));
    assert_eq!(rows[1][9], "T1");
}

#[tokio::test]
async fn recipients_begin_when_they_are_configured() {
    let app = TestApp::with(only(vec![recipient("one", "day")])).await;
    customers(&app).await;
    journal(&app, "C1", &["before"]).await;
    let mut app = app;
    app.config.mediation.recipient = vec![recipient("one", "day"), recipient("two", "week")];
    let mut app = app.restart().await;
    journal(&app, "C1", &["both"]).await;
    cut(&app, Cut::Manual).await;
    assert_eq!(
        check_stream(&app, "one", false).await.iter().flat_map(names).collect::<Vec<_>>(),
        ["before", "both"]
    );
    assert_eq!(check_stream(&app, "two", false).await.iter().flat_map(names).collect::<Vec<_>>(), ["both"]);
    // The first one goes; the other one goes on with its numbers under its new configuration.
    app.config.mediation.recipient = vec![Recipient { records: 1, ..recipient("two", "day") }];
    let app = app.restart().await;
    journal(&app, "C1", &["c", "d"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 2);
    assert_eq!(check_stream(&app, "one", false).await.len(), 1);
    assert_eq!(
        check_stream(&app, "two", false).await.iter().flat_map(names).collect::<Vec<_>>(),
        ["both", "c", "d"]
    );
    let ids: Vec<_> = files(&app, "one", false)
        .await
        .iter()
        .chain(&files(&app, "two", false).await)
        .flat_map(|f| decoded(f)["records"].as_array().unwrap().clone())
        .filter(|r| r["externalOrderId"] == "both")
        .map(|r| r["recordId"].clone())
        .collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "a record has one id for all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_seals_at_once_make_each_file_once() {
    let app = TestApp::new().await;
    customers(&app).await;
    for round in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..8 {
            let engine = app.running.engine.clone();
            tasks.spawn(async move {
                let mut tx = engine.db.tenant("default").await.unwrap();
                write(&mut tx, "C1", &format!("order {round} {n}")).await;
                tx.commit().await.unwrap();
                seal::seal(&engine, Cut::Manual).await.unwrap();
            });
        }
        tasks.join_all().await;
    }
    for r in [CSV, ASN1] {
        let list = check_stream(&app, r, false).await;
        let mut all: Vec<String> = list.iter().flat_map(names).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
        assert_eq!(list.iter().map(|f| f["records"].as_u64().unwrap()).sum::<u64>(), 40);
    }
    assert!(files_below(&app.data().join("sdr/.work")).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_still_to_be_committed_is_not_lost() {
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["first"]).await;
    let mut open = app.engine().db.tenant("default").await.unwrap();
    write(&mut open, "C1", "in a transaction that takes its time").await;
    app.goto("2026-11-24T00:00:01Z");
    let engine = app.running.engine.clone();
    let sealing = tokio::spawn(async move { seal::seal(&engine, Cut::Period).await });
    if app.engine().db.kind() == "postgres" {
        // The seal stands before the lock that the open transaction shares.
        let pool = sqlx::PgPool::connect(&app.config.database.url).await.unwrap();
        let waits = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let look =
            async { while sqlx::query_scalar::<_, i64>(waits).fetch_one(&pool).await.unwrap() == 0 {} };
        tokio::time::timeout(std::time::Duration::from_secs(30), look).await.expect("the seal waits");
        pool.close().await;
    }
    assert!(!sealing.is_finished());
    open.commit().await.unwrap();
    assert_eq!(sealing.await.unwrap().unwrap().len(), 2);
    let list = check_stream(&app, CSV, false).await;
    assert_eq!(names(&list[0]), ["first", "in a transaction that takes its time"]);
    // One that is rolled back leaves no gap.
    let mut open = app.engine().db.tenant("default").await.unwrap();
    write(&mut open, "C1", "rolled back").await;
    drop(open);
    journal(&app, "C1", &["last"]).await;
    app.clock.advance(TimeDelta::seconds(1));
    cut(&app, Cut::Manual).await;
    assert_eq!(names(&check_stream(&app, CSV, false).await[1]), ["last"]);
}
