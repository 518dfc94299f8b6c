//! Framing `raw`: the encoded records one behind the other, nothing before, between or after them.

use crate::ber::{self, BerError};
use crate::der;
use crate::record::Record;

/// The record at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index} at octet {offset}: {source}")]
pub struct RawError {
    /// Position of the record in the file, from 1.
    pub index: usize,
    /// Where its first octet stands (or would stand), from 0.
    pub offset: usize,
    pub source: BerError,
}

/// Writes a file. The same records give the same octets for ever.
pub fn encode_raw(records: &[Record]) -> Result<Vec<u8>, RawError> {
    let mut file = Vec::with_capacity(256 * records.len());
    for (at, record) in records.iter().enumerate() {
        let offset = file.len();
        der::write_record(record, &mut file).map_err(|e| RawError {
            index: at + 1,
            offset,
            source: e.into(),
        })?;
    }
    Ok(file)
}

/// Reads a file to its last octet; whatever is behind the last whole record is a fault.
pub fn decode_raw(file: &[u8]) -> Result<Vec<Record>, RawError> {
    let mut records = Vec::new();
    let mut offset = 0;
    while offset < file.len() {
        let (record, length) = ber::decode_record(&file[offset..]).map_err(|source| RawError {
            index: records.len() + 1,
            offset,
            source,
        })?;
        records.push(record);
        offset += length;
    }
    Ok(records)
}
