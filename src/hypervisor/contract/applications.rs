//! Clauses about applications, their data and their backups.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Clause, Ground, error, said, same};
use crate::hypervisor::{DriverError, Guard, Observation, Operation, Role, Script};

pub(super) const CLAUSES: &[(&str, Clause)] = &[
    ("an application lives from install to remove", |g| Box::pin(life(g))),
    ("a script that was done can be run again", |g| Box::pin(repeated(g))),
    ("a stopped application stays stopped over restarts", |g| Box::pin(stopped(g))),
    ("an upgrade from a version that is not installed fails", |g| Box::pin(wrong_version(g))),
    ("a spool file is written and read at offsets and removed", |g| Box::pin(spool(g))),
    ("a backup is read in chunks and restored on another machine octet for octet", |g| Box::pin(backup(g))),
    ("a backup of an older version is restored after the upgrade", |g| Box::pin(older_backup(g))),
    ("a restore of what is no archive fails and keeps the data", |g| Box::pin(no_archive(g))),
    ("usage is within the machine and counts each volume", |g| Box::pin(usage(g))),
    ("the endpoint of a started application answers", |g| Box::pin(endpoint(g))),
];

/// Octets that do not compress and differ from one another.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(len + 32);
    for block in 0u64.. {
        if data.len() >= len {
            break;
        }
        data.extend_from_slice(&Sha256::digest(format!("{seed}-{block}")));
    }
    data.truncate(len);
    data
}

async fn life(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    let sample = g.fixture.sample();
    let [older, newer] = sample.versions;
    let [_, large] = sample.plans;
    g.install_and_start(&guard, id).await?;
    g.fixture.put_data(&guard, id, "kept", b"data").await?;
    g.run(&guard, Script { plan: large.clone(), ..g.script(Role::Configure, id) }).await?;
    let up =
        Script { version: newer.clone(), from_version: Some(older.clone()), ..g.script(Role::Upgrade, id) };
    g.run(&guard, Script { plan: large.clone(), ..up }).await?;
    g.run(&guard, Script { version: newer.clone(), ..g.script(Role::Health, id) }).await?;
    let down = Script { version: older, from_version: Some(newer), ..g.script(Role::Downgrade, id) };
    g.run(&guard, Script { plan: large, ..down }).await?;
    g.run(&guard, g.script(Role::Health, id)).await?;
    let data = g.fixture.data(&guard, id, "kept").await?;
    same("the data after all this", &data.as_deref(), &Some(&b"data"[..]))?;
    g.run(&guard, g.script(Role::Stop, id)).await?;
    g.run(&guard, g.script(Role::Remove, id)).await?;
    g.done(&guard, &Operation::DeleteVolume { subscription: id }).await?;
    same("the volumes at the end", &g.look(&guard).await?.volumes, &Vec::new())?;
    g.delete(&guard).await
}

async fn repeated(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    let [older, newer] = g.fixture.sample().versions;
    let up =
        Script { version: newer.clone(), from_version: Some(older.clone()), ..g.script(Role::Upgrade, id) };
    let down = Script { version: older, from_version: Some(newer), ..g.script(Role::Downgrade, id) };
    for script in [
        g.script(Role::Install, id),
        g.script(Role::Start, id),
        g.script(Role::Health, id),
        up,
        down,
        g.script(Role::Configure, id),
        g.script(Role::Stop, id),
        g.script(Role::Remove, id),
    ] {
        g.run(&guard, script.clone()).await?;
        g.run(&guard, script).await.map_err(|e| format!("run again, {e}"))?;
    }
    g.delete(&guard).await
}

async fn stopped(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    g.run(&guard, g.script(Role::Stop, id)).await?;
    g.fixture.restart().await?;
    g.done(&guard, &Operation::SuspendMachine).await?;
    g.done(&guard, &Operation::ResumeMachine).await?;
    let health = Operation::RunScript(Box::new(g.script(Role::Health, id)));
    match g.ended(&guard, &health).await? {
        Observation::Retry { .. } | Observation::Fail { .. } => {}
        other => {
            return Err(format!("the stopped application's health check ended as {other:?}"));
        }
    }
    same("the endpoint", &said("endpoint", g.driver().endpoint(&guard, id).await)?, &None)?;
    g.run(&guard, g.script(Role::Start, id)).await?;
    g.fixture.restart().await?;
    g.run(&guard, g.script(Role::Health, id)).await.map_err(|e| format!("started, then restarted: {e}"))?;
    g.delete(&guard).await
}

async fn wrong_version(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    let [_, newer] = g.fixture.sample().versions;
    let wrong = Script { version: newer, from_version: Some("0.0.1".into()), ..g.script(Role::Upgrade, id) };
    match g.ended(&guard, &Operation::RunScript(Box::new(wrong))).await? {
        Observation::Fail { .. } => {}
        other => return Err(format!("the upgrade ended as {other:?}")),
    }
    g.run(&guard, g.script(Role::Health, id)).await?;
    g.delete(&guard).await
}

async fn spool(g: &Ground<'_>) -> Result<(), String> {
    let (guard, path, data) = (g.machine("a").await?, "folder/file", noise("spool", 700_000));
    g.write_all(&guard, path, &data, 300_000).await?;
    same("the file is what was written", &(g.read_all(&guard, path, 250_000).await? == data), &true)?;
    let part = said("read", g.driver().read(&guard, path, 699_990, 100).await)?;
    same("octets at the end", &part.as_slice(), &&data[699_990..])?;
    same(
        "octets behind the end",
        &said("read", g.driver().read(&guard, path, 900_000, 9).await)?,
        &Vec::new(),
    )?;
    said("write", g.driver().write(&guard, path, 0, b"anew").await)?;
    same("the file made anew", &g.read_all(&guard, path, 100).await?, &b"anew".to_vec())?;
    g.done(&guard, &Operation::DeleteSpool { path: path.into() }).await?;
    let is = |e: &DriverError| matches!(e, DriverError::Absent(_));
    error("read", g.driver().read(&guard, path, 0, 1).await, is)?;
    let is = |e: &DriverError| matches!(e, DriverError::Refused(_));
    error("read", g.driver().read(&guard, "../out", 0, 1).await, is)?;
    error("write", g.driver().write(&guard, "../out", 0, b"x").await, is)?;
    g.delete(&guard).await
}

/// Takes a backup, checks what it says of itself, and answers its octets.
async fn take(g: &Ground<'_>, guard: &Guard, id: Uuid, version: &str) -> Result<Vec<u8>, String> {
    let path = format!("{id}.tar.zst");
    let (version, archive) = (version.to_owned(), Some(path.clone()));
    let result = g.run(guard, Script { version, archive, ..g.script(Role::Backup, id) }).await?;
    let octets = g.read_all(guard, &path, 256 << 10).await?;
    same("the result's archive", &result["archive"], &Value::from(path.clone()))?;
    same("the result's size", &result["size"], &Value::from(octets.len()))?;
    same("the result's sha256", &result["sha256"], &Value::from(hex::encode(Sha256::digest(&octets))))?;
    g.done(guard, &Operation::DeleteSpool { path }).await?;
    Ok(octets)
}

async fn give(g: &Ground<'_>, guard: &Guard, archive: &[u8], script: Script) -> Result<Observation, String> {
    let path = "restore.tar.zst".to_owned();
    g.write_all(guard, &path, archive, 300_000).await?;
    let script = Script { archive: Some(path.clone()), ..script };
    let ended = g.ended(guard, &Operation::RunScript(Box::new(script))).await?;
    g.done(guard, &Operation::DeleteSpool { path }).await?;
    Ok(ended)
}

async fn backup(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    let [version, _] = g.fixture.sample().versions;
    let files =
        [("photo", noise("photo", 5 << 20)), ("letter", noise("letter", 12_345)), ("nothing", Vec::new())];
    for (file, data) in &files {
        g.fixture.put_data(&guard, id, file, data).await?;
    }
    let archive = take(g, &guard, id, &version).await?;

    let (other, _) = g.machine_with_volume("b").await?;
    g.run(&other, g.script(Role::Install, id)).await?;
    g.fixture.put_data(&other, id, "later", b"not in the backup").await?;
    let script = Script { from_version: Some(version), ..g.script(Role::Restore, id) };
    match give(g, &other, &archive, script).await? {
        Observation::Done { .. } => {}
        ended => return Err(format!("the restore ended as {ended:?}")),
    }
    for (file, data) in &files {
        let found = g.fixture.data(&other, id, file).await?;
        same(&format!("{file} is restored octet for octet"), &(found.as_ref() == Some(data)), &true)?;
    }
    same("a file that the backup has not", &g.fixture.data(&other, id, "later").await?, &None)?;
    g.run(&other, g.script(Role::Start, id)).await?;
    g.run(&other, g.script(Role::Health, id)).await?;
    g.delete(&guard).await?;
    g.delete(&other).await
}

async fn older_backup(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    let [older, newer] = g.fixture.sample().versions;
    g.fixture.put_data(&guard, id, "letter", b"before the upgrade").await?;
    let archive = take(g, &guard, id, &older).await?;
    let up =
        Script { version: newer.clone(), from_version: Some(older.clone()), ..g.script(Role::Upgrade, id) };
    g.run(&guard, up).await?;
    g.fixture.put_data(&guard, id, "letter", b"after the upgrade").await?;
    let script = Script { version: newer.clone(), from_version: Some(older), ..g.script(Role::Restore, id) };
    match give(g, &guard, &archive, script).await? {
        Observation::Done { .. } => {}
        ended => return Err(format!("the restore ended as {ended:?}")),
    }
    let letter = g.fixture.data(&guard, id, "letter").await?;
    same("the data", &letter.as_deref(), &Some(&b"before the upgrade"[..]))?;
    g.run(&guard, Script { version: newer, ..g.script(Role::Health, id) }).await?;
    g.delete(&guard).await
}

async fn no_archive(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    g.fixture.put_data(&guard, id, "letter", b"kept").await?;
    match give(g, &guard, &noise("no archive", 5000), g.script(Role::Restore, id)).await? {
        Observation::Fail { .. } => {}
        ended => return Err(format!("the restore ended as {ended:?}")),
    }
    let letter = g.fixture.data(&guard, id, "letter").await?;
    same("the data", &letter.as_deref(), &Some(&b"kept"[..]))?;
    g.delete(&guard).await
}

async fn usage(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    g.install_and_start(&guard, id).await?;
    let before = said("usage", g.driver().usage(&guard).await)?;
    let size = g.look(&guard).await?.size;
    same("CPU is a percentage", &(before.cpu_percent <= 100), &true)?;
    same("memory is within the machine", &(before.memory_mib <= size.memory_mib), &true)?;
    same("volumes counted", &before.volume_octets.keys().copied().collect(), &vec![id])?;
    g.fixture.put_data(&guard, id, "photo", &noise("photo", 1 << 20)).await?;
    let after = said("usage", g.driver().usage(&guard).await)?;
    let grown =
        after.volume_octets.get(&id).zip(before.volume_octets.get(&id)).map(|(a, b)| a.saturating_sub(*b));
    same("1 MiB of data is counted", &(grown >= Some(1 << 20)), &true)?;
    g.delete(&guard).await
}

async fn endpoint(g: &Ground<'_>) -> Result<(), String> {
    let (guard, id) = g.machine_with_volume("a").await?;
    same("before install", &said("endpoint", g.driver().endpoint(&guard, id).await)?, &None)?;
    g.install_and_start(&guard, id).await?;
    // An application without an address is fine, and then there is nothing more to see.
    if let Some(url) = said("endpoint", g.driver().endpoint(&guard, id).await)? {
        let page = g.fixture.get(&url).await.map_err(|e| format!("{url} does not answer: {e}"))?;
        same("the page is empty", &page.is_empty(), &false)?;
    }
    g.run(&guard, g.script(Role::Stop, id)).await?;
    same("when stopped", &said("endpoint", g.driver().endpoint(&guard, id).await)?, &None)?;
    g.delete(&guard).await
}
