//! One node's kernel: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::backend::{RowsFn, WithPositions};
use super::generic::Job;
use crate::angle::{OfAngles, Position, TASK_ANGLES};
use crate::contract::ContractError;
use crate::contract::rotary_table::{RotaryTableAttributes, RotaryTableGeometry};
use crate::contract::tensor::check_size;
use crate::simd::Level;
use std::ops::Range;

/// A kernel of `RotaryTable`.
#[derive(Clone, Copy, Debug)]
pub struct RotaryTableKernel {
    attributes: RotaryTableAttributes,
    level: Level,
}

/// A call with checked shapes, cut into rows that can be done in any order and at the same time.
pub struct RotaryTableCall<P, T: OfAngles> {
    geometry: RotaryTableGeometry,
    amplitude: f64,
    run: RowsFn<P, T>,
}

impl RotaryTableKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: RotaryTableAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: RotaryTableAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`RotaryTableGeometry::new`].
    pub fn call<P: Position, T: WithPositions<P>>(
        &self,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<RotaryTableCall<P, T>, ContractError> {
        Ok(RotaryTableCall {
            geometry: RotaryTableGeometry::new(&self.attributes, positions, frequencies)?,
            amplitude: self.attributes.amplitude.into(),
            run: T::variant(
                self.level,
                self.attributes.precise,
                self.attributes.amplitude != 1.0,
            ),
        })
    }

    /// `cos` and `sin`, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`RotaryTableKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<P: Position, T: WithPositions<P>>(
        &self,
        positions: (&[P], &[usize]),
        frequencies: (&[f64], &[usize]),
        cos: &mut [T],
        sin: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<P, T>(positions.1, frequencies.1)?;
        check_size("positions", positions)?;
        check_size("frequencies", frequencies)?;
        check_size("cos", (cos, call.output_shape()))?;
        check_size("sin", (sin, call.output_shape()))?;
        let typed = T::frequencies(frequencies.0);
        // SAFETY: slices have the sizes of the shapes, and `cos` and `sin` are borrowed alone.
        unsafe {
            call.rows(
                positions.0.as_ptr(),
                typed.as_ptr(),
                (cos.as_mut_ptr(), sin.as_mut_ptr()),
                0..call.row_count(),
            )
        };
        Ok(())
    }
}

impl<P, T: OfAngles> RotaryTableCall<P, T> {
    /// Shape of cos and of sin.
    pub fn output_shape(&self) -> &[usize] {
        self.geometry.output_shape()
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.geometry.rows
    }

    /// A good number of rows for one task.
    pub fn task_rows(&self) -> usize {
        (TASK_ANGLES / self.geometry.width.max(1)).max(1)
    }

    /// The rows `range` of cos and sin, by frequencies as [`OfAngles::frequencies`] gives them.
    ///
    /// # Safety
    /// The pointers are good for dense tensors of the shapes given to [`RotaryTableKernel::call`] and of
    /// [`RotaryTableCall::output_shape`]. The outputs overlap nothing, and nobody else touches these rows of them meanwhile.
    pub unsafe fn rows(
        &self,
        positions: *const P,
        frequencies: *const T::Arithmetic,
        (cos, sin): (*mut T, *mut T),
        range: Range<usize>,
    ) {
        if self.geometry.width == 0 {
            return;
        }
        let job = Job {
            geometry: &self.geometry,
            amplitude: self.amplitude,
            positions,
            frequencies,
            cos,
            sin,
        };
        // SAFETY: the level was available when the kernel was made. The pointers are good for the shapes of the geometry, as this
        // function's `# Safety` section requires.
        unsafe { (self.run)(&job, range) }
    }
}
