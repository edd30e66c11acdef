//! The whole rewrite of one file: find, confirm, plan, stage, verify, commit.
//!
//! [`unfuse()`] is the same for the way back.
//!
//! Every step may say no, and nothing is written until all have said yes: the new file lies under a temporary name in the
//! target folder while it is compared with the old one, and takes its place only afterwards.
#![forbid(unsafe_code)]

mod prepared;
mod preview;
mod product;
mod summary;
mod unfuse;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::onnx::{self, Edit, ModelFile, Written};
use crate::recognize::Selection;
use crate::rewrite::{
    self, Accepted, Held, OLDEST_OPSET, ONNX_OPSET, RaiseError, Respelled, Target, Writing,
};
use crate::scopes::{self, Planned};
use crate::verify::{self, inputs::InputsError, inputs::Signature};

pub use crate::scopes::{Findings, Found, FoundTable};
pub use crate::symbolic::Limits;
use prepared::Searched;
pub use preview::{Preview, preview};
pub use product::Destination;
use product::{Product, commit, make};
pub use summary::RuleSummary;
#[cfg(feature = "ort")]
pub(crate) use summary::nodes_by_rule;
pub use unfuse::{Unfused, UnfusedVerdict, unfuse, unfuse_and_report};

/// What `fuse` should produce.
#[derive(Clone, Debug)]
pub enum Goal {
    /// Say what would be fused; write nothing.
    Check,
    /// Write the fused model.
    Write {
        /// Where.
        path: PathBuf,
        /// Whether a file there may be replaced.
        force: bool,
    },
    /// Give the bytes of the fused model back, in the report.
    Return,
}

impl Goal {
    /// Where the model goes, if one is made.
    fn destination(&self) -> Option<Destination<'_>> {
        match self {
            Goal::Check => None,
            Goal::Write { path, force } => Some(Destination::File {
                path,
                force: *force,
            }),
            Goal::Return => Some(Destination::Memory),
        }
    }
}

/// How a model is searched.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The rules that may be applied.
    pub rules: Selection,
    /// Sizes of symbolic dimensions under which sites are confirmed; the others are tried out.
    pub sizes: BTreeMap<String, i64>,
    /// What the search may cost.
    pub budget: Limits,
}

/// How a file is rewritten.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to produce.
    pub goal: Goal,
    /// Which sites are looked for.
    pub search: Search,
    /// The operator set to rewrite to.
    pub target: Target,
    /// The rules whose sites are written as standard nodes, whatever the target.
    pub plain: Vec<&'static str>,
    /// What operators of other sets may compute otherwise than the graph.
    pub accept: Vec<Accepted>,
    /// Operators of the model whose rotations are rewritten to the target as well.
    pub retarget: Vec<Held>,
    /// Whether tables of angles are computed exactly, and not as the graph rounds them.
    pub precise_angles: bool,
    /// How the new model is compared with the old one; `None` leaves that out.
    pub verify: Option<verify::Options>,
}

impl Default for Options {
    /// Says what would be fused, for our own operators, and compares where something is written.
    fn default() -> Options {
        Options {
            goal: Goal::Check,
            search: Search::default(),
            target: Target::default(),
            plain: Vec::new(),
            accept: Vec::new(),
            retarget: Vec::new(),
            precise_angles: false,
            verify: Some(verify::Options::default()),
        }
    }
}

impl Options {
    /// How sites are written.
    fn writing(&self) -> Writing<'_> {
        Writing {
            target: self.target,
            plain: &self.plain,
            accept: &self.accept,
        }
    }
}

/// Progress callbacks, for work that may take long.
pub trait Progress {
    /// A piece of work begins.
    fn begin(&mut self, what: &str);
    /// It is over.
    fn end(&mut self);
}

/// No callbacks.
impl Progress for () {
    fn begin(&mut self, _: &str) {}
    fn end(&mut self) {}
}

/// Why a file could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model cannot be read, or the output cannot be written.
    #[error(transparent)]
    Model(#[from] onnx::Error),
    /// The comparison could not be set up.
    #[error(transparent)]
    Verify(#[from] verify::Error),
    /// The model's operator set is older than the target.
    #[error("`{}`: opset {opset} has no `RotaryEmbedding`, and cannot be raised to {ONNX_OPSET}: {cause}", file.display())]
    TooOld {
        /// The model.
        file: PathBuf,
        /// The version of its default operator set.
        opset: i64,
        /// What keeps it from being raised.
        cause: Box<RaiseError>,
    },
    /// The report cannot be delivered; nothing is written.
    #[error("{0}; no model is written")]
    Report(io::Error),
    /// The change would leave an invalid model; nothing is written.
    #[error("the rewritten model would be invalid: {0}")]
    Rewritten(onnx::Error),
    /// A fused node cannot be expanded.
    #[error("`{}`: {cause}", file.display())]
    Unfuse {
        /// The model.
        file: PathBuf,
        /// The node and why.
        cause: rewrite::UnfuseError,
    },
}

impl Error {
    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Model(error) => error.hint(),
            Error::Verify(error) => error.hint(),
            Error::Rewritten(_) => {
                Some("this is a fault of Phasor: report it, with the model".to_owned())
            }
            Error::Unfuse { cause, .. } => Some(cause.hint().to_owned()),
            Error::Report(_) => {
                Some("give the report a place to go, or leave `--format json` out".to_owned())
            }
            Error::TooOld { opset, .. } if *opset < OLDEST_OPSET => Some(format!(
                "export the model with opset {OLDEST_OPSET} or newer, best with {ONNX_OPSET}"
            )),
            Error::TooOld { .. } => Some(format!(
                "`--target phasor` and `--target contrib` take the model as it is; or export it with opset {ONNX_OPSET} or newer"
            )),
        }
    }
}

/// The comparison of the old and the new model.
#[derive(Clone, Debug)]
pub enum Check {
    /// There was nothing to compare: the file is the same or none was made.
    NotNeeded,
    /// It was left out on demand.
    LeftOut,
    /// The attempt, which may have found no engine that runs the original.
    Done(verify::Report),
}

impl Check {
    /// Whether the models were compared and differ.
    fn differs(&self) -> bool {
        match self {
            Check::Done(report) => matches!(report.verdict, verify::Verdict::Different { .. }),
            Check::NotNeeded | Check::LeftOut => false,
        }
    }

    /// Whether the models were compared and agree.
    fn agrees(&self) -> bool {
        matches!(self, Check::Done(report) if report.same())
    }
}

/// The outcome, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The fused model is written.
    Fused,
    /// There is nothing to fuse; the same bytes are written.
    NothingToFuse,
    /// There is something to fuse; nothing is written, as asked.
    WouldFuse,
    /// The fused model does not compute the same; nothing is written.
    Differs,
    /// The comparison says nothing, and nothing is written, as asked.
    NotVerified,
}

/// The outcome of [`fuse`].
#[derive(Debug)]
pub struct Outcome {
    /// The outcome, in a word.
    pub verdict: Verdict,
    /// Proven and confirmed sites, and near misses.
    pub findings: Findings,
    /// The sites by rule.
    pub rules: Vec<RuleSummary>,
    /// Nodes of the model whose rotations were to be rewritten to the target.
    pub retargeted: Vec<Respelled>,
    /// Version of the default operator set after fusing.
    pub opset: i64,
    /// Number of nodes, those of bodies and functions included, before and after.
    pub nodes: (usize, usize),
    /// The comparison of old and new.
    pub check: Check,
    /// What is written, if anything is.
    pub written: Option<Written>,
    /// The model in memory, if that is the goal and it was made.
    pub bytes: Option<Bytes>,
}

/// Finds the sites of a model: see [`scopes::find`].
///
/// # Errors
/// A model that ONNX does not allow; a size for a dimension that it does not have.
pub fn find(file: &ModelFile, search: &Search) -> Result<Findings, Error> {
    file.validate()?;
    check_sizes(file, &search.sizes)?;
    Ok(scopes::find(
        file,
        &search.rules,
        &search.sizes,
        search.budget,
    ))
}

/// Rewrites a file: see the module.
///
/// # Errors
/// If the target cannot be written or the comparison cannot be set up. A comparison that ends badly is an [`Outcome`].
pub fn fuse(
    file: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    fuse_and_report(file, options, progress, &mut |_| Ok(()))
}

/// Rewrites a file as [`fuse`] does, and hands the outcome to `report` when everything is decided and nothing is in place yet:
/// a report that cannot be delivered leaves all as it was.
///
/// # Errors
/// Those of [`fuse`] and of `report`.
pub fn fuse_and_report(
    file: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
    report: &mut dyn FnMut(&Outcome) -> io::Result<()>,
) -> Result<Outcome, Error> {
    let destination = options.goal.destination();
    let runs = options.verify.is_some() && destination.is_some();
    if let Some(destination) = destination {
        destination.check()?;
    }
    let Proposal {
        mut outcome,
        respelled,
        edit,
    } = propose(file, options, runs, progress)?;
    let (original, file) = (file, respelled.as_ref().unwrap_or(file));
    let Some(destination) = destination else {
        if !edit.is_empty() {
            outcome.verdict = Verdict::WouldFuse;
        }
        commit(None, &outcome, report)?;
        return Ok(outcome);
    };
    let product;
    let verify = options.verify.as_ref();
    (outcome.check, product) = make(original, (file, &edit), destination, verify, progress)?;
    outcome.verdict = match product {
        None if outcome.check.differs() => Verdict::Differs,
        None => Verdict::NotVerified,
        Some(_) if edit.is_empty() => Verdict::NothingToFuse,
        Some(_) => Verdict::Fused,
    };
    outcome.written = product.as_ref().and_then(Product::written);
    outcome.bytes = product.as_ref().and_then(Product::bytes);
    commit(product, &outcome, report)?;
    Ok(outcome)
}

/// What would be done to a model.
struct Proposal {
    /// What was found. Nothing is compared or made yet.
    outcome: Outcome,
    /// The model to change, if that is another spelling of the original.
    respelled: Option<ModelFile>,
    edit: Edit,
}

/// Finds what can be fused, and plans the change. The data of all weights must be there if the models are to run.
fn propose(
    original: &ModelFile,
    options: &Options,
    runs: bool,
    progress: &mut dyn Progress,
) -> Result<Proposal, Error> {
    original.check_data(runs)?;
    progress.begin("looking for position encodings");
    let before = scopes::count_nodes(original.model());
    let searched = prepared::searched(original, options);
    progress.end();
    let Searched {
        file: mut respelled,
        mut retargeted,
        findings,
        planned,
    } = searched?;
    let file = respelled.as_ref().unwrap_or(original);
    let rules = summary::rules(file, &findings, &planned, options.writing());
    let after = planned.nodes_after(scopes::count_nodes(file.model()));
    let edit = planned.edit;
    // With nothing to rewrite, the model keeps the operators that it has.
    if edit.is_empty() {
        respelled = None;
        retargeted.retain(|nodes| nodes.left.is_some());
    }
    let outcome = Outcome {
        verdict: Verdict::NothingToFuse,
        rules,
        retargeted,
        opset: respelled.as_ref().unwrap_or(original).opset(),
        nodes: (before, after),
        check: Check::NotNeeded,
        written: None,
        bytes: None,
        findings,
    };
    Ok(Proposal {
        outcome,
        respelled,
        edit,
    })
}

/// Whether the model has the dimensions that sizes are given for.
fn check_sizes(file: &ModelFile, sizes: &BTreeMap<String, i64>) -> Result<(), Error> {
    match Signature::of(file, sizes) {
        Err(cause @ InputsError::UnknownDim { .. }) => Err(verify::Error::Inputs {
            model: format!("`{}`", file.path().display()),
            cause,
        }
        .into()),
        // What else random inputs cannot be made for does not matter here.
        _ => Ok(()),
    }
}

/// The change to the model; sites that the target cannot express are set aside, and those that fall and tables that it leaves
/// are forgotten.
fn settle(file: &ModelFile, findings: &mut Findings, writing: Writing<'_>) -> Planned {
    let sites: Vec<&Found> = findings.sites.iter().collect();
    let mut planned = scopes::plan(file, findings, &sites, writing);
    let (mut positions, refusals): (FxHashSet<usize>, Vec<_>) =
        planned.unsupported.drain(..).unzip();
    positions.extend(&planned.vanished);
    findings.unsupported.splice(0..0, refusals);
    let mut position = 0..;
    let stays = |_: &Found| position.next().is_none_or(|at| !positions.contains(&at));
    findings.sites.retain(stays);
    let wired: FxHashSet<&(usize, usize)> = planned.tables.tables.iter().collect();
    for Found { site, scope, .. } in &mut findings.sites {
        let wired = |table: usize| wired.contains(&(*scope, table));
        if !site.table().is_some_and(|used| wired(used.table)) {
            site.forget_table();
        }
    }
    planned
}
