//! The post-condition of each operation, as observed in the world.

use std::io;

use uuid::Uuid;

use super::entries::ApplicationState;
use super::world::World;
use crate::hypervisor::{Guard, MachineState, Operation, Role};

/// Whether the world is as the operation wants it.
pub fn holds(world: &World, guard: &Guard, operation: &Operation) -> io::Result<bool> {
    let name = guard.name.as_str();
    let machine = world.machine(name)?;
    let volume = |id: Uuid| -> io::Result<Option<u64>> {
        Ok(world
            .tag(name)?
            .and_then(|t| t.volumes.get(&id).copied())
            .filter(|_| world.volume(name, id).is_dir()))
    };
    let state = |wanted| machine.as_ref().is_some_and(|m| m.state == wanted);
    Ok(match operation {
        Operation::CreateMachine { .. } => machine.is_some_and(|m| m.id == guard.tag.machine),
        Operation::ResizeMachine { size } => machine.is_some_and(|m| {
            m.vcpu == size.vcpu && m.memory_mib == size.memory_mib && m.disk_gib >= size.disk_gib
        }),
        Operation::SuspendMachine => state(MachineState::Suspended),
        Operation::ResumeMachine => state(MachineState::Running),
        Operation::DeleteMachine => machine.is_none(),
        Operation::EnsureVolume { subscription, size_gib } => {
            volume(*subscription)?.is_some_and(|s| s >= *size_gib)
        }
        Operation::DeleteVolume { subscription } => {
            volume(*subscription)?.is_none() && !world.volume(name, *subscription).exists()
        }
        Operation::DeleteSpool { path } => world.spool(name, path).is_ok_and(|file| !file.exists()),
        Operation::RunScript(script) => {
            let application = machine.as_ref().and_then(|m| m.application(script.subscription));
            let format = || world.data(name, script.subscription, "format");
            match script.role {
                Role::Remove => application.is_none(),
                Role::Start | Role::Health => {
                    application.is_some_and(|a| a.state == ApplicationState::Running)
                }
                Role::Stop => application.is_some_and(|a| a.state == ApplicationState::Stopped),
                Role::Configure => application.is_some_and(|a| a.plan == script.plan),
                Role::Install | Role::Upgrade | Role::Downgrade => {
                    application.is_some_and(|a| a.version == script.version)
                        && format()?.as_ref() == Some(&script.version)
                }
                Role::Restore => format()?.as_ref() == Some(&script.version),
                Role::Backup => script
                    .archive
                    .as_ref()
                    .is_some_and(|path| world.spool(name, path).is_ok_and(|file| file.is_file())),
            }
        }
    })
}
