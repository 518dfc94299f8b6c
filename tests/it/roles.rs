//! Several processes on one PostgreSQL, each with a role of its own.

use serde_json::{Value, json};
use telvisor::clock::{Clock as _, SystemClock};
use tokio::sync::watch;

use crate::crash::client::Client;
use crate::crash::site::{Server, Site};
use crate::harness::{CRM, ORDERS, create, database, provision, service_id};
use crate::notify::{Ear, HUB};
use crate::process::{Looks, PATIENCE};

/// None where there is no PostgreSQL: SQLite has one process.
async fn site() -> Option<Site> {
    let database = database().await?;
    Some(Box::pin(Site::open_on(Some(database))).await)
}

async fn process(site: &mut Site, role: &str, more: &[(&str, &str)]) -> Server {
    let mut variables = vec![("TELVISOR_ROLE", role.to_owned())];
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    site.process(&variables).await
}

fn client(api: &Server) -> Client {
    Client::new(watch::channel(api.url.clone()).1, watch::channel(0).0)
}

fn order(item: &Value) -> Value {
    json!({ "serviceOrderItem": [item] })
}

#[tokio::test]
async fn a_process_without_doors_tells_its_health_and_metrics() {
    let Some(mut site) = site().await else { return };
    for role in ["worker", "mediation"] {
        let server = process(&mut site, role, &[("TELVISOR_HEALTH__LISTEN", "127.0.0.1:0")]).await;
        assert!(server.url.is_empty() && server.health.starts_with("http://127.0.0.1:"), "{}", server.health);
        let client = Client::new(watch::channel(server.health.clone()).1, watch::channel(0).0);
        assert_eq!(client.get("/health/ready").await.expect(200)["status"], "ready");
        let metrics = client.get("/metrics").await;
        assert!(String::from_utf8(metrics.body).unwrap().contains("telvisor_orders_open 0"));
        client.get(ORDERS).await.expect(404);
    }
}

/// Who holds each lease: its name and the id of the process.
async fn holders(pool: &sqlx::PgPool) -> Vec<(String, u32)> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, holder FROM leases WHERE lease_until > clock_timestamp()")
            .fetch_all(pool)
            .await
            .unwrap();
    let id = |holder: &str| holder.split('-').next().unwrap().parse().unwrap();
    rows.into_iter().map(|(name, holder)| (name, id(&holder))).collect()
}

/// Waits until these processes hold these leases.
async fn held(pool: &sqlx::PgPool, wanted: &[(&str, u32)]) {
    let mut looks = Looks::until(&format!("leases are held as {wanted:?}"), PATIENCE);
    loop {
        let held = holders(pool).await;
        if wanted.iter().all(|(name, id)| held.iter().any(|(n, i)| n == name && i == id)) {
            return;
        }
        looks.again().await;
    }
}

#[tokio::test]
async fn what_only_one_process_does_goes_on_when_it_dies() {
    let Some(mut site) = site().await else { return };
    let ear = Ear::open().await;
    // A file for each record.
    let files = [("TELVISOR_MEDIATION__RECIPIENT", r#"[{name="one",format="csv",records=1}]"#)];
    let api = process(&mut site, "api", &files).await;
    let pool = sqlx::PgPool::connect(site.database().unwrap()).await.unwrap();
    let mut worker = process(&mut site, "worker", &files).await;
    let mut mediation = process(&mut site, "mediation", &files).await;
    held(&pool, &[("sweep", worker.id()), ("notify", worker.id()), ("mediation", mediation.id())]).await;
    let next = [process(&mut site, "worker", &files).await, process(&mut site, "mediation", &files).await];
    worker.kill().await;
    mediation.kill().await;
    let [w, m] = [next[0].id(), next[1].id()];
    held(&pool, &[("sweep", w), ("notify", w), ("mediation", m)]).await;

    // And they do it: a future order begins, its events arrive, its record is in a file.
    let client = client(&api);
    client.post(HUB, &json!({ "callback": ear.url })).await.expect(201);
    let mut later = order(&create("C-1"));
    let soon = SystemClock.now() + chrono::TimeDelta::seconds(2);
    later["requestedStartDate"] = json!(soon.to_rfc3339());
    let placed = client.post(ORDERS, &later).await.expect(201);
    let done = client.order_ended(placed["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let provisioned = client.post(ORDERS, &order(&provision("C-1", CRM, "solo", None))).await.expect(201);
    let done = client.order_ended(provisioned["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let mut looks = Looks::until("the listener is told of the end", PATIENCE);
    while !ear.heard().iter().any(|h| h.order() == (done["id"].as_str().unwrap(), "completed")) {
        looks.again().await;
    }
    let mut looks = Looks::until("the record is in a file", PATIENCE);
    loop {
        let files = client.get("/api/v1/sdr/files").await.expect(200);
        if files.as_array().unwrap().iter().any(|f| f["recipient"] == "one" && f["state"] != "sealed") {
            break;
        }
        looks.again().await;
    }

    // One that ends lets others lead at once.
    let [mut worker, mut mediation] = next;
    assert!(worker.terminate().await.success() && mediation.terminate().await.success());
    let held = holders(&pool).await;
    assert!(held.iter().all(|(_, id)| ![w, m].contains(id)), "{held:?}");
    pool.close().await;
}

#[tokio::test]
async fn of_fifty_conflicting_orders_at_two_processes_one_wins_and_none_is_lost() {
    let Some(mut site) = site().await else { return };
    let apis = [process(&mut site, "api", &[]).await, process(&mut site, "api", &[]).await];
    let _worker = process(&mut site, "worker", &[]).await;
    let clients = [client(&apis[0]), client(&apis[1])];
    for item in [create("C-1"), provision("C-1", CRM, "solo", None)] {
        let mut posts = vec![];
        for n in 0..50 {
            let (client, body) = (clients[n % 2].clone(), order(&item));
            posts.push(tokio::spawn(async move { client.post(ORDERS, &body).await }));
        }
        let (mut won, mut refused) = (vec![], 0);
        for post in posts {
            let answer = post.await.unwrap();
            match answer.status {
                201 => won.push(answer.json()),
                409 => refused += 1,
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!((won.len(), refused), (1, 49));
        let done = clients[0].order_ended(won[0]["id"].as_str().unwrap()).await;
        assert_eq!(done["state"], "completed", "{done:#}");
        assert_eq!(clients[1].order(won[0]["id"].as_str().unwrap()).await["state"], "completed");
        assert!(!service_id(&done, 0).is_empty());
    }
    assert_eq!(clients[0].all(ORDERS).await.len(), 2);
    assert_eq!(std::fs::read_dir(site.world().join("machines")).unwrap().count(), 1);
}
