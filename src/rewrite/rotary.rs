//! The fused node of a rotary site, or of two, and the unit axes of their tables.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, Edit, ModelFile, Tensor, names};
use crate::recognize::{Site, TableInput};

use phasor_ops::contract::rotary::{NAME, RotaryUse};
use phasor_ops::contract::rotary_pair::{self, RotaryPairUse};
use phasor_ops::contract::{DOMAIN, ElementType};

use super::function::value;

/// What the function body must serve.
pub(super) fn use_of(site: &Site) -> RotaryUse {
    RotaryUse {
        attributes: site.attributes(),
        table_width: Some(site.table_width),
        head_dim: Some(site.head_dim),
        x_dtype: element_type(site.dtype),
        table_dtype: element_type(site.table_dtype),
    }
}

pub(super) fn element_type(dtype: DataType) -> ElementType {
    match dtype {
        DataType::F16 => ElementType::F16,
        DataType::BF16 => ElementType::BF16,
        DataType::F64 => ElementType::F64,
        _ => ElementType::F32,
    }
}

/// What the function body of a pair must serve.
pub(super) fn pair_use(q: &Site, k: &Site) -> RotaryPairUse {
    let [q, k] = [q, k].map(use_of);
    RotaryPairUse { q, k }
}

/// The fused node with these tables; it keeps name and output of the node it replaces.
pub(super) fn node(file: &ModelFile, site: &Site, tables: &(String, String)) -> NodeProto {
    let old = &file.graph().node[site.node];
    fused(NAME, site, &[site], tables, old.output.clone(), old)
}

/// The fused node of two sites with the same tables and attributes; it takes the place of the second one's.
pub(super) fn pair(file: &ModelFile, q: &Site, k: &Site, tables: &(String, String)) -> NodeProto {
    let [first, second] = [q, k].map(|site| &file.graph().node[site.node]);
    let outputs = [&first.output[..], &second.output].concat();
    fused(rotary_pair::NAME, k, &[q, k], tables, outputs, second)
}

fn fused(
    operator: &str,
    like: &Site,
    sites: &[&Site],
    (cos, sin): &(String, String),
    output: Vec<String>,
    old: &NodeProto,
) -> NodeProto {
    let turned = sites.iter().map(|site| &site.x);
    NodeProto {
        name: old.name.clone(),
        op_type: Some(operator.to_owned()),
        domain: Some(DOMAIN.to_owned()),
        input: turned.chain([cos, sin]).cloned().collect(),
        output,
        attribute: like
            .attributes()
            .values()
            .into_iter()
            .map(|(name, given)| value(name, given))
            .collect(),
        doc_string: old.doc_string.clone(),
        metadata_props: old.metadata_props.clone(),
        ..Default::default()
    }
}

/// Names that the graph does not use yet, and the values made for unit axes so far.
pub(super) struct Names {
    taken: names::Taken,
    unsqueezed: FxHashMap<TableInput, String>,
}

impl Names {
    pub(super) fn new(file: &ModelFile) -> Names {
        let index = file.index();
        Names {
            taken: index.values().map(|id| index.name(id).to_owned()).collect(),
            unsqueezed: FxHashMap::default(),
        }
    }

    pub(super) fn fresh(&mut self, stem: &str) -> String {
        self.taken.fresh(stem)
    }
}

/// The node of the first site that reads each table.
pub(super) fn first_readers(sites: &[Site]) -> FxHashMap<TableInput, usize> {
    let mut first: FxHashMap<TableInput, usize> = FxHashMap::default();
    for site in sites {
        for input in [&site.cos, &site.sin] {
            match first.get_mut(input) {
                Some(node) => *node = site.node.min(*node),
                None => {
                    first.insert(input.clone(), site.node);
                }
            }
        }
    }
    first
}

/// The value to wire a table from: the graph's own, or one with unit axes inserted before the `first` node that needs it.
pub(super) fn table(
    input: &TableInput,
    first: usize,
    new: &mut BTreeMap<usize, Vec<NodeProto>>,
    edit: &mut Edit,
    names: &mut Names,
) -> String {
    if input.unsqueeze.is_empty() {
        return input.value.clone();
    }
    if let Some(known) = names.unsqueezed.get(input) {
        return known.clone();
    }
    let axes: Vec<i64> = input.unsqueeze.iter().map(|&axis| axis as i64).collect();
    let output = names.fresh(&format!("{}_unsqueezed", input.value));
    let mut node = NodeProto {
        name: Some(output.clone()),
        op_type: Some("Unsqueeze".to_owned()),
        input: vec![input.value.clone()],
        output: vec![output.clone()],
        ..Default::default()
    };
    // Axes are an input since opset 13, the oldest a function body is written for.
    let name = names.fresh(&format!("{output}_axes"));
    edit.add_initializers
        .push(Tensor::from_i64(&[axes.len()], &axes).to_proto(&name));
    node.input.push(name);
    new.entry(first).or_default().insert(0, node);
    names.unsqueezed.insert(input.clone(), output.clone());
    output
}
