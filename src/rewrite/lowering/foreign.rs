//! Plans sites as operators that runtimes have already. A site that they cannot express is left as it is, with the reason.

use std::collections::BTreeSet;

use crate::recognize::{Kind, Site, Stage};
use crate::rewrite::OLDEST_OPSET;
use crate::rewrite::attention;
use crate::rewrite::draft::Draft;
use crate::rewrite::rotary::heads::InPlace;
use crate::rewrite::rotary::{self, RotarySite, foreign, repair};

use super::Plan;
use super::native;
use crate::rewrite::subject::Subject;

/// The work at one node.
enum Task {
    /// Fuse the site at this place in the list.
    Fuse(usize),
    /// Expand these inputs.
    Repair(Vec<usize>),
}

/// The change that fuses these sites, and repairs nodes of the operator that the model has already.
pub(super) fn plan(subject: &Subject<'_>, sites: &[Site]) -> Plan {
    let target = subject.writing.target;
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
    let mut draft = Draft::new(subject.file).with_plain(subject.writing.plain);
    let mut plan = Plan::default();
    let mut rules = Vec::new();
    let mut opsets = BTreeSet::new();
    for (at, task) in tasks {
        match task {
            Task::Fuse(position) => {
                let site = &sites[position];
                match lower(&mut draft, subject, site) {
                    Ok(opset) => {
                        opsets.extend(opset);
                        rules.push(site.rule);
                        draft.tell_of([site]);
                    }
                    Err(reason) => {
                        let hint = match subject.file.opset() < OLDEST_OPSET {
                            true => "export the model with a newer opset".to_owned(),
                            false => format!(
                                "fuse it with `--plain {}`, or with `--target phasor`",
                                site.rule
                            ),
                        };
                        let refusal = site.refused(Stage::Target, reason, &hint);
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
) -> Result<Option<(&'static str, i64)>, String> {
    if subject.writing.plain.contains(&site.rule) {
        return plain(draft, subject, site).map(|()| None);
    }
    match &site.kind {
        Kind::Rotary(rotary) => {
            let operator = foreign::operator(subject.writing.target)
                .ok_or("the target has no operator for it")?;
            let name = operator.name();
            foreign::lower(draft, subject, &RotarySite::new(site, rotary), operator)
                .map(|()| operator.opset())
                .map_err(|reason| format!("`{name}` cannot express it: {reason}"))
        }
        Kind::RelativeBias(_) | Kind::RelativeGather(_) | Kind::Alibi(_) => {
            Err("the target has no operator that goes by the distance between positions".to_owned())
        }
        Kind::Attention(part) => attention::foreign::lower(draft, subject, site, part),
        Kind::Sinusoidal(_) => Err("the target has no operator for it".to_owned()),
        #[cfg(test)]
        Kind::Toy(_) => Err("the target has no operator for it".to_owned()),
    }
}

/// Plans one site as standard nodes.
///
/// # Errors
/// If its model is too old for them.
fn plain(draft: &mut Draft<'_>, subject: &Subject<'_>, site: &Site) -> Result<(), String> {
    let opset = subject.file.opset();
    if opset < OLDEST_OPSET {
        return Err(format!(
            "standard nodes are written for opset {OLDEST_OPSET} or newer, and the model has {opset}"
        ));
    }
    match &site.kind {
        Kind::Rotary(part) => {
            let sites = vec![RotarySite::new(site, part)];
            rotary::lower(draft, subject, sites, &[], false, &InPlace::default());
        }
        _ => native::lower(draft, subject, site),
    }
    Ok(())
}
