#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| gateway::fuzzed::form(body));
