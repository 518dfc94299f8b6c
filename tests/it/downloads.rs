//! Downloads by link through a real listener, and what of them is journalled.

use std::time::Duration;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::api::io::Counting;
use telvisor::api::{Doors, serve};
use telvisor::app;
use telvisor::store::links::{End, LinkRow, Part};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::harness::{CRM, TestApp, modify, noise};

const MIB: usize = 1 << 20;
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
        let done = app.order(json!([modify(&s, &[("operation", "backup")])])).await;
        assert_eq!(done["state"], "completed", "{done:#}");
        let list = app.get(&format!("/api/v1/subscriptions/{s}/backups")).await.expect(200);
        let backup = list[0]["id"].as_str().unwrap().to_owned();
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
        let task = tokio::spawn(serve(listener, doors));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
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

#[tokio::test]
async fn a_whole_download_is_journalled_once_per_link() {
    let s = Served::new(3 * MIB).await;
    let (first, size) = (s.link().await, s.octets.len());
    assert_eq!(s.fetch(&first, None, 0..size).await, 200);
    s.complete(&first).await;
    let records = s.downloaded().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["backupId"], s.backup.as_str());
    assert_eq!(records[0]["volumeOctets"], size);
    assert_eq!(records[0]["subscriberId"], "C1");
    assert_eq!((&records[0]["orderId"], &records[0]["externalOrderId"]), (&Value::Null, &Value::Null));
    assert_eq!(s.fetch(&first, None, 0..size).await, 200);
    let second = s.link().await;
    s.fetch(&second, None, 0..size).await;
    s.complete(&second).await;
    assert_eq!(s.downloaded().await.len(), 2, "one for each link");
    let (app, ..) = s.close().await;
    assert_eq!(app.records("mediation-csv").await.len(), 4);
    assert_eq!(app.records("mediation-asn1").await.len(), 4);
}

#[tokio::test]
async fn ranges_are_answered_as_http_says() {
    let s = Served::new(MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    assert_eq!(s.fetch(&link, Some("bytes=0-99"), 0..100).await, 206);
    assert_eq!(s.fetch(&link, Some("bytes=100-100"), 100..101).await, 206);
    assert_eq!(s.fetch(&link, Some("bytes=-10"), size - 10..size).await, 206);
    assert_eq!(s.fetch(&link, Some(&format!("bytes={}-", size - 3)), size - 3..size).await, 206);
    assert_eq!(s.fetch(&link, Some("bytes=7-99999999999"), 7..size).await, 206);
    assert_eq!(s.fetch(&link, Some("bytes=-99999999999"), 0..size).await, 206);
    // What is no range, or more than one, is left alone: the whole.
    let other = s.link().await;
    for range in ["bytes=0-1,5-6", "lines=0-1", "bytes=5-2", "bytes=a-b"] {
        assert_eq!(s.fetch(&other, Some(range), 0..size).await, 200, "{range}");
    }
    let third = s.link().await;
    for range in [format!("bytes={size}-"), format!("bytes={}-{}", size + 5, size + 9)] {
        let refused = s.request(reqwest::Method::GET, &third, Some(&range)).send().await.unwrap();
        assert_eq!(refused.status(), 416, "{range}");
        assert_eq!(refused.headers()["content-range"], format!("bytes */{size}").as_str());
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "range");
    }
    assert_eq!(s.row(&third).await.first_sent_at, None);
}

#[tokio::test]
async fn a_range_of_other_octets_is_answered_with_the_whole() {
    let s = Served::new(MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    let head = s.request(reqwest::Method::HEAD, &link, None).send().await.unwrap();
    let etag = head.headers()["etag"].to_str().unwrap().to_owned();
    for (validator, status, length) in
        [(etag.as_str(), 206, 10), ("\"other\"", 200, size), ("Mon, 23 Nov 2026 08:00:00 GMT", 200, size)]
    {
        let request = s.request(reqwest::Method::GET, &link, Some("bytes=5-14"));
        let answer = request.header("if-range", validator).send().await.unwrap();
        assert_eq!(answer.status(), status, "{validator}");
        assert_eq!(answer.headers()["etag"], etag.as_str());
        assert_eq!(answer.bytes().await.unwrap().len(), length, "{validator}");
    }
    // A range that cannot be is nothing to complain about when it is one of other octets.
    let request = s.request(reqwest::Method::GET, &link, Some("bytes=99999999-"));
    assert_eq!(request.header("if-range", "\"other\"").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_server_that_stops_writes_down_what_has_gone_out() {
    let mut s = Served::new(MIB).await;
    let link = s.link().await;
    let mut stream = s.begin(&link, 0).await;
    head(&mut stream).await;
    // The record cannot be written as long as another has the link.
    let mut tx = s.app.engine().db.tenant("default").await.unwrap();
    tx.lock_link(s.row(&link).await.id).await.unwrap();
    let mut body = vec![0; s.octets.len()];
    stream.read_exact(&mut body).await.unwrap();
    drop(stream);
    s.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_millis(300), &mut s.task).await;
    assert!(ended.is_err(), "it waits for the record");
    drop(tx);
    (&mut s.task).await.unwrap().unwrap();
    assert!(s.row(&link).await.completed_at.is_some());
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn head_tells_and_sends_nothing() {
    let s = Served::new(MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    for range in [None, Some("bytes=0-9"), Some("bytes=99999999-")] {
        let answer = s.request(reqwest::Method::HEAD, &link, range).send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], size.to_string().as_str());
        assert_eq!(answer.headers()["accept-ranges"], "bytes");
        assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("attachment"));
    }
    let row = s.row(&link).await;
    assert!(row.sent.0.is_empty() && row.first_sent_at.is_none() && row.completed_at.is_none());
    assert!(s.downloaded().await.is_empty());
}

#[tokio::test]
async fn links_are_checked_in_every_part() {
    let s = Served::new(1000).await;
    let (link, other) = (s.link().await, s.link().await);
    let id = |l: &str| l.split(['/', '?']).nth(3).unwrap().to_owned();
    let query = |l: &str, name: &str| {
        let (_, rest) = l.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let signature = query(&link, "signature");
    let expires: i64 = query(&link, "expires").parse().unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let altered = [
        link.replace("/default/", "/another/"),
        link.replace(&id(&link), &id(&other)),
        link.replace(&id(&link), "00000000-0000-7000-8000-000000000000"),
        link.replace(&id(&link), "none"),
        link.replace(&expires.to_string(), &(expires + 1).to_string()),
        link.replace(&expires.to_string(), "never"),
        link.replace(&signature, &format!("{flipped}{}", &signature[1..])),
        link.replace(&signature, &signature[1..]),
        link.replace(&signature, ""),
        link.split('?').next().unwrap().to_owned(),
        link.split('&').next().unwrap().to_owned(),
    ];
    for bad in &altered {
        assert_ne!(*bad, link);
        let answer = s.request(reqwest::Method::GET, bad, None).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{bad}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["status"], "403", "{body}");
    }
    s.app.clock.advance(TimeDelta::hours(1) - TimeDelta::seconds(1));
    s.fetch(&link, None, 0..s.octets.len()).await;
    s.complete(&link).await;
    s.app.clock.advance(TimeDelta::seconds(1));
    let answer = s.request(reqwest::Method::GET, &link, None).send().await.unwrap();
    assert_eq!(answer.status(), 410);
    // An altered link stays altered, however old it is.
    for bad in &altered {
        assert_eq!(s.request(reqwest::Method::HEAD, bad, None).send().await.unwrap().status(), 403, "{bad}");
    }
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn links_are_given_to_the_owner_only() {
    let s = Served::new(1000).await;
    s.app.customer("C2").await;
    let path = format!("/api/v1/backups/{}/download-links", s.backup);
    s.app.post(&path, &json!({ "customer": "C2" })).await.expect(404);
    s.app.post(&path, &json!({ "customer": "nobody" })).await.expect(404);
    s.app.post("/api/v1/backups/none/download-links", &json!({})).await.expect(404);
    let unknown = "/api/v1/backups/00000000-0000-7000-8000-000000000000/download-links";
    s.app.post(unknown, &json!({})).await.expect(404);
    for bad in [
        json!({ "expiresInSeconds": 0 }),
        json!({ "expiresInSeconds": -5 }),
        json!({ "expiresInSeconds": 604_801 }),
        json!({ "expiresInSeconds": "soon" }),
        json!({ "expiresInSeconds": 1.5 }),
        json!({ "customer": 7 }),
        json!([]),
        json!("C1"),
    ] {
        let body = s.app.post(&path, &bad).await.expect(400);
        assert!(body["message"].is_string(), "{bad}: {body}");
    }
    s.app.request(Method::POST, &path, &[], Some(b"{")).await.expect(400);
    s.app.request(Method::POST, &path, &[("content-type", "text/plain")], Some(b"{}")).await.expect(415);
    // Nothing in the body is mandatory.
    let body = s.app.request(Method::POST, &path, &[], None).await.expect(201);
    assert_eq!(
        body["expiresAt"],
        telvisor::clock::show(s.app.engine().db.clock().now() + TimeDelta::hours(1))
    );
    let body = s.app.post(&path, &json!({ "expiresInSeconds": 60 })).await.expect(201);
    assert_eq!(
        body["expiresAt"],
        telvisor::clock::show(s.app.engine().db.clock().now() + TimeDelta::minutes(1))
    );
    assert!(body["url"].as_str().unwrap().starts_with("http://localhost:8080/download/"));
}

#[tokio::test]
async fn ranges_in_any_order_add_up() {
    let s = Served::new(4 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    let half = size / 2;
    s.fetch(&link, Some(&format!("bytes={half}-")), half..size).await;
    s.fetch(&link, Some("bytes=0-9"), 0..10).await;
    s.ended(&link, 2).await;
    s.fetch(&link, Some(&format!("bytes=11-{}", half + 5)), 11..half + 6).await;
    let parts = s.ended(&link, 2).await;
    assert_eq!((parts[0].from, parts[0].to, parts[1].from), (0, 10, 11), "octet 10 is missing");
    assert!(s.downloaded().await.is_empty());
    s.fetch(&link, Some("bytes=10-10"), 10..11).await;
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn an_aborted_download_writes_none_and_a_resumed_one_does() {
    let s = Served::new(24 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    let got = s.abort(&link, 0, 10 * MIB).await;
    let parts = s.ended(&link, 1).await;
    assert_eq!((parts[0].from, &parts[0].end), (0, &End::Broken));
    // Not less than the client has, and not more than the buffers hold besides.
    let sent = usize::try_from(parts[0].to).unwrap();
    assert!((got..got + 3 * MIB).contains(&sent), "{got} read, {sent} sent");
    assert!(s.downloaded().await.is_empty());
    s.fetch(&link, Some(&format!("bytes={got}-")), got..size).await;
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn an_abort_at_the_start_or_near_the_end_writes_none() {
    let s = Served::new(12 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    // Hangs up without reading any of the body.
    let mut stream = s.begin(&link, 0).await;
    head(&mut stream).await;
    drop(stream);
    let parts = s.ended(&link, 1).await;
    assert!(parts[0].to < 4 * MIB as u64, "{parts:?}");
    // All that the kernel's buffers hold, and a little more, is not read.
    s.abort(&link, 0, size - 2 * MIB).await;
    let parts = s.ended(&link, 1).await;
    assert!(parts[0].to < size as u64 && parts[0].end == End::Broken, "{parts:?}");
    assert!(s.downloaded().await.is_empty());
}

#[tokio::test]
async fn a_gap_of_more_than_8_mib_stays() {
    let s = Served::new(24 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    s.abort(&link, 0, 2 * MIB).await;
    let parts = s.ended(&link, 1).await;
    let far = usize::try_from(parts[0].to).unwrap() + 8 * MIB + 1;
    s.fetch(&link, Some(&format!("bytes={far}-")), far..size).await;
    s.ended(&link, 2).await;
    assert!(s.downloaded().await.is_empty());
    let near = far - 8 * MIB;
    s.fetch(&link, Some(&format!("bytes={near}-{}", far - 1)), near..far).await;
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn a_download_goes_on_after_the_server_died_in_it() {
    let s = Served::new(24 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    let mut stream = s.begin(&link, 0).await;
    head(&mut stream).await;
    let mut body = vec![0; 20 * MIB];
    stream.read_exact(&mut body).await.unwrap();
    let told = s.wait(&link, |row| row.sent.0[0].to >= 12 * MIB as u64).await;
    assert!(matches!(told.sent.0[0].end, End::Running { .. }));
    // What a killed process leaves: the row as it was stored last, and another process that goes on with it.
    let mut left = told.clone();
    if let End::Running { worker, .. } = &mut left.sent.0[0].end {
        "of a process that is no more".clone_into(worker);
    }
    drop(stream);
    s.ended(&link, 1).await;
    let mut tx = s.app.engine().db.tenant("default").await.unwrap();
    tx.save_link(&left).await.unwrap();
    tx.commit().await.unwrap();
    s.fetch(&link, Some(&format!("bytes={}-", 20 * MIB)), 20 * MIB..size).await;
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn two_downloads_beside_each_other_write_one_record() {
    let s = Served::new(6 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    tokio::join!(s.fetch(&link, None, 0..size), s.fetch(&link, None, 0..size));
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
    let (app, ..) = s.close().await;
    assert_eq!(app.records("mediation-csv").await.len(), 3);
}

#[tokio::test]
async fn ranges_beside_each_other_count_only_when_all_are_whole() {
    let s = Served::new(24 * MIB).await;
    let (link, size) = (s.link().await, s.octets.len());
    let quarter = size / 4;
    // The first breaks off while the others run to their end.
    let mut first = s.begin(&link, 0).await;
    head(&mut first).await;
    for n in [3, 1, 2] {
        let (from, to) = (n * quarter, if n == 3 { size } else { (n + 1) * quarter });
        s.fetch(&link, Some(&format!("bytes={from}-{}", to - 1)), from..to).await;
    }
    let running = s.wait(&link, |row| row.sent.0.len() == 2).await;
    assert_eq!(running.completed_at, None, "{:?}", running.sent.0);
    drop(first);
    s.ended(&link, 2).await;
    assert!(s.downloaded().await.is_empty());
    s.fetch(&link, Some(&format!("bytes=0-{}", quarter - 1)), 0..quarter).await;
    s.complete(&link).await;
    assert_eq!(s.downloaded().await.len(), 1);
}

#[tokio::test]
async fn one_connection_carries_several_downloads() {
    let s = Served::new(5 * MIB).await;
    let links = [s.link().await, s.link().await, s.link().await, s.link().await];
    let get = |link: &str| format!("GET {link} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
    let mut body = vec![0; s.octets.len()];
    let mut stream = s.connect().await;
    // One after another, then the next asked for before the one before it is answered.
    for link in &links[..2] {
        stream.write_all(&get(link)).await.unwrap();
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == s.octets);
    }
    stream.write_all(&[get(&links[2]), get(&links[3])].concat()).await.unwrap();
    for _ in 0..2 {
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == s.octets);
    }
    for link in &links {
        s.complete(link).await;
    }
    assert_eq!(s.downloaded().await.len(), 4);
    // Hung up in the middle of the second of two.
    let (fifth, sixth) = (s.link().await, s.link().await);
    stream.write_all(&[get(&fifth), get(&sixth)].concat()).await.unwrap();
    head(&mut stream).await;
    stream.read_exact(&mut body).await.unwrap();
    head(&mut stream).await;
    stream.read_exact(&mut vec![0; MIB]).await.unwrap();
    drop(stream);
    s.complete(&fifth).await;
    let parts = s.ended(&sixth, 1).await;
    assert!(parts[0].end == End::Broken && parts[0].to < 5 * MIB as u64, "{parts:?}");
    assert_eq!(s.downloaded().await.len(), 5);
}

#[tokio::test]
async fn what_is_no_more_is_not_found() {
    let s = Served::new(1000).await;
    let link = s.link().await;
    let mut tx = s.app.engine().db.tenant("default").await.unwrap();
    let mut backup = tx.backup(s.backup.parse().unwrap()).await.unwrap().unwrap();
    backup.expires_at = Some(tx.now());
    tx.save_backup(&backup).await.unwrap();
    tx.commit().await.unwrap();
    telvisor::jobs::sweep::expire(s.app.engine()).await.unwrap();
    let answer = s.request(reqwest::Method::GET, &link, None).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let path = format!("/api/v1/backups/{}/download-links", s.backup);
    s.app.post(&path, &json!({})).await.expect(409);
}
