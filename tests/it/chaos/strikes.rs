//! What can happen, drawn from a seed.

use crate::crash::draw::Draw;

/// Processes of ours: two that serve, two that work, one that mediates.
pub const ROLES: [&str; 5] = ["api", "api", "worker", "worker", "mediation"];

/// One blow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// SIGKILL of a process of ours, by its place in [`ROLES`].
    Kill(usize),
    /// The process dies at a fault point, at its n-th passing.
    Fault(usize, &'static str, usize),
    /// A worker stands still for longer than its leases, and goes on.
    Stop(usize),
    /// PostgreSQL ends at once.
    Database,
    /// RabbitMQ is killed.
    Broker,
    /// Connections to the database, to the broker or to the doors are cut.
    Cut(Line),
    /// They are cut, and for a while none is let through.
    Shut(Line),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Database,
    Broker,
    Doors,
}

/// Fault points that a role passes often in a mixed load, with the highest passing that is drawn. Mediation
/// seals at the ends of periods, which a run does not see, so that it is killed at random moments only.
const POINTS: [(&str, &[(&str, usize)]); 2] = [
    (
        "api",
        &[
            ("accept.before_commit", 5),
            ("accept.after_commit", 5),
            ("accept.after_publish", 5),
            ("cancel.before_commit", 1),
            ("cancel.after_commit", 1),
            ("decide.after_commit", 1),
            ("delete.after_commit", 1),
            ("link.before_commit", 1),
            ("link.after_commit", 1),
            // It is this role that is asked to seal.
            ("seal.before_commit", 1),
            ("seal.after_commit", 1),
            ("seal.before_rename", 1),
            ("seal.after_rename", 1),
            ("seal.after_delivered", 1),
        ],
    ),
    (
        "worker",
        &[
            ("line.before_commit", 5),
            ("line.after_commit", 5),
            ("claim.before_commit", 5),
            ("claim.after_commit", 5),
            ("step.before_begin_commit", 9),
            ("step.after_begin_commit", 9),
            ("driver.before_begin", 9),
            ("driver.after_begin", 9),
            ("step.before_done_commit", 9),
            ("step.after_done_commit", 9),
            ("step.after_handle_commit", 2),
            ("again.after_commit", 2),
            ("undo.before_commit", 1),
            ("store.before_rename", 1),
            ("store.after_rename", 1),
            ("job.before_commit", 5),
            ("job.after_commit", 5),
            ("job.after_publish", 5),
            ("events.before_commit", 3),
            ("events.after_commit", 3),
            ("deliver.before_commit", 5),
            ("deliver.after_commit", 5),
        ],
    ),
];

/// Blows in an order drawn from a seed: every kind comes, and RabbitMQ least often, as its start takes the longest.
pub struct Deck {
    draw: Draw,
    left: Vec<Strike>,
    shuffles: usize,
}

impl Deck {
    pub fn new(seed: u64) -> Self {
        Self { draw: Draw::new(seed, 2), left: vec![], shuffles: 0 }
    }

    pub fn next(&mut self) -> Strike {
        if self.left.is_empty() {
            self.left = self.shuffled();
            self.shuffles += 1;
        }
        self.left.pop().expect("just filled")
    }

    /// Whether every kind has come.
    pub fn all_came(&self) -> bool {
        self.shuffles > 1 || (self.shuffles == 1 && self.left.is_empty())
    }

    /// How many requests are answered between two blows, or how many blows fall at once.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        self.draw.between(from, to)
    }

    fn shuffled(&mut self) -> Vec<Strike> {
        let draw = &mut self.draw;
        let mut deck: Vec<Strike> = (0..ROLES.len()).map(Strike::Kill).collect();
        for (member, role) in ROLES.iter().enumerate() {
            let points = POINTS.iter().find(|(of, _)| of == role).map_or(&[][..], |p| p.1);
            for _ in 0..points.len().min(2) {
                let (point, most) = *draw.pick(points);
                deck.push(Strike::Fault(member, point, draw.between(1, most)));
            }
        }
        let line = |draw: &mut Draw| *draw.pick(&[Line::Database, Line::Broker, Line::Doors]);
        deck.extend([Strike::Cut(line(draw)), Strike::Shut(line(draw)), Strike::Stop(2 + draw.below(2))]);
        deck.extend([Strike::Database, Strike::Database, Strike::Broker]);
        draw.shuffle(&mut deck);
        deck
    }
}
