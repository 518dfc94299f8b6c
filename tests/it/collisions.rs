//! Transactions that PostgreSQL turns away because of others are done again, and nobody notices. SQLite has one writer,
//! so that there only the way through the doors is tried.

use serde_json::{Value, json};

use crate::harness::{CANCELS, CRM, ORDERS, TestApp, modify, provision};
use crate::probe::{begin, decide, read, uuid, validate, work_once};

/// Lets the first two of each three transactions fail at their first write to one of these tables, as if they had met
/// another. A sequence is not rolled back, so it counts them.
const STRIKE: &str = "
CREATE SEQUENCE strikes;
CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('strike.passed', true) = 'yes' THEN RETURN NEW; END IF;
  IF nextval('strikes') % 3 <> 0 THEN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
  END IF;
  PERFORM set_config('strike.passed', 'yes', true);
  RETURN NEW;
END $$;
CREATE TRIGGER strike BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION strike();
CREATE TRIGGER strike BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION strike();
CREATE TRIGGER strike BEFORE UPDATE ON job_steps FOR EACH ROW EXECUTE FUNCTION strike();
";

async fn struck() -> TestApp {
    let app = TestApp::holding().await;
    if app.config.database.url.starts_with("postgres") {
        let pool = sqlx::PgPool::connect(&app.config.database.url).await.unwrap();
        sqlx::raw_sql(STRIKE).execute(&pool).await.unwrap();
        pool.close().await;
    }
    app
}

/// How the attempts of all jobs of an order ended.
async fn attempts(app: &TestApp, order: &Value) -> Vec<String> {
    let mut tx = read(app).await;
    let mut out = vec![];
    for job in tx.jobs_of(uuid(&order["id"]), None).await.unwrap() {
        out.extend(tx.attempts(job.id).await.unwrap().into_iter().map(|a| a.outcome.unwrap()));
    }
    out
}

#[tokio::test]
async fn acceptance_jobs_patch_and_delete() {
    let app = struck().await;
    app.customer("C1").await;
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(attempts(&app, &order).await, ["done"], "no worker has lost the job");
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    let patched = app.patch(&path, &json!({ "description": "blue" })).await.expect(200);
    assert_eq!(patched["description"], "blue");
    validate(&app).await;
    app.delete(&path).await.expect(204);
}

#[tokio::test]
async fn an_operators_decision_and_the_try_before_it() {
    let app = struck().await;
    app.customer("C1").await;
    app.faults(json!({ "rules": [
        { "operation": "install", "nth": 1, "effect": "retry" },
        { "operation": "install", "nth": 2, "effect": "fail" },
    ] }));
    let order = app.order(json!([provision("C1", CRM, "solo", None)])).await;
    assert_eq!(order["state"], "held", "{order:#}");
    let order = decide(&app, &order, "retry").await;
    assert_eq!(order["state"], "completed", "{order:#}");
    assert_eq!(attempts(&app, &order).await, ["retry", "failed", "done"]);
    validate(&app).await;
}

#[tokio::test]
async fn a_cancel_and_its_undo() {
    let app = struck().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    app.faults(json!({ "rules": [{ "operation": "upgrade", "effect": "retry" }] }));
    let order = app.place(json!([modify(&s, &[("version", "2.0")])])).await;
    begin(&app).await;
    work_once(&app).await;
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    app.run().await;
    assert_eq!(app.show(&order).await["state"], "cancelled");
    assert_eq!(attempts(&app, &order).await, ["retry", "undone"]);
    validate(&app).await;
}
