//! Corrections. A record that was written is never changed: another one names it and stands in its place, with a number
//! and an id of its own, in the next file.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::encode;
use super::journal::Body;
use super::seal::SealError;
use crate::engine::Engine;
use crate::store::sdr::NewSdr;
use crate::store::{StoreError, Tenant, Tx};

/// What the new record says instead; what is absent stays as it was. Names are those of the files' fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_plan_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_octets: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_order_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<DateTime<Utc>>,
}

/// Why a record could not be corrected.
#[derive(Debug, thiserror::Error)]
pub enum CorrectError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no record {0}")]
    Missing(Uuid),
    #[error("there is no recipient {0}")]
    Recipient(String),
    /// Names the field.
    #[error("{0}")]
    Field(#[from] telvisor_sdr::FieldError),
    #[error(transparent)]
    Record(#[from] SealError),
}

impl Changes {
    fn apply(&self, body: &mut Body) {
        fn put<T: Clone>(to: &mut T, from: Option<&T>) {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        fn also<T: Clone>(to: &mut Option<T>, from: &Option<T>) {
            if from.is_some() {
                to.clone_from(from);
            }
        }
        put(&mut body.application, self.application_id.as_ref());
        put(&mut body.version, self.application_version.as_ref());
        also(&mut body.previous_version, &self.previous_version);
        also(&mut body.plan, &self.plan_id);
        also(&mut body.previous_plan, &self.previous_plan_id);
        also(&mut body.duration_s, &self.duration_seconds);
        also(&mut body.volume_octets, &self.volume_octets);
        also(&mut body.cause, &self.cause_code);
        also(&mut body.order, &self.order_id);
        also(&mut body.external_order, &self.external_order_id);
    }
}

/// Journals the correction of a record, for one recipient or for all whose filter it passes; its id. The same
/// correction once more is the record that is there.
///
/// # Errors
/// See [`CorrectError`].
pub async fn correct(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    old: Uuid,
    only: Option<&str>,
    changes: &Changes,
) -> Result<Uuid, CorrectError> {
    let mut row = tx.sdr(old).await?.ok_or(CorrectError::Missing(old))?;
    let subject = tx.sdr_subject(old).await?.ok_or(CorrectError::Missing(old))?;
    if let Some(name) = only
        && !tx.has_recipient(name).await?
    {
        return Err(CorrectError::Recipient(name.to_owned()));
    }
    // What went to one recipient alone is corrected for that one alone.
    let only = only.map(str::to_owned).or(row.only_recipient.take());
    let unreadable = |e: serde_json::Error| SealError::Record { record: old, problem: e.to_string() };
    let mut body: Body = serde_json::from_value(row.body.0.clone()).map_err(unreadable)?;
    changes.apply(&mut body);
    body.corrects = Some(old);
    row.body.0 = serde_json::to_value(&body).expect("plain data");
    row.event_time = changes.event_time.unwrap_or(row.event_time);
    encode::plain(engine, &row)?.validate()?;
    let content = format!("{}{}", row.body.0, row.event_time);
    let digest = hex::encode(Sha256::digest(content));
    let cause = format!("correction:{old}:{}:{digest}", only.as_deref().unwrap_or("*"));
    let new = NewSdr {
        cause: &cause,
        subject,
        test: row.test,
        only: only.as_deref(),
        kind: &row.kind,
        body: &row.body.0,
        event_time: row.event_time,
    };
    let id = tx.insert_sdr(&new).await?;
    tracing::info!(sdr.record = %id, sdr.corrects = %old, "correction journalled");
    Ok(id)
}
