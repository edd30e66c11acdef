//! The tables of angles of one graph: their probes, and what computing them by nodes of their own changes.

use rustc_hash::FxHashSet;

use crate::confirm::Confirmed;
use crate::recognize::{AngleTable, Refusal, Site};
use crate::rewrite::TablePlan;

/// A table of angles that are positions times frequencies.
#[derive(Clone, Debug)]
pub struct FoundTable {
    /// The table.
    pub table: AngleTable,
    /// The result of probing it.
    pub confirmed: Confirmed,
}

/// The part that tables computed by nodes of their own have in a change.
#[derive(Clone, Debug, Default)]
pub struct TableChange {
    /// The tables: scope and position in it.
    pub tables: Vec<(usize, usize)>,
    /// Nodes that are removed for them.
    pub removed: usize,
    /// New nodes for them.
    pub added: usize,
}

impl TableChange {
    /// Adds the tables of a scope. `all` is its whole change, as numbers of removed and new nodes.
    pub(super) fn add(&mut self, scope: usize, plan: &TablePlan, all: (usize, usize)) {
        self.tables.extend(plan.wired.iter().map(|&t| (scope, t)));
        // `Unsqueeze` nodes that only the graph's own tables would need count as removed.
        let fewer = plan.plain.1.saturating_sub(all.1);
        self.removed += (all.0 + fewer).saturating_sub(plan.plain.0);
        self.added += all.1.saturating_sub(plan.plain.1);
    }
}

/// Adds the results of probes to the tables that the sites could read. A site whose table is not confirmed keeps the graph's own.
/// Returns the tables, and the refusals without repetition.
pub(super) fn settle(
    tables: Vec<AngleTable>,
    sites: &mut [Site],
    results: Vec<Option<Result<Confirmed, Box<Refusal>>>>,
) -> (Vec<FoundTable>, Vec<Refusal>) {
    let found = |table| FoundTable {
        table,
        confirmed: Confirmed::default(),
    };
    let mut tables: Vec<FoundTable> = tables.into_iter().map(found).collect();
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut known: FxHashSet<(String, String)> = FxHashSet::default();
    for (site, result) in sites.iter_mut().zip(results) {
        match (result, site.table()) {
            (Some(Ok(seen)), Some(used)) => {
                let all = &mut tables[used.table].confirmed;
                all.max_diff = all.max_diff.max(seen.max_diff);
                all.probes += seen.probes;
            }
            (Some(Err(refusal)), _) => {
                site.forget_table();
                if known.insert((refusal.value.clone(), refusal.reason.clone())) {
                    refusals.push(*refusal);
                }
            }
            _ => {}
        }
    }
    (tables, refusals)
}
