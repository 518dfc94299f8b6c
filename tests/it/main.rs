//! Behaviour at the doors, in one test binary. With `TEST_DATABASE_URL` the same tests run on PostgreSQL.
#![cfg(test)]

mod asking;
mod docs;
mod harness;
mod pending;
mod schema;
mod smoke;
mod walls;
