//! A table as the operator reads it, and the bias `[B, N, Q, K]` with the axes of `y`.

use crate::recognize::{BiasAxis, TableAxes};

use phasor_ops::contract::Dense;

use crate::confirm::claim::Numbers;
use crate::confirm::failure::Failure;

/// The table `[R, N]`, and its shape.
///
/// # Errors
/// [`Failure::Differs`] if it has other axes.
pub(super) fn rows(
    (values, shape): Numbers<'_>,
    TableAxes { rank, row, head }: TableAxes,
) -> Result<(Vec<f64>, [usize; 2]), Failure> {
    let size = |axis: usize| shape.get(axis).copied().unwrap_or(0);
    let (rows, heads) = (size(row), head.map_or(1, size));
    if shape.len() != rank || rows * heads != values.len() {
        return Err(Failure::Differs(format!("its table has shape {shape:?}")));
    }
    let by_row = head.is_none_or(|head| head > row);
    let place = |at: usize| match by_row {
        true => at,
        false => at % heads * rows + at / heads,
    };
    let table = (0..values.len()).map(|at| values[place(at)]).collect();
    Ok((table, [rows, heads]))
}

/// The bias in a layout. Axes that the layout lacks must have size 1.
///
/// # Errors
/// [`Failure::Differs`] if one has another.
pub(super) fn laid(bias: Dense, layout: &[BiasAxis]) -> Result<Dense, Failure> {
    let &[batch, heads, queries, keys] = &bias.shape[..] else {
        return Err(Failure::NotRun("the bias has no four axes".to_owned()));
    };
    let axes = [
        (BiasAxis::Batch, batch, heads * queries * keys),
        (BiasAxis::Head, heads, queries * keys),
        (BiasAxis::Query, queries, keys),
        (BiasAxis::Key, keys, 1),
    ];
    for (axis, size, _) in axes {
        if size != 1 && !layout.contains(&axis) {
            return Err(Failure::Differs(format!(
                "it has one {} where the operator gives {size}",
                axis.as_str()
            )));
        }
    }
    let found = |own: &BiasAxis| axes.iter().find(|(axis, ..)| axis == own);
    let sizes = layout.iter().map(found);
    let sizes: Vec<(usize, usize)> = sizes
        .map(|axis| axis.map_or((1, 0), |&(_, size, stride)| (size, stride)))
        .collect();
    let shape: Vec<usize> = sizes.iter().map(|&(size, _)| size).collect();
    let element = |mut at: usize| {
        let mut from = 0;
        for &(size, stride) in sizes.iter().rev() {
            from += at % size * stride;
            at /= size;
        }
        bias.values[from]
    };
    let values = (0..shape.iter().product()).map(element).collect();
    Ok(Dense { values, shape })
}
