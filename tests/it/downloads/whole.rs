//! Downloads that run to their end, in one piece or in several: octets, headers and one record each.

use std::time::Duration;

use serde_json::Value;
use telvisor::store::links::End;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Served, head};
use crate::harness::MIB;

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
