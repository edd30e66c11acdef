//! `ai.phasor::RotaryEmbedding`.
//!
//! Its inputs are the graph's own values; unit axes that a table lacks are inserted once and shared. Operator set, function body
//! and provenance are added to the model.

use std::collections::BTreeMap;

use crate::onnx::proto::{FunctionProto, NodeProto};
use crate::onnx::{Edit, ModelFile};
use crate::recognize::Site;
use crate::rewrite::{OLDEST_OPSET, dead, function, provenance, rotary};

use phasor_ops::contract;

/// IR version that brought model-local functions with attribute defaults.
const FUNCTION_IR_VERSION: i64 = 9;

/// The operators' bodies, written for these sites.
pub(super) fn functions(file: &ModelFile, sites: &[Site]) -> Option<Vec<FunctionProto>> {
    let uses: Vec<_> = sites.iter().map(rotary::use_of).collect();
    let body = contract::rotary::function_body(file.opset(), &uses).ok()?;
    Some(vec![function::proto(&body)])
}

/// The change that fuses these sites; the empty change where there are none or the model's opset is too old.
pub(super) fn edit(file: &ModelFile, sites: &[Site]) -> Edit {
    let mut edit = Edit::default();
    if sites.is_empty() || file.opset() < OLDEST_OPSET {
        return edit;
    }
    let Some(functions) = functions(file, sites) else {
        return edit;
    };
    let mut names = rotary::Names::new(file);
    let mut new: BTreeMap<usize, Vec<NodeProto>> = BTreeMap::new();
    for site in sites {
        let cos = rotary::table(site, &site.cos, sites, &mut new, &mut edit, &mut names);
        let sin = rotary::table(site, &site.sin, sites, &mut new, &mut edit, &mut names);
        new.entry(site.node)
            .or_default()
            .push(rotary::node(file, site, cos, sin));
        edit.remove_nodes.insert(site.node);
    }
    dead::remove(file, &new, &mut edit);
    edit.insert_before = new;
    edit.add_functions = functions;
    edit.opsets
        .push((contract::DOMAIN.to_owned(), contract::VERSION));
    edit.min_ir_version = Some(FUNCTION_IR_VERSION);
    provenance(&mut edit, sites.iter().map(|site| site.rule));
    edit
}
