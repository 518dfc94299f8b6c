//! What each operation does in the simulated world, and how it is seen to be done.
//!
//! Each effect can be repeated, and repeated after a kill in its middle. Scripts are not run: the simulator acts
//! by their role, on the application's entry in the machine and on the files of its data volume. Each
//! application keeps at least two files there: `counter`, which its page shows, and `format`, the version of the
//! application that wrote the data.

use std::io::{self, ErrorKind};

use serde_json::{Value, json};
use uuid::Uuid;

use super::archive::{self, UnpackError};
use super::entries::{Application, ApplicationState, Machine, TagFile};
use super::seen::holds;
use super::world::World;
use crate::hypervisor::{Guard, MachineState, Observation, Operation, Role, Script};

const GIB: u64 = 1 << 30;

/// How an operation ended, and whether it changed anything.
#[derive(Debug)]
pub struct Ended {
    pub seen: Observation,
    /// False when the world was already as wanted.
    pub changed: bool,
}

fn done(changed: bool) -> Ended {
    Ended { seen: Observation::Done { result: Value::Null }, changed }
}

fn fail(reason: impl Into<String>) -> Ended {
    Ended { seen: Observation::Fail { reason: reason.into() }, changed: false }
}

fn retry(reason: impl Into<String>) -> Ended {
    Ended { seen: Observation::Retry { reason: reason.into() }, changed: false }
}

/// Carries the operation out. The caller holds the machine's lock, and the machine's tag is the guard's. An `Err`
/// means that the effect may be half made; repeating the operation completes it.
pub fn act(world: &World, guard: &Guard, operation: &Operation) -> io::Result<Ended> {
    let name = guard.name.as_str();
    let machine = world.machine(name)?;
    let Some(mut tag) = world.tag(name)? else {
        return Ok(retry("the machine's tag is gone"));
    };
    let ended = match (operation, machine) {
        (Operation::CreateMachine { .. }, Some(_)) => done(false),
        (Operation::CreateMachine { size, tenant, customer, .. }, None) => {
            let machine = Machine {
                id: guard.tag.machine,
                tenant: tenant.clone(),
                customer: customer.clone(),
                state: MachineState::Running,
                vcpu: size.vcpu,
                memory_mib: size.memory_mib,
                disk_gib: size.disk_gib,
                applications: Vec::new(),
            };
            world.save_machine(name, &machine)?;
            done(true)
        }
        (Operation::DeleteMachine, machine) => {
            world.remove_guest(name)?;
            if !tag.volumes.is_empty() {
                tag.volumes.clear();
                world.save_tag(name, &tag)?;
            }
            world.remove_machine(name)?;
            done(machine.is_some())
        }
        (Operation::DeleteVolume { subscription }, machine) => {
            if machine.is_some_and(|m| m.application(*subscription).is_some()) {
                return Ok(fail(format!("an application is installed on the volume of {subscription}")));
            }
            world.remove_volume(name, *subscription)?;
            let was = tag.volumes.remove(subscription).is_some();
            if was {
                world.save_tag(name, &tag)?;
            }
            done(was)
        }
        (Operation::DeleteSpool { path }, machine) => {
            if machine.is_some_and(|m| m.state != MachineState::Running) {
                return Ok(retry(format!("{name} is not running")));
            }
            match world.spool(name, path) {
                Ok(file) => {
                    let was = file.exists();
                    world.remove_file(&file)?;
                    done(was)
                }
                Err(reason) => fail(reason),
            }
        }
        (_, None) => retry(format!("{name} does not exist any more")),
        (Operation::ResizeMachine { size }, Some(was)) => {
            let disk_gib = size.disk_gib.max(was.disk_gib);
            let wanted = Machine { vcpu: size.vcpu, memory_mib: size.memory_mib, disk_gib, ..was.clone() };
            save(world, name, &was, &wanted)?
        }
        (Operation::SuspendMachine, Some(was)) => {
            save(world, name, &was, &Machine { state: MachineState::Suspended, ..was.clone() })?
        }
        (Operation::ResumeMachine, Some(was)) => {
            save(world, name, &was, &Machine { state: MachineState::Running, ..was.clone() })?
        }
        (Operation::EnsureVolume { subscription, size_gib }, Some(_)) => {
            let was = tag.volumes.get(subscription).copied();
            if was.is_none_or(|w| w < *size_gib) {
                tag.volumes.insert(*subscription, *size_gib);
                world.save_tag(name, &tag)?;
            }
            world.make_volume(name, *subscription)?;
            done(was.is_none_or(|w| w < *size_gib))
        }
        (Operation::RunScript(_), Some(m)) if m.state != MachineState::Running => {
            retry(format!("{name} is not running"))
        }
        (Operation::RunScript(script), Some(machine)) => run_script(world, name, script, &machine, &tag)?,
    };
    if matches!(ended.seen, Observation::Done { .. }) && !holds(world, guard, operation)? {
        return Ok(retry(format!("{} was carried out, and its effect is not there", operation.name())));
    }
    Ok(ended)
}

fn save(world: &World, name: &str, was: &Machine, wanted: &Machine) -> io::Result<Ended> {
    if was != wanted {
        world.save_machine(name, wanted)?;
    }
    Ok(done(was != wanted))
}

fn run_script(
    world: &World,
    name: &str,
    script: &Script,
    machine: &Machine,
    tag: &TagFile,
) -> io::Result<Ended> {
    let id = script.subscription;
    let installed = machine.application(id);
    if let Some(other) = installed.filter(|a| a.application != script.application) {
        return Ok(fail(format!("{id} is {}, not {}", other.application, script.application)));
    }
    let needs_volume = !matches!(script.role, Role::Remove | Role::Stop | Role::Health);
    if needs_volume && !(tag.volumes.contains_key(&id) && world.volume(name, id).is_dir()) {
        return Ok(fail(format!("{id} has no data volume")));
    }
    match (script.role, installed) {
        (Role::Install, _) => install(world, name, script, machine),
        (Role::Remove, None) => Ok(done(false)),
        (Role::Backup, _) => backup(world, name, script),
        (Role::Restore, _) => restore(world, name, script),
        (_, None) => Ok(fail(format!("{} is not installed for {id}", script.application))),
        (Role::Remove, Some(_)) => {
            let mut wanted = machine.clone();
            wanted.applications.retain(|a| a.subscription != id);
            save(world, name, machine, &wanted)
        }
        (Role::Start, Some(a)) => put(world, name, machine, with_state(a, ApplicationState::Running)),
        (Role::Stop, Some(a)) => put(world, name, machine, with_state(a, ApplicationState::Stopped)),
        (Role::Health, Some(a)) if a.state == ApplicationState::Running => Ok(done(false)),
        (Role::Health, Some(_)) => Ok(retry(format!("{} is not running", script.application))),
        (Role::Configure, Some(a)) => {
            if a.version != script.version {
                return Ok(fail(format!("version {} is installed, not {}", a.version, script.version)));
            }
            if let Some(full) = over_quota(world, name, script)? {
                return Ok(fail(full));
            }
            put(world, name, machine, Application { plan: script.plan.clone(), ..a.clone() })
        }
        (Role::Upgrade | Role::Downgrade, Some(a)) => change_version(world, name, script, machine, a),
    }
}

fn with_state(application: &Application, state: ApplicationState) -> Application {
    Application { state, ..application.clone() }
}

fn put(world: &World, name: &str, machine: &Machine, application: Application) -> io::Result<Ended> {
    let mut wanted = machine.clone();
    match wanted.applications.iter_mut().find(|a| a.subscription == application.subscription) {
        Some(place) => *place = application,
        None => wanted.applications.push(application),
    }
    save(world, name, machine, &wanted)
}

fn install(world: &World, name: &str, script: &Script, machine: &Machine) -> io::Result<Ended> {
    let id = script.subscription;
    if let Some(there) = machine.application(id) {
        return Ok(if there.version == script.version && there.plan == script.plan {
            done(false)
        } else {
            fail(format!("{} {} is installed already", there.application, there.version))
        });
    }
    if let Some(full) = over_quota(world, name, script)? {
        return Ok(fail(full));
    }
    if world.data(name, id, "counter")?.is_none() {
        world.save_data(name, id, "counter", "0\n")?;
    }
    migrate(world, name, id, &script.version)?;
    let application = Application {
        subscription: id,
        application: script.application.clone(),
        version: script.version.clone(),
        plan: script.plan.clone(),
        state: ApplicationState::Stopped,
    };
    put(world, name, machine, application)
}

/// Upgrade and downgrade: the data's format first, so that a version never stands over data it cannot read.
fn change_version(
    world: &World,
    name: &str,
    script: &Script,
    machine: &Machine,
    installed: &Application,
) -> io::Result<Ended> {
    if installed.version != script.version
        && script.from_version.as_ref().is_some_and(|from| *from != installed.version)
    {
        let from = script.from_version.as_deref().unwrap_or_default();
        return Ok(fail(format!("version {} is installed, not {from}", installed.version)));
    }
    if let Some(full) = over_quota(world, name, script)? {
        return Ok(fail(full));
    }
    migrate(world, name, script.subscription, &script.version)?;
    let (version, plan) = (script.version.clone(), script.plan.clone());
    put(world, name, machine, Application { version, plan, ..installed.clone() })
}

/// Brings the data to the format of a version. Everything but the file `format` stays as it is.
fn migrate(world: &World, name: &str, id: Uuid, version: &str) -> io::Result<()> {
    if world.data(name, id, "format")?.as_deref() != Some(version) {
        world.save_data(name, id, "format", &format!("{version}\n"))?;
    }
    Ok(())
}

/// Why the data does not fit into the quota of the script's plan; a quota of 0 means none.
fn over_quota(world: &World, name: &str, script: &Script) -> io::Result<Option<String>> {
    let Some(quota) = quota(script) else {
        return Ok(None);
    };
    let needs = world.volume_octets(name, script.subscription)?;
    let reason = format!(
        "the data holds {needs} octets, and plan {} has a quota of {} GiB",
        script.plan, script.quota_gib
    );
    Ok((needs > quota).then_some(reason))
}

fn quota(script: &Script) -> Option<u64> {
    (script.quota_gib > 0).then(|| script.quota_gib.saturating_mul(GIB))
}

fn backup(world: &World, name: &str, script: &Script) -> io::Result<Ended> {
    let Some(path) = script.archive.as_deref() else {
        return Ok(fail("backup was given no path for its archive"));
    };
    let place = match world.spool(name, path) {
        Ok(place) => place,
        Err(reason) => return Ok(fail(reason)),
    };
    let fresh = world.scratch();
    let packed = match archive::pack(&world.volume(name, script.subscription), &fresh) {
        Err(e) if e.kind() == ErrorKind::InvalidInput => return Ok(fail(e.to_string())),
        other => other?,
    };
    world.move_to(&fresh, &place)?;
    let result = json!({ "archive": path, "size": packed.size, "sha256": packed.sha256 });
    Ok(Ended { seen: Observation::Done { result }, changed: true })
}

fn restore(world: &World, name: &str, script: &Script) -> io::Result<Ended> {
    let id = script.subscription;
    let Some(path) = script.archive.as_deref() else {
        return Ok(fail("restore was given no archive"));
    };
    let from = match world.spool(name, path) {
        Ok(from) if from.is_file() => from,
        Ok(_) => return Ok(fail(format!("there is no archive {path} in the spool"))),
        Err(reason) => return Ok(fail(reason)),
    };
    let fresh = world.scratch();
    let ended = match archive::unpack(&from, &fresh, quota(script)) {
        Ok(()) => put_back(world, name, script, &fresh)?,
        Err(UnpackError::Io(e)) => return Err(e),
        Err(refused) => fail(refused.to_string()),
    };
    // Not a change of the world: what is left here goes at the next start.
    drop(std::fs::remove_dir_all(&fresh));
    debug_assert!(world.volume(name, id).is_dir(), "a restore leaves the old data or the new");
    Ok(ended)
}

fn put_back(world: &World, name: &str, script: &Script, fresh: &std::path::Path) -> io::Result<Ended> {
    let format = fresh.join("format");
    let found = match std::fs::read_to_string(&format) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => return Ok(fail("the archive is not usable: it holds no data format")),
    };
    if let Some(said) = script.from_version.as_ref().filter(|v| **v != found) {
        return Ok(fail(format!("the archive is not usable: it holds data of version {found}, not {said}")));
    }
    if found != script.version {
        std::fs::write(&format, format!("{}\n", script.version))?;
    }
    world.replace_volume(name, script.subscription, fresh)?;
    Ok(done(true))
}
