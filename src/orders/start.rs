//! An item's turn: judged once more against the inventory, then taken apart into jobs.

use telvisor_model::catalogue::Required;
use telvisor_model::plan::{self, Act, JobPlan, MachineView, Size, StoredBackup, Target, Undo};
use telvisor_model::view::Intent;
use telvisor_model::{Action, ItemState, OrderState, Refusal, Verdict};
use uuid::Uuid;

use super::finish::{self, End};
use super::moves::Moving;
use super::view::{self, Loaded};
use crate::clock::new_id;
use crate::engine::Engine;
use crate::inventory::names;
use crate::queue::MACHINE_JOBS;
use crate::store::backups::BackupRow;
use crate::store::customers::CustomerRow;
use crate::store::hosts::Room;
use crate::store::jobs::{JobRow, StepRow};
use crate::store::machines::MachineRow;
use crate::store::orders::Before;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Hint, Json, StoreError, Tenant, Tx};

/// Starts the item at `n`: it ends at once, or has jobs afterwards.
///
/// # Errors
/// When the database refuses.
pub async fn start_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
) -> Result<(), StoreError> {
    moving.item_to(tx, n, ItemState::InProgress, None, "line").await?;
    let (Some(intent), Some(customer_id)) =
        (moving.items[n].intent.0.clone(), moving.order.customer_id.clone())
    else {
        return finish::end_item(engine, tx, moving, n, End::Completed, &[]).await;
    };
    if let Some(missing) = missing(engine, tx, &intent).await? {
        return ask(tx, moving, n, &missing).await;
    }
    // Retention was judged at acceptance, and an accepted order keeps its backup from deletion.
    let keeps = engine.config.terminate.retention_days > 0;
    let loaded = view::load(tx, &customer_id, moving.order.order_date, keeps).await?;
    match loaded.view.judge(&intent) {
        Verdict::Refuse(why) => {
            let why = words(why);
            finish::end_item(engine, tx, moving, n, End::Failed("precondition", &why), &[]).await
        }
        Verdict::Holds => finish::end_item(engine, tx, moving, n, End::Completed, &[]).await,
        Verdict::Act => {
            remember(tx, moving, n, &loaded, &intent).await?;
            match plan_item(engine, tx, moving, n, &loaded, &intent).await? {
                Ok(0) => finish::jobs_done(engine, tx, moving, n, &[]).await,
                Ok(_) => Ok(()),
                Err(why) => finish::end_item(engine, tx, moving, n, End::Failed("plan", &why), &[]).await,
            }
        }
    }
}

/// Characteristics that the package wants before the start and that are not known yet.
async fn missing(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    intent: &Intent,
) -> Result<Option<String>, StoreError> {
    let (Action::Provision, Some(id)) = (intent.action, intent.subscription) else {
        return Ok(None);
    };
    let Some(s) = tx.subscription(id).await? else {
        return Ok(None);
    };
    let Some(app) = engine.catalogue.find(&s.application) else {
        return Ok(None);
    };
    let missing: Vec<_> = app
        .characteristics
        .iter()
        .filter(|d| d.required == Required::BeforeStart && s.characteristics.0.get(&d.name).is_none())
        .map(|d| d.name.clone())
        .collect();
    Ok((!missing.is_empty()).then(|| missing.join(", ")))
}

/// The order waits for information: a PATCH of its item supplies it.
async fn ask(tx: &mut Tx<Tenant>, moving: &mut Moving, n: usize, missing: &str) -> Result<(), StoreError> {
    let text = format!("item {} needs: {missing}", moving.items[n].item_id);
    moving.item_to(tx, n, ItemState::Pending, Some(&text), "line").await?;
    moving.order.waits_for = Some(text.clone());
    moving.to(tx, OrderState::Pending, Some(&text), "line").await?;
    moving.event(tx, "ServiceOrderInformationRequiredEvent").await
}

fn words(why: Refusal) -> String {
    match why {
        Refusal::UnknownCustomer => "the customer does not exist".into(),
        Refusal::UnknownSubscription => "the subscription does not exist".into(),
        Refusal::AlreadyExists(why) | Refusal::Forbidden(why) => why.into(),
    }
}

/// Writes down what the item found.
async fn remember(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    loaded: &Loaded,
    intent: &Intent,
) -> Result<(), StoreError> {
    let sub = intent.subscription.and_then(|id| loaded.subscriptions.iter().find(|s| s.id == id));
    let before = match sub {
        Some(s) => Before {
            plan: Some(s.plan.clone()),
            version: Some(s.version.clone()),
            state: Some(s.state.clone()),
        },
        None => Before { state: loaded.customer.as_ref().map(|c| c.state.clone()), ..Before::default() },
    };
    moving.items[n].before = Some(Json(before));
    let item = moving.items[n].clone();
    tx.update_item(&item).await
}

/// The scene in which an item is planned.
struct Planner<'a> {
    engine: &'a Engine,
    customer: &'a CustomerRow,
    subscriptions: &'a [SubscriptionRow],
    machines: Vec<MachineRow>,
    base: Size,
}

/// Why an item cannot be planned, in words; it fails with them.
type Words = String;

impl Planner<'_> {
    fn target(&self, s: &SubscriptionRow) -> Result<Target, Words> {
        self.engine
            .catalogue
            .target(s)
            .ok_or_else(|| format!("{} {} left the catalogue", s.application, s.plan))
    }

    fn view(&self, m: &MachineRow) -> Result<MachineView, Words> {
        let mut installed = vec![];
        for s in self.subscriptions.iter().filter(|s| s.machine == Some(m.id) && s.is_live()) {
            installed.push((self.target(s)?, s.state == "active"));
        }
        Ok(MachineView {
            id: m.id,
            size: m.size(),
            suspended: m.state == "suspended",
            installed,
            base: self.base,
        })
    }

    fn subscription(&self, intent: &Intent) -> Result<&SubscriptionRow, Words> {
        self.subscriptions
            .iter()
            .find(|s| Some(s.id) == intent.subscription)
            .ok_or_else(|| "the subscription does not exist".to_owned())
    }

    fn machine_of(&self, s: &SubscriptionRow) -> Result<MachineView, Words> {
        let row = self
            .machines
            .iter()
            .find(|m| Some(m.id) == s.machine)
            .ok_or_else(|| format!("subscription {} has no machine", s.id))?;
        self.view(row)
    }

    fn dedicated(&self, s: &SubscriptionRow) -> bool {
        use telvisor_model::catalogue::Placement;
        self.engine.catalogue.find(&s.application).is_some_and(|a| a.placement == Placement::Dedicated)
    }

    /// The machine that a subscription goes on: the customer's shared one, none when one has to be made.
    fn home(&self, s: &SubscriptionRow) -> Result<Option<MachineView>, Words> {
        if self.dedicated(s) {
            return Ok(None);
        }
        self.machines.iter().find(|m| m.dedicated_for.is_none()).map(|m| self.view(m)).transpose()
    }
}

/// A plan with the rows that belong to it.
#[derive(Default)]
struct Planned {
    jobs: Vec<JobPlan>,
    /// Machines to be made: id, the one subscription that it is for.
    machines: Vec<(Uuid, Option<Uuid>)>,
    backups: Vec<BackupRow>,
}

/// Plans the item; the number of jobs, or why it cannot be done.
async fn plan_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &Moving,
    n: usize,
    loaded: &Loaded,
    intent: &Intent,
) -> Result<Result<usize, Words>, StoreError> {
    let Some(customer) = &loaded.customer else {
        return Ok(Err("the customer does not exist".into()));
    };
    let m = &engine.config.machine;
    let planner = Planner {
        engine,
        customer,
        subscriptions: &loaded.subscriptions,
        machines: tx.machines_of(customer.uid).await?,
        base: Size { vcpu: m.base_vcpu, memory_mib: m.base_memory_mib, disk_gib: m.base_disk_gib },
    };
    let mut stored = vec![];
    for s in &loaded.subscriptions {
        if intent.subscription == Some(s.id) || (intent.action == Action::ReactivateCustomer) {
            stored.extend(tx.backups_of(s.id).await?);
        }
    }
    match make(&planner, tx, moving, intent, &stored) {
        Ok(planned) => {
            let mut rooms = tx.rooms().await?;
            match place(&planner, &planned, &mut rooms) {
                Ok(rows) => {
                    write(tx, &planner, moving, n, &planned, &rows).await?;
                    Ok(Ok(planned.jobs.len()))
                }
                Err(why) => Ok(Err(why)),
            }
        }
        Err(why) => Ok(Err(why)),
    }
}

fn make(
    p: &Planner<'_>,
    tx: &Tx<Tenant>,
    moving: &Moving,
    intent: &Intent,
    stored: &[BackupRow],
) -> Result<Planned, Words> {
    let mut out = Planned::default();
    match intent.action {
        Action::CreateCustomer => {}
        Action::Provision => install(p, &mut out, p.subscription(intent)?, None)?,
        Action::Change => {
            let s = p.subscription(intent)?;
            let from = p.target(s)?;
            let mut row = s.clone();
            row.plan = intent.plan.clone().unwrap_or(row.plan);
            row.version = intent.version.clone().unwrap_or(row.version);
            let app = p.engine.catalogue.find(&s.application).ok_or("the application left the catalogue")?;
            row.digest = app
                .version(&row.version)
                .map(|v| v.digest.clone())
                .ok_or("the version left the catalogue")?;
            let to = p.target(&row)?;
            let upward =
                app.compare_versions(&from.version, &to.version) == Some(std::cmp::Ordering::Greater);
            out.jobs.push(plan::change(&p.machine_of(s)?, &from, &to, upward, moving.order.id));
        }
        Action::SuspendSubscription => {
            let s = p.subscription(intent)?;
            out.jobs.push(plan::suspend(&p.machine_of(s)?, &p.target(s)?));
        }
        Action::ReactivateSubscription => {
            let s = p.subscription(intent)?;
            if s.state == "terminated" {
                install(p, &mut out, s, Some(&kept(s, stored)?))?;
            } else {
                out.jobs.push(plan::resume(&p.machine_of(s)?, &p.target(s)?));
            }
        }
        Action::TerminateSubscription => {
            let s = p.subscription(intent)?;
            let last = last_backup(p, tx, moving, s, &mut out);
            let keep = p.engine.config.machine.keep_empty;
            out.jobs.push(plan::terminate(&p.machine_of(s)?, &p.target(s)?, last, keep));
        }
        Action::SuspendCustomer => {
            for m in p.machines.iter().filter(|m| m.state != "suspended") {
                out.jobs.push(plan::suspend_machine(&p.view(m)?));
            }
        }
        Action::ReactivateCustomer if p.customer.state == "terminated" => bring_back(p, &mut out, stored)?,
        Action::ReactivateCustomer => {
            for m in &p.machines {
                out.jobs.push(plan::resume_machine(&p.view(m)?));
            }
        }
        Action::TerminateCustomer => {
            for m in &p.machines {
                let view = p.view(m)?;
                let mut last = vec![];
                for (t, _) in &view.installed {
                    let s = p.subscriptions.iter().find(|s| s.id == t.subscription);
                    if let Some(backup) = s.and_then(|s| last_backup(p, tx, moving, s, &mut out)) {
                        last.push((t.subscription, backup));
                    }
                }
                out.jobs.push(plan::terminate_machine(&view, &last));
            }
        }
        Action::Backup => {
            let s = p.subscription(intent)?;
            let purpose = if moving.order.door == "schedule" { "schedule" } else { "ordered" };
            let id = intent.backup.unwrap_or_else(new_id);
            out.backups.push(backup_row(p, tx, moving, s, id, purpose));
            out.jobs.push(plan::backup(&p.machine_of(s)?, &p.target(s)?, id));
        }
        Action::Restore => {
            let s = p.subscription(intent)?;
            let data = stored
                .iter()
                .find(|b| Some(b.id) == intent.backup && b.state == "available")
                .ok_or("the backup is not available any more")?;
            let data = StoredBackup { id: data.id, version: data.version.clone() };
            out.jobs.push(plan::restore(&p.machine_of(s)?, &p.target(s)?, &data, moving.order.id));
        }
    }
    Ok(out)
}

fn install(
    p: &Planner<'_>,
    out: &mut Planned,
    s: &SubscriptionRow,
    data: Option<&StoredBackup>,
) -> Result<(), Words> {
    let home = p.home(s)?;
    let new_machine = new_id();
    if home.is_none() {
        out.machines.push((new_machine, p.dedicated(s).then_some(s.id)));
    }
    out.jobs.push(plan::install(home.as_ref(), new_machine, p.base, &p.target(s)?, data));
    Ok(())
}

/// The backup that a termination kept.
fn kept(s: &SubscriptionRow, stored: &[BackupRow]) -> Result<StoredBackup, Words> {
    stored
        .iter()
        .find(|b| Some(b.id) == s.last_backup && b.state == "available")
        .map(|b| StoredBackup { id: b.id, version: b.version.clone() })
        .ok_or_else(|| format!("the last backup of subscription {} is not there any more", s.id))
}

fn bring_back(p: &Planner<'_>, out: &mut Planned, stored: &[BackupRow]) -> Result<(), Words> {
    let mut shared = vec![];
    for s in p.subscriptions.iter().filter(|s| s.ended_with_customer.is_some()) {
        let data = kept(s, stored)?;
        let run = s.ended_with_customer.as_deref() == Some("active");
        let entry = (p.target(s)?, data, run);
        if p.dedicated(s) {
            let id = new_id();
            out.machines.push((id, Some(s.id)));
            out.jobs.push(plan::bring_back(id, p.base, &[entry]));
        } else {
            shared.push(entry);
        }
    }
    if !shared.is_empty() {
        let id = new_id();
        out.machines.push((id, None));
        out.jobs.push(plan::bring_back(id, p.base, &shared));
    }
    Ok(())
}

fn last_backup(
    p: &Planner<'_>,
    tx: &Tx<Tenant>,
    moving: &Moving,
    s: &SubscriptionRow,
    out: &mut Planned,
) -> Option<Uuid> {
    if p.engine.config.terminate.retention_days == 0 {
        return None;
    }
    let id = new_id();
    out.backups.push(backup_row(p, tx, moving, s, id, "last"));
    Some(id)
}

fn backup_row(
    p: &Planner<'_>,
    tx: &Tx<Tenant>,
    moving: &Moving,
    s: &SubscriptionRow,
    id: Uuid,
    purpose: &str,
) -> BackupRow {
    BackupRow {
        id,
        kind: "data".into(),
        subscription: s.id,
        customer: s.customer,
        purpose: purpose.into(),
        application: s.application.clone(),
        version: s.version.clone(),
        plan: s.plan.clone(),
        digest: s.digest.clone(),
        state: "taking".into(),
        size: None,
        sha256: None,
        store_url: p.engine.objects.url(),
        object_key: names::object(&tx.tenant(), id),
        format: "tar.zst".into(),
        encryption_key_id: None,
        parent: None,
        order_id: Some(moving.order.id),
        created_at: tx.now(),
        expires_at: None,
    }
}

/// The largest size that a job gives its machine; none when it leaves it alone.
fn largest(job: &JobPlan) -> Option<Size> {
    job.steps
        .iter()
        .filter_map(|s| match s.act {
            Act::CreateMachine { size } | Act::ResizeMachine { size } => Some(size),
            _ => None,
        })
        .reduce(Size::max)
}

/// Finds a host for each machine to be made, and room for each that grows.
fn place(p: &Planner<'_>, planned: &Planned, rooms: &mut [Room]) -> Result<Vec<(MachineRow, Size)>, Words> {
    let mut rows = vec![];
    for job in &planned.jobs {
        let Some(size) = largest(job) else { continue };
        if let Some((id, dedicated_for)) = planned.machines.iter().find(|(id, _)| *id == job.machine) {
            let room = rooms.iter_mut().find(|r| r.fits(size)).ok_or_else(|| no_room(size))?;
            room.take(size);
            let mut row = MachineRow {
                id: *id,
                customer: p.customer.uid,
                name: names::machine(*id),
                hypervisor: room.hypervisor.clone(),
                host: room.host.clone(),
                vcpu: 0,
                memory_mib: 0,
                disk_gib: 0,
                state: "planned".into(),
                fence: 0,
                dedicated_for: *dedicated_for,
                created_at: p.engine.db.clock().now(),
                ended_at: None,
            };
            row.set_size(size);
            rows.push((row, size));
        } else if let Some(machine) = p.machines.iter().find(|m| m.id == job.machine) {
            let now = machine.size();
            let more = Size {
                vcpu: size.vcpu.saturating_sub(now.vcpu),
                memory_mib: size.memory_mib.saturating_sub(now.memory_mib),
                disk_gib: size.disk_gib.saturating_sub(now.disk_gib),
            };
            let room =
                rooms.iter_mut().find(|r| r.hypervisor == machine.hypervisor && r.host == machine.host);
            if more != Size::default() {
                room.filter(|r| r.fits(more)).ok_or_else(|| no_room(more))?.take(more);
            }
            rows.push((machine.clone(), now.max(size)));
        }
    }
    Ok(rows)
}

fn no_room(size: Size) -> Words {
    format!("no host has room for {} vCPU, {} MiB and {} GiB more", size.vcpu, size.memory_mib, size.disk_gib)
}

async fn write(
    tx: &mut Tx<Tenant>,
    p: &Planner<'_>,
    moving: &Moving,
    n: usize,
    planned: &Planned,
    rows: &[(MachineRow, Size)],
) -> Result<(), StoreError> {
    for (row, size) in rows {
        if row.state == "planned" {
            tx.save_machine(row).await?;
        }
        tx.reserve(row, *size).await?;
    }
    for backup in &planned.backups {
        tx.save_backup(backup).await?;
    }
    let (tenant, now) = (tx.tenant(), tx.now());
    let due = tx.lease_now().await?;
    for job in &planned.jobs {
        let machine = rows.iter().map(|(r, _)| r).chain(&p.machines).find(|m| m.id == job.machine).cloned();
        let row = JobRow {
            tenant: tenant.clone(),
            id: new_id(),
            order_id: Some(moving.order.id),
            item_id: Some(moving.items[n].item_id.clone()),
            customer: p.customer.uid,
            class: MACHINE_JOBS.into(),
            title: job.title.clone(),
            state: "ready".into(),
            phase: "do".into(),
            urgency: moving.order.urgency,
            run_after: due,
            lease_until: None,
            worker: None,
            attempt: 0,
            tries: 0,
            machine: Some(job.machine),
            hypervisor: machine.as_ref().map(|m| m.hypervisor.clone()),
            host: machine.as_ref().map(|m| m.host.clone()),
            fence: 0,
            error: None,
            trace_parent: moving.order.trace_parent.clone(),
            request_id: moving.order.request_id.clone(),
            created_at: now,
            ended_at: None,
        };
        tx.insert_job(&row).await?;
        for (number, step) in job.steps.iter().enumerate() {
            tx.insert_step(&StepRow {
                job_id: row.id,
                number: i64::try_from(number).unwrap_or(i64::MAX),
                title: step.title.clone(),
                act: Json(step.act.clone()),
                undo: Json::<Undo>(step.undo.clone()),
                last_chance: step.last_chance,
                state: "waiting".into(),
                key: None,
                handle: None,
                undone: 0,
                result: None,
                started_at: None,
                ended_at: None,
            })
            .await?;
        }
        tx.hint(Hint::Job { class: MACHINE_JOBS.into(), tenant: tenant.clone(), id: row.id });
    }
    Ok(())
}
