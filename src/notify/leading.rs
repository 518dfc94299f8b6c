//! Until when this process may send: a leader whose lease is over may have a successor that is further, and what it has
//! at hand would come to listeners after what is newer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by the leader, who renews it, and its lanes. Time that the process stood still counts.
#[derive(Debug, Default)]
pub struct Leading(Mutex<Option<Instant>>);

impl Leading {
    /// The lease was asked for at `asked` and given, or not, for `lease`; a quarter is left for what is let go last.
    pub fn renew(&self, asked: Instant, given: Option<Duration>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            given.and_then(|lease| asked.checked_add(lease * 3 / 4));
    }

    /// Whether something may be sent now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_as_long_as_the_lease_and_no_longer() {
        let (leading, now) = (Leading::default(), Instant::now());
        assert!(!leading.holds(), "nothing was given yet");
        leading.renew(now, Some(Duration::from_secs(3600)));
        assert!(leading.holds());
        leading.renew(now.checked_sub(Duration::from_secs(8)).unwrap(), Some(Duration::from_secs(10)));
        assert!(!leading.holds(), "what is left of it is for what is under way");
        leading.renew(now, None);
        assert!(!leading.holds(), "another process leads");
    }
}
