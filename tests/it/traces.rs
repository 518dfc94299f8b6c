//! A trace from the door to the worker and the callback, and what the log says of each move.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::harness::{CRM, ORDERS, TestApp, create, provision};
use crate::notify::{Ear, follow};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What is logged, as JSON.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// From now on, of this thread.
    pub fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines =
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || log.clone());
        let filter = tracing_subscriber::EnvFilter::new("telvisor=info");
        tracing::subscriber::set_default(tracing_subscriber::registry().with(filter).with(lines))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        lines.filter(|l| l["message"] == message).collect()
    }
}

/// What a line says by itself or by the spans around it.
fn says<'a>(line: &'a Value, name: &str) -> &'a Value {
    let around = line["spans"].as_array().into_iter().flatten().rev();
    around.map(|s| &s[name]).chain([&line[name]]).find(|v| !v.is_null()).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_trace_goes_from_the_door_to_the_worker_and_the_callback() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let ear = Ear::open().await;
    follow(&app, &ear.url).await;
    let log = Log::default();
    let kept = log.keep();
    let body = json!({ "serviceOrderItem": [provision("C1", CRM, "solo", None)] });
    let header = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("traceparent", header.as_str())];
    let order =
        app.request(Method::POST, ORDERS, &headers, Some(body.to_string().as_bytes())).await.expect(201);
    app.run().await;
    drop(kept);
    app.notify_all().await;
    let heard = ear.taken();
    assert!(!heard.is_empty());
    for h in &heard {
        assert_eq!(h.header("traceparent").split('-').nth(1), Some(TRACE), "the callback");
    }
    let steps = log.lines("step moved");
    let states: Vec<_> = steps.iter().map(|l| l["step.state"].as_str().unwrap()).collect();
    assert!(states.len() >= 10 && states.starts_with(&["begun", "done", "begun"]), "{states:?}");
    for line in &steps {
        assert_eq!(says(line, "order.id"), &order["id"], "{line:#}");
        assert_eq!(says(line, "trace_id"), TRACE, "{line:#}");
        assert_eq!(says(line, "job.attempt"), 1, "{line:#}");
        assert!(says(line, "job.id").is_string() && line["step"].is_number(), "{line:#}");
    }
    let jobs: Vec<_> = log.lines("job moved").iter().map(|l| l["job.state"].clone()).collect();
    assert_eq!(jobs, ["running", "done"]);
    let orders: Vec<_> = log.lines("order moved").iter().map(|l| l["order.state"].clone()).collect();
    assert_eq!(orders, ["inProgress", "completed"]);
    let last = log.lines("order moved").pop().unwrap();
    assert_eq!((says(&last, "order.id"), says(&last, "trace_id")), (&order["id"], &json!(TRACE)));
}

#[tokio::test]
async fn an_undone_job_says_each_move_too() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    app.breaks("install");
    let log = Log::default();
    let kept = log.keep();
    app.order(json!([provision("C1", CRM, "solo", None)])).await;
    drop(kept);
    let states: Vec<_> = log.lines("step moved").iter().map(|l| l["step.state"].clone()).collect();
    assert_eq!(states.iter().filter(|s| **s == "undone").count(), 3, "{states:?}");
    assert_eq!(log.lines("job moved").last().unwrap()["job.state"], "undone");
}

/// A request without a trace begins one: all that comes of it can be told by it.
#[tokio::test]
async fn a_request_without_a_trace_begins_one() {
    let app = TestApp::new().await;
    let ear = Ear::open().await;
    follow(&app, &ear.url).await;
    for id in ["C1", "C2"] {
        app.done(create(id)).await;
    }
    app.notify_all().await;
    let heard = ear.taken();
    let trace = |h: &crate::notify::Heard| h.header("traceparent").split('-').nth(1).unwrap().to_owned();
    for h in &heard {
        for other in &heard {
            assert_eq!(h.order().0 == other.order().0, trace(h) == trace(other), "each order has its own");
        }
    }
}
