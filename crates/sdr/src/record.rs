//! One service detail record, and what every format can carry of it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time;

/// Largest value of the 63-bit integers of the module: many decoders hold them in a signed C `long`.
pub const MAX_INTEGER: u64 = i64::MAX as u64;

/// Makes an enum of coded values: number on the wire, word for people and JSON.
macro_rules! coded {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $word)] $variant = $code,)+
        }

        impl $name {
            /// All values, by ascending code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number that stands for the value in files.
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The value for a number in a file; `None` for a number that has no meaning.
            pub fn from_code(code: u16) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// The word that stands for the value in JSON and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| UnknownWord { what: $what, word: word.to_owned() })
            }
        }
    };
}

/// A word that names none of the coded values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
}

coded! {
    /// What happened. The numbers leave 0 to 200 to 3GPP records, so that one mediation stream can hold both.
    RecordType, "record type" {
        ApplicationInstalled = 1001, "installed";
        ApplicationUpgraded = 1002, "upgraded";
        ApplicationDowngraded = 1003, "downgraded";
        BackupTaken = 1004, "backup-taken";
        BackupDownloaded = 1005, "backup-downloaded";
        BackupRestored = 1006, "backup-restored";
    }
}

impl RecordType {
    /// Number of the alternative of the CHOICE `SDRRecord`, 1 to 6.
    pub const fn choice(self) -> u8 {
        (self.code() - 1000) as u8
    }

    /// Whether the record is about a backup, the only kind that carries a volume.
    pub const fn is_backup(self) -> bool {
        matches!(self, Self::BackupTaken | Self::BackupDownloaded | Self::BackupRestored)
    }
}

coded! {
    /// How it ended.
    ResultCode, "result" {
        Success = 0, "success";
        Failure = 1, "failure";
        Partial = 2, "partial";
    }
}

coded! {
    /// What kind of identifier names the subscriber (3GPP `SubscriptionIDType`).
    SubscriberType, "subscriber type" {
        /// A telephone number, digits only.
        E164 = 0, "e164";
        /// A mobile subscriber number, digits only.
        Imsi = 1, "imsi";
        SipUri = 2, "sip-uri";
        Nai = 3, "nai";
        /// The operator's own number of the customer.
        Private = 4, "private";
    }
}

/// One service detail record. JSON names are those of the CSV columns, times as in CSV.
///
/// Times are local time with offset, in whole seconds, because the ASN.1 `TimeStamp` has no smaller unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Local sequence number: gapless in one stream (tenant, recipient, live or test), from 1.
    pub seq: u64,
    /// The record's identity, the same for all recipients and in every resend.
    pub record_id: Uuid,
    pub record_type: RecordType,
    /// When the step that did the work ended.
    #[serde(with = "time::text")]
    pub event_time: DateTime<FixedOffset>,
    /// When the record was written to the journal; decides the period that the record belongs to.
    #[serde(with = "time::text")]
    pub record_time: DateTime<FixedOffset>,
    /// The network element that wrote the record, 1 to 20 characters.
    pub node_id: String,
    #[serde(rename = "tenantId")]
    pub tenant: String,
    #[serde(rename = "subscriberIdType")]
    pub subscriber_type: SubscriberType,
    #[serde(rename = "subscriberId")]
    pub subscriber: String,
    #[serde(rename = "applicationId")]
    pub application: String,
    #[serde(rename = "applicationVersion")]
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    /// The subscription.
    pub instance_id: Uuid,
    /// Seconds from the start of the order item to `event_time`.
    #[serde(rename = "durationSeconds", default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    pub result: ResultCode,
    #[serde(rename = "causeCode", default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<Uuid>,
    /// Size of the backup in octets, at most [`MAX_INTEGER`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_octets: Option<u64>,
    /// `record_id` of the earlier record that this one replaces.
    #[serde(rename = "correctsRecordId", default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Uuid>,
    #[serde(rename = "planId", default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    #[serde(rename = "previousPlanId", default, skip_serializing_if = "Option::is_none")]
    pub previous_plan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    /// The client's own number of the order, as the client wrote it: 1 to 255 characters, none of them a
    /// control character. An empty one must be `None`: CSV could not tell the two apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_order_id: Option<String>,
}

/// A field that not every format could carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    /// Name of the field as in CSV and JSON.
    pub field: &'static str,
    pub problem: FieldProblem,
}

/// Why a field cannot be carried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    #[error("has {got} characters instead of 1 to {max}")]
    Length { got: usize, max: usize },
    /// A cell of a spreadsheet that begins with `=`, `+`, `-` or `@` is taken as a formula.
    #[error("must begin with one of A-Z, a-z, 0-9")]
    Start,
    #[error("contains {0:?}, which is not allowed there")]
    Character(char),
    #[error("is {got}, outside {min} to {max}")]
    Range { got: u64, min: u64, max: u64 },
    #[error("{0}")]
    Time(#[from] time::TimeError),
    #[error("ends before it starts")]
    Order,
}

impl Record {
    /// Refuses what one of the formats could not carry, or would carry dangerously; names the field.
    pub fn validate(&self) -> Result<(), FieldError> {
        number("seq", self.seq, 1, MAX_INTEGER)?;
        stamp("eventTime", &self.event_time)?;
        stamp("recordTime", &self.record_time)?;
        node_id("nodeId", &self.node_id)?;
        identifier("tenantId", &self.tenant, 64)?;
        match self.subscriber_type {
            SubscriberType::E164 | SubscriberType::Imsi => {
                text("subscriberId", &self.subscriber, 15, |c| c.is_ascii_digit())?;
            }
            _ => identifier("subscriberId", &self.subscriber, 128)?,
        }
        identifier("applicationId", &self.application, 64)?;
        identifier("applicationVersion", &self.version, 32)?;
        optional(&self.previous_version, |v| identifier("previousVersion", v, 32))?;
        number("volumeOctets", self.volume_octets.unwrap_or(0), 0, MAX_INTEGER)?;
        optional(&self.plan, |v| identifier("planId", v, 64))?;
        optional(&self.previous_plan, |v| identifier("previousPlanId", v, 64))?;
        optional(&self.external_order_id, |v| {
            length("externalOrderId", v, 255)?;
            characters("externalOrderId", v, |c| !c.is_control())
        })
    }
}

/// Checks a node's name: 1 to 20 of letters, digits, `.`, `_`, `-`, because it stands in file names too.
pub(crate) fn node_id(field: &'static str, value: &str) -> Result<(), FieldError> {
    text(field, value, 20, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Checks an identifier: visible ASCII, so that octets and characters are the same count for every reader.
pub(crate) fn identifier(field: &'static str, value: &str, max: usize) -> Result<(), FieldError> {
    text(field, value, max, |c| c.is_ascii_graphic())
}

/// Checks that a time is one that `TimeStamp` can carry.
pub(crate) fn stamp(field: &'static str, value: &DateTime<FixedOffset>) -> Result<(), FieldError> {
    time::check(value).map_err(|e| FieldError { field, problem: e.into() })
}

/// Checks that a number lies in its range, ends included.
pub(crate) fn number(field: &'static str, got: u64, min: u64, max: u64) -> Result<(), FieldError> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    Err(FieldError { field, problem: FieldProblem::Range { got, min, max } })
}

fn text(
    field: &'static str,
    value: &str,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), FieldError> {
    // What is allowed is ASCII: an octet is a character.
    let begins = value.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if begins && value.len() <= max && value.bytes().all(|b| allowed(char::from(b))) {
        return Ok(());
    }
    length(field, value, max)?;
    if !value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(FieldError { field, problem: FieldProblem::Start });
    }
    characters(field, value, allowed)
}

fn length(field: &'static str, value: &str, max: usize) -> Result<(), FieldError> {
    let got = value.chars().count();
    if (1..=max).contains(&got) {
        return Ok(());
    }
    Err(FieldError { field, problem: FieldProblem::Length { got, max } })
}

fn characters(field: &'static str, value: &str, allowed: impl Fn(char) -> bool) -> Result<(), FieldError> {
    match value.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(c) => Err(FieldError { field, problem: FieldProblem::Character(c) }),
    }
}

fn optional(
    value: &Option<String>,
    check: impl Fn(&str) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    value.as_deref().map_or(Ok(()), check)
}
