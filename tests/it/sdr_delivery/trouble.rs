//! What goes wrong at the far end, and what operators are told of it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use telvisor::config::{Delivery, Recipient, Strategy};

use super::{app, by_sftp, check_far, later, seal, states};
use crate::alarms::{one, open};
use crate::harness::TestApp;
use crate::sdr_delivery::server::Server;
use crate::sdr_files::files;

fn change(mut r: Recipient, change: impl FnOnce(&mut telvisor::config::Sftp)) -> Recipient {
    let Delivery::Sftp(s) = &mut r.delivery else { panic!("SFTP") };
    change(s);
    r
}

/// A try that fails with these words, in the list and as an alarm; the next one after the cause was mended goes well.
async fn fails_until(app: &TestApp, server: &Server, words: &str, mend: impl FnOnce()) {
    seal(app, &["a"]).await;
    let error = later(app).await.expect_err("it cannot be delivered").to_string();
    assert!(error.contains(words), "{error}");
    let f = files(app, "far", false).await.remove(0);
    assert_eq!(
        (&f["state"], &f["tries"], f["lastError"].as_str()),
        (&"sealed".into(), &1.into(), Some(&*error))
    );
    assert!(f["nextTry"].is_string(), "{f:#}");
    let alarm = one(app, "sdrDeliveryFailing").await;
    assert!(alarm["alarmDetails"].as_str().unwrap().contains(words), "{alarm:#}");
    assert_eq!(alarm["alarmedObject"]["id"], "far");
    mend();
    later(app).await.unwrap();
    assert_eq!(states(app, "far").await, ["acknowledged"]);
    check_far(app, "far", &server.there()).await;
    assert!(open(app, "sdrDeliveryFailing").await.is_empty());
}

#[tokio::test]
async fn another_host_key_is_an_alarm_and_no_delivery() {
    let server = Server::start().await;
    server.use_host_key("other_host_key");
    let app = app(vec![by_sftp("far", &server, Strategy::TmpRename)]).await;
    let there = || server.use_host_key("host_key");
    fails_until(&app, &server, "shows another host key than host_key says, SHA256:", there).await;
}

#[tokio::test]
async fn a_key_that_is_not_let_in_is_an_alarm() {
    let server = Server::start().await;
    let app = app(vec![by_sftp("far", &server, Strategy::TmpRename)]).await;
    let keys = server.file("authorized_keys");
    std::fs::copy(server.file("other_key.pub"), &keys).unwrap();
    let mend = || {
        std::fs::copy(server.file("key.pub"), &keys).unwrap();
    };
    fails_until(&app, &server, "does not let", mend).await;
}

#[tokio::test]
async fn a_wrong_password_is_an_alarm_and_stands_nowhere() {
    let server = Server::start().await;
    std::fs::write(server.file("password"), "wr0ng-secret\n").unwrap();
    let far = change(by_sftp("far", &server, Strategy::TmpRename), |s| {
        s.key_file = None;
        s.password_file = Some(server.file("password"));
    });
    let app = app(vec![far]).await;
    seal(&app, &["a"]).await;
    let error = later(&app).await.unwrap_err().to_string();
    assert!(error.contains("does not let"), "{error}");
    let shown = format!("{:?}{:?}", files(&app, "far", false).await, one(&app, "sdrDeliveryFailing").await);
    assert!(shown.contains("does not let") && !shown.contains("wr0ng"), "{shown}");
}

#[tokio::test]
async fn a_full_disk_at_the_far_end_is_told_and_gone_on_from() {
    let server = Server::start().await;
    let app = app(vec![by_sftp("far", &server, Strategy::TmpRename)]).await;
    // The first file's name is known by now, its closing time being that of the test's clock.
    let part = server.folder().join("far-default-live_-_1.20261123_-_0800+0000.csv.tmp");
    symlink("/dev/full", &part).unwrap();
    fails_until(&app, &server, "Failure", || std::fs::remove_file(&part).unwrap()).await;
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_told() {
    let server = Server::start().await;
    let app = app(vec![by_sftp("far", &server, Strategy::TmpRename)]).await;
    let (folder, aside) = (server.folder(), server.file("aside"));
    if server.user == "root" {
        // Nothing is forbidden to root; a folder that is not there fails as well.
        std::fs::rename(&folder, &aside).unwrap();
        let mend = || std::fs::rename(&aside, &folder).unwrap();
        return fails_until(&app, &server, "No such file", mend).await;
    }
    let mode = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    fails_until(&app, &server, "Permission denied", || mode(0o700)).await;
}

/// Nobody's file is written over, and what stands behind it in its stream waits; other streams do not.
#[tokio::test]
async fn a_name_that_another_file_has_is_an_alarm() {
    for strategy in [Strategy::TmpRename, Strategy::TmpDir, Strategy::Marker, Strategy::Direct] {
        let server = Server::start().await;
        let app = app(vec![by_sftp("far", &server, strategy)]).await;
        let taken = server.folder().join("far-default-live_-_1.20261123_-_0800+0000.csv");
        std::fs::write(&taken, "not ours").unwrap();
        seal(&app, &["a"]).await;
        seal(&app, &["b"]).await;
        crate::sdr_files::journal(&app, "T1", &["t"]).await;
        crate::sdr_files::cut(&app, telvisor::mediation::seal::Cut::Manual).await;
        let error = later(&app).await.unwrap_err().to_string();
        assert!(error.contains("another file is under the name"), "{error}");
        assert_eq!(std::fs::read(&taken).unwrap(), b"not ours");
        assert_eq!(states(&app, "far").await, ["sealed", "sealed"], "{strategy:?}");
        assert_eq!(files(&app, "far", true).await[0]["state"], "acknowledged");
        assert!(
            one(&app, "sdrDeliveryFailing").await["alarmDetails"].as_str().unwrap().contains("not touched")
        );
        std::fs::remove_file(&taken).unwrap();
        later(&app).await.unwrap();
        assert_eq!(states(&app, "far").await, ["acknowledged", "acknowledged"]);
    }
}

/// A server that is away, or says nothing: its recipient waits longer from time to time, others do not wait at all.
#[tokio::test]
async fn a_recipient_that_is_away_keeps_back_no_other() {
    let (away, server) = (Server::start().await, Server::start().await);
    *away.line.mute.lock().unwrap() = true;
    let mute = change(by_sftp("away", &away, Strategy::TmpRename), |s| s.timeout_seconds = 1);
    let app = app(vec![mute, by_sftp("far", &server, Strategy::TmpRename)]).await;
    let mut waits = vec![];
    for n in 0..4_usize {
        seal(&app, &[&format!("order {n}")]).await;
        let error = later(&app).await.unwrap_err().to_string();
        assert!(error.contains("away at sftp://") && error.contains("no answer within 1 s"), "{error}");
        assert_eq!(states(&app, "far").await, vec!["acknowledged"; n + 1]);
        let f = files(&app, "away", false).await.remove(0);
        assert_eq!(f["tries"], n + 1);
        let at = |name: &str| f[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        waits.push((at("nextTry") - app.engine().db.clock().now()).num_milliseconds());
        assert_eq!(
            open(&app, "sdrDeliveryFailing").await.len(),
            usize::from(n >= 2),
            "after {} tries",
            n + 1
        );
    }
    assert!(waits.windows(2).all(|w| w[1] > w[0]), "{waits:?}");
    let tries = *away.line.connections.lock().unwrap();
    telvisor::mediation::deliver::deliver(app.engine()).await.unwrap();
    assert_eq!(*away.line.connections.lock().unwrap(), tries, "it is not asked before its time");
    let again = app.restart().await;
    telvisor::mediation::deliver::deliver(again.engine()).await.unwrap();
    assert_eq!(*away.line.connections.lock().unwrap(), tries, "a restart does not forget that");
    *away.line.mute.lock().unwrap() = false;
    later(&again).await.unwrap();
    assert_eq!(states(&again, "away").await, vec!["acknowledged"; 4]);
    assert!(open(&again, "sdrDeliveryFailing").await.is_empty());
}
