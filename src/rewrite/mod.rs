//! Turns proven sites into a change of the model.
//!
//! The node that computes the encoded tensor of a site is replaced by the fused operator of a [`Target`], with the same name and
//! output. Its inputs are the graph's own values. Nodes and initializers that nothing uses any more are removed. [`unfuse()`] is
//! the way back.
//!
//! `lowering` plans all sites of a graph in one `draft`, and leaves the nodes of each kind to the folder of its family.
#![forbid(unsafe_code)]

mod angles;
mod attention;
mod dead;
mod definition;
mod draft;
mod function;
mod lowering;
mod made;
mod plain;
mod raise;
mod relative;
mod retarget;
mod rotary;
mod sinusoidal;
mod subject;
#[cfg(all(test, feature = "tract"))]
mod testing;
#[cfg(test)]
mod toy;
mod trace;
mod unfuse;

use std::collections::BTreeMap;

use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, Error, ModelFile, ValueId, names};

use crate::recognize::Rule;

use phasor_ops::contract;

pub use definition::FUNCTIONS;
pub(crate) use definition::{has_function, without_function};
pub use function::proto as function;
pub(crate) use lowering::{
    NEWER_OPSET, carry_functions, functions, shadowing_function, without_body,
};
pub use lowering::{Plan, TablePlan, plan};
pub(crate) use made::settle;
pub use raise::{RaiseError, raised};
pub use retarget::{Held, Respelled, RetargetError, Spelled, Wish, spelled_out};
pub use rotary::foreign::ONNX_OPSET;
pub use rotary::repair::REPAIR;
pub(crate) use rotary::repair::narrow;
pub use subject::{Accepted, NewCall, Subject, Target, Writing};
pub use unfuse::{Definition, Expanded, UnfuseError, unfuse};

/// The pages of the rules that change operators which a model has already.
pub const PAGES: [Rule; 2] = [rotary::repair::PAGE, definition::PAGE];

/// Metadata of a rewritten model: who rewrote it.
const VERSION_KEY: &str = "phasor.version";
/// Metadata of a rewritten model: what was fused.
const RULES_KEY: &str = "phasor.rules";

/// The oldest opset that function bodies can be written for.
pub const OLDEST_OPSET: i64 = contract::body::OLDEST_OPSET;

/// Removes what only the old bodies of these nodes used; `file` has the new bodies.
pub(crate) fn release<'a>(
    file: &ModelFile,
    old: impl Iterator<Item = &'a NodeProto>,
    edit: &mut Edit,
) {
    let index = file.index();
    let unread: Vec<ValueId> = old
        .flat_map(names::captured)
        .filter_map(|name| index.id(name))
        .collect();
    let new = std::mem::take(&mut edit.insert_before);
    dead::remove(file, &unread, &new, edit);
    edit.insert_before = new;
}

/// The model after a change, validated.
///
/// # Errors
/// If the result is not valid ONNX. The model was valid before, so that is a fault of the change.
pub(crate) fn check(file: &ModelFile, edit: &Edit) -> Result<ModelFile, Error> {
    let edited = ModelFile::in_memory(file.path(), file.edited(edit))?;
    edited.validate()?;
    if file.index().misplaced().is_none() {
        edited.check_order()?;
    }
    Ok(edited)
}

/// Adds metadata that says who rewrote the model, and how many sites of which rule.
pub(crate) fn provenance(edit: &mut Edit, used: impl Iterator<Item = &'static str>) {
    edit.metadata
        .push((VERSION_KEY.to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    edit.metadata.push((RULES_KEY.to_owned(), rules(used)));
}

/// `rotary=4,rotary-table=1`: how often each rule was used.
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
