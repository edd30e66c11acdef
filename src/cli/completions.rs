//! `phasor completions`: scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Ending, print_data};

/// Prints a completion script for a shell
#[derive(Args)]
pub(super) struct Completions {
    /// Shell to write the script for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "phasor", &mut script);
        print_data(&String::from_utf8(script)?)?;
        Ok(Ending::Good)
    }
}
