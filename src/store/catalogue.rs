//! Entries of the catalogue that operators posted; what application packages make is not stored here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};

/// One posted entry. `api` is `TMF620` or `TMF633`, `kind` the resource (`productOffering`).
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EntryRow {
    pub api: String,
    pub kind: String,
    pub id: String,
    /// What its events are about.
    pub uid: Uuid,
    /// Its members, without those that the server gives: id, href, lastUpdate.
    pub body: Json<Value>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The body of an entry's events: the entry, version-neutral.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryBody {
    pub id: String,
    pub body: Value,
    pub updated_at: DateTime<Utc>,
}

impl Tx<Tenant> {
    /// The posted entries of a kind, newest first.
    pub async fn entries(&mut self, api: &str, kind: &str) -> Result<Vec<EntryRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: EntryRow,
            "SELECT api, kind, id, uid, body, version, created_at, updated_at FROM catalogue_entries
             WHERE tenant = $1 AND api = $2 AND kind = $3 ORDER BY created_at DESC, id DESC",
            &tenant,
            api,
            kind
        )
    }

    /// How many entries of a kind there are.
    pub async fn count_entries(&mut self, api: &str, kind: &str) -> Result<i64, StoreError> {
        let tenant = self.tenant();
        let (count,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM catalogue_entries WHERE tenant = $1 AND api = $2 AND kind = $3",
            &tenant,
            api,
            kind
        )?;
        Ok(count)
    }

    /// One posted entry.
    pub async fn entry(&mut self, api: &str, kind: &str, id: &str) -> Result<Option<EntryRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: EntryRow,
            "SELECT api, kind, id, uid, body, version, created_at, updated_at FROM catalogue_entries
             WHERE tenant = $1 AND api = $2 AND kind = $3 AND id = $4",
            &tenant,
            api,
            kind,
            id
        )
    }

    /// The posted entry that has this id for its events.
    pub async fn entry_by_uid(&mut self, uid: Uuid) -> Result<Option<EntryRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: EntryRow,
            "SELECT api, kind, id, uid, body, version, created_at, updated_at FROM catalogue_entries
             WHERE tenant = $1 AND uid = $2",
            &tenant,
            uid
        )
    }

    /// Writes a new entry; false when one of its kind has this id.
    pub async fn insert_entry(&mut self, e: &EntryRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let written = sql!(
            self,
            execute,
            "INSERT INTO catalogue_entries (tenant, api, kind, id, uid, body, version, created_at, updated_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (tenant, api, kind, id) DO NOTHING",
            &tenant,
            &e.api,
            &e.kind,
            &e.id,
            e.uid,
            &e.body,
            e.version,
            e.created_at,
            e.updated_at
        )?;
        Ok(written == 1)
    }

    /// Writes an entry's new body as the version after the one that was read; false when that is not the stored one
    /// any more.
    pub async fn update_entry(&mut self, e: &EntryRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let written = sql!(
            self,
            execute,
            "UPDATE catalogue_entries SET body = $6, updated_at = $7, version = version + 1
             WHERE tenant = $1 AND api = $2 AND kind = $3 AND id = $4 AND version = $5",
            &tenant,
            &e.api,
            &e.kind,
            &e.id,
            e.version,
            &e.body,
            e.updated_at
        )?;
        Ok(written == 1)
    }

    /// Deletes an entry, if it is still the version that was read.
    pub async fn delete_entry(&mut self, e: &EntryRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let gone = sql!(
            self,
            execute,
            "DELETE FROM catalogue_entries WHERE tenant = $1 AND api = $2 AND kind = $3 AND id = $4 AND version = $5",
            &tenant,
            &e.api,
            &e.kind,
            &e.id,
            e.version
        )?;
        Ok(gone == 1)
    }

    /// Whether a posted specification, candidate or offering has this id: it is listed, and nothing stands behind it.
    pub async fn is_listed_only(&mut self, id: &str) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let (count,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM catalogue_entries WHERE tenant = $1 AND id = $2 AND
             ((api = 'TMF633' AND kind IN ('serviceSpecification', 'serviceCandidate'))
              OR (api = 'TMF620' AND kind IN ('productSpecification', 'productOffering')))",
            &tenant,
            id
        )?;
        Ok(count > 0)
    }
}
