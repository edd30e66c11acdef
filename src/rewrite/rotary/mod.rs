//! Plans rotary sites as nodes of `ai.phasor`: `RotaryEmbedding`, `RotaryEmbeddingPair` or `RotaryHeads`, and the
//! `RotaryTable` nodes that they read.
//!
//! Inputs are the graph's own values; unit axes that a table lacks are inserted once and shared. A `RotaryTable` node computes a
//! table whose angles are positions times frequencies, if that leaves fewer nodes than the graph's own table. [`foreign`] has the
//! operators of other domains.

mod choice;
pub(super) mod foreign;
pub(super) mod heads;
mod pairs;
pub(super) mod repair;
mod site;
mod tables;
mod widen;

use rustc_hash::FxHashMap;

use crate::onnx::{DataType, Tensor};
use crate::recognize::{ROTARY_RULE, Rotary, TableInput};

use phasor_ops::contract::rotary::NAME;
use phasor_ops::contract::rotary_heads::{self, RotaryHeadsAttributes};
use phasor_ops::contract::{Call, ElementType, Operand, rotary_pair};

use super::draft::{Draft, Op};
use super::subject::{NewCall, Subject};
use heads::{InPlace, Taken};
use tables::Wired;

pub(super) use choice::worthwhile;
pub(super) use site::RotarySite;

/// Plans these sites. Sites of the `chosen` tables read `RotaryTable` nodes; `paired`: two sites of a layer become one node. Those
/// `in_place` read their heads where a projection wrote them.
pub(super) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    sites: Vec<RotarySite>,
    chosen: &[usize],
    paired: bool,
    in_place: &InPlace,
) {
    // Asked of the graph's own tables, whose shapes are known.
    let larger: Vec<[bool; 2]> = sites
        .iter()
        .map(|site| widen::larger(subject.shapes, site))
        .collect();
    let mut wired = Wired::new(sites, subject.tables, chosen, draft);
    let sites = &mut wired.sites;
    let mut read = Vec::new();
    let mut unsqueezed = FxHashMap::default();
    let first = first_readers(sites);
    for site in &*sites {
        let [cos, sin] = [&site.rotary.cos, &site.rotary.sin]
            .map(|input| table(input, first[input], &mut unsqueezed, draft));
        read.push([cos, sin]);
    }
    for ((site, tables), larger) in sites.iter_mut().zip(&read).zip(larger) {
        for (table, larger) in tables.iter().zip(larger) {
            if larger {
                site.rotary.x = widen::to(table, &site.rotary.x, site.node, draft);
            }
        }
    }
    let sites = &*sites;
    let packed = in_place.prepare(draft, sites);
    let mut joined = vec![false; sites.len()];
    let pairs = match paired {
        true => pairs::find(draft.file, sites, &read),
        false => Vec::new(),
    };
    let mut fuse = |operator, sites: &[&RotarySite], tables: &[String; 2]| {
        let turned = sites.iter().map(|site| &site.rotary.x);
        let nodes: Vec<usize> = sites.iter().map(|site| site.node).collect();
        let call = call(operator, sites);
        let inputs = turned.chain(tables).cloned();
        draft.join(&nodes, Op::calling(ROTARY_RULE, call, inputs));
    };
    for (first, second) in pairs {
        (joined[first], joined[second]) = (true, true);
        let pair = [&sites[first], &sites[second]];
        fuse(rotary_pair::NAME, &pair, &read[second]);
    }
    for (position, site) in sites.iter().enumerate() {
        if !joined[position] && in_place.of(site).is_none() {
            fuse(NAME, &[site], &read[position]);
        }
    }
    for (site, tables) in sites.iter().zip(&read) {
        if let Some(taken) = in_place.of(site) {
            let call = heads_call(site, taken);
            draft.leave(&site.rotary.x);
            let x = packed[&taken.packed].clone();
            let inputs = [x].into_iter().chain(tables.iter().cloned());
            draft.replace(site.node, Op::calling(ROTARY_RULE, call, inputs));
        }
    }
    // Before the unit axes of their outputs, which stand at the front too.
    for (at, nodes) in wired.nodes {
        draft.put_first(at, nodes);
    }
}

/// What the function body must serve: a node that rotates the tensors of these sites by the tables of the first.
fn call(operator: &'static str, sites: &[&RotarySite]) -> NewCall {
    let last = |dtype: DataType, width: usize| Operand {
        dtype: ElementType::from_onnx(dtype.to_onnx()),
        shape: Some(vec![Some(width)]),
        ..Operand::default()
    };
    let turned = sites.iter();
    let turned = turned.map(|site| last(site.dtype, site.rotary.head_dim));
    let Rotary {
        table_dtype,
        table_width,
        ..
    } = sites[0].rotary;
    let tables = [(); 2].map(|()| last(table_dtype, table_width));
    NewCall {
        operator,
        call: Call {
            attributes: sites[0].rotary.attributes().values().to_vec(),
            inputs: turned.chain(tables).collect(),
        },
    }
}

/// The same for a node that takes the heads of a site out of a packed tensor.
fn heads_call(site: &RotarySite, taken: &Taken) -> NewCall {
    let mut new = call(rotary_heads::NAME, &[site]);
    let attributes = RotaryHeadsAttributes {
        rotary: site.rotary.attributes(),
        heads: taken.heads,
    };
    new.call.attributes = attributes.values().to_vec();
    let [heads, channels] = taken.packed.sizes.map(Some);
    new.call.inputs[0].shape = Some(vec![None, None, heads, channels]);
    new
}

/// For each table, the node of the first site that reads it.
fn first_readers(sites: &[RotarySite]) -> FxHashMap<TableInput, usize> {
    let mut first: FxHashMap<TableInput, usize> = FxHashMap::default();
    for site in sites {
        for input in [&site.rotary.cos, &site.rotary.sin] {
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

/// The value that a site reads as a table: the graph's own, or one with unit axes inserted before the `first` node that needs it.
fn table(
    input: &TableInput,
    first: usize,
    unsqueezed: &mut FxHashMap<TableInput, String>,
    draft: &mut Draft<'_>,
) -> String {
    if input.unsqueeze.is_empty() {
        return input.value.clone();
    }
    if let Some(known) = unsqueezed.get(input) {
        return known.clone();
    }
    let axes: Vec<i64> = input.unsqueeze.iter().map(|&axis| axis as i64).collect();
    let output = draft.fresh(&format!("{}_unsqueezed", input.value));
    // Axes are an input since opset 13, the oldest a function body is written for.
    let tensor = Tensor::from_i64(&[axes.len()], &axes);
    let axes = draft.initializer(&format!("{output}_axes"), &tensor);
    let op = Op::new("Unsqueeze", [input.value.clone(), axes]);
    draft.put_first(first, [op.node(&output, vec![output.clone()])]);
    unsqueezed.insert(input.clone(), output.clone());
    output
}
