//! Tests of the service detail record through its public interface.

mod ber;
mod csv;
mod documents;
mod framings;
#[path = "../../examples/sample_files/generate.rs"]
mod generate;
mod records;
mod roundtrip;
mod samples;
mod shapes;
