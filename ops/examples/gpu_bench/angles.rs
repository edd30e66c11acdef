//! Tables of angles, and sinusoidal encodings.

use crate::case::{Case, Tensor, type_name};
use phasor_ops::angle::PositionType;
use phasor_ops::contract::ElementType::{self, BF16, F16, F32, F64};
use phasor_ops::contract::rotary_table::{RotaryTableAttributes, RotaryTableGeometry};
use phasor_ops::contract::sinusoidal::{SinusoidalAttributes, SinusoidalGeometry};
use phasor_ops::cuda::angles::{RotaryTableCuda, SinusoidalCuda};

/// All of them, with precise angles and with those that the graph would have: most in f32, which models have.
pub(crate) fn cases(small: bool) -> Vec<Case> {
    let length = if small { 16 } else { 4096 };
    let mut cases = Vec::new();
    for precise in [false, true] {
        for rows in [length, 1, 64] {
            cases.push(table(F32, rows, 64, precise));
        }
        cases.push(sinusoidal(F32, length, 1024, precise, false));
        // Time steps of a diffusion model.
        cases.push(sinusoidal(F32, 64, 320, precise, true));
        for element in [F16, BF16, F64] {
            cases.push(table(element, length, 64, precise));
            cases.push(sinusoidal(element, length, 1024, precise, false));
        }
        // No access of 16 bytes fits.
        cases.push(sinusoidal(F32, length, 1022, precise, false));
    }
    cases
}

/// Positions far apart, of type i64 or f32.
fn positions(rows: usize, floats: bool) -> Tensor {
    let bytes = |i: usize| match floats {
        true => (i as f32 * 15.5).to_ne_bytes().to_vec(),
        false => (i as i64 * 31).to_ne_bytes().to_vec(),
    };
    Tensor::Given((0..rows).flat_map(bytes).collect())
}

/// Those of a base of 10 000.
fn frequencies(count: usize) -> Tensor {
    let frequency = |i: usize| 10_000f64.powf(-(i as f64) / count as f64);
    Tensor::Given(
        (0..count)
            .flat_map(|i| frequency(i).to_ne_bytes())
            .collect(),
    )
}

fn kind(precise: bool) -> &'static str {
    if precise { ", precise" } else { "" }
}

fn table(element: ElementType, rows: usize, count: usize, precise: bool) -> Case {
    Case {
        name: format!(
            "RotaryTable 2 of [{rows}, {count}]{}, {}",
            kind(precise),
            type_name(element)
        ),
        tensors: vec![
            positions(rows, false),
            frequencies(count),
            Tensor::Written(rows * count * element.size()),
            Tensor::Written(rows * count * element.size()),
        ],
        prepare: Box::new(move |loader| {
            let attributes = RotaryTableAttributes {
                precise,
                ..Default::default()
            };
            let kernel = RotaryTableCuda::new(&loader, attributes, PositionType::I64, element)?;
            let geometry = RotaryTableGeometry::new(&attributes, &[rows], &[count])?;
            Ok(Box::new(move |stream, at| {
                let (inputs, tables) = ([at[0], at[1]], [at[2], at[3]]);
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &geometry, inputs, tables) }
            }))
        }),
    }
}

fn sinusoidal(element: ElementType, rows: usize, width: usize, precise: bool, steps: bool) -> Case {
    let count = width / 2;
    let what = if steps { ", time steps" } else { "" };
    Case {
        name: format!(
            "SinusoidalEmbedding [{rows}, {width}]{what}{}, {}",
            kind(precise),
            type_name(element)
        ),
        tensors: vec![
            positions(rows, steps),
            frequencies(count),
            Tensor::Written(rows * width * element.size()),
        ],
        prepare: Box::new(move |loader| {
            let attributes = SinusoidalAttributes {
                cos_first: steps,
                precise,
                ..Default::default()
            };
            let of_positions = if steps {
                PositionType::F32
            } else {
                PositionType::I64
            };
            let kernel = SinusoidalCuda::new(&loader, attributes, of_positions, element)?;
            let geometry = SinusoidalGeometry::new(&attributes, &[rows], &[count])?;
            Ok(Box::new(move |stream, at| {
                let inputs = [at[0], at[1]];
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &geometry, inputs, at[2]) }
            }))
        }),
    }
}
