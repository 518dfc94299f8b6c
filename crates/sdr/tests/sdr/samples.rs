//! Records and files that several tests use.

use chrono::{DateTime, FixedOffset};
use telvisor_sdr::{FileInfo, Record, RecordType, ResultCode, SubscriberType, time};
use uuid::Uuid;

pub fn at(text: &str) -> DateTime<FixedOffset> {
    time::from_text(text).expect("a time in the right form")
}

/// 16 octets that count up from the first.
pub fn id(first: u8) -> Uuid {
    Uuid::from_bytes(std::array::from_fn(|n| first + n as u8))
}

/// Only what is mandatory.
pub fn minimal() -> Record {
    Record {
        seq: 1,
        record_id: id(0x00),
        record_type: RecordType::ApplicationInstalled,
        event_time: at("2026-11-23T08:15:42+02:00"),
        record_time: at("2026-11-23T06:15:43+00:00"),
        node_id: "n".to_owned(),
        tenant: "t".to_owned(),
        subscriber_type: SubscriberType::Private,
        subscriber: "c".to_owned(),
        application: "a".to_owned(),
        version: "1".to_owned(),
        previous_version: None,
        instance_id: id(0x10),
        duration_s: None,
        result: ResultCode::Success,
        cause: None,
        backup_id: None,
        volume_octets: None,
        corrects: None,
        plan: None,
        previous_plan: None,
        order_id: None,
        external_order_id: None,
    }
}

/// Every field present, the numbers as large as they may be.
pub fn full() -> Record {
    Record {
        seq: i64::MAX as u64,
        record_id: id(0x20),
        record_type: RecordType::BackupRestored,
        event_time: at("2024-02-29T23:59:59-03:30"),
        record_time: at("2024-03-01T03:29:59+00:00"),
        node_id: "telvisor".to_owned(),
        tenant: "default".to_owned(),
        subscriber_type: SubscriberType::E164,
        subscriber: "40721555000".to_owned(),
        application: "crm".to_owned(),
        version: "2.0".to_owned(),
        previous_version: Some("1.9".to_owned()),
        instance_id: id(0x30),
        duration_s: Some(u32::MAX),
        result: ResultCode::Partial,
        cause: Some(u16::MAX),
        backup_id: Some(id(0x40)),
        volume_octets: Some(i64::MAX as u64),
        corrects: Some(id(0x50)),
        plan: Some("large".to_owned()),
        previous_plan: Some("small".to_owned()),
        order_id: Some(id(0x60)),
        external_order_id: Some("PO \"7\", \u{20ac}".to_owned()),
    }
}

pub fn info() -> FileInfo {
    FileInfo {
        node_id: "telvisor".to_owned(),
        recipient: "mediation-csv".to_owned(),
        file_seq: 7,
        test: false,
        period_start: at("2026-11-23T00:00:00+00:00"),
        period_end: at("2026-11-24T00:00:00+00:00"),
        opened_at: at("2026-11-23T00:00:01+00:00"),
        closed_at: at("2026-11-24T00:00:02+00:00"),
        tenant: "t".to_owned(),
        close_reason: 0,
    }
}
