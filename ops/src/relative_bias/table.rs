//! One node's kernel of `RelativePositionBias`: instruction set fixed, shapes and lookup table given with each call.

#![allow(unsafe_code)]

use super::backend::{TableFn, WithIntegers};
use super::generic::Job;
use super::plan::Plan;
use super::source::{MOST_PLACES, Table};
use crate::contract::relative::{BiasGeometry, Integer, LutRange};
use crate::contract::relative_bias::{ROWS, table_sizes};
use crate::contract::tensor::check_size;
use crate::contract::{ContractError, shape_text};
use crate::simd::{Element, Level};
use std::ops::Range;

/// A kernel of `RelativePositionBias`.
#[derive(Clone, Copy, Debug)]
pub struct RelativeBiasKernel {
    level: Level,
}

/// A lookup table whose entries have been read once.
#[derive(Clone, Copy, Debug)]
pub struct Lut<'a, I> {
    entries: &'a [I],
    range: LutRange,
}

impl<'a, I: Integer> Lut<'a, I> {
    /// A table and its shape.
    ///
    /// # Errors
    /// Those of [`LutRange::new`], and [`ContractError::Shape`] for entries that do not fit the shape.
    pub fn new(entries: &'a [I], shape: &[usize]) -> Result<Self, ContractError> {
        check_size("lut", (entries, shape))?;
        let range = LutRange::new(entries, shape)?;
        Ok(Self { entries, range })
    }

    /// The same without reading the entries again; `entries` are those of `range`.
    pub fn known(entries: &'a [I], range: LutRange) -> Self {
        Self { entries, range }
    }
}

/// A call with checked shapes and lookup table, cut into items that can be done in any order and at the same time.
pub struct RelativeBiasCall<'a, I, T> {
    plan: Plan,
    lut: Lut<'a, I>,
    run: TableFn<I, T>,
}

impl RelativeBiasKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new() -> Self {
        Self {
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(level: Level) -> Option<Self> {
        level.is_available().then_some(Self { level })
    }

    /// Checks the shapes of a call, and the entries of its lookup table.
    ///
    /// # Errors
    /// Those of [`table_sizes`], [`BiasGeometry::new`] and [`LutRange::check`], and [`ContractError::Unsupported`] for a table of
    /// more than 2^32 elements.
    pub fn call<'a, I: Integer, T: WithIntegers<I>>(
        &self,
        table: &[usize],
        lut: Lut<'a, I>,
        query_positions: &[usize],
        key_positions: &[usize],
    ) -> Result<RelativeBiasCall<'a, I, T>, ContractError> {
        let (rows, heads) = table_sizes(table)?;
        let geometry = BiasGeometry::new(heads, query_positions, key_positions)?;
        lut.range.check(lut.entries, rows, ROWS)?;
        if rows
            .checked_mul(heads)
            .is_none_or(|places| places > MOST_PLACES)
        {
            return Err(ContractError::Unsupported(format!(
                "table {} has more elements than are supported, {MOST_PLACES}",
                shape_text(table)
            )));
        }
        Ok(RelativeBiasCall {
            plan: Plan::new(geometry, size_of::<T>()),
            lut,
            run: T::variants(self.level).0,
        })
    }

    /// `bias`, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`RelativeBiasKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<I: Integer, T: WithIntegers<I>>(
        &self,
        table: (&[T], &[usize]),
        lut: Lut<'_, I>,
        query_positions: (&[I], &[usize]),
        key_positions: (&[I], &[usize]),
        bias: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<I, T>(table.1, lut, query_positions.1, key_positions.1)?;
        check_size("table", table)?;
        check_size("query_positions", query_positions)?;
        check_size("key_positions", key_positions)?;
        check_size("bias", (bias, &call.plan.output_shape()))?;
        // SAFETY: slices have the sizes of the shapes, and `bias` is borrowed alone.
        unsafe {
            call.items(
                table.0.as_ptr(),
                query_positions.0.as_ptr(),
                key_positions.0.as_ptr(),
                bias.as_mut_ptr(),
                0..call.plan.items(),
            )
        };
        Ok(())
    }
}

impl Default for RelativeBiasKernel {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Integer, T: Element> RelativeBiasCall<'_, I, T> {
    /// Its items, and the shape of the bias.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The items `range` of the bias.
    ///
    /// # Safety
    /// The pointers are good for dense tensors of the shapes given to [`RelativeBiasKernel::call`] and of the bias. That overlaps
    /// nothing, and nobody else touches these items of it meanwhile.
    pub unsafe fn items(
        &self,
        table: *const T,
        query_positions: *const I,
        key_positions: *const I,
        bias: *mut T,
        range: Range<usize>,
    ) {
        let source = Table {
            table,
            heads: self.plan.geometry.heads,
            lut: self.lut.entries,
            reach: self.lut.range.reach,
        };
        let job = Job {
            plan: &self.plan,
            query_positions,
            key_positions,
            source,
            bias,
        };
        // SAFETY: the level was available when the kernel was made, and the entries of the lookup table are rows. This function's
        // `# Safety` section vouches for the tensors, whose shapes the plan was made of.
        unsafe { (self.run)(&job, range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_may_be_cut_anywhere() {
        let (heads, queries, keys) = (5, 600, 60);
        let table: Vec<f32> = (0..7 * heads as i16).map(f32::from).collect();
        let lut: Vec<i64> = (0..67).map(|i| i * 5 % 7).collect();
        let lut = Lut::new(&lut, &[67]).unwrap();
        let key: Vec<i64> = (0..keys as i64).collect();
        for step in [1, 3] {
            // Two batches.
            let query: Vec<i64> = (0..2 * queries as i64).map(|i| i * step).collect();
            let shapes = ([7, heads], [2, queries], [keys]);
            let kernel = RelativeBiasKernel::new();
            let mut whole = vec![0f32; 2 * heads * queries * keys];
            let (table_shape, query_shape, key_shape) =
                (&shapes.0[..], &shapes.1[..], &shapes.2[..]);
            kernel
                .run(
                    (&table, table_shape),
                    lut,
                    (&query, query_shape),
                    (&key, key_shape),
                    &mut whole,
                )
                .unwrap();
            let call = kernel
                .call::<i64, f32>(table_shape, lut, query_shape, key_shape)
                .unwrap();
            let items = call.plan().items();
            assert_eq!(items, 2 * 3 * heads);
            for size in [1, 3, 7, 20] {
                let mut bias = vec![0f32; whole.len()];
                for start in (0..items).step_by(size).rev() {
                    let range = start..(start + size).min(items);
                    // SAFETY: the tensors have the shapes of the call, and the output overlaps nothing.
                    unsafe {
                        call.items(
                            table.as_ptr(),
                            query.as_ptr(),
                            key.as_ptr(),
                            bias.as_mut_ptr(),
                            range,
                        )
                    };
                }
                assert_eq!(bias, whole, "tasks of {size}");
            }
        }
    }
}
