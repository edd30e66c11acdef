//! Sums of products of two tensors as matrix products.
//!
//! tract evaluates an einsum element by element unless its graph is optimised, and we do not optimise. Here the
//! axes of the two operands are grouped into batch, rows, columns and summed ones, and each group becomes one axis of a matrix
//! product. Half precision is multiplied and summed in f32.

use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_ndarray::linalg::general_mat_mul;
use tract_onnx::tract_hir::tract_ndarray::{ArrayD, ArrayViewD, Axis, Ix3, LinalgScalar};

/// Replaces the einsums of a model that are products of two float tensors.
pub(super) fn install(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let Some(einsum) = node.op_as::<EinSum>() else {
            continue;
        };
        let dt = einsum.operating_dt;
        let simple = einsum.axes.iter_all_axes().all(|axis| {
            axis.inputs
                .iter()
                .chain(&axis.outputs)
                .all(|positions| positions.len() <= 1)
        });
        let same = node
            .inputs
            .iter()
            .all(|o| model.outlet_fact(*o).is_ok_and(|f| f.datum_type == dt));
        if einsum.q_params.is_none() && node.inputs.len() == 2 && dt.is_float() && same && simple {
            let op = Contraction {
                axes: einsum.axes.clone(),
                dt,
            };
            model.node_mut(id).op = Box::new(op);
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Contraction {
    pub(super) axes: AxesMapping,
    dt: DatumType,
}

impl Op for Contraction {
    fn name(&self) -> StaticName {
        "Contraction".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Contraction {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [a, b] = &*inputs else {
            bail!("a contraction of {} tensors", inputs.len())
        };
        let result = match self.dt {
            DatumType::F64 => self.contract::<f64>(a, b)?,
            _ => self.contract::<f32>(a, b)?,
        };
        Ok(tvec!(
            result.cast_to_dt(self.dt)?.into_owned().into_tvalue()
        ))
    }
}

impl TypedOp for Contraction {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        EinSum::new(self.axes.clone(), self.dt).output_facts(inputs)
    }

    as_op!();
}

/// Where an axis occurs, once operands that merely broadcast along it are left out.
struct AxisUse {
    a: Option<usize>,
    b: Option<usize>,
    out: Option<usize>,
    len: usize,
}

impl Contraction {
    fn contract<T: Datum + LinalgScalar>(&self, a: &Tensor, b: &Tensor) -> TractResult<Tensor> {
        let (a, b) = (a.cast_to::<T>()?, b.cast_to::<T>()?);
        let mut a = a.to_plain_array_view::<T>()?;
        let mut b = b.to_plain_array_view::<T>()?;
        let mut places = Vec::new();
        for axis in self.axes.iter_all_axes() {
            let at = |slots: &TVec<TVec<usize>>, slot: usize| slots[slot].first().copied();
            let mut place = AxisUse {
                a: at(&axis.inputs, 0),
                b: at(&axis.inputs, 1),
                out: at(&axis.outputs, 0),
                len: 1,
            };
            let (in_a, in_b) = (place.a.map(|p| a.shape()[p]), place.b.map(|p| b.shape()[p]));
            place.len = match (in_a, in_b) {
                (Some(1), Some(n)) | (Some(n), Some(1) | None) | (None, Some(n)) => n,
                (Some(n), Some(m)) if n == m => n,
                (Some(n), Some(m)) => bail!("axes of length {n} and {m} do not match"),
                (None, None) => 1,
            };
            // A single element along an axis that the other operand has too: broadcast by leaving it out.
            if in_a == Some(1) && in_b.is_some() {
                place.a = None;
            } else if in_b == Some(1) && in_a.is_some() {
                place.b = None;
            }
            places.push(place);
        }
        let dropped = |view: &mut ArrayViewD<'_, T>, kept: &dyn Fn(usize) -> bool| {
            (0..view.ndim())
                .filter(|p| !kept(*p))
                .for_each(|p| view.slice_axis_inplace(Axis(p), (0..1).into()));
        };
        dropped(&mut a, &|p| places.iter().any(|place| place.a == Some(p)));
        dropped(&mut b, &|p| places.iter().any(|place| place.b == Some(p)));

        let group = |in_a: bool, in_b: bool, in_out: bool| -> Vec<&AxisUse> {
            let wanted = |p: &&AxisUse| {
                (p.a.is_some(), p.b.is_some(), p.out.is_some()) == (in_a, in_b, in_out)
            };
            places.iter().filter(wanted).collect()
        };
        let (batch, rows, columns, summed) = (
            group(true, true, true),
            group(true, false, true),
            group(false, true, true),
            group(true, true, false),
        );
        let volume = |places: &[&AxisUse]| places.iter().map(|p| p.len).product::<usize>();
        let (n_batch, n_rows, n_columns, n_summed) = (
            volume(&batch),
            volume(&rows),
            volume(&columns),
            volume(&summed),
        );

        let order_a =
            [&batch, &rows, &summed].map(|g| g.iter().filter_map(|p| p.a).collect::<Vec<_>>());
        let order_b =
            [&batch, &summed, &columns].map(|g| g.iter().filter_map(|p| p.b).collect::<Vec<_>>());
        let a = matrices(a, &order_a.concat(), (n_batch, n_rows, n_summed))?;
        let b = matrices(b, &order_b.concat(), (n_batch, n_summed, n_columns))?;

        let mut product =
            ArrayD::<T>::zeros(vec![n_batch, n_rows, n_columns]).into_dimensionality::<Ix3>()?;
        let (a, b) = (
            a.into_dimensionality::<Ix3>()?,
            b.into_dimensionality::<Ix3>()?,
        );
        for (i, mut out) in product.axis_iter_mut(Axis(0)).enumerate() {
            let (a, b) = (a.index_axis(Axis(0), i), b.index_axis(Axis(0), i));
            general_mat_mul(T::one(), &a, &b, T::zero(), &mut out);
        }

        // Axes of the result that neither operand has left are of length 1.
        let lone = group(false, false, true);
        let result: Vec<&AxisUse> = batch
            .into_iter()
            .chain(rows)
            .chain(columns)
            .chain(lone)
            .collect();
        let product = product
            .into_dyn()
            .into_shape_with_order(result.iter().map(|p| p.len).collect::<Vec<_>>())?;
        let mut order = vec![0; result.len()];
        for (position, place) in result.iter().enumerate() {
            order[place.out.context("an axis of the result")?] = position;
        }
        Ok(product
            .permuted_axes(order)
            .as_standard_layout()
            .into_owned()
            .into_tensor())
    }
}

/// Brings an operand's axes into an order and merges them into three; axes that are not named are summed over.
fn matrices<'a, T: LinalgScalar>(
    view: ArrayViewD<'a, T>,
    order: &[usize],
    shape: (usize, usize, usize),
) -> TractResult<ArrayD<T>> {
    let mut others: Vec<usize> = (0..view.ndim()).filter(|p| !order.contains(p)).collect();
    let mut full = order.to_vec();
    full.append(&mut others);
    let mut array = view.permuted_axes(full).as_standard_layout().into_owned();
    while array.ndim() > order.len() {
        array = array.sum_axis(Axis(array.ndim() - 1));
    }
    Ok(array.into_shape_with_order(vec![shape.0, shape.1, shape.2])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against tract's own element-by-element evaluation.
    fn check(expression: &str, a: &[usize], b: &[usize]) {
        let tensor = |shape: &[usize], seed: usize| {
            let n = shape.iter().product::<usize>();
            let values: Vec<f32> = (0..n).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect();
            Tensor::from_shape(shape, &values).unwrap().into_tvalue()
        };
        let inputs: TVec<TValue> = tvec!(tensor(a, 3), tensor(b, 5));
        let axes: AxesMapping = expression.parse().unwrap();
        let einsum = EinSum::new(axes.clone(), DatumType::F32);
        let want = einsum
            .eval(&EvalContext::out_of_plan(), inputs.clone())
            .unwrap();
        let ours = Contraction {
            axes,
            dt: DatumType::F32,
        };
        let got = ours.eval(&EvalContext::out_of_plan(), inputs).unwrap();
        assert_eq!(want[0].shape(), got[0].shape(), "{expression}");
        want[0].close_enough(&got[0], true).unwrap();
    }

    #[test]
    fn products_equal_those_of_the_plain_evaluation() {
        check("mk,kn->mn", &[3, 4], &[4, 5]);
        check("amk,akn->amn", &[2, 3, 4], &[1, 4, 5]);
        check("amk,akn->amn", &[1, 3, 4], &[2, 4, 5]);
        check("bhqd,bhkd->bhqk", &[2, 3, 4, 5], &[2, 3, 6, 5]);
        check("bqhd,bkhd->bhqk", &[2, 4, 3, 5], &[2, 6, 3, 5]);
        check("i,j->ij", &[3], &[4]);
        check("ij,jk->ki", &[3, 1], &[1, 2]);
        check("aij,k->ak", &[2, 3, 4], &[5]);
        check("km,nk->nm", &[4, 3], &[5, 4]);
        check("amk,kn->amn", &[0, 3, 4], &[4, 5]);
        check("mk,kn->mn", &[3, 0], &[0, 5]);
    }
}
