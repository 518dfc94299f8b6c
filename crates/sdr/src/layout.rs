//! What a recipient's file looks like, and how it is written record by record: `head`, the records, `tail`.
//!
//! The head of some layouts tells of all records, so a file is made in two looks: [`Tally`] counts the records, then
//! the same records are written behind the head. Memory does not depend on the size of the file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::batch::{self, BatchError};
use crate::ber::BerError;
use crate::csv_format::{self, CsvError};
use crate::der;
use crate::file::{FileInfo, Totals};
use crate::record::{FieldError, Record};
use crate::template::Template;
use crate::ts32297::{self, HeaderError};

/// Format and framing of a file, with what is chosen of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The standard CSV layout.
    Csv,
    /// CSV after a template.
    Template(Template),
    Raw,
    Ts32297(ts32297::Settings),
    Batch {
        /// Number of the file that this one replaces, because the recipient refused it.
        rejected: Option<u32>,
    },
}

/// A file that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("record {seq}: {source}")]
    Record { seq: u64, source: BerError },
    #[error("record {seq} does not follow the number before it")]
    Gap { seq: u64 },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("the file's {0}")]
    Info(#[from] FieldError),
}

/// What is known of a file's records when they all have been seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub totals: Totals,
    /// Octets of all records with what stands before each.
    pub octets: u64,
    /// Of the same octets, in hexadecimal.
    pub sha256: String,
}

/// Counts records as they are written.
#[derive(Clone, Default)]
pub struct Tally {
    totals: Totals,
    octets: u64,
    digest: Sha256,
}

impl Tally {
    /// Adds a record and its octets as [`Layout::record`] wrote them. Its number must follow the one before.
    pub fn add(&mut self, record: &Record, octets: &[u8]) -> Result<(), LayoutError> {
        if self.totals.last_seq.is_some_and(|last| last.checked_add(1) != Some(record.seq)) {
            return Err(LayoutError::Gap { seq: record.seq });
        }
        self.totals.add(record)?;
        self.octets += octets.len() as u64;
        self.digest.update(octets);
        Ok(())
    }

    /// Octets until now.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Records until now.
    pub fn count(&self) -> u64 {
        self.totals.count
    }

    pub fn summary(self) -> Summary {
        Summary { totals: self.totals, octets: self.octets, sha256: csv_format::hex(&self.digest.finalize()) }
    }
}

impl Layout {
    /// `csv` or `cdr`.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Csv | Self::Template(_) => "csv",
            Self::Raw | Self::Ts32297(_) | Self::Batch { .. } => "cdr",
        }
    }

    /// What stands before the records.
    pub fn head(&self, info: &FileInfo, summary: &Summary) -> Result<Vec<u8>, LayoutError> {
        info.validate()?;
        Ok(match self {
            Self::Csv => csv_format::header_row(info),
            Self::Template(template) => template.head(info)?,
            Self::Raw => vec![],
            Self::Ts32297(settings) => {
                let digest = unhex(&summary.sha256);
                ts32297::header(info, &summary.totals, summary.octets, &digest, settings)?
            }
            Self::Batch { rejected } => batch::head(info, &summary.totals, summary.octets, *rejected)?,
        })
    }

    /// Appends a record.
    pub fn record(&self, info: &FileInfo, record: &Record, out: &mut Vec<u8>) -> Result<(), LayoutError> {
        let der = |out: &mut Vec<u8>| {
            let written = der::write_record(record, out);
            written.map_err(|e| LayoutError::Record { seq: record.seq, source: e.into() })
        };
        match self {
            Self::Csv => csv_format::detail_row(info, record, out)?,
            Self::Template(template) => template.detail(record, out)?,
            Self::Raw | Self::Batch { .. } => der(out)?,
            Self::Ts32297(settings) => ts32297::write(settings, out, der)?,
        }
        Ok(())
    }

    /// What stands behind the records; `digest` is the SHA-256 of all octets before it.
    pub fn tail(&self, info: &FileInfo, summary: &Summary, digest: &[u8]) -> Result<Vec<u8>, LayoutError> {
        Ok(match self {
            Self::Csv => csv_format::trailer_row(info, &summary.totals, csv_format::hex(digest)),
            Self::Template(template) => template.tail(info, &summary.totals, csv_format::hex(digest))?,
            Self::Raw | Self::Ts32297(_) => vec![],
            Self::Batch { .. } => batch::tail(&summary.totals)?,
        })
    }

    /// A whole file at once.
    pub fn encode(&self, info: &FileInfo, records: &[Record]) -> Result<Vec<u8>, LayoutError> {
        let (mut body, mut tally) = (Vec::new(), Tally::default());
        for record in records {
            let from = body.len();
            self.record(info, record, &mut body)?;
            tally.add(record, &body[from..])?;
        }
        let summary = tally.summary();
        let mut out = self.head(info, &summary)?;
        out.append(&mut body);
        let digest = Sha256::digest(&out);
        out.extend(self.tail(info, &summary, &digest)?);
        Ok(out)
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .filter_map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()))
        .collect()
}
