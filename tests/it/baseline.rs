//! What `make bench` holds the server against writes the same rows as the server does.

#[path = "../../benches/accept/pgbench.rs"]
mod pgbench;

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use crate::harness::{CRM, ORDERS, TestApp};

/// Rows by table.
async fn rows(pool: &PgPool) -> BTreeMap<String, u64> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut counts = BTreeMap::new();
    for table in tables {
        let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let count: i64 = sqlx::query_scalar(text).fetch_one(pool).await.unwrap();
        counts.insert(table, u64::try_from(count).unwrap());
    }
    counts
}

fn grown(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = after.iter().map(|(table, n)| (table.clone(), n - before[table]));
    more.filter(|(_, n)| *n > 0).collect()
}

#[tokio::test]
async fn pgbench_writes_the_rows_of_an_order() {
    let app = TestApp::new().await;
    let url = app.config.database.url.clone();
    if !url.starts_with("postgres") {
        // SQLite has no pgbench; `make bench` holds its own writer against the server's rows.
        return;
    }
    let pool = PgPool::connect(&url).await.unwrap();
    let names = ["first-1", "first-2"];
    let mut counts = vec![rows(&pool).await];
    for name in names {
        let party = json!([{ "id": name, "role": "customer" }]);
        let items = json!([
            { "id": "1", "action": "add", "service": {
                "serviceSpecification": { "id": "customer-account" }, "relatedParty": party,
                "serviceCharacteristic": [{ "name": "name", "value": "Ada 'at:home' Lovelace" }],
            } },
            { "id": "2", "action": "add", "service": {
                "serviceSpecification": { "id": CRM }, "relatedParty": party,
                "serviceCharacteristic": [{ "name": "plan", "value": "solo" }],
            } },
        ]);
        app.post(ORDERS, &json!({ "externalId": name, "serviceOrderItem": items })).await.expect(201);
        counts.push(rows(&pool).await);
    }
    let own = grown(&counts[0], &counts[1]);
    assert_eq!(own, grown(&counts[1], &counts[2]), "every order has as many rows");

    let script = pgbench::Script::of(&pool, &own, names).await.unwrap();
    assert_eq!(script.rows() as u64, own.values().sum::<u64>());
    for clients in [1, 2] {
        let length = ["--transactions", "3"];
        script.run(&url, &app.data(), clients, length, clients as u64 * 100).await.unwrap();
    }
    let theirs = grown(&counts[2], &rows(&pool).await);
    let nine: BTreeMap<_, _> = own.into_iter().map(|(table, n)| (table, n * 9)).collect();
    assert_eq!(theirs, nine, "{}", script.text);
    pool.close().await;
}
