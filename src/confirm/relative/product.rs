//! Products of vectors with the rows of a table, in double precision.

use crate::recognize::{Product, Rows};

use phasor_ops::contract::Dense;

use crate::confirm::claim::Numbers;
use crate::confirm::failure::Failure;

/// `scores[..., i, r] = Σ x[..., i, c] * table[r, c]` for the rows that are multiplied.
///
/// # Errors
/// [`Failure::Differs`] for shapes that do not fit; [`Failure::NotRun`] where the table lacks such rows: the graph stops there.
pub(super) fn of(
    product: &Product,
    x: Numbers<'_>,
    (table, table_shape): Numbers<'_>,
) -> Result<Dense, Failure> {
    let Dense { values: x, shape } = ordered(x, &product.order)?;
    let (&[.., vectors, terms], &[count, columns]) = (&shape[..], table_shape) else {
        return Err(unlike(&shape, table_shape));
    };
    if terms != columns {
        return Err(unlike(&shape, table_shape));
    }
    let rows = match product.rows {
        Rows::All => Some(0..count),
        Rows::Part { first, count: own } => Some(first..first + own),
        Rows::Around { middle } => usize::try_from(middle).ok().and_then(|middle| {
            let beyond = vectors.max(1) - 1;
            Some(middle.checked_sub(beyond)?..middle + beyond + 1)
        }),
    };
    let rows = rows.filter(|rows| rows.end <= count).ok_or_else(|| {
        Failure::NotRun(format!(
            "a table of {count} rows lacks those of some distances"
        ))
    })?;
    let matrices: usize = shape[..shape.len() - 1].iter().product();
    let mut values = Vec::with_capacity(matrices * rows.len());
    for vector in 0..matrices {
        let vector = &x[vector * terms..][..terms];
        for row in rows.clone() {
            let row = &table[row * terms..][..terms];
            values.push(vector.iter().zip(row).map(|(a, b)| a * b).sum());
        }
    }
    let mut shape = shape;
    if let Some(last) = shape.last_mut() {
        *last = rows.len();
    }
    Ok(Dense { values, shape })
}

/// A tensor with its axes in this order, or as they are if it is empty.
fn ordered((values, shape): Numbers<'_>, order: &[usize]) -> Result<Dense, Failure> {
    if order.is_empty() {
        return Ok(Dense {
            values: values.to_vec(),
            shape: shape.to_vec(),
        });
    }
    if order.len() != shape.len() {
        return Err(Failure::Differs(format!(
            "its vectors have shape {shape:?}, of which axes {order:?} are not all"
        )));
    }
    let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let axes: Vec<(usize, usize)> = order
        .iter()
        .map(|&axis| (shape[axis], stride(axis)))
        .collect();
    let element = |mut at: usize| {
        let mut from = 0;
        for &(size, stride) in axes.iter().rev() {
            from += at % size * stride;
            at /= size;
        }
        values[from]
    };
    Ok(Dense {
        values: (0..values.len()).map(element).collect(),
        shape: axes.iter().map(|&(size, _)| size).collect(),
    })
}

fn unlike(x: &[usize], table: &[usize]) -> Failure {
    Failure::Differs(format!(
        "its vectors of shape {x:?} do not fit a table of shape {table:?}"
    ))
}
