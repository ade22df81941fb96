#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::pointer_mapping(data));
