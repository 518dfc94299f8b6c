//! Service detail records: what one holds, and its encodings for files that go to mediation.
//!
//! Pure: no I/O, no clock. An encoding writes one record or row ([`ber`], [`csv_format`]); a framing puts
//! encoded records into a file ([`raw`], [`ts32297`], [`batch`]). [`layout`] is the choice that a recipient makes.
//!
//! Every format carries the same information, so records -> ASN.1 -> records -> CSV -> records -> ASN.1
//! comes back to the same octets.

pub mod batch;
pub mod ber;
pub mod columns;
pub mod csv_format;
mod csv_rows;
pub mod decode;
pub mod der;
pub mod file;
pub mod icd;
pub mod layout;
pub mod name;
pub mod raw;
pub mod record;
pub mod template;
pub mod time;
pub mod ts32297;
pub mod verify;

pub use file::{FileInfo, Totals};
pub use layout::{Layout, Summary, Tally};
pub use record::{FieldError, Record, RecordType, ResultCode, SubscriberType};

/// The ASN.1 module, as published in `docs/SDR-DataTypes.asn1`.
pub const ASN1_MODULE: &str = include_str!("../../../docs/SDR-DataTypes.asn1");
