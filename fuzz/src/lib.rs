//! What every message must keep to, whatever is in it. The targets of libFuzzer call these functions with what it makes
//! up, the tests with the corpus.

#[path = "../../crates/sdr/tests/mutated/check.rs"]
pub mod sdr;
pub mod soap;
