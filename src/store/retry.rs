//! Doing a whole transaction again that was turned away for what others did at the same moment.

use std::fmt::Display;
use std::time::Duration;

use super::StoreError;
use crate::clock::new_id;

/// Most times that a transaction is begun.
const TRIES: u32 = 6;
/// Pause before the second try; it doubles with each, and up to as much again is drawn on top, so that two that met
/// do not meet again.
const PAUSE: Duration = Duration::from_millis(5);

/// An error that may come from the database.
pub trait Again: Display {
    /// Whether the transaction left nothing, and doing it again may go well.
    fn worth_again(&self) -> bool;
}

impl Again for StoreError {
    fn worth_again(&self) -> bool {
        self.is_transient() && !matches!(self, Self::Unsure(_) | Self::Sql(sqlx::Error::PoolTimedOut))
    }
}

/// Does `once`, which opens, fills and commits one transaction, until it is through: a deadlock, a serialization
/// failure or a lost connection is nobody's mistake.
///
/// # Errors
/// The first error that another try does not mend, or that of the last try.
pub async fn retrying<T, E, F>(what: &'static str, mut once: impl FnMut() -> F) -> Result<T, E>
where
    E: Again,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match once().await {
            Err(e) if e.worth_again() => {
                tracing::debug!(error = %e, what, "the transaction is done again");
                let drawn = u32::from(new_id().into_bytes()[15]);
                tokio::time::sleep(pause + pause * drawn / 256).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    once().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;

    fn lost() -> StoreError {
        StoreError::Sql(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()))
    }

    /// What `retrying` answers, and how often it tried, when the first `failures` tries end with `error`.
    async fn tried(failures: u32, error: fn() -> StoreError) -> (Result<u32, StoreError>, u32) {
        let tries = Cell::new(0);
        let answer = retrying("a test", async || {
            tries.set(tries.get() + 1);
            if tries.get() > failures { Ok(tries.get()) } else { Err(error()) }
        })
        .await;
        (answer, tries.get())
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_not_for_ever() {
        assert!(matches!(tried(0, lost).await, (Ok(1), 1)));
        assert!(matches!(tried(TRIES - 1, lost).await, (Ok(TRIES), TRIES)));
        assert!(matches!(tried(TRIES, lost).await, (Err(StoreError::Sql(_)), TRIES)));
    }

    #[tokio::test]
    async fn what_does_not_pass_or_may_have_been_written_is_not_tried_again() {
        let missing = || StoreError::Missing { what: "thing", id: "1".into() };
        assert!(matches!(tried(9, missing).await, (Err(StoreError::Missing { .. }), 1)));
        let unsure = || StoreError::Unsure(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(tried(9, unsure).await, (Err(StoreError::Unsure(_)), 1)));
        let full = || StoreError::Sql(sqlx::Error::PoolTimedOut);
        assert!(matches!(tried(9, full).await, (Err(StoreError::Sql(_)), 1)));
    }
}
