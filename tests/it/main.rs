//! Behaviour at the doors, in one test binary. With `TEST_DATABASE_URL` the same tests run on PostgreSQL.
#![cfg(test)]

mod actions;
mod asking;
mod bad_input;
mod crash;
mod docs;
mod faults;
mod backups;
mod harness;
mod idempotency;
mod lines;
mod pending;
mod probe;
mod reading;
mod schema;
mod smoke;
mod stories;
mod walls;
