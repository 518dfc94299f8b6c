//! `telvisor client`, and a closed server, as processes.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::BufReader;

use super::text;
use crate::harness::database;
use crate::process::{PATIENCE, announced, on_database, telvisor};

struct Site {
    folder: TempDir,
    database: Option<String>,
}

impl Site {
    fn command(&self, log: &Path, words: &str) -> tokio::process::Command {
        let mut command = telvisor(log);
        command.args(words.split_whitespace()).arg("--data").arg(self.folder.path().join("var"));
        command.env("TELVISOR_ACCESS__MODE", "required").env_remove("TELVISOR_TOKEN");
        on_database(&mut command, self.database.as_deref());
        command
    }

    /// Runs a command; status, standard output as JSON, standard error.
    async fn run(&self, words: &str, server: Option<&str>, token: &str) -> (i32, Value, String) {
        let mut command = self.command(&self.folder.path().join("unused.log"), words);
        command.arg("--json").stderr(Stdio::piped());
        match server {
            Some(url) => command.arg("--server").arg(url),
            // Nobody listens there.
            None => command.args(["--listen", "127.0.0.1:1"]),
        };
        if !token.is_empty() {
            command.env("TELVISOR_TOKEN", token);
        }
        let ended = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        let out = serde_json::from_slice(&ended.stdout).unwrap_or(Value::Null);
        (ended.status.code().unwrap(), out, String::from_utf8(ended.stderr).unwrap())
    }
}

#[tokio::test]
async fn the_first_clients_are_made_on_the_database_and_the_others_by_a_server() {
    let site = Site { folder: TempDir::new().unwrap(), database: database().await };
    let (status, bss, err) = site.run("client add bss --digest", None, "").await;
    assert_eq!(status, 0, "{err}");
    // The BSS may make no clients, so the operator is made on the database, too.
    let (status, ops, err) = site.run("client add ops --scope admin --scope operations", None, "").await;
    assert_eq!(status, 0, "{err}");
    assert_eq!(ops["scopes"], serde_json::json!(["operations", "admin"]));
    let (status, _, err) = site.run("client add more", None, "").await;
    assert!(status == 1 && err.contains("admin already"), "{status}: {err}");
    let (status, _, err) = site.run("client add more", Some("http://127.0.0.1:1"), "").await;
    assert!(status == 1 && err.contains("no server answers"), "{status}: {err}");
    let (status, _, err) = site.run("client add more --scope fly", None, "").await;
    assert!(status == 2 && err.contains("orders:read"), "{status}: {err}");

    let log = site.folder.path().join("server.log");
    let mut command = site.command(&log, "serve --json --listen 127.0.0.1:0");
    command.env("TELVISOR_LOG__FILTER", "debug");
    let mut server = command.spawn().unwrap();
    let out = BufReader::new(server.stdout.take().expect("it is piped"));
    let started = tokio::time::timeout(PATIENCE, announced(out)).await.expect("it starts in time");
    let url = started.expect("it is ready")["urls"][0].as_str().unwrap().to_owned();
    let at = Some(url.as_str());
    let token = |made: &Value| format!("{}:{}", text(made, "name"), text(made, "secret"));

    let (status, _, err) = site.run("client list", at, "").await;
    assert!(status == 1 && err.contains("TELVISOR_TOKEN"), "{status}: {err}");
    let (status, _, err) = site.run("client list", at, &token(&bss)).await;
    assert!(status == 1 && err.contains("admin"), "{status}: {err}");
    let (status, list, err) = site.run("client list", at, &token(&ops)).await;
    assert_eq!(status, 0, "{err}");
    let names: Vec<_> = list.as_array().unwrap().iter().map(|c| text(c, "name")).collect();
    assert_eq!(names, ["bss", "ops"]);
    let (status, orders, err) = site.run("order list", at, &token(&bss)).await;
    assert!(status == 0 && orders == serde_json::json!([]), "{status}: {err}");
    let (status, more, err) = site.run("client add more --tenant mvno", at, &token(&ops)).await;
    assert!(status == 0 && more["tenant"] == "mvno", "{status}: {err}");
    let (status, rotated, err) = site.run("client rotate bss", at, &token(&ops)).await;
    assert_eq!(status, 0, "{err}");
    let (status, ..) = site.run("order list", at, &token(&bss)).await;
    assert_eq!(status, 1, "the old secret is void");
    let (status, ..) = site.run("order list", at, &token(&rotated)).await;
    assert_eq!(status, 0);
    for (word, then) in [("disable", 1), ("enable", 0)] {
        let (status, changed, err) = site.run(&format!("client {word} bss"), at, &token(&ops)).await;
        assert_eq!(status, 0, "{err}");
        assert_eq!(changed["state"], if then == 1 { "disabled" } else { "active" });
        let (status, ..) = site.run("order list", at, &token(&rotated)).await;
        assert_eq!(status, then, "{word}");
    }
    server.kill().await.unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("answered"), "it logs in detail: {log}");
    for made in [&bss, &ops, &more, &rotated] {
        for member in ["secret", "digestSecret"] {
            if let Some(secret) = made[member].as_str() {
                assert!(!log.contains(secret), "a secret is in the log");
            }
        }
    }
}
