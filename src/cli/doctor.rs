//! `telvisor doctor`: what would keep a server from running here, and how to mend it.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::http::Http;
use super::out::Out;
use super::{Global, migrate, serve};
use crate::clock::{Clock as _, SystemClock, show};
use crate::config::{Config, describe};
use crate::store;

/// No release was made before, so an earlier present is a wrong clock: 2026-01-01T00:00:00Z.
const FIRST_RELEASE: i64 = 1_767_225_600;
/// A clock that is this far ahead of the first release is wrong too.
const YEARS: i64 = 75;
/// What the database's clock may differ by before leases are judged oddly.
const DRIFT: TimeDelta = TimeDelta::seconds(5);

/// What was looked at, and what was seen.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    /// What is, or what is wrong.
    message: String,
    /// How to mend it; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

fn well(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, ok: true, message: message.into(), fix: None }
}

fn fault(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check, ok: false, message: message.into(), fix: Some(fix.into()) }
}

pub async fn run(global: &Global, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let findings = match global.load() {
        Ok(config) => look(&config).await,
        Err(e) => vec![fault("configuration", format!("{e:#}"), "mend it, then run this again")],
    };
    if out.json {
        out.json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok   " } else { "FAULT" };
            out.line(format!("{mark}  {:14}{}", finding.check, finding.message))?;
            if let Some(fix) = &finding.fix {
                out.line(format!("       to mend it:   {fix}"))?;
            }
        }
    }
    Ok(u8::from(findings.iter().any(|f| !f.ok)))
}

async fn look(config: &Config) -> Vec<Finding> {
    let running = match config.listen.first() {
        Some(address) => answers(*address).await,
        None => false,
    };
    let mut findings = vec![well("configuration", "every key is well"), folder(&config.data)];
    findings.extend(database(config).await);
    findings.push(well("time zone", format!("{}, now {}", config.time_zone, local_now(config))));
    if config.hypervisor == "sim" {
        findings.push(world(&config.data.join("world"), running));
    }
    if config.role.has_api() {
        findings.extend(config.listen.iter().map(|address| port(*address, running)));
    }
    findings.push(clock(SystemClock.now()));
    findings
}

/// Whether a Telvisor is ready there.
async fn answers(address: SocketAddr) -> bool {
    match Http::new(&format!("http://{address}"), None) {
        Ok(http) => http.octets("/health/live").await.is_ok(),
        Err(_) => false,
    }
}

fn local_now(config: &Config) -> String {
    SystemClock.now().with_timezone(&config.zone()).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

fn folder(data: &Path) -> Finding {
    const CHECK: &str = "data folder";
    let name = data.display();
    // The nearest folder that exists is where a missing one would be made.
    let there = if data.as_os_str().is_empty() { Path::new(".") } else { data };
    let there = there.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let fix =
        format!("make {} writable for this user, or choose another folder with --data", there.display());
    if !there.is_dir() {
        return fault(
            CHECK,
            format!("{} is no folder", there.display()),
            "choose another folder with --data",
        );
    }
    let probe = there.join(format!(".telvisor-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"can this be written?").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Err(e) => fault(CHECK, format!("{name} cannot be written: {e}"), fix),
        Ok(()) if data.is_dir() => well(CHECK, format!("{name} can be written")),
        Ok(()) => well(CHECK, format!("{name} is not there yet, and can be made")),
    }
}

async fn database(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "database";
    let url = config.database_url();
    let shown = describe::masked_url(&url);
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        // Opening would make it; a doctor only looks.
        if !Path::new(path).exists() {
            return vec![well(CHECK, format!("{shown} is not there yet, the first start makes it"))];
        }
    }
    let db = match migrate::open(config).await {
        Ok(db) => db,
        Err(e) => {
            let fix = "start the database, or mend database.url; is its user allowed to log in?";
            return vec![fault(CHECK, format!("{e:#}"), fix)];
        }
    };
    let mut findings = vec![match store::migrate::missing(&db).await {
        Err(e) => fault(
            CHECK,
            format!("{shown}: {e}"),
            "is it Telvisor's? another one can be named with --database",
        ),
        Ok(missing) if missing.is_empty() => match store::migrate::check(&db).await {
            Ok(()) => well(CHECK, format!("{shown} opens, its schema is up to date")),
            Err(e) => fault(CHECK, format!("{shown}: {e}"), "use the newer release"),
        },
        Ok(missing) => fault(
            CHECK,
            format!("{shown}: the schema lacks {}", missing.join(", ")),
            "run `telvisor migrate`; a start does it too, on PostgreSQL where database.owner_url is set",
        ),
    }];
    if let Ok(mut tx) = db.read_system().await
        && let Ok(theirs) = tx.lease_now().await
    {
        let drift = theirs - SystemClock.now();
        if drift.abs() > DRIFT {
            let message = format!("the database's clock differs by {} s", drift.num_seconds());
            findings.push(fault("its clock", message, "let both machines follow the same time server"));
        }
    }
    db.close().await;
    findings
}

fn world(dir: &Path, running: bool) -> Finding {
    const CHECK: &str = "world";
    let name = dir.display();
    let file = match File::open(dir.join("lock")) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return well(CHECK, format!("{name} is not there yet, the first start makes it"));
        }
        Err(e) => {
            return fault(CHECK, format!("{name}: {e}"), "give this user the right to read the data folder");
        }
    };
    match file.try_lock() {
        Ok(()) => well(CHECK, format!("{name} is free")),
        Err(TryLockError::WouldBlock) if running => {
            well(CHECK, format!("{name} is played by the running server"))
        }
        Err(TryLockError::WouldBlock) => fault(
            CHECK,
            format!("{name} is played by another process"),
            "stop that one, or choose another folder with --data",
        ),
        Err(TryLockError::Error(e)) => {
            fault(CHECK, format!("{name} cannot be locked: {e}"), "keep the data folder on a local disk")
        }
    }
}

fn port(address: SocketAddr, running: bool) -> Finding {
    const CHECK: &str = "port";
    match serve::check_free("listen", address) {
        Ok(()) => well(CHECK, format!("{address} is free")),
        Err(_) if running => well(CHECK, format!("{address}: a Telvisor runs there")),
        Err(e) => fault(CHECK, format!("{e:#}"), "see who has it with `ss -ltnp`"),
    }
}

fn clock(now: DateTime<Utc>) -> Finding {
    const CHECK: &str = "clock";
    let first = DateTime::from_timestamp(FIRST_RELEASE, 0).expect("a date of this century");
    let since = now - first;
    if since < TimeDelta::zero() || since > TimeDelta::days(365 * YEARS) {
        let message = format!("{} cannot be the present", show(now));
        return fault(CHECK, message, "set the machine's clock; records and periods go by it");
    }
    well(CHECK, show(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn config(data: &Path) -> Config {
        let listen = Some(vec!["127.0.0.1:0".parse().unwrap()]);
        Config::load(None, &Overrides { data: Some(data.to_owned()), listen, ..Overrides::default() })
            .unwrap()
    }

    #[tokio::test]
    async fn an_empty_folder_is_well() {
        let dir = tempfile::tempdir().unwrap();
        let findings = look(&config(&dir.path().join("new"))).await;
        assert!(findings.iter().all(|f| f.ok), "{findings:?}");
        assert!(!dir.path().join("new").exists(), "a doctor makes nothing");
    }

    #[tokio::test]
    async fn a_database_without_its_schema_is_a_fault_that_migrate_mends() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        migrate::open(&config).await.unwrap().close().await;
        let findings = database(&config).await;
        assert!(findings[0].fix.as_ref().unwrap().contains("telvisor migrate"), "{findings:?}");
        let db = migrate::open(&config).await.unwrap();
        store::migrate::run(&db).await.unwrap();
        db.close().await;
        assert!(database(&config).await[0].ok);
    }

    #[test]
    fn a_world_in_use_and_a_taken_port_are_faults() {
        let dir = tempfile::tempdir().unwrap();
        let lock = File::create(dir.path().join("lock")).unwrap();
        assert!(world(dir.path(), false).ok);
        lock.try_lock().unwrap();
        assert!(!world(dir.path(), false).ok);
        assert!(world(dir.path(), true).ok);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!port(taken.local_addr().unwrap(), false).ok);
        assert!(port(taken.local_addr().unwrap(), true).ok);
    }

    #[test]
    fn a_file_in_place_of_the_folder_and_a_wrong_clock_are_faults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!folder(file.path()).ok);
        assert!(!clock(DateTime::UNIX_EPOCH).ok);
        assert!(!clock(DateTime::from_timestamp(9_999_999_999, 0).unwrap()).ok);
    }
}
