//! Connections that are cut off, at moments drawn from a seed.

use std::collections::BTreeMap;

use telvisor::config::Strategy;

use super::{app, by_sftp, check_far, later, seal_many};
use crate::crash::draw::Draw;
use crate::crash::seed;
use crate::harness::{TestApp, setting};
use crate::sdr_delivery::server::Server;
use crate::sdr_files::files;

/// Most octets that pass before a cut: the greeting takes some 6,000, a file some 60,000.
const UNTIL: usize = 90_000;

#[tokio::test]
async fn cut_connections_leave_whole_files_in_order_and_none_twice() {
    let cuts = if setting("TELVISOR_TEST_FULL").is_some() { 500 } else { 40 };
    let seed = seed();
    println!("seed {seed} (TELVISOR_TEST_SEED={seed} draws the same again)");
    let mut draw = Draw::new(seed, 27);
    let server = Server::start().await;
    let app = app(vec![
        by_sftp("renamed", &server, Strategy::TmpRename),
        by_sftp("scratched", &server, Strategy::TmpDir),
    ])
    .await;
    *server.line.cuts.lock().unwrap() = (0..cuts).map(|_| draw.below(UNTIL)).collect();
    let mut seen = BTreeMap::new();
    let mut sealed = 0;
    while !server.line.cuts.lock().unwrap().is_empty() {
        sealed += 1;
        seal_many(&app, &format!("order {sealed}"), 200).await;
        // One that fails is one that was cut off; the alarm comes and goes.
        drop(later(&app).await);
        look(&app, &server, &mut seen).await;
    }
    while later(&app).await.is_err() {
        look(&app, &server, &mut seen).await;
    }
    look(&app, &server, &mut seen).await;
    for recipient in ["renamed", "scratched"] {
        let mut there = server.there();
        there.retain(|name, _| name.starts_with(recipient));
        assert_eq!(there.len(), sealed);
        check_far(&app, recipient, &there).await;
    }
    assert!(server.there().keys().all(|name| name.ends_with(".csv")), "nothing unfinished stays");
    assert!(*server.line.connections.lock().unwrap() > cuts);
}

/// Under final names there are whole files only, the first ones of each stream, and they never change.
async fn look(app: &TestApp, server: &Server, seen: &mut BTreeMap<String, (u64, Vec<u8>)>) {
    use std::os::unix::fs::MetadataExt as _;
    let mut there = server.there();
    there.retain(|name, _| name.ends_with(".csv") && !name.contains('/'));
    for recipient in ["renamed", "scratched"] {
        let list = files(app, recipient, false).await;
        let delivered = list.iter().take_while(|f| there.contains_key(f["name"].as_str().unwrap())).count();
        assert_eq!(there.keys().filter(|name| name.starts_with(recipient)).count(), delivered, "in order");
        for f in &list[..delivered] {
            super::check_one(f, &there[f["name"].as_str().unwrap()]);
        }
    }
    for (name, octets) in there {
        let inode = std::fs::metadata(server.folder().join(&name)).unwrap().ino();
        let before = seen.entry(name.clone()).or_insert_with(|| (inode, octets.clone()));
        assert_eq!((before.0, &before.1), (inode, &octets), "{name} was written over");
    }
}
