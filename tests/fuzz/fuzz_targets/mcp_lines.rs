#![no_main]

// Not in the library, whose tests do not need serde.
#[path = "../src/mcp_lines.rs"]
mod mcp_lines;

libfuzzer_sys::fuzz_target!(|input: &[u8]| mcp_lines::judge(input));
