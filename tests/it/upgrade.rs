//! A rolling upgrade: this release on the schema of the next one.

use serde_json::json;
use tokio::sync::watch;

use crate::crash::client::Client;
use crate::crash::site::{Site, Start};
use crate::harness::{ORDERS, create};

#[tokio::test]
async fn a_server_runs_on_a_schema_that_is_ahead_and_refuses_one_that_has_left_it_behind() {
    let mut site = Box::pin(Site::open()).await;
    let mut server = site.ready().await;
    assert!(server.terminate().await.success());
    // What the next release adds, and that ours can do with it.
    change(
        &site,
        &[
            "ALTER TABLE orders ADD COLUMN of_the_next_release TEXT",
            "CREATE TABLE of_the_next_release (tenant TEXT NOT NULL PRIMARY KEY)",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'the next release', true, 'x', 1)",
            "INSERT INTO schema_releases (migration, lowest_release) VALUES (9999, '0.1.0')",
        ],
    )
    .await;
    let mut server = site.ready().await;
    let client = Client::new(watch::channel(server.url.clone()).1, watch::channel(0).0);
    let placed = client.post(ORDERS, &json!({ "serviceOrderItem": [create("C-1")] })).await.expect(201);
    assert_eq!(client.order_ended(placed["id"].as_str().unwrap()).await["state"], "completed");
    assert!(server.terminate().await.success());

    change(&site, &["UPDATE schema_releases SET lowest_release = '99.0.0' WHERE migration = 9999"]).await;
    match site.start(None).await {
        Start::Ready(_) => panic!("it must not touch what it does not know"),
        Start::Ended(_, words) => assert!(words.contains("the schema needs release 99.0.0"), "{words}"),
    }
}

/// Changes the database behind the server's back.
async fn change(site: &Site, statements: &[&'static str]) {
    match site.database() {
        Some(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            for statement in statements {
                sqlx::query(*statement).execute(&pool).await.unwrap();
            }
            pool.close().await;
        }
        None => {
            let url = format!("sqlite:{}", site.data().join("telvisor.db").display());
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            for statement in statements {
                sqlx::query(*statement).execute(&pool).await.unwrap();
            }
            pool.close().await;
        }
    }
}
