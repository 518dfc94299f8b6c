//! What a file says about itself and about the records in it, whatever its format.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Timelike};
use serde::{Deserialize, Serialize};

use crate::record::{self, FieldError, FieldProblem, MAX_INTEGER, Record, RecordType};
use crate::time;

/// Why a file was closed (3GPP TS 32.297, file closure trigger reason): number and meaning. Other numbers
/// are reserved.
pub const CLOSE_REASONS: [(u8, &str); 10] = [
    (0, "normal: its period ended"),
    (1, "size limit reached"),
    (2, "open-time limit reached"),
    (3, "record limit reached"),
    (4, "closed by an operator"),
    (5, "version or encoding of the records changes"),
    (128, "abnormal, no nearer reason"),
    (129, "file system error"),
    (130, "file system nearly full"),
    (131, "file integrity error"),
];

/// The largest number of a file; all ones is an escape value in TS 32.297, so it is never used.
pub const MAX_FILE_SEQ: u32 = u32::MAX - 1;

/// What the manifest of a file holds beside the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileInfo {
    /// The network element that closed the file, 1 to 20 characters.
    pub node_id: String,
    /// Name of the recipient, 1 to 64 characters.
    pub recipient: String,
    /// Number of the file in its stream, from 1 to [`MAX_FILE_SEQ`]; a resend keeps it.
    pub file_seq: u32,
    /// Whether the records are those of test customers.
    pub test: bool,
    /// Begin of the period, included.
    #[serde(with = "time::text")]
    pub period_start: DateTime<FixedOffset>,
    /// End of the period, excluded.
    #[serde(with = "time::text")]
    pub period_end: DateTime<FixedOffset>,
    #[serde(with = "time::text")]
    pub opened_at: DateTime<FixedOffset>,
    #[serde(with = "time::text")]
    pub closed_at: DateTime<FixedOffset>,
    #[serde(rename = "tenantId")]
    pub tenant: String,
    /// One of [`CLOSE_REASONS`].
    pub close_reason: u8,
}

impl FileInfo {
    /// Refuses what a file could not carry; names the field.
    pub fn validate(&self) -> Result<(), FieldError> {
        record::node_id("nodeId", &self.node_id)?;
        record::identifier("recipient", &self.recipient, 64)?;
        record::number("fileSeq", u64::from(self.file_seq), 1, u64::from(MAX_FILE_SEQ))?;
        record::stamp("periodStart", &self.period_start)?;
        record::stamp("periodEnd", &self.period_end)?;
        record::stamp("openedAt", &self.opened_at)?;
        record::stamp("closedAt", &self.closed_at)?;
        record::identifier("tenantId", &self.tenant, 64)?;
        if self.period_end < self.period_start {
            return Err(FieldError { field: "periodEnd", problem: FieldProblem::Order });
        }
        // The two spans of numbers without gaps are the whole table.
        let reason = u64::from(self.close_reason);
        record::number("closeReason", reason, 0, 5)
            .or_else(|_| record::number("closeReason", reason, 128, 131))
    }

    /// The default name, `NODE_-_SEQ.YYYYMMDD_-_HHMM+hhmm.EXTENSION`, by the closing time.
    ///
    /// After the clause on names of TS 32.297: a running count and the closing time with its offset.
    pub fn default_name(&self, extension: &str) -> String {
        let local = self.closed_at.naive_local();
        let offset = self.closed_at.offset().local_minus_utc();
        let minutes = offset.unsigned_abs() / 60;
        format!(
            "{}_-_{}.{}_-_{:02}{:02}{}{:02}{:02}.{extension}",
            self.node_id,
            self.file_seq,
            local.format("%Y%m%d"),
            local.hour(),
            local.minute(),
            if offset < 0 { '-' } else { '+' },
            minutes / 60,
            minutes % 60,
        )
    }
}

/// Control totals over the records of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub count: u64,
    /// Sequence number of the first and of the last record; none without records.
    pub first_seq: Option<u64>,
    pub last_seq: Option<u64>,
    #[serde(with = "optional_time")]
    pub min_event_time: Option<DateTime<FixedOffset>>,
    #[serde(with = "optional_time")]
    pub max_event_time: Option<DateTime<FixedOffset>>,
    /// Sum of the volumes in octets.
    pub sum_volume_octets: u64,
    /// Number of records by type; all six types are there.
    pub by_type: BTreeMap<RecordType, u64>,
}

/// For `#[serde(with)]`: a time as CSV shows it, or null.
mod optional_time {
    use super::{DateTime, FixedOffset, time};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &Option<DateTime<FixedOffset>>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_some(&time::to_text(at)),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<DateTime<FixedOffset>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|t| time::from_text(&t)).transpose().map_err(D::Error::custom)
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            count: 0,
            first_seq: None,
            last_seq: None,
            min_event_time: None,
            max_event_time: None,
            sum_volume_octets: 0,
            by_type: RecordType::ALL.iter().map(|kind| (*kind, 0)).collect(),
        }
    }
}

impl Totals {
    /// Counts and sums the records, in the order of the file. A sum of volumes above [`MAX_INTEGER`] is
    /// refused, since no format could carry it.
    pub fn of(records: &[Record]) -> Result<Self, FieldError> {
        let mut totals = Self::default();
        for record in records {
            totals.add(record)?;
        }
        Ok(totals)
    }

    /// Counts one more record; see [`Self::of`].
    pub fn add(&mut self, record: &Record) -> Result<(), FieldError> {
        let sum = self.sum_volume_octets.saturating_add(record.volume_octets.unwrap_or(0));
        record::number("sumVolumeOctets", sum, 0, MAX_INTEGER)?;
        self.sum_volume_octets = sum;
        self.count += 1;
        *self.by_type.entry(record.record_type).or_insert(0) += 1;
        self.first_seq = self.first_seq.or(Some(record.seq));
        self.last_seq = Some(record.seq);
        // Among equal instants the first record's spelling stands, so that the result is one for all.
        let at = record.event_time;
        self.min_event_time = Some(self.min_event_time.map_or(at, |min| if at < min { at } else { min }));
        self.max_event_time = Some(self.max_event_time.map_or(at, |max| if at > max { at } else { max }));
        Ok(())
    }
}

/// Position, from 0, of the first record whose number does not follow its predecessor's.
pub fn first_gap(records: &[Record]) -> Option<usize> {
    records.windows(2).position(|pair| pair[0].seq.checked_add(1) != Some(pair[1].seq)).map(|at| at + 1)
}
