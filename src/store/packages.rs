//! Applications and the immutable contents of their package versions.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::catalogue::Application;

use super::{Json, StoreError, Tx, sql};

/// What is known of one published version.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VersionRow {
    pub application: String,
    pub version: String,
    pub digest: String,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl<S> Tx<S> {
    /// All applications, in catalogue order.
    pub async fn applications(&mut self) -> Result<Vec<Application>, StoreError> {
        let rows =
            sql!(self, all: (Json<Application>,), "SELECT body FROM applications ORDER BY position, id")?;
        Ok(rows.into_iter().map(|(body,)| body.0).collect())
    }

    /// When each application's catalogue entry last changed.
    pub async fn applications_changed(&mut self) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        sql!(self, all: (String, DateTime<Utc>), "SELECT id, updated_at FROM applications")
    }

    /// Writes an application's catalogue entry; one that says the same keeps the time of its last change.
    pub async fn save_application(
        &mut self,
        id: &str,
        position: i64,
        body: &Value,
        pictures: &Value,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "INSERT INTO applications (id, position, body, pictures, updated_at) VALUES ($1,$2,$3,$4,$5)
             ON CONFLICT (id) DO UPDATE SET position = excluded.position, body = excluded.body,
               pictures = excluded.pictures, updated_at = CASE WHEN applications.body = excluded.body
                 THEN applications.updated_at ELSE excluded.updated_at END",
            id,
            position,
            Json(body),
            Json(pictures),
            now
        )?;
        Ok(())
    }

    pub async fn package_versions(&mut self) -> Result<Vec<VersionRow>, StoreError> {
        sql!(
            self,
            all: VersionRow,
            "SELECT application, version, digest, withdrawn_at FROM package_versions ORDER BY application, version"
        )
    }

    /// Publishes a version; what is there already stays as it is. Returns the digest that stands now, and whether it
    /// was published by this call.
    pub async fn publish_version(
        &mut self,
        application: &str,
        version: &str,
        digest: &str,
        content: &Value,
    ) -> Result<(String, bool), StoreError> {
        let now = self.now();
        let written = sql!(
            self,
            execute,
            "INSERT INTO package_versions (application, version, digest, content, published_at) VALUES ($1,$2,$3,$4,$5)
             ON CONFLICT (application, version) DO NOTHING",
            application,
            version,
            digest,
            Json(content),
            now
        )?;
        let (stands,) = sql!(
            self,
            one: (String,),
            "SELECT digest FROM package_versions WHERE application = $1 AND version = $2",
            application,
            version
        )?;
        Ok((stands, written > 0))
    }

    /// Withdraws a version, or offers it again; whether that changed anything.
    pub async fn set_withdrawn(
        &mut self,
        application: &str,
        version: &str,
        withdrawn: bool,
    ) -> Result<bool, StoreError> {
        let at = withdrawn.then(|| self.now());
        let changed = sql!(
            self,
            execute,
            "UPDATE package_versions SET withdrawn_at = $3
             WHERE application = $1 AND version = $2 AND (withdrawn_at IS NULL) <> ($3 IS NULL)",
            application,
            version,
            at
        )?;
        Ok(changed > 0)
    }

    /// The content of a version by its digest.
    pub async fn package_content(&mut self, digest: &str) -> Result<Option<Json<Value>>, StoreError> {
        let row = sql!(
            self,
            optional: (Json<Value>,),
            "SELECT content FROM package_versions WHERE digest = $1",
            digest
        )?;
        Ok(row.map(|(c,)| c))
    }
}
