//! One act: a driver's operation, or octets between the guest and the backup store.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use telvisor_model::Role;
use telvisor_model::plan::{Act, Target};
use tracing::Instrument as _;
use uuid::Uuid;

use super::lease::{Lease, save_step};
use super::stop::Stop;
use crate::apps::catalogue::Content;
use crate::apps::env::{GuestFolders, ScriptRun};
use crate::engine::Engine;
use crate::fault;
use crate::hypervisor::{Guard, Handle, Observation, Operation, Tag};
use crate::inventory::names;
use crate::orders::resolve::SEATS;
use crate::store::jobs::{JobRow, StepRow};

/// Octets moved between guest and store in one driver call.
const CHUNK: u32 = 1 << 20;
/// How long one look at a running operation waits.
const LOOK: Duration = Duration::from_millis(500);

/// What an act leaves: the step's result, null when there is none.
pub type Outcome = Value;

/// What an act may look at.
pub struct Context<'a> {
    pub engine: &'a Engine,
    pub job: &'a JobRow,
    pub steps: &'a [StepRow],
    /// Key of the operation.
    pub key: String,
}

/// Carries one act out, to its end.
///
/// # Errors
/// [`Stop`] says what to do then.
pub async fn perform(
    c: &Context<'_>,
    lease: &mut Lease<'_>,
    act: &Act,
    handle: Option<String>,
    step: i64,
) -> Result<Outcome, Stop> {
    match act {
        Act::FetchBackup { backup, archive } => fetch(c, lease, *backup, archive).await,
        Act::PushBackup { backup, archive } => push(c, lease, *backup, archive).await,
        Act::DropBackup { backup } => {
            c.engine.objects.remove(&names::object(&c.job.tenant, *backup)).await?;
            Ok(Value::Null)
        }
        _ => {
            let operation = operation(c, act).await?;
            let span = tracing::info_span!("driver", operation = operation.name(), step, key = c.key);
            let result = operate(c, lease, &operation, handle, step).instrument(span).await?;
            match act {
                Act::Script { role: Role::Start, target, .. } => address(c, lease, target).await,
                _ => Ok(result),
            }
        }
    }
}

fn guard(engine: &Engine, job: &JobRow) -> Result<Guard, Stop> {
    let machine = job.machine.ok_or_else(|| Stop::Fail("the job has no machine".into()))?;
    Ok(Guard {
        tag: Tag { installation: engine.installation, machine },
        name: names::machine(machine),
        fence: job.fence,
    })
}

async fn operation(c: &Context<'_>, act: &Act) -> Result<Operation, Stop> {
    Ok(match act {
        Act::CreateMachine { size } => {
            let customer = c.engine.db.read(&c.job.tenant).await?.customer(c.job.customer).await?;
            Operation::CreateMachine {
                size: *size,
                tenant: c.job.tenant.clone(),
                customer: customer.map(|c| c.customer_id).unwrap_or_default(),
                host: c.job.host.clone().unwrap_or_default(),
            }
        }
        Act::ResizeMachine { size } => Operation::ResizeMachine { size: *size },
        Act::SuspendMachine => Operation::SuspendMachine,
        Act::ResumeMachine => Operation::ResumeMachine,
        Act::DeleteMachine => Operation::DeleteMachine,
        Act::EnsureVolume { subscription, size_gib } => {
            Operation::EnsureVolume { subscription: *subscription, size_gib: *size_gib }
        }
        Act::DeleteVolume { subscription } => Operation::DeleteVolume { subscription: *subscription },
        Act::DropArchive { archive } => Operation::DeleteSpool { path: archive.clone() },
        Act::Script { role, target, from_version, archive } => {
            script(c, *role, target, from_version.as_deref(), archive.as_deref()).await?
        }
        Act::FetchBackup { .. } | Act::PushBackup { .. } | Act::DropBackup { .. } => {
            return Err(Stop::Fail("not an operation of the hypervisor".into()));
        }
    })
}

/// The script with all that it needs. A downgrade runs the text of the version that is left.
async fn script(
    c: &Context<'_>,
    role: Role,
    target: &Target,
    from: Option<&str>,
    archive: Option<&str>,
) -> Result<Operation, Stop> {
    let gone = || Stop::Fail(format!("{} left the catalogue", target.application));
    let app = c.engine.catalogue.find(&target.application).ok_or_else(gone)?;
    let content = content(c.engine, &target.digest).await?;
    let text_of = match (role, from) {
        (Role::Downgrade, Some(from)) => {
            let digest = app.version(from).map(|v| v.digest.clone()).ok_or_else(gone)?;
            self::content(c.engine, &digest).await?
        }
        _ => content.clone(),
    };
    let plan = app.plan(&target.plan).cloned().ok_or_else(gone)?;
    let folders = GuestFolders::standard(target.subscription, &target.digest);
    let subscription = c.engine.db.read(&c.job.tenant).await?.subscription(target.subscription).await?;
    let characteristics = subscription
        .and_then(|s| s.characteristics.0.as_object().cloned())
        .unwrap_or_default()
        .into_iter()
        .collect();
    let characteristics: std::collections::BTreeMap<String, Value> = characteristics;
    let seats = characteristics.get(SEATS).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let run = ScriptRun {
        role,
        subscription: target.subscription,
        application: &app,
        version: &content.version,
        from_version: from,
        plan: &plan,
        folders: &folders,
        characteristics: &characteristics,
        seats,
        ports: &std::collections::BTreeMap::new(),
        archive,
    };
    let text = text_of.scripts.get(&role).map_or("", String::as_str);
    Ok(Operation::RunScript(Box::new(run.script(text))))
}

async fn content(engine: &Engine, digest: &str) -> Result<Arc<Content>, Stop> {
    let stored = engine.catalogue.content(&engine.db, digest).await?;
    stored.ok_or_else(|| Stop::Fail(format!("no package version has the digest {digest}")))
}

/// Begins an operation, or goes on with the one that an earlier worker began, and observes it to its end.
async fn operate(
    c: &Context<'_>,
    lease: &mut Lease<'_>,
    operation: &Operation,
    handle: Option<String>,
    step: i64,
) -> Result<Value, Stop> {
    let driver = &c.engine.driver;
    let guard = guard(c.engine, c.job)?;
    let mut kept = handle.is_some();
    let mut handle = handle.map(Handle);
    let mut forgotten = 0;
    loop {
        lease.cover(driver.call_limit()).await?;
        let at = match handle.take() {
            Some(h) => h,
            None => {
                fault::point("driver.before_begin");
                let h = driver.begin(&guard, operation, &c.key).await?;
                fault::point("driver.after_begin");
                h
            }
        };
        fault::point("driver.before_observe");
        let seen = driver.observe(&at, LOOK).await?;
        fault::point("driver.after_observe");
        match seen {
            Observation::Done { result } => return Ok(result),
            Observation::Retry { reason } => return Err(Stop::Retry(reason)),
            Observation::Fail { reason } => return Err(Stop::Fail(reason)),
            Observation::Running { .. } => {
                if !std::mem::replace(&mut kept, true) {
                    keep(c, step, &at).await?;
                }
                handle = Some(at);
            }
            // Begun and forgotten: begun again under the same key, which looks at the world first.
            Observation::Unknown if forgotten < 3 => forgotten += 1,
            Observation::Unknown => return Err(Stop::Retry("the hypervisor forgets the operation".into())),
        }
    }
}

/// Keeps the handle of an operation that takes longer, for whoever goes on.
async fn keep(c: &Context<'_>, step: i64, handle: &Handle) -> Result<(), Stop> {
    let Some(row) = c.steps.iter().find(|s| s.number == step) else {
        return Ok(());
    };
    // While undoing, the handle of what is undone stays.
    if row.state != "begun" || c.job.phase != "do" {
        return Ok(());
    }
    let row = StepRow { handle: Some(handle.0.clone()), ..row.clone() };
    save_step(c.engine, c.job, &row, ["step.before_handle_commit", "step.after_handle_commit"]).await
}

/// Stops what a step began, before it is undone.
///
/// # Errors
/// [`Stop::Retry`] while it is still at work.
pub async fn stop(engine: &Engine, lease: &mut Lease<'_>, handle: Option<&str>) -> Result<(), Stop> {
    let Some(handle) = handle.map(|h| Handle(h.to_owned())) else {
        return Ok(());
    };
    lease.cover(engine.driver.call_limit()).await?;
    engine.driver.abort(&handle).await?;
    loop {
        lease.cover(engine.driver.call_limit()).await?;
        if !matches!(engine.driver.observe(&handle, LOOK).await?, Observation::Running { .. }) {
            return Ok(());
        }
    }
}

/// Where the subscriber opens the application that was started.
async fn address(c: &Context<'_>, lease: &mut Lease<'_>, target: &Target) -> Result<Value, Stop> {
    lease.cover(c.engine.driver.call_limit()).await?;
    let endpoint = c.engine.driver.endpoint(&guard(c.engine, c.job)?, target.subscription).await?;
    Ok(endpoint.map_or(Value::Null, |url| json!({ "endpoint": url })))
}

/// What the backup script answered for an archive.
fn archive_of<'a>(c: &'a Context<'_>, archive: &str) -> Option<&'a Value> {
    c.steps
        .iter()
        .filter(
            |s| matches!(&s.act.0, Act::Script { role: Role::Backup, archive: Some(a), .. } if a == archive),
        )
        .find_map(|s| s.result.as_ref().map(|r| &r.0))
}

async fn fetch(c: &Context<'_>, lease: &mut Lease<'_>, backup: Uuid, archive: &str) -> Result<Outcome, Stop> {
    let missing = || Stop::Fail("the backup script told neither size nor checksum".into());
    let answer = archive_of(c, archive).ok_or_else(missing)?;
    let size = answer.get("size").and_then(Value::as_u64).ok_or_else(missing)?;
    let sha256 = answer.get("sha256").and_then(Value::as_str).ok_or_else(missing)?.to_owned();
    let key = names::object(&c.job.tenant, backup);
    let result = json!({ "size": size, "sha256": sha256 });
    if c.engine.objects.verify(&key).await? == Some((size, sha256.clone())) {
        return Ok(result);
    }
    let guard = guard(c.engine, c.job)?;
    let mut upload = c.engine.objects.upload(&key).await?;
    while upload.offset < size {
        lease.cover(c.engine.driver.call_limit()).await?;
        let data = c.engine.driver.read(&guard, archive, upload.offset, CHUNK).await?;
        if data.is_empty() {
            break;
        }
        upload.append(&data).await?;
    }
    upload.finish(size, &sha256).await?;
    Ok(result)
}

async fn push(c: &Context<'_>, lease: &mut Lease<'_>, backup: Uuid, archive: &str) -> Result<Outcome, Stop> {
    let row = c.engine.db.read(&c.job.tenant).await?.backup(backup).await?;
    let row = row.ok_or_else(|| Stop::Fail(format!("backup {backup} is not known")))?;
    let found = c.engine.objects.verify(&row.object_key).await?;
    let right = found
        .as_ref()
        .is_some_and(|(size, sha)| i64::try_from(*size).ok() == row.size && Some(sha) == row.sha256.as_ref());
    if !right {
        return Err(Stop::Fail(format!("backup {backup} is damaged or gone; nothing was restored")));
    }
    let guard = guard(c.engine, c.job)?;
    let mut offset = 0;
    loop {
        lease.cover(c.engine.driver.call_limit()).await?;
        let data = c.engine.objects.chunk(&row.object_key, offset, u64::from(CHUNK)).await?;
        if data.is_empty() {
            return Ok(Value::Null);
        }
        c.engine.driver.write(&guard, archive, offset, &data).await?;
        offset += data.len() as u64;
    }
}
