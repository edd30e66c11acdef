//! The shape rule of `RotaryTable`.

use super::RotaryTableAttributes;
use crate::contract::broadcast::MAX_RANK;
use crate::contract::{ContractError, shape_text};

/// The sizes of one call, checked.
///
/// Rows of the tables are numbered in memory order. Stream `p` of row `outer * inner_count + inner` is position
/// `(outer * streams + p) * inner_count + inner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotaryTableGeometry {
    /// Number of rows: positions, or tuples of them.
    pub rows: usize,
    /// Number of coordinate streams that add up to an angle.
    pub streams: usize,
    /// Number of rows whose positions of one stream are neighbours.
    pub inner: usize,
    /// Number of frequencies.
    pub width: usize,
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl RotaryTableGeometry {
    /// Checks the shapes of `positions` and `frequencies` against the attributes.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(
        attributes: &RotaryTableAttributes,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<Self, ContractError> {
        let (axis, streams, width) = match *frequencies {
            [width] => (positions.len(), 1, width),
            [streams, width] => (stream_axis(attributes, positions, streams)?, streams, width),
            _ => {
                return Err(ContractError::Shape(format!(
                    "frequencies {} has rank {}, expected 1 or 2",
                    shape_text(frequencies),
                    frequencies.len()
                )));
            }
        };
        let (outer, rest) = positions.split_at(axis);
        let inner = rest.get(1..).unwrap_or_default();
        let rank = outer.len() + inner.len() + 1;
        if rank > MAX_RANK {
            return Err(ContractError::Shape(format!(
                "positions has rank {}, tables of rank {rank} are not supported, expected at most {MAX_RANK}",
                positions.len()
            )));
        }
        let mut sizes = [1; MAX_RANK];
        for (size, &given) in sizes
            .iter_mut()
            .zip(outer.iter().chain(inner).chain([&width]))
        {
            *size = given;
        }
        let product = |sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1usize, |n, &size| n.checked_mul(size))
        };
        let (Some(_), Some(rows), Some(inner), Some(_)) = (
            product(positions),
            product(&sizes[..rank - 1]),
            product(inner),
            product(&sizes[..rank]),
        ) else {
            return Err(ContractError::Shape(format!(
                "positions {} times frequencies {} has more elements than can be addressed",
                shape_text(positions),
                shape_text(frequencies)
            )));
        };
        Ok(Self {
            rows,
            streams,
            inner,
            width,
            sizes,
            rank,
        })
    }

    /// Shape of cos and of sin.
    pub fn output_shape(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

/// The axis of `positions` along which the streams lie.
fn stream_axis(
    attributes: &RotaryTableAttributes,
    positions: &[usize],
    streams: usize,
) -> Result<usize, ContractError> {
    let axis = resolve_axis(attributes.axis, positions.len()).ok_or_else(|| {
        ContractError::Shape(format!(
            "`axis` is {}, but positions {} has rank {}",
            attributes.axis,
            shape_text(positions),
            positions.len()
        ))
    })?;
    if positions[axis] != streams {
        return Err(ContractError::Shape(format!(
            "axis {axis} of positions {} is {}, expected {streams}, one per row of frequencies",
            shape_text(positions),
            positions[axis]
        )));
    }
    Ok(axis)
}

/// `axis` of a tensor of `rank`, counted from the front; `None` if there is none.
pub fn resolve_axis(axis: i64, rank: usize) -> Option<usize> {
    let count = i64::try_from(rank).ok()?;
    let axis = if axis < 0 {
        axis.checked_add(count)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(
        axis: i64,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<RotaryTableGeometry, ContractError> {
        let attributes = RotaryTableAttributes {
            axis,
            ..Default::default()
        };
        RotaryTableGeometry::new(&attributes, positions, frequencies)
    }

    #[test]
    fn one_row_of_frequencies_adds_an_axis() {
        let g = geometry(9, &[2, 5], &[4]).unwrap();
        assert_eq!((g.rows, g.streams, g.width), (10, 1, 4));
        assert_eq!(g.output_shape(), [2, 5, 4]);
        assert_eq!(geometry(0, &[], &[4]).unwrap().output_shape(), [4]);
        assert_eq!(geometry(0, &[0], &[4]).unwrap().rows, 0);
    }

    #[test]
    fn streams_take_their_axis_away() {
        let g = geometry(0, &[3, 2, 5], &[3, 4]).unwrap();
        assert_eq!((g.rows, g.inner, g.streams), (10, 10, 3));
        assert_eq!(g.output_shape(), [2, 5, 4]);
        let g = geometry(-1, &[2, 5, 3], &[3, 4]).unwrap();
        assert_eq!((g.rows, g.inner), (10, 1));
        assert_eq!(g.output_shape(), [2, 5, 4]);
        let g = geometry(1, &[2, 3, 5], &[3, 4]).unwrap();
        assert_eq!((g.rows, g.inner), (10, 5));
        assert_eq!(geometry(0, &[0, 5], &[0, 4]).unwrap().rows, 5);
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        for (axis, positions, frequencies, words) in [
            (
                0,
                &[2, 5][..],
                &[3, 4][..],
                "axis 0 of positions [2, 5] is 2, expected 3",
            ),
            (
                2,
                &[3, 5],
                &[3, 4],
                "`axis` is 2, but positions [3, 5] has rank 2",
            ),
            (i64::MIN, &[3, 5], &[3, 4], "`axis` is"),
            (0, &[], &[1, 4], "rank 0"),
            (0, &[3], &[], "frequencies [] has rank 0, expected 1 or 2"),
            (0, &[3], &[1, 3, 4], "rank 3"),
            (0, &[1; MAX_RANK], &[4], "tables of rank 17"),
            (0, &[usize::MAX, 2], &[4], "more elements"),
            (0, &[usize::MAX], &[4], "more elements"),
        ] {
            let text = geometry(axis, positions, frequencies)
                .unwrap_err()
                .to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
