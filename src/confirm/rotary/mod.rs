//! The claim of a rotary site: `y` is `x` rotated by the site's cosines and sines.

mod tables;

use crate::onnx::{DataType, Tensor};
use crate::recognize::{Rotary, Site, TableInput};

use phasor_ops::contract::rotary::CONTRACT;
use phasor_ops::contract::{Call, Dense, View};

use super::claim::{Claim, Numbers, largest, reference};
use super::failure::Failure;
use super::numbers::Draw;

pub(super) use tables::ProbedTables;

/// The claim of this site.
pub(super) struct RotaryClaim<'a> {
    pub site: &'a Site,
    pub rotary: &'a Rotary,
}

impl Claim for RotaryClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.site.operands()
    }

    /// `x` with the sources of the tables, or `x` alone with the tables computed by the graph. Both also start from the origin of
    /// `x`, from which a part of `y` may be computed beside `x`: ONNX Runtime's optimisations move a transposition past one of
    /// the two products.
    ///
    /// A start never gives tensors that are equal to these by proof alone: what lies between them would not be run.
    fn starts(&self) -> Vec<Vec<&str>> {
        let Rotary {
            x, origin, sources, ..
        } = self.rotary;
        let mut tensors = vec![&x[..]];
        if origin != x {
            tensors.push(origin);
        }
        let sources = || sources.iter().map(String::as_str);
        let near = tensors
            .iter()
            .map(|&x| [x].into_iter().chain(sources()).collect());
        near.chain(tensors.iter().map(|&x| vec![x])).collect()
    }

    fn origin(&self) -> Option<&str> {
        Some(&self.rotary.origin)
    }

    fn numbers(&self, tensor: &str) -> Draw {
        if self.rotary.sources.iter().any(|source| source == tensor) {
            Draw::Floats(self.rotary.table_dtype, 1.0)
        } else if tensor == self.rotary.x {
            Draw::Floats(self.site.dtype, 2.0)
        } else {
            Draw::Floats(self.rotary.origin_dtype, 2.0)
        }
    }

    fn key(&self) -> String {
        let Rotary {
            cos,
            sin,
            origin_dtype,
            table_dtype,
            ..
        } = self.rotary;
        let attributes = self.rotary.attributes();
        let types = (self.site.dtype, origin_dtype, table_dtype);
        format!(
            "{attributes:?}{:?}{:?}{types:?}",
            cos.unsqueeze, sin.unsqueeze
        )
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let &[x, cos, sin] = operands else {
            return Err(Failure::NotRun("a tensor is missing".to_owned()));
        };
        // Wide numbers may overflow a narrow type before or after they are multiplied, and infinite results compare with nothing.
        let sum = largest(x.0) * (largest(cos.0) + largest(sin.0));
        if sum.is_nan() || sum > self.site.dtype.largest() {
            let beyond = "its results overflow the type for these numbers";
            return Err(Failure::NotRun(beyond.to_owned()));
        }
        let cos_shape = unsqueezed(cos.1, &self.rotary.cos);
        let sin_shape = unsqueezed(sin.1, &self.rotary.sin);
        let (x, shape) = widened(x, [&cos_shape, &sin_shape]);
        let call = Call {
            attributes: self.rotary.attributes().values().to_vec(),
            ..Call::default()
        };
        let view = |values, shape| View { values, shape };
        let inputs = [
            view(&x, &shape),
            view(cos.0, &cos_shape),
            view(sin.0, &sin_shape),
        ];
        Ok(reference(CONTRACT, &call, &inputs)?.swap_remove(0))
    }

    /// In roundings of 1, each half a unit in the last place: 8 of `float16`, 2.6 of `bfloat16`, to which the embedded engine rounds
    /// only where the graph casts to it, and 170 of `float`.
    fn tolerance(&self) -> f64 {
        match self.site.dtype {
            DataType::F64 => 1e-9,
            DataType::F16 => 4e-3,
            DataType::BF16 => 1e-2,
            _ => 1e-5,
        }
    }
}

/// The shape with the site's unit axes.
fn unsqueezed(shape: &[usize], table: &TableInput) -> Vec<usize> {
    let mut shape = shape.to_vec();
    for &axis in &table.unsqueeze {
        shape.insert(axis.min(shape.len()), 1);
    }
    shape
}

/// `x` and its shape, broadcast to the rows of the tables: where these may be larger, rewriting puts an `Expand` before the node.
fn widened((x, shape): Numbers<'_>, tables: [&[usize]; 2]) -> (Vec<f64>, Vec<usize>) {
    let mut wide = shape.to_vec();
    for table in tables {
        // The last axis holds the channels and is not broadcast.
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
