//! `phasor man`: manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::console::Advice;
use super::{Arguments, Ending, print_data};

/// Writes the manual pages: one of the program and one of each command
#[derive(Args)]
pub(super) struct Man {
    /// Folder to write them to, such as `/usr/local/share/man/man1`; without it, the page of the program goes to standard output
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let command = Arguments::command();
        let Some(folder) = self.output else {
            let mut page = Vec::new();
            Page::new(command).render(&mut page)?;
            print_data(&String::from_utf8(page)?)?;
            return Ok(Ending::Good);
        };
        fs::create_dir_all(&folder)
            .and_then(|()| clap_mangen::generate_to(command, &folder))
            .map_err(|error| {
                Advice::new(
                    format!(
                        "`{}`: manual pages cannot be written: {error}",
                        folder.display()
                    ),
                    "name a folder that may be written to".to_owned(),
                )
            })?;
        Ok(Ending::Good)
    }
}
