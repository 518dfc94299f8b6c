//! Latency and faults on demand.
//!
//! They come from two places: from this process ([`Faults::set`]) and from the file `faults.json` in the world,
//! which is read again whenever it changed, so that a test can set them on a simulator in another process:
//!
//! ```json
//! {
//!   "latency_ms": { "*": 50, "create_machine": [200, 900] },
//!   "rules": [
//!     { "operation": "install", "nth": 2, "effect": "fail" },
//!     { "call": "read", "times": 3, "effect": "timeout-before" }
//!   ]
//! }
//! ```
//!
//! A rule counts the calls that it matches from when it was set, and strikes the `nth` (1 if absent) and, with
//! `times`, that many from there on; with neither it strikes every one. Counters live in this process and start
//! again when the rules are replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What happens instead of the right thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `begin`: the operation ends in `Fail` without having acted. Other calls: refused.
    Fail,
    /// `begin`: the operation ends in `Retry` without having acted. Other calls: unreachable.
    Retry,
    /// The call does nothing and answers unreachable.
    TimeoutBefore,
    /// The call acts (an operation runs to its end) and answers unreachable.
    TimeoutAfterActing,
    /// The call does nothing and answers that there is no capacity.
    Capacity,
    /// `begin`: the operation acts and is then forgotten. `observe`: answers unknown. Other calls: unreachable.
    Unknown,
}

/// When to strike, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the operation ([`crate::hypervisor::Operation::name`]) that the call begins or observes; `*` is
    /// any, and the only one that fits calls without an operation.
    #[serde(default = "any")]
    pub operation: String,
    /// Method of the driver.
    #[serde(default = "begin")]
    pub call: String,
    /// Only on the machine of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    pub effect: Effect,
}

impl Rule {
    /// The rule that strikes the n-th `begin` of an operation, once.
    #[must_use]
    pub fn nth(operation: &str, nth: u64, effect: Effect) -> Self {
        let (operation, call) = (operation.to_owned(), begin());
        Self { operation, call, machine: None, nth: Some(nth), times: None, effect }
    }

    fn fits(&self, call: &str, operation: &str, machine: &str) -> bool {
        self.call == call
            && (self.operation == "*" || self.operation == operation)
            && self.machine.as_deref().is_none_or(|m| m == machine)
    }

    /// Whether the rule strikes the count-th call that it matches.
    fn strikes(&self, count: u64) -> bool {
        let first = self.nth.unwrap_or(1);
        let last = match (self.nth, self.times) {
            (None, None) => u64::MAX,
            (_, times) => first.saturating_add(times.unwrap_or(1)).saturating_sub(1),
        };
        (first..=last).contains(&count)
    }
}

fn any() -> String {
    "*".into()
}

fn begin() -> String {
    "begin".into()
}

/// How long an operation takes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Latency {
    Fixed(u64),
    /// From, to; the place between follows from the operation's key.
    Range(u64, u64),
}

/// All that can be set, as in `faults.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// By name of the operation; `*` for all others.
    pub latency_ms: BTreeMap<String, Latency>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Default)]
struct Armed {
    settings: Settings,
    /// Calls matched so far, by rule.
    counts: Vec<u64>,
}

impl Armed {
    fn new(settings: Settings) -> Self {
        Self { counts: vec![0; settings.rules.len()], settings }
    }

    fn strike(&mut self, call: &str, operation: &str, machine: &str) -> Option<Effect> {
        let mut effect = None;
        for (rule, count) in self.settings.rules.iter().zip(&mut self.counts) {
            if rule.fits(call, operation, machine) {
                *count += 1;
                effect = effect.or(rule.strikes(*count).then_some(rule.effect));
            }
        }
        effect
    }
}

/// What tells that the file is another one than before.
type Stamp = Option<(std::time::SystemTime, u64, u64)>;

#[derive(Debug, Default)]
struct State {
    here: Armed,
    file: Armed,
    stamp: Stamp,
}

/// Latency and faults of one simulator.
#[derive(Debug)]
pub struct Faults {
    file: PathBuf,
    state: Mutex<State>,
}

impl Faults {
    /// Reads `file` whenever it changed; `settings` are those of this process.
    #[must_use]
    pub fn new(file: PathBuf, settings: Settings) -> Self {
        Self { file, state: Mutex::new(State { here: Armed::new(settings), ..State::default() }) }
    }

    /// Replaces what this process has set. What the file says stands before it for latency, behind it for faults.
    pub fn set(&self, settings: Settings) {
        self.current().here = Armed::new(settings);
    }

    /// What strikes this call. All rules that match count it; the first that strikes decides.
    pub fn strike(&self, call: &str, operation: &str, machine: &str) -> Option<Effect> {
        let mut state = self.current();
        let here = state.here.strike(call, operation, machine);
        let file = state.file.strike(call, operation, machine);
        here.or(file)
    }

    /// How long an operation takes.
    pub fn latency(&self, operation: &str, key: &str) -> Duration {
        let state = self.current();
        let set = [&state.file, &state.here].into_iter().find_map(|armed| {
            let by_name = &armed.settings.latency_ms;
            by_name.get(operation).or_else(|| by_name.get("*")).copied()
        });
        Duration::from_millis(match set {
            None => 0,
            Some(Latency::Fixed(ms)) => ms,
            Some(Latency::Range(from, to)) => {
                let digest = Sha256::digest(key.as_bytes());
                let drawn = digest.iter().take(8).fold(0u64, |n, octet| n << 8 | u64::from(*octet));
                from + drawn % to.saturating_sub(from).saturating_add(1)
            }
        })
    }

    /// The state, after another look at the file.
    fn current(&self) -> MutexGuard<'_, State> {
        use std::os::unix::fs::MetadataExt;
        let mut state = self.state.lock().expect("no one panics holding it");
        let stamp = std::fs::metadata(&self.file)
            .ok()
            .and_then(|meta| Some((meta.modified().ok()?, meta.len(), meta.ino())));
        if stamp != state.stamp {
            let read = match stamp {
                None => Ok(Settings::default()),
                Some(_) => std::fs::read(&self.file)
                    .map_err(|e| e.to_string())
                    .and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string())),
            };
            match read {
                Ok(settings) => state.file = Armed::new(settings),
                Err(e) => tracing::warn!(file = %self.file.display(), "fault rules not taken over: {e}"),
            }
            state.stamp = stamp;
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[Rule]) -> Settings {
        Settings { rules: rules.to_vec(), ..Settings::default() }
    }

    #[test]
    fn a_rule_counts_from_when_it_was_set_and_strikes_as_often_as_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::new(dir.path().join("faults.json"), Settings::default());
        let strikes =
            |call: &str| (0..5).map(|_| faults.strike(call, "install", "m").is_some()).collect::<Vec<_>>();
        assert_eq!(strikes("begin"), [false; 5]);
        faults.set(rules(&[Rule::nth("install", 2, Effect::Fail)]));
        assert_eq!(strikes("begin"), [false, true, false, false, false]);
        let twice = Rule { times: Some(2), ..Rule::nth("*", 3, Effect::Retry) };
        faults.set(rules(&[twice]));
        assert_eq!(strikes("begin"), [false, false, true, true, false]);
        let every = Rule { nth: None, call: "read".into(), ..Rule::nth("*", 1, Effect::Unknown) };
        faults.set(rules(std::slice::from_ref(&every)));
        assert_eq!(strikes("begin"), [false; 5]);
        assert_eq!(strikes("read"), [true; 5]);
        faults.set(rules(&[Rule { machine: Some("other".into()), ..every }]));
        assert_eq!(strikes("read"), [false; 5]);
    }

    #[test]
    fn the_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("faults.json");
        let faults = Faults::new(file.clone(), Settings::default());
        assert_eq!(faults.strike("begin", "start", "m"), None);
        let text = r#"{"rules": [{"operation": "start", "effect": "timeout-after-acting"}]}"#;
        std::fs::write(&file, text).unwrap();
        assert_eq!(faults.strike("begin", "start", "m"), Some(Effect::TimeoutAfterActing));
        std::fs::write(&file, "{\"rules\": [").unwrap();
        assert_eq!(faults.strike("begin", "start", "m"), Some(Effect::TimeoutAfterActing));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(faults.strike("begin", "start", "m"), None);
    }

    #[test]
    fn latency_is_fixed_or_drawn_from_the_key() {
        let text = r#"{"latency_ms": {"*": 7, "install": [100, 200]}}"#;
        let dir = tempfile::tempdir().unwrap();
        let settings = serde_json::from_str(text).unwrap();
        let faults = Faults::new(dir.path().join("faults.json"), settings);
        assert_eq!(faults.latency("start", "k"), Duration::from_millis(7));
        let drawn: Vec<_> = (0..50).map(|i| faults.latency("install", &i.to_string()).as_millis()).collect();
        assert!(drawn.iter().all(|ms| (100..=200).contains(ms)), "{drawn:?}");
        assert!(drawn.iter().any(|ms| *ms != drawn[0]), "{drawn:?}");
        assert_eq!(faults.latency("install", "3").as_millis(), drawn[3]);
    }
}
