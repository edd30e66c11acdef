//! Plans sinusoidal sites as nodes of `ai.phasor::SinusoidalEmbedding`.

use crate::onnx::DataType;
use crate::recognize::{Placed, Sinusoidal, Site, Source};

use phasor_ops::contract::sinusoidal::NAME;
use phasor_ops::contract::{Call, ElementType, Operand};

use super::angles;
use super::draft::{Draft, Op};
use super::relative::counted;
use super::subject::{NewCall, Subject};

/// Plans a site and returns the call of our operator.
pub(super) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    sinusoidal: &Sinusoidal,
) {
    let mut put = |draft: &mut Draft<'_>, stem: &str, op: Op<'_>| draft.shared(site.node, stem, op);
    let positions = placed(draft, subject, site.node, &sinusoidal.positions);
    let dtype = sinusoidal.positions.dtype;
    let positions = angles::positions(draft, &positions, dtype, &mut put);
    let of_frequencies = angles::frequencies(
        draft,
        &sinusoidal.frequencies,
        sinusoidal.dtype,
        "phasor_frequencies",
        &mut put,
    );
    let dtype = angles::result_type(sinusoidal.dtype, site.dtype);
    let target_type = angles::target_type(draft, dtype);
    let new = NewCall {
        operator: NAME,
        call: Call {
            attributes: sinusoidal.attributes.values().to_vec(),
            inputs: vec![
                Operand::default(),
                Operand {
                    shape: Some(vec![Some(sinusoidal.count)]),
                    ..Operand::default()
                },
                Operand {
                    dtype: ElementType::from_onnx(dtype.to_onnx()),
                    ..Operand::default()
                },
            ],
        },
    };
    let mut embedding = Op::calling(site.rule, new, [positions, of_frequencies, target_type]);
    if dtype != site.dtype {
        let stem = format!("{}_{dtype}", site.y);
        let value = draft.own(site.node, &stem, embedding);
        let to = i64::from(site.dtype.to_onnx());
        embedding = Op::new("Cast", [value]).with("to", to);
    }
    match draft.file.graph().node[site.node].output.contains(&site.y) {
        true => draft.replace(site.node, embedding),
        // A constant, which this node reads.
        false => read_instead(draft, site, embedding),
    }
}

/// Lets the node of a site read the result of an operator in place of `y`.
fn read_instead(draft: &mut Draft<'_>, site: &Site, embedding: Op<'_>) {
    let stem = format!("{}_computed", site.y);
    let value = draft.own(site.node, &stem, embedding);
    let inputs = draft.file.graph().node[site.node].input.iter();
    let inputs = inputs.map(|name| match *name == site.y {
        true => value.clone(),
        false => name.clone(),
    });
    let inputs = inputs.collect();
    draft.rewire(site.node, inputs);
}

/// The positions with the leading axes of the embedding.
fn placed(draft: &mut Draft<'_>, subject: &Subject<'_>, at: usize, positions: &Placed) -> String {
    let mut value = match &positions.source {
        Source::Value(value) => value.clone(),
        Source::Counted { value, axis } => counted(draft, subject, at, value, *axis),
        Source::Known(count) => draft.list(&(0..*count as i64).collect::<Vec<_>>()),
    };
    let stem = format!("{value}_rows");
    if let Some(rows) = positions.wrapped {
        value = wrapped(draft, at, value, positions.dtype, rows);
    }
    let changes = [
        ("Squeeze", &positions.squeeze),
        ("Unsqueeze", &positions.unsqueeze),
    ];
    for (op, axes) in changes {
        if !axes.is_empty() {
            let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
            // Axes are an input since opset 13, the oldest a function body is written for.
            let axes = draft.list(&axes);
            value = draft.shared(at, &stem, Op::new(op, [value, axes]));
        }
    }
    value
}

/// Positions of which this number is added to those below 0.
fn wrapped(
    draft: &mut Draft<'_>,
    at: usize,
    mut value: String,
    dtype: DataType,
    rows: i64,
) -> String {
    let stem = format!("{value}_rows");
    if dtype != DataType::I64 {
        let cast = Op::new("Cast", [value]).with("to", i64::from(DataType::I64.to_onnx()));
        value = draft.shared(at, &stem, cast);
    }
    let [zero, rows] = [0, rows].map(|number| draft.integers(&[], &[number]));
    let below = draft.shared(at, &stem, Op::new("Less", [value.clone(), zero]));
    let moved = draft.shared(at, &stem, Op::new("Add", [value.clone(), rows]));
    draft.shared(at, &stem, Op::new("Where", [below, moved, value]))
}
