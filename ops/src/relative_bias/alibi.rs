//! One node's kernel of `AlibiBias`: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::backend::{Multiples, SlopesFn, WithIntegers};
use super::generic::Job;
use super::plan::Plan;
use crate::contract::ContractError;
use crate::contract::alibi_bias::{AlibiAttributes, slope_count};
use crate::contract::relative::{BiasGeometry, Integer};
use crate::contract::tensor::check_size;
use crate::simd::{Element, Level};
use std::ops::Range;

/// A kernel of `AlibiBias`.
#[derive(Clone, Copy, Debug)]
pub struct AlibiKernel {
    attributes: AlibiAttributes,
    level: Level,
}

/// A call with checked shapes, cut into items that can be done in any order and at the same time.
pub struct AlibiCall<I, T> {
    plan: Plan,
    absolute: bool,
    run: SlopesFn<I, T>,
}

impl AlibiKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: AlibiAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: AlibiAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`slope_count`] and [`BiasGeometry::new`].
    pub fn call<I: Integer, T: WithIntegers<I>>(
        &self,
        slopes: &[usize],
        query_positions: &[usize],
        key_positions: &[usize],
    ) -> Result<AlibiCall<I, T>, ContractError> {
        let geometry = BiasGeometry::new(slope_count(slopes)?, query_positions, key_positions)?;
        Ok(AlibiCall {
            plan: Plan::new(geometry, size_of::<T>()),
            absolute: self.attributes.absolute,
            run: T::variants(self.level).1,
        })
    }

    /// `bias`, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`AlibiKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<I: Integer, T: WithIntegers<I>>(
        &self,
        slopes: (&[T], &[usize]),
        query_positions: (&[I], &[usize]),
        key_positions: (&[I], &[usize]),
        bias: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<I, T>(slopes.1, query_positions.1, key_positions.1)?;
        check_size("slopes", slopes)?;
        check_size("query_positions", query_positions)?;
        check_size("key_positions", key_positions)?;
        check_size("bias", (bias, &call.plan.output_shape()))?;
        // SAFETY: slices have the sizes of the shapes, and `bias` is borrowed alone.
        unsafe {
            call.items(
                slopes.0.as_ptr(),
                query_positions.0.as_ptr(),
                key_positions.0.as_ptr(),
                bias.as_mut_ptr(),
                0..call.plan.items(),
            )
        };
        Ok(())
    }
}

impl<I: Integer, T: Element> AlibiCall<I, T> {
    /// Its items, and the shape of the bias.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The items `range` of the bias.
    ///
    /// # Safety
    /// The pointers are good for dense tensors of the shapes given to [`AlibiKernel::call`] and of the bias. That overlaps nothing,
    /// and nobody else touches these items of it meanwhile.
    pub unsafe fn items(
        &self,
        slopes: *const T,
        query_positions: *const I,
        key_positions: *const I,
        bias: *mut T,
        range: Range<usize>,
    ) {
        let job = Job {
            plan: &self.plan,
            query_positions,
            key_positions,
            source: Multiples {
                slopes,
                absolute: self.absolute,
            },
            bias,
        };
        // SAFETY: the level was available when the kernel was made. This function's `# Safety` section vouches for the tensors,
        // whose shapes the plan was made of.
        unsafe { (self.run)(&job, range) }
    }
}
