//! See `psk_fuzz::der`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::der(octets));
