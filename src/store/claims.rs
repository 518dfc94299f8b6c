//! Claiming jobs: whose turn it is, the lease, and the proof that a worker still has it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::jobs::JobRow;
use super::{StoreError, System, Tenant, Tx, sql};

/// How much longer a job waits with each step that its order is less urgent. An urgent job passes those that came
/// so much before it, and no job is passed for ever.
const STEP: TimeDelta = TimeDelta::minutes(15);

/// Most jobs that run at once, over all processes; 0: any number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub per_host: i64,
    pub per_customer: i64,
}

/// When a job has its turn among those that are due.
pub(super) fn turn(j: &JobRow) -> DateTime<Utc> {
    let steps = i32::try_from(j.urgency).unwrap_or(0);
    j.run_after + STEP * steps
}

// The first condition says what follows from the second: SQLite uses a partial index only where its words stand.
// $3: customers who have a job running, too. $4, $5: most jobs at once on a host, and of a customer; 0: any number.
const DUE_SQLITE: &str = "SELECT * FROM jobs WHERE class = $1 AND state IN ('ready', 'running')
   AND ((state = 'ready' AND run_after <= $2) OR (state = 'running' AND lease_until < $2))
   AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.machine = jobs.machine AND r.id <> jobs.id
     AND r.state = 'running' AND r.lease_until >= $2)
   AND ($3 OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2))
   AND ($4 = 0 OR jobs.host IS NULL OR (SELECT COUNT(*) FROM jobs r WHERE r.hypervisor = jobs.hypervisor
     AND r.host = jobs.host AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2) < $4)
   AND ($5 = 0 OR (SELECT COUNT(*) FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2) < $5)
   ORDER BY turn LIMIT 1";
/// The claim on PostgreSQL; public so that its plan can be looked at.
pub const DUE_POSTGRES: &str = "SELECT * FROM jobs WHERE class = $1 AND state IN ('ready', 'running')
   AND ((state = 'ready' AND run_after <= $2) OR (state = 'running' AND lease_until < $2))
   AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.machine = jobs.machine AND r.id <> jobs.id
     AND r.state = 'running' AND r.lease_until >= $2)
   AND ($3 OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2))
   AND ($4 = 0 OR jobs.host IS NULL OR (SELECT COUNT(*) FROM jobs r WHERE r.hypervisor = jobs.hypervisor
     AND r.host = jobs.host AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2) < $4)
   AND ($5 = 0 OR (SELECT COUNT(*) FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2) < $5)
   ORDER BY turn LIMIT 1 FOR UPDATE SKIP LOCKED";

impl Tx<System> {
    /// Claims the due job of a class whose turn it is: a lease, the next attempt, and the next fence of its machine. A
    /// customer who has a job running comes after all who have none. Jobs on one machine run one at a time.
    pub async fn claim_job(
        &mut self,
        class: &str,
        worker: &str,
        lease: Duration,
        limits: Limits,
    ) -> Result<Option<JobRow>, StoreError> {
        let now = self.lease_now().await?;
        let mut found = self.due_job(class, now, false, limits).await?;
        if found.is_none() {
            found = self.due_job(class, now, true, limits).await?;
        }
        let Some(mut job) = found else { return Ok(None) };
        if job.state == "running" {
            sql!(
                self,
                execute,
                "UPDATE job_attempts SET outcome = 'lost', cause = 'the lease ran out', ended_at = $4
                 WHERE tenant = $1 AND job_id = $2 AND attempt = $3 AND ended_at IS NULL",
                &job.tenant,
                job.id,
                job.attempt,
                now
            )?;
        }
        if let Some(machine) = job.machine {
            let (fence,) = sql!(
                self,
                one: (i64,),
                "UPDATE machines SET fence = fence + 1 WHERE tenant = $1 AND id = $2 RETURNING fence",
                &job.tenant,
                machine
            )?;
            job.fence = fence;
            // The machine's row is locked now: nobody else claims a job on it until we are through.
            let (busy,) = sql!(
                self,
                one: (i64,),
                "SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND machine = $2 AND id <> $3 AND state = 'running'
                 AND lease_until >= $4",
                &job.tenant,
                machine,
                job.id,
                now
            )?;
            if busy > 0 {
                return Ok(None);
            }
        }
        if !self.is_within(&job, limits, now).await? {
            return Ok(None);
        }
        job.state = "running".into();
        job.attempt += 1;
        job.worker = Some(worker.to_owned());
        job.lease_until = Some(now + TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX));
        sql!(
            self,
            execute,
            "UPDATE jobs SET state = 'running', attempt = $3, worker = $4, lease_until = $5, fence = $6
             WHERE tenant = $1 AND id = $2",
            &job.tenant,
            job.id,
            job.attempt,
            worker,
            job.lease_until,
            job.fence
        )?;
        sql!(
            self,
            execute,
            "INSERT INTO job_attempts (tenant, job_id, attempt, phase, worker, started_at) VALUES ($1,$2,$3,$4,$5,$6)",
            &job.tenant,
            job.id,
            job.attempt,
            &job.phase,
            worker,
            now
        )?;
        Ok(Some(job))
    }

    async fn due_job(
        &mut self,
        class: &str,
        now: DateTime<Utc>,
        of_busy_customers: bool,
        limits: Limits,
    ) -> Result<Option<JobRow>, StoreError> {
        let Limits { per_host, per_customer } = limits;
        if self.is_postgres() {
            sql!(self, optional: JobRow, DUE_POSTGRES, class, now, of_busy_customers, per_host, per_customer)
        } else {
            sql!(self, optional: JobRow, DUE_SQLITE, class, now, of_busy_customers, per_host, per_customer)
        }
    }

    /// Whether a job that was found within the limits still is: others may have been claimed at the same moment. Until
    /// this transaction ends nobody else claims one of the same host or customer.
    async fn is_within(
        &mut self,
        job: &JobRow,
        limits: Limits,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if !self.is_postgres() {
            return Ok(true);
        }
        if let (1.., Some(hypervisor), Some(host)) = (limits.per_host, &job.hypervisor, &job.host) {
            self.lock_word(&format!("jobs.host.{hypervisor}.{host}")).await?;
            let (n,) = sql!(
                self,
                one: (i64,),
                "SELECT COUNT(*) FROM jobs WHERE hypervisor = $1 AND host = $2 AND id <> $3 AND state = 'running'
                 AND lease_until >= $4",
                hypervisor,
                host,
                job.id,
                now
            )?;
            if n >= limits.per_host {
                return Ok(false);
            }
        }
        if limits.per_customer > 0 {
            self.lock_word(&format!("jobs.customer.{}", job.customer)).await?;
            let (n,) = sql!(
                self,
                one: (i64,),
                "SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND customer = $2 AND id <> $3 AND state = 'running'
                 AND lease_until >= $4",
                &job.tenant,
                job.customer,
                job.id,
                now
            )?;
            return Ok(n < limits.per_customer);
        }
        Ok(true)
    }

    /// Jobs that are due and unclaimed, or whose lease ran out: (class, tenant, id).
    pub async fn due_jobs(&mut self, limit: i64) -> Result<Vec<(String, String, Uuid)>, StoreError> {
        let now = self.lease_now().await?;
        sql!(
            self,
            all: (String, String, Uuid),
            "SELECT class, tenant, id FROM jobs
             WHERE state IN ('ready', 'running')
               AND ((state = 'ready' AND run_after <= $1) OR (state = 'running' AND lease_until < $1))
             ORDER BY turn LIMIT $2",
            now,
            limit
        )
    }

    /// Jobs by state, for metrics.
    pub async fn count_jobs(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        sql!(
            self,
            all: (String, i64),
            "SELECT state, COUNT(*) FROM jobs WHERE state IN ('ready', 'running', 'fallout') GROUP BY state"
        )
    }

    /// Runs every delayed job at once (tests: the queue runs to empty without waiting).
    pub async fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MIN(run_after) FROM jobs WHERE state = 'ready'"
        )?;
        Ok(row.0)
    }
}

impl Tx<Tenant> {
    /// Renews the lease and proves that the job is still this worker's; false when it is not.
    pub async fn hold_job(
        &mut self,
        job: &JobRow,
        lease: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let now = self.lease_now().await?;
        let until = now + TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX);
        let rows = sql!(
            self,
            execute,
            "UPDATE jobs SET lease_until = $5
             WHERE tenant = $1 AND id = $2 AND worker = $3 AND attempt = $4 AND state = 'running' AND phase = $6",
            &job.tenant,
            job.id,
            &job.worker,
            job.attempt,
            until,
            &job.phase
        )?;
        Ok((rows == 1).then_some(until))
    }
}
