//! Hints: where there may be work. The rows are the truth, so a lost, late or doubled hint costs nothing.
//!
//! What this process's own tasks wait at is [`memory`]. With a broker ([`amqp`]), a hint of a commit goes there, and
//! comes back to one process of those that work; the sweep wakes the tasks of its own process without it.

pub mod amqp;
pub mod gate;
pub mod memory;

use std::sync::Arc;

use self::amqp::{Broker, Ticket};
use self::gate::Gate;
use self::memory::Bells;
use crate::store::Hint;

/// The class of jobs on machines.
pub const MACHINE_JOBS: &str = "machine";

/// A customer's line to look at.
#[derive(Debug)]
pub struct Line {
    pub tenant: String,
    pub customer_id: String,
    /// The messages that told of it, to be given back when it was looked at.
    pub tickets: Vec<Ticket>,
}

/// The hints of one process.
pub struct Queue {
    bells: Bells,
    broker: Option<Arc<Broker>>,
    /// Whether tasks of this process take hints.
    taken: bool,
    gate: Gate,
}

impl Queue {
    /// The queue of a process; `taken`: somebody in it takes hints.
    #[must_use]
    pub fn new(taken: bool, broker: Option<Arc<Broker>>) -> Self {
        Self { bells: Bells::default(), broker, taken, gate: Gate::default() }
    }

    /// The broker, where there is one.
    #[must_use]
    pub fn broker(&self) -> Option<&Arc<Broker>> {
        self.broker.as_ref()
    }

    /// Passes the hints of a commit on: to the broker, else to the tasks of this process.
    pub fn publish(&self, hints: Vec<Hint>) {
        match &self.broker {
            Some(broker) => broker.publish(hints),
            None => self.wake(hints),
        }
    }

    /// Wakes tasks of this process.
    pub fn wake(&self, hints: Vec<Hint>) {
        // Where nobody takes them, the sweep of the workers' process finds the rows.
        if self.taken {
            hints.into_iter().for_each(|hint| self.bells.ring(hint, None));
        }
    }

    /// Whether new orders are let in here.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The bells of this process.
    #[must_use]
    pub fn bells(&self) -> &Bells {
        &self.bells
    }
}
