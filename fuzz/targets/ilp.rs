//! See `psk_fuzz::ilp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::ilp(octets));
