//! What only PostgreSQL has: TLS, an owner of the schema, a standby that takes over. Where `TEST_POSTGRES` does not name
//! the script that starts private servers, what needs servers of its own is not tried.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;

use crate::crash::client::Client;
use crate::crash::site::{Server, Site, Start};
use crate::harness::{CRM, ORDERS, TestApp, create, database, setting};
use crate::process::{PATIENCE, telvisor};

/// Private servers, each in a folder of its own.
struct Servers {
    script: PathBuf,
    folder: TempDir,
    made: Vec<&'static str>,
}

impl Servers {
    /// One server by the name of `a`, and its URL; none where the test run has none.
    async fn open() -> Option<(Self, String)> {
        let script = PathBuf::from(setting("TEST_POSTGRES")?);
        let folder = TempDir::new().unwrap();
        // The servers run as another user.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let mut servers = Self { script, folder, made: vec!["a"] };
        let url = servers.run("start", &["a"]).await;
        Some((servers, url))
    }

    /// A synchronous standby of `a` by the name of `b`, and its URL.
    async fn standby(&mut self) -> String {
        self.made.push("b");
        self.run("standby", &["a", "b"]).await
    }

    async fn run(&mut self, what: &str, names: &[&str]) -> String {
        let mut command = Command::new(&self.script);
        command.arg(what).args(names.iter().map(|n| self.folder.path().join(n)));
        let out = command.stderr(Stdio::inherit()).output().await.unwrap();
        assert!(out.status.success(), "{what}: {}", out.status);
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for name in &self.made {
            let mut command = std::process::Command::new(&self.script);
            command.arg("stop").arg(self.folder.path().join(name));
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
        }
    }
}

fn client(server: &Server) -> Client {
    counted_client(server).0
}

/// A client, and how many of its POSTs were answered.
fn counted_client(server: &Server) -> (Client, watch::Receiver<usize>) {
    let (posted, count) = watch::channel(0);
    (Client::new(watch::channel(server.url.clone()).1, posted), count)
}

fn port(url: &str) -> &str {
    url.rsplit_once(':').unwrap().1.split('/').next().unwrap()
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own_and_a_password_from_a_file() {
    let Some((servers, url)) = Servers::open().await else { return };
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    for statement in [
        "CREATE ROLE with_password LOGIN PASSWORD 'pass:word@1'",
        "CREATE DATABASE telvisor OWNER with_password",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let ca = servers.path("a").join("tls/ca.pem");
    let with = |host: &str| {
        let port = port(&url);
        format!(
            "postgres://with_password@{host}:{port}/telvisor?sslmode=verify-full&sslrootcert={}",
            ca.display()
        )
    };
    let mut site = Box::pin(Site::open_on(Some(with("localhost")))).await;
    let file = site.data().with_file_name("password");
    std::fs::write(&file, "pass:word@1\n").unwrap();
    let password = [("TELVISOR_DATABASE__PASSWORD_FILE", file.display().to_string())];
    let server = site.process(&password).await;
    let client = client(&server);
    let placed = client.post(ORDERS, &json!({ "serviceOrderItem": [create("C-1")] })).await.expect(201);
    assert_eq!(client.order_ended(placed["id"].as_str().unwrap()).await["state"], "completed");
    let (all, tls): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE datname = 'telvisor'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(all > 0 && all == tls, "{tls} of {all} by TLS");
    pool.close().await;

    // A certificate of nobody that is trusted, and a wrong password, keep it from starting.
    let untrusted = with("localhost").split("&sslrootcert").next().unwrap().to_owned();
    std::fs::write(&file, "wrong\n").unwrap();
    for (url, said) in [(untrusted, "certificate"), (with("localhost"), "password")] {
        let log = site.data().with_file_name("refused.log");
        let mut command = telvisor(&log);
        command.args(["migrate", "--database", &url]).arg("--data").arg(site.data());
        command.env("TELVISOR_DATABASE__PASSWORD_FILE", &file);
        let status = command.status().await.unwrap();
        let words = std::fs::read_to_string(&log).unwrap();
        assert!(!status.success() && words.contains(said), "{words}");
    }
}

#[tokio::test]
async fn the_schema_may_belong_to_another_role() {
    let Some(owner) = database().await else { return };
    let role = format!("r_{}", owner.rsplit_once('/').unwrap().1);
    let pool = sqlx::PgPool::connect(&owner).await.unwrap();
    let run = async |statement: String| {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    };
    run(format!("CREATE ROLE {role} LOGIN")).await;
    run(format!(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
    ))
    .await;
    run(format!("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}")).await;
    let user = owner.replace("//telvisor@", &format!("//{role}@"));
    assert_ne!(user, owner);
    let mut site = Box::pin(Site::open_on(Some(user.clone()))).await;
    // As the role itself, which may not; and without anybody who would.
    for (as_owner, said) in
        [(user.clone(), "owner_url set"), (String::new(), "missing); run `telvisor migrate`")]
    {
        match site.start_one(&[("TELVISOR_DATABASE__OWNER_URL", as_owner)]).await {
            Start::Ready(_) => panic!("it may not make the schema"),
            Start::Ended(_, words) => assert!(words.contains(said), "{words}"),
        }
    }
    let owned = [("TELVISOR_DATABASE__OWNER_URL", owner)];
    let mut server = site.process(&owned).await;
    assert!(server.terminate().await.success());
    // The schema is up to date now: nobody has to own it.
    let server = site.process(&[]).await;
    let client = client(&server);
    let placed = client.post(ORDERS, &json!({ "serviceOrderItem": [create("C-1")] })).await.expect(201);
    assert_eq!(client.order_ended(placed["id"].as_str().unwrap()).await["state"], "completed");
    drop(server);
    pool.close().await;
}

/// Claims, leases and sequencers go over a connection of their own, which a role may have that sees all tenants.
#[tokio::test]
async fn what_crosses_tenants_may_be_done_by_another_role() {
    let Some(owner) = database().await else { return };
    let app = TestApp::with(|c| {
        c.database.url.clone_from(&owner);
        c.database.owner_url.clone_from(&owner);
        c.database.system_url.clone_from(&owner);
    })
    .await;
    let tenants = format!("r_{}", owner.rsplit_once('/').unwrap().1);
    let pool = sqlx::PgPool::connect(&owner).await.unwrap();
    for statement in [
        format!("CREATE ROLE {tenants} LOGIN"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {tenants}"),
        format!("REVOKE ALL ON leases, installation FROM {tenants}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let less = owner.replace("//telvisor@", &format!("//{tenants}@"));
    let app = app.restart_with(|c| c.database.url.clone_from(&less)).await;
    app.customer("C1").await;
    app.provision("C1", CRM, "solo", None).await;
    app.notify_all().await;
    app.records("mediation-csv").await;
    // The role of the tenants is not allowed to do what the other one did.
    let less = sqlx::PgPool::connect(&less).await.unwrap();
    assert!(sqlx::query("SELECT FROM leases").execute(&less).await.is_err());
    less.close().await;
    pool.close().await;
}

/// Places orders, four at a time, until it is told to stop: the ids of those that were answered.
async fn load(client: Client, round: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut ids = vec![];
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = json!({
            "externalId": format!("{round}-{n}"),
            "serviceOrderItem": [create(&format!("C-{round}-{n}"))],
        });
        let placed = client.post(ORDERS, &body).await.expect(201);
        ids.push(placed["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn a_synchronous_standby_that_takes_over_has_everything_that_was_answered() {
    let Some((mut servers, primary)) = Servers::open().await else { return };
    let standby = servers.standby().await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", port(&standby), port(&primary));
    // The standby is named first: it is passed over as long as it is one.
    let mut site = Box::pin(Site::open_on(Some(format!("postgres://telvisor@{hosts}/postgres")))).await;
    let api = site.process(&[("TELVISOR_ROLE", "api".to_owned())]).await;
    let _worker = site.process(&[("TELVISOR_ROLE", "worker".to_owned())]).await;
    let (client, count) = counted_client(&api);
    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> = (0..4).map(|round| tokio::spawn(load(client.clone(), round, stop.clone()))).collect();
    let wanted = if setting("TELVISOR_TEST_FULL").is_some() { 500 } else { 20 };
    answered(&count, wanted).await;
    servers.run("kill", &["a"]).await;
    servers.run("promote", &["b"]).await;
    let before = *count.borrow();
    answered(&count, before + wanted).await;
    stop.store(true, Ordering::Relaxed);
    let mut ids = vec![];
    for load in loads {
        ids.extend(load.await.unwrap());
    }
    assert!(ids.len() >= 2 * wanted, "{}", ids.len());
    for id in &ids {
        assert_eq!(client.order_ended(id).await["state"], "completed");
    }
    assert_eq!(client.all(ORDERS).await.len(), ids.len(), "and nothing was done twice");
    assert!(api.log().contains("another server of the database took over"));
}

/// Waits until so many orders were answered.
async fn answered(count: &watch::Receiver<usize>, wanted: usize) {
    let mut count = count.clone();
    let enough = count.wait_for(|n| *n >= wanted);
    tokio::time::timeout(5 * PATIENCE, enough).await.expect("orders are answered in time").unwrap();
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_schema_once() {
    let Some(database) = database().await else { return };
    let folder = TempDir::new().unwrap();
    let mut starts = vec![];
    for n in 0..4 {
        let mut command = telvisor(&folder.path().join(format!("{n}.log")));
        command.args(["migrate", "--json", "--database", &database]);
        command.arg("--data").arg(folder.path().join("data"));
        starts.push(tokio::spawn(async move { command.output().await.unwrap() }));
    }
    for start in starts {
        let out = start.await.unwrap();
        assert!(out.status.success(), "{out:?}");
        let said: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert!(said["applied"].is_array());
    }
    let pool = sqlx::PgPool::connect(&database).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(&pool)
        .await
        .unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres")).unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), files.count());
    pool.close().await;
}
