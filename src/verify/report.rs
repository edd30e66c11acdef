//! The result of comparing two models, for text and JSON.

use super::compare::{Difference, Noise, Standing};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every output of every case agrees.
    Same,
    /// An output differs, or the second model does not run where the first does.
    Different {
        /// The worst difference in one line.
        why: String,
    },
    /// No verdict: no engine runs both models, or rounding alone moves the first one too much.
    NotVerified {
        /// Why not.
        why: String,
    },
}

/// How the second model's fused operators were computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// By the engine alone: operators of other domains by their function bodies.
    Plain,
    /// By kernels: those of the operator library, or those built in.
    Library,
}

impl How {
    /// The words used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Plain => "function bodies",
            How::Library => "kernels",
        }
    }
}

/// The full result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Outcome over all cases.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The engine that ran the models, with its version.
    pub engine: Option<String>,
    /// The operator library that was registered.
    pub operators: Option<PathBuf>,
    /// Engines and libraries that an environment variable names and that cannot be used.
    pub warnings: Vec<String>,
    /// Engines that were skipped, and checks that were left out.
    pub notes: Vec<String>,
    /// One entry for each set of inputs.
    pub cases: Vec<Case>,
    /// Whether a run was stopped because the time ran out.
    #[serde(skip)]
    pub late: bool,
}

/// One set of inputs.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// `seed 0`, or the file that the inputs are from.
    pub inputs: String,
    /// Sizes of the symbolic dimensions.
    pub dims: BTreeMap<String, i64>,
    /// The second model's runs on them.
    pub runs: Vec<Run>,
    /// Why a run of the second model on them was stopped.
    #[serde(skip)]
    pub stopped: Option<String>,
}

/// One run of the second model.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// How fused operators were computed.
    pub how: How,
    /// Why it gave no outputs.
    pub error: Option<String>,
    /// Each output against that of the first model.
    pub outputs: Vec<Output>,
}

/// One output.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// Name of the graph output.
    pub name: String,
    /// Element type.
    pub dtype: String,
    /// Shape in this case.
    pub shape: Vec<usize>,
    /// The difference from the first model's output.
    #[serde(flatten)]
    pub difference: Difference,
}

impl Report {
    /// The report where nothing was run.
    pub fn not_verified(why: String) -> Report {
        Report {
            verdict: Verdict::NotVerified { why },
            engine: None,
            operators: None,
            warnings: Vec::new(),
            notes: Vec::new(),
            cases: Vec::new(),
            late: false,
        }
    }

    /// What the user could do about the verdict.
    pub fn hint(&self) -> Option<String> {
        if self.late && matches!(self.verdict, Verdict::NotVerified { .. }) {
            let text = "`--time-limit` allows more time, and smaller sizes (`--dim`) need less";
            return Some(text.to_owned());
        }
        let off = self.outputs().any(|(_, _, output)| {
            let d = &output.difference;
            !d.within() && d.mismatch.is_none()
        });
        off.then(|| {
            "`--tolerance X` allows differences of up to X of an output's scale, if they are known to be harmless".to_owned()
        })
    }

    /// Whether the models were run and agree.
    pub fn same(&self) -> bool {
        self.verdict == Verdict::Same
    }

    /// The largest absolute and relative difference over all outputs that could be compared.
    pub fn worst(&self) -> (f64, f64) {
        self.outputs()
            .fold((0.0, 0.0), |(absolute, relative), (_, _, output)| {
                (
                    absolute.max(output.difference.absolute),
                    relative.max(output.difference.relative),
                )
            })
    }

    /// The most that an output moves by itself, of those that are further off than their type allows.
    pub fn noise(&self) -> Option<f64> {
        let noise = self
            .outputs()
            .filter_map(|(_, _, output)| output.difference.noise);
        noise.map(|noise| noise.relative).max_by(f64::total_cmp)
    }

    /// Every compared output with its case and run.
    pub fn outputs(&self) -> impl Iterator<Item = (&Case, &Run, &Output)> {
        self.cases.iter().flat_map(|case| {
            case.runs
                .iter()
                .flat_map(move |run| run.outputs.iter().map(move |o| (case, run, o)))
        })
    }
}

/// The first error of the second model's runs.
pub(super) fn error(cases: &[Case]) -> Option<&str> {
    let mut runs = cases.iter().flat_map(|case| &case.runs);
    runs.find_map(|run| run.error.as_deref())
}

/// Whether an output is further off than its type allows.
pub(super) fn asks_for_noise(cases: &[Case]) -> bool {
    let runs = cases.iter().flat_map(|case| &case.runs);
    runs.flat_map(|run| &run.outputs)
        .any(|output| output.difference.asks_for_noise())
}

/// Notes how far each output moves by itself, where that matters.
pub(super) fn with_noise(cases: &mut [Case], noise: &[Noise]) {
    for run in cases.iter_mut().flat_map(|case| &mut case.runs) {
        for (output, noise) in run.outputs.iter_mut().zip(noise) {
            if output.difference.asks_for_noise() && noise.runs > 0 {
                output.difference.noise = Some(*noise);
            }
        }
    }
}

/// The outcome of finished cases.
pub(super) fn judge(cases: &[Case]) -> Verdict {
    for case in cases {
        for run in &case.runs {
            let place = format!("{}, {}", case.inputs, run.how.as_str());
            if let Some(error) = &run.error {
                return Verdict::Different {
                    why: format!("the second model does not run ({place}): {error}"),
                };
            }
        }
    }
    let worst = |standing: Standing| {
        let all = cases.iter().flat_map(|c| {
            c.runs
                .iter()
                .flat_map(move |r| r.outputs.iter().map(move |o| (c, r, o)))
        });
        all.filter(|(_, _, output)| output.difference.standing() == standing)
            .max_by(|(_, _, a), (_, _, b)| excess(&a.difference).total_cmp(&excess(&b.difference)))
    };
    if let Some((case, run, output)) = worst(Standing::Differs) {
        let d = &output.difference;
        let what = match (&d.mismatch, d.noise) {
            (Some(mismatch), _) => mismatch.clone(),
            (None, None) => format!(
                "relative difference {:.1e} where {:.1e} is allowed",
                d.relative, d.tolerance
            ),
            (None, Some(noise)) => format!(
                "relative difference {:.1e} (root mean square {:.1e}) where {:.1e} is allowed and the first model moves by {:.1e} \
                 ({:.1e}) by itself",
                d.relative, d.rms, d.tolerance, noise.relative, noise.rms
            ),
        };
        let place = format!("{}, {}", case.inputs, run.how.as_str());
        return Verdict::Different {
            why: format!("output `{}`: {what} ({place})", output.name),
        };
    }
    match worst(Standing::Unknown) {
        None => Verdict::Same,
        Some((case, run, output)) => {
            let d = &output.difference;
            let noise = d.noise.unwrap_or_default();
            Verdict::NotVerified {
                why: format!(
                    "output `{}`: the first model moves by {:.1e} of its scale by itself, too much to tell a difference of {:.1e} \
                     from an error ({}, {})",
                    output.name,
                    noise.relative,
                    d.relative,
                    case.inputs,
                    run.how.as_str()
                ),
            }
        }
    }
}

/// A difference as a multiple of what is allowed.
fn excess(d: &Difference) -> f64 {
    match d.mismatch {
        Some(_) => f64::INFINITY,
        None => d.relative / d.tolerance.max(f64::MIN_POSITIVE),
    }
}
