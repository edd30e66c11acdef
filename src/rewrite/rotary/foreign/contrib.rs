//! `com.microsoft::RotaryEmbedding(input, position_ids, cos_cache, sin_cache)` of ONNX Runtime.
//!
//! The graph's tables become the caches, with one row for each token, and `position_ids` count these rows: so a cache is always
//! as long as the sequence. A table that is the same for the whole batch is one cache, with the same positions in every row of
//! the batch. Otherwise the rows of all elements of the batch form one cache, and positions count through all of it.
//!
//! Restrictions, as found in ONNX Runtime 1.17, 1.20 and 1.32: tables have the type of `input`, which is never double; positions
//! are int64 `[batch, sequence]` and do not broadcast; four axes are batch, heads, sequence, channels; to rotate only the first
//! channels, the number of heads must be given; `scale` is ignored, so the tables must contain the amplitude. `MRotaryEmbedding`
//! reads one cache at three positions and joins the columns. It is never needed, because tables with one row for each token are
//! joined already.

use crate::rewrite::OLDEST_OPSET;

use super::view::View;
use super::{Call, OPERATOR, Operator, has_own_rows};
use crate::rewrite::draft::{Draft, Op};

/// Domain of ONNX Runtime's own operators.
pub(in crate::rewrite) const DOMAIN: &str = "com.microsoft";

/// The operator.
pub(super) struct Contrib;

impl Operator for Contrib {
    fn name(&self) -> &'static str {
        "com.microsoft::RotaryEmbedding"
    }

    fn opset(&self) -> Option<(&'static str, i64)> {
        Some((DOMAIN, 1))
    }

    fn oldest_opset(&self) -> i64 {
        OLDEST_OPSET
    }

    fn needs_heads(&self, _: &View) -> bool {
        false
    }

    fn is_partial_without_heads(&self) -> bool {
        false
    }

    fn node(&self, draft: &mut Draft<'_>, call: &Call<'_>, input: String) -> Op<'static> {
        let (at, view) = (call.site.node, &call.view);
        let own = has_own_rows(view);
        let (cos, sin) = call.tables(draft, &[view.all_rows()]);
        let positions = call
            .x
            .positions(draft, at, view.batch.clone(), view.rows.clone(), own);
        let op = Op::of(DOMAIN, OPERATOR, [input, positions, cos, sin]);
        let give_heads = call.partial.is_some() || view.heads_last() || view.heads.is_empty();
        let op = call.attributes(op, give_heads);
        // OpenVINO 2026.4 has no default for it. It also ignores `rotary_embedding_dim`, so that a node with that is better not loaded.
        match call.partial.is_none() && !op.has("interleaved") {
            true => op.with("interleaved", 0),
            false => op,
        }
    }
}
