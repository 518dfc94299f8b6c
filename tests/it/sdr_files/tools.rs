//! `telvisor sdr verify`, `gap`, `decode`, `audit`, `recipient` and `correct`, as processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use telvisor::config::Recipient;
use telvisor::mediation::seal::Cut;
use tempfile::TempDir;

use super::{CSV, check_stream, customers, cut, decoded, files, journal, names, only, recipient};
use crate::harness::TestApp;
use crate::process::{PATIENCE, telvisor};

/// Runs a command; status, standard output and standard error.
async fn run(words: &[&str], files: &[PathBuf]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let mut command = telvisor(&folder.path().join("log"));
    command.args(words).args(files).current_dir(folder.path()).stderr(Stdio::piped());
    let ended = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

fn path(file: &Value) -> PathBuf {
    PathBuf::from(file["path"].as_str().unwrap())
}

/// Four files of each recipient.
async fn four(list: Vec<Recipient>) -> TestApp {
    let app = TestApp::with(only(list)).await;
    customers(&app).await;
    for records in [&["a", "b"][..], &["c"], &["d", "e"], &["f"]] {
        journal(&app, "C1", records).await;
        cut(&app, Cut::Manual).await;
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    app
}

fn layouts() -> Vec<Recipient> {
    let asn1 = |framing: &str| {
        let text = format!("name = '{framing}'\nformat = 'asn1'\nframing = '{framing}'");
        toml::from_str(&text).unwrap()
    };
    vec![recipient("csv", "day"), asn1("raw"), asn1("ts32297"), asn1("batch")]
}

#[tokio::test]
async fn whole_files_are_verified_and_damaged_ones_told() {
    let app = four(layouts()).await;
    let server = app.listens().await;
    let aside = TempDir::new().unwrap();
    for name in ["csv", "raw", "ts32297", "batch"] {
        let list = files(&app, name, false).await;
        let paths: Vec<_> = list.iter().map(path).collect();
        let (status, text, err) = run(&["sdr", "verify", "--sealed", "--server", &server], &paths).await;
        assert_eq!(status, 0, "{text}{err}");
        assert_eq!(text.matches(": ok, file ").count(), 4, "{text}");
        assert!(text.contains("file 3, 2 records, numbers 4 to 5"), "{text}");
        // One octet of a number or an id is another: told by the digest, the numbers, or by the server.
        let octets = std::fs::read(&paths[2]).unwrap();
        let broken = aside.path().join(paths[2].file_name().unwrap());
        let mut other = octets.clone();
        let at = octets.len() / 2;
        other[at] ^= 1;
        std::fs::write(&broken, &other).unwrap();
        let (status, text, _) =
            run(&["sdr", "verify", "--sealed", "--server", &server], std::slice::from_ref(&broken)).await;
        assert_eq!(status, 1, "{name}: {text}");
        assert!(text.contains("WRONG"), "{text}");
        std::fs::remove_file(&broken).unwrap();
        // Under the name of another number.
        let renamed =
            aside.path().join(paths[2].file_name().unwrap().to_str().unwrap().replace("_-_3.", "_-_9."));
        std::fs::write(&renamed, &octets).unwrap();
        let (status, text, _) = run(&["sdr", "verify", "--json"], std::slice::from_ref(&renamed)).await;
        let told: Value = serde_json::from_str(&text).unwrap();
        // A raw file does not tell its number.
        assert_eq!(
            (status, told[0]["ok"].as_bool()),
            if name == "raw" { (0, Some(true)) } else { (1, Some(false)) }
        );
        let (status, text, _) =
            run(&["sdr", "verify", "--sealed", "--server", &server], std::slice::from_ref(&renamed)).await;
        assert!(status == 1 && text.contains("no file of this name"), "{text}");
        std::fs::remove_file(&renamed).unwrap();
    }
}

#[tokio::test]
async fn missing_files_are_found_in_a_folder() {
    let app = four(layouts()).await;
    for name in ["csv", "raw", "ts32297", "batch"] {
        let folder = app.data().join("sdr").join(name);
        let (status, text, err) = run(&["sdr", "gap"], std::slice::from_ref(&folder)).await;
        assert_eq!(status, 0, "{text}{err}");
        assert!(text.contains("no gap, files 1 to 4"), "{text}");
        std::fs::remove_file(path(&files(&app, name, false).await[2])).unwrap();
        let (status, text, _) = run(&["sdr", "gap"], &[folder]).await;
        assert_eq!(status, 1);
        assert!(text.contains("file 3 is missing") && text.contains("records 4 to 5 are missing"), "{text}");
    }
}

#[tokio::test]
async fn files_of_own_columns_are_shown_by_their_recipient() {
    let own = "name = 'own'\nformat = 'csv'\nfile_name = 'SDR{seq:04}.csv'\n[csv]\nfixed = true\n\
               columns = [{ field = 'seq', width = 6, right = true, fill = '0' }, { field = 'externalOrderId', width = 9 }]\n\
               trailer = [{ field = 'count', width = 4 }]\n";
    let app = four(vec![toml::from_str(own).unwrap()]).await;
    let file = path(&files(&app, "own", false).await[2]);
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("t.toml");
    let table = own.replace("[csv]", "[mediation.recipient.csv]");
    std::fs::write(&config, format!("[[mediation.recipient]]\n{table}")).unwrap();
    let with = |command: &'static str| {
        ["sdr", command, "--json", "--recipient", "own", "--config"].map(str::to_owned).to_vec()
    };
    let ask = async |command: &'static str, file: &Path| {
        let mut words = with(command);
        words.push(config.display().to_string());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(&words, &[file.to_owned()]).await
    };
    let (status, text, err) = ask("decode", &file).await;
    assert_eq!(status, 0, "{err}");
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["records"][1], serde_json::json!({ "seq": "5", "externalOrderId": "e" }));
    assert_eq!(shown["trailer"]["count"], "2");
    let (status, text, _) = ask("verify", &file).await;
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &told[0]["fileSeq"], &told[0]["records"]), (0, &3.into(), &2.into()), "{text}");
    let broken = folder.path().join("SDR0003.csv");
    let octets = std::fs::read(&file).unwrap();
    std::fs::write(&broken, &octets[..octets.len() - 3]).unwrap();
    assert_eq!(ask("verify", &broken).await.0, 1);
    assert_eq!(ask("decode", &broken).await.0, 1);
}

#[tokio::test]
async fn recipients_corrections_and_the_audit_by_command() {
    let app = four(vec![recipient(CSV, "day")]).await;
    let server = app.listens().await;
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("billing.toml");
    std::fs::write(&table, "format = 'asn1'\nframing = 'batch'\ntypes = ['installed']\n").unwrap();
    let ask =
        async |words: &[&str], files: &[PathBuf]| run(&[words, &["--server", &server]].concat(), files).await;
    let (status, text, err) =
        ask(&["sdr", "recipient", "set", "billing"], std::slice::from_ref(&table)).await;
    assert_eq!(status, 0, "{err}");
    assert!(text.contains("version 1, set by operator") && text.contains("framing = \"batch\""), "{text}");
    let (_, text, _) = ask(&["sdr", "recipient", "list"], &[]).await;
    assert!(text.contains("asn1 batch") && text.contains("configuration"), "{text}");
    let (status, _, err) = ask(&["sdr", "recipient", "set", CSV], std::slice::from_ref(&table)).await;
    assert!(status != 0 && err.contains("configuration file"), "{err}");

    app.clock.advance(chrono::TimeDelta::seconds(1));
    let old =
        decoded(&files(&app, CSV, false).await[0])["records"][0]["recordId"].as_str().unwrap().to_owned();
    let correct = ["sdr", "correct", &old, "--set", "externalOrderId=PO-17", "--set", "durationSeconds=7"];
    let (status, text, err) = ask(&[&correct[..], &["--reason", "a slip"]].concat(), &[]).await;
    assert!(status == 0 && text.contains(&old), "{text}{err}");
    cut(&app, Cut::Manual).await;
    for name in [CSV, "billing"] {
        let last = check_stream(&app, name, false).await.pop().unwrap();
        assert_eq!(names(&last), ["PO-17"]);
        assert_eq!(decoded(&last)["records"][0]["durationSeconds"], 7);
    }

    let (status, text, _) = ask(&["sdr", "audit"], &[]).await;
    assert!(status == 0 && text.contains("it balances"), "{text}");
    let (status, text, _) = ask(&["sdr", "audit", "--csv", "--recipient", "billing"], &[]).await;
    assert!(status == 0 && text.starts_with("recipient,tenant,stream,"), "{text}");
    assert!(text.lines().skip(1).all(|l| l.starts_with("billing,")), "{text}");
    app.sql("UPDATE sdr_files SET records = records + 1 WHERE recipient = 'billing'").await;
    let (status, text, err) = ask(&["sdr", "audit"], &[]).await;
    assert!(status == 1 && text.contains("NOT") && err.contains("are numbered"), "{text}{err}");
    let (status, text, _) = ask(&["sdr", "recipient", "remove", "billing"], &[]).await;
    assert!(status == 0 && text.contains("removed"), "{text}");
}
