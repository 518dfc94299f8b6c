//! Our binary as processes of their own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, Interval};

/// Longest time that a process gets to be ready, or to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at intervals whether something holds, for a limited time: `while !holds { looks.again().await }`.
pub struct Looks {
    what: String,
    deadline: Instant,
    interval: Interval,
}

impl Looks {
    /// `what` should come to hold within `patience`.
    pub fn until(what: &str, patience: Duration) -> Self {
        let interval = tokio::time::interval(Duration::from_millis(50));
        Self { what: what.to_owned(), deadline: Instant::now() + patience, interval }
    }

    pub fn time_is_up(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Waits for the next look; fails, naming what was waited for, when the time is up.
    pub async fn again(&mut self) {
        assert!(!self.time_is_up(), "in all the time it has not come to hold that {}", self.what);
        self.interval.tick().await;
    }
}

/// A command of our binary that sees none of the settings of this test run.
pub fn telvisor(log: &Path) -> Command {
    let log = std::fs::File::create(log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_telvisor"));
    command.env_remove("TELVISOR_TEST_FULL").env_remove("TELVISOR_TEST_SEED");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
    command
}

/// Has a command work on a database that it may migrate, too; on its own file without one.
pub fn on_database(command: &mut Command, url: Option<&str>) {
    if let Some(url) = url {
        command.arg("--database").arg(url).env("TELVISOR_DATABASE__OWNER_URL", url);
    }
}

/// What a server says when it is ready; none when it ends before.
pub async fn announced(mut out: BufReader<tokio::process::ChildStdout>) -> Option<Value> {
    let mut text = String::new();
    loop {
        if out.read_line(&mut text).await.unwrap() == 0 {
            return None;
        }
        if let Ok(started) = serde_json::from_str(&text) {
            return Some(started);
        }
    }
}
