//! Heads of a packed projection, turned where they lie.

#![allow(unsafe_code)]

use super::backend::WithTables;
use super::kernel::RotaryCall;
use crate::contract::ContractError;
use crate::contract::rotary_heads::{RotaryHeadsAttributes, RotaryHeadsGeometry};
use crate::contract::tensor::check_size;
use crate::simd::{Element, Level};

/// A kernel of `RotaryHeads`.
#[derive(Clone, Copy, Debug)]
pub struct RotaryHeadsKernel {
    attributes: RotaryHeadsAttributes,
    level: Level,
}

/// A call with checked shapes.
pub struct RotaryHeadsCall<T, TT> {
    /// The shape of `Y`.
    pub output: [usize; 4],
    /// Its rows. `y` is no part of `x`.
    pub turning: RotaryCall<T, TT>,
}

impl RotaryHeadsKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: RotaryHeadsAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: RotaryHeadsAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`RotaryHeadsGeometry::new`].
    pub fn call<T: WithTables<TT>, TT: Element>(
        &self,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<RotaryHeadsCall<T, TT>, ContractError> {
        let RotaryHeadsGeometry { output, turning } =
            RotaryHeadsGeometry::new(&self.attributes, x, cos, sin)?;
        Ok(RotaryHeadsCall {
            output,
            turning: RotaryCall::new(self.level, &self.attributes.rotary, turning),
        })
    }

    /// `y` from `x`, on this thread. Slices are dense, in row-major order; each but `y` has a shape.
    ///
    /// # Errors
    /// As [`RotaryHeadsKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<T: WithTables<TT>, TT: Element>(
        &self,
        x: (&[T], &[usize]),
        cos: (&[TT], &[usize]),
        sin: (&[TT], &[usize]),
        y: &mut [T],
    ) -> Result<(), ContractError> {
        let RotaryHeadsCall { output, turning } = self.call::<T, TT>(x.1, cos.1, sin.1)?;
        check_size("X", x)?;
        check_size("cos", cos)?;
        check_size("sin", sin)?;
        check_size("Y", (&*y, &output))?;
        // SAFETY: slices have the sizes of the shapes, and `y` is borrowed alone.
        unsafe {
            turning.rows(
                x.0.as_ptr(),
                cos.0.as_ptr(),
                sin.0.as_ptr(),
                y.as_mut_ptr(),
                0..turning.row_count(),
            )
        };
        Ok(())
    }
}
