//! See `psk_fuzz::btp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::btp(octets));
