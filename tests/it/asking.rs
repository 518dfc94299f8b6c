//! The command line as a client: what it says, and the status it ends with, for what a server answers.

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser as _;
use serde_json::{Value, json};
use telvisor::cli::{Cli, Out, run};

/// A server that takes an order and shows it in one state.
async fn server_with_an_order(state: &'static str) -> String {
    let placed = Json(json!({ "id": "o1", "state": "acknowledged" }));
    let shown = Json(json!({ "id": "o1", "state": state, "items": [
        { "id": "1", "action": "provision", "state": state, "error": null, "jobs": [] },
    ] }));
    let door = post(|| async { (StatusCode::CREATED, placed) });
    let router = Router::new()
        .route("/tmf-api/serviceOrdering/v4/serviceOrder", door)
        .route("/api/v1/orders/o1", get(|| async { shown }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}

async fn said(line: &str) -> (u8, String) {
    let mut text = Vec::new();
    let cli = Cli::parse_from(line.split_whitespace());
    let json = cli.global.json;
    let status = run(cli, &mut Out::new(&mut text, json)).await.unwrap();
    (status, String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn an_order_that_is_waited_for_gives_the_status() {
    for (state, status) in
        [("completed", 0), ("failed", 1), ("partial", 1), ("rejected", 1), ("cancelled", 1)]
    {
        let url = server_with_an_order(state).await;
        let place =
            format!("telvisor order place --server {url} --customer 7 --application crm --wait --json");
        let (ended, text) = said(&place).await;
        assert_eq!(ended, status, "{state}");
        let shown: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(shown["state"], state);
    }
}

#[tokio::test]
async fn a_path_that_the_server_does_not_know_is_told() {
    let url = server_with_an_order("completed").await;
    let mut text = Vec::new();
    let cli = Cli::parse_from(["telvisor", "jobs", "--server", &url]);
    let error = run(cli, &mut Out::new(&mut text, false)).await.unwrap_err();
    assert!(error.to_string().contains("status 404 to GET /api/v1/jobs"), "{error}");
}
