//! From proven sites to a change of the model.
//!
//! The node that produces the rotated tensor becomes the fused operator of a [`Target`], under its own name and with its own
//! output. Its inputs are the graph's own values. Nodes and initializers that nothing uses any more fall. [`unfuse`] is the way
//! back.
#![forbid(unsafe_code)]

mod angles;
mod dead;
mod definition;
mod function;
mod pairs;
mod rotary;
mod target;
mod unfuse;

use std::collections::BTreeMap;

use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, ModelFile};

use phasor_ops::contract;

pub use function::proto as function;
pub use target::{ONNX_OPSET, Plan, REPAIR, Subject, TablePlan, Target, Uses, plan};
pub(crate) use target::{functions, usurper};
pub use unfuse::{Definition, Expanded, UnfuseError, unfuse};

/// Metadata of a rewritten model: who rewrote it.
const VERSION_KEY: &str = "phasor.version";
/// Metadata of a rewritten model: what was fused.
const RULES_KEY: &str = "phasor.rules";

/// Oldest opset a function body is written for.
pub const OLDEST_OPSET: i64 = contract::body::OLDEST_OPSET;

/// Puts nodes in the place of others whose bodies have changed. What only the old bodies used falls.
pub(crate) fn exchange(file: &ModelFile, edit: &mut Edit, nodes: BTreeMap<usize, NodeProto>) {
    for (position, node) in nodes {
        edit.insert_before.entry(position).or_default().push(node);
        edit.remove_nodes.insert(position);
    }
    let new = std::mem::take(&mut edit.insert_before);
    dead::remove(file, &new, edit);
    edit.insert_before = new;
}

/// Who rewrote the model, and how many sites of which rule.
pub(crate) fn provenance(edit: &mut Edit, used: impl Iterator<Item = &'static str>) {
    edit.metadata
        .push((VERSION_KEY.to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    edit.metadata.push((RULES_KEY.to_owned(), rules(used)));
}

/// `rotary=4`, one entry a rule.
fn rules(used: impl Iterator<Item = &'static str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in used {
        *counts.entry(rule).or_default() += 1;
    }
    let list: Vec<String> = counts
        .into_iter()
        .map(|(rule, count)| format!("{rule}={count}"))
        .collect();
    list.join(",")
}
