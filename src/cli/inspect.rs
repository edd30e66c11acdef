//! `phasor inspect`: what can be fused, and the near misses.

use std::path::{Path, PathBuf};

use crate::Search;
use crate::report::{InspectReport, text};
use clap::Args;

use super::batch::{self, Jobs, Outcome};
use super::search::Sizes;
use super::{Ending, Format, print_data, print_json, streams, warn_of_missing_data};

/// Lists the position encodings of models, and the near misses with node and reason
#[derive(Args)]
pub(super) struct Inspect {
    /// Models to read (.onnx); `-` for standard input
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    jobs: Jobs,
    #[command(flatten)]
    sizes: Sizes,
    /// Format of the report; of several models, JSON is one object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let search = self.sizes.search();
        if let [input] = &self.models[..] {
            let report = inspect(input, &search, &|| {})?;
            match self.format {
                Format::Json => print_json(&report)?,
                Format::Text => print_data(&text::inspect(&report))?,
            }
            return Ok(Ending::Good);
        }
        batch::run(
            &self.models,
            &self.jobs,
            self.format,
            "inspecting",
            |_, input, turn| {
                let report = inspect(input, &search, &|| turn.wait())?;
                match self.format {
                    Format::Json => turn.print(&report)?,
                    Format::Text => {
                        turn.wait();
                        print_data(&text::inspect(&report))?;
                    }
                }
                Ok(Outcome {
                    ending: Ending::Good,
                    word: match report.sites.is_empty() {
                        true => "without sites",
                        false => "with sites",
                    },
                })
            },
        )
    }
}

/// `before` comes before a warning is printed.
fn inspect(input: &Path, search: &Search, before: &dyn Fn()) -> anyhow::Result<InspectReport> {
    let model = streams::open(input)?;
    warn_of_missing_data(&model, before);
    Ok(crate::inspect(&model, search)?)
}
