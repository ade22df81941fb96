#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::key_metadata(data));
