#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hyperwire_fuzz::mcp_lines::judge(input));
