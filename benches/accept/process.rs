//! What a process has used, as the kernel counts it.

use std::time::Duration;

use anyhow::Context as _;

/// Processor time of a process, all threads, to 10 ms.
pub fn used(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<u64> = numbers(&text).context("a process's state")?;
    Ok(Duration::from_millis((fields[10] + fields[11]) * 10))
}

/// Processor time of all processes under one, those that ended among them, such as the sessions of PostgreSQL.
pub fn used_below(parent: u32) -> anyhow::Result<Duration> {
    let own = numbers(&std::fs::read_to_string(format!("/proc/{parent}/stat"))?).context("a state")?;
    let mut ticks = own[12] + own[13];
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some(fields) = numbers(&text).filter(|f| f[0] == u64::from(parent)) {
            ticks += fields[10] + fields[11];
        }
    }
    Ok(Duration::from_millis(ticks * 10))
}

/// The fields of a state after the name and the state letter; 0 for what is no number or below 0.
fn numbers(stat: &str) -> Option<Vec<u64>> {
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(1);
    Some(fields.map(|f| f.parse().unwrap_or(0)).collect())
}

/// Resident memory of a process now and at most so far, in MiB.
pub fn memory(pid: u32) -> anyhow::Result<[f64; 2]> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)).context("no such line")?;
        let kib: f64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
        anyhow::Ok(kib / 1024.0)
    };
    Ok([of("VmRSS")?, of("VmHWM")?])
}
