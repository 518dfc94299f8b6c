//! The octets of a file: numbered journal rows as the records of a stream, in the layout of the recipient.

use std::net::Ipv6Addr;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use telvisor_sdr::file::FileInfo;
use telvisor_sdr::record::{Record, ResultCode, SubscriberType};
use telvisor_sdr::template::Template;
use telvisor_sdr::time::whole_seconds;
use telvisor_sdr::ts32297::{Settings, TS_NUMBER};
use telvisor_sdr::{Layout, Summary};

use super::journal::Body;
use super::seal::SealError;
use crate::config::{FileFormat, Framing, Recipient, Subscriber};
use crate::engine::Engine;
use crate::store::sdr::SdrRow;

/// All that decides a file's octets beside its numbered records. Committed with them, before the file is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub info: FileInfo,
    pub format: FileFormat,
    pub framing: Framing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    #[serde(default)]
    pub subscriber: Subscriber,
    #[serde(default = "ts_number")]
    pub ts_number: u8,
    #[serde(default = "no_address")]
    pub node_address: Ipv6Addr,
    /// Number of the file that this revision replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<u32>,
    /// None in what an older version sealed: it is counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Taken over from a lost primary's folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resynced: bool,
}

const fn ts_number() -> u8 {
    TS_NUMBER
}

const fn no_address() -> Ipv6Addr {
    Ipv6Addr::UNSPECIFIED
}

impl Manifest {
    pub(super) fn new(recipient: &Recipient, info: FileInfo) -> Self {
        Self {
            info,
            format: recipient.format,
            framing: recipient.framing,
            template: recipient.csv.clone(),
            subscriber: recipient.subscriber,
            ts_number: recipient.ts_number,
            node_address: recipient.address(),
            rejected: None,
            summary: None,
            resynced: false,
        }
    }

    pub(super) fn layout(&self) -> Layout {
        match (self.format, self.framing) {
            (FileFormat::Csv, _) => self.template.clone().map_or(Layout::Csv, Layout::Template),
            (FileFormat::Asn1, Framing::Raw) => Layout::Raw,
            (FileFormat::Asn1, Framing::Ts32297) => {
                Layout::Ts32297(Settings { node_address: self.node_address, ts_number: self.ts_number })
            }
            (FileFormat::Asn1, Framing::Batch) => Layout::Batch { rejected: self.rejected },
        }
    }

    /// A journal row as a record of this file.
    pub(super) fn record(&self, engine: &Engine, number: i64, row: &SdrRow) -> Result<Record, SealError> {
        let zone: FixedOffset = self.info.closed_at.timezone();
        let wrong = |problem: String| SealError::Record { record: row.record_id, problem };
        let body: Body = serde_json::from_value(row.body.0.clone()).map_err(|e| wrong(e.to_string()))?;
        let local = |t: DateTime<Utc>| whole_seconds(t.with_timezone(&zone));
        let (subscriber_type, subscriber) = self.subscriber(engine, row);
        Ok(Record {
            seq: u64::try_from(number).map_err(|e| wrong(e.to_string()))?,
            record_id: row.record_id,
            record_type: row.kind.parse().map_err(|e| wrong(format!("{e}")))?,
            event_time: local(row.event_time),
            record_time: local(row.record_time),
            node_id: self.info.node_id.clone(),
            tenant: row.tenant.clone(),
            subscriber_type,
            subscriber,
            application: body.application,
            version: body.version,
            previous_version: body.previous_version,
            instance_id: body.instance,
            duration_s: body.duration_s,
            result: if body.success { ResultCode::Success } else { ResultCode::Failure },
            cause: body.cause,
            backup_id: body.backup,
            volume_octets: body.volume_octets,
            corrects: body.corrects,
            plan: body.plan,
            previous_plan: body.previous_plan,
            order_id: body.order,
            external_order_id: body.external_order,
        })
    }

    fn subscriber(&self, engine: &Engine, row: &SdrRow) -> (SubscriberType, String) {
        match self.subscriber {
            Subscriber::Customer => (SubscriberType::Private, row.customer_id.clone()),
            Subscriber::Phone => {
                let digits: String =
                    row.phone.iter().flat_map(|p| p.chars()).filter(char::is_ascii_digit).collect();
                if (1..=15).contains(&digits.len()) {
                    (SubscriberType::E164, digits)
                } else {
                    (SubscriberType::Private, row.customer_id.clone())
                }
            }
            Subscriber::Pseudonym => {
                let parts = [&self.info.recipient, &row.tenant, &row.customer_id].map(String::as_bytes);
                let digest = engine.secrets.digest("sdr subscriber", &parts);
                (SubscriberType::Private, hex::encode(&digest[..16]))
            }
        }
    }
}

/// A journal row as a record of no file, to see whether every format could carry it.
pub(super) fn plain(engine: &Engine, row: &SdrRow) -> Result<Record, SealError> {
    let zone = engine.config.zone();
    let at = whole_seconds(row.record_time.with_timezone(&zone).fixed_offset());
    let info = FileInfo {
        node_id: engine.config.node_id.clone(),
        recipient: "none".into(),
        file_seq: 1,
        test: row.test,
        period_start: at,
        period_end: at,
        opened_at: at,
        closed_at: at,
        tenant: row.tenant.clone(),
        close_reason: 0,
    };
    Manifest::new(&Recipient::new("none", FileFormat::Csv), info).record(engine, 1, row)
}
