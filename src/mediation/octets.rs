//! The octets of a file: numbered journal rows as the records of a stream, encoded.

use chrono::{DateTime, FixedOffset, Utc};
use telvisor_sdr::file::FileInfo;
use telvisor_sdr::record::{Record, ResultCode, SubscriberType};
use telvisor_sdr::time::whole_seconds;
use telvisor_sdr::{csv_format, raw};

use super::journal::Body;
use super::seal::SealError;
use crate::config::FileFormat;
use crate::store::sdr::SdrRow;
use crate::store::sdr_files::StreamRow;

/// The records with the numbers that they get in the stream's next file.
pub(super) fn number<'a>(stream: &StreamRow, rows: &'a [SdrRow]) -> Vec<(i64, &'a SdrRow)> {
    (stream.next_number..).zip(rows).collect()
}

/// The file's octets.
pub(super) fn encode(
    format: FileFormat,
    info: &FileInfo,
    node: &str,
    rows: &[(i64, &SdrRow)],
    zone: FixedOffset,
) -> Result<Vec<u8>, SealError> {
    let records: Vec<Record> =
        rows.iter().map(|(n, r)| record(*n, r, node, zone)).collect::<Result<_, _>>()?;
    let wrong = |problem: String| SealError::Encode { name: info.default_name("?"), problem };
    match format {
        FileFormat::Csv => csv_format::encode(info, &records).map_err(|e| wrong(e.to_string())),
        FileFormat::Asn1 => raw::encode_raw(&records).map_err(|e| wrong(e.to_string())),
    }
}

/// A journal row as a record of a stream.
fn record(number: i64, row: &SdrRow, node: &str, zone: FixedOffset) -> Result<Record, SealError> {
    let wrong = |problem: String| SealError::Record { record: row.record_id, problem };
    let body: Body = serde_json::from_value(row.body.0.clone()).map_err(|e| wrong(e.to_string()))?;
    let local = |t: DateTime<Utc>| whole_seconds(t.with_timezone(&zone));
    Ok(Record {
        seq: u64::try_from(number).map_err(|e| wrong(e.to_string()))?,
        record_id: row.record_id,
        record_type: row.kind.parse().map_err(|e| wrong(format!("{e}")))?,
        event_time: local(row.event_time),
        record_time: local(row.record_time),
        node_id: node.to_owned(),
        tenant: row.tenant.clone(),
        subscriber_type: SubscriberType::Private,
        subscriber: row.customer_id.clone(),
        application: body.application,
        version: body.version,
        previous_version: body.previous_version,
        instance_id: body.instance,
        duration_s: body.duration_s,
        result: if body.success { ResultCode::Success } else { ResultCode::Failure },
        cause: body.cause,
        backup_id: body.backup,
        volume_octets: body.volume_octets,
        corrects: None,
        plan: body.plan,
        previous_plan: body.previous_plan,
        order_id: body.order,
        external_order_id: body.external_order,
    })
}
