//! One node's kernel: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::backend::{ItemsFn, WithColumns};
use super::generic::{Cut, Job};
use super::lookup::Lookup;
use super::tile::Entries;
use crate::contract::ContractError;
use crate::contract::relative::{Integer, KEY_POSITIONS, LUT, QUERY_POSITIONS};
use crate::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use crate::contract::tensor::check_size;
use crate::simd::Level;
use crate::simd::words::{AsWord, Word};
use std::ops::Range;

/// Elements of output that are worth a task of their own: some microseconds.
const TASK_ELEMENTS: usize = 32 * 1024;

/// Most queries that a tile of columns is computed for.
const MOST_QUERIES: usize = 64;

/// Fewest queries for which it pays to transpose the rows of keys.
const LEAST_TURNED: usize = 16;

/// Queries for which the rows of keys are transposed together where these come from memory: so many that rows are read in long
/// parts.
const MOST_TURNED: usize = 512;

/// Rows are prefetched from this many bytes of scores on, which caches near the processor do not hold. Below, prefetching costs a
/// tenth; above, rows that are read from their ends take half the time.
const AHEAD_BYTES: usize = 8 * 1024 * 1024;

/// A kernel of `RelativeGather`.
#[derive(Clone, Copy, Debug)]
pub struct RelativeGatherKernel {
    attributes: RelativeGatherAttributes,
    level: Level,
}

/// A call with checked shapes, cut into items that can be done in any order and at the same time.
pub struct RelativeGatherCall<I, W> {
    geometry: RelativeGatherGeometry,
    by_key: bool,
    cut: Cut,
    run: ItemsFn<I, W>,
}

/// Where the tensors of a call are.
#[derive(Clone, Copy)]
pub struct RelativeGatherTensors<I, W> {
    /// `scores`, as words.
    pub scores: *const W,
    /// `query_positions`.
    pub query: *const I,
    /// `key_positions`.
    pub key: *const I,
    /// The output.
    pub output: *mut W,
}

impl RelativeGatherKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: RelativeGatherAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: RelativeGatherAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`RelativeGatherGeometry::new`], and [`ContractError::Unsupported`] for rows of 2^32 scores or more.
    pub fn call<I: Integer, W: WithColumns<I>>(
        &self,
        scores: &[usize],
        query: &[usize],
        key: &[usize],
    ) -> Result<RelativeGatherCall<I, W>, ContractError> {
        let geometry = RelativeGatherGeometry::new(&self.attributes, scores, query, key)?;
        if u32::try_from(geometry.width).is_err() {
            return Err(ContractError::Unsupported(format!(
                "scores has {} columns, more than are supported",
                geometry.width
            )));
        }
        let by_key = self.attributes.by_key;
        Ok(RelativeGatherCall {
            cut: cut(&geometry, by_key, size_of::<W>()),
            geometry,
            by_key,
            run: W::variant(self.level),
        })
    }

    /// The output, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`RelativeGatherKernel::call`], [`ContractError::Shape`] for slices that do not fit their shapes, and those of
    /// [`Lookup`].
    pub fn run<I: Integer, T: AsWord>(
        &self,
        scores: (&[T], &[usize]),
        lut: (&[I], &[usize]),
        query: (&[I], &[usize]),
        key: (&[I], &[usize]),
        output: &mut [T],
    ) -> Result<(), ContractError>
    where
        T::Word: WithColumns<I>,
    {
        let call = self.call::<I, T::Word>(scores.1, query.1, key.1)?;
        check_size("scores", scores)?;
        check_size(LUT, lut)?;
        check_size(QUERY_POSITIONS, query)?;
        check_size(KEY_POSITIONS, key)?;
        check_size("output", (output, call.output_shape()))?;
        let lookup = Lookup::new(lut.0, lut.1)?;
        if !call.output_shape().contains(&0) {
            lookup.check(lut.0, call.width())?;
        }
        let tensors = RelativeGatherTensors {
            scores: scores.0.as_ptr().cast(),
            query: query.0.as_ptr(),
            key: key.0.as_ptr(),
            output: output.as_mut_ptr().cast(),
        };
        // SAFETY: slices have the sizes of the shapes, the lookup table is checked, and `output` is borrowed alone.
        unsafe { call.items(&lookup, lut.0, tensors, 0..call.item_count()) };
        Ok(())
    }
}

/// Blocks of a size that is worth a task, or of all queries that share columns.
fn cut(geometry: &RelativeGatherGeometry, by_key: bool, size: usize) -> Cut {
    let RelativeGatherGeometry { queries, keys, .. } = *geometry;
    // These sizes do not overflow: the tensors exist, and only the size of an element is missing.
    let rows = if by_key { keys } else { queries };
    let scores = geometry.matrices.count() * rows * geometry.width;
    let ahead = scores.saturating_mul(size) >= AHEAD_BYTES;
    let (least, most) = match (by_key, ahead) {
        (false, _) => (1, MOST_QUERIES),
        (true, false) => (LEAST_TURNED, MOST_QUERIES),
        (true, true) => (MOST_TURNED, MOST_TURNED),
    };
    let most = (TASK_ELEMENTS / keys.max(1)).clamp(least, most);
    // All of about the same size.
    let blocks = queries.div_ceil(most).max(1);
    let shared = match geometry.matrices.axes().last() {
        Some(inner) if inner.steps == [0, 0] => inner.size,
        _ => 1,
    };
    Cut {
        ahead,
        block: queries.div_ceil(blocks).max(1),
        blocks,
        shared,
    }
}

impl<I: Integer, W: Word> RelativeGatherCall<I, W> {
    /// Shape of the output.
    pub fn output_shape(&self) -> &[usize] {
        self.geometry.output_shape()
    }

    /// Columns of `scores`.
    pub fn width(&self) -> usize {
        self.geometry.width
    }

    /// Number of items.
    pub fn item_count(&self) -> usize {
        if self.geometry.queries == 0 || self.geometry.keys == 0 {
            return 0;
        }
        // No more than there are rows of output.
        self.geometry.matrices.count() * self.cut.blocks
    }

    /// A good number of items for one task.
    pub fn task_items(&self) -> usize {
        let elements = self.cut.block.saturating_mul(self.geometry.keys);
        (TASK_ELEMENTS / elements.max(1)).max(1)
    }

    /// The items `range` of the output.
    ///
    /// # Safety
    /// The tensors are dense, of the shapes given to [`RelativeGatherKernel::call`] and of [`RelativeGatherCall::output_shape`];
    /// the output overlaps nothing, and nobody else touches these items of it meanwhile. `lookup` was made from `lut`, and its
    /// check for [`RelativeGatherCall::width`] succeeded.
    pub unsafe fn items(
        &self,
        lookup: &Lookup,
        lut: &[I],
        tensors: RelativeGatherTensors<I, W>,
        range: Range<usize>,
    ) {
        let job = Job {
            geometry: &self.geometry,
            cut: self.cut,
            entries: Entries {
                table: lut,
                reach: lookup.reach(),
                stretch: lookup.stretch(self.by_key),
                reversed: self.by_key,
            },
            scores: tensors.scores,
            query: tensors.query,
            key: tensors.key,
            output: tensors.output,
        };
        // SAFETY: the level was available when the kernel was made. This function's `# Safety` section vouches for the tensors and
        // for the entries of `lut`.
        unsafe { (self.run)(&job, range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_may_be_cut_anywhere() {
        let lut: Vec<i64> = (0..41).map(|i| (i * i) % 50).collect();
        let positions: Vec<i64> = (0..300).map(|i| i * 7 % 90).collect();
        for (by_key, shape, query, key) in [
            // Blocks of several matrices that share positions, some that do not, and one of each.
            (false, [3, 4, 150], &[3, 1, 150][..], &[3, 1, 60][..]),
            (true, [3, 4, 60], &[3, 1, 90], &[60]),
            (false, [3, 4, 70], &[4, 70], &[60]),
            (true, [1, 1, 60], &[1, 130], &[60]),
        ] {
            let shape = [&shape[..], &[50]].concat();
            let kernel = RelativeGatherKernel::new(RelativeGatherAttributes { by_key });
            let scores: Vec<f32> = (0..shape.iter().product::<usize>())
                .map(|i| i as f32)
                .collect();
            let part = |shape: &[usize]| {
                let count: usize = shape.iter().product();
                positions
                    .iter()
                    .cycle()
                    .take(count)
                    .copied()
                    .collect::<Vec<i64>>()
            };
            let (queries, keys) = (part(query), part(key));
            let call = kernel.call::<i64, u32>(&shape, query, key).unwrap();
            let size = call.output_shape().iter().product();
            let mut whole = vec![0f32; size];
            let lut = (&lut[..], &[41][..]);
            kernel
                .run(
                    (&scores, &shape),
                    lut,
                    (&queries, query),
                    (&keys, key),
                    &mut whole,
                )
                .unwrap();
            let lookup = Lookup::of_constant(lut.0, lut.1).unwrap();
            assert!(call.item_count() > 0 && call.task_items() > 0);
            for step in 1..=call.item_count() {
                let mut parts = vec![0f32; size];
                let tensors = RelativeGatherTensors {
                    scores: scores.as_ptr().cast(),
                    query: queries.as_ptr(),
                    key: keys.as_ptr(),
                    output: parts.as_mut_ptr().cast(),
                };
                for start in (0..call.item_count()).step_by(step) {
                    let end = (start + step).min(call.item_count());
                    // SAFETY: the tensors have their shapes, and entries are below 50.
                    unsafe { call.items(&lookup, lut.0, tensors, start..end) };
                }
                assert!(parts == whole, "{shape:?} {step}");
            }
        }
    }
}
