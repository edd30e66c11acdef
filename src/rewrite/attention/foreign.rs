//! Plans attention as an operator that runtimes have already. Both add a tensor to the scores and know no other mask, so a mask that puts a
//! number in the place of scores becomes one that is added (`added`).

mod added;
mod multi_head;
mod onnx;

use super::{let_go, sizes_of};
use crate::onnx::{DataType, Tensor};
use crate::recognize::{Attention, Site};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::foreign::CONTRIB;
use crate::rewrite::subject::{Subject, Target};

/// The operator that a target has for attention.
pub(in crate::rewrite) fn operator(target: Target) -> Option<&'static str> {
    match target {
        Target::Contrib => Some(multi_head::OPERATOR),
        Target::Onnx => Some(onnx::OPERATOR),
        Target::Phasor | Target::PhasorPairs => None,
    }
}

/// Plans one site and returns the operator set to import for it, if that is not ONNX's own.
///
/// # Errors
/// Why the target cannot express the site. Then nothing is planned.
pub(in crate::rewrite) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
) -> Result<Option<(&'static str, i64)>, String> {
    let (name, planned) = match subject.writing.target {
        Target::Contrib => (
            "com.microsoft::MultiHeadAttention",
            multi_head::lower(draft, subject, site, attention).map(|()| Some((CONTRIB, 1))),
        ),
        Target::Onnx => (
            "ai.onnx::Attention",
            onnx::lower(draft, subject, site, attention).map(|()| None),
        ),
        Target::Phasor | Target::PhasorPairs => {
            return Err("the target has no operator for it".to_owned());
        }
    };
    let opset = planned.map_err(|reason| format!("`{name}` cannot express it: {reason}"))?;
    let sizes = sizes_of(draft, subject, site);
    let_go(draft, &sizes, [&attention.k, &attention.v]);
    Ok(opset)
}

/// The result with zeros where it is not a number: all of a row is that if its probabilities are, and the values are finite.
fn guarded(draft: &mut Draft<'_>, site: &Site, result: String) -> Op<'static> {
    let stem = format!("{}_nan", site.y);
    let nan = draft.own(site.node, &stem, Op::new("IsNaN", [result.clone()]));
    let zero = scalar(draft, site.dtype, 0.0);
    Op::new("Where", [nan, zero, result])
}

/// A number of rank 0.
fn scalar(draft: &mut Draft<'_>, dtype: DataType, number: f64) -> String {
    draft.constant("phasor_number", &Tensor::from_f64_as(dtype, &[], &[number]))
}
