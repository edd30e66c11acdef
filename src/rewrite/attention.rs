//! Plans attention as nodes of `ai.phasor::Attention`.

use crate::onnx::{DataType, Tensor};
use crate::recognize::{Attention, Site};

use phasor_ops::contract::attention::NAME;
use phasor_ops::contract::{Call, ElementType, Operand};

use super::draft::{Draft, Op};
use super::subject::{NewCall, Subject};

/// Plans a site and returns the call of our operator.
pub(super) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
) -> NewCall {
    let operand = |name: &str| {
        let shape = subject.shapes.get(name);
        let known = |dim: &crate::facts::Dim| usize::try_from(dim.known()?).ok();
        Operand {
            dtype: ElementType::from_onnx(site.dtype.to_onnx()),
            shape: shape.map(|shape| shape.iter().map(known).collect()),
            ..Operand::default()
        }
    };
    let neutral = |value: f64| Operand {
        value: Some(value),
        ..Operand::default()
    };
    let Attention {
        q,
        k,
        v,
        bias,
        mask,
        ..
    } = attention;
    let bias_operand = bias
        .as_ref()
        .map_or_else(|| neutral(0.0), |bias| operand(bias));
    let mask_operand = mask
        .as_ref()
        .map_or_else(|| neutral(1.0), |_| Operand::default());
    let bias = bias
        .clone()
        .unwrap_or_else(|| constant(draft, "phasor_no_bias", site.dtype, 0.0));
    let mask = mask.as_ref().map(|mask| mask.value.clone());
    let mask = mask.unwrap_or_else(|| constant(draft, "phasor_no_mask", DataType::Bool, 1.0));
    let new = NewCall {
        operator: NAME,
        call: Call {
            attributes: attention.attributes().values().to_vec(),
            inputs: vec![
                operand(q),
                operand(k),
                operand(v),
                bias_operand,
                mask_operand,
            ],
        },
    };
    let inputs = [q.clone(), k.clone(), v.clone(), bias, mask];
    draft.replace(site.node, Op::calling(&new, inputs));
    new
}

/// A constant of one element.
fn constant(draft: &mut Draft<'_>, stem: &str, dtype: DataType, number: f64) -> String {
    draft.constant(stem, &Tensor::from_f64_as(dtype, &[1], &[number]))
}
