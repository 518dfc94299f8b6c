//! Reads a file of any format that this crate knows, and shows it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::batch::{self, BatchError, Control};
use crate::csv_format::{self, CsvError};
use crate::file::{FileInfo, Totals};
use crate::raw::{self, RawError};
use crate::record::{FieldError, Record};
use crate::time;
use crate::ts32297::{self, Header, HeaderError};

/// What kind of file it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Format {
    #[serde(rename = "csv")]
    Csv,
    #[serde(rename = "asn1-raw")]
    Asn1Raw,
    #[serde(rename = "asn1-ts32297")]
    Asn1Ts32297,
    #[serde(rename = "asn1-batch")]
    Asn1Batch,
}

/// A file as read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decoded {
    pub format: Format,
    /// What the file says about itself; a raw file says nothing.
    #[serde(rename = "file", skip_serializing_if = "Option::is_none")]
    pub info: Option<FileInfo>,
    /// The file header of framing `ts32297`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The control information of framing `batch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Computed from the records; of a CSV file also compared with its T row.
    pub totals: Totals,
    pub records: Vec<Record>,
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("not a CSV file of the layout: {0}")]
    Csv(#[from] CsvError),
    #[error("not a file of ASN.1 records: {0}")]
    Raw(#[from] RawError),
    #[error("not a file with the headers of TS 32.297: {0}")]
    Header(#[from] HeaderError),
    #[error("not a batch of ASN.1 records: {0}")]
    Batch(#[from] BatchError),
    #[error("the file is empty")]
    Empty,
    #[error("neither CSV of the layout (which begins with `H,SDR,`) nor ASN.1 records: first octet {0:#04x}")]
    Unknown(u8),
    #[error("{0}")]
    Totals(#[from] FieldError),
}

impl Decoded {
    fn new(format: Format, records: Vec<Record>) -> Result<Self, DecodeError> {
        let totals = Totals::of(&records)?;
        Ok(Self { format, info: None, header: None, control: None, totals, records })
    }

    /// The file's number, where the file itself tells it.
    pub fn file_seq(&self) -> Option<u32> {
        let told = self.info.as_ref().map(|i| i.file_seq);
        told.or(self.header.as_ref().map(|h| h.file_seq)).or(self.control.as_ref().map(|c| c.file_seq))
    }
}

/// Reads a file; its content, not its name, tells the format.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    match bytes {
        [] => Err(DecodeError::Empty),
        [b'H', b',', ..] => {
            let file = csv_format::parse(bytes)?;
            Ok(Decoded { info: Some(file.info), ..Decoded::new(Format::Csv, file.records)? })
        }
        // Any context-specific constructed tag: an unknown alternative gets the decoder's own error.
        [0xa0..=0xbf, ..] => Decoded::new(Format::Asn1Raw, raw::decode_raw(bytes)?),
        [0x61 | 0x62, ..] => {
            let (control, records) = batch::decode(bytes)?;
            Ok(Decoded { control: Some(control), ..Decoded::new(Format::Asn1Batch, records)? })
        }
        // The length of the file: no file of ours has more than 1 GiB.
        [0..=0x40, _, _, _, ..] => {
            let (header, records) = ts32297::decode(bytes)?;
            Ok(Decoded { header: Some(header), ..Decoded::new(Format::Asn1Ts32297, records)? })
        }
        [first, ..] => Err(DecodeError::Unknown(*first)),
    }
}

/// The whole content as JSON.
pub fn to_json(decoded: &Decoded) -> String {
    serde_json::to_string_pretty(decoded).expect("keys are strings and numbers are finite")
}

/// The content as a table for people: a line on the file, a line for each record, a line of totals.
pub fn to_table(decoded: &Decoded) -> String {
    let mut out = String::new();
    if let Some(info) = &decoded.info {
        let _ = writeln!(
            out,
            "file {} of {} for {} ({}), tenant {}, period {} to {}, closed {} (reason {})",
            info.file_seq,
            info.node_id,
            info.recipient,
            if info.test { "test" } else { "live" },
            info.tenant,
            time::to_text(&info.period_start),
            time::to_text(&info.period_end),
            time::to_text(&info.closed_at),
            info.close_reason,
        );
    }
    if let Some(h) = &decoded.header {
        let test = h.extension.as_ref().map_or("", |e| if e.test { ", test" } else { ", live" });
        let _ = writeln!(
            out,
            "file {} of {}{test}, opened {}, closed {} (reason {})",
            h.file_seq, h.node_address, h.opened_at, h.last_appended_at, h.close_reason
        );
    }
    if let Some(c) = &decoded.control {
        let test = if c.test { "test" } else { "live" };
        let _ = writeln!(
            out,
            "file {} of {} for {} ({test}), created {}, cut off {}{}",
            c.file_seq,
            c.sender,
            c.recipient,
            c.created_at,
            c.cut_off_at,
            c.rejected.map_or_else(String::new, |n| format!(", replaces the refused file {n}"))
        );
    }
    let titles = ["seq", "event", "time", "subscriber", "application", "version", "plan", "octets", "result"];
    let rows: Vec<_> =
        std::iter::once(titles.map(str::to_owned)).chain(decoded.records.iter().map(line)).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    let totals = &decoded.totals;
    let by_type: Vec<_> =
        totals.by_type.iter().filter(|(_, n)| **n > 0).map(|(kind, n)| format!("{n} {kind}")).collect();
    let _ = writeln!(
        out,
        "{} records ({}), {} octets of backups",
        totals.count,
        if by_type.is_empty() { "none".to_owned() } else { by_type.join(", ") },
        totals.sum_volume_octets,
    );
    out
}

fn line(r: &Record) -> [String; 9] {
    let changed = |now: &str, before: &Option<String>| match before {
        Some(before) => format!("{before} -> {now}"),
        None => now.to_owned(),
    };
    [
        r.seq.to_string(),
        r.record_type.to_string(),
        time::to_text(&r.event_time),
        r.subscriber.clone(),
        r.application.clone(),
        changed(&r.version, &r.previous_version),
        changed(r.plan.as_deref().unwrap_or("-"), &r.previous_plan),
        r.volume_octets.map_or_else(|| "-".to_owned(), |n| n.to_string()),
        match r.cause {
            Some(cause) => format!("{} (cause {cause})", r.result),
            None => r.result.to_string(),
        },
    ]
}
