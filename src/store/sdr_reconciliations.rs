//! Accounts of closed periods, for recipients.

use chrono::{DateTime, Utc};

use super::{StoreError, System, Tx, sql};

/// What a recipient is told of a period.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReconciliationRow {
    pub tenant: String,
    pub recipient: String,
    pub test: bool,
    pub period_start: DateTime<Utc>,
    pub name: String,
    /// CSV.
    pub body: String,
}

impl Tx<System> {
    /// Writes an account down, once per period.
    pub async fn insert_reconciliation(
        &mut self,
        (tenant, recipient, test): (&str, &str, bool),
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        name: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "INSERT INTO sdr_reconciliations (tenant, recipient, test, period_start, period_end, name, body, created_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (tenant, recipient, test, period_start) DO NOTHING",
            tenant,
            recipient,
            test,
            start,
            end,
            name,
            body,
            now
        )?;
        Ok(())
    }

    /// Accounts that are not delivered, of periods whose files all are.
    pub async fn due_reconciliations(&mut self) -> Result<Vec<ReconciliationRow>, StoreError> {
        sql!(
            self,
            all: ReconciliationRow,
            "SELECT tenant, recipient, test, period_start, name, body FROM sdr_reconciliations r
             WHERE delivered_at IS NULL AND NOT EXISTS (SELECT 1 FROM sdr_files f
               WHERE f.tenant = r.tenant AND f.recipient = r.recipient AND f.test = r.test
                 AND f.state = 'sealed' AND f.period_start <= r.period_start)
             ORDER BY tenant, recipient, test, period_start"
        )
    }

    /// Notes that an account was delivered.
    pub async fn reconciliation_delivered(&mut self, r: &ReconciliationRow) -> Result<(), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "UPDATE sdr_reconciliations SET delivered_at = $5
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND period_start = $4",
            &r.tenant,
            &r.recipient,
            r.test,
            r.period_start,
            now
        )?;
        Ok(())
    }
}
