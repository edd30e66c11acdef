//! The command line of Phasor.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    phasor::cli::main(std::env::args_os()).into()
}
