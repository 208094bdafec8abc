#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testing::hostile::parameters(data));
