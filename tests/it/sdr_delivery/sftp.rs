//! How files come to a server of SSH.

use telvisor::config::Strategy;

use super::{app, by_sftp, check_far, later, seal, states};
use crate::sdr_delivery::server::Server;
use crate::sdr_files::files;

#[tokio::test]
async fn files_arrive_in_order_with_each_strategy() {
    let server = Server::start().await;
    for strategy in [Strategy::TmpRename, Strategy::TmpDir, Strategy::Marker, Strategy::Direct] {
        let app = app(vec![by_sftp("far", &server, strategy)]).await;
        seal(&app, &["a", "b"]).await;
        seal(&app, &["c"]).await;
        assert_eq!(states(&app, "far").await, ["sealed", "sealed"], "sealing waits for no network");
        later(&app).await.unwrap();
        assert_eq!(states(&app, "far").await, ["acknowledged", "acknowledged"]);
        let mut there = server.there();
        let marks: Vec<_> = there.extract_if(.., |name, _| name.ends_with(".FIN")).collect();
        check_far(&app, "far", &there).await;
        if strategy == Strategy::Marker {
            assert!(marks.iter().all(|(name, octets)| {
                there.contains_key(name.trim_end_matches(".FIN")) && octets.is_empty()
            }));
        }
        assert_eq!(marks.len(), if strategy == Strategy::Marker { 2 } else { 0 });
        let list = files(&app, "far", false).await;
        assert!(list.iter().all(|f| f.get("path").is_none() && f["deliveredAt"].is_string()), "{list:#?}");
        std::fs::remove_dir_all(server.folder()).unwrap();
        std::fs::create_dir(server.folder()).unwrap();
    }
}

/// What a broken connection left: nothing, a beginning, other octets, or all but the rename.
#[tokio::test]
async fn what_lies_there_is_gone_on_with_or_begun_anew() {
    for strategy in [Strategy::TmpRename, Strategy::TmpDir, Strategy::Marker, Strategy::Direct] {
        let server = Server::start().await;
        let app = app(vec![by_sftp("far", &server, strategy)]).await;
        for n in 0..4 {
            seal(&app, &[&format!("a{n}"), &format!("b{n}"), &format!("c{n}")]).await;
            let f = files(&app, "far", false).await.pop().unwrap();
            let octets = app.get(&format!("/api/v1/sdr/files/far/{}", f["fileSeq"])).await.octets;
            let left = match n {
                0 => vec![],
                1 => octets[..octets.len() / 2].to_vec(),
                2 => octets.clone(),
                _ if matches!(strategy, Strategy::Marker | Strategy::Direct) => continue,
                _ => vec![b'x'; octets.len() / 2],
            };
            let name = f["name"].as_str().unwrap();
            let part = match strategy {
                Strategy::TmpRename => format!("{name}.tmp"),
                Strategy::TmpDir => format!(".scratch/{name}"),
                Strategy::Marker | Strategy::Direct => name.to_owned(),
            };
            let part = server.folder().join(part);
            std::fs::create_dir_all(part.parent().unwrap()).unwrap();
            std::fs::write(part, left).unwrap();
            later(&app).await.unwrap();
        }
        later(&app).await.unwrap();
        let mut there = server.there();
        there.retain(|name, _| !name.ends_with(".FIN"));
        check_far(&app, "far", &there).await;
    }
}

/// After a delivery whose answer was lost: the file is there already, and is not sent again.
#[tokio::test]
async fn a_file_that_is_there_already_is_delivered() {
    for strategy in [Strategy::TmpRename, Strategy::TmpDir, Strategy::Marker, Strategy::Direct] {
        let server = Server::start().await;
        let app = app(vec![by_sftp("far", &server, strategy)]).await;
        seal(&app, &["a"]).await;
        later(&app).await.unwrap();
        let before = about(&server);
        app.sql("UPDATE sdr_files SET state = 'sealed'").await;
        later(&app).await.unwrap();
        assert_eq!(states(&app, "far").await, ["acknowledged"]);
        assert_eq!(about(&server), before, "{strategy:?}");
    }
}

/// Names, inodes and times of what lies there.
fn about(server: &Server) -> Vec<(String, u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt as _;
    let there = server.there();
    let about = |name: &String| std::fs::metadata(server.folder().join(name)).unwrap();
    there.keys().map(|name| (name.clone(), about(name).ino(), about(name).modified().unwrap())).collect()
}

#[tokio::test]
async fn files_are_for_the_recipient_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start().await;
    let app = app(vec![by_sftp("far", &server, Strategy::TmpRename)]).await;
    seal(&app, &["a"]).await;
    later(&app).await.unwrap();
    let name = server.there().into_keys().next().unwrap();
    let mode = std::fs::metadata(server.folder().join(name)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    assert!(crate::harness::files_below(&app.data().join("sdr")).is_empty(), "nothing of it stays here");
}
