//! Products of vectors with the rows of a table, in double precision.

use crate::recognize::Rows;

use phasor_ops::contract::Dense;

use crate::confirm::claim::Numbers;
use crate::confirm::failure::Failure;

/// `scores[..., i, r] = Σ x[..., i, c] * table[r, c]` for these rows.
///
/// # Errors
/// [`Failure::Differs`] for shapes that do not fit; [`Failure::NotRun`] where the table lacks such rows: the graph stops there.
pub(super) fn of(
    (x, shape): Numbers<'_>,
    (table, table_shape): Numbers<'_>,
    rows: Rows,
) -> Result<Dense, Failure> {
    let (&[.., vectors, terms], &[count, columns]) = (shape, table_shape) else {
        return Err(unlike(shape, table_shape));
    };
    if terms != columns {
        return Err(unlike(shape, table_shape));
    }
    let rows = match rows {
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
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = rows.len();
    }
    Ok(Dense { values, shape })
}

fn unlike(x: &[usize], table: &[usize]) -> Failure {
    Failure::Differs(format!(
        "its vectors of shape {x:?} do not fit a table of shape {table:?}"
    ))
}
