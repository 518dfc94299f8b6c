//! Framing `batch`: one interchange after the manner of TAP, with control information before the records and
//! audit information behind them; without records a notification.

use rasn::types::Ia5String;
use rasn::{AsnType, Decode, Decoder, Encode};
use serde::Serialize;

use crate::ber::{self, BerError, SdrRecord, TimeStamp};
use crate::der::write_length;
use crate::file::{FileInfo, Totals};
use crate::record::{Record, RecordType};
use crate::time;

/// Version of the module and of its fields, as control information tells it.
const SPECIFICATION: u8 = 1;
const RELEASE: u8 = 0;

/// A batch that cannot be written, or octets that are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("not an interchange of the module: {0}")]
    Syntax(String),
    #[error("{0} octets behind the interchange")]
    Behind(usize),
    #[error("record {index}: {source}")]
    Record { index: usize, source: BerError },
    #[error("the audit information says {said} for {what}, the records {found}")]
    Audit { what: &'static str, said: String, found: String },
    #[error("{what}: {problem}")]
    Control { what: &'static str, problem: String },
}

/// What the control information says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    pub sender: String,
    pub recipient: String,
    pub file_seq: u32,
    pub created_at: String,
    pub cut_off_at: String,
    pub test: bool,
    /// Number of the file that this one replaces, because the recipient refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<u32>,
}

#[derive(AsnType, Decode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
enum Interchange {
    #[rasn(tag(application, 1))]
    Transfer(Batch),
    #[rasn(tag(application, 2))]
    Notification(ControlInfo),
}

#[derive(AsnType, Decode, Clone, Debug, PartialEq, Eq)]
struct Batch {
    #[rasn(tag(0))]
    control: ControlInfo,
    #[rasn(tag(1))]
    records: Vec<SdrRecord>,
    #[rasn(tag(2))]
    audit: AuditInfo,
}

#[derive(AsnType, Encode, Decode, Clone, Debug, PartialEq, Eq)]
struct ControlInfo {
    #[rasn(tag(0), size("1..=20"))]
    sender: Ia5String,
    #[rasn(tag(1), size("1..=20"))]
    recipient: Ia5String,
    #[rasn(tag(2), value("1..=4294967295"))]
    file_sequence_number: u32,
    #[rasn(tag(3))]
    file_creation_time_stamp: TimeStamp,
    #[rasn(tag(4))]
    transfer_cut_off_time_stamp: TimeStamp,
    #[rasn(tag(5))]
    file_available_time_stamp: TimeStamp,
    #[rasn(tag(6))]
    specification_version: u8,
    #[rasn(tag(7))]
    release_version: u8,
    #[rasn(tag(8))]
    file_type: FileType,
    #[rasn(tag(9), value("1..=4294967295"))]
    rejected_file_reference: Option<u32>,
}

#[derive(AsnType, Encode, Decode, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rasn(enumerated)]
enum FileType {
    Live = 0,
    Test = 1,
}

#[derive(AsnType, Encode, Decode, Clone, Debug, PartialEq, Eq)]
struct AuditInfo {
    #[rasn(tag(0))]
    earliest_event_time: Option<TimeStamp>,
    #[rasn(tag(1))]
    latest_event_time: Option<TimeStamp>,
    #[rasn(tag(2), value("1..=9223372036854775807"))]
    first_sequence_number: u64,
    #[rasn(tag(3), value("1..=9223372036854775807"))]
    last_sequence_number: u64,
    #[rasn(tag(4), value("1..=4294967295"))]
    record_count: u32,
    #[rasn(tag(5))]
    record_count_by_type: Vec<TypeCount>,
    #[rasn(tag(6), value("0..=9223372036854775807"))]
    total_volume_octets: u64,
}

#[derive(AsnType, Encode, Decode, Clone, Debug, PartialEq, Eq)]
struct TypeCount {
    #[rasn(tag(0))]
    record_type: u32,
    #[rasn(tag(1), value("1..=4294967295"))]
    count: u32,
}

/// Tags of the interchange and of its parts, in one octet each.
const TRANSFER: u8 = 0x61;
const NOTIFICATION: u8 = 0x62;
const CONTROL: u8 = 0xa0;
const RECORDS: u8 = 0xa1;
const AUDIT: u8 = 0xa2;

/// What stands before the records, whose octets are `length` together.
pub fn head(
    info: &FileInfo,
    totals: &Totals,
    length: u64,
    rejected: Option<u32>,
) -> Result<Vec<u8>, BatchError> {
    let control = control(info, rejected)?;
    if totals.count == 0 {
        return inner(NOTIFICATION, &control);
    }
    let control = inner(CONTROL, &control)?;
    let audit = tail(totals)?;
    let mut records = vec![RECORDS];
    write_length(length, &mut records);
    let all = (control.len() + records.len() + audit.len()) as u64 + length;
    let mut out = vec![TRANSFER];
    write_length(all, &mut out);
    out.extend(control);
    out.extend(records);
    Ok(out)
}

/// What stands behind the records; nothing without any.
pub fn tail(totals: &Totals) -> Result<Vec<u8>, BatchError> {
    let (Some(first), Some(last)) = (totals.first_seq, totals.last_seq) else { return Ok(vec![]) };
    let narrow =
        |what, n: u64| u32::try_from(n).map_err(|e| BatchError::Control { what, problem: e.to_string() });
    let stamp = |at: &Option<_>| at.as_ref().map(|at| TimeStamp::from(time::to_bcd(at)));
    let counts = totals.by_type.iter().filter(|(_, n)| **n > 0);
    let counts = counts.map(|(kind, n)| {
        Ok(TypeCount { record_type: u32::from(kind.code()), count: narrow("recordCountByType", *n)? })
    });
    let audit = AuditInfo {
        earliest_event_time: stamp(&totals.min_event_time),
        latest_event_time: stamp(&totals.max_event_time),
        first_sequence_number: first,
        last_sequence_number: last,
        record_count: narrow("recordCount", totals.count)?,
        record_count_by_type: counts.collect::<Result<_, BatchError>>()?,
        total_volume_octets: totals.sum_volume_octets,
    };
    inner(AUDIT, &audit)
}

fn control(info: &FileInfo, rejected: Option<u32>) -> Result<ControlInfo, BatchError> {
    let name = |what, text: &str| {
        Ia5String::try_from(text).map_err(|e| BatchError::Control { what, problem: e.to_string() })
    };
    let stamp = |at| TimeStamp::from(time::to_bcd(at));
    Ok(ControlInfo {
        sender: name("sender", &info.node_id)?,
        recipient: name("recipient", &info.recipient)?,
        file_sequence_number: info.file_seq,
        file_creation_time_stamp: stamp(&info.closed_at),
        // What came later, or after the period, is in the next file.
        transfer_cut_off_time_stamp: stamp(&info.closed_at.min(info.period_end)),
        file_available_time_stamp: stamp(&info.closed_at),
        specification_version: SPECIFICATION,
        release_version: RELEASE,
        file_type: if info.test { FileType::Test } else { FileType::Live },
        rejected_file_reference: rejected,
    })
}

/// The value under another tag than its own, which must be of one octet.
fn inner<T: Encode>(tag: u8, value: &T) -> Result<Vec<u8>, BatchError> {
    let mut octets = rasn::der::encode(value).map_err(|e| BatchError::Syntax(e.kind.to_string()))?;
    octets[0] = tag;
    Ok(octets)
}

/// Reads an interchange and checks its audit information against its records.
pub fn decode(file: &[u8]) -> Result<(Control, Vec<Record>), BatchError> {
    let (interchange, rest) = rasn::ber::decode_with_remainder::<Interchange>(file)
        .map_err(|e| BatchError::Syntax(e.kind.to_string()))?;
    if !rest.is_empty() {
        return Err(BatchError::Behind(rest.len()));
    }
    let batch = match interchange {
        Interchange::Notification(control) => return Ok((shown(&control)?, vec![])),
        Interchange::Transfer(batch) => batch,
    };
    let control = shown(&batch.control)?;
    let mut records = Vec::with_capacity(batch.records.len().min(1 << 16));
    for (at, record) in batch.records.into_iter().enumerate() {
        let wrong = |source| BatchError::Record { index: at + 1, source };
        let record = ber::from_asn(record).map_err(wrong)?;
        record.validate().map_err(|e| wrong(e.into()))?;
        records.push(record);
    }
    audit(&batch.audit, &records)?;
    Ok((control, records))
}

fn shown(control: &ControlInfo) -> Result<Control, BatchError> {
    let text = |s: &Ia5String| String::from_utf8_lossy(s.as_iso646_bytes()).into_owned();
    let stamp = |what, octets: &TimeStamp| {
        let at = time::from_bcd(octets).map_err(|e| BatchError::Control { what, problem: e.to_string() });
        at.map(|at| time::to_text(&at))
    };
    stamp("fileAvailableTimeStamp", &control.file_available_time_stamp)?;
    Ok(Control {
        sender: text(&control.sender),
        recipient: text(&control.recipient),
        file_seq: control.file_sequence_number,
        created_at: stamp("fileCreationTimeStamp", &control.file_creation_time_stamp)?,
        cut_off_at: stamp("transferCutOffTimeStamp", &control.transfer_cut_off_time_stamp)?,
        test: control.file_type == FileType::Test,
        rejected: control.rejected_file_reference,
    })
}

fn audit(said: &AuditInfo, records: &[Record]) -> Result<(), BatchError> {
    let wrong = |what, said: String, found: String| Err(BatchError::Audit { what, said, found });
    let totals = Totals::of(records)
        .map_err(|e| BatchError::Control { what: "totalVolumeOctets", problem: e.to_string() })?;
    let numbers = [
        ("recordCount", u64::from(said.record_count), totals.count),
        ("firstSequenceNumber", said.first_sequence_number, totals.first_seq.unwrap_or(0)),
        ("lastSequenceNumber", said.last_sequence_number, totals.last_seq.unwrap_or(0)),
        ("totalVolumeOctets", said.total_volume_octets, totals.sum_volume_octets),
    ];
    for (what, said, found) in numbers {
        if said != found {
            return wrong(what, said.to_string(), found.to_string());
        }
    }
    let counted: Vec<(u32, u32)> =
        said.record_count_by_type.iter().map(|c| (c.record_type, c.count)).collect();
    let found: Vec<(u32, u32)> = RecordType::ALL
        .iter()
        .filter_map(|kind| {
            totals.by_type.get(kind).filter(|n| **n > 0).map(|n| (u32::from(kind.code()), *n as u32))
        })
        .collect();
    if counted != found {
        return wrong("recordCountByType", format!("{counted:?}"), format!("{found:?}"));
    }
    for (what, said, found) in [
        ("earliestEventTime", &said.earliest_event_time, &totals.min_event_time),
        ("latestEventTime", &said.latest_event_time, &totals.max_event_time),
    ] {
        let told = said.as_ref().map(|o| ber::moment("eventTime", o)).transpose();
        let told = told.map_err(|e| BatchError::Control { what, problem: e.to_string() })?;
        if told != *found {
            return wrong(what, format!("{told:?}"), format!("{found:?}"));
        }
    }
    Ok(())
}
