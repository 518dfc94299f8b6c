//! Jobs, their steps and attempts. The job row is the truth: a worker claims it with a lease and a fence
//! ([`super::claims`]), and every later write of that worker is refused once another has claimed it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use telvisor_model::plan::{Act, Undo};
use uuid::Uuid;

use super::claims::turn;
use super::{Hint, Json, StoreError, Tenant, Trace, Tx, sql};

/// One job: the steps of one item on one machine. States: `ready`, `running`, `done`, `undone`, `fallout`, `failed`
/// (skipped or abandoned by an operator), `parked` (until its order is released). Phases: `do`, `undo`.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
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
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
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

impl StepRow {
    /// How long it took, tries and waits between them included; none when it is not done.
    #[must_use]
    pub fn took(&self) -> Option<TimeDelta> {
        (self.state == "done").then_some(self.ended_at? - self.started_at?)
    }
}

/// A finished job with its steps.
pub type Done = (JobRow, Vec<StepRow>);

/// One claim of a job, for the operator.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
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

impl JobRow {
    /// Tells workers that it is due.
    #[must_use]
    pub fn hint(&self) -> Hint {
        let trace = Trace(self.trace_parent.clone());
        Hint::Job { class: self.class.clone(), tenant: self.tenant.clone(), id: self.id, trace }
    }
}

impl Tx<Tenant> {
    /// Whether a job of the service order behind a product order was ever claimed.
    pub async fn work_has_begun(&mut self, product_order: Uuid) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let found = sql!(
            self,
            optional: (i64,),
            "SELECT j.attempt FROM orders o JOIN jobs j ON j.tenant = o.tenant AND j.order_id = o.id
             WHERE o.tenant = $1 AND o.parent = $2 AND j.attempt > 0 LIMIT 1",
            &tenant,
            product_order
        )?;
        Ok(found.is_some())
    }

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
               error = $9, ended_at = $10, attempt = $11, turn = $12, urgency = $13 WHERE tenant = $1 AND id = $2",
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
            turn(j),
            j.urgency
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
            "SELECT * FROM jobs WHERE tenant = $1 AND state IN ('ready', 'running', 'parked', 'fallout')
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
