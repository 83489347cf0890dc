//! See `psk_fuzz::frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::frames(octets));
