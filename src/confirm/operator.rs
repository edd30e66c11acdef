//! Holds what a site computes against the operator's reference.

use crate::onnx::{DataType, Tensor};
use crate::recognize::{Site, TableInput};

use phasor_ops::contract::rotary::reference;

use super::probe::Failure;

/// Numbers in row-major order, and their shape.
type Numbers<'a> = (&'a [f64], &'a [usize]);

/// Largest difference of `y` from what the operator computes of the site's tensors, relative to the largest result or 1.
///
/// # Errors
/// [`Failure::Differs`], where rounding does not explain it, or where the operator does not take the tensors.
pub(super) fn difference(
    site: &Site,
    x: Numbers<'_>,
    [cos, sin]: [Numbers<'_>; 2],
    y: &Tensor,
) -> Result<f64, Failure> {
    let (cos_shape, sin_shape) = (unsqueezed(cos.1, &site.cos), unsqueezed(sin.1, &site.sin));
    let (x, shape) = widened(x, [&cos_shape, &sin_shape]);
    let expected = reference(
        &site.attributes(),
        &x,
        &shape,
        cos.0,
        &cos_shape,
        sin.0,
        &sin_shape,
    )
    .map_err(|refused| Failure::refused(&refused))?;
    let found = y
        .to_f64()
        .ok_or_else(|| Failure::NotRun("no numbers came back".to_owned()))?;
    if found.len() != expected.len() || y.shape != shape {
        return Err(Failure::Differs(format!(
            "it gives shape {:?} where the operator gives {shape:?}",
            y.shape
        )));
    }
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    let diff = found.iter().zip(&expected).fold(0.0f64, |m, (a, b)| {
        if a.is_nan() || b.is_nan() {
            f64::INFINITY
        } else {
            m.max((a - b).abs())
        }
    }) / scale;
    if diff <= tolerance(site) {
        Ok(diff)
    } else {
        Err(Failure::Differs(format!(
            "it differs from the operator by {diff:.1e}"
        )))
    }
}

/// The shape with the site's unit axes.
pub(super) fn unsqueezed(shape: &[usize], table: &TableInput) -> Vec<usize> {
    let mut shape = shape.to_vec();
    for &axis in &table.unsqueeze {
        shape.insert(axis.min(shape.len()), 1);
    }
    shape
}

/// `x` and its shape, broadcast to the rows of its tables: where these may be larger, the fused node reads it so.
fn widened((x, shape): Numbers<'_>, tables: [&[usize]; 2]) -> (Vec<f64>, Vec<usize>) {
    let mut wide = shape.to_vec();
    for table in tables {
        // The last axis is that of the channels.
        let axes = wide.iter_mut().rev().zip(table.iter().rev()).skip(1);
        for (size, &rows) in axes.filter(|(size, _)| **size == 1) {
            *size = rows;
        }
    }
    let count = Tensor::count(&wide).unwrap_or(0);
    let element = |at: usize| {
        let (mut rest, mut from, mut stride) = (at, 0, 1);
        for (&own, &size) in shape.iter().zip(&wide).rev() {
            if own != 1 {
                from += rest % size * stride;
            }
            rest /= size;
            stride *= own;
        }
        x[from]
    };
    let values = match wide == shape {
        true => x.to_vec(),
        false => (0..count).map(element).collect(),
    };
    (values, wide)
}

/// Largest difference that rounding explains: three roundings of the model's own type, in half precision; f32 arithmetic
/// is exact to about 1e-7. The embedded engine rounds to bfloat16 only where the graph casts to it.
fn tolerance(site: &Site) -> f64 {
    match site.dtype {
        DataType::F64 => 1e-9,
        DataType::F16 => 4e-3,
        _ if site.table_dtype == DataType::F16 => 4e-3,
        DataType::BF16 => 1e-2,
        _ => 1e-5,
    }
}
