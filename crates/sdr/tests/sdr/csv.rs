//! The CSV layout: one file written by hand, and every refusal with its place.

use crate::samples::{at, full, info, minimal};
use sha2::{Digest, Sha256};
use telvisor_sdr::csv_format::{CsvError, encode, parse};
use telvisor_sdr::{Record, RecordType};

const FILE: &str = concat!(
    "H,SDR,1.0,telvisor,mediation-csv,7,LIVE,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,",
    "2026-11-23T00:00:01+00:00,2026-11-24T00:00:02+00:00,t,,,,,,,,,,,,\r\n",
    "D,1,00010203-0405-0607-0809-0a0b0c0d0e0f,1001,2026-11-23T08:15:42+02:00,2026-11-23T06:15:43+00:00,",
    "n,t,4,c,a,1,,10111213-1415-1617-1819-1a1b1c1d1e1f,,0,,,,,,,,\r\n",
    "D,2,20212223-2425-2627-2829-2a2b2c2d2e2f,1006,2024-02-29T23:59:59-03:30,2024-03-01T03:29:59+00:00,",
    "telvisor,t,0,40721555000,crm,2.0,1.9,30313233-3435-3637-3839-3a3b3c3d3e3f,4294967295,2,65535,",
    "40414243-4445-4647-4849-4a4b4c4d4e4f,9223372036854775807,50515253-5455-5657-5859-5a5b5c5d5e5f,",
    "large,small,60616263-6465-6667-6869-6a6b6c6d6e6f,\"PO \"\"7\"\", \u{20ac}\"\r\n",
    "T,7,2,1,2,2024-02-29T23:59:59-03:30,2026-11-23T08:15:42+02:00,9223372036854775807,1,0,0,0,0,1,0,",
    "@DIGEST@,,,,,,,,\r\n",
);

/// SHA-256 of the file above up to its T row, computed with `sha256sum`.
const DIGEST: &str = "b032c2963900f11732181f562df23f19ca5a7cacc21922ded0703803ef0efb57";

fn records() -> Vec<Record> {
    let mut second = full();
    second.seq = 2;
    second.tenant = "t".to_owned();
    vec![minimal(), second]
}

/// The file with one text replaced and the digest made right again, so that only the other checks can see it.
fn changed(from: &str, to: &str) -> Result<(), CsvError> {
    assert!(FILE.contains(from), "{from}");
    sealed(&FILE.replacen(from, to, 1))
}

fn sealed(text: &str) -> Result<(), CsvError> {
    let end = text.find("\r\nT,").map_or(0, |at| at + 2);
    let digest: String = Sha256::digest(&text.as_bytes()[..end]).iter().map(|b| format!("{b:02x}")).collect();
    parse(text.replace("@DIGEST@", &digest).as_bytes()).map(|_| ())
}

#[test]
fn writes_and_reads_the_file() {
    let expected = FILE.replace("@DIGEST@", DIGEST);
    let written = encode(&info(), &records()).unwrap();
    assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
    let read = parse(&written).unwrap();
    assert_eq!((read.info, read.records), (info(), records()));
    assert_eq!(read.totals.count, 2);
    assert_eq!(read.totals.by_type[&RecordType::BackupRestored], 1);
    assert_eq!(read.totals.sum_volume_octets, i64::MAX as u64);
    changed("LIVE", "TEST").unwrap();
}

#[test]
fn a_file_without_records() {
    let file = encode(&info(), &[]).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(text.contains("\r\nT,7,0,,,,,0,0,0,0,0,0,0,0,"), "{text}");
    let read = parse(&file).unwrap();
    assert_eq!((read.records, read.totals.count, read.totals.first_seq), (vec![], 0, None));
}

/// Each change must be found at its row and column.
#[test]
fn names_row_and_column_of_a_fault() {
    for (from, to, row, column) in [
        ("H,SDR", "H,CDR", 1, 2),
        ("1.0,telv", "1.1,telv", 1, 3),
        ("1.0,telvisor", "1.0,tel visor", 1, 4),
        (",mediation-csv", ",", 1, 5),
        (",7,LIVE", ",0,LIVE", 1, 6),
        (",7,LIVE", ",07,LIVE", 1, 6),
        (",7,LIVE", ",4294967295,LIVE", 1, 6),
        ("LIVE", "live", 1, 7),
        ("2026-11-23T00:00:00+00:00", "2026-11-23T00:00:00Z", 1, 8),
        ("2026-11-24T00:00:00+00:00", "2026-11-22T00:00:00+00:00", 1, 9),
        ("2026-11-23T00:00:01+00:00", "2026-11-23 00:00:01+00:00", 1, 10),
        ("2026-11-24T00:00:02+00:00", "2026-11-24T00:00:02.5+00:00", 1, 11),
        (",t,,,", ",=t,,,", 1, 12),
        (",t,,,", ",t,,x,", 1, 14),
        ("D,1,", "D,0,", 2, 2),
        ("D,1,", "D,+1,", 2, 2),
        ("D,2,", "D,3,", 3, 2),
        ("D,2,", "D,1,", 3, 2),
        ("D,2,", "D,9223372036854775808,", 3, 2),
        ("00010203-", "00010203", 2, 3),
        ("0a0b0c0d0e0f,1001", "0A0B0C0D0E0F,1001", 2, 3),
        (",1001,", ",1007,", 2, 4),
        (",1001,", ",installed,", 2, 4),
        ("2026-11-23T08:15:42+02:00", "2026-11-23T08:15:42-00:00", 2, 5),
        ("2026-11-23T06:15:43+00:00", "2026-11-31T06:15:43+00:00", 2, 6),
        (",n,t,4", ",n\u{e9},t,4", 2, 7),
        (",n,t,4", ",n,u,4", 2, 8),
        (",t,4,c", ",t,5,c", 2, 9),
        (",t,4,c", ",t,4,@c", 2, 10),
        (",t,4,c", ",t,0,c", 2, 10),
        (",c,a,", ",c,,", 2, 11),
        (",a,1,", ",a,,", 2, 12),
        (",2.0,1.9,", ",2.0,-1.9,", 3, 13),
        ("10111213-", "", 2, 14),
        (",4294967295,2", ",4294967296,2", 3, 15),
        (",4294967295,2", ",4294967295,3", 3, 16),
        (",65535,", ",65536,", 3, 17),
        (",40414243-", ",x0414243-", 3, 18),
        (",9223372036854775807,5051", ",9223372036854775808,5051", 3, 19),
        (",50515253-", ",5051525-", 3, 20),
        (",large,", ",+large,", 3, 21),
        (",small,", ",sm\u{fc}ll,", 3, 22),
        (",60616263-", ",{60616263-", 3, 23),
        ("PO ", "PO\t", 3, 24),
        ("PO ", "PO\n", 3, 24),
        ("T,7,2,", "T,8,2,", 4, 2),
        ("T,7,2,", "T,7,3,", 4, 3),
        ("T,7,2,1,2", "T,7,2,2,2", 4, 4),
        ("T,7,2,1,2", "T,7,2,1,3", 4, 5),
        ("T,7,2,1,2,2024", "T,7,2,1,2,2023", 4, 6),
        ("2026-11-23T08:15:42+02:00,9223", "2026-11-23T06:15:42+00:00,9223", 4, 7),
        ("9223372036854775807,1,0,0", "9223372036854775806,1,0,0", 4, 8),
        (",1,0,0,0,0,1,0,@", ",2,0,0,0,0,1,0,@", 4, 9),
        (",1,0,0,0,0,1,0,@", ",1,1,0,0,0,1,0,@", 4, 10),
        (",1,0,0,0,0,1,0,@", ",1,0,1,0,0,1,0,@", 4, 11),
        (",1,0,0,0,0,1,0,@", ",1,0,0,1,0,1,0,@", 4, 12),
        (",1,0,0,0,0,1,0,@", ",1,0,0,0,1,1,0,@", 4, 13),
        (",1,0,0,0,0,1,0,@", ",1,0,0,0,0,0,0,@", 4, 14),
        (",1,0,0,0,0,1,0,@", ",1,0,0,0,0,1,6,@", 4, 15),
        (",1,0,0,0,0,1,0,@", ",1,0,0,0,0,1,132,@", 4, 15),
        ("@DIGEST@", "", 4, 16),
        ("@DIGEST@,,", "@DIGEST@,,y", 4, 18),
    ] {
        match changed(from, to) {
            Err(CsvError::Cell { row: r, column: c, .. }) => {
                assert_eq!((r, c), (row, column), "`{from}` -> `{to}`");
            }
            other => panic!("`{from}` -> `{to}`: {other:?}"),
        }
    }
}

#[test]
fn the_digest_covers_every_octet_before_the_t_row() {
    // A change that no other check can see.
    let text = FILE.replace("@DIGEST@", DIGEST).replacen(",c,a,1,", ",d,a,1,", 1);
    match parse(text.as_bytes()) {
        Err(CsvError::Cell { row: 4, column: 16, name, .. }) => assert_eq!(name, "sha256"),
        other => panic!("{other:?}"),
    }
    let upper = FILE.replace("@DIGEST@", &DIGEST.to_uppercase());
    assert!(parse(upper.as_bytes()).is_err());
}

/// Each change must be found in its row.
#[test]
fn names_the_row_of_a_fault_of_the_form() {
    for (from, to, row) in [
        ("H,SDR", "h,SDR", 1),
        ("H,SDR", "\u{feff}H,SDR", 1),
        ("D,1,", "N,1,", 2),
        ("D,1,", "T,1,", 2),
        ("D,2,", "H,2,", 3),
        ("T,7,", "D,7,", 4),
        ("t,,,,", "t,,,", 1),
        (",c,a,", ",c,a,,", 2),
        (",,,,,,\r\nD,1", ",,,,,,\nD,1", 1),
        (",,,,\r\nD,2", ",,,,\rD,2", 2),
        (",c,a,", ",c\"c,a,", 2),
        (",c,a,", ",\"c\"c,a,", 2),
        ("\"PO ", "PO ", 3),
        ("@DIGEST@,,,,,,,,\r\n", "@DIGEST@,,,,,,,,", 4),
        ("@DIGEST@,,,,,,,,\r\n", "@DIGEST@,,,,,,,,\r\n\r\n", 4),
        ("@DIGEST@,,,,,,,,\r\n", "@DIGEST@,,,,,,,,\r\nT,7,2\r\n", 4),
    ] {
        match changed(from, to) {
            Err(CsvError::Row { row: found, .. }) => assert_eq!(found, row, "`{from}` -> `{to}`"),
            other => panic!("`{from}` -> `{to}`: {other:?}"),
        }
    }
    let rows: Vec<&str> = FILE.split_inclusive("\r\n").collect();
    for kept in [&[][..], &[0], &[3], &[0, 1], &[1, 2, 3], &[0, 1, 2]] {
        let text: String = kept.iter().map(|at| rows[*at]).collect();
        assert!(matches!(sealed(&text), Err(CsvError::Row { .. })), "{kept:?}");
    }
}

#[test]
fn a_row_lost_or_moved_is_found() {
    let rows: Vec<&str> = FILE.split_inclusive("\r\n").collect();
    assert!(sealed(&[rows[0], rows[2], rows[3]].concat()).is_err());
    assert!(sealed(&[rows[0], rows[2], rows[1], rows[3]].concat()).is_err());
    assert!(sealed(&[rows[0], rows[1], rows[1], rows[2], rows[3]].concat()).is_err());
    sealed(&rows.concat()).unwrap();
}

#[test]
fn external_numbers_come_back_unchanged() {
    for text in [
        "a,b",
        "\"",
        "\"\"",
        "a\"b",
        ",",
        " a ",
        "=1+1",
        "-5",
        "@x",
        "'",
        ";|",
        "\\",
        "#",
        "D",
        "\u{4e2d}\u{6587}",
        "e\u{301}",
        "\u{2028}",
        "\u{a0}",
        "\u{1f4e6}",
    ] {
        let mut record = minimal();
        record.external_order_id = Some(text.to_owned());
        let file = encode(&info(), std::slice::from_ref(&record)).unwrap();
        let quoted = text.contains([',', '"']);
        let cell = if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() };
        let row = String::from_utf8(file.clone()).unwrap().split("\r\n").nth(1).unwrap().to_owned();
        assert!(row.ends_with(&format!(",{cell}")), "{row}");
        assert_eq!(parse(&file).unwrap().records, [record], "{text}");
    }
}

#[test]
fn what_contradicts_the_file_is_not_written() {
    let mut gap = records();
    gap[1].seq = 3;
    assert_eq!(encode(&info(), &gap), Err(CsvError::Gap { seq: 3 }));
    let mut tenant = records();
    tenant[1].tenant = "u".to_owned();
    assert_eq!(encode(&info(), &tenant), Err(CsvError::Tenant { seq: 2 }));
    let mut bad = records();
    bad[0].version = "v 1".to_owned();
    assert!(matches!(encode(&info(), &bad), Err(CsvError::Record { seq: 1, .. })));
    let mut sum = records();
    sum[0].volume_octets = Some(1);
    assert!(matches!(encode(&info(), &sum), Err(CsvError::Info(e)) if e.field == "sumVolumeOctets"));
    let mut early = info();
    early.period_end = at("2026-11-22T23:59:59+00:00");
    assert!(matches!(encode(&early, &[]), Err(CsvError::Info(e)) if e.field == "periodEnd"));
    let mut reason = info();
    for (code, known) in [(5, true), (6, false), (127, false), (128, true), (131, true), (132, false)] {
        reason.close_reason = code;
        assert_eq!(encode(&reason, &[]).is_ok(), known, "{code}");
    }
}

#[test]
fn equal_instants_keep_the_first_spelling() {
    let mut second = minimal();
    second.seq = 2;
    second.event_time = at("2026-11-23T06:15:42+00:00");
    let file = encode(&info(), &[minimal(), second]).unwrap();
    let totals = parse(&file).unwrap().totals;
    assert_eq!(totals.min_event_time.unwrap().to_rfc3339(), "2026-11-23T08:15:42+02:00");
    assert_eq!(totals.max_event_time.unwrap().to_rfc3339(), "2026-11-23T08:15:42+02:00");
}
