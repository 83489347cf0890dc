//! See `psk_fuzz::oer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::oer(octets));
