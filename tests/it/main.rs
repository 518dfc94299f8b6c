//! Behaviour at the doors, in one test binary. With `TEST_DATABASE_URL` the same tests run on PostgreSQL.
#![cfg(test)]

mod asking;
mod backups;
mod downloads;
mod harness;
mod pending;
mod sdr_files;
mod smoke;
mod walls;
