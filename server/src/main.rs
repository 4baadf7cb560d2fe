//! The program `flagstone-server`.

use std::process::ExitCode;

/// Faster than the system's where many threads allocate small things, as every call does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flagstone_server::program::run()
}
