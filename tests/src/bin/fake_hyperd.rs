//! See [`hyperwire_tests::fake_engine`].

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return hyperwire_tests::fake_engine::main();
    #[cfg(not(target_os = "linux"))]
    return ExitCode::FAILURE;
}
