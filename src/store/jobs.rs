//! Jobs, their steps and attempts. The job row is the truth: a worker claims it with a lease and a fence, and every
//! later write of that worker is refused once another has claimed it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use telvisor_model::plan::{Act, Undo};
use uuid::Uuid;

use super::{Json, StoreError, System, Tenant, Tx, sql};

/// One job: the steps of one item on one machine. States: `ready`, `running`, `done`, `undone`, `fallout`, `failed`
/// (skipped or abandoned by an operator). Phases: `do`, `undo`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct JobRow {
    pub tenant: String,
    pub id: Uuid,
    pub order_id: Option<Uuid>,
    pub item_id: Option<String>,
    pub customer: Uuid,
    pub class: String,
    pub title: String,
    pub state: String,
    pub phase: String,
    pub urgency: i64,
    pub run_after: DateTime<Utc>,
    pub lease_until: Option<DateTime<Utc>>,
    pub worker: Option<String>,
    /// Number of claims; with `worker` it fences every write.
    pub attempt: i64,
    /// Failed tries in this phase.
    pub tries: i64,
    pub machine: Option<Uuid>,
    pub hypervisor: Option<String>,
    pub host: Option<String>,
    /// Fence of the machine drawn by the last claim.
    pub fence: i64,
    pub error: Option<String>,
    pub trace_parent: Option<String>,
    /// Id of the request that placed the order.
    pub request_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// One step. States: `waiting`, `begun`, `done`, `undone`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StepRow {
    pub job_id: Uuid,
    pub number: i64,
    pub title: String,
    pub act: Json<Act>,
    pub undo: Json<Undo>,
    pub last_chance: bool,
    pub state: String,
    /// Key of the operation begun last; written before it is begun.
    pub key: Option<String>,
    /// Handle of the operation begun last, for whoever goes on.
    pub handle: Option<String>,
    /// How many of its undo acts are done.
    pub undone: i64,
    pub result: Option<Json<Value>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// A finished job with its steps.
pub type Done = (JobRow, Vec<StepRow>);

/// One claim of a job, for the operator.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AttemptRow {
    pub attempt: i64,
    pub phase: String,
    pub worker: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub outcome: Option<String>,
    pub cause: Option<String>,
    /// What a script printed; none yet, because no driver hands it over.
    pub output: Option<String>,
}

/// How much longer a job waits with each step that its order is less urgent. An urgent job passes those that came
/// so much before it, and no job is passed for ever.
const STEP: TimeDelta = TimeDelta::minutes(15);

/// When a job has its turn among those that are due.
fn turn(j: &JobRow) -> DateTime<Utc> {
    let steps = i32::try_from(j.urgency).unwrap_or(0);
    j.run_after + STEP * steps
}

// The first condition says what follows from the second: SQLite uses a partial index only where its words stand.
// $3: customers who have a job running, too.
const DUE_SQLITE: &str = "SELECT * FROM jobs WHERE class = $1 AND state IN ('ready', 'running')
   AND ((state = 'ready' AND run_after <= $2) OR (state = 'running' AND lease_until < $2))
   AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.machine = jobs.machine AND r.id <> jobs.id
     AND r.state = 'running' AND r.lease_until >= $2)
   AND ($3 OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2))
   ORDER BY turn LIMIT 1";
const DUE_POSTGRES: &str = "SELECT * FROM jobs WHERE class = $1 AND state IN ('ready', 'running')
   AND ((state = 'ready' AND run_after <= $2) OR (state = 'running' AND lease_until < $2))
   AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.machine = jobs.machine AND r.id <> jobs.id
     AND r.state = 'running' AND r.lease_until >= $2)
   AND ($3 OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant = jobs.tenant AND r.customer = jobs.customer
     AND r.id <> jobs.id AND r.state = 'running' AND r.lease_until >= $2))
   ORDER BY turn LIMIT 1 FOR UPDATE SKIP LOCKED";

impl Tx<System> {
    /// Claims the due job of a class whose turn it is: a lease, the next attempt, and the next fence of its machine. A
    /// customer who has a job running comes after all who have none. Jobs on one machine run one at a time.
    pub async fn claim_job(
        &mut self,
        class: &str,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<JobRow>, StoreError> {
        let now = self.lease_now().await?;
        let mut found = self.due_job(class, now, false).await?;
        if found.is_none() {
            found = self.due_job(class, now, true).await?;
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
    ) -> Result<Option<JobRow>, StoreError> {
        if self.is_postgres() {
            sql!(self, optional: JobRow, DUE_POSTGRES, class, now, of_busy_customers)
        } else {
            sql!(self, optional: JobRow, DUE_SQLITE, class, now, of_busy_customers)
        }
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
    pub async fn insert_job(&mut self, j: &JobRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO jobs (tenant, id, order_id, item_id, customer, class, title, state, phase, urgency, run_after,
               attempt, tries, machine, hypervisor, host, fence, trace_parent, request_id, created_at, turn)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)",
            &j.tenant,
            j.id,
            j.order_id,
            &j.item_id,
            j.customer,
            &j.class,
            &j.title,
            &j.state,
            &j.phase,
            j.urgency,
            j.run_after,
            j.attempt,
            j.tries,
            j.machine,
            &j.hypervisor,
            &j.host,
            j.fence,
            &j.trace_parent,
            &j.request_id,
            j.created_at,
            turn(j)
        )?;
        Ok(())
    }

    pub async fn insert_step(&mut self, s: &StepRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO job_steps (tenant, job_id, number, title, act, undo, last_chance, state, undone)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            &tenant,
            s.job_id,
            s.number,
            &s.title,
            &s.act,
            &s.undo,
            s.last_chance,
            &s.state,
            s.undone
        )?;
        Ok(())
    }

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

    /// Writes a step back.
    pub async fn update_step(&mut self, s: &StepRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE job_steps SET state = $4, key = $5, handle = $6, undone = $7, result = $8, started_at = $9,
               ended_at = $10 WHERE tenant = $1 AND job_id = $2 AND number = $3",
            &tenant,
            s.job_id,
            s.number,
            &s.state,
            &s.key,
            &s.handle,
            s.undone,
            &s.result,
            s.started_at,
            s.ended_at
        )?;
        Ok(())
    }

    /// Writes a job's state back, lease and worker taken from it.
    pub async fn update_job(&mut self, j: &JobRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE jobs SET state = $3, phase = $4, run_after = $5, lease_until = $6, worker = $7, tries = $8,
               error = $9, ended_at = $10, attempt = $11, turn = $12 WHERE tenant = $1 AND id = $2",
            &j.tenant,
            j.id,
            &j.state,
            &j.phase,
            j.run_after,
            j.lease_until,
            &j.worker,
            j.tries,
            &j.error,
            j.ended_at,
            j.attempt,
            turn(j)
        )?;
        Ok(())
    }

    /// Notes how an attempt ended.
    pub async fn end_attempt(
        &mut self,
        job: &JobRow,
        outcome: &str,
        cause: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "UPDATE job_attempts SET outcome = $4, cause = $5, ended_at = $6
             WHERE tenant = $1 AND job_id = $2 AND attempt = $3",
            &job.tenant,
            job.id,
            job.attempt,
            outcome,
            cause,
            now
        )?;
        Ok(())
    }

    /// Locks the jobs of an order: after this, no worker has a step begun that we do not see.
    pub async fn lock_jobs(&mut self, order: Uuid) -> Result<(), StoreError> {
        if self.is_postgres() {
            let tenant = self.tenant();
            sql!(
                self,
                all: (Uuid,),
                "SELECT id FROM jobs WHERE tenant = $1 AND order_id = $2 ORDER BY id FOR UPDATE",
                &tenant,
                order
            )?;
        }
        Ok(())
    }

    pub async fn job(&mut self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: JobRow, "SELECT * FROM jobs WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// The jobs of an order, or of one of its items.
    pub async fn jobs_of(&mut self, order: Uuid, item: Option<&str>) -> Result<Vec<JobRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: JobRow,
            "SELECT * FROM jobs WHERE tenant = $1 AND order_id = $2 AND ($3 IS NULL OR item_id = $3)
             ORDER BY created_at, id",
            &tenant,
            order,
            item
        )
    }

    /// Jobs that have not ended, oldest first.
    pub async fn open_jobs(&mut self) -> Result<Vec<JobRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: JobRow,
            "SELECT * FROM jobs WHERE tenant = $1 AND state IN ('ready', 'running', 'fallout')
             ORDER BY created_at, id LIMIT 1000",
            &tenant
        )
    }

    /// Jobs that need an operator, newest first.
    pub async fn fallout(&mut self) -> Result<Vec<JobRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: JobRow,
            "SELECT * FROM jobs WHERE tenant = $1 AND state = 'fallout' ORDER BY ended_at DESC, id DESC LIMIT 1000",
            &tenant
        )
    }

    pub async fn steps(&mut self, job: Uuid) -> Result<Vec<StepRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: StepRow,
            "SELECT job_id, number, title, act, undo, last_chance, state, key, handle, undone, result, started_at,
               ended_at FROM job_steps WHERE tenant = $1 AND job_id = $2 ORDER BY number",
            &tenant,
            job
        )
    }

    /// How many attempts of a job failed, in both phases and before an operator's retry too.
    pub async fn failed_attempts(&mut self, job: &JobRow) -> Result<i64, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM job_attempts WHERE tenant = $1 AND job_id = $2 AND outcome IN ('retry', 'failed')",
            &job.tenant,
            job.id
        )?;
        Ok(n)
    }

    pub async fn attempts(&mut self, job: Uuid) -> Result<Vec<AttemptRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: AttemptRow,
            "SELECT attempt, phase, worker, started_at, ended_at, outcome, cause, output FROM job_attempts
             WHERE tenant = $1 AND job_id = $2 ORDER BY attempt",
            &tenant,
            job
        )
    }
}
