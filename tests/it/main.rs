//! Behaviour at the doors, in one test binary. With `TEST_DATABASE_URL` the same tests run on PostgreSQL.
#![cfg(test)]

mod actions;
mod asking;
mod backups;
mod downloads;
mod bad_input;
mod cancel;
mod bad_requests;
mod crash;
mod docs;
mod fallout;
mod faults;
mod harness;
mod held;
mod idempotency;
mod leases;
mod lines;
mod pending;
mod sdr_files;
mod probe;
mod reading;
mod schema;
mod smoke;
mod states;
mod stories;
mod walls;
