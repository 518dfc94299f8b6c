//! Behaviour at the doors, in one test binary. With `TEST_DATABASE_URL` the same tests run on PostgreSQL.
#![cfg(test)]

mod actions;
mod asking;
mod audits;
mod backups;
mod bad_input;
mod bad_requests;
mod cancel;
mod configuring;
mod crash;
mod docs;
mod downloads;
mod fallout;
mod faults;
mod harness;
mod held;
mod idempotency;
mod leases;
mod lines;
mod pending;
mod probe;
mod reading;
mod schema;
mod sdr_files;
mod smoke;
mod states;
mod stories;
mod walls;
