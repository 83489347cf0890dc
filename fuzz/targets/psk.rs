//! See `psk_fuzz::psk`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::psk(octets));
