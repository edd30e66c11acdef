//! The tables of angles of one graph: what probing said of them, and which a change computes.

use rustc_hash::FxHashSet;

use crate::confirm::Confirmed;
use crate::recognize::{AngleTable, Refusal, Site};
use crate::rewrite::TablePlan;

/// A table of angles that are positions times frequencies.
#[derive(Clone, Debug)]
pub struct FoundTable {
    /// The table.
    pub table: AngleTable,
    /// What probing it showed.
    pub confirmed: Confirmed,
}

/// What computing tables by nodes of their own does to a model, beyond the sites that read them.
#[derive(Clone, Debug, Default)]
pub struct TableChange {
    /// The tables: scope and position in it.
    pub tables: Vec<(usize, usize)>,
    /// Nodes that go.
    pub removed: usize,
    /// Nodes that come.
    pub added: usize,
}

impl TableChange {
    /// Adds the tables of a scope whose change is `all`.
    pub(super) fn add(&mut self, scope: usize, plan: &TablePlan, all: (usize, usize)) {
        self.tables.extend(plan.wired.iter().map(|&t| (scope, t)));
        // Unit axes that only the graph's own tables need count as nodes that go.
        let fewer = plan.plain.1.saturating_sub(all.1);
        self.removed += (all.0 + fewer).saturating_sub(plan.plain.0);
        self.added += all.1.saturating_sub(plan.plain.1);
    }
}

/// Adds what probing showed to the tables that the sites could read. A site whose table is not confirmed keeps the graph's own.
/// Returns the reasons, without repetition.
pub(super) fn settle(
    tables: Vec<AngleTable>,
    sites: &mut [Site],
    verdicts: Vec<Option<Result<Confirmed, Box<Refusal>>>>,
) -> (Vec<FoundTable>, Vec<Refusal>) {
    let found = |table| FoundTable {
        table,
        confirmed: Confirmed::default(),
    };
    let mut tables: Vec<FoundTable> = tables.into_iter().map(found).collect();
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut known: FxHashSet<(String, String)> = FxHashSet::default();
    for (site, verdict) in sites.iter_mut().zip(verdicts) {
        match (verdict, site.table()) {
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
