//! `cargo sim`: see [`quorate_sim::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    quorate_sim::cli::main()
}
