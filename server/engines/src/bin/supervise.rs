//! The supervisor as a program of its own, for tests and for runners that are not `flagstone-server`.

use std::process::ExitCode;

fn main() -> ExitCode {
    flagstone_engines::supervisor::main()
}
