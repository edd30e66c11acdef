//! What each rule does, for reports.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::onnx::ModelFile;
#[cfg(feature = "ort")]
use crate::recognize::Site;
use crate::recognize::{Proof, TABLE_RULE};
use crate::rewrite::{FUNCTIONS, REPAIR, Writing};
use crate::scopes::{self, Findings, Found, Planned, TableChange};

/// What one rule does to the graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleSummary {
    /// Identifier of the rule.
    pub rule: &'static str,
    /// Sites it fuses.
    pub sites: usize,
    /// Nodes that go if it alone is applied.
    pub removed: usize,
    /// Nodes that come in their place.
    pub added: usize,
    /// What is proven of its sites, without repetition.
    pub proofs: Vec<String>,
    /// Largest difference seen while confirming its sites.
    pub max_diff: f64,
    /// Probes run to confirm its sites.
    pub probes: usize,
}

/// What each rule does; `whole` is the plan of all together, which is that of a rule that is alone.
pub(super) fn rules(
    file: &ModelFile,
    findings: &Findings,
    whole: &Planned,
    writing: Writing<'_>,
) -> Vec<RuleSummary> {
    let by_rule = by_rule(findings);
    let alone = by_rule.len() + usize::from(whole.repaired > 0) == 1;
    let repair = (whole.repaired > 0).then(|| {
        let planned = scopes::plan(file, findings, &[], writing);
        (planned.removed, planned.added)
    });
    let summary = |(rule, found): (&'static str, Vec<&Found>)| {
        let own = (!alone).then(|| scopes::plan(file, findings, &found, writing));
        let planned = own.as_ref().unwrap_or(whole);
        // Every plan repairs.
        let (by_repair, for_repair) = repair.unwrap_or_default();
        let mut proofs: Vec<String> = found.iter().map(|f| f.site.proven()).collect();
        proofs.sort_unstable();
        proofs.dedup();
        RuleSummary {
            rule,
            sites: found.len(),
            removed: planned
                .removed
                .saturating_sub(by_repair + planned.tables.removed),
            added: planned
                .added
                .saturating_sub(for_repair + planned.tables.added),
            proofs,
            max_diff: found
                .iter()
                .fold(0.0, |worst, f| f.confirmed.max_diff.max(worst)),
            probes: found.iter().map(|f| f.confirmed.probes).sum(),
        }
    };
    let repairs = repair.map(|(removed, added)| RuleSummary {
        rule: REPAIR,
        sites: whole.repaired,
        removed,
        added,
        proofs: vec!["broadcast".to_owned()],
        max_diff: 0.0,
        probes: 0,
    });
    let completed = (whole.completed > 0).then(|| RuleSummary {
        rule: FUNCTIONS,
        sites: whole.completed,
        removed: 0,
        added: 0,
        proofs: vec!["definition".to_owned()],
        max_diff: 0.0,
        probes: 0,
    });
    let tables = &whole.tables;
    let tables = (!tables.tables.is_empty()).then(|| table_summary(findings, tables));
    let rules = by_rule.into_iter().map(summary);
    rules
        .chain(tables)
        .chain(repairs)
        .chain(completed)
        .collect()
}

/// Names of the nodes of the main graph, some of them empty, that each rule would remove if it alone were applied, with a site of the rule; a
/// table goes with the sites that read it.
#[cfg(feature = "ort")]
pub(crate) fn nodes_by_rule<'f>(
    file: &ModelFile,
    findings: &'f Findings,
) -> Vec<(&'f Site, Vec<String>)> {
    let rules = by_rule(findings).into_values().map(|found| {
        let planned = scopes::plan(file, findings, &found, Writing::default());
        let nodes = planned.edit.remove_nodes.iter();
        let names =
            nodes.filter_map(|&place| Some(file.graph().node.get(place)?.name().to_owned()));
        (&found[0].site, names.collect())
    });
    rules.collect()
}

fn by_rule(findings: &Findings) -> BTreeMap<&'static str, Vec<&Found>> {
    let mut rules: BTreeMap<&'static str, Vec<&Found>> = BTreeMap::new();
    for found in &findings.sites {
        rules.entry(found.site.rule).or_default().push(found);
    }
    rules
}

/// What the tables do beyond the sites that read them.
fn table_summary(findings: &Findings, change: &TableChange) -> RuleSummary {
    let tables = change.tables.iter();
    let confirmed = tables.map(|&(scope, table)| findings.scopes[scope].tables[table].confirmed);
    RuleSummary {
        rule: TABLE_RULE,
        sites: change.tables.len(),
        removed: change.removed,
        added: change.added,
        proofs: vec![Proof::Rotation.as_str().to_owned()],
        max_diff: confirmed
            .clone()
            .fold(0.0, |worst, c| c.max_diff.max(worst)),
        probes: confirmed.map(|c| c.probes).sum(),
    }
}
