//! The command line and the server as a user runs them: status, standard output and standard error of processes.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::process::{Child, Command};

use crate::harness::{CRM, PRODUCT_ORDERS, database};
use crate::process::{Looks, PATIENCE, announced, on_database, telvisor};

/// A server on a folder and a port of its own, and commands that ask it.
struct Desk {
    server: Child,
    url: String,
    folder: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = telvisor(&folder.path().join("server.log"));
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("var"));
        command.env("TELVISOR_LOG__FORMAT", "json");
        on_database(&mut command, database().await.as_deref());
        let mut server = command.spawn().unwrap();
        let out = BufReader::new(server.stdout.take().expect("it is piped"));
        let started = tokio::time::timeout(PATIENCE, announced(out)).await.expect("it starts in time");
        let url = started.expect("it is ready")["urls"][0].as_str().unwrap().to_owned();
        Self { server, url, folder }
    }

    /// Runs a command against the server.
    async fn run(&self, words: &str) -> Said {
        let mut command = telvisor(&self.folder.path().join("unused.log"));
        command
            .args(words.split_whitespace())
            .arg("--server")
            .arg(&self.url)
            .stderr(std::process::Stdio::piped());
        said(command).await
    }

    /// Sends a signal and waits for the end: status, and the lines of the log.
    async fn end(mut self, signal: &str) -> (Option<i32>, Vec<Value>) {
        let id = self.server.id().expect("it runs");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {id}")).status().await.unwrap();
        assert!(sent.success(), "the signal is sent");
        let status =
            tokio::time::timeout(PATIENCE, self.server.wait()).await.expect("it ends in time").unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap();
        (status.code(), log.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
    }
}

/// What a command left behind.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

async fn said(mut command: Command) -> Said {
    let ended = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
    let Output { status, stdout, stderr } = ended;
    let text = |octets| String::from_utf8(octets).expect("commands write UTF-8");
    Said { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// Runs a command that needs no server, in a folder of its own.
async fn alone(words: &[&str], environment: &[(&str, &str)]) -> Said {
    let folder = TempDir::new().unwrap();
    let mut command = telvisor(&folder.path().join("unused.log"));
    command.args(words).envs(environment.iter().copied()).current_dir(folder.path());
    command.env("TELVISOR_DATA", folder.path().join("var")).stderr(std::process::Stdio::piped());
    said(command).await
}

fn demo_package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(CRM)
}

#[tokio::test]
async fn orders_are_placed_followed_and_shown_with_a_status_that_tells() {
    let desk = Desk::open().await;
    desk.run("order place --customer 4711 --action create-customer --name Ada --wait").await.with(0);
    let placed =
        desk.run("order place --customer 4711 --application kinfolk --plan solo --wait --json").await.with(0);
    let order = placed.json();
    assert_eq!(order["state"], "completed", "{order:#}");
    let id = order["id"].as_str().unwrap();
    assert_eq!(desk.run(&format!("order show {id} --json")).await.with(0).json()["id"], *id);
    assert!(desk.run(&format!("order watch {id}")).await.with(0).out.ends_with("order completed\n"));
    let list = desk.run("order list --json").await.with(0).json();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list:#}");
    // Refusals: what was wrong, where, and status 1.
    let refused = desk.run("order place --customer 4711 --application nope --plan solo").await.with(1);
    assert!(refused.err.contains("serviceOrderItem[0].service.serviceSpecification.id"), "{refused:#?}");
    assert_eq!(refused.out, "");
    desk.run("order show 00000000-0000-7000-8000-000000000000").await.with(1);
    desk.run("order frobnicate").await.with(2);
    // An order that does not come true.
    let rejected = desk.folder.path().join("order.json");
    std::fs::write(&rejected, r#"{"serviceOrderItem":[{"id":"1","action":"add","service":{}}]}"#).unwrap();
    let ended = desk.run(&format!("order place --file {} --wait", rejected.display())).await.with(1);
    assert!(ended.out.contains("rejected"), "{ended:#?}");
    assert_eq!(desk.run("jobs --json").await.with(0).json(), serde_json::json!([]));
    assert_eq!(desk.run("fallout list --json").await.with(0).json(), serde_json::json!([]));
    desk.end("TERM").await;
}

#[tokio::test]
async fn a_product_order_is_followed_and_shown_like_its_service_order() {
    let desk = Desk::open().await;
    let body = serde_json::json!({
        "relatedParty": [{ "id": "4712", "role": "customer" }],
        "productOrderItem": [
            { "id": "1", "action": "add", "productOffering": { "id": "customer-account" },
                "product": { "productCharacteristic": [{ "name": "name", "value": "Ada" }] } },
            { "id": "2", "action": "add", "productOffering": { "id": "kinfolk.solo" } },
        ],
    });
    let http = telvisor::http::client().build().unwrap();
    let answer = http.post(format!("{}{PRODUCT_ORDERS}", desk.url)).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let placed: Value = answer.json().await.unwrap();
    let id = placed["id"].as_str().unwrap();
    let watched = desk.run(&format!("order watch {id}")).await.with(0).out;
    assert!(
        watched.contains("install kinfolk 2.0 done") && watched.ends_with("order completed\n"),
        "{watched}"
    );
    let shown = desk.run(&format!("order show {id} --json")).await.with(0).json();
    assert_eq!(shown["kind"], "product");
    let service = shown["serviceOrder"].as_str().unwrap();
    let of_service = desk.run(&format!("order show {service}")).await.with(0).out;
    assert!(of_service.contains(&format!("of product  {id}")), "{of_service}");
    assert!(desk.run(&format!("order show {id}")).await.with(0).out.contains(service));
    let list = desk.run("order list --json").await.with(0).json();
    assert_eq!(list[0]["id"], service, "the list is TMF641's: {list:#}");
    desk.end("TERM").await;
}

#[tokio::test]
async fn records_are_sealed_listed_and_decoded() {
    let desk = Desk::open().await;
    desk.run("order place --customer 1 --action create-customer --name Ada --wait").await.with(0);
    desk.run("order place --customer 1 --application kinfolk --plan solo --wait").await.with(0);
    let paths = desk.run("sdr seal").await.with(0).out;
    let paths: Vec<&str> = paths.lines().collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    let files = desk.run("sdr list --json").await.with(0).json();
    for (file, path) in files.as_array().unwrap().iter().zip(&paths) {
        assert!(path.ends_with(file["name"].as_str().unwrap()), "{file:#}");
        for member in ["recipient", "fileSeq", "records", "bytes", "sha256", "state"] {
            assert!(!file[member].is_null(), "{member}: {file:#}");
        }
        let decoded = desk.run(&format!("sdr decode {path} --json")).await.with(0);
        assert!(decoded.out.contains("installed"), "{decoded:#?}");
    }
    std::fs::write(desk.folder.path().join("no.cdr"), "nothing of ours").unwrap();
    let file = desk.folder.path().join("no.cdr");
    let none = desk.run(&format!("sdr decode {}", file.display())).await.with(1);
    assert!(none.err.contains("no.cdr"), "{none:#?}");
    desk.end("TERM").await;
}

#[tokio::test]
async fn every_line_about_an_order_names_order_and_request_and_an_interrupt_drains() {
    let desk = Desk::open().await;
    desk.run("order place --customer 1 --action create-customer --name Ada --wait").await.with(0);
    desk.run("order place --customer 1 --application kinfolk --plan solo --wait").await.with(0);
    let (status, lines) = desk.end("INT").await;
    assert_eq!(status, Some(0));
    let about = ["telvisor::orders", "telvisor::jobs", "telvisor::mediation::journal"];
    let mut seen = 0;
    for line in &lines {
        if about.iter().any(|a| line["target"].as_str().is_some_and(|t| t.starts_with(a))) {
            for name in ["order.id", "request.id"] {
                let spans = line["spans"].as_array().into_iter().flatten();
                let has = spans.chain([line]).any(|s| s[name].as_str().is_some_and(|id| id.len() == 36));
                assert!(has, "no {name}: {line:#}");
            }
            seen += 1;
        }
    }
    // Accepted, begun, five steps, journalled, ended, and the same of the first.
    assert!(seen > 10, "{lines:#?}");
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let desk = Desk::open().await;
    desk.run("order place --customer 1 --action create-customer --name Ada --wait").await.with(0);
    let http = telvisor::http::client().build().unwrap();
    let get = async |path: &str| {
        let answer = http.get(format!("{}{path}", desk.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/health/live").await.0, 200);
    let (status, ready) = get("/health/ready").await;
    assert!(status == 200 && ready.contains(r#""database":"ok""#), "{ready}");
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in ["telvisor_orders_accepted_total{door=\"tmf641\"} 1", "telvisor_orders_open 0"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    desk.end("TERM").await;
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_without_authentication() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let refused = alone(&["serve", "--listen", address], &[]).await.with(1);
        assert!(
            refused.err.contains("--listen") && refused.err.contains("is not a loopback address"),
            "{refused:#?}"
        );
        assert!(refused.err.contains("access.mode"), "the way out: {refused:#?}");
    }
}

#[tokio::test]
async fn a_foreign_page_cannot_place_orders() {
    let desk = Desk::open().await;
    let http = telvisor::http::client().build().unwrap();
    let orders = format!("{}/tmf-api/serviceOrdering/v4/serviceOrder", desk.url);
    for (name, value) in
        [("host", "shop.example"), ("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")]
    {
        let answer = http.get(&orders).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{name}");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(body["message"].as_str().unwrap().contains("access.mode"), "{body:#}");
    }
    desk.end("TERM").await;
}

#[tokio::test]
async fn health_is_told_by_the_status() {
    let desk = Desk::open().await;
    assert!(desk.run("health").await.with(0).out.contains("is ready"));
    let answer = alone(&["health", &desk.url, "--json"], &[]).await.with(0).json();
    assert_eq!(answer["ready"], true, "{answer}");
    let nobody = alone(&["health", "http://127.0.0.1:9"], &[]).await.with(1);
    assert!(nobody.out.contains("http://127.0.0.1:9 is not ready"), "{nobody:#?}");
    desk.end("TERM").await;
}

#[tokio::test]
async fn health_of_a_simulator() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("socket");
    let target = format!("sim+unix:{}", socket.display());
    alone(&["health", &target], &[]).await.with(1);
    let mut simulator = telvisor(&folder.path().join("log"));
    simulator.arg("simulator").arg("--socket").arg(&socket).arg("--world").arg(folder.path().join("world"));
    let _simulator = simulator.spawn().unwrap();
    let mut looks = Looks::until("the simulator is there", PATIENCE);
    while !socket.exists() {
        looks.again().await;
    }
    assert!(alone(&["health", &target], &[]).await.with(0).out.contains("is ready"));
}

#[tokio::test]
async fn commands_without_a_server() {
    assert!(alone(&["config", "check"], &[]).await.with(0).err.is_empty());
    let wrong = alone(&["config", "check"], &[("TELVISOR_JOBS__ATTEMPTS", "many")]).await.with(1);
    assert!(wrong.err.contains("TELVISOR_JOBS__ATTEMPTS"), "{wrong:#?}");
    let shown = alone(&["config", "show", "--json"], &[]).await.with(0).json();
    assert!(shown.to_string().contains("lease_s"), "{shown:#}");
    alone(&["doctor", "--listen", "127.0.0.1:0"], &[]).await.with(0);
    for shell in ["bash", "zsh", "fish"] {
        assert!(alone(&["completions", shell], &[]).await.with(0).out.contains("doctor"), "{shell}");
    }
    let package = demo_package().display().to_string();
    alone(&["app", "check", &package], &[]).await.with(0);
    let empty = TempDir::new().unwrap();
    let wrong = alone(&["app", "check", &empty.path().display().to_string()], &[]).await.with(1);
    assert!(wrong.err.contains("manifest.toml") || wrong.out.contains("manifest.toml"), "{wrong:#?}");
    // Nobody answers.
    let nobody = alone(&["order", "list", "--server", "http://127.0.0.1:9"], &[]).await.with(1);
    assert!(nobody.err.contains("127.0.0.1:9"), "{nobody:#?}");
}

#[tokio::test]
async fn an_operator_holds_releases_and_decides_about_orders() {
    let desk = Desk::open().await;
    let later = desk.folder.path().join("later.json");
    let order = serde_json::json!({
        "requestedStartDate": "2099-01-01T00:00:00Z",
        "serviceOrderItem": [{ "id": "1", "action": "add", "service": {
            "serviceSpecification": { "id": "customer-account" },
            "serviceCharacteristic": [{ "name": "name", "value": "Later" }],
        }}],
    });
    std::fs::write(&later, order.to_string()).unwrap();
    let placed = desk.run(&format!("order place --file {} --json", later.display())).await.with(0).json();
    let id = placed["id"].as_str().unwrap().to_owned();
    let held = desk.run(&format!("order hold {id} --reason maintenance")).await.with(0);
    assert!(held.out.contains(&format!("order {id} is held")), "{held:#?}");
    let released = desk.run(&format!("order release {id} --reason done --json")).await.with(0).json();
    assert_eq!(released["waitsFor"], "waits for its date");
    for verb in ["approve", "refuse"] {
        let none = desk.run(&format!("order {verb} {id} --reason paid")).await.with(1);
        assert!(none.err.contains("waits for no approval"), "{none:#?}");
    }
    desk.run(&format!("order hold {id}")).await.with(2);
    desk.end("TERM").await;
}
