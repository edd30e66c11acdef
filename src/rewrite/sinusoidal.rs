//! Plans sinusoidal sites as nodes of `ai.phasor::SinusoidalEmbedding`.

use crate::onnx::Tensor;
use crate::recognize::{Frequencies, Placed, Sinusoidal, Site};

use phasor_ops::contract::sinusoidal::NAME;
use phasor_ops::contract::{Call, ElementType, Operand};

use super::draft::{Draft, Op};
use super::subject::NewCall;

/// Plans a site and returns the call of our operator.
pub(super) fn lower(draft: &mut Draft<'_>, site: &Site, sinusoidal: &Sinusoidal) -> NewCall {
    let positions = placed(draft, site.node, &sinusoidal.positions);
    let frequencies = frequencies(draft, site, &sinusoidal.frequencies);
    let new = NewCall {
        operator: NAME,
        call: Call {
            attributes: sinusoidal.attributes.values().to_vec(),
            inputs: vec![
                Operand::default(),
                Operand {
                    dtype: ElementType::from_onnx(site.dtype.to_onnx()),
                    shape: Some(vec![Some(sinusoidal.count)]),
                },
            ],
        },
    };
    draft.replace(site.node, Op::calling(&new, [positions, frequencies]));
    new
}

/// The positions with the leading axes of the embedding.
fn placed(draft: &mut Draft<'_>, at: usize, positions: &Placed) -> String {
    let mut value = positions.value.clone();
    let changes = [
        ("Squeeze", &positions.squeeze),
        ("Unsqueeze", &positions.unsqueeze),
    ];
    for (op, axes) in changes {
        if !axes.is_empty() {
            let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
            // Axes are an input since opset 13, the oldest a function body is written for.
            let axes = draft.list(&axes);
            let stem = format!("{}_rows", positions.value);
            value = draft.shared(at, &stem, Op::new(op, [value, axes]));
        }
    }
    value
}

/// The value that holds the frequencies, of rank 1.
fn frequencies(draft: &mut Draft<'_>, site: &Site, frequencies: &Frequencies) -> String {
    let stem = "phasor_frequencies";
    match frequencies {
        Frequencies::Value {
            name,
            flatten: false,
        } => name.clone(),
        Frequencies::Value { name, .. } => {
            let all = draft.list(&[-1]);
            let op = Op::reshape(name.clone(), all, false);
            draft.shared(site.node, stem, op)
        }
        Frequencies::Numbers(rows) => {
            let numbers = rows.concat();
            let meaning = format!("{stem}{}{numbers:?}", site.dtype);
            draft.remembered(&meaning).unwrap_or_else(|| {
                let tensor = Tensor::from_f64_as(site.dtype, &[numbers.len()], &numbers);
                let name = draft.initializer(stem, &tensor);
                draft.remember(meaning, &name);
                name
            })
        }
    }
}
