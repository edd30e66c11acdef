//! Two tensors turned by the same tables in one call: the rows of `Q`, then those of `K`.

#![allow(unsafe_code)]

use super::backend::WithTables;
use super::kernel::RotaryCall;
use crate::contract::ContractError;
use crate::contract::rotary::RotaryAttributes;
use crate::contract::rotary_pair::geometries;
use crate::contract::tensor::check_size;
use crate::simd::{Element, Level};
use std::ops::Range;

/// A kernel of `RotaryEmbeddingPair`.
#[derive(Clone, Copy, Debug)]
pub struct RotaryPairKernel {
    attributes: RotaryAttributes,
    level: Level,
}

/// A call with checked shapes, cut into rows that can be done in any order and at the same time.
pub struct RotaryPairCall<T, TT> {
    q: RotaryCall<T, TT>,
    k: RotaryCall<T, TT>,
}

impl RotaryPairKernel {
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
    /// Those of [`geometries`].
    pub fn call<T: WithTables<TT>, TT: Element>(
        &self,
        q: &[usize],
        k: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<RotaryPairCall<T, TT>, ContractError> {
        let [q, k] = geometries(&self.attributes, q, k, cos, sin)?
            .map(|geometry| RotaryCall::new(self.level, &self.attributes, geometry));
        Ok(RotaryPairCall { q, k })
    }

    /// Turns `q` and `k` where they are, on this thread. Slices are dense, in row-major order; each has a shape.
    ///
    /// # Errors
    /// As [`RotaryPairKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run_in_place<T: WithTables<TT>, TT: Element>(
        &self,
        q: (&mut [T], &[usize]),
        k: (&mut [T], &[usize]),
        cos: (&[TT], &[usize]),
        sin: (&[TT], &[usize]),
    ) -> Result<(), ContractError> {
        let call = self.call::<T, TT>(q.1, k.1, cos.1, sin.1)?;
        check_size("Q", (&*q.0, q.1))?;
        check_size("K", (&*k.0, k.1))?;
        check_size("cos", cos)?;
        check_size("sin", sin)?;
        let (q, k) = (q.0.as_mut_ptr(), k.0.as_mut_ptr());
        let tables = (cos.0.as_ptr(), sin.0.as_ptr());
        // SAFETY: slices have the sizes of the shapes, and `q` and `k` are borrowed alone.
        unsafe {
            call.rows(
                (q.cast_const(), q),
                (k.cast_const(), k),
                tables,
                0..call.row_count(),
            )
        };
        Ok(())
    }
}

impl<T, TT> RotaryPairCall<T, TT> {
    /// Number of rows of both.
    pub fn row_count(&self) -> usize {
        // The sum saturates only where the tensors are empty: rows with elements would not fit in memory.
        self.q.row_count().saturating_add(self.k.row_count())
    }

    /// A good number of rows for one task.
    pub fn task_rows(&self) -> usize {
        self.q.task_rows().min(self.k.task_rows())
    }

    /// The rows `range`: those of `Q` first. `q` and `k` are each a tensor and its output.
    ///
    /// # Safety
    /// As [`RotaryCall::rows`], for `q` and for `k`.
    pub unsafe fn rows(
        &self,
        q: (*const T, *mut T),
        k: (*const T, *mut T),
        (cos, sin): (*const TT, *const TT),
        range: Range<usize>,
    ) {
        let border = self.q.row_count();
        // SAFETY: this function's `# Safety` section requires of both tensors what `RotaryCall::rows` does; rows up to `border` are
        // those of `Q`, the ones after it those of `K`.
        unsafe {
            if range.start < border {
                let rows = range.start..range.end.min(border);
                self.q.rows(q.0, cos, sin, q.1, rows);
            }
            if range.end > border {
                let rows = range.start.saturating_sub(border)..range.end - border;
                self.k.rows(k.0, cos, sin, k.1, rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_may_be_cut_anywhere() {
        let (q_shape, k_shape, table) = (&[1, 3, 5, 8], &[2, 5, 8], &[5, 4]);
        let values = |count: usize, seed: usize| -> Vec<f32> {
            (0..count)
                .map(|i| ((i * 37 + seed) % 19) as f32 - 9.0)
                .collect()
        };
        let (q, k) = (values(120, 1), values(80, 2));
        let (cos, sin) = (values(20, 3), values(20, 4));
        let kernel = RotaryPairKernel::new(RotaryAttributes::default());
        let [mut q_whole, mut k_whole] = [q.clone(), k.clone()];
        kernel
            .run_in_place(
                (&mut q_whole, q_shape),
                (&mut k_whole, k_shape),
                (&cos, table),
                (&sin, table),
            )
            .unwrap();
        let call = kernel
            .call::<f32, f32>(q_shape, k_shape, table, table)
            .unwrap();
        for size in [1, 2, 7, 14, 15, 16, 25] {
            let [mut yq, mut yk] = [vec![0f32; q.len()], vec![0f32; k.len()]];
            for start in (0..call.row_count()).step_by(size) {
                // SAFETY: the tensors have the shapes of the call, and the outputs overlap nothing.
                unsafe {
                    call.rows(
                        (q.as_ptr(), yq.as_mut_ptr()),
                        (k.as_ptr(), yk.as_mut_ptr()),
                        (cos.as_ptr(), sin.as_ptr()),
                        start..(start + size).min(call.row_count()),
                    )
                };
            }
            assert_eq!((&yq, &yk), (&q_whole, &k_whole), "tasks of {size}");
        }
    }
}
