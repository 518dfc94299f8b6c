//! libFuzzer's target for SOAP messages.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| telvisor_fuzz::soap::message(octets));
