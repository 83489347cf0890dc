//! See `psk_fuzz::envelope`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| psk_fuzz::envelope(octets));
