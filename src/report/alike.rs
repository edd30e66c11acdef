//! Near misses that say the same.

use rustc_hash::FxHashMap;

use super::{LostReport, RefusalReport};

/// Near misses that say the same, in order.
pub(crate) fn grouped(refusals: &[RefusalReport]) -> Vec<Vec<&RefusalReport>> {
    let mut groups: Vec<Vec<&RefusalReport>> = Vec::new();
    let mut known = FxHashMap::default();
    for refusal in refusals {
        let cause = |lost: &LostReport| (lost.operator.clone(), lost.reason);
        let cause = refusal.lost.as_ref().map(cause);
        let said = (refusal.rule, refusal.stage, &refusal.reason, &refusal.hint);
        let at = *known.entry((said, cause)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(refusal);
    }
    groups
}
