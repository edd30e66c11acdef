//! `phasor fuse`: find, fuse, verify, write.

use std::path::PathBuf;

use crate::report::{Verdict, text};
use crate::{FuseOptions, Goal, Held, Search, Target};
use clap::{Args, ValueEnum};

use super::budget::Budget;
use super::progress::Spinner;
use super::search::RuleChoice;
use super::verify::Comparison;
use super::{Advice, Ending, Format, note, print_json, streams, warn_of_missing_data};

/// Fuses the position encodings of a model and verifies the result
///
/// Every site is proven on the graph and confirmed on numbers, and the new model is compared with the original before it is
/// written. If there is nothing to fuse, the output is a byte-for-byte copy of the input.
#[derive(Args)]
pub(super) struct Fuse {
    /// Model to fuse (.onnx); `-` for standard input
    input: PathBuf,
    /// Where to write the fused model; `-` for standard output
    #[arg(short, long, value_name = "OUT", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Operator set to rewrite to
    #[arg(long, value_enum, default_value_t = TargetName::Phasor)]
    target: TargetName,
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
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
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
    /// com.microsoft::RotaryEmbedding of ONNX Runtime
    Contrib,
    /// ai.onnx::RotaryEmbedding, with the opset raised to 23 if it is older; also repairs nodes that fail at batch 2
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

    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let target = self.target()?;
        let goal = match self.output {
            Some(path) if streams::is_stream(&path) => {
                streams::check_output(self.format)?;
                Goal::Return
            }
            Some(path) => Goal::Write {
                path,
                force: self.force,
            },
            None => Goal::Check,
        };
        let model = streams::open(&self.input)?;
        if self.no_verify || self.check {
            warn_of_missing_data(&model);
        }
        let mut comparison = self.comparison.options()?;
        comparison.required = self.require_verified;
        let options = FuseOptions {
            goal,
            search: Search {
                rules: self.rules.selection(self.tables_to_compute)?,
                sizes: comparison.dims.clone(),
                budget: self.budget.limits(),
            },
            target,
            retarget: self.retarget.into_iter().map(Held::from).collect(),
            precise_angles: self.precise_angles,
            verify: (!self.no_verify).then_some(comparison),
        };
        let report = crate::fuse_and_report(
            &model,
            &options,
            &mut Spinner::new(self.format),
            &mut |report| match self.format {
                Format::Json => print_json(report),
                Format::Text => Ok(()),
            },
        )?;
        if self.format == Format::Text {
            note(&text::fuse(&report));
        }
        if let Some(model) = &report.bytes {
            streams::write(model)?;
        }
        Ok(match report.verdict {
            Verdict::Fused | Verdict::NothingToFuse => Ending::Good,
            Verdict::WouldFuse | Verdict::Differs | Verdict::NotVerified => Ending::Negative,
        })
    }
}
