//! One node's kernel: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::backend::{Embedded, RowsFn};
use super::generic::Job;
use crate::angle::{OfAngles, Position, TASK_ANGLES};
use crate::contract::ContractError;
use crate::contract::sinusoidal::{SinusoidalAttributes, SinusoidalGeometry};
use crate::contract::tensor::check_size;
use crate::level::Level;
use std::marker::PhantomData;
use std::ops::Range;

/// Positions that are read at once: the variants of the algorithm are compiled for one type of them.
const CHUNK: usize = 64;

/// A kernel of `SinusoidalEmbedding`.
#[derive(Clone, Copy, Debug)]
pub struct SinusoidalKernel {
    attributes: SinusoidalAttributes,
    level: Level,
}

/// A call with checked shapes, cut into rows that can be done in any order and at the same time.
pub struct SinusoidalCall<P, T: OfAngles> {
    geometry: SinusoidalGeometry,
    attributes: SinusoidalAttributes,
    run: RowsFn<T>,
    positions: PhantomData<P>,
}

impl SinusoidalKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: SinusoidalAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: SinusoidalAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call.
    ///
    /// # Errors
    /// Those of [`SinusoidalGeometry::new`].
    pub fn call<P: Position, T: Embedded>(
        &self,
        positions: &[usize],
        frequencies: &[usize],
    ) -> Result<SinusoidalCall<P, T>, ContractError> {
        let attributes = self.attributes;
        Ok(SinusoidalCall {
            geometry: SinusoidalGeometry::new(&attributes, positions, frequencies)?,
            run: T::variant(
                self.level,
                attributes.precise,
                attributes.amplitude != 1.0,
                attributes.interleaved,
            ),
            attributes,
            positions: PhantomData,
        })
    }

    /// The embedding, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`SinusoidalKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<P: Position, T: Embedded>(
        &self,
        positions: (&[P], &[usize]),
        frequencies: (&[f64], &[usize]),
        embedding: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<P, T>(positions.1, frequencies.1)?;
        check_size("positions", positions)?;
        check_size("frequencies", frequencies)?;
        check_size("embedding", (embedding, call.output_shape()))?;
        let typed = T::frequencies(frequencies.0);
        // SAFETY: slices have the sizes of the shapes, and `embedding` is borrowed alone.
        unsafe {
            call.rows(
                positions.0.as_ptr(),
                typed.as_ptr(),
                embedding.as_mut_ptr(),
                0..call.row_count(),
            )
        };
        Ok(())
    }
}

impl<P: Position, T: Embedded> SinusoidalCall<P, T> {
    /// Shape of the embedding.
    pub fn output_shape(&self) -> &[usize] {
        self.geometry.output_shape()
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.geometry.rows
    }

    /// A good number of rows for one task.
    pub fn task_rows(&self) -> usize {
        (TASK_ANGLES / self.geometry.used.max(1)).max(1)
    }

    /// The rows `range` of the embedding, by frequencies as [`OfAngles::frequencies`] gives them.
    ///
    /// # Safety
    /// The pointers are good for dense tensors of the shapes given to [`SinusoidalKernel::call`] and of
    /// [`SinusoidalCall::output_shape`]. The embedding overlaps nothing, and nobody else touches these rows of it meanwhile.
    pub unsafe fn rows(
        &self,
        positions: *const P,
        frequencies: *const T::Arithmetic,
        embedding: *mut T,
        range: Range<usize>,
    ) {
        let SinusoidalGeometry { width, .. } = self.geometry;
        if width == 0 {
            return;
        }
        let precise = self.attributes.precise;
        let padding = self.attributes.padding_position.map(|p| p as f64);
        let mut buffer = [0f64; CHUNK];
        let mut row = range.start;
        while row < range.end {
            let mut count = 0;
            let mut padded = false;
            // SAFETY: rows of the range have a position each, and lie in the embedding. The level was available when the kernel
            // was made. All zeros are the zero of every element type.
            unsafe {
                while count < CHUNK && row + count < range.end {
                    let position = *positions.add(row + count);
                    padded = Some(position.to_f64()) == padding;
                    if padded {
                        break;
                    }
                    buffer[count] = T::position(position, precise);
                    count += 1;
                }
                let job = Job {
                    geometry: &self.geometry,
                    cos_first: self.attributes.cos_first,
                    amplitude: self.attributes.amplitude.into(),
                    positions: &buffer[..count],
                    frequencies,
                    embedding: embedding.add(row * width),
                };
                if count != 0 {
                    (self.run)(&job);
                }
                row += count;
                if padded {
                    std::ptr::write_bytes(embedding.add(row * width), 0, width);
                    row += 1;
                }
            }
        }
    }
}
