//! Downloads that break off: no record before every octet was sent.

use telvisor::store::links::End;
use tokio::io::AsyncReadExt as _;

use super::{Served, head};
use crate::harness::MIB;

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
