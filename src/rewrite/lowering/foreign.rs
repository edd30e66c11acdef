//! Plans sites as operators that runtimes have already. A site that they cannot express is left as it is, with the reason.

use std::collections::BTreeSet;

use crate::recognize::{Kind, Site, Stage};
use crate::rewrite::OLDEST_OPSET;
use crate::rewrite::draft::Draft;
use crate::rewrite::rotary::{RotarySite, foreign, repair};

use super::Plan;
use crate::rewrite::subject::{Subject, Target};

/// The work at one node.
enum Task {
    /// Fuse the site at this place in the list.
    Fuse(usize),
    /// Expand these inputs.
    Repair(Vec<usize>),
}

/// The change that fuses these sites, and repairs nodes of the operator that the model has already.
pub(super) fn plan(subject: &Subject<'_>, sites: &[Site], target: Target) -> Plan {
    let mut tasks: Vec<(usize, Task)> = sites
        .iter()
        .enumerate()
        .map(|(position, site)| (site.node, Task::Fuse(position)))
        .collect();
    if subject.rules.allows(repair::REPAIR) {
        let nodes = repair::nodes_to_repair(subject.file, subject.facts, target).into_iter();
        tasks.extend(nodes.map(|(at, slots)| (at, Task::Repair(slots))));
    }
    tasks.sort_by_key(|(at, _)| *at);
    let mut draft = Draft::new(subject.file);
    let mut plan = Plan::default();
    let mut rules = Vec::new();
    let mut opsets = BTreeSet::new();
    for (at, task) in tasks {
        match task {
            Task::Fuse(position) => {
                let site = &sites[position];
                match lower(&mut draft, subject, site, target) {
                    Ok(opset) => {
                        opsets.extend(opset);
                        rules.push(site.rule);
                        draft.tell_of([site]);
                    }
                    Err(reason) => {
                        let hint = match subject.file.opset() < OLDEST_OPSET {
                            true => "export the model with a newer opset",
                            false => "fuse it with `--target phasor`",
                        };
                        let refusal = site.refused(Stage::Target, reason, hint);
                        plan.unsupported.push((position, refusal));
                    }
                }
            }
            Task::Repair(slots) => {
                repair::node(&mut draft, subject.facts, at, &slots);
                rules.push(repair::REPAIR);
                plan.repaired += 1;
            }
        }
    }
    plan.unsupported.sort_by_key(|(position, _)| *position);
    plan.edit = draft.finish(rules.into_iter(), &opsets);
    plan
}

/// Plans one site and returns the operator set to import for it, if that is not ONNX's own.
///
/// # Errors
/// Why the target cannot express the site.
fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    target: Target,
) -> Result<Option<(&'static str, i64)>, String> {
    match &site.kind {
        Kind::Rotary(rotary) => {
            let operator = foreign::operator(target).ok_or("the target has no operator for it")?;
            let name = operator.name();
            foreign::lower(draft, subject, &RotarySite::new(site, rotary), operator)
                .map(|()| operator.opset())
                .map_err(|reason| format!("`{name}` cannot express it: {reason}"))
        }
        Kind::RelativeBias(_) | Kind::RelativeGather(_) | Kind::Alibi(_) => {
            Err("the target has no operator that goes by the distance between positions".to_owned())
        }
        Kind::Sinusoidal(_) | Kind::Attention(_) => {
            Err("the target has no operator for it".to_owned())
        }
        #[cfg(test)]
        Kind::Toy(_) => Err("the target has no operator for it".to_owned()),
    }
}
