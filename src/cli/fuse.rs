//! `phasor fuse`: find, fuse, verify, write.

use std::path::{Path, PathBuf};

use crate::report::{FuseReport, Verdict, text};
use crate::{Accepted, FuseOptions, Goal, Held, Model, Search, Target};
use clap::{Args, ValueEnum};

use super::batch::{self, Jobs, Outcome};
use super::budget::Budget;
use super::console::{Verbosity, remark, wants};
use super::output::{Made, outputs};
use super::progress::{Spinner, Steps};
use super::search::{RuleChoice, rules};
use super::verify::Comparison;
use super::{Advice, Ending, Format, print_json, streams, warn_of_missing_data};

/// Fuses the position encodings of models and verifies the results
///
/// Every site is proven on the graph and confirmed on numbers, and the new model is compared with the original before it is
/// written. If there is nothing to fuse, the output is a byte-for-byte copy of the input. `phasor report` shows what would be done on a page.
#[derive(Args)]
pub(super) struct Fuse {
    /// Models to fuse (.onnx); `-` for standard input
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Where to write the fused model; `-` for standard output. Several models go into a folder, under their paths from the folder that
    /// they have in common
    #[arg(short, long, value_name = "OUT", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Operator set to rewrite to
    #[arg(long, value_enum, default_value_t = TargetName::Phasor)]
    target: TargetName,
    /// Write what this rule finds as standard nodes, whatever the target: for hosts without functions, and for execution providers without
    /// a kernel; `all` for every rule; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    plain: Vec<String>,
    /// Accept results that differ from those of the model, where an operator of `--target contrib` or `--target onnx` gives no others
    #[arg(long, value_enum, value_name = "CHANGE")]
    accept: Vec<AcceptedName>,
    /// Rewrite the rotations that these operators of the model hold as well (may be repeated)
    #[arg(long, value_enum, value_name = "OPERATOR")]
    retarget: Vec<HeldName>,
    /// Only check whether there is something to fuse (exit code 1 if so); write nothing
    #[arg(long, conflicts_with = "output")]
    check: bool,
    /// Overwrite OUT if it exists, even if it is the input
    #[arg(long)]
    force: bool,
    /// Compute angles exactly at any position, instead of rounding as the model does, where an operator computes them
    #[arg(long)]
    precise_angles: bool,
    /// Compute the rows of sinusoidal tables instead of looking them up: saves the bytes of the table, and positions may go beyond its
    /// last row (rule `sinusoidal-table`, `--target phasor` only)
    #[arg(long)]
    tables_to_compute: bool,
    /// Rotate the queries and keys of a layer in one RotaryEmbeddingPair where they share tables (`--target phasor` only)
    #[arg(long)]
    pairs: bool,
    /// Skip the comparison of the fused model with the original
    #[arg(long)]
    no_verify: bool,
    /// Write nothing unless the models were compared and agree (exit code 1 otherwise)
    #[arg(long, conflicts_with = "no_verify")]
    require_verified: bool,
    /// Format of the report; of several models, JSON is one object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    jobs: Jobs,
    #[command(flatten)]
    budget: Budget,
    #[command(flatten)]
    rules: RuleChoice,
    #[command(flatten)]
    comparison: Comparison,
}

/// The operator sets that can be written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetName {
    /// Phasor's own operators, with function bodies for runtimes without the operator library
    Phasor,
    /// RotaryEmbedding and MultiHeadAttention of com.microsoft, which ONNX Runtime has
    Contrib,
    /// RotaryEmbedding and Attention of ai.onnx, with the opset raised to 23 if it is older; also repairs nodes that fail at batch 2
    Onnx,
}

/// Operators that hold rotations.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HeldName {
    /// RotaryEmbedding of ai.onnx, com.microsoft and ai.phasor
    RotaryEmbedding,
    /// GroupQueryAttention of com.microsoft with `do_rotary`, which is left with queries and keys that are rotated
    GroupQueryAttention,
}

/// Results that may differ.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AcceptedName {
    /// Those of attention for queries that see no key, such as those of padding
    HiddenRows,
}

impl From<AcceptedName> for Accepted {
    fn from(name: AcceptedName) -> Self {
        match name {
            AcceptedName::HiddenRows => Accepted::HiddenRows,
        }
    }
}

impl From<HeldName> for Held {
    fn from(name: HeldName) -> Self {
        match name {
            HeldName::RotaryEmbedding => Held::RotaryEmbedding,
            HeldName::GroupQueryAttention => Held::GroupQueryAttention,
        }
    }
}

impl Fuse {
    /// # Errors
    /// For pairs with an operator set that has no operator for them.
    fn target(&self) -> anyhow::Result<Target> {
        match (self.target, self.pairs) {
            (TargetName::Phasor, false) => Ok(Target::Phasor),
            (TargetName::Phasor, true) => Ok(Target::PhasorPairs),
            (TargetName::Contrib, false) => Ok(Target::Contrib),
            (TargetName::Onnx, false) => Ok(Target::Onnx),
            (TargetName::Contrib | TargetName::Onnx, true) => Err(Advice::new(
                "`--pairs` needs `--target phasor`".to_owned(),
                "leave one of the two out: the operators of other sets rotate one tensor each"
                    .to_owned(),
            )
            .into()),
        }
    }

    pub(super) fn run(mut self) -> anyhow::Result<Ending> {
        let outputs = match &self.output {
            Some(output) => Some(outputs(&self.models, output)?),
            None => None,
        };
        let paths = outputs.as_ref().map_or(&[][..], |outputs| &outputs.paths);
        if paths.iter().any(|output| streams::is_stream(output)) {
            streams::check_output(self.format)?;
        }
        let models = std::mem::take(&mut self.models);
        let (format, force, jobs) = (self.format, self.force, self.jobs);
        let options = self.options()?;
        let options = |place: usize| FuseOptions {
            goal: match paths.get(place) {
                Some(path) if streams::is_stream(path) => Goal::Return,
                Some(path) => Goal::Write {
                    path: path.clone(),
                    force,
                },
                None => Goal::Check,
            },
            ..options.clone()
        };
        let _made = outputs.as_ref().map(Made::of).transpose()?;
        if let [model] = &models[..] {
            return one(model, &options(0), format);
        }
        batch::run(&models, &jobs, format, "fusing", |place, model, turn| {
            let mut deliver = |report: &FuseReport| match format {
                Format::Json => turn.print(report),
                Format::Text => Ok(()),
            };
            let options = options(place);
            let (model, mut steps) = (open(model, &options, &|| turn.wait())?, Steps::of(model));
            let report = crate::fuse_and_report(&model, &options, &mut steps, &mut deliver)?;
            if format == Format::Text {
                turn.wait();
                tell(&report);
            }
            Ok(outcome(report.verdict))
        })
    }

    /// The options, without a goal.
    fn options(self) -> anyhow::Result<FuseOptions> {
        let target = self.target()?;
        let mut comparison = self.comparison.options()?;
        comparison.required = self.require_verified;
        Ok(FuseOptions {
            goal: Goal::Check,
            search: Search {
                rules: self.rules.selection(self.tables_to_compute)?,
                sizes: comparison.dims.clone(),
                budget: self.budget.limits(),
            },
            target,
            plain: rules(&self.plain)?,
            accept: self.accept.into_iter().map(Accepted::from).collect(),
            retarget: self.retarget.into_iter().map(Held::from).collect(),
            precise_angles: self.precise_angles,
            verify: (!self.no_verify).then_some(comparison),
        })
    }
}

fn one(model: &Path, options: &FuseOptions, format: Format) -> anyhow::Result<Ending> {
    let mut deliver = |report: &FuseReport| match format {
        Format::Json => print_json(report),
        Format::Text => Ok(()),
    };
    let (model, mut spinner) = (open(model, options, &|| {})?, Spinner::new(format));
    let report = crate::fuse_and_report(&model, options, &mut spinner, &mut deliver)?;
    if format == Format::Text {
        tell(&report);
    }
    if let Some(model) = &report.bytes {
        streams::write(model)?;
    }
    Ok(outcome(report.verdict).ending)
}

/// Opens a model; `before` comes before a warning is printed.
fn open(path: &Path, options: &FuseOptions, before: &dyn Fn()) -> anyhow::Result<Model> {
    let model = streams::open(path)?;
    if options.verify.is_none() || matches!(options.goal, Goal::Check) {
        warn_of_missing_data(&model, before);
    }
    Ok(model)
}

fn tell(report: &FuseReport) {
    if wants(Verbosity::Verbose) {
        remark(&text::details(report));
    }
    remark(&text::fuse(report));
}

fn outcome(verdict: Verdict) -> Outcome {
    let (ending, word) = match verdict {
        Verdict::Fused => (Ending::Good, "fused"),
        Verdict::NothingToFuse => (Ending::Good, "with nothing to fuse"),
        Verdict::WouldFuse => (Ending::Negative, "to fuse"),
        Verdict::NotVerified => (Ending::Negative, "not verified"),
        Verdict::Differs => (Ending::Negative, "that differ"),
    };
    Outcome { ending, word }
}
