//! What a recipient may choose of its files: framing, columns, names, records and how subscribers are named.

use serde_json::{Value, json};
use telvisor::config::{Config, FileFormat, Framing, Overrides, Recipient, Subscriber};
use telvisor::mediation::seal::Cut;
use telvisor_sdr::RecordType;

use super::{check_stream, customers, cut, decoded, files, journal, names, octets, only};
use crate::harness::{CRM, TestApp, create, provision, service_id, take_backup};

fn asn1(name: &str, framing: Framing) -> Recipient {
    Recipient { framing, ..Recipient::new(name, FileFormat::Asn1) }
}

/// As the TOML has it.
fn toml(text: &str) -> Recipient {
    toml::from_str(text).unwrap()
}

#[tokio::test]
async fn framings_carry_the_same_records_and_are_rebuilt_alike() {
    let header = Recipient {
        node_address: "192.0.2.7".parse().unwrap(),
        ts_number: 30,
        ..asn1("headers", Framing::Ts32297)
    };
    let list = vec![asn1("raw", Framing::Raw), header, asn1("batch", Framing::Batch)];
    let app = TestApp::with(only(list)).await;
    customers(&app).await;
    journal(&app, "C1", &["a", "b", "c"]).await;
    journal(&app, "T1", &["t"]).await;
    assert_eq!(cut(&app, Cut::Manual).await, 6);
    let mut told = vec![];
    for name in ["raw", "headers", "batch"] {
        let live = check_stream(&app, name, false).await.remove(0);
        let test = check_stream(&app, name, true).await.remove(0);
        assert_eq!(names(&live), ["a", "b", "c"]);
        told.push((decoded(&live)["format"].clone(), decoded(&test)));
    }
    let formats: Vec<_> = told.iter().map(|(f, _)| f.as_str().unwrap()).collect();
    assert_eq!(formats, ["asn1-raw", "asn1-ts32297", "asn1-batch"]);
    let header = &told[1].1["header"];
    assert_eq!(header["nodeAddress"], "192.0.2.7");
    assert_eq!((&header["fileSeq"], &header["extension"]["test"]), (&json!(1), &json!(true)));
    assert_eq!(told[2].1["control"]["recipient"], "batch");
    assert_eq!(told[2].1["control"]["test"], true);
    let list = files(&app, "headers", false).await;
    assert_eq!(octets(&list[0])[117] & 31, 30, "the number of the specification, in the first CDR header");
}

#[tokio::test]
async fn columns_widths_and_names_are_the_recipients_own() {
    let own = toml(
        r#"
        name = "own"
        format = "csv"
        file_name = "SDR_{tenant}_{test}_{seq:06}_{start}.csv"
        [csv]
        separator = "|"
        header = [{ constant = "H" }, { field = "fileSeq", width = 6, right = true, fill = "0" }]
        columns = [{ field = "seq" }, { constant = "TV" }, { field = "externalOrderId" }]
        trailer = [{ constant = "T" }, { field = "count" }]
        "#,
    );
    let app = TestApp::with(only(vec![own])).await;
    customers(&app).await;
    journal(&app, "C1", &["a|b", "c"]).await;
    cut(&app, Cut::Manual).await;
    let list = files(&app, "own", false).await;
    assert_eq!(list[0]["name"], "SDR_default_live_000001_20261123.csv");
    let text = String::from_utf8(octets(&list[0])).unwrap();
    assert_eq!(text, "H|000001\r\n1|TV|\"a|b\"\r\n2|TV|c\r\nT|2\r\n");
    let rebuilt = app.get("/api/v1/sdr/files/own/1").await;
    assert_eq!(String::from_utf8(rebuilt.octets).unwrap(), text);
}

#[tokio::test]
async fn filters_pass_their_records_alone_with_numbers_of_their_own() {
    let all = Recipient::new("all", FileFormat::Csv);
    let types = Recipient { types: vec![RecordType::BackupTaken, RecordType::BackupRestored], ..all.clone() };
    let list = vec![
        all.clone(),
        Recipient { name: "backups".into(), ..types },
        Recipient { name: "filenook".into(), applications: vec!["filenook".into()], ..all.clone() },
        Recipient { name: "others".into(), tenants: vec!["acme".into()], ..all },
    ];
    let app = TestApp::with(only(list)).await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let nook = service_id(&app.done(provision("C1", "filenook", "home", None)).await, 0);
    for s in [&crm, &nook, &crm] {
        app.done(take_backup(s)).await;
    }
    app.post("/api/v1/sdr/seal", &json!({})).await.expect(200);
    let count = async |name: &str| {
        let list = check_stream(&app, name, false).await;
        list.iter().map(|f| f["records"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((count("all").await, count("backups").await, count("filenook").await), (5, 3, 2));
    assert_eq!(count("others").await, 0);
}

#[tokio::test]
async fn subscribers_are_named_as_the_recipient_may_know_them() {
    let of = |name: &str, subscriber| Recipient { subscriber, ..Recipient::new(name, FileFormat::Csv) };
    let list = vec![
        of("id", Subscriber::Customer),
        of("phone", Subscriber::Phone),
        of("veiled", Subscriber::Pseudonym),
        of("veiled-too", Subscriber::Pseudonym),
    ];
    let app = TestApp::with(only(list)).await;
    let mut with_phone = create("C1");
    let characteristics = with_phone["service"]["serviceCharacteristic"].as_array_mut().unwrap();
    characteristics.push(json!({ "name": "phone", "value": "+30 210 123-4567" }));
    app.done(with_phone).await;
    app.customer("C2").await;
    let nook = app.provision("C1", "filenook", "home", None).await;
    app.provision("C2", CRM, "solo", None).await;
    app.done(take_backup(&nook)).await;
    let told = async |name: &str| {
        let records = app.records(name).await;
        let told = records.iter().map(|r| {
            (
                r["subscriberIdType"].as_str().unwrap().to_owned(),
                r["subscriberId"].as_str().unwrap().to_owned(),
            )
        });
        told.collect::<Vec<_>>()
    };
    let pair = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
    assert_eq!(told("id").await, ["C1", "C2", "C1"].map(|c| pair("private", c)));
    let phone = pair("e164", "302101234567");
    assert_eq!(told("phone").await, [phone.clone(), pair("private", "C2"), phone]);
    let (veiled, too) = (told("veiled").await, told("veiled-too").await);
    assert!(veiled.iter().all(|(kind, id)| kind == "private" && id.len() == 32), "{veiled:?}");
    assert!(veiled[0] == veiled[2] && veiled[0] != veiled[1], "one customer, one pseudonym");
    assert!(veiled[0] != too[0], "recipients cannot put theirs together");
    for f in files(&app, "veiled", false).await {
        let text = String::from_utf8(octets(&f)).unwrap();
        assert!(!text.contains("C1") && !text.contains("4567"), "{text}");
    }
    check_stream(&app, "veiled", false).await;
}

#[tokio::test]
async fn files_are_for_their_group_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = TestApp::new().await;
    customers(&app).await;
    journal(&app, "C1", &["a"]).await;
    cut(&app, Cut::Manual).await;
    let list = files(&app, "mediation-csv", false).await;
    let mode = std::fs::metadata(list[0]["path"].as_str().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn a_recipient_that_cannot_be_is_refused_by_its_name() {
    let refused = |change: fn(&mut Value), told: &str| {
        let mut value = serde_json::to_value(Recipient::new("r", FileFormat::Csv)).unwrap();
        change(&mut value);
        let text = match serde_json::from_value::<Recipient>(value) {
            Ok(recipient) => recipient.check().unwrap_err().0,
            Err(e) => e.to_string(),
        };
        assert!(text.contains(told), "{text:?} does not say {told:?}");
    };
    refused(|r| r["framing"] = json!("ts32297"), "framing is for ASN.1");
    refused(|r| r["framing"] = json!("xer"), "unknown variant");
    refused(|r| r["file_name"] = json!("{node}.csv"), "{seq}");
    refused(|r| r["csv"] = json!({ "columns": [{ "field": "colour" }] }), "there is no field");
    refused(|r| (r["format"], r["csv"]) = (json!("asn1"), json!({ "columns": [{ "field": "seq" }] })), "CSV");
    refused(|r| (r["format"], r["empty"]) = (json!("asn1"), json!("heartbeat")), "no octets");
    refused(|r| r["schedule"] = json!("hourly"), "five fields");
    refused(|r| r["ts_number"] = json!(32), "ts_number");
    refused(|r| r["records"] = json!(0), "limits");
    refused(|r| r["open_minutes"] = json!(-1), "open_minutes");
    refused(|r| r["types"] = json!(["exploded"]), "unknown variant");
    refused(|r| r["name"] = json!("../r"), "plain");
    refused(|r| r["delivery"] = json!({ "kind": "pigeon" }), "unknown variant");
    let sftp = json!({ "kind": "sftp", "host": "h", "user": "u", "password_file": "p", "host_key": "x" });
    let with = |mut s: Value, key: &str, value: Value| {
        s[key] = value;
        s
    };
    let mut r = serde_json::to_value(Recipient::new("r", FileFormat::Csv)).unwrap();
    let check = |r: &Value| serde_json::from_value::<Recipient>(r.clone()).unwrap().check().unwrap_err().0;
    r["delivery"] = sftp.clone();
    assert!(check(&r).contains("one remote folder"));
    r["file_name"] = json!("{tenant}{test}{seq}.csv");
    assert!(check(&r).contains("host_key"));
    r["delivery"] = with(sftp, "key_file", json!("k"));
    assert!(check(&r).contains("key or a password"));
    let twice = Overrides::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    let one = "[[mediation.recipient]]\nname = \"r\"\nformat = \"csv\"\n";
    std::fs::write(&file, one.repeat(2)).unwrap();
    let error = Config::load(Some(&file), &twice).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}
