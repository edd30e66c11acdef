//! `ai.onnx::Attention`, from opset 23 on.
//!
//! Queries, keys and values are `[B, N, S, D]`, `[B, H, T, D]` and `[B, H, T, E]`, as here.
//!
//! Restrictions, as found in the kernel of the CPU provider in ONNX Runtime 1.26, 1.31 and 1.32: what is added to the scores has rows and
//! columns of its own, `[.., S, T]`; with a softcap, 1.26 applies it after the mask, 1.31 and 1.32 before; no size may be 0.
//!
//! **Rows without a visible key.** 1.31 and 1.32 write 0 where all that is added to a row is the least finite number or negative infinity,
//! 1.26 what the formula makes of it; a boolean mask adds negative infinity in the former and the least number in the latter. So masks are
//! tensors of numbers, and in float the least of them is replaced by its neighbour, which gives the mean of the row everywhere. A row of
//! negative infinities is 0 or NaN, which is 0 once NaN is replaced, as the graphs do that have such rows. In half types a sum of a score and
//! a large number is rounded as the host likes: there nothing but negative infinity may hide
//! a key, unless such rows may differ.

use super::added::{self, Scores};
use super::guarded;
use crate::onnx::DataType;
use crate::recognize::{Attention, Site};
use crate::rewrite::attention::turned;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::foreign::ONNX_OPSET;
use crate::rewrite::subject::Subject;

/// The operator's name.
pub(super) const OPERATOR: &str = "Attention";

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
    let opset = subject.file.opset();
    if opset < ONNX_OPSET {
        return Err(format!(
            "it needs opset {ONNX_OPSET} or newer, and the model has {opset}"
        ));
    }
    let hidden = attention.bias.is_some() || attention.mask.is_some();
    if attention.softcap != 0.0 && hidden {
        return Err(
            "releases of ONNX Runtime differ in whether the bound for scores comes before the mask or after it"
                .to_owned(),
        );
    }
    if attention.scale <= 0.0 {
        return Err("its scale must be above 0".to_owned());
    }
    added::check(subject, site, attention)?;
    let single = site.dtype == DataType::F32;
    if attention.bias.is_some() && !single && !added::accepts(subject) {
        return Err(format!(
            "in {} a row without a visible key depends on how the host rounds the sum of scores and bias{}",
            site.dtype,
            added::word(true)
        ));
    }
    let scores = Scores::of(subject, attention)?;
    let at = site.node;
    let mut inputs = vec![
        attention.q.clone(),
        attention.k.clone(),
        attention.v.clone(),
    ];
    if let Some(added) = added::of(draft, subject, site, attention, !single) {
        inputs.push(added.spread(draft, at, &scores, 2));
    }
    let mut op = Op::new(OPERATOR, inputs).with_float("scale", attention.scale);
    if attention.softcap != 0.0 {
        op = op.with_float("softcap", attention.softcap);
    }
    if attention.zero_nan_rows {
        let result = draft.own(at, &format!("{}_attention", site.y), op);
        op = guarded(draft, site, result);
    }
    if attention.turned {
        turned(draft, site, op);
    } else {
        draft.replace(at, op);
    }
    Ok(())
}
