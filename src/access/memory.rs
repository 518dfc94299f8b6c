//! What a process remembers of credentials: which secrets were right a moment ago, and who was wrong how often.
//!
//! All of it is bounded and may be lost: it saves work, and the database stays the truth.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;

/// How long a secret that was right is taken to be right.
const VERIFIED: TimeDelta = TimeDelta::seconds(60);
/// How long failures are counted, from the first; who reaches a limit waits until that time is over.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Failures of one name from one address, and of all names from one address, that are let through in that time.
const OF_NAME: u32 = 10;
const OF_ADDRESS: u32 = 100;
/// Most entries of each kind.
const MOST: usize = 10_000;
/// Secrets that are hashed at the same time: each takes 19 MiB and a core.
const HASHING: usize = 4;

/// One for each process.
pub struct Memory {
    inner: Mutex<Inner>,
    /// Held while a secret is hashed.
    pub hashing: Semaphore,
}

#[derive(Default)]
struct Inner {
    /// Until when, by a keyed digest of name, hash and secret.
    verified: HashMap<[u8; 32], DateTime<Utc>>,
    /// By name and address; an empty name stands for all of an address.
    failures: HashMap<(String, String), Failures>,
    /// How many nonces of a client may be noted before they are counted again.
    rooms: HashMap<String, i64>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    until: DateTime<Utc>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { inner: Mutex::default(), hashing: Semaphore::new(HASHING) }
    }
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these credentials were right within the last minute.
    pub fn was_right(&self, key: &[u8; 32], now: DateTime<Utc>) -> bool {
        self.lock().verified.get(key).is_some_and(|until| now < *until)
    }

    /// These credentials are right: forgets what failed before under this name from this address.
    pub fn right(&self, key: Option<[u8; 32]>, name: &str, address: &str, now: DateTime<Utc>) {
        let mut inner = self.lock();
        inner.failures.remove(&(name.to_owned(), address.to_owned()));
        if let Some(key) = key {
            make_room(&mut inner.verified, now, |until| *until);
            inner.verified.insert(key, now + VERIFIED);
        }
    }

    /// How many seconds this name, or everybody, at this address has to wait; none: it may try.
    pub fn blocked(&self, name: &str, address: &str, now: DateTime<Utc>) -> Option<u32> {
        let inner = self.lock();
        [(name, OF_NAME), ("", OF_ADDRESS)].into_iter().find_map(|(name, limit)| {
            let f = inner.failures.get(&(name.to_owned(), address.to_owned()))?;
            let left = (f.until - now).num_seconds();
            (f.count >= limit && now < f.until).then(|| u32::try_from(left.max(1)).unwrap_or(1))
        })
    }

    /// These credentials were wrong.
    pub fn wrong(&self, name: &str, address: &str, now: DateTime<Utc>) {
        let mut inner = self.lock();
        for name in [name, ""] {
            make_room(&mut inner.failures, now, |f| f.until);
            let key = (name.to_owned(), address.to_owned());
            let f = inner.failures.entry(key).or_insert(Failures { count: 0, until: now + WINDOW });
            if f.until <= now {
                *f = Failures { count: 0, until: now + WINDOW };
            }
            f.count += 1;
        }
    }

    /// Takes room for one more nonce of a client; false: they have to be counted first.
    pub fn take_room(&self, client: &str) -> bool {
        match self.lock().rooms.get_mut(client) {
            Some(room) if *room > 0 => {
                *room -= 1;
                true
            }
            _ => false,
        }
    }

    /// There is so much room after a count.
    pub fn set_room(&self, client: &str, room: i64) {
        self.lock().rooms.insert(client.to_owned(), room);
    }
}

/// Makes room for one more: what is over goes, and where that is not enough, what is over first.
fn make_room<K: Hash + Eq + Clone, V>(
    map: &mut HashMap<K, V>,
    now: DateTime<Utc>,
    until: impl Fn(&V) -> DateTime<Utc>,
) {
    if map.len() < MOST {
        return;
    }
    map.retain(|_, v| now < until(v));
    if map.len() >= MOST
        && let Some(first) = map.iter().min_by_key(|(_, v)| until(v)).map(|(k, _)| k.clone())
    {
        map.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn ten_failures_of_a_name_block_it_at_that_address_until_the_minute_is_over() {
        let memory = Memory::default();
        for n in 0..10 {
            assert_eq!(memory.blocked("a", "1", at(n)), None, "{n}");
            memory.wrong("a", "1", at(n));
        }
        assert_eq!(memory.blocked("a", "1", at(9)), Some(51));
        assert_eq!(memory.blocked("a", "2", at(9)), None, "elsewhere it goes on");
        assert_eq!(memory.blocked("b", "1", at(9)), None);
        assert_eq!(memory.blocked("a", "1", at(60)), None);
        memory.wrong("a", "1", at(60));
        assert_eq!(memory.blocked("a", "1", at(60)), None, "it is counted anew");
        memory.right(None, "a", "1", at(60));
        for _ in 0..9 {
            memory.wrong("a", "1", at(61));
        }
        assert_eq!(memory.blocked("a", "1", at(61)), None, "what was right ends the count");
    }

    #[test]
    fn a_hundred_failures_block_an_address() {
        let memory = Memory::default();
        for n in 0..100 {
            assert_eq!(memory.blocked("x", "1", at(0)), None);
            memory.wrong(&format!("n{n}"), "1", at(0));
        }
        assert_eq!(memory.blocked("x", "1", at(0)), Some(60));
        assert_eq!(memory.blocked("x", "2", at(0)), None);
    }

    #[test]
    fn it_stays_bounded_and_forgets_the_oldest() {
        let memory = Memory::default();
        for n in 0..MOST + 500 {
            let second = i64::try_from(n / 1000).unwrap();
            memory.wrong(&format!("n{n}"), &format!("a{n}"), at(second));
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            memory.right(Some(key), "other", "other", at(second));
        }
        let inner = memory.lock();
        assert!(inner.failures.len() <= MOST && inner.verified.len() <= MOST);
        let last = MOST + 499;
        assert!(inner.failures.contains_key(&(format!("n{last}"), format!("a{last}"))));
        assert!(!inner.failures.contains_key(&("n0".to_owned(), "a0".to_owned())));
    }

    #[test]
    fn what_was_right_is_right_for_a_minute() {
        let memory = Memory::default();
        memory.right(Some([1; 32]), "a", "1", at(0));
        assert!(memory.was_right(&[1; 32], at(59)) && !memory.was_right(&[1; 32], at(60)));
        assert!(!memory.was_right(&[2; 32], at(0)));
    }

    #[test]
    fn room_is_taken_until_there_is_none() {
        let memory = Memory::default();
        assert!(!memory.take_room("a"));
        memory.set_room("a", 2);
        assert_eq!(
            [memory.take_room("a"), memory.take_room("a"), memory.take_room("a")],
            [true, true, false]
        );
    }
}
