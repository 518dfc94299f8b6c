//! Reads a file of any format that this crate knows, and shows it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::csv_format::{self, CsvError};
use crate::file::{FileInfo, Totals};
use crate::raw::{self, RawError};
use crate::record::{FieldError, Record};
use crate::time;

/// What kind of file it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Format {
    #[serde(rename = "csv")]
    Csv,
    #[serde(rename = "asn1-raw")]
    Asn1Raw,
}

/// A file as read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decoded {
    pub format: Format,
    /// What the file says about itself; a raw file says nothing.
    #[serde(rename = "file", skip_serializing_if = "Option::is_none")]
    pub info: Option<FileInfo>,
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
    #[error("the file is empty")]
    Empty,
    #[error("neither CSV of the layout (which begins with `H,SDR,`) nor ASN.1 records: first octet {0:#04x}")]
    Unknown(u8),
    #[error("{0}")]
    Totals(#[from] FieldError),
}

/// Reads a file; its content, not its name, tells the format.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    match bytes {
        [] => Err(DecodeError::Empty),
        [b'H', b',', ..] => {
            let file = csv_format::parse(bytes)?;
            Ok(Decoded {
                format: Format::Csv,
                info: Some(file.info),
                totals: file.totals,
                records: file.records,
            })
        }
        // Any context-specific constructed tag: an unknown alternative gets the decoder's own error.
        [0xa0..=0xbf, ..] => {
            let records = raw::decode_raw(bytes)?;
            Ok(Decoded { format: Format::Asn1Raw, info: None, totals: Totals::of(&records)?, records })
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
