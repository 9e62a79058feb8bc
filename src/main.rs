//! The `kreplay` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    kreplay::cli::main(std::env::args_os())
}
