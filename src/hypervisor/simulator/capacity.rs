//! What the hosts of the simulated world have, and what the machines on them take.
//!
//! A machine takes its vCPU, memory and disk; its data volumes are cut out of its disk and not counted again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use crate::hypervisor::{Host, Size};

/// A host of the world and all that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSize {
    pub name: String,
    pub vcpu: u32,
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u64,
    #[serde(rename = "diskGiB")]
    pub disk_gib: u64,
}

impl Default for HostSize {
    /// `sim-1`: 64 vCPU, 256 GiB memory, 4 TiB disk.
    fn default() -> Self {
        Self { name: "sim-1".into(), vcpu: 64, memory_mib: 256 * 1024, disk_gib: 4096 }
    }
}

/// The hosts and who takes how much of them, by machine name.
#[derive(Debug)]
pub struct Capacity {
    hosts: Vec<HostSize>,
    taken: Mutex<BTreeMap<String, (String, Size)>>,
}

impl Capacity {
    #[must_use]
    pub fn new(hosts: Vec<HostSize>) -> Self {
        Self { hosts, taken: Mutex::new(BTreeMap::new()) }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, (String, Size)>> {
        self.taken.lock().expect("no one panics holding it")
    }

    /// Takes room for a machine that is made, or grows; what it has already stays taken. Only what grows must fit.
    pub fn reserve(&self, machine: &str, host: &str, size: Size) -> Result<(), String> {
        let spec = self.hosts.iter().find(|h| h.name == host).ok_or(format!("there is no host {host}"))?;
        let mut taken = self.taken();
        let has = taken.get(machine).map(|(_, s)| *s).unwrap_or_default();
        let others = sum(taken.iter().filter(|(m, (h, _))| *m != machine && h == host).map(|(_, (_, s))| s));
        let lacks = [
            ("vCPU", u64::from(size.vcpu), u64::from(has.vcpu), u64::from(others.vcpu), u64::from(spec.vcpu)),
            ("MiB of memory", size.memory_mib, has.memory_mib, others.memory_mib, spec.memory_mib),
            ("GiB of disk", size.disk_gib, has.disk_gib, others.disk_gib, spec.disk_gib),
        ]
        .into_iter()
        .find(|(_, wanted, has, others, total)| wanted > has && others.saturating_add(*wanted) > *total);
        if let Some((what, wanted, _, others, total)) = lacks {
            let free = total.saturating_sub(others);
            return Err(format!("{host} has {free} {what} for {machine}, which needs {wanted}"));
        }
        let both = Size {
            vcpu: size.vcpu.max(has.vcpu),
            memory_mib: size.memory_mib.max(has.memory_mib),
            disk_gib: size.disk_gib.max(has.disk_gib),
        };
        taken.insert(machine.to_owned(), (host.to_owned(), both));
        Ok(())
    }

    /// Sets what a machine really takes, once that is known.
    pub fn settle(&self, machine: &str, real: Option<(String, Size)>) {
        match real {
            Some(real) => self.taken().insert(machine.to_owned(), real),
            None => self.taken().remove(machine),
        };
    }

    /// The hosts with what is free on them.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        let taken = self.taken();
        let free = |spec: &HostSize| {
            let used = sum(taken.values().filter(|(h, _)| *h == spec.name).map(|(_, s)| s));
            Host {
                name: spec.name.clone(),
                vcpu_total: spec.vcpu,
                vcpu_free: spec.vcpu.saturating_sub(used.vcpu),
                memory_mib_total: spec.memory_mib,
                memory_mib_free: spec.memory_mib.saturating_sub(used.memory_mib),
                disk_gib_total: spec.disk_gib,
                disk_gib_free: spec.disk_gib.saturating_sub(used.disk_gib),
            }
        };
        self.hosts.iter().map(free).collect()
    }
}

fn sum<'a>(sizes: impl Iterator<Item = &'a Size>) -> Size {
    sizes.fold(Size::default(), |a, b| Size {
        vcpu: a.vcpu.saturating_add(b.vcpu),
        memory_mib: a.memory_mib.saturating_add(b.memory_mib),
        disk_gib: a.disk_gib.saturating_add(b.disk_gib),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(vcpu: u32) -> Size {
        Size { vcpu, memory_mib: 1024, disk_gib: 10 }
    }

    #[test]
    fn room_is_counted_per_host_and_given_back() {
        let small = |name: &str| HostSize { name: name.into(), vcpu: 4, ..HostSize::default() };
        let capacity = Capacity::new(vec![small("a"), small("b")]);
        capacity.reserve("m1", "a", size(3)).unwrap();
        let refused = capacity.reserve("m2", "a", size(2)).unwrap_err();
        assert_eq!(refused, "a has 1 vCPU for m2, which needs 2");
        capacity.reserve("m2", "b", size(2)).unwrap();
        assert_eq!(capacity.hosts().iter().map(|h| h.vcpu_free).collect::<Vec<_>>(), [1, 2]);
        capacity.reserve("m1", "a", size(4)).unwrap();
        assert!(capacity.reserve("m1", "a", size(5)).is_err());
        capacity.settle("m1", None);
        assert_eq!(capacity.hosts()[0].vcpu_free, 4);
        assert!(capacity.reserve("m3", "c", size(1)).unwrap_err().contains("no host c"));
    }
}
