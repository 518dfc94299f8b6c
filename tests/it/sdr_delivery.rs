//! Delivery of SDR files to recipients elsewhere. Here: recipients, records, and how a far end is checked.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::Value;
use telvisor::config::{Delivery, FileFormat, Recipient, Sftp, Strategy};
use telvisor::mediation::deliver::deliver;
use telvisor::mediation::seal::{Cut, SealError};

use crate::harness::TestApp;
use crate::sdr_files::{customers, cut, files, journal, only, write};

mod cuts;
mod server;
mod sftp;
mod trouble;

use server::Server;

/// In which files can be told apart, by whichever recipient and stream.
const NAME: &str = "{recipient}-{tenant}-{test}_-_{seq}.{date}_-_{time}{offset}.{ext}";

/// One who gets his files from a server of SSH, by key.
fn by_sftp(name: &str, server: &Server, strategy: Strategy) -> Recipient {
    let delivery = Delivery::Sftp(Sftp {
        host: "127.0.0.1".into(),
        port: server.port,
        user: server.user.clone(),
        host_key: server.host_key.clone(),
        key_file: Some(server.key()),
        password_file: None,
        folder: server.folder().display().to_string(),
        strategy,
        timeout_seconds: 20,
    });
    Recipient { delivery, file_name: NAME.into(), ..Recipient::new(name, FileFormat::Csv) }
}

async fn app(recipients: Vec<Recipient>) -> TestApp {
    let app = TestApp::with(only(recipients)).await;
    customers(&app).await;
    app
}

/// Closes a file with these records for every recipient.
async fn seal(app: &TestApp, names: &[&str]) {
    journal(app, "C1", names).await;
    assert!(cut(app, Cut::Manual).await > 0);
}

/// As [`seal`], with so many records, in one transaction.
async fn seal_many(app: &TestApp, name: &str, count: usize) {
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    for n in 0..count {
        Box::pin(write(&mut tx, "C1", &format!("{name} {n:05}"))).await;
    }
    tx.commit().await.unwrap();
    assert!(cut(app, Cut::Manual).await > 0);
}

/// Delivers what is due once the longest wait is over.
async fn later(app: &TestApp) -> Result<(), SealError> {
    app.clock.advance(TimeDelta::minutes(10));
    Box::pin(deliver(app.engine())).await
}

async fn states(app: &TestApp, recipient: &str) -> Vec<String> {
    let list = files(app, recipient, false).await;
    list.iter().map(|f| f["state"].as_str().unwrap().to_owned()).collect()
}

/// All files of a recipient's live stream lie at the far end under their names, octet for octet as they were sealed,
/// and nothing else does.
async fn check_far(app: &TestApp, recipient: &str, there: &BTreeMap<String, Vec<u8>>) {
    let list = files(app, recipient, false).await;
    assert_eq!(
        list.iter().map(|f| f["name"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>(),
        there.keys().map(String::as_str).collect()
    );
    for f in &list {
        check_one(f, &there[f["name"].as_str().unwrap()]);
    }
}

fn check_one(file: &Value, octets: &[u8]) {
    use sha2::{Digest as _, Sha256};
    assert_eq!(file["bytes"], octets.len(), "{}", file["name"]);
    assert_eq!(file["sha256"], hex::encode(Sha256::digest(octets)), "{}", file["name"]);
}
