//! Framing `ts32297`: the file and CDR headers of 3GPP TS 32.297, clause 6.
//!
//! All integers are big-endian. The private extension is always there and never empty, so that both readings
//! of the clause on its length field agree; it carries what the standard's header lacks.

use std::net::Ipv6Addr;

use chrono::{DateTime, Datelike, FixedOffset, Timelike, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ber::{self, BerError};
use crate::file::{FileInfo, MAX_FILE_SEQ, Totals};
use crate::record::Record;

/// Octets of our file header: 50, length and content of the private extension, two release extensions.
pub const HEADER_LENGTH: usize = 50 + 2 + EXTENSION_LENGTH + 2;
/// Octets before each record.
pub const CDR_HEADER_LENGTH: usize = 5;
/// Longest record; all ones is taken for an escape value.
pub const MAX_CDR: usize = 65_534;
/// The number of the technical specification that no 3GPP one has.
pub const TS_NUMBER: u8 = 31;

const EXTENSION_LENGTH: usize = 60;
const MAGIC: &[u8; 4] = b"SDR1";
/// Version of the private extension and of the records' codec.
const CODEC: [u8; 2] = [1, 0];
/// Release 18: identifier 7 (beyond Rel-9) in the high bits, version 0; the extension counts from Rel-10.
const RELEASE: u8 = 7 << 5;
const RELEASE_EXTENSION: u8 = 8;
/// Data record format: BER.
const BER: u8 = 1;

/// What an installation chooses of the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address of the node, IPv4 as `::ffff:a.b.c.d`.
    pub node_address: Ipv6Addr,
    /// Number of the technical specification of the records, 0 to 31.
    pub ts_number: u8,
}

/// A file that cannot be written, or that is not what its headers say. Offsets count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("octet {offset}: {problem}")]
    At { offset: usize, problem: String },
    #[error("record {index} at octet {offset}: {source}")]
    Record { index: usize, offset: usize, source: BerError },
    #[error("a record of {0} octets; at most {MAX_CDR} fit behind a CDR header")]
    TooLong(usize),
    #[error("a file of {0} octets does not fit into its header")]
    TooLarge(u64),
}

/// What the file header says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    pub file_seq: u32,
    pub count: u32,
    pub close_reason: u8,
    pub node_address: String,
    pub lost_indicator: u8,
    /// `MM-DDThh:mm+hh:mm`: the header has neither year nor second.
    pub opened_at: String,
    pub last_appended_at: String,
    /// From our private extension; none in a file of another make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// Our private extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    /// Year of the closing, in UTC.
    pub year: u16,
    pub first_seq: u64,
    pub last_seq: u64,
    pub test: bool,
    /// Of all octets behind the header.
    pub sha256: String,
}

/// The file header; `octets` and `digest` are those of all that follows it.
pub fn header(
    info: &FileInfo,
    totals: &Totals,
    octets: u64,
    digest: &[u8],
    settings: &Settings,
) -> Result<Vec<u8>, HeaderError> {
    let length = HEADER_LENGTH as u64 + octets;
    // All ones is an escape value, for lengths and counts alike.
    let fits =
        |n: u64| u32::try_from(n).ok().filter(|n| *n <= MAX_FILE_SEQ).ok_or(HeaderError::TooLarge(length));
    let mut out = Vec::with_capacity(HEADER_LENGTH);
    out.extend(fits(length)?.to_be_bytes());
    out.extend((HEADER_LENGTH as u32).to_be_bytes());
    out.extend([RELEASE, RELEASE]);
    out.extend(packed(&info.opened_at).to_be_bytes());
    out.extend(packed(&info.closed_at).to_be_bytes());
    out.extend(fits(totals.count)?.to_be_bytes());
    out.extend(info.file_seq.to_be_bytes());
    out.push(info.close_reason);
    out.extend([0xff; 4]);
    out.extend(settings.node_address.octets());
    // No record is ever lost: what cannot be written holds up the file.
    out.push(0);
    out.extend(0u16.to_be_bytes());
    out.extend((EXTENSION_LENGTH as u16).to_be_bytes());
    out.extend(MAGIC);
    out.extend(CODEC);
    out.extend((info.closed_at.with_timezone(&Utc).year() as u16).to_be_bytes());
    out.extend(totals.first_seq.unwrap_or(0).to_be_bytes());
    out.extend(totals.last_seq.unwrap_or(0).to_be_bytes());
    out.extend(u32::from(info.test).to_be_bytes());
    out.extend(digest);
    out.extend([RELEASE_EXTENSION, RELEASE_EXTENSION]);
    debug_assert_eq!(out.len(), HEADER_LENGTH);
    Ok(out)
}

/// Appends a record with its CDR header; `record` appends the record itself.
pub fn write<E: From<HeaderError>>(
    settings: &Settings,
    out: &mut Vec<u8>,
    record: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let from = out.len();
    out.extend([0, 0, RELEASE, (BER << 5) | (settings.ts_number & 31), RELEASE_EXTENSION]);
    record(out)?;
    let length = out.len() - from - CDR_HEADER_LENGTH;
    let fits = u16::try_from(length).ok().filter(|n| usize::from(*n) <= MAX_CDR);
    out[from..from + 2].copy_from_slice(&fits.ok_or(HeaderError::TooLong(length))?.to_be_bytes());
    Ok(())
}

/// Month, day, hour, minute, sign and offset in 32 bits, in UTC: then "local time" and "UTC" are the same reading.
fn packed(at: &DateTime<FixedOffset>) -> u32 {
    let utc = at.with_timezone(&Utc);
    let plus = 1;
    (utc.month() << 28) | (utc.day() << 23) | (utc.hour() << 18) | (utc.minute() << 12) | (plus << 11)
}

fn unpacked(bits: u32) -> Option<String> {
    let part = |shift: u32, width: u32| (bits >> shift) & ((1 << width) - 1);
    let (month, day, hour, minute) = (part(28, 4), part(23, 5), part(18, 5), part(12, 6));
    let (hours, minutes) = (part(6, 5), part(0, 6));
    let right = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    let sign = if part(11, 1) == 1 { '+' } else { '-' };
    (right && hours < 24 && minutes < 60)
        .then(|| format!("{month:02}-{day:02}T{hour:02}:{minute:02}{sign}{hours:02}:{minutes:02}"))
}

/// Octets that are taken one field after the other.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], HeaderError> {
        let field = self.octets.get(self.at..).and_then(|rest| rest.get(..length));
        let field = field.ok_or_else(|| self.wrong(format!("the file ends in {what}")))?;
        self.at += length;
        Ok(field)
    }

    fn number(&mut self, length: usize, what: &str) -> Result<u64, HeaderError> {
        Ok(self.take(length, what)?.iter().fold(0, |n, octet| (n << 8) | u64::from(*octet)))
    }

    fn small(&mut self, what: &str) -> Result<u8, HeaderError> {
        Ok(self.take(1, what)?[0])
    }

    fn wrong(&self, problem: String) -> HeaderError {
        HeaderError::At { offset: self.at, problem }
    }

    fn stamp(&mut self, what: &str) -> Result<String, HeaderError> {
        let bits = self.number(4, what)? as u32;
        unpacked(bits).ok_or_else(|| self.wrong(format!("{what} is {bits:#010x}, which is no time")))
    }
}

/// Reads a file and checks lengths, counts and, in files of our make, the digest and the record numbers.
pub fn decode(file: &[u8]) -> Result<(Header, Vec<Record>), HeaderError> {
    let mut r = Reader { octets: file, at: 0 };
    let length = r.number(4, "the file length")?;
    if length != file.len() as u64 {
        return Err(r.wrong(format!("the file length is {length}, the file has {} octets", file.len())));
    }
    let header_length = r.number(4, "the header length")? as usize;
    let (high, low) = (r.small("the release")?, r.small("the release")?);
    let opened_at = r.stamp("the opening time")?;
    let last_appended_at = r.stamp("the time of the last record")?;
    let count = r.number(4, "the number of records")? as u32;
    let file_seq = r.number(4, "the file number")? as u32;
    let close_reason = r.small("the closure reason")?;
    r.take(4, "the node address")?;
    let address: [u8; 16] = r.take(16, "the node address")?.try_into().expect("16 octets");
    let lost_indicator = r.small("the lost CDR indicator")?;
    let filter = r.number(2, "the length of the routeing filter")? as usize;
    r.take(filter, "the routeing filter")?;
    let private = r.number(2, "the length of the private extension")? as usize;
    let private = r.take(private, "the private extension")?;
    for release in [high, low] {
        if release >> 5 == 7 {
            r.take(1, "a release extension")?;
        }
    }
    if r.at != header_length {
        return Err(r.wrong(format!("the header ends here, its length is {header_length}")));
    }
    let body = &file[header_length..];
    let extension = extension(private);
    if let Some(e) = &extension
        && e.sha256 != crate::csv_format::hex(&Sha256::digest(body))
    {
        return Err(r.wrong("the digest is not that of the records".to_owned()));
    }
    let mut records = Vec::new();
    while r.at < file.len() {
        records.push(record(&mut r, records.len() + 1)?);
    }
    if records.len() as u64 != u64::from(count) {
        return Err(r.wrong(format!("{} records, the header says {count}", records.len())));
    }
    if let Some(e) = &extension {
        let ends = (records.first().map_or(0, |r| r.seq), records.last().map_or(0, |r| r.seq));
        if ends != (e.first_seq, e.last_seq) {
            return Err(r.wrong(format!(
                "records {} to {}, the header says {} to {}",
                ends.0, ends.1, e.first_seq, e.last_seq
            )));
        }
    }
    let node_address = match Ipv6Addr::from(address) {
        a if a.to_ipv4_mapped().is_some() => a.to_ipv4_mapped().map(|a| a.to_string()).unwrap_or_default(),
        a => a.to_string(),
    };
    let header = Header {
        file_seq,
        count,
        close_reason,
        node_address,
        lost_indicator,
        opened_at,
        last_appended_at,
        extension,
    };
    Ok((header, records))
}

fn record(r: &mut Reader<'_>, index: usize) -> Result<Record, HeaderError> {
    let length = r.number(2, "a CDR length")? as usize;
    let release = r.small("a CDR header")?;
    let format = r.small("a CDR header")?;
    if format >> 5 != BER {
        return Err(
            r.wrong(format!("record {index} has data record format {}, which is not BER", format >> 5))
        );
    }
    if release >> 5 == 7 {
        r.take(1, "a CDR header")?;
    }
    let offset = r.at;
    let octets = r.take(length, "a record")?;
    let (record, used) =
        ber::decode_record(octets).map_err(|source| HeaderError::Record { index, offset, source })?;
    if used != length {
        return Err(HeaderError::At {
            offset: offset + used,
            problem: "octets behind the record".to_owned(),
        });
    }
    Ok(record)
}

fn extension(octets: &[u8]) -> Option<Extension> {
    let number = |at: usize, length: usize| {
        octets[at..at + length].iter().fold(0u64, |n, octet| (n << 8) | u64::from(*octet))
    };
    (octets.len() == EXTENSION_LENGTH && octets.starts_with(MAGIC)).then(|| Extension {
        year: number(6, 2) as u16,
        first_seq: number(8, 8),
        last_seq: number(16, 8),
        test: number(24, 4) & 1 == 1,
        sha256: crate::csv_format::hex(&octets[28..]),
    })
}
