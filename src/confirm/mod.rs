//! Confirms proven sites on numbers.
//!
//! The proof is exact over the reals and trusts the transfer functions; this does not trust them. Every site is cut out of the graph
//! at the tensors that its operator reads, run on random numbers in the embedded engine, and compared with the operator's reference.
//! Since the numbers are random and independent, agreement means that the graph computes the operator's formula for any tensors.
//! Where random tensors break what the graph relies on (that both halves of a table are equal, say), the cut reaches further up, at
//! most to the model's inputs. What is not given then is read off the same run.
//!
//! A family says with a `claim::Claim` what its sites compute; `prober` cuts, runs and compares. Sites whose cuts are the same graph,
//! as those of a model's layers are, are run once.
#![forbid(unsafe_code)]

#[cfg(feature = "tract")]
mod claim;
#[cfg(feature = "tract")]
mod cut;
#[cfg(feature = "tract")]
mod numbers;
#[cfg(feature = "tract")]
mod prober;
#[cfg(feature = "tract")]
mod rotary;
#[cfg(feature = "tract")]
mod sizes;
#[cfg(all(test, feature = "tract"))]
mod toy;

use std::collections::BTreeMap;

use crate::onnx::ModelFile;
#[cfg(feature = "tract")]
use crate::recognize::Kind;
use crate::recognize::{Analysis, Refusal, Site};
use crate::symbolic::Budget;

/// What probing a site showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confirmed {
    /// Largest difference from the reference, relative to the largest result or 1.
    pub max_diff: f64,
    /// Number of runs.
    pub probes: usize,
}

/// What runs have shown, by the graph that was run: equal cuts of several graphs of a model are run once.
#[derive(Default)]
pub struct Runs {
    #[cfg(feature = "tract")]
    known: rustc_hash::FxHashMap<Vec<u8>, Result<f64, prober::Failure>>,
}

/// Probes every site of an analysis, in order, with these sizes of symbolic dimensions and small ones for the others. A site that
/// the budget does not allow to probe is not confirmed. Built without the embedded engine, nothing is probed.
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

/// What a site claims, in the words of its family.
#[cfg(feature = "tract")]
fn claim(site: &Site) -> Box<dyn claim::Claim + '_> {
    match &site.kind {
        Kind::Rotary(rotary) => Box::new(rotary::RotaryClaim { site, rotary }),
        #[cfg(test)]
        Kind::Toy(toy) => Box::new(toy::Twice { site, toy }),
    }
}

/// Probes for every site of an analysis whether its cosines and sines are those of the table it could read; `None` where there
/// is no such table. Sites that read the same tensors are probed once. Built without the embedded engine, nothing is probed.
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
            let rotary = site.rotary()?;
            let used = rotary.table.as_ref()?;
            let table = &analysis.tables[used.table];
            Some(known.probe(&mut prober, table, (site, rotary), used))
        };
        analysis.sites.iter().map(probe).collect()
    }
    #[cfg(not(feature = "tract"))]
    {
        let _ = (file, sizes, budget, runs);
        let probe = |site: &Site| site.table().map(|_| Ok(Confirmed::default()));
        analysis.sites.iter().map(probe).collect()
    }
}
