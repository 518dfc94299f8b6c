//! What a check is: a title, the clause that it proves, and what came of it.

use std::time::{Duration, Instant};

/// Why a check did not hold.
#[derive(Debug, Clone)]
pub enum Stop {
    /// An expectation was not met; the message says which, with what was seen.
    Failed(String),
    /// The check does not apply to this server.
    Skipped(String),
}

pub type Held<T = ()> = Result<T, Stop>;

/// Ends a check with a message unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::check::Stop::Failed(format!($($message)+)));
        }
    };
}
pub(crate) use hold;

/// A check that was run.
#[derive(Debug)]
pub struct Outcome {
    pub section: &'static str,
    pub title: String,
    /// What the check proves: a section of TMF630, of the API's specification, or a promise of Telvisor.
    pub clause: String,
    pub end: Held,
    pub took: Duration,
}

/// Runs checks one after the other, and keeps what came of them.
pub struct Checks<'a> {
    /// Only what the specifications demand of everybody.
    any_implementation: bool,
    section: &'static str,
    outcomes: Vec<Outcome>,
    tell: &'a mut dyn FnMut(&Outcome),
}

impl<'a> Checks<'a> {
    /// `tell` is called with each outcome as it comes.
    pub fn new(any_implementation: bool, tell: &'a mut dyn FnMut(&Outcome)) -> Self {
        Self { any_implementation, section: "", outcomes: vec![], tell }
    }

    /// What follows belongs to this section.
    pub fn section(&mut self, name: &'static str) {
        self.section = name;
    }

    /// A check of what every implementation owes; what it leaves for later ones, if it held.
    pub async fn check<T>(
        &mut self,
        title: impl Into<String>,
        clause: impl Into<String>,
        check: impl Future<Output = Held<T>>,
    ) -> Option<T> {
        let began = Instant::now();
        let (left, end) = match Box::pin(check).await {
            Ok(left) => (Some(left), Ok(())),
            Err(stop) => (None, Err(stop)),
        };
        self.note(title.into(), clause.into(), end, began.elapsed());
        left
    }

    /// A check of what only Telvisor promises.
    pub async fn promise<T>(
        &mut self,
        title: impl Into<String>,
        clause: impl Into<String>,
        check: impl Future<Output = Held<T>>,
    ) -> Option<T> {
        if self.any_implementation {
            let stop = Stop::Skipped("only Telvisor promises this".into());
            self.note(title.into(), clause.into(), Err(stop), Duration::ZERO);
            return None;
        }
        self.check(title, clause, check).await
    }

    fn note(&mut self, title: String, clause: String, end: Held, took: Duration) {
        let outcome = Outcome { section: self.section, title, clause, end, took };
        (self.tell)(&outcome);
        self.outcomes.push(outcome);
    }

    /// All that was run.
    #[must_use]
    pub fn outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

/// What an earlier check left; without it the check that asks cannot be done.
///
/// # Errors
/// [`Stop::Skipped`].
pub fn needs<T>(left: &Option<T>) -> Held<&T> {
    left.as_ref().ok_or_else(|| Stop::Skipped("an earlier check did not leave what this one needs".into()))
}
