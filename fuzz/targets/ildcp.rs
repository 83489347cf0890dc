//! See `psk_fuzz::ildcp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::ildcp(octets));
