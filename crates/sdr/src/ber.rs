//! The ASN.1 encoding of one record, by `docs/SDR-DataTypes.asn1`. Framings of several records in a file
//! are modules of their own (`raw`).
//!
//! Reads BER; writes DER ([`crate::der`]), which every BER and DER reader takes.

use chrono::{DateTime, FixedOffset};
use rasn::types::{Any, Constraints, FixedOctetString, Ia5String, Tag, Utf8String};
use rasn::{AsnType, Decode, Decoder, Encode};
use uuid::Uuid;

use crate::der;
use crate::record::{FieldError, Record, RecordType, ResultCode, SubscriberType};
use crate::time;

/// A record that cannot be encoded, or octets that are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BerError {
    /// Not BER, or not of the module: truncated, unknown alternative, a field missing, of a wrong size,
    /// out of its range or not UTF-8.
    #[error("not a record of the module: {0}")]
    Syntax(String),
    /// The recordType inside contradicts the alternative outside.
    #[error("recordType is {got} in the alternative for {choice}")]
    Type { choice: u16, got: u32 },
    #[error("{0}")]
    Field(#[from] FieldError),
}

type Octets16 = FixedOctetString<16>;
pub(crate) type TimeStamp = FixedOctetString<9>;

#[derive(AsnType, Decode, Clone, Debug, PartialEq, Eq, Hash)]
#[rasn(choice)]
#[non_exhaustive]
pub(crate) enum SdrRecord {
    #[rasn(tag(1))]
    ApplicationInstalled(ServiceDetailRecord),
    #[rasn(tag(2))]
    ApplicationUpgraded(ServiceDetailRecord),
    #[rasn(tag(3))]
    ApplicationDowngraded(ServiceDetailRecord),
    #[rasn(tag(4))]
    BackupTaken(ServiceDetailRecord),
    #[rasn(tag(5))]
    BackupDownloaded(ServiceDetailRecord),
    #[rasn(tag(6))]
    BackupRestored(ServiceDetailRecord),
}

#[derive(AsnType, Decode, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServiceDetailRecord {
    #[rasn(tag(0))]
    record_type: u32,
    #[rasn(tag(1))]
    record_id: Octets16,
    #[rasn(tag(2), value("1..=9223372036854775807"))]
    local_sequence_number: u64,
    #[rasn(tag(3), size("1..=20"))]
    node_id: Ia5String,
    #[rasn(tag(4))]
    tenant_identifier: Utf8String,
    #[rasn(tag(5))]
    subscriber_identifier: SubscriptionId,
    #[rasn(tag(6))]
    application_id: Utf8String,
    #[rasn(tag(7))]
    application_version: Utf8String,
    #[rasn(tag(8))]
    previous_version: Option<Utf8String>,
    #[rasn(tag(9))]
    instance_id: Octets16,
    #[rasn(tag(10))]
    event_time: TimeStamp,
    #[rasn(tag(11))]
    record_time: TimeStamp,
    #[rasn(tag(12))]
    duration: Option<u32>,
    #[rasn(tag(13))]
    result: AsnResult,
    #[rasn(tag(14))]
    backup_id: Option<Octets16>,
    #[rasn(tag(15), value("0..=9223372036854775807"))]
    volume_octets: Option<u64>,
    #[rasn(tag(16))]
    cause_code: Option<u16>,
    #[rasn(tag(17))]
    corrects_record_id: Option<Octets16>,
    #[rasn(tag(18))]
    plan_id: Option<Utf8String>,
    #[rasn(tag(19))]
    previous_plan_id: Option<Utf8String>,
    #[rasn(tag(20))]
    order_id: Option<Octets16>,
    #[rasn(tag(21))]
    external_order_id: Option<Utf8String>,
    later: LaterFields,
}

#[derive(AsnType, Decode, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rasn(enumerated)]
enum AsnResult {
    Success = 0,
    Failure = 1,
    Partial = 2,
}

#[derive(AsnType, Decode, Clone, Debug, PartialEq, Eq, Hash)]
#[rasn(set)]
struct SubscriptionId {
    #[rasn(tag(0))]
    kind: SubscriptionIdType,
    #[rasn(tag(1))]
    data: Utf8String,
}

// What reads a SET wants its fields to be writable, too.
#[derive(AsnType, Encode, Decode, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rasn(enumerated)]
enum SubscriptionIdType {
    E164 = 0,
    Imsi = 1,
    SipUri = 2,
    Nai = 3,
    Private = 4,
}

/// What stands behind the extension marker: fields of a later version of the module, skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct LaterFields;

/// Tag of the last field of this version of the module.
const LAST_FIELD: u8 = 21;

impl AsnType for LaterFields {
    const TAG: Tag = Tag::EOC;
}

impl Decode for LaterFields {
    fn decode_with_tag_and_constraints<D: rasn::Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        // A field that this version knows may stand only in its own place: taken for a later one it would
        // be lost in silence.
        while let Some(field) = <Option<Any>>::decode(decoder)? {
            let first = field.as_bytes().first().copied().unwrap_or(0);
            let class_is_context = first >> 6 == 2;
            if !class_is_context || first & 31 <= LAST_FIELD {
                return Err(rasn::de::Error::custom("a field stands out of its order", decoder.codec()));
            }
        }
        Ok(Self)
    }
}

/// Encodes one record as DER.
pub fn encode_record(record: &Record) -> Result<Vec<u8>, BerError> {
    let mut octets = Vec::with_capacity(256);
    der::write_record(record, &mut octets)?;
    Ok(octets)
}

/// Decodes the record at the front of `octets`; answers it and how many octets it takes.
pub fn decode_record(octets: &[u8]) -> Result<(Record, usize), BerError> {
    let (decoded, rest) = rasn::ber::decode_with_remainder::<SdrRecord>(octets)
        .map_err(|e| BerError::Syntax(e.kind.to_string()))?;
    let record = from_asn(decoded)?;
    record.validate()?;
    Ok((record, octets.len() - rest.len()))
}

pub(crate) fn from_asn(decoded: SdrRecord) -> Result<Record, BerError> {
    let (record_type, body) = match decoded {
        SdrRecord::ApplicationInstalled(body) => (RecordType::ApplicationInstalled, body),
        SdrRecord::ApplicationUpgraded(body) => (RecordType::ApplicationUpgraded, body),
        SdrRecord::ApplicationDowngraded(body) => (RecordType::ApplicationDowngraded, body),
        SdrRecord::BackupTaken(body) => (RecordType::BackupTaken, body),
        SdrRecord::BackupDownloaded(body) => (RecordType::BackupDownloaded, body),
        SdrRecord::BackupRestored(body) => (RecordType::BackupRestored, body),
    };
    if body.record_type != u32::from(record_type.code()) {
        return Err(BerError::Type { choice: record_type.code(), got: body.record_type });
    }
    let uuid = |octets: Octets16| Uuid::from_bytes(*octets);
    Ok(Record {
        seq: body.local_sequence_number,
        record_id: uuid(body.record_id),
        record_type,
        event_time: moment("eventTime", &body.event_time)?,
        record_time: moment("recordTime", &body.record_time)?,
        // IA5 is ASCII, so the octets are UTF-8 as they are.
        node_id: String::from_utf8_lossy(body.node_id.as_iso646_bytes()).into_owned(),
        tenant: body.tenant_identifier,
        subscriber_type: match body.subscriber_identifier.kind {
            SubscriptionIdType::E164 => SubscriberType::E164,
            SubscriptionIdType::Imsi => SubscriberType::Imsi,
            SubscriptionIdType::SipUri => SubscriberType::SipUri,
            SubscriptionIdType::Nai => SubscriberType::Nai,
            SubscriptionIdType::Private => SubscriberType::Private,
        },
        subscriber: body.subscriber_identifier.data,
        application: body.application_id,
        version: body.application_version,
        previous_version: body.previous_version,
        instance_id: uuid(body.instance_id),
        duration_s: body.duration,
        result: match body.result {
            AsnResult::Success => ResultCode::Success,
            AsnResult::Failure => ResultCode::Failure,
            AsnResult::Partial => ResultCode::Partial,
        },
        cause: body.cause_code,
        backup_id: body.backup_id.map(uuid),
        volume_octets: body.volume_octets,
        corrects: body.corrects_record_id.map(uuid),
        plan: body.plan_id,
        previous_plan: body.previous_plan_id,
        order_id: body.order_id.map(uuid),
        external_order_id: body.external_order_id,
    })
}

pub(crate) fn moment(field: &'static str, octets: &TimeStamp) -> Result<DateTime<FixedOffset>, FieldError> {
    time::from_bcd(octets).map_err(|e| FieldError { field, problem: e.into() })
}
