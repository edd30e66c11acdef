//! Confirms proven sites on numbers.
//!
//! The proof is exact over the reals, and trusts the interpreter's transfer functions. This check trusts neither the proof nor the
//! transfer functions. Every site is cut out of the graph at the tensors that its operator reads, run on random numbers in the
//! embedded engine, and compared with the operator's reference. The numbers are random and independent, so agreement means that the
//! graph computes the operator's formula for any tensors. If independent numbers break what the graph relies on (equal halves of a
//! table, say), the cut starts further up, at most at the model's inputs; the operator's tensors are then read off the same run.
//!
//! A family says with a `claim::Claim` what its sites compute; `prober` cuts, runs and compares. Sites whose cuts are the same
//! graph, as those of a model's layers are, are run once.
#![forbid(unsafe_code)]

#[cfg(feature = "tract")]
mod attention;
#[cfg(feature = "tract")]
mod claim;
#[cfg(feature = "tract")]
mod cut;
#[cfg(feature = "tract")]
mod failure;
#[cfg(feature = "tract")]
mod numbers;
#[cfg(feature = "tract")]
mod prober;
#[cfg(feature = "tract")]
mod relative;
#[cfg(feature = "tract")]
mod rotary;
#[cfg(feature = "tract")]
mod sinusoidal;
#[cfg(feature = "tract")]
mod sizes;
#[cfg(all(test, feature = "tract"))]
mod toy;

use std::collections::BTreeMap;

use crate::onnx::ModelFile;
#[cfg(feature = "tract")]
use crate::recognize::Kind;
use crate::recognize::{Analysis, Refusal, Site};
#[cfg(not(feature = "tract"))]
use crate::recognize::{Stage, TABLE_RULE};
use crate::symbolic::Budget;

/// The result of probing a site that agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confirmed {
    /// Largest difference from the reference, relative to the largest result or 1.
    pub max_diff: f64,
    /// Number of runs.
    pub probes: usize,
}

/// Results by the graph that was run: equal cuts, also of several graphs of a model, are run once.
#[derive(Default)]
pub struct Runs {
    #[cfg(feature = "tract")]
    known: rustc_hash::FxHashMap<Vec<u8>, Result<f64, failure::Failure>>,
}

/// Probes every site of an analysis, in order, with these sizes of symbolic dimensions and small ones for the others. A site that
/// the budget does not cover is not confirmed. A build without the embedded engine probes nothing and confirms every site.
pub fn confirm(
    file: &ModelFile,
    analysis: &Analysis,
    sizes: &BTreeMap<String, i64>,
    budget: &Budget,
    runs: &mut Runs,
) -> Vec<Result<Confirmed, Box<Refusal>>> {
    #[cfg(feature = "tract")]
    {
        let mut prober =
            prober::Prober::new(file, &analysis.shapes, sizes, budget, &mut runs.known);
        let probe = |site: &Site| prober.site(site, &*claim(site));
        analysis.sites.iter().map(probe).collect()
    }
    #[cfg(not(feature = "tract"))]
    {
        let _ = (file, sizes, budget, runs);
        analysis
            .sites
            .iter()
            .map(|_| Ok(Confirmed::default()))
            .collect()
    }
}

/// The claim of a site, made by its family.
#[cfg(feature = "tract")]
fn claim(site: &Site) -> Box<dyn claim::Claim + '_> {
    match &site.kind {
        Kind::Rotary(rotary) => Box::new(rotary::RotaryClaim { site, rotary }),
        Kind::RelativeBias(bias) => Box::new(relative::BiasClaim { site, bias }),
        Kind::RelativeGather(gather) => Box::new(relative::GatherClaim { site, gather }),
        Kind::Alibi(alibi) => Box::new(relative::AlibiClaim { site, alibi }),
        Kind::Sinusoidal(sinusoidal) => Box::new(sinusoidal::SinusoidalClaim { site, sinusoidal }),
        Kind::Attention(attention) => Box::new(attention::AttentionClaim { site, attention }),
        #[cfg(test)]
        Kind::Toy(toy) => Box::new(toy::Twice { site, toy }),
    }
}

/// Probes for every site of an analysis whether its cosines and sines are those of the table that it could read; `None` if there
/// is no such table. Sites that read the same tensors are probed once. A build without the embedded engine confirms no
/// table.
pub fn confirm_tables(
    file: &ModelFile,
    analysis: &Analysis,
    sizes: &BTreeMap<String, i64>,
    budget: &Budget,
    runs: &mut Runs,
) -> Vec<Option<Result<Confirmed, Box<Refusal>>>> {
    #[cfg(feature = "tract")]
    {
        let mut prober =
            prober::Prober::new(file, &analysis.shapes, sizes, budget, &mut runs.known);
        let mut known = rotary::ProbedTables::default();
        let probe = |site: &Site| {
            let used = site.table()?;
            let table = &analysis.tables[used.table];
            match &site.kind {
                Kind::Rotary(rotary) => Some(known.probe(&mut prober, table, (site, rotary), used)),
                Kind::RelativeBias(_)
                | Kind::RelativeGather(_)
                | Kind::Alibi(_)
                | Kind::Sinusoidal(_)
                | Kind::Attention(_) => None,
                #[cfg(test)]
                Kind::Toy(_) => None,
            }
        };
        analysis.sites.iter().map(probe).collect()
    }
    #[cfg(not(feature = "tract"))]
    {
        let _ = (file, sizes, budget, runs);
        // The proof of a table is over the reals: only numbers show whether the graph rounds its angles as the operator does.
        let unprobed = |site: &Site| {
            let reason = "the angles are positions times frequencies, but this build cannot run them on numbers, so the graph's \
                          own tables stay";
            let hint = "build with the feature `tract`";
            let refusal = site.refused(Stage::Confirmation, reason, hint);
            Err(Box::new(Refusal {
                rule: TABLE_RULE,
                ..refusal
            }))
        };
        let sites = analysis.sites.iter();
        sites
            .map(|site| site.table().map(|_| unprobed(site)))
            .collect()
    }
}
