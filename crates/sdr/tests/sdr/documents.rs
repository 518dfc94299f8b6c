//! What people see: the interface document, the table, JSON, and telling formats apart.

use crate::samples::{full, info, minimal};
use telvisor_sdr::columns::{DETAIL, HEADER, TRAILER};
use telvisor_sdr::decode::{DecodeError, Format, decode, to_json, to_table};
use telvisor_sdr::icd::{IcdRecipient, IcdSettings, interface_control_document, samples};
use telvisor_sdr::template::{Cell, Template};
use telvisor_sdr::ts32297::HEADER_LENGTH;
use telvisor_sdr::{ASN1_MODULE, csv_format, raw};

fn document() -> String {
    let cell =
        |name: &str| Cell { field: Some(name.to_owned()), width: Some(8), right: true, ..Cell::default() };
    let template = Template {
        separator: '|',
        fixed: false,
        names: true,
        header: vec![],
        columns: vec![cell("seq"), Cell { constant: Some("TV".to_owned()), ..Cell::default() }],
        trailer: vec![cell("count")],
    };
    let recipient = |name: &str, file_name: &str, template| IcdRecipient {
        name: name.to_owned(),
        extension: "cdr",
        file_name: file_name.to_owned(),
        agreed: vec![("closed", "every day | at 00:00".to_owned())],
        template,
    };
    interface_control_document(&IcdSettings {
        software_version: "0.1.0".to_owned(),
        example: info(),
        time_zone: "UTC".to_owned(),
        recipients: vec![
            recipient("mediation", telvisor_sdr::name::DEFAULT, None),
            recipient("own", "{recipient}{seq:08}.{ext}", Some(template)),
        ],
        causes: vec![(7, "no capacity | or\nno host".to_owned())],
    })
}

#[test]
fn the_document_describes_every_column_and_value() {
    let text = document();
    for (at, column) in DETAIL.iter().enumerate() {
        let begin = format!("| {} | {} | {} |", at + 1, column.name, column.form);
        let end = format!("| {} | {} |", column.meaning, column.asn1);
        assert!(text.lines().any(|l| l.starts_with(&begin) && l.ends_with(&end)), "{}", column.name);
    }
    for labels in [&HEADER[..], &TRAILER[..]] {
        for (at, label) in labels.iter().enumerate() {
            assert!(text.contains(&format!("| {} | {} | {} |\n", at + 1, label.name, label.meaning)));
        }
    }
    for line in [
        "| 13 to 24 | | empty |",
        "| 17 to 24 | | empty |",
        "| 1005 | [5] | backup-downloaded |",
        "| 130 | file system nearly full |",
        "| 7 | no capacity \\| or no host |",
        "| closed | every day \\| at 00:00 |",
        "| 1 | seq | 8, blanks before a shorter value |",
        "| 2 | always `TV` | as the value has |",
        "| name of a file | `{recipient}{seq:08}.{ext}`, for example `own00000007.cdr` |",
        "| a second revision of it | `own00000007_-_r2.cdr` |",
        "| [12] | duration | INTEGER (0..4294967295) | optional | 0 to 2^32-1 | seconds | seconds from the start of the order item to eventTime |",
        "| [21] | externalOrderId | UTF8String | optional | 1 to 255 characters, no control characters, quoted where needed |  | the client's own number of the order, unchanged |",
        "| `80 02 03 EA` | [0] recordType |",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
    assert!(text.contains("telvisor_-_7.20261124_-_0000+0000.cdr"));
    assert!(text.contains(ASN1_MODULE.trim_end()));
    assert!(text.contains("does not attest that the customer's disk holds the backup"));
    for column in &DETAIL[1..] {
        let field = column.asn1.split(' ').next().unwrap();
        assert!(
            text.lines().any(|l| l.starts_with("| [") && l.contains(&format!("] | {field} |"))),
            "{field}"
        );
    }
    for what in ["counts as taken", "Roll-over", "heartbeat", "transferCutOffTimeStamp"] {
        assert!(text.contains(what), "{what}");
    }
    // No table is broken: within a table all rows have as many cells.
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        let width = |line: &str| line.replace("\\|", "").matches('|').count();
        let first = width(table.lines().next().unwrap());
        assert!(table.lines().all(|line| width(line) == first), "{table}");
    }
}

/// Each octet of the header that the document describes lies where it is written.
#[test]
fn the_document_describes_every_octet_of_the_header() {
    let text = document();
    let rows = text.split("## Framing ts32297").nth(1).unwrap().lines().filter(|l| l.starts_with("| "));
    let mut at = 0;
    for row in rows.skip(1).take_while(|row| !row.starts_with("| octet of")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1].parse::<usize>().unwrap(), at, "{row}");
        at += cells[2].parse::<usize>().unwrap_or(0);
    }
    assert_eq!(at, HEADER_LENGTH);
}

/// What is published is what is written. A file that is not there is written, and the test fails.
#[test]
fn the_published_samples_are_those_of_the_document() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples");
    for sample in samples::samples().unwrap() {
        let path = folder.join(&sample.path);
        let there = std::fs::read(&path).unwrap_or_else(|_| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &sample.octets).unwrap();
            panic!("{} was not there", sample.path);
        });
        assert!(there == sample.octets, "{} is not what is written", sample.path);
        let read = decode(&there).unwrap();
        assert_eq!(read.records.len(), if sample.path.contains("heartbeat") { 0 } else { 2 });
    }
}

/// The fields of the module's record are those of the columns.
#[test]
fn columns_and_module_agree() {
    let body =
        ASN1_MODULE.split("ServiceDetailRecord ::= SEQUENCE").nth(1).unwrap().split('}').next().unwrap();
    let mut fields: Vec<(String, bool)> = body
        .lines()
        .filter(|line| line.contains('['))
        .map(|line| {
            let name = line.split_whitespace().next().unwrap();
            let tag = line.split('[').nth(1).unwrap().split(']').next().unwrap();
            (format!("{name} [{tag}]"), line.contains("OPTIONAL"))
        })
        .collect();
    assert_eq!(fields.len(), 22);
    for column in DETAIL.iter().skip(1) {
        let field = column.asn1.split([',']).next().unwrap().replace(" and the CHOICE", "");
        fields.retain(|(name, optional)| {
            assert!(*name != field || *optional == column.optional, "{field}");
            *name != field
        });
    }
    assert_eq!(fields, []);
}

#[test]
fn content_tells_the_format() {
    let csv = decode(&csv_format::encode(&info(), &[minimal()]).unwrap()).unwrap();
    assert_eq!((csv.format, csv.info, csv.totals.count), (Format::Csv, Some(info()), 1));
    let asn1 = decode(&raw::encode_raw(&[full()]).unwrap()).unwrap();
    assert_eq!((asn1.format, asn1.info, asn1.records), (Format::Asn1Raw, None, vec![full()]));
    assert_eq!(decode(b""), Err(DecodeError::Empty));
    assert_eq!(decode(b"\xef\xbb\xbfH,SDR"), Err(DecodeError::Unknown(0xef)));
    assert!(matches!(decode(b"H,SDR,1.0\r\n"), Err(DecodeError::Csv(_))));
    assert!(matches!(decode(b"\xa9\x00"), Err(DecodeError::Raw(_))));
}

#[test]
fn a_file_is_shown_as_a_table_and_as_json_with_the_names_of_csv() {
    let mut second = full();
    (second.seq, second.tenant) = (2, "t".to_owned());
    let file = decode(&csv_format::encode(&info(), &[minimal(), second]).unwrap()).unwrap();
    let table = to_table(&file);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines[0].starts_with("file 7 of telvisor for mediation-csv (live), tenant t, period"), "{table}");
    assert!(lines[1].starts_with("seq  event"), "{table}");
    assert!(lines[3].contains("1.9 -> 2.0") && lines[3].contains("small -> large"), "{table}");
    assert!(lines[3].ends_with("partial (cause 65535)"), "{table}");
    assert!(lines[4].starts_with("2 records (1 installed, 1 backup-restored)"), "{table}");

    let json: serde_json::Value = serde_json::from_str(&to_json(&file)).unwrap();
    assert_eq!(json["format"], "csv");
    assert_eq!(json["file"]["fileSeq"], 7);
    assert_eq!(json["totals"]["byType"]["backup-restored"], 1);
    assert_eq!(json["records"][0]["recordType"], "installed");
    assert_eq!(json["records"][0]["eventTime"], "2026-11-23T08:15:42+02:00");
    // JSON calls every field as CSV does.
    let names: Vec<&String> = json["records"][1].as_object().unwrap().keys().collect();
    for column in DETAIL.iter().skip(1) {
        assert!(names.iter().any(|name| *name == column.name), "{}", column.name);
    }
    assert_eq!(names.len(), DETAIL.len() - 1);
}
