//! Tests of the service detail record through its public interface.

mod ber;
mod csv;
mod documents;
mod framings;
mod records;
mod roundtrip;
mod samples;
