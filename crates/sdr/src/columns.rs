//! The columns of the CSV layout: one table each for the H, D and T rows. The encoder, the decoder and the
//! interface control document all read these tables, so they cannot disagree.

use std::fmt::Display;
use std::str::FromStr;

use uuid::Uuid;

use crate::record::{Record, RecordType, ResultCode, SubscriberType};
use crate::time;

/// Columns of every row; H and T rows are padded with empty ones.
pub const WIDTH: usize = 24;

/// A column of an H or T row: its name and what it holds.
pub struct Label {
    pub name: &'static str,
    pub meaning: &'static str,
}

const fn label(name: &'static str, meaning: &'static str) -> Label {
    Label { name, meaning }
}

/// The H row, first row of the file.
pub const HEADER: [Label; 12] = [
    label("row", "`H`"),
    label("format", "`SDR`"),
    label("layoutVersion", "`1.0`"),
    label("nodeId", "network element that closed the file"),
    label("recipient", "name of the recipient"),
    label("fileSeq", "number of the file in its stream, as in the file's name"),
    label("liveOrTest", "`LIVE` or `TEST`"),
    label("periodStart", "begin of the period, included"),
    label("periodEnd", "end of the period, excluded"),
    label("openedAt", "when the file was opened"),
    label("closedAt", "when the file was closed"),
    label("tenantId", "tenant that all records of the file belong to"),
];

/// The T row, last row of the file.
pub const TRAILER: [Label; 16] = [
    label("row", "`T`"),
    label("fileSeq", "number of the file, as in the H row"),
    label("count", "number of D rows"),
    label("firstSeq", "`seq` of the first D row; empty without D rows"),
    label("lastSeq", "`seq` of the last D row; empty without D rows"),
    label("minEventTime", "earliest `eventTime`; empty without D rows"),
    label("maxEventTime", "latest `eventTime`; empty without D rows"),
    label("sumVolumeOctets", "sum of `volumeOctets`"),
    label("count1001", "number of D rows with recordType 1001"),
    label("count1002", "number of D rows with recordType 1002"),
    label("count1003", "number of D rows with recordType 1003"),
    label("count1004", "number of D rows with recordType 1004"),
    label("count1005", "number of D rows with recordType 1005"),
    label("count1006", "number of D rows with recordType 1006"),
    label("closeReason", "why the file was closed, a number"),
    label("sha256", "SHA-256, in hexadecimal, of every octet before this row"),
];

/// A column of the D rows.
pub struct Column {
    pub name: &'static str,
    /// Name and tag of the same field in the ASN.1 module.
    pub asn1: &'static str,
    /// Form of the value in CSV.
    pub form: &'static str,
    pub optional: bool,
    pub meaning: &'static str,
    /// Appends the value, unquoted; nothing for an absent one.
    pub(crate) write: fn(&Record, &mut Vec<u8>),
    /// Sets the field from the unquoted value; the error is the problem in words.
    pub(crate) read: fn(&mut Record, &str) -> Result<(), String>,
}

/// Lays out one column compactly: name, ASN.1, form, presence, meaning, then how it is written and read.
macro_rules! column {
    ($name:literal, $asn1:literal, $form:literal, $presence:ident, $meaning:literal,
     $record:ident, $out:ident => $write:expr, $text:ident => $read:expr) => {
        Column {
            name: $name,
            asn1: $asn1,
            form: $form,
            optional: column!(@ $presence),
            meaning: $meaning,
            write: |$record, $out| $write,
            read: |$record, $text| {
                $read;
                Ok(())
            },
        }
    };
    (@ mandatory) => { false };
    (@ optional) => { true };
}

/// The D rows, one for each record.
#[rustfmt::skip]
pub const DETAIL: [Column; WIDTH] = [
    column!("row", "-", "`D`", mandatory, "kind of the row",
        _r, out => out.push(b'D'), s => expect("D", s)?),
    column!("seq", "localSequenceNumber [2]", "1 to 2^63-1", mandatory, "number of the record in its stream, without gaps",
        r, out => put(r.seq, out), s => r.seq = canonical(s)?),
    column!("recordId", "recordId [1]", "UUID", mandatory, "identity of the record, for ever and for all recipients",
        r, out => put(r.record_id, out), s => r.record_id = canonical(s)?),
    column!("recordType", "recordType [0] and the CHOICE", "1001 to 1006", mandatory, "what happened",
        r, out => put(r.record_type.code(), out), s => r.record_type = coded(s, RecordType::from_code)?),
    column!("eventTime", "eventTime [10]", "time", mandatory, "when the step that did the work ended",
        r, out => time::write_text(&r.event_time, out), s => r.event_time = moment(s)?),
    column!("recordTime", "recordTime [11]", "time", mandatory, "when the record was journalled; decides its period",
        r, out => time::write_text(&r.record_time, out), s => r.record_time = moment(s)?),
    column!("nodeId", "nodeId [3]", "1 to 20 of A-Z a-z 0-9 . _ -", mandatory, "network element that wrote the record",
        r, out => text(&r.node_id, out), s => r.node_id = s.to_owned()),
    column!("tenantId", "tenantIdentifier [4]", "1 to 64 characters", mandatory, "brand of the operator, as in the H row",
        r, out => text(&r.tenant, out), s => r.tenant = s.to_owned()),
    column!("subscriberIdType", "subscriberIdentifier [5], type [0]", "0 to 4", mandatory, "kind of subscriberId",
        r, out => put(r.subscriber_type.code(), out), s => r.subscriber_type = coded(s, SubscriberType::from_code)?),
    column!("subscriberId", "subscriberIdentifier [5], data [1]", "1 to 128 characters; types 0 and 1: 1 to 15 digits", mandatory, "the customer",
        r, out => text(&r.subscriber, out), s => r.subscriber = s.to_owned()),
    column!("applicationId", "applicationId [6]", "1 to 64 characters", mandatory, "the application",
        r, out => text(&r.application, out), s => r.application = s.to_owned()),
    column!("applicationVersion", "applicationVersion [7]", "1 to 32 characters", mandatory, "version after the event",
        r, out => text(&r.version, out), s => r.version = s.to_owned()),
    column!("previousVersion", "previousVersion [8]", "1 to 32 characters", optional, "version before the event, where it changed",
        r, out => text(opt(&r.previous_version), out), s => r.previous_version = present(s)?),
    column!("instanceId", "instanceId [9]", "UUID", mandatory, "the subscription",
        r, out => put(r.instance_id, out), s => r.instance_id = canonical(s)?),
    column!("durationSeconds", "duration [12]", "0 to 2^32-1", optional, "seconds from the start of the order item to eventTime",
        r, out => maybe(r.duration_s, out), s => r.duration_s = present(s)?),
    column!("result", "result [13]", "0 to 2", mandatory, "how it ended",
        r, out => put(r.result.code(), out), s => r.result = coded(s, ResultCode::from_code)?),
    column!("causeCode", "causeCode [16]", "0 to 65535", optional, "why it failed",
        r, out => maybe(r.cause, out), s => r.cause = present(s)?),
    column!("backupId", "backupId [14]", "UUID", optional, "the backup, on types 1004 to 1006",
        r, out => maybe(r.backup_id, out), s => r.backup_id = present(s)?),
    column!("volumeOctets", "volumeOctets [15]", "0 to 2^63-1", optional, "size of the backup in octets, on types 1004 to 1006",
        r, out => maybe(r.volume_octets, out), s => r.volume_octets = present(s)?),
    column!("correctsRecordId", "correctsRecordId [17]", "UUID", optional, "recordId of the earlier record that this one replaces",
        r, out => maybe(r.corrects, out), s => r.corrects = present(s)?),
    column!("planId", "planId [18]", "1 to 64 characters", optional, "plan after the event",
        r, out => text(opt(&r.plan), out), s => r.plan = present(s)?),
    column!("previousPlanId", "previousPlanId [19]", "1 to 64 characters", optional, "plan before the event, where it changed",
        r, out => text(opt(&r.previous_plan), out), s => r.previous_plan = present(s)?),
    column!("orderId", "orderId [20]", "UUID", optional, "the order that the client placed",
        r, out => maybe(r.order_id, out), s => r.order_id = present(s)?),
    column!("externalOrderId", "externalOrderId [21]", "1 to 255 characters, no control characters, quoted where needed", optional, "the client's own number of the order, unchanged",
        r, out => text(opt(&r.external_order_id), out), s => r.external_order_id = present(s)?),
];

/// A record whose every field some column of [`DETAIL`] sets: the decoder starts from it.
pub(crate) fn blank() -> Record {
    Record {
        seq: 0,
        record_id: Uuid::nil(),
        record_type: RecordType::ApplicationInstalled,
        event_time: Default::default(),
        record_time: Default::default(),
        node_id: String::new(),
        tenant: String::new(),
        subscriber_type: SubscriberType::Private,
        subscriber: String::new(),
        application: String::new(),
        version: String::new(),
        previous_version: None,
        instance_id: Uuid::nil(),
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

/// A value that has one spelling.
trait Put {
    fn put(self, out: &mut Vec<u8>);
}

impl Put for u64 {
    fn put(mut self, out: &mut Vec<u8>) {
        let (mut digits, mut at) = ([0; 20], 20);
        loop {
            at -= 1;
            digits[at] = b'0' + (self % 10) as u8;
            self /= 10;
            if self == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[at..]);
    }
}

impl Put for u32 {
    fn put(self, out: &mut Vec<u8>) {
        u64::from(self).put(out);
    }
}

impl Put for u16 {
    fn put(self, out: &mut Vec<u8>) {
        u64::from(self).put(out);
    }
}

impl Put for Uuid {
    fn put(self, out: &mut Vec<u8>) {
        let mut text = Uuid::encode_buffer();
        out.extend_from_slice(self.hyphenated().encode_lower(&mut text).as_bytes());
    }
}

fn put(value: impl Put, out: &mut Vec<u8>) {
    value.put(out);
}

fn maybe(value: Option<impl Put>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        value.put(out);
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(value.as_bytes());
}

fn opt(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

/// Refuses a cell that is not the expected constant.
pub(crate) fn expect(expected: impl Display, got: &str) -> Result<(), String> {
    let expected = expected.to_string();
    if expected == got { Ok(()) } else { Err(format!("is `{got}` instead of `{expected}`")) }
}

/// Reads a value that has one spelling only: no leading zeros or signs, UUIDs lower case with hyphens.
pub(crate) fn canonical<T: FromStr + Display>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(value) if value.to_string() == text => Ok(value),
        _ => Err(format!("`{text}` is no value of this column")),
    }
}

/// Reads an optional value; an empty cell is an absent one.
pub(crate) fn present<T: FromStr + Display>(text: &str) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { canonical(text).map(Some) }
}

pub(crate) fn moment(text: &str) -> Result<chrono::DateTime<chrono::FixedOffset>, String> {
    time::from_text(text).map_err(|e| format!("`{text}` {e}"))
}

fn coded<T>(text: &str, from_code: fn(u16) -> Option<T>) -> Result<T, String> {
    from_code(canonical(text)?).ok_or_else(|| format!("`{text}` is no value of this column"))
}
