//! `phasor report`: a page of what is in a model.

use std::path::PathBuf;

use crate::report::{ComparisonVerdict, PageReport, Verification, text};
use crate::{Destination, ReportOptions, Search, Times};
use clap::Args;

use super::budget::Budget;
use super::console::remark;
use super::progress::Spinner;
use super::search::RuleChoice;
use super::verify::Comparison;
use super::{Ending, Format, print_data, print_json, streams, warn_of_missing_data};

/// Writes a page (HTML) of what is in a model: sites before and after as graphs, near misses, numbers
///
/// The page is one file that needs nothing else, for any browser. Without FUSED the model is fused in memory, as `phasor fuse` would, to show
/// what that gives. Exits with code 1 if the models differ; the page is written then too.
#[derive(Args)]
pub(super) struct Report {
    /// Model to report on (.onnx); `-` for standard input
    input: PathBuf,
    /// The fused model (.onnx), if there is one
    fused: Option<PathBuf>,
    /// Where to write the page (.html); `-` for standard output
    #[arg(short, long, value_name = "PAGE")]
    output: PathBuf,
    /// What `phasor bench MODEL FUSED --format json` printed, to show it as well
    #[arg(long, value_name = "BENCH.json")]
    bench: Option<PathBuf>,
    /// Overwrite PAGE if it exists
    #[arg(long)]
    force: bool,
    /// Skip the comparison of the two models
    #[arg(long)]
    no_verify: bool,
    /// Format of what is said of the page
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    budget: Budget,
    #[command(flatten)]
    rules: RuleChoice,
    #[command(flatten)]
    comparison: Comparison,
}

impl Report {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let is_stream = streams::is_stream(&self.output);
        if is_stream {
            streams::check_alone(self.format, "page")?;
        }
        let times = self.bench.as_deref().map(Times::read).transpose()?;
        let model = streams::open(&self.input)?;
        let fused = self.fused.as_deref().map(streams::open_file).transpose()?;
        if self.no_verify {
            warn_of_missing_data(&model, &|| {});
        }
        let comparison = self.comparison.options()?;
        let options = ReportOptions {
            fused: fused.as_ref(),
            search: Search {
                rules: self.rules.selection(false)?,
                sizes: comparison.dims.clone(),
                budget: self.budget.limits(),
            },
            verify: (!self.no_verify).then_some(comparison),
            times: times.as_ref(),
            output: match is_stream {
                true => Destination::Memory,
                false => Destination::File {
                    path: &self.output,
                    force: self.force,
                },
            },
        };
        let report = crate::report(&model, &options, &mut Spinner::new(self.format))?;
        if is_stream {
            print_data(&report.html)?;
        }
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => remark(&text::page(&report)),
        }
        Ok(ending(&report))
    }
}

fn ending(report: &PageReport) -> Ending {
    match &report.verification {
        Verification::Done(report)
            if matches!(report.verdict, ComparisonVerdict::Different { .. }) =>
        {
            Ending::Negative
        }
        _ => Ending::Good,
    }
}
