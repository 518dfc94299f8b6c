//! Conformance to the TM Forum's APIs.

pub mod official;
