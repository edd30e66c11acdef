//! `com.microsoft::MultiHeadAttention` of ONNX Runtime.
//!
//! Queries are `[B, S, N x D]`, keys and values `[B, N, T, D]`, the result is `[B, S, N x D]`. A row without a visible key is what the formula
//! makes of it, NaN included.
//!
//! Restrictions, as found in the kernel of the CPU provider in ONNX Runtime 1.17, 1.20, 1.22, 1.26, 1.31 and 1.32: single precision; as many
//! heads of keys as of queries; values as wide as keys, unless they are `[B, T, N x D]`, with which an empty sequence ends the process; what
//! is added to the scores must be `[B, N, S, T]`: 1.17 reads beyond the end of `[1, N, S, T]`, and 1.20 computes wrong numbers with
//! `[B, 1, S, T]`. An empty batch ends the process before 1.31.

use super::added::{self, Scores};
use super::guarded;
use crate::facts::Dim;
use crate::onnx::DataType;
use crate::recognize::{Attention, Site};
use crate::rewrite::attention::turned;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::foreign::CONTRIB;
use crate::rewrite::subject::Subject;

/// The operator's name.
pub(super) const OPERATOR: &str = "MultiHeadAttention";

/// The order of axes that exchanges heads and sequence.
const EXCHANGED: [i64; 4] = [0, 2, 1, 3];

/// Plans one site.
///
/// # Errors
/// Why the operator cannot express it.
pub(super) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
) -> Result<(), String> {
    if site.dtype != DataType::F32 {
        return Err(format!(
            "its kernel on the CPU is for float, and here tensors are {}",
            site.dtype
        ));
    }
    if attention.group != 1 {
        return Err(format!(
            "it has a head of keys for each head of queries, and here {} share one",
            attention.group
        ));
    }
    if attention.softcap != 0.0 {
        return Err("it has no bound for scores".to_owned());
    }
    if attention.scale == 0.0 {
        return Err("it takes a scale of 0 for none".to_owned());
    }
    added::check(subject, site, attention)?;
    let scores = Scores::of(subject, attention)?;
    let values = subject.shapes.get(&attention.v);
    let width = |shape: &[Dim]| shape.last()?.known();
    let (heads, channels) = (scores.q.shape[1].known(), width(scores.q.shape));
    let (Some(heads), Some(channels)) = (heads, channels) else {
        return Err(
            "it needs the number of heads and their width, which are not fixed here".to_owned(),
        );
    };
    if values.and_then(|shape| width(shape)) != Some(channels) {
        return Err("values must be as wide as keys".to_owned());
    }

    let at = site.node;
    let rows = rows_of(draft, site, &attention.q);
    let packed = draft.list(&[0, 0, heads * channels]);
    let stem = format!("{}_queries", site.y);
    let q = draft.own(at, &stem, Op::reshape(rows, packed, false));
    let mut inputs = vec![q, attention.k.clone(), attention.v.clone()];
    if let Some(added) = added::of(draft, subject, site, attention, true) {
        let added = added.spread(draft, at, &scores, 4);
        // Neither biases of a projection nor a mask of keys.
        inputs.extend([String::new(), String::new(), added]);
    }
    let op = Op::of(CONTRIB, OPERATOR, inputs)
        .with("num_heads", heads)
        .with_float("scale", attention.scale);
    let mut result = draft.own(at, &format!("{}_attention", site.y), op);
    if attention.zero_nan_rows {
        let op = guarded(draft, site, result);
        result = draft.own(at, &format!("{}_guarded", site.y), op);
    }
    let unpacked = draft.list(&[0, 0, heads, channels]);
    let rows = Op::reshape(result, unpacked, false);
    if attention.turned {
        draft.replace(at, rows);
    } else {
        turned(draft, site, rows);
    }
    Ok(())
}

/// Queries as `[B, S, N, D]`: the tensor that the graph made them of by exchanging the axes, or that once more.
fn rows_of(draft: &mut Draft<'_>, site: &Site, q: &str) -> String {
    let file = draft.file;
    let producer = file.index().id(q).and_then(|q| file.index().producer(q));
    if let Some((node, _)) = producer {
        let node = &file.graph().node[node];
        if node.is_onnx("Transpose") && node.ints("perm") == Some(&EXCHANGED[..]) {
            return node.input[0].clone();
        }
    }
    let op = Op::new("Transpose", [q.to_owned()]).with_list("perm", &EXCHANGED);
    draft.own(site.node, &format!("{}_rows", site.y), op)
}
