//! Clauses about operations as such: keys, fences, ownership, ends.

use super::{Clause, Ground, error, said, same};
use crate::hypervisor::{DriverError, Guard, Handle, MachineState, Observation, Operation, Role, Size, Tag};

pub(super) const CLAUSES: &[(&str, Clause)] = &[
    ("begin with a key seen before returns the operation begun then", |g| Box::pin(same_key(g))),
    ("deleting what is absent is done", |g| Box::pin(delete_absent(g))),
    ("what needs a machine is refused where there is none", |g| Box::pin(absent(g))),
    ("a lower fence is refused and changes nothing", |g| Box::pin(fence(g))),
    ("a lower fence stays refused after the machine is gone", |g| Box::pin(fence_after_delete(g))),
    ("what is not ours is not touched", |g| Box::pin(foreign(g))),
    ("an unknown handle is observed as unknown and can be aborted", |g| Box::pin(unknown(g))),
    ("an operation that was aborted can be done anew", |g| Box::pin(abort(g))),
    ("an operation cut off by a restart is done by beginning it again", |g| Box::pin(interrupted(g))),
];

async fn same_key(g: &Ground<'_>) -> Result<(), String> {
    let (guard, create, key) = (g.guard("a"), g.create().await?, g.key());
    let first = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    let second = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same("the handle while the operation runs", &second, &first)?;
    let ended = g.end_of(&first, "create_machine").await?;
    let third = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same("the handle when the operation has ended", &third, &first)?;
    same("what is observed then", &g.end_of(&third, "create_machine").await?, &ended)?;
    g.fixture.restart().await?;
    let fourth = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same("what is observed after a restart", &g.end_of(&fourth, "create_machine").await?, &ended)?;
    same("number of machines", &g.owned().await?.len(), &1)?;
    g.delete(&guard).await
}

async fn delete_absent(g: &Ground<'_>) -> Result<(), String> {
    let never = g.guard("never");
    g.delete(&never).await?;
    let guard = g.machine("a").await?;
    g.done(&guard, &Operation::DeleteVolume { subscription: g.id("never") }).await?;
    g.done(&guard, &Operation::DeleteSpool { path: "never".into() }).await?;
    g.delete(&guard).await?;
    g.delete(&guard).await?;
    g.done(&guard, &Operation::DeleteVolume { subscription: g.id("never") }).await?;
    same("the owned machines", &g.owned().await?, &Vec::new())
}

async fn absent(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.guard("never");
    let is = |e: &DriverError| matches!(e, DriverError::Absent(_));
    for operation in [
        Operation::ResizeMachine { size: Size { vcpu: 1, memory_mib: 512, disk_gib: 1 } },
        Operation::SuspendMachine,
        Operation::ResumeMachine,
        Operation::EnsureVolume { subscription: g.id("s"), size_gib: 1 },
        Operation::RunScript(Box::new(g.script(Role::Start, g.id("s")))),
    ] {
        g.refused(&guard, &operation, is).await?;
    }
    error("usage", g.driver().usage(&guard).await, is)?;
    error("read", g.driver().read(&guard, "file", 0, 1).await, is)?;
    error("write", g.driver().write(&guard, "file", 0, b"x").await, is)?;
    error("endpoint", g.driver().endpoint(&guard, g.id("s")).await, is)
}

async fn fence(g: &Ground<'_>) -> Result<(), String> {
    let guard = Guard { fence: 5, ..g.guard("a") };
    g.done(&guard, &g.create().await?).await?;
    let before = g.look(&guard).await?;
    same("fence of the machine", &before.fence, &5)?;
    let stale = Guard { fence: 4, ..guard.clone() };
    let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 4, seen: 5 });
    for operation in [
        g.create().await?,
        Operation::ResizeMachine { size: Size { vcpu: 2, memory_mib: 1024, disk_gib: 8 } },
        Operation::SuspendMachine,
        Operation::EnsureVolume { subscription: g.id("s"), size_gib: 1 },
        Operation::DeleteMachine,
    ] {
        g.refused(&stale, &operation, is).await?;
    }
    error("write", g.driver().write(&stale, "file", 0, b"x").await, is)?;
    same("the machine", &g.look(&guard).await?, &before)?;
    g.done(&guard, &Operation::SuspendMachine).await?;
    let newer = Guard { fence: 9, ..guard.clone() };
    g.done(&newer, &Operation::ResumeMachine).await?;
    same("fence of the machine", &g.look(&guard).await?.fence, &9)?;
    let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 5, seen: 9 });
    g.refused(&guard, &Operation::SuspendMachine, is).await?;
    g.expect_state(&guard, MachineState::Running).await?;
    g.delete(&newer).await
}

/// Only of drivers that check the fence atomically: others keep it in the machine, and lose it with the machine.
async fn fence_after_delete(g: &Ground<'_>) -> Result<(), String> {
    let guard = Guard { fence: 3, ..g.guard("a") };
    g.done(&guard, &g.create().await?).await?;
    g.delete(&Guard { fence: 4, ..guard.clone() }).await?;
    if g.driver().capabilities().atomic_fence {
        let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 3, seen: 4 });
        g.refused(&guard, &g.create().await?, is).await?;
    }
    same("the owned machines", &g.owned().await?, &Vec::new())
}

async fn foreign(g: &Ground<'_>) -> Result<(), String> {
    let owner = g.machine("a").await?;
    let subscription = g.id("s");
    g.done(&owner, &Operation::EnsureVolume { subscription, size_gib: 1 }).await?;
    let before = g.look(&owner).await?;
    let other_installation = Tag { installation: g.id("another"), ..owner.tag.clone() };
    let other_machine = Tag { machine: g.id("another"), ..owner.tag.clone() };
    let is = |e: &DriverError| matches!(e, DriverError::Foreign(_));
    for tag in [other_installation, other_machine] {
        let guard = Guard { tag, name: owner.name.clone(), fence: 99 };
        for operation in [
            g.create().await?,
            Operation::ResizeMachine { size: Size { vcpu: 2, memory_mib: 1024, disk_gib: 8 } },
            Operation::SuspendMachine,
            Operation::ResumeMachine,
            Operation::DeleteMachine,
            Operation::EnsureVolume { subscription: g.id("t"), size_gib: 1 },
            Operation::DeleteVolume { subscription },
            Operation::RunScript(Box::new(g.script(Role::Install, subscription))),
            Operation::DeleteSpool { path: "file".into() },
        ] {
            g.refused(&guard, &operation, is).await?;
        }
        error("usage", g.driver().usage(&guard).await, is)?;
        error("read", g.driver().read(&guard, "file", 0, 1).await, is)?;
        error("write", g.driver().write(&guard, "file", 0, b"x").await, is)?;
        error("endpoint", g.driver().endpoint(&guard, subscription).await, is)?;
    }
    same("the machine", &g.look(&owner).await?, &before)?;
    g.delete(&owner).await
}

async fn unknown(g: &Ground<'_>) -> Result<(), String> {
    let nobody = Handle(format!("{}/nobody", g.guard("a").name));
    same("what is observed", &g.end_of(&nobody, "nothing").await?, &Observation::Unknown)?;
    said("abort", g.driver().abort(&nobody).await)
}

async fn abort(g: &Ground<'_>) -> Result<(), String> {
    g.fixture.slow_down().await?;
    let (guard, create) = (g.guard("a"), g.create().await?);
    let handle = said("begin", g.driver().begin(&guard, &create, &g.key()).await)?;
    said("abort", g.driver().abort(&handle).await)?;
    let ended = g.end_of(&handle, "create_machine").await?;
    let there = g.owned().await?.len();
    match ended {
        Observation::Done { .. } => same("machines after the operation was done all the same", &there, &1)?,
        Observation::Retry { .. } => same("machines after the abort", &there, &0)?,
        other => return Err(format!("the aborted operation ended as {other:?}")),
    }
    said("abort of what has ended", g.driver().abort(&handle).await)?;
    g.fixture.restart().await?;
    g.done(&guard, &create).await?;
    same("machines", &g.owned().await?.len(), &1)?;
    g.delete(&guard).await
}

async fn interrupted(g: &Ground<'_>) -> Result<(), String> {
    g.fixture.slow_down().await?;
    let (guard, create, key) = (g.guard("a"), g.create().await?, g.key());
    let handle = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    g.fixture.restart().await?;
    let ended = match g.end_of(&handle, "create_machine").await? {
        Observation::Unknown => {
            let again = said("begin", g.driver().begin(&guard, &create, &key).await)?;
            g.end_of(&again, "create_machine").await?
        }
        other => other,
    };
    same("the end of the operation", &matches!(ended, Observation::Done { .. }), &true)?;
    same("machines", &g.owned().await?.len(), &1)?;
    g.delete(&guard).await
}
