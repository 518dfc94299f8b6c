//! Record-only entries of the inventories and of usage: written down by a client, never ordered. One table, because
//! they differ only in what their bodies say; the columns beside the body are what lists filter and sort by.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::Resource;
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};

/// One record-only entry.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct RecordRow {
    pub uid: Uuid,
    /// `product`, `service`, `resource`, `usage` or `usageSpecification`.
    #[sqlx(try_from = "String")]
    pub kind: Resource,
    pub id: String,
    /// From 1; counts the changes.
    pub version: i64,
    /// The resource as it was given, without `id` and `href`.
    pub body: Json<Value>,
    /// `@type`.
    pub type_name: String,
    #[sqlx(flatten)]
    pub columns: Columns,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

/// What lists filter and sort by, taken from the body. Which member is which stands with each API.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Columns {
    pub name: Option<String>,
    pub category: Option<String>,
    pub state: Option<String>,
    pub specification: Option<String>,
    /// `productOffering.id`, `serviceType`, `usageType`.
    pub of_type: Option<String>,
    /// The party with role customer, else the first one.
    pub customer_id: Option<String>,
    /// `serviceDate`, `orderDate`, `usageDate`.
    pub dated_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl Tx<Tenant> {
    /// Writes a new entry.
    pub async fn insert_record(&mut self, r: &RecordRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO records_personal (tenant, uid, kind, id, version, body, name, category, state, specification,
               of_type, customer_id, created_at, changed_at, dated_at, started_at, ended_at, type_name)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)",
            &tenant,
            r.uid,
            r.kind.as_str(),
            &r.id,
            r.version,
            &r.body,
            &r.columns.name,
            &r.columns.category,
            &r.columns.state,
            &r.columns.specification,
            &r.columns.of_type,
            &r.columns.customer_id,
            r.created_at,
            r.changed_at,
            r.columns.dated_at,
            r.columns.started_at,
            r.columns.ended_at,
            &r.type_name
        )?;
        Ok(())
    }

    /// Writes an entry back, if the version read is still the one stored; whether it was.
    pub async fn update_record(&mut self, r: &RecordRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "UPDATE records_personal SET body = $4, name = $5, category = $6, state = $7, specification = $8,
               of_type = $9, customer_id = $10, changed_at = $11, dated_at = $12, started_at = $13, ended_at = $14,
               type_name = $15, version = version + 1
             WHERE tenant = $1 AND uid = $2 AND version = $3",
            &tenant,
            r.uid,
            r.version,
            &r.body,
            &r.columns.name,
            &r.columns.category,
            &r.columns.state,
            &r.columns.specification,
            &r.columns.of_type,
            &r.columns.customer_id,
            r.changed_at,
            r.columns.dated_at,
            r.columns.started_at,
            r.columns.ended_at,
            &r.type_name
        )?;
        Ok(rows == 1)
    }

    /// Takes an entry away, if the version read is still the one stored; whether it was.
    pub async fn delete_record(&mut self, uid: Uuid, version: i64) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "DELETE FROM records_personal WHERE tenant = $1 AND uid = $2 AND version = $3",
            &tenant,
            uid,
            version
        )?;
        Ok(rows == 1)
    }

    pub async fn record(&mut self, kind: Resource, id: &str) -> Result<Option<RecordRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: RecordRow,
            "SELECT * FROM records_personal WHERE tenant = $1 AND kind = $2 AND id = $3",
            &tenant,
            kind.as_str(),
            id
        )
    }

    /// Of services and products, which kind of entry has this id; none: neither has.
    pub async fn recorded_as(&mut self, id: &str) -> Result<Option<Resource>, StoreError> {
        let tenant = self.tenant();
        let (service, product) = (Resource::Service, Resource::Product);
        let row = sql!(
            self,
            optional: (String,),
            "SELECT kind FROM records_personal WHERE tenant = $1 AND kind IN ($2, $3) AND id = $4
             ORDER BY kind DESC LIMIT 1",
            &tenant,
            service.as_str(),
            product.as_str(),
            id
        )?;
        Ok(row.map(|(kind,)| if kind == service.as_str() { service } else { product }))
    }

    pub async fn record_by_uid(&mut self, uid: Uuid) -> Result<Option<RecordRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: RecordRow,
            "SELECT * FROM records_personal WHERE tenant = $1 AND uid = $2",
            &tenant,
            uid
        )
    }

    /// All entries of a kind, newest first.
    pub async fn records(&mut self, kind: Resource) -> Result<Vec<RecordRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: RecordRow,
            "SELECT * FROM records_personal WHERE tenant = $1 AND kind = $2 ORDER BY created_at DESC, uid DESC",
            &tenant,
            kind.as_str()
        )
    }
}
