//! Which kernel gathers scores, and how the output is cut.

use super::params::{RelativeAxis, RelativeGatherParams};
use crate::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use crate::contract::{ContractError, ElementType};
use crate::cuda::Launch;
use crate::cuda::relative::{Places, Planes};

/// Scores to gather.
#[derive(Clone, Copy, Debug)]
pub struct Gathered<'a> {
    /// Their sizes.
    pub geometry: &'a RelativeGatherGeometry,
    /// How far the lookup table reaches to either side.
    pub reach: usize,
    /// Address of the scores.
    pub scores: u64,
    /// Addresses of the lookup table and of positions.
    pub places: Places,
    /// Address of the output.
    pub output: u64,
}

/// A kernel of `relative_gather.cu`, for elements of a size and the role of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Whole accesses.
    Whole,
    /// One element per thread.
    Scalar,
}

/// Bytes of a column's number in shared memory.
const COLUMN: u64 = 4;

/// A node and its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planner {
    pub(super) attributes: RelativeGatherAttributes,
    pub(super) element: ElementType,
    /// Whether positions have 64 bits.
    pub(super) wide: bool,
    pub(super) processors: u32,
}

impl Planner {
    /// The launch that gathers scores; `None` where there is nothing to do.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for sizes that no kernel takes.
    pub(super) fn plan(
        &self,
        given: &Gathered<'_>,
    ) -> Result<Option<(Variant, Launch<RelativeGatherParams>)>, ContractError> {
        let geometry = given.geometry;
        let planes = Planes {
            count: geometry.matrices.count() as u64,
            queries: geometry.queries as u64,
            keys: geometry.keys as u64,
            size: self.element.size() as u64,
            address: given.output,
        };
        let variant = match planes.vector() {
            1 => Variant::Scalar,
            _ => Variant::Whole,
        };
        let cut = if self.attributes.by_key {
            planes.by_columns(self.processors)?
        } else {
            planes.by_rows(self.processors)?
        };
        let Some(mut cut) = cut else {
            return Ok(None);
        };
        cut.look_up(given.reach, COLUMN)?;
        let Ok(width) = u32::try_from(geometry.width) else {
            return Err(ContractError::Unsupported(format!(
                "scores has {} columns, expected fewer than 2^32",
                geometry.width
            )));
        };
        let mut params = RelativeGatherParams {
            tiles: cut.tiles,
            scores: given.scores,
            output: given.output,
            width,
            rank: geometry.matrices.axes().len() as u32,
            ..Default::default()
        };
        params.tiles.lut = given.places.lut;
        params.tiles.query_positions = given.places.query_positions;
        params.tiles.key_positions = given.places.key_positions;
        params.tiles.wide = self.wide.into();
        for (to, axis) in params.axes.iter_mut().zip(geometry.matrices.axes()) {
            let [query, key] = axis.steps.map(|step| step as u64);
            *to = RelativeAxis {
                size: axis.size as u64,
                query,
                key,
            };
        }
        Ok(Some((
            variant,
            Launch {
                blocks: cut.blocks,
                threads: cut.threads,
                shared: cut.shared,
                params,
            },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_find_their_positions() {
        let attributes = RelativeGatherAttributes { by_key: true };
        let planner = Planner {
            attributes,
            element: ElementType::F16,
            wide: true,
            processors: 132,
        };
        let geometry =
            RelativeGatherGeometry::new(&attributes, &[8, 12, 512, 1023], &[8, 1, 512], &[512])
                .unwrap();
        let given = Gathered {
            geometry: &geometry,
            reach: 511,
            scores: 1 << 20,
            places: Places::default(),
            output: 1 << 30,
        };
        let (variant, launch) = planner.plan(&given).unwrap().unwrap();
        assert_eq!(variant, Variant::Whole);
        let params = &launch.params;
        let axes = &params.axes[..params.rank as usize];
        assert_eq!(
            axes,
            [
                RelativeAxis {
                    size: 8,
                    query: 1,
                    key: 0
                },
                RelativeAxis {
                    size: 12,
                    query: 0,
                    key: 0
                }
            ]
        );
        assert_eq!((params.width, params.tiles.reach), (1023, 511));
        // Every tile has 64 columns.
        let tiles = &params.tiles;
        assert_eq!((tiles.columns, tiles.column_tiles), (64, 8));
        assert_eq!(launch.blocks, 96 * tiles.row_tiles * tiles.column_tiles);
    }
}
