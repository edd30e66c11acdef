//! `ai.onnx::RotaryEmbedding(X, cos_cache, sin_cache)` of opset 23.
//!
//! Without positions, the caches are `[batch, sequence, pairs]` and do not broadcast: tables that are the same for the whole
//! batch are expanded to it, once for all sites.
//!
//! Restrictions: tables have the type of `X`, which is never double; four axes are batch, heads, sequence, channels; with three
//! axes, the number of heads must be given.

use super::view::{Entry, View, known};
use super::{Call, OPERATOR, Operator, batch, has_own_rows};
use crate::rewrite::draft::{Draft, Op};

/// The opset that brought the operator.
pub const ONNX_OPSET: i64 = 23;

/// The operator.
pub(super) struct Onnx;

impl Operator for Onnx {
    fn name(&self) -> &'static str {
        "ai.onnx::RotaryEmbedding"
    }

    fn opset(&self) -> Option<(&'static str, i64)> {
        None
    }

    fn oldest_opset(&self) -> i64 {
        ONNX_OPSET
    }

    fn needs_heads(&self, view: &View) -> bool {
        view.heads_last()
    }

    fn is_partial_without_heads(&self) -> bool {
        true
    }

    fn node(&self, draft: &mut Draft<'_>, call: &Call<'_>, input: String) -> Op<'static> {
        let (at, view) = (call.site.node, &call.view);
        let groups = if has_own_rows(view) {
            [view.batch.clone(), view.rows.clone()]
        } else {
            [0..0, view.rows.clone()]
        };
        let (mut cos, mut sin) = call.tables(draft, &groups);
        if !has_own_rows(view) && known(call.x.shape, view.batch.clone()) != Some(1) {
            let one = Entry::Constant(1);
            let to = call.x.list(draft, at, &[batch(view), one.clone(), one]);
            for table in [&mut cos, &mut sin] {
                let op = Op::new("Expand", [table.clone(), to.clone()]);
                *table = draft.shared(at, &format!("{table}_batch"), op);
            }
        }
        let op = Op::new(OPERATOR, [input, cos, sin]);
        call.attributes(op, view.heads_last() || view.heads.is_empty())
    }
}
