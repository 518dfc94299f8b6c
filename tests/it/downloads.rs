//! Downloads by link through a real listener. Here: the server with a backup, and a client that can hang up.

use std::time::Duration;

use serde_json::{Value, json};
use telvisor::api::io::Counting;
use telvisor::api::{Doors, Offer, serve};
use telvisor::app;
use telvisor::store::links::{End, LinkRow, Part};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::harness::{CRM, TestApp, noise};

mod broken;
mod links;
mod whole;

/// Longest that a test waits for what must come; nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Telvisor behind a socket, with one backup.
struct Served {
    app: TestApp,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    backup: String,
    /// The backup's octets.
    octets: Vec<u8>,
    http: reqwest::Client,
}

impl Served {
    /// With a backup a little larger than `size`.
    async fn new(size: usize) -> Self {
        let app = TestApp::new().await;
        app.customer("C1").await;
        let s = app.provision("C1", CRM, "solo", None).await;
        std::fs::write(app.volume(&s).join("photos"), noise(7, size)).unwrap();
        let backup = app.back_up(&s).await;
        let key = telvisor::inventory::names::object("default", backup.parse().unwrap());
        let octets = std::fs::read(app.data().join("backups").join(key)).unwrap();
        assert!(octets.len() >= size);
        Self::open(app, backup, octets).await
    }

    async fn open(app: TestApp, backup: String, octets: Vec<u8>) -> Self {
        let stop = CancellationToken::new();
        let doors = Doors {
            engine: app.running.engine.clone(),
            metrics: app::recorder(),
            draining: stop.clone(),
            downloads: TaskTracker::new(),
        };
        let listener = Counting::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address().unwrap();
        let task = tokio::spawn(serve(listener, doors, Offer::All));
        let http = telvisor::http::client().build().unwrap();
        Self { app, address, stop, task, backup, octets, http }
    }

    /// Ends the server as a crash does not: connections end first.
    async fn close(self) -> (TestApp, String, Vec<u8>) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        (self.app, self.backup, self.octets)
    }

    /// A new link: path and query.
    async fn link(&self) -> String {
        let path = format!("/api/v1/backups/{}/download-links", self.backup);
        let body = self.app.post(&path, &json!({ "customer": "C1" })).await.expect(201);
        let url = body["url"].as_str().unwrap();
        url[url.find("/download/").unwrap()..].to_owned()
    }

    fn request(&self, method: reqwest::Method, link: &str, range: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("http://{}{link}", self.address));
        match range {
            Some(range) => request.header("range", range),
            None => request,
        }
    }

    /// Downloads, and checks every octet; the status.
    async fn fetch(&self, link: &str, range: Option<&str>, expected: std::ops::Range<usize>) -> u16 {
        let response = self.request(reqwest::Method::GET, link, range).send().await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.content_length(), Some(expected.len() as u64));
        assert_eq!(response.headers()["accept-ranges"], "bytes");
        if status == 206 {
            let told = format!("bytes {}-{}/{}", expected.start, expected.end - 1, self.octets.len());
            assert_eq!(response.headers()["content-range"], told.as_str());
        } else {
            assert!(response.headers().get("content-range").is_none());
        }
        assert!(response.bytes().await.unwrap() == self.octets[expected], "other octets");
        status
    }

    async fn row(&self, link: &str) -> LinkRow {
        let id = link.split(['/', '?']).nth(3).unwrap().parse::<Uuid>().unwrap();
        let mut tx = self.app.engine().db.read("default").await.unwrap();
        tx.link(id).await.unwrap().expect("the link is known")
    }

    /// What the link's row tells once it is as `wanted`.
    async fn wait(&self, link: &str, wanted: impl Fn(&LinkRow) -> bool) -> LinkRow {
        let look = async {
            loop {
                let row = self.row(link).await;
                if wanted(&row) {
                    return row;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(row) => row,
            Err(_) => panic!("it does not come: {:?}", self.row(link).await),
        }
    }

    /// What was sent once `count` responses have told their end and were joined to `parts`.
    async fn ended(&self, link: &str, parts: usize) -> Vec<Part> {
        let over = |p: &Part| !matches!(p.end, End::Running { .. });
        let row = self.wait(link, |row| row.sent.0.len() == parts && row.sent.0.iter().all(over)).await;
        assert_eq!(row.completed_at, None);
        row.sent.0
    }

    async fn complete(&self, link: &str) {
        self.wait(link, |row| row.completed_at.is_some()).await;
    }

    async fn downloaded(&self) -> Vec<Value> {
        let mut records = self.app.records("mediation-csv").await;
        records.retain(|r| r["recordType"] == "backup-downloaded");
        records
    }

    /// A raw connection with a small receive buffer, so that the server notices at once when nobody reads.
    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn begin(&self, link: &str, from: usize) -> TcpStream {
        let mut stream = self.connect().await;
        let head = format!("GET {link} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={from}-\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Downloads from `from`, hangs up after at least `count` octets; how many of the file there were.
    async fn abort(&self, link: &str, from: usize, count: usize) -> usize {
        let mut stream = self.begin(link, from).await;
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 206"), "{head}");
        let mut body = vec![0; count];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == self.octets[from..from + count]);
        count
    }
}

/// Reads a response's head.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
