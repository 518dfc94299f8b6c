//! What a record may hold, times, names, and totals.

use crate::samples::{at, full, info, minimal};
use chrono::{Duration, FixedOffset, TimeZone};
use telvisor_sdr::file::{Totals, first_gap};
use telvisor_sdr::time::{TimeError, check, from_bcd, from_text, to_bcd, to_text, whole_seconds};
use telvisor_sdr::{Record, RecordType, ResultCode, SubscriberType};

/// The field that `validate` names for a minimal record with one change.
fn field(change: impl Fn(&mut Record)) -> Option<&'static str> {
    let mut record = minimal();
    change(&mut record);
    record.validate().err().map(|e| e.field)
}

#[test]
fn limits_of_every_field() {
    minimal().validate().unwrap();
    full().validate().unwrap();
    assert_eq!(field(|r| r.seq = 0), Some("seq"));
    assert_eq!(field(|r| r.seq = 1 << 63), Some("seq"));
    assert_eq!(field(|r| r.volume_octets = Some(1 << 63)), Some("volumeOctets"));
    assert_eq!(
        field(|r| r.event_time = at("2026-01-01T00:00:00+00:00") - Duration::days(9999)),
        Some("eventTime")
    );
    assert_eq!(field(|r| r.record_time += Duration::nanoseconds(1)), Some("recordTime"));
    type Set = fn(&mut Record, String);
    let limited: [(&str, usize, Set); 9] = [
        ("nodeId", 20, |r, v| r.node_id = v),
        ("tenantId", 64, |r, v| r.tenant = v),
        ("subscriberId", 128, |r, v| r.subscriber = v),
        ("applicationId", 64, |r, v| r.application = v),
        ("applicationVersion", 32, |r, v| r.version = v),
        ("previousVersion", 32, |r, v| r.previous_version = Some(v)),
        ("planId", 64, |r, v| r.plan = Some(v)),
        ("previousPlanId", 64, |r, v| r.previous_plan = Some(v)),
        ("externalOrderId", 255, |r, v| r.external_order_id = Some(v)),
    ];
    for (name, max, set) in limited {
        assert_eq!(field(|r| set(r, "x".repeat(max))), None, "{name}");
        for bad in [
            String::new(),
            "x".repeat(max + 1),
            "a\n".into(),
            "a\0".into(),
            "a\u{7f}".into(),
            "a\u{85}".into(),
        ] {
            assert_eq!(field(|r| set(r, bad.clone())), Some(name), "{bad:?}");
        }
        for formula in ["=a", "+a", "-a", "@a", " a", "_a", "\u{e9}a", "a b", "a\u{e9}"] {
            let expected = (name != "externalOrderId").then_some(name);
            assert_eq!(field(|r| set(r, formula.to_owned())), expected, "{formula:?}");
        }
    }
    // Characters count, not octets.
    assert_eq!(field(|r| r.external_order_id = Some("\u{1f4e6}".repeat(255))), None);
    assert_eq!(field(|r| r.node_id = "a:b".to_owned()), Some("nodeId"));
    for kind in [SubscriberType::E164, SubscriberType::Imsi] {
        let set = |value: &str| {
            field(|r| {
                r.subscriber_type = kind;
                r.subscriber = value.to_owned();
            })
        };
        assert_eq!(set("123456789012345"), None);
        for bad in ["+40721555000", "1234567890123456", "12a", ""] {
            assert_eq!(set(bad), Some("subscriberId"), "{bad}");
        }
    }
}

#[test]
fn an_error_names_field_and_problem() {
    let mut record = minimal();
    record.tenant = "=cmd".to_owned();
    let text = record.validate().unwrap_err().to_string();
    assert_eq!(text, "tenantId must begin with one of A-Z, a-z, 0-9");
}

#[test]
fn coded_values_have_a_number_and_a_word() {
    let words: Vec<_> = RecordType::ALL.iter().map(|kind| (kind.code(), kind.as_str())).collect();
    assert_eq!(
        words,
        [
            (1001, "installed"),
            (1002, "upgraded"),
            (1003, "downgraded"),
            (1004, "backup-taken"),
            (1005, "backup-downloaded"),
            (1006, "backup-restored"),
        ]
    );
    for kind in RecordType::ALL {
        assert_eq!(kind.as_str().parse(), Ok(*kind));
        assert_eq!(RecordType::from_code(kind.code()), Some(*kind));
    }
    assert_eq!(RecordType::ALL.iter().filter(|kind| kind.is_backup()).count(), 3);
    assert_eq!(RecordType::from_code(1000), None);
    assert_eq!("Installed".parse::<RecordType>().unwrap_err().to_string(), "`Installed` is no record type");
    assert_eq!(ResultCode::ALL.iter().map(|r| r.code()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(SubscriberType::ALL.iter().map(|s| s.code()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn times_at_the_edges() {
    for (text, octets) in [
        ("2026-11-23T08:15:42+02:00", [0x26, 0x11, 0x23, 0x08, 0x15, 0x42, b'+', 0x02, 0x00]),
        ("2024-02-29T00:00:00-09:30", [0x24, 0x02, 0x29, 0x00, 0x00, 0x00, b'-', 0x09, 0x30]),
        ("2000-02-29T23:59:59+14:00", [0x00, 0x02, 0x29, 0x23, 0x59, 0x59, b'+', 0x14, 0x00]),
        ("2000-01-01T00:00:00+12:45", [0x00, 0x01, 0x01, 0x00, 0x00, 0x00, b'+', 0x12, 0x45]),
        ("2099-12-31T23:59:59-00:30", [0x99, 0x12, 0x31, 0x23, 0x59, 0x59, b'-', 0x00, 0x30]),
        ("2026-01-01T00:00:00+23:59", [0x26, 0x01, 0x01, 0x00, 0x00, 0x00, b'+', 0x23, 0x59]),
    ] {
        let time = from_text(text).unwrap();
        assert_eq!(to_text(&time), text);
        assert_eq!(to_bcd(&time), octets, "{text}");
        assert_eq!(from_bcd(&octets).unwrap().to_rfc3339(), text);
    }
    for text in [
        "2023-02-29T00:00:00+00:00",
        "2026-11-23T08:15:60+00:00",
        "2026-11-23T24:00:00+00:00",
        "2026-11-23T08:15:42Z",
        "2026-11-23T08:15:42+0000",
        "2026-11-23T08:15:42-00:00",
        "2026-11-23t08:15:42+00:00",
        "2026-11-23T08:15:42+24:00",
        "2026-11-23T08:15:42+00:60",
        "2026-11-23T08:15:4\u{b2}+00:0",
        "1999-12-31T23:59:59+00:00",
        "2100-01-01T00:00:00+00:00",
        "",
    ] {
        assert!(from_text(text).is_err(), "{text}");
    }
}

#[test]
fn times_that_no_file_can_carry() {
    let zone = |seconds| FixedOffset::east_opt(seconds).unwrap();
    let noon = |seconds, year| zone(seconds).with_ymd_and_hms(year, 6, 1, 12, 0, 0).unwrap();
    assert_eq!(check(&noon(0, 2026)), Ok(()));
    assert_eq!(check(&noon(1, 2026)), Err(TimeError::Offset));
    assert_eq!(check(&noon(0, 1999)), Err(TimeError::Year));
    assert_eq!(check(&noon(0, 2100)), Err(TimeError::Year));
    let fine = noon(0, 2026) + Duration::milliseconds(999);
    assert_eq!(check(&fine), Err(TimeError::Fraction));
    assert_eq!(whole_seconds(fine), noon(0, 2026));
    // The local year counts: this instant is in 1999 in UTC.
    assert_eq!(check(&at("2000-01-01T00:30:00+01:00")), Ok(()));
}

#[test]
fn names_of_files() {
    let mut file = info();
    assert_eq!(file.default_name("csv"), "telvisor_-_7.20261124_-_0000+0000.csv");
    file.file_seq = 4_000_000_000;
    file.closed_at = at("2026-03-01T23:05:59-03:30");
    assert_eq!(file.default_name("cdr"), "telvisor_-_4000000000.20260301_-_2305-0330.cdr");
}

#[test]
fn totals_and_gaps() {
    let mut records = vec![minimal(), minimal(), minimal()];
    for (at, record) in records.iter_mut().enumerate() {
        record.seq = 10 + at as u64;
        record.volume_octets = (at > 0).then_some(1 << at);
    }
    records[1].event_time = at("2026-01-01T00:00:00+00:00");
    records[2].record_type = RecordType::BackupTaken;
    let totals = Totals::of(&records).unwrap();
    assert_eq!((totals.count, totals.first_seq, totals.last_seq), (3, Some(10), Some(12)));
    assert_eq!(totals.sum_volume_octets, 6);
    assert_eq!(totals.min_event_time, Some(records[1].event_time));
    assert_eq!(totals.max_event_time, Some(records[0].event_time));
    let counts: Vec<u64> = totals.by_type.values().copied().collect();
    assert_eq!(counts, [2, 0, 0, 1, 0, 0]);
    assert_eq!(first_gap(&records), None);
    records[2].seq = 13;
    assert_eq!(first_gap(&records), Some(2));
    records[1].seq = u64::MAX;
    assert_eq!(first_gap(&records), Some(1));
    assert_eq!(first_gap(&[]), None);
}
