//! Clauses about machines, their volumes and their hosts.

use super::{Clause, Ground, said, same};
use crate::hypervisor::{DriverError, Guard, MachineState, Observation, Operation, Role, Size, Tag};

pub(super) const CLAUSES: &[(&str, Clause)] = &[
    ("the world keeps its id over a restart", |g| Box::pin(world_id(g))),
    ("creating what exists is done and makes no second machine", |g| Box::pin(create_twice(g))),
    ("vCPU and memory follow both ways, the disk only grows", |g| Box::pin(resize(g))),
    ("a suspended machine does no work and goes on when resumed", |g| Box::pin(suspend(g))),
    ("volumes are made once and are gone with their machine", |g| Box::pin(volumes(g))),
    ("owned lists exactly the machines of the installation", |g| Box::pin(owned(g))),
    ("what fits on no host is refused for capacity and makes nothing", |g| Box::pin(capacity(g))),
    ("hosts count what machines take and give it back", |g| Box::pin(free(g))),
];

async fn world_id(g: &Ground<'_>) -> Result<(), String> {
    let before = said("world_id", g.driver().world_id().await)?;
    g.fixture.restart().await?;
    same("id of the world", &said("world_id", g.driver().world_id().await)?, &before)
}

async fn create_twice(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.machine("a").await?;
    let first = g.look(&guard).await?;
    g.done(&guard, &g.create().await?).await?;
    same("the owned machines", &g.owned().await?, &vec![first])?;
    g.delete(&guard).await
}

async fn resize(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.machine("a").await?;
    let large = Size { vcpu: 2, memory_mib: 1024, disk_gib: 8 };
    g.done(&guard, &Operation::ResizeMachine { size: large }).await?;
    same("size after growing", &g.look(&guard).await?.size, &large)?;
    let small = Size { vcpu: 1, memory_mib: 512, disk_gib: 2 };
    g.done(&guard, &Operation::ResizeMachine { size: small }).await?;
    let wanted = Size { disk_gib: 8, ..small };
    same("size after shrinking", &g.look(&guard).await?.size, &wanted)?;
    g.done(&guard, &Operation::ResizeMachine { size: small }).await?;
    same("size after shrinking twice", &g.look(&guard).await?.size, &wanted)?;
    g.delete(&guard).await
}

async fn suspend(g: &Ground<'_>) -> Result<(), String> {
    let (guard, subscription) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, subscription).await?;
    for _ in 0..2 {
        g.done(&guard, &Operation::SuspendMachine).await?;
        g.expect_state(&guard, MachineState::Suspended).await?;
    }
    let health = Operation::RunScript(Box::new(g.script(Role::Health, subscription)));
    match g.ended(&guard, &health).await? {
        Observation::Retry { .. } => {}
        other => {
            return Err(format!("a script on the suspended machine ended as {other:?}, not to be retried"));
        }
    }
    for _ in 0..2 {
        g.done(&guard, &Operation::ResumeMachine).await?;
        g.expect_state(&guard, MachineState::Running).await?;
    }
    g.done(&guard, &health).await?;
    g.delete(&guard).await
}

async fn volumes(g: &Ground<'_>) -> Result<(), String> {
    let (guard, subscription) = g.machine_with_volume("a").await?;
    g.fixture.put_data(&guard, subscription, "kept", b"data").await?;
    for size_gib in [2, 1] {
        g.done(&guard, &Operation::EnsureVolume { subscription, size_gib }).await?;
        let data = g.fixture.data(&guard, subscription, "kept").await?;
        same("the data after the volume was made again", &data.as_deref(), &Some(&b"data"[..]))?;
    }
    same("the volumes", &g.look(&guard).await?.volumes, &vec![subscription])?;
    for _ in 0..2 {
        g.done(&guard, &Operation::DeleteVolume { subscription }).await?;
        same("the volumes", &g.look(&guard).await?.volumes, &Vec::new())?;
    }
    g.done(&guard, &Operation::EnsureVolume { subscription, size_gib: 1 }).await?;
    same("old data on the new volume", &g.fixture.data(&guard, subscription, "kept").await?, &None)?;
    g.fixture.put_data(&guard, subscription, "kept", b"data").await?;
    g.delete(&guard).await?;
    let (guard, subscription) = g.machine_with_volume("a").await?;
    same("old data on the new machine", &g.fixture.data(&guard, subscription, "kept").await?, &None)?;
    g.delete(&guard).await
}

async fn owned(g: &Ground<'_>) -> Result<(), String> {
    let (first, second) = (g.machine("a").await?, g.machine("b").await?);
    let other = g.id("another");
    let tag = Tag { installation: other, machine: g.id("c") };
    let third = Guard { tag, ..g.guard("c") };
    g.done(&third, &g.create().await?).await?;
    let mut wanted = vec![(first.name.clone(), first.tag.clone()), (second.name.clone(), second.tag.clone())];
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut found: Vec<_> = g.owned().await?.into_iter().map(|o| (o.name, o.tag)).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    same("the list", &found, &wanted)?;
    let theirs = said("owned", g.driver().owned(other).await)?;
    same(
        "the list of another installation",
        &theirs.into_iter().map(|o| o.tag).collect(),
        &vec![third.tag.clone()],
    )?;
    for guard in [&first, &second, &third] {
        g.delete(guard).await?;
    }
    same("the list at the end", &g.owned().await?, &Vec::new())
}

async fn capacity(g: &Ground<'_>) -> Result<(), String> {
    let hosts = said("hosts", g.driver().hosts().await)?;
    let most = hosts.iter().map(|h| h.vcpu_total).max().unwrap_or_default();
    let Operation::CreateMachine { size, tenant, customer, host } = g.create().await? else {
        return Err("the suite makes no machine".into());
    };
    let size = Size { vcpu: most.saturating_add(1), ..size };
    let guard = g.guard("a");
    let is = |e: &DriverError| matches!(e, DriverError::Capacity(_));
    g.refused(&guard, &Operation::CreateMachine { size, tenant, customer, host }, is).await?;
    same("the owned machines", &g.owned().await?, &Vec::new())?;
    let guard = g.machine("a").await?;
    let before = g.look(&guard).await?;
    g.refused(&guard, &Operation::ResizeMachine { size }, is).await?;
    same("the machine", &g.look(&guard).await?, &before)?;
    g.delete(&guard).await
}

async fn free(g: &Ground<'_>) -> Result<(), String> {
    let before = said("hosts", g.driver().hosts().await)?;
    let guard = g.machine("a").await?;
    let machine = g.look(&guard).await?;
    let during = said("hosts", g.driver().hosts().await)?;
    let of = |hosts: &[crate::hypervisor::Host]| {
        let host = hosts.iter().find(|h| h.name == machine.host);
        host.map(|h| h.memory_mib_free).ok_or(format!("{} is not among the hosts", machine.host))
    };
    let taken = of(&before)?.saturating_sub(of(&during)?);
    same("memory taken by the machine", &(taken >= machine.size.memory_mib), &true)?;
    g.delete(&guard).await?;
    same("memory free at the end", &of(&said("hosts", g.driver().hosts().await)?)?, &of(&before)?)
}
