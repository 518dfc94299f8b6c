//! Where the machines of a plan stand, and the plan written down: machines, room, backups, jobs and steps.

use telvisor_model::plan::{Act, JobPlan, Size, Undo};

use super::moves::Moving;
use super::planning::{Planned, Planner, Words};
use crate::clock::new_id;
use crate::inventory::names;
use crate::queue::MACHINE_JOBS;
use crate::store::hosts::Room;
use crate::store::jobs::{JobRow, StepRow};
use crate::store::machines::MachineRow;
use crate::store::{Json, StoreError, Tenant, Tx};

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
pub(super) fn place(
    p: &Planner<'_>,
    planned: &Planned,
    rooms: &mut [Room],
) -> Result<Vec<(MachineRow, Size)>, Words> {
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

pub(super) async fn write(
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
        tx.hint(row.hint());
    }
    Ok(())
}
