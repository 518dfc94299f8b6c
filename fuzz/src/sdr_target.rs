//! libFuzzer's target for SDR files.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    telvisor_fuzz::sdr::file(octets);
});
