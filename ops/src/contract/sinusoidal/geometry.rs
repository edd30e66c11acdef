//! The shape rule of `SinusoidalEmbedding`.

use super::SinusoidalAttributes;
use crate::contract::broadcast::MAX_RANK;
use crate::contract::{ContractError, shape_text};

/// The sizes of one call, checked.
///
/// A row holds both functions of the first [`pairs`](Self::pairs) frequencies, and only the first function of the next ones up to
/// [`used`](Self::used), where its end is cut off. The rest of [`width`](Self::width) is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinusoidalGeometry {
    /// Number of rows: positions.
    pub rows: usize,
    /// Number of frequencies.
    pub frequencies: usize,
    /// Number of elements of a row.
    pub width: usize,
    /// Number of frequencies whose functions both lie in a row.
    pub pairs: usize,
    /// Number of frequencies with at least one function in a row.
    pub used: usize,
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl SinusoidalGeometry {
    /// Checks the shapes of `positions` and `frequencies` against the attributes.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(
        attributes: &SinusoidalAttributes,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<Self, ContractError> {
        let [count] = *frequencies else {
            return Err(ContractError::Shape(format!(
                "frequencies {} has rank {}, expected 1",
                shape_text(frequencies),
                frequencies.len()
            )));
        };
        let rank = positions.len() + 1;
        if rank > MAX_RANK {
            return Err(ContractError::Shape(format!(
                "positions has rank {}, expected at most {}",
                positions.len(),
                MAX_RANK - 1
            )));
        }
        let width = match attributes.width {
            0 => count.checked_mul(2),
            width => Some(width),
        };
        let product = |sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1usize, |n, &size| n.checked_mul(size))
        };
        let rows = product(positions);
        let (Some(rows), Some(width)) = (rows, width) else {
            return Err(too_large(attributes, positions, frequencies));
        };
        if rows.checked_mul(width).is_none() {
            return Err(too_large(attributes, positions, frequencies));
        }
        let (used, pairs) = if attributes.interleaved {
            (count.min(width.div_ceil(2)), count.min(width / 2))
        } else {
            let used = count.min(width);
            (used, count.min(width - used))
        };
        let mut sizes = [1; MAX_RANK];
        for (size, &given) in sizes.iter_mut().zip(positions.iter().chain([&width])) {
            *size = given;
        }
        Ok(Self {
            rows,
            frequencies: count,
            width,
            pairs,
            used,
            sizes,
            rank,
        })
    }

    /// Shape of the embedding.
    pub fn output_shape(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

fn too_large(
    attributes: &SinusoidalAttributes,
    positions: &[usize],
    frequencies: &[usize],
) -> ContractError {
    let wide = match attributes.width {
        0 => String::new(),
        width => format!(" and `width` {width}"),
    };
    ContractError::Shape(format!(
        "an embedding of positions {} with frequencies {}{wide} has more elements than can be addressed",
        shape_text(positions),
        shape_text(frequencies)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(
        width: usize,
        interleaved: bool,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<SinusoidalGeometry, ContractError> {
        let attributes = SinusoidalAttributes {
            width,
            interleaved,
            ..Default::default()
        };
        SinusoidalGeometry::new(&attributes, positions, frequencies)
    }

    #[test]
    fn an_axis_is_added() {
        let g = geometry(0, false, &[2, 5], &[4]).unwrap();
        assert_eq!((g.rows, g.width, g.pairs, g.used), (10, 8, 4, 4));
        assert_eq!(g.output_shape(), [2, 5, 8]);
        assert_eq!(geometry(0, true, &[], &[4]).unwrap().output_shape(), [8]);
        assert_eq!(geometry(0, true, &[0], &[4]).unwrap().rows, 0);
    }

    #[test]
    fn widths_cut_and_pad() {
        let sizes = |width, interleaved| {
            let g = geometry(width, interleaved, &[3], &[4]).unwrap();
            (g.width, g.pairs, g.used)
        };
        assert_eq!(sizes(9, false), (9, 4, 4));
        assert_eq!(sizes(7, false), (7, 3, 4));
        assert_eq!(sizes(4, false), (4, 0, 4));
        assert_eq!(sizes(3, false), (3, 0, 3));
        assert_eq!(sizes(9, true), (9, 4, 4));
        assert_eq!(sizes(7, true), (7, 3, 4));
        assert_eq!(sizes(1, true), (1, 0, 1));
        assert_eq!(
            geometry(5, false, &[3], &[0]).unwrap().output_shape(),
            [3, 5]
        );
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        let max = usize::MAX;
        for (width, positions, frequencies, words) in [
            (
                0,
                &[3][..],
                &[][..],
                "frequencies [] has rank 0, expected 1",
            ),
            (0, &[3], &[1, 4], "frequencies [1, 4] has rank 2"),
            (
                0,
                &[1; MAX_RANK],
                &[4],
                "positions has rank 16, expected at most 15",
            ),
            (0, &[max, 2], &[4], "more elements than can be addressed"),
            (0, &[1], &[max], "more elements"),
            (max, &[2], &[4], "and `width` 18446744073709551615 has"),
        ] {
            let text = geometry(width, false, positions, frequencies)
                .unwrap_err()
                .to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
