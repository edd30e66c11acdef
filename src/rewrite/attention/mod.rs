//! Plans attention as nodes of `ai.phasor::Attention`, or of `ai.phasor::CachedAttention` where keys and values are put behind those of a
//! cache for it; or of what other operator sets have (`foreign`).

mod cached;
pub(super) mod foreign;
mod shapes;
#[cfg(all(test, feature = "tract"))]
mod tests;

use crate::facts::Dim;
use crate::onnx::{DataType, Tensor};
use crate::recognize::{Attention, Site};

use phasor_ops::contract::{Call, ElementType, Operand, attention as plain, cached_attention};

use super::dead::named_in_training;
use super::draft::{Draft, Op};
use super::subject::{NewCall, Subject};

use cached::Cached;
use shapes::Sizes;

/// Plans a site.
pub(super) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
) {
    let Attention {
        q,
        k,
        v,
        bias,
        mask,
        ..
    } = attention;
    let dtype = site.dtype;
    let operand = |name: &str| operand(subject, dtype, name);
    // New keys and those of the cache have the sizes of all, but for how many they are.
    let part = |whole: &str| {
        let mut part = operand(whole);
        if let Some([_, _, keys, _]) = part.shape.as_deref_mut() {
            *keys = None;
        }
        part
    };
    let (bias, of_bias) = match bias {
        Some(bias) => (bias.clone(), operand(bias)),
        None => (constant(draft, "phasor_no_bias", dtype, 0.0), all(0.0)),
    };
    let (mask, of_mask) = match mask {
        Some(mask) => (mask.value.clone(), Operand::default()),
        None => {
            let none = constant(draft, "phasor_no_mask", DataType::Bool, 1.0);
            (none, all(1.0))
        }
    };
    let sizes = sizes_of(draft, subject, site);
    // Written out, the concatenations are nodes again; and the results of a node with a cache are those of the graph as they are.
    let cached = match draft.is_plain(site.rule) || attention.turned {
        true => None,
        false => cached::take(draft, &sizes, [k, v]),
    };
    if cached.is_none() {
        let_go(draft, &sizes, [k, v]);
    }
    let (operator, operands) = match cached {
        Some(_) => (cached_attention::NAME, [operand(q), part(k), part(v)]),
        None => (plain::NAME, [operand(q), operand(k), operand(v)]),
    };
    let mut operands: Vec<Operand> = operands.into();
    operands.extend([of_bias, of_mask]);
    let mut inputs = vec![q.clone(), k.clone(), v.clone(), bias, mask];
    let mut nodes = vec![site.node];
    if let Some(Cached { concats, new, past }) = cached {
        operands.extend([part(k), part(v)]);
        inputs.splice(1..3, new);
        inputs.extend(past);
        nodes.extend(concats);
    }
    let new = NewCall {
        operator,
        call: Call {
            attributes: attention.attributes().values().to_vec(),
            inputs: operands,
        },
    };
    let op = Op::calling(site.rule, new, inputs);
    if attention.turned {
        turned(draft, site, op);
    } else {
        draft.join(&nodes, op);
    }
}

/// What is known of a tensor of the site.
fn operand(subject: &Subject<'_>, dtype: DataType, name: &str) -> Operand {
    let shape = subject.shapes.get(name);
    let known = |dim: &Dim| usize::try_from(dim.known()?).ok();
    Operand {
        dtype: ElementType::from_onnx(dtype.to_onnx()),
        shape: shape.map(|shape| shape.iter().map(known).collect()),
        ..Operand::default()
    }
}

/// An operand whose elements are all this number.
fn all(value: f64) -> Operand {
    Operand {
        value: Some(value),
        ..Operand::default()
    }
}

/// Exchanges heads and queries of what `op` gives, and makes that the result of the site.
fn turned(draft: &mut Draft<'_>, site: &Site, op: Op<'_>) {
    let exchanged = draft.own(site.node, &format!("{}_exchanged", site.y), op);
    let transpose = Op::new("Transpose", [exchanged]);
    draft.replace(site.node, transpose.with_list("perm", &[0, 2, 1, 3]));
}

fn sizes_of<'a>(draft: &Draft<'_>, subject: &Subject<'a>, site: &Site) -> Sizes<'a> {
    let index = draft.file.index();
    let tensors = site.tensors().into_iter();
    let mut needed = named_in_training(draft.file);
    needed.extend(tensors.filter_map(|name| index.id(name)));
    Sizes {
        end: site.node,
        needed,
        shapes: subject.shapes,
    }
}

/// Lets nodes ask keys and values for the shapes of what is computed from them, which is then not needed any more.
fn let_go(draft: &mut Draft<'_>, sizes: &Sizes<'_>, operands: [&String; 2]) {
    for operand in operands {
        if let Some(measured) = sizes.measured(draft, operand) {
            measured
                .of_others(draft, operand)
                .respell(draft, &[operand]);
        }
    }
}

/// A constant of one element.
fn constant(draft: &mut Draft<'_>, stem: &str, dtype: DataType, number: f64) -> String {
    draft.constant(stem, &Tensor::from_f64_as(dtype, &[1], &[number]))
}
