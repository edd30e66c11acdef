//! One node's kernel: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::backend::{RowsFn, WithTables};
use super::generic::Job;
use crate::contract::ContractError;
use crate::contract::rotary::{RotaryAttributes, RotaryGeometry};
use crate::contract::tensor::check_size;
use crate::simd::{Element, Level};
use std::ops::Range;

/// Bytes of `X` and `Y` that are worth a task: a good part of a second-level cache, and some microseconds of work.
const TASK_BYTES: usize = 64 * 1024;

/// A kernel of `RotaryEmbedding`.
#[derive(Clone, Copy, Debug)]
pub struct RotaryKernel {
    attributes: RotaryAttributes,
    level: Level,
}

/// A call with checked shapes, cut into rows that can be done in any order and at the same time.
pub struct RotaryCall<T, TT> {
    geometry: RotaryGeometry,
    inverse: bool,
    run: RowsFn<T, TT>,
}

impl RotaryKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: RotaryAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: RotaryAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`RotaryGeometry::new`].
    pub fn call<T: WithTables<TT>, TT: Element>(
        &self,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<RotaryCall<T, TT>, ContractError> {
        let geometry = RotaryGeometry::new(&self.attributes, x, cos, sin)?;
        Ok(RotaryCall::new(self.level, &self.attributes, geometry))
    }

    /// `y` from `x`, on this thread. Slices are dense, in row-major order; each has a shape.
    ///
    /// # Errors
    /// As [`RotaryKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<T: WithTables<TT>, TT: Element>(
        &self,
        x: (&[T], &[usize]),
        cos: (&[TT], &[usize]),
        sin: (&[TT], &[usize]),
        y: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<T, TT>(x.1, cos.1, sin.1)?;
        check_size("X", x)?;
        check_size("cos", cos)?;
        check_size("sin", sin)?;
        check_size("Y", (y, x.1))?;
        // SAFETY: slices have the sizes of the shapes, and `y` is borrowed alone.
        unsafe {
            call.rows(
                x.0.as_ptr(),
                cos.0.as_ptr(),
                sin.0.as_ptr(),
                y.as_mut_ptr(),
                0..call.row_count(),
            )
        };
        Ok(())
    }

    /// As [`RotaryKernel::run`], with the result in the place of `x`.
    ///
    /// # Errors
    /// As [`RotaryKernel::run`].
    pub fn run_in_place<T: WithTables<TT>, TT: Element>(
        &self,
        x: (&mut [T], &[usize]),
        cos: (&[TT], &[usize]),
        sin: (&[TT], &[usize]),
    ) -> Result<(), ContractError> {
        let call = self.call::<T, TT>(x.1, cos.1, sin.1)?;
        check_size("X", (&*x.0, x.1))?;
        check_size("cos", cos)?;
        check_size("sin", sin)?;
        let at = x.0.as_mut_ptr();
        // SAFETY: slices have the sizes of the shapes, and `x` is borrowed alone.
        unsafe { call.rows(at, cos.0.as_ptr(), sin.0.as_ptr(), at, 0..call.row_count()) };
        Ok(())
    }
}

impl<T, TT> RotaryCall<T, TT> {
    /// A call on a level that the processor has.
    pub(super) fn new(level: Level, attributes: &RotaryAttributes, geometry: RotaryGeometry) -> Self
    where
        T: WithTables<TT>,
        TT: Element,
    {
        Self {
            run: T::variant(level, attributes, &geometry),
            inverse: attributes.inverse,
            geometry,
        }
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.geometry.rows.count()
    }

    /// A good number of rows for one task.
    pub fn task_rows(&self) -> usize {
        let row_bytes = self
            .geometry
            .channels
            .max(1)
            .saturating_mul(2 * size_of::<T>());
        (TASK_BYTES / row_bytes).max(1)
    }

    /// The rows `range` of `y`.
    ///
    /// # Safety
    /// The pointers are good for dense tensors of the shapes that the call was made for. No tensor overlaps `y`, or `x` and `y` are
    /// the same and the call is one of [`RotaryKernel`]. Nobody else touches these rows of `y` meanwhile (nor, if they are the same, those of `x`).
    pub unsafe fn rows(
        &self,
        x: *const T,
        cos: *const TT,
        sin: *const TT,
        y: *mut T,
        range: Range<usize>,
    ) {
        if self.geometry.channels == 0 {
            return;
        }
        let job = Job {
            geometry: &self.geometry,
            inverse: self.inverse,
            x,
            y,
            cos,
            sin,
        };
        // SAFETY: the level was available when the kernel was made. The pointers are good for the shapes of the geometry, as this
        // function's `# Safety` section requires.
        unsafe { (self.run)(&job, range) }
    }
}
