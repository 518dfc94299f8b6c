//! The calls that end at once: what is there, what it uses, the guest's spool, the address of an application.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use super::CHUNK_MAX;
use super::entries::{ApplicationState, Machine};
use super::inner::{Inner, away};
use crate::hypervisor::{DriverError, Guard, MachineState, Owned, Usage};

impl Inner {
    pub(super) fn owned(&self, installation: Uuid) -> Result<Vec<Owned>, DriverError> {
        let mut owned = Vec::new();
        for name in self.world.names().map_err(|e| away(&e))? {
            let found = (
                self.world.tag(&name).map_err(|e| away(&e))?,
                self.world.machine(&name).map_err(|e| away(&e))?,
            );
            let (Some(tag), Some(machine)) = found else {
                continue;
            };
            if tag.tag.installation == installation {
                owned.push(Owned {
                    name,
                    state: machine.state,
                    size: machine.size(),
                    volumes: tag.volumes.into_keys().collect(),
                    tag: tag.tag,
                    fence: tag.fence,
                    host: tag.host,
                });
            }
        }
        Ok(owned)
    }

    /// CPU and memory follow from what is running; the volumes are measured.
    pub(super) fn usage(&self, guard: &Guard) -> Result<Usage, DriverError> {
        self.locked(&guard.name, || {
            let (machine, tag) = self.existing(guard)?;
            let volume_octets = tag
                .volumes
                .keys()
                .map(|id| Ok((*id, self.world.volume_octets(&guard.name, *id)?)))
                .collect::<io::Result<_>>()
                .map_err(|e| away(&e))?;
            let started =
                machine.applications.iter().filter(|a| a.state == ApplicationState::Running).count() as u64;
            let (cpu, memory) = match machine.state {
                MachineState::Running => (1 + 7 * started, 128 + 256 * started),
                MachineState::Suspended => (0, 128 + 256 * started),
                MachineState::Stopped => (0, 0),
            };
            let memory_mib = memory.min(machine.memory_mib);
            Ok(Usage { cpu_percent: cpu.min(100) as u8, memory_mib, volume_octets })
        })
    }

    fn spool(&self, guard: &Guard, machine: &Machine, path: &str) -> Result<PathBuf, DriverError> {
        if machine.state != MachineState::Running {
            return Err(DriverError::Refused(format!("{} is not running", guard.name)));
        }
        self.world.spool(&guard.name, path).map_err(DriverError::Refused)
    }

    pub(super) fn read(
        &self,
        guard: &Guard,
        path: &str,
        offset: u64,
        len: u32,
    ) -> Result<Vec<u8>, DriverError> {
        self.locked(&guard.name, || {
            let (machine, _) = self.existing(guard)?;
            let file = self.spool(guard, &machine, path)?;
            let len = len.min(CHUNK_MAX as u32);
            let read = self.world.read_at(&file, offset, len).map_err(|e| away(&e))?;
            read.ok_or_else(|| DriverError::Absent(format!("{path} on {}", guard.name)))
        })
    }

    pub(super) fn write(
        &self,
        guard: &Guard,
        path: &str,
        offset: u64,
        data: &[u8],
    ) -> Result<(), DriverError> {
        self.locked(&guard.name, || {
            let (machine, mut tag) = self.existing(guard)?;
            Self::check_fence(guard, &tag)?;
            let file = self.spool(guard, &machine, path)?;
            if tag.fence < guard.fence {
                tag.fence = guard.fence;
                self.world.save_tag(&guard.name, &tag).map_err(|e| away(&e))?;
            }
            match self.world.write_at(&file, offset, data).map_err(|e| away(&e))? {
                true => Ok(()),
                false => Err(DriverError::Refused(format!("{path} ends before offset {offset}"))),
            }
        })
    }

    pub(super) fn endpoint(&self, guard: &Guard, subscription: Uuid) -> Result<Option<String>, DriverError> {
        let (machine, _) = self.existing(guard)?;
        let started = machine.application(subscription).is_some_and(|a| a.state == ApplicationState::Running);
        let port = self.port.get().filter(|_| started);
        Ok(port.map(|port| format!("http://127.0.0.1:{port}/apps/{subscription}")))
    }
}
