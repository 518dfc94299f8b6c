//! Clauses about operations as such, and about machines.

use super::{Clause, Ground, error, said, same};
use crate::hypervisor::{DriverError, Guard, Handle, MachineState, Observation, Operation, Role, Size, Tag};

pub(super) const CLAUSES: &[(&str, Clause)] = &[
    ("the world keeps its id over a restart", |g| Box::pin(world_id(g))),
    (
        "begin with a key seen before returns the operation begun then",
        |g| Box::pin(same_key(g)),
    ),
    ("creating what exists is done and makes no second machine", |g| {
        Box::pin(create_twice(g))
    }),
    ("deleting what is absent is done", |g| Box::pin(delete_absent(g))),
    ("what needs a machine is refused where there is none", |g| {
        Box::pin(absent(g))
    }),
    ("a lower fence is refused and changes nothing", |g| {
        Box::pin(fence(g))
    }),
    ("a lower fence stays refused after the machine is gone", |g| {
        Box::pin(fence_after_delete(g))
    }),
    ("what is not ours is not touched", |g| Box::pin(foreign(g))),
    ("vCPU and memory follow both ways, the disk only grows", |g| {
        Box::pin(resize(g))
    }),
    ("a suspended machine does no work and goes on when resumed", |g| {
        Box::pin(suspend(g))
    }),
    ("volumes are made once and are gone with their machine", |g| {
        Box::pin(volumes(g))
    }),
    ("owned lists exactly the machines of the installation", |g| {
        Box::pin(owned(g))
    }),
    (
        "what fits on no host is refused for capacity and makes nothing",
        |g| Box::pin(capacity(g)),
    ),
    ("hosts count what machines take and give it back", |g| {
        Box::pin(free(g))
    }),
    (
        "an unknown handle is observed as unknown and can be aborted",
        |g| Box::pin(unknown(g)),
    ),
    ("an operation that was aborted can be done anew", |g| {
        Box::pin(abort(g))
    }),
    (
        "an operation cut off by a restart is done by beginning it again",
        |g| Box::pin(interrupted(g)),
    ),
];

async fn world_id(g: &Ground<'_>) -> Result<(), String> {
    let before = said("world_id", g.driver().world_id().await)?;
    g.fixture.restart().await?;
    same(
        "id of the world",
        &said("world_id", g.driver().world_id().await)?,
        &before,
    )
}

async fn same_key(g: &Ground<'_>) -> Result<(), String> {
    let (guard, create, key) = (g.guard("a"), g.create().await?, g.key());
    let first = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    let second = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same("the handle while the operation runs", &second, &first)?;
    let ended = g.end_of(&first, "create_machine").await?;
    let third = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same("the handle when the operation has ended", &third, &first)?;
    same(
        "what is observed then",
        &g.end_of(&third, "create_machine").await?,
        &ended,
    )?;
    g.fixture.restart().await?;
    let fourth = said("begin", g.driver().begin(&guard, &create, &key).await)?;
    same(
        "what is observed after a restart",
        &g.end_of(&fourth, "create_machine").await?,
        &ended,
    )?;
    same("number of machines", &g.owned().await?.len(), &1)?;
    g.delete(&guard).await
}

async fn create_twice(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.machine("a").await?;
    let first = g.look(&guard).await?;
    g.done(&guard, &g.create().await?).await?;
    same("the owned machines", &g.owned().await?, &vec![first])?;
    g.delete(&guard).await
}

async fn delete_absent(g: &Ground<'_>) -> Result<(), String> {
    let never = g.guard("never");
    g.delete(&never).await?;
    let guard = g.machine("a").await?;
    g.done(
        &guard,
        &Operation::DeleteVolume {
            subscription: g.id("never"),
        },
    )
    .await?;
    g.done(&guard, &Operation::DeleteSpool { path: "never".into() })
        .await?;
    g.delete(&guard).await?;
    g.delete(&guard).await?;
    g.done(
        &guard,
        &Operation::DeleteVolume {
            subscription: g.id("never"),
        },
    )
    .await?;
    same("the owned machines", &g.owned().await?, &Vec::new())
}

async fn absent(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.guard("never");
    let is = |e: &DriverError| matches!(e, DriverError::Absent(_));
    for operation in [
        Operation::ResizeMachine {
            size: Size {
                vcpu: 1,
                memory_mib: 512,
                disk_gib: 1,
            },
        },
        Operation::SuspendMachine,
        Operation::ResumeMachine,
        Operation::EnsureVolume {
            subscription: g.id("s"),
            size_gib: 1,
        },
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
    let guard = Guard {
        fence: 5,
        ..g.guard("a")
    };
    g.done(&guard, &g.create().await?).await?;
    let before = g.look(&guard).await?;
    same("fence of the machine", &before.fence, &5)?;
    let stale = Guard {
        fence: 4,
        ..guard.clone()
    };
    let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 4, seen: 5 });
    for operation in [
        g.create().await?,
        Operation::ResizeMachine {
            size: Size {
                vcpu: 2,
                memory_mib: 1024,
                disk_gib: 8,
            },
        },
        Operation::SuspendMachine,
        Operation::EnsureVolume {
            subscription: g.id("s"),
            size_gib: 1,
        },
        Operation::DeleteMachine,
    ] {
        g.refused(&stale, &operation, is).await?;
    }
    error("write", g.driver().write(&stale, "file", 0, b"x").await, is)?;
    same("the machine", &g.look(&guard).await?, &before)?;
    g.done(&guard, &Operation::SuspendMachine).await?;
    let newer = Guard {
        fence: 9,
        ..guard.clone()
    };
    g.done(&newer, &Operation::ResumeMachine).await?;
    same("fence of the machine", &g.look(&guard).await?.fence, &9)?;
    let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 5, seen: 9 });
    g.refused(&guard, &Operation::SuspendMachine, is).await?;
    g.expect_state(&guard, MachineState::Running).await?;
    g.delete(&newer).await
}

/// Only of drivers that check the fence atomically: others keep it in the machine, and lose it with the machine.
async fn fence_after_delete(g: &Ground<'_>) -> Result<(), String> {
    let guard = Guard {
        fence: 3,
        ..g.guard("a")
    };
    g.done(&guard, &g.create().await?).await?;
    g.delete(&Guard {
        fence: 4,
        ..guard.clone()
    })
    .await?;
    if g.driver().capabilities().atomic_fence {
        let is = |e: &DriverError| matches!(e, DriverError::Fenced { given: 3, seen: 4 });
        g.refused(&guard, &g.create().await?, is).await?;
    }
    same("the owned machines", &g.owned().await?, &Vec::new())
}

async fn foreign(g: &Ground<'_>) -> Result<(), String> {
    let owner = g.machine("a").await?;
    let subscription = g.id("s");
    g.done(
        &owner,
        &Operation::EnsureVolume {
            subscription,
            size_gib: 1,
        },
    )
    .await?;
    let before = g.look(&owner).await?;
    let other_installation = Tag {
        installation: g.id("another"),
        ..owner.tag.clone()
    };
    let other_machine = Tag {
        machine: g.id("another"),
        ..owner.tag.clone()
    };
    let is = |e: &DriverError| matches!(e, DriverError::Foreign(_));
    for tag in [other_installation, other_machine] {
        let guard = Guard {
            tag,
            name: owner.name.clone(),
            fence: 99,
        };
        for operation in [
            g.create().await?,
            Operation::ResizeMachine {
                size: Size {
                    vcpu: 2,
                    memory_mib: 1024,
                    disk_gib: 8,
                },
            },
            Operation::SuspendMachine,
            Operation::ResumeMachine,
            Operation::DeleteMachine,
            Operation::EnsureVolume {
                subscription: g.id("t"),
                size_gib: 1,
            },
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

async fn resize(g: &Ground<'_>) -> Result<(), String> {
    let guard = g.machine("a").await?;
    let large = Size {
        vcpu: 2,
        memory_mib: 1024,
        disk_gib: 8,
    };
    g.done(&guard, &Operation::ResizeMachine { size: large }).await?;
    same("size after growing", &g.look(&guard).await?.size, &large)?;
    let small = Size {
        vcpu: 1,
        memory_mib: 512,
        disk_gib: 2,
    };
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
            return Err(format!(
                "a script on the suspended machine ended as {other:?}, not to be retried"
            ));
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
        g.done(
            &guard,
            &Operation::EnsureVolume {
                subscription,
                size_gib,
            },
        )
        .await?;
        let data = g.fixture.data(&guard, subscription, "kept").await?;
        same(
            "the data after the volume was made again",
            &data.as_deref(),
            &Some(&b"data"[..]),
        )?;
    }
    same("the volumes", &g.look(&guard).await?.volumes, &vec![subscription])?;
    for _ in 0..2 {
        g.done(&guard, &Operation::DeleteVolume { subscription }).await?;
        same("the volumes", &g.look(&guard).await?.volumes, &Vec::new())?;
    }
    g.done(
        &guard,
        &Operation::EnsureVolume {
            subscription,
            size_gib: 1,
        },
    )
    .await?;
    same(
        "old data on the new volume",
        &g.fixture.data(&guard, subscription, "kept").await?,
        &None,
    )?;
    g.fixture.put_data(&guard, subscription, "kept", b"data").await?;
    g.delete(&guard).await?;
    let (guard, subscription) = g.machine_with_volume("a").await?;
    same(
        "old data on the new machine",
        &g.fixture.data(&guard, subscription, "kept").await?,
        &None,
    )?;
    g.delete(&guard).await
}

async fn owned(g: &Ground<'_>) -> Result<(), String> {
    let (first, second) = (g.machine("a").await?, g.machine("b").await?);
    let other = g.id("another");
    let tag = Tag {
        installation: other,
        machine: g.id("c"),
    };
    let third = Guard { tag, ..g.guard("c") };
    g.done(&third, &g.create().await?).await?;
    let mut wanted = vec![
        (first.name.clone(), first.tag.clone()),
        (second.name.clone(), second.tag.clone()),
    ];
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
    let Operation::CreateMachine {
        size,
        tenant,
        customer,
        host,
    } = g.create().await?
    else {
        return Err("the suite makes no machine".into());
    };
    let size = Size {
        vcpu: most.saturating_add(1),
        ..size
    };
    let guard = g.guard("a");
    let is = |e: &DriverError| matches!(e, DriverError::Capacity(_));
    g.refused(
        &guard,
        &Operation::CreateMachine {
            size,
            tenant,
            customer,
            host,
        },
        is,
    )
    .await?;
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
        host.map(|h| h.memory_mib_free)
            .ok_or(format!("{} is not among the hosts", machine.host))
    };
    let taken = of(&before)?.saturating_sub(of(&during)?);
    same(
        "memory taken by the machine",
        &(taken >= machine.size.memory_mib),
        &true,
    )?;
    g.delete(&guard).await?;
    same(
        "memory free at the end",
        &of(&said("hosts", g.driver().hosts().await)?)?,
        &of(&before)?,
    )
}

async fn unknown(g: &Ground<'_>) -> Result<(), String> {
    let nobody = Handle(format!("{}/nobody", g.guard("a").name));
    same(
        "what is observed",
        &g.end_of(&nobody, "nothing").await?,
        &Observation::Unknown,
    )?;
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
    same(
        "the end of the operation",
        &matches!(ended, Observation::Done { .. }),
        &true,
    )?;
    same("machines", &g.owned().await?.len(), &1)?;
    g.delete(&guard).await
}
