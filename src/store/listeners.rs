//! Listeners of the hubs, and by SOAP.

use chrono::{DateTime, Utc};
use telvisor_model::ListenerState;
use uuid::Uuid;

use super::{StoreError, System, Tenant, Tx, sql};

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ListenerRow {
    pub id: Uuid,
    /// Which API and version, such as `tmf641.v4`; by SOAP its kind, such as `soap.orders`.
    pub api: String,
    pub callback: String,
    /// Which events it wants; empty: all of its API.
    pub query: String,
    /// What hrefs begin with, as the client saw it when it registered.
    pub base: String,
    /// Who registered it.
    pub client: String,
    #[sqlx(try_from = "String")]
    pub state: ListenerState,
    /// Whether `/listener/<event>` is appended to the callback.
    pub listener_path: bool,
    /// Whether it is told of the orders that named it, and of no others.
    pub named: bool,
    /// Its signing secret, sealed; nil by SOAP, where nothing is signed.
    pub secret: Uuid,
    /// Position of the last event before its registration.
    pub since: i64,
    /// Since when nothing has been delivered, only failures; none while all is well.
    pub failing_since: Option<DateTime<Utc>>,
    pub paused_at: Option<DateTime<Utc>>,
    pub paused_why: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What a listener has still to be sent.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Backlog {
    pub count: i64,
    /// Position of the oldest event.
    pub oldest: Option<i64>,
    pub oldest_at: Option<DateTime<Utc>>,
    /// The last failure of one that is not delivered yet.
    pub error: Option<String>,
}

impl Tx<System> {
    /// The active listeners that have still to be sent something.
    pub async fn waiting_listeners(&mut self) -> Result<Vec<(String, Uuid)>, StoreError> {
        sql!(
            self,
            all: (String, Uuid),
            "SELECT l.tenant, l.id FROM listeners l WHERE l.state = 'active' AND EXISTS
               (SELECT 1 FROM deliveries d WHERE d.tenant = l.tenant AND d.listener = l.id AND d.delivered_at IS NULL)"
        )
    }

    /// How many listeners are paused.
    pub async fn paused_listeners(&mut self) -> Result<i64, StoreError> {
        let (n,) = sql!(self, one: (i64,), "SELECT COUNT(*) FROM listeners WHERE state = 'paused'")?;
        Ok(n)
    }
}

impl Tx<Tenant> {
    pub async fn insert_listener(&mut self, l: &ListenerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO listeners (tenant, id, api, callback, query, base, client, state, listener_path, secret,
               since, failing_since, paused_at, paused_why, created_at, named)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)",
            &tenant,
            l.id,
            &l.api,
            &l.callback,
            &l.query,
            &l.base,
            &l.client,
            l.state.as_str(),
            l.listener_path,
            l.secret,
            l.since,
            l.failing_since,
            l.paused_at,
            &l.paused_why,
            l.created_at,
            l.named
        )?;
        Ok(())
    }

    /// Writes back what may change of a listener: its state and how it is called.
    pub async fn update_listener(&mut self, l: &ListenerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE listeners SET state = $3, listener_path = $4, failing_since = $5, paused_at = $6,
               paused_why = $7 WHERE tenant = $1 AND id = $2",
            &tenant,
            l.id,
            l.state.as_str(),
            l.listener_path,
            l.failing_since,
            l.paused_at,
            &l.paused_why
        )?;
        Ok(())
    }

    pub async fn listener(&mut self, id: Uuid) -> Result<Option<ListenerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: ListenerRow, "SELECT * FROM listeners WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// All listeners of the tenant, oldest first.
    pub async fn listeners(&mut self) -> Result<Vec<ListenerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: ListenerRow,
            "SELECT * FROM listeners WHERE tenant = $1 ORDER BY created_at, id",
            &tenant
        )
    }

    /// The listener of an API at a callback with a query.
    pub async fn listener_like(
        &mut self,
        api: &str,
        callback: &str,
        query: &str,
    ) -> Result<Option<ListenerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: ListenerRow,
            "SELECT * FROM listeners WHERE tenant = $1 AND api = $2 AND callback = $3 AND query = $4",
            &tenant,
            api,
            callback,
            query
        )
    }

    /// The listeners that are told of everything that fits them.
    pub async fn unnamed_listeners(&mut self) -> Result<Vec<ListenerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, all: ListenerRow, "SELECT * FROM listeners WHERE tenant = $1 AND NOT named", &tenant)
    }

    /// Removes a listener with all that it was to be sent, and its secret.
    pub async fn delete_listener(&mut self, l: &ListenerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(self, execute, "DELETE FROM deliveries WHERE tenant = $1 AND listener = $2", &tenant, l.id)?;
        sql!(
            self,
            execute,
            "DELETE FROM listener_orders WHERE tenant = $1 AND listener = $2",
            &tenant,
            l.id
        )?;
        sql!(self, execute, "DELETE FROM listeners WHERE tenant = $1 AND id = $2", &tenant, l.id)?;
        self.delete_sealed(l.secret).await
    }

    pub async fn backlog(&mut self, listener: Uuid) -> Result<Backlog, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            one: Backlog,
            "SELECT COUNT(*) AS count, MIN(d.position) AS oldest,
               (SELECT e.at FROM events e WHERE e.tenant = $1 AND e.position IS NOT NULL AND e.position =
                 (SELECT MIN(o.position) FROM deliveries o WHERE o.tenant = $1 AND o.listener = $2
                    AND o.delivered_at IS NULL)) AS oldest_at,
               (SELECT f.error FROM deliveries f WHERE f.tenant = $1 AND f.listener = $2
                  AND f.delivered_at IS NULL AND f.run_after IS NOT NULL ORDER BY f.run_after DESC LIMIT 1) AS error
             FROM deliveries d WHERE d.tenant = $1 AND d.listener = $2 AND d.delivered_at IS NULL",
            &tenant,
            listener
        )
    }
}
