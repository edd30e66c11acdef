//! `Reshape` and `Flatten` over symbolic axes.
//!
//! tract gives up on a reshape whose volumes do not match as polynomials, although the model promises that they do. Here the
//! stated dimensions stand, and only one that is left to be inferred needs a division.

use tract_onnx::model::Onnx;
use tract_onnx::tract_hir::internal::*;

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert("Flatten", |_, node| {
        let axis = node.get_attr_opt("axis")?.unwrap_or(1);
        Ok((expand(Flatten { axis }), vec![]))
    });
    onnx.op_register.insert("Reshape", |_, node| {
        let allow_zero = node.get_attr_opt::<i64>("allowzero")?.unwrap_or(0) != 0;
        Ok((expand(Reshape { allow_zero }), vec![]))
    });
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reshape {
    allow_zero: bool,
}

impl Reshape {
    /// The output's dimensions; `None` where one cannot be worked out.
    fn dims(&self, input: &[TDim], target: &[TDim]) -> Vec<Option<TDim>> {
        let zero_copies = |at: usize, dim: &TDim| {
            let copies = !self.allow_zero && dim.as_i64() == Some(0);
            if copies {
                input.get(at).cloned()
            } else {
                Some(dim.clone())
            }
        };
        let stated: Vec<Option<TDim>> = target
            .iter()
            .enumerate()
            .map(|(at, dim)| {
                if dim.as_i64() == Some(-1) {
                    None
                } else {
                    zero_copies(at, dim)
                }
            })
            .collect();
        let open: Vec<usize> = (0..target.len())
            .filter(|at| target[*at].as_i64() == Some(-1))
            .collect();
        let mut dims = stated;
        if let [open] = open.as_slice() {
            dims[*open] = quotient(input, dims.iter().flatten().collect());
        }
        dims
    }
}

/// The product of `input` without the factors `by`.
fn quotient(input: &[TDim], by: Vec<&TDim>) -> Option<TDim> {
    // Equal factors go first: a sum would hide them in the product.
    let mut left: Vec<TDim> = input.to_vec();
    let mut over = Vec::new();
    for factor in by {
        match left.iter().position(|dim| dim == factor) {
            Some(at) => drop(left.remove(at)),
            None => over.push(factor.clone()),
        }
    }
    let dividend = left.into_iter().product::<TDim>();
    let divisor = over.into_iter().product::<TDim>();
    if dividend == divisor {
        return Some(1.to_dim());
    }
    match divisor.as_i64() {
        Some(1) => Some(dividend),
        Some(n) => u64::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .map(|n| dividend / n),
        None => dividend
            .maybe_div(&divisor)
            .ok()
            .and_then(|(quotient, rest)| (rest == 1).then_some(quotient)),
    }
}

impl Expansion for Reshape {
    fn name(&self) -> StaticName {
        "Reshape".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.given(&inputs[1].value, move |s, target| {
            let target = target.cast_to::<TDim>()?;
            let target = target.try_as_plain_ram()?.as_slice::<TDim>()?.to_vec();
            s.equals(&outputs[0].rank, target.len() as i64)?;
            s.given(&inputs[0].shape, move |s, input| {
                for (axis, dim) in self.dims(&input, &target).into_iter().enumerate() {
                    if let Some(dim) = dim {
                        s.equals(&outputs[0].shape[axis], dim)?;
                    }
                }
                Ok(())
            })
        })?;
        // Without the target's values its length still is the rank.
        s.given(&inputs[1].shape[0], move |s, rank| match rank.as_i64() {
            Some(rank) => s.equals(&outputs[0].rank, rank),
            None => Ok(()),
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let reshape = tract_onnx::tract_hir::ops::array::Reshape::new(self.allow_zero);
        reshape.wire(prefix, model, inputs)
    }
}

/// `Flatten` over any number of symbolic axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Flatten {
    axis: i64,
}

impl Expansion for Flatten {
    fn name(&self) -> StaticName {
        "Flatten".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&outputs[0].rank, 2)?;
        s.given(&inputs[0].shape, move |s, shape| {
            let rank = shape.len() as i64;
            let axis = if self.axis < 0 {
                self.axis + rank
            } else {
                self.axis
            };
            let (rows, columns) = shape.split_at(usize::try_from(axis)?.min(shape.len()));
            s.equals(&outputs[0].shape[0], rows.iter().product::<TDim>())?;
            s.equals(&outputs[0].shape[1], columns.iter().product::<TDim>())
        })
    }

    fn wire(&self, _: &str, _: &mut TypedModel, _: &[OutletId]) -> TractResult<TVec<OutletId>> {
        bail!("only analysed, never run")
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}
