//! A sample file of every layout, as the document shows it and as `docs/samples` has it.

use std::fmt::Write as _;

use uuid::Uuid;

use super::IcdSettings;
use crate::file::FileInfo;
use crate::layout::{Layout, LayoutError};
use crate::record::{Record, RecordType, ResultCode, SubscriberType};
use crate::time;
use crate::ts32297::{Settings, TS_NUMBER};

/// A file of two records or, as a heartbeat, of none: path below `docs/samples`, what it is, octets.
pub struct Sample {
    pub path: String,
    pub what: &'static str,
    pub octets: Vec<u8>,
}

/// Sample files; those of one name hold the same.
///
/// # Errors
/// None: what they hold can be written.
pub fn samples() -> Result<Vec<Sample>, LayoutError> {
    let ts32297 = Layout::Ts32297(Settings {
        node_address: std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped(),
        ts_number: TS_NUMBER,
    });
    let batch = Layout::Batch { rejected: None };
    let mut out = vec![];
    for (name, what, records) in [("sample", "two records", records()), ("heartbeat", "a heartbeat", vec![])]
    {
        for (folder, layout) in
            [("csv", &Layout::Csv), ("raw", &Layout::Raw), ("ts32297", &ts32297), ("batch", &batch)]
        {
            // Without records this framing has no octets.
            if *layout == Layout::Raw && records.is_empty() {
                continue;
            }
            let path = format!("{folder}/{name}.{}", layout.extension());
            out.push(Sample { path, what, octets: layout.encode(&info(), &records)? });
        }
    }
    Ok(out)
}

fn info() -> FileInfo {
    let at = |text| time::from_text(text).unwrap_or_default();
    FileInfo {
        node_id: "telvisor".to_owned(),
        recipient: "billing".to_owned(),
        file_seq: 17,
        test: false,
        period_start: at("2026-11-23T00:00:00+02:00"),
        period_end: at("2026-11-24T00:00:00+02:00"),
        opened_at: at("2026-11-23T08:15:43+02:00"),
        closed_at: at("2026-11-24T00:00:01+02:00"),
        tenant: "default".to_owned(),
        close_reason: 0,
    }
}

fn records() -> Vec<Record> {
    let at = |text| time::from_text(text).unwrap_or_default();
    let id = |first: u8| Uuid::from_bytes(std::array::from_fn(|n| first + n as u8));
    let upgraded = Record {
        seq: 41,
        record_id: id(0x10),
        record_type: RecordType::ApplicationUpgraded,
        event_time: at("2026-11-23T08:15:42+02:00"),
        record_time: at("2026-11-23T08:15:43+02:00"),
        node_id: "telvisor".to_owned(),
        tenant: "default".to_owned(),
        subscriber_type: SubscriberType::Private,
        subscriber: "4711".to_owned(),
        application: "kinfolk".to_owned(),
        version: "2.0".to_owned(),
        previous_version: Some("1.0".to_owned()),
        instance_id: id(0x30),
        duration_s: Some(34),
        result: ResultCode::Success,
        cause: None,
        backup_id: None,
        volume_octets: None,
        corrects: None,
        plan: Some("team".to_owned()),
        previous_plan: None,
        order_id: Some(id(0x50)),
        external_order_id: Some("PO 17, \"caf\u{e9}\"".to_owned()),
    };
    let taken = Record {
        seq: 42,
        record_id: id(0x20),
        record_type: RecordType::BackupTaken,
        event_time: at("2026-11-23T22:00:05+02:00"),
        record_time: at("2026-11-23T22:00:06+02:00"),
        previous_version: None,
        duration_s: Some(5),
        backup_id: Some(id(0x70)),
        volume_octets: Some(130_024_448),
        order_id: None,
        external_order_id: None,
        ..upgraded.clone()
    };
    vec![upgraded, taken]
}

/// The sample files in hexadecimal.
pub(super) fn shown(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Samples\n\nThe same two records, and a heartbeat, in every layout. As files: `docs/samples`. The first record \
         of them, field by field:\n"
    )?;
    writeln!(out, "| octets | |\n|---|---|")?;
    if let Some(first) = records().first()
        && let Ok(octets) = crate::ber::encode_record(first)
    {
        walk(&octets, out)?;
    }
    for sample in samples().map_err(|_| std::fmt::Error)? {
        writeln!(out, "\n### {}: {}\n\n```", sample.path, sample.what)?;
        if let (true, Ok(text)) = (sample.path.ends_with(".csv"), std::str::from_utf8(&sample.octets)) {
            write!(out, "{}", text.replace("\r\n", "\n"))?;
            writeln!(out, "```\n\n```")?;
        }
        dump(&sample.octets, out)?;
        writeln!(out, "```")?;
    }
    Ok(())
}

/// Names of the record's fields by tag.
const FIELDS: [&str; 22] = [
    "recordType",
    "recordId",
    "localSequenceNumber",
    "nodeId",
    "tenantIdentifier",
    "subscriberIdentifier",
    "applicationId",
    "applicationVersion",
    "previousVersion",
    "instanceId",
    "eventTime",
    "recordTime",
    "duration",
    "result",
    "backupId",
    "volumeOctets",
    "causeCode",
    "correctsRecordId",
    "planId",
    "previousPlanId",
    "orderId",
    "externalOrderId",
];

/// A line for each field of a record of 128 to 255 octets, whose own fields are shorter than 128.
fn walk(record: &[u8], out: &mut String) -> std::fmt::Result {
    let hex = |octets: &[u8]| octets.iter().map(|o| format!("{o:02X}")).collect::<Vec<_>>().join(" ");
    let Some((head, mut rest)) = record.split_at_checked(3) else { return Ok(()) };
    writeln!(out, "| `{}` | alternative [{}], {} octets |", hex(head), head[0] & 31, head[2])?;
    while let [tag, length, after @ ..] = rest {
        let Some((value, behind)) = after.split_at_checked(usize::from(*length)) else { return Ok(()) };
        let name = FIELDS.get(usize::from(tag & 31)).copied().unwrap_or_default();
        writeln!(out, "| `{:02X} {length:02X} {}` | [{}] {name} |", tag, hex(value), tag & 31)?;
        rest = behind;
    }
    Ok(())
}

/// Sixteen octets a line: offset, hexadecimal, and what of it is visible ASCII.
fn dump(octets: &[u8], out: &mut String) -> std::fmt::Result {
    for (line, sixteen) in octets.chunks(16).enumerate() {
        let hex: Vec<_> = sixteen.iter().map(|o| format!("{o:02x}")).collect();
        let seen: String = sixteen
            .iter()
            .map(|o| if o.is_ascii_graphic() || *o == b' ' { char::from(*o) } else { '.' })
            .collect();
        writeln!(out, "{:06x}  {:<47}  {seen}", line * 16, hex.join(" "))?;
    }
    Ok(())
}
