//! What an item needs: jobs with their steps, machines to be made, backups to be taken, from the inventory as it is.

use telvisor_model::Action;
use telvisor_model::plan::{self, JobPlan, MachineView, Size, StoredBackup, Target};
use telvisor_model::view::Intent;
use uuid::Uuid;

use super::moves::Moving;
use super::placing;
use super::view::Loaded;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::inventory::names;
use crate::store::backups::BackupRow;
use crate::store::customers::CustomerRow;
use crate::store::machines::MachineRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

/// The scene in which an item is planned.
pub(super) struct Planner<'a> {
    pub(super) engine: &'a Engine,
    pub(super) customer: &'a CustomerRow,
    pub(super) subscriptions: &'a [SubscriptionRow],
    pub(super) machines: Vec<MachineRow>,
    pub(super) base: Size,
}

/// Why an item cannot be planned, in words; it fails with them.
pub(super) type Words = String;

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
pub(super) struct Planned {
    pub(super) jobs: Vec<JobPlan>,
    /// Machines to be made: id, the one subscription that it is for.
    pub(super) machines: Vec<(Uuid, Option<Uuid>)>,
    pub(super) backups: Vec<BackupRow>,
}

/// Plans the item; the number of jobs, or why it cannot be done.
pub(super) async fn plan_item(
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
            match placing::place(&planner, &planned, &mut rooms) {
                Ok(rows) => {
                    placing::write(tx, &planner, moving, n, &planned, &rows).await?;
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
