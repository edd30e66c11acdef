//! Which kernel makes a bias, and how it is cut.

use super::params::RelativeBiasParams;
use crate::contract::relative::BiasGeometry;
use crate::contract::{ContractError, ElementType};
use crate::cuda::Launch;
use crate::cuda::relative::{Cut, Places, Planes};

/// A bias to make from a table.
#[derive(Clone, Copy, Debug)]
pub struct Buckets<'a> {
    /// The sizes of the bias.
    pub geometry: &'a BiasGeometry,
    /// Rows of the table.
    pub rows: usize,
    /// How far the lookup table reaches to either side.
    pub reach: usize,
    /// Address of the table.
    pub table: u64,
    /// Addresses of the lookup table and of positions.
    pub places: Places,
    /// Address of the bias.
    pub bias: u64,
}

/// A bias to make from slopes.
#[derive(Clone, Copy, Debug)]
pub struct Slopes<'a> {
    /// The sizes of the bias.
    pub geometry: &'a BiasGeometry,
    /// Address of the slopes.
    pub slopes: u64,
    /// Addresses of positions.
    pub places: Places,
    /// Address of the bias.
    pub bias: u64,
}

/// A kernel of `relative_bias.cu`, for given elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Whole accesses.
    Whole,
    /// One element per thread.
    Scalar,
}

impl Variant {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Variant::Whole => "whole",
            Variant::Scalar => "scalar",
        }
    }
}

/// A node and its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planner {
    pub(super) element: ElementType,
    /// Whether positions have 64 bits.
    pub(super) wide: bool,
    pub(super) processors: u32,
}

/// A launch, and the kernel it is of.
pub(super) type Planned = Option<(Variant, Launch<RelativeBiasParams>)>;

impl Planner {
    /// The launch for a bias from a table; `None` where there is nothing to do.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for sizes that no kernel takes.
    pub(super) fn buckets(&self, given: &Buckets<'_>) -> Result<Planned, ContractError> {
        let Some((variant, mut cut)) = self.cut(given.geometry, given.bias)? else {
            return Ok(None);
        };
        cut.look_up(given.reach, self.element.size() as u64)?;
        let params = RelativeBiasParams {
            table: given.table,
            bias: given.bias,
            table_rows: given.rows as u64,
            ..Default::default()
        };
        Ok(Some((
            variant,
            self.launch(cut, given.geometry, given.places, params),
        )))
    }

    /// The launch for a bias from slopes; `None` where there is nothing to do.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for sizes that no kernel takes.
    pub(super) fn slopes(
        &self,
        given: &Slopes<'_>,
        absolute: bool,
    ) -> Result<Planned, ContractError> {
        let Some((variant, mut cut)) = self.cut(given.geometry, given.bias)? else {
            return Ok(None);
        };
        cut.keep(self.element.size() as u64);
        let params = RelativeBiasParams {
            table: given.slopes,
            bias: given.bias,
            absolute: absolute.into(),
            ..Default::default()
        };
        Ok(Some((
            variant,
            self.launch(cut, given.geometry, given.places, params),
        )))
    }

    fn cut(
        &self,
        geometry: &BiasGeometry,
        address: u64,
    ) -> Result<Option<(Variant, Cut)>, ContractError> {
        let planes = Planes {
            count: (geometry.batch as u64).saturating_mul(geometry.heads as u64),
            queries: geometry.queries as u64,
            keys: geometry.keys as u64,
            size: self.element.size() as u64,
            address,
        };
        let variant = match planes.vector() {
            1 => Variant::Scalar,
            _ => Variant::Whole,
        };
        Ok(planes.by_rows(self.processors)?.map(|cut| (variant, cut)))
    }

    fn launch(
        &self,
        cut: Cut,
        geometry: &BiasGeometry,
        places: Places,
        mut params: RelativeBiasParams,
    ) -> Launch<RelativeBiasParams> {
        params.tiles = cut.tiles;
        params.tiles.lut = places.lut;
        params.tiles.query_positions = places.query_positions;
        params.tiles.key_positions = places.key_positions;
        params.tiles.wide = self.wide.into();
        params.query_step = geometry.query_step as u64;
        params.key_step = geometry.key_step as u64;
        // Not above the number of blocks.
        params.heads = geometry.heads as u32;
        Launch {
            blocks: cut.blocks,
            threads: cut.threads,
            shared: cut.shared,
            params,
        }
    }
}
