//! Every layout: golden files, what the readers refuse, templates.

use telvisor_sdr::decode::{DecodeError, Format, decode, to_json, to_table};
use telvisor_sdr::file::MAX_FILE_SEQ;
use telvisor_sdr::layout::{Layout, LayoutError};
use telvisor_sdr::template::{Cell, Template};
use telvisor_sdr::ts32297::{HEADER_LENGTH, Settings};
use telvisor_sdr::{FileInfo, Record, SubscriberType};

use crate::samples::{full, info, minimal};

fn settings() -> Settings {
    Settings { node_address: "::ffff:192.0.2.7".parse().expect("an address"), ts_number: 31 }
}

/// Three records with numbers that follow each other.
fn records() -> Vec<Record> {
    let tenant = info().tenant;
    let last = Record { seq: 3, tenant: tenant.clone(), ..full() };
    let phone = Record {
        seq: 2,
        tenant: tenant.clone(),
        subscriber_type: SubscriberType::E164,
        subscriber: "40721555000".to_owned(),
        ..minimal()
    };
    vec![Record { tenant, ..minimal() }, phone, last]
}

fn template() -> Template {
    let field = |name: &str| Cell { field: Some(name.to_owned()), ..Cell::default() };
    Template {
        separator: ';',
        fixed: false,
        names: true,
        header: vec![
            Cell { constant: Some("HDR".to_owned()), ..Cell::default() },
            Cell { width: Some(8), right: true, fill: Some('0'), ..field("fileSeq") },
            field("nodeId"),
        ],
        columns: vec![
            field("recordId"),
            Cell { constant: Some("TV;1".to_owned()), ..Cell::default() },
            field("eventTime"),
            Cell { width: Some(3), cut: true, ..field("subscriberId") },
            field("externalOrderId"),
        ],
        trailer: vec![field("count"), field("sha256")],
    }
}

fn layouts() -> Vec<(&'static str, Layout)> {
    let fixed = Template { fixed: true, header: vec![], trailer: vec![], names: false, ..template() };
    let columns = fixed.columns.iter().map(|c| Cell { width: Some(40), cut: true, ..c.clone() }).collect();
    vec![
        ("standard.csv", Layout::Csv),
        ("template.csv", Layout::Template(template())),
        ("fixed.csv", Layout::Template(Template { columns, ..fixed })),
        ("raw.cdr", Layout::Raw),
        ("ts32297.cdr", Layout::Ts32297(settings())),
        ("batch.cdr", Layout::Batch { rejected: None }),
        ("batch-again.cdr", Layout::Batch { rejected: Some(7) }),
    ]
}

fn heartbeats() -> Vec<(&'static str, Layout)> {
    vec![
        ("heartbeat-standard.csv", Layout::Csv),
        ("heartbeat-ts32297.cdr", Layout::Ts32297(settings())),
        ("heartbeat-batch.cdr", Layout::Batch { rejected: None }),
    ]
}

/// The octets of every layout are for ever: what was sealed by an older version must be rebuilt alike. A file that is
/// not there is written, to be looked at and checked in, and the test fails.
#[test]
fn golden_files() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let with: Vec<_> = layouts().into_iter().map(|(n, l)| (n, l, records())).collect();
    let without = heartbeats().into_iter().map(|(n, l)| (n, l, vec![]));
    let mut files = vec![];
    for (name, layout, records) in with.into_iter().chain(without) {
        files.push((name.to_owned(), layout.encode(&info(), &records).unwrap()));
        // For readers of other makes: by what, and out of which file, it was made.
        if let Layout::Template(template) = layout {
            let beside = serde_json::json!({ "standard": "standard.csv", "template": template });
            files.push((name.replace(".csv", ".json"), format!("{beside:#}\n").into_bytes()));
        }
    }
    for (name, octets) in files {
        let path = folder.join(&name);
        let there = std::fs::read(&path).unwrap_or_else(|_| {
            std::fs::write(&path, &octets).unwrap();
            panic!("{name} was not there");
        });
        assert!(octets == there, "{name} is not what it was");
    }
}

#[test]
fn every_framing_comes_back_to_its_records_and_tells_what_it_is() {
    for (name, layout) in layouts().into_iter().filter(|(n, _)| !["template.csv", "fixed.csv"].contains(n)) {
        let octets = layout.encode(&info(), &records()).unwrap();
        let read = decode(&octets).unwrap();
        assert_eq!(read.records, records(), "{name}");
        assert_eq!(layout.encode(&info(), &read.records).unwrap(), octets);
        let raw = layout == Layout::Raw;
        assert_eq!(read.file_seq(), (!raw).then_some(7), "{name}");
        assert!(to_table(&read).contains("3 records"));
        assert_eq!(to_json(&read).contains("\"fileSeq\": 7"), !raw);
        // One octet less, and one more, is told.
        assert!(decode(&octets[..octets.len() - 1]).is_err(), "{name}");
        assert!(decode(&[&octets[..], &[0]].concat()).is_err(), "{name}");
    }
    for (name, layout) in heartbeats() {
        let read = decode(&layout.encode(&info(), &[]).unwrap()).unwrap();
        assert_eq!((read.records.len(), read.file_seq()), (0, Some(7)), "{name}");
    }
}

#[test]
fn the_header_of_ts_32_297_octet_by_octet() {
    let at = crate::samples::at;
    let info = FileInfo {
        opened_at: at("2026-11-23T10:15:42+02:00"),
        closed_at: at("2026-12-31T23:59:59-01:00"),
        close_reason: 3,
        test: true,
        ..info()
    };
    let octets = Layout::Ts32297(settings()).encode(&info, &records()).unwrap();
    let number = |at: usize, n: usize| octets[at..at + n].iter().fold(0u64, |v, o| (v << 8) | u64::from(*o));
    assert_eq!((number(0, 4), number(4, 4)), (octets.len() as u64, HEADER_LENGTH as u64));
    assert_eq!(HEADER_LENGTH, 114);
    assert_eq!(octets[8..10], [0xe0, 0xe0], "release beyond 9, version 0");
    // 11-23 08:15 +00:00 and, in the next year of UTC, 01-01 00:59.
    assert_eq!(number(10, 4), (11 << 28) | (23 << 23) | (8 << 18) | (15 << 12) | (1 << 11));
    assert_eq!(number(14, 4), (1 << 28) | (1 << 23) | (59 << 12) | (1 << 11));
    assert_eq!((number(18, 4), number(22, 4), octets[26]), (3, 7, 3));
    assert_eq!(octets[27..31], [0xff; 4]);
    assert_eq!(octets[31..47], settings().node_address.octets());
    assert_eq!((octets[47], number(48, 2), number(50, 2)), (0, 0, 60));
    assert_eq!(octets[52..58], *b"SDR1\x01\x00");
    assert_eq!((number(58, 2), number(60, 8), number(68, 8), number(76, 4)), (2027, 1, 3, 1));
    assert_eq!(octets[112..114], [8, 8], "Rel-18");
    // The first CDR header: length, release, BER and our number, extension.
    let first = number(114, 2) as usize;
    assert_eq!(octets[116..119], [0xe0, (1 << 5) | 31, 8]);
    assert_eq!(octets[119], 0xa1);
    assert_eq!(octets[119 + first + 2], 0xe0);
}

#[test]
fn what_headers_say_wrong_is_refused() {
    let good = Layout::Ts32297(settings()).encode(&info(), &records()).unwrap();
    for (at, value, told) in [
        (3, good[3] ^ 1, "file length"),
        (7, 113, "header ends"),
        (10, 0xf0, "no time"),
        (21, 2, "the header says 2"),
        (67, 2, "the header says 2 to 3"),
        (90, good[90] ^ 1, "digest"),
        (good.len() - 1, good[good.len() - 1] ^ 1, "digest"),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        let error = decode(&bad).unwrap_err().to_string();
        assert!(error.contains(told), "octet {at}: {error}");
    }
    // Without our extension there is no digest, so the CDR headers themselves are looked at.
    for (at, value, told) in
        [(117, (2 << 5) | 31, "BER"), (115, good[115] + 1, "octet"), (114, 0xff, "ends in")]
    {
        let mut bad = good.clone();
        bad[52] = b'X';
        bad[at] = value;
        let error = decode(&bad).unwrap_err().to_string();
        assert!(error.contains(told), "octet {at}: {error}");
    }
    let batch = Layout::Batch { rejected: None }.encode(&info(), &records()).unwrap();
    let totals = telvisor_sdr::Totals::of(&records()).unwrap();
    let audit = telvisor_sdr::batch::tail(&totals).unwrap();
    // The count of the first type, which is the last octet before the volume.
    let mut bad = batch.clone();
    let first_number =
        batch.len() - audit.len() + audit.windows(3).position(|w| w == [0x82, 1, 1]).unwrap() + 2;
    bad[first_number] = 2;
    assert!(decode(&bad).unwrap_err().to_string().contains("firstSequenceNumber"));
}

#[test]
fn what_no_header_can_carry_is_refused_when_it_is_written() {
    let gap = [records()[0].clone(), records()[2].clone()];
    assert!(matches!(Layout::Raw.encode(&info(), &gap), Err(LayoutError::Gap { seq: 3 })));
    let number = FileInfo { file_seq: MAX_FILE_SEQ + 1, ..info() };
    assert!(matches!(Layout::Raw.encode(&number, &records()), Err(LayoutError::Info(_))));
    let long = FileInfo { recipient: "r".repeat(21), ..info() };
    assert!(Layout::Batch { rejected: None }.encode(&long, &records()).is_err());
}

#[test]
fn a_template_decides_order_constants_widths_and_rows() {
    let octets = Layout::Template(template()).encode(&info(), &records()).unwrap();
    let text = String::from_utf8(octets).unwrap();
    let rows: Vec<_> = text.trim_end().split("\r\n").collect();
    assert_eq!(rows[0], "HDR;00000007;telvisor");
    assert_eq!(rows[1], "recordId;\"TV;1\";eventTime;sub;externalOrderId");
    assert_eq!(rows[2], "00010203-0405-0607-0809-0a0b0c0d0e0f;\"TV;1\";2026-11-23T08:15:42+02:00;c  ;");
    assert!(rows[4].ends_with(";407;\"PO \"\"7\"\", \u{20ac}\""), "{}", rows[4]);
    assert!(rows[5].starts_with("3;") && rows[5].len() == 66);
    let fixed = layouts().remove(2).1.encode(&info(), &records()).unwrap();
    let text = String::from_utf8(fixed).unwrap();
    let rows: Vec<_> = text.trim_end_matches("\r\n").split("\r\n").collect();
    assert!(rows.len() == 3 && rows.iter().all(|r| r.chars().count() == 200), "{rows:?}");
    assert!(matches!(decode(text.as_bytes()), Err(DecodeError::Header(_) | DecodeError::Unknown(_))));
    // A value that is too long is told rather than cut, unless that is wanted.
    let mut strict = template();
    strict.columns[3].cut = false;
    let error = Layout::Template(strict).encode(&info(), &records()).unwrap_err().to_string();
    assert!(error.contains("subscriberId has 11 characters"), "{error}");
}

#[test]
fn what_is_no_template_is_told() {
    let with = |change: fn(&mut Template)| {
        let mut t = template();
        change(&mut t);
        t.check().unwrap_err()
    };
    assert_eq!(template().check(), Ok(()));
    assert!(
        with(|t| t.columns[0].field = Some("colour".into())).contains("columns, cell 1: there is no field")
    );
    assert!(with(|t| t.header[1].field = Some("count".into())).contains("header, cell 2"));
    assert!(with(|t| t.columns.clear()).contains("no columns"));
    assert!(with(|t| t.separator = 'a').contains("separator"));
    assert!(with(|t| t.fixed = true).contains("needs a width"));
    assert!(with(|t| t.columns[3].width = Some(0)).contains("at least 1"));
    assert!(with(|t| t.columns[0].constant = Some("x".into())).contains("either"));
    assert!(with(|t| t.columns[3].fill = Some('é')).contains("ASCII"));
    assert!(with(|t| t.columns[1].constant = Some("a\nb".into())).contains("control"));
}

#[test]
fn formats_are_told_apart() {
    let of = |layout: Layout| decode(&layout.encode(&info(), &records()).unwrap()).unwrap().format;
    assert_eq!(of(Layout::Csv), Format::Csv);
    assert_eq!(of(Layout::Raw), Format::Asn1Raw);
    assert_eq!(of(Layout::Ts32297(settings())), Format::Asn1Ts32297);
    assert_eq!(of(Layout::Batch { rejected: None }), Format::Asn1Batch);
}

#[test]
fn files_of_a_template_are_read_back_by_it() {
    for (name, layout) in layouts() {
        let Layout::Template(template) = &layout else { continue };
        let octets = layout.encode(&info(), &records()).expect("it can be written");
        let rows = template.read(&octets).expect("it can be read");
        assert_eq!(rows.records.len(), 3, "{name}");
        let names: Vec<_> = rows.records[1].iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names, ["recordId", "eventTime", "subscriberId", "externalOrderId"], "{name}");
        for (row, record) in rows.records.iter().zip(records()) {
            assert_eq!(row[0].1, record.record_id.to_string());
            assert_eq!(row[3].1.as_str(), record.external_order_id.as_deref().unwrap_or("").trim_end());
        }
        if name == "template.csv" {
            let header = rows.header.expect("it has one");
            assert_eq!(header[0], ("fileSeq".to_owned(), "7".to_owned()));
            assert_eq!(rows.trailer.expect("it has one")[0], ("count".to_owned(), "3".to_owned()));
        }
        // Whatever is cut off, or another template, is told.
        assert!(template.read(&octets[..octets.len() - 1]).is_err(), "{name}");
        let other = Template { columns: template.columns[1..].to_vec(), ..template.clone() };
        assert!(other.read(&octets).is_err(), "{name}");
    }
}
