#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eks_nodegroup_updater_fuzz::hostile::tags_and_settings(data));
