//! One call, as the kernels see it: its tensors, and what is compiled for each instruction set to work on them.

#![allow(unsafe_code)]

use super::cache::Cache;
use super::panel::Panel;
use super::product::Matrix;
use super::room::Plain;
use crate::contract::attention::{AttentionAttributes, AttentionGeometry, Planes};
use crate::simd::Level;
use crate::simd::softmax::Exponential;
use crate::simd::words::AsWord;
use std::ops::Range;

/// [`super::product::product`]
pub(super) type ProductFn<N> = unsafe fn(Matrix<N>, *const N, *mut N, (usize, usize), bool);

/// [`super::panel::turn`]
type TurnFn<N> = unsafe fn((*const N, usize), (*mut N, usize), (usize, usize));

/// [`super::stretch::stretch`]
type StretchFn<T> = unsafe fn(
    &Job<'_, T>,
    &Rows,
    Range<usize>,
    (&[<T as Attended>::Number], &mut [<T as Attended>::Number]),
    &mut [<T as Attended>::Number],
);

/// What is done to numbers. Of each function the documentation says what the caller has to ensure.
#[derive(Clone, Copy)]
pub(super) struct Numbers<N> {
    /// Numbers of a vector.
    pub(super) lanes: usize,
    /// Products with panels of 1, 2, and the most vectors.
    pub(super) products: [(usize, ProductFn<N>); 3],
    /// [`super::panel::turn`]
    pub(super) turn: TurnFn<N>,
    /// [`super::panel::add`]
    pub(super) add: unsafe fn(*const N, *mut N, usize),
    /// [`super::panel::cap`]
    pub(super) cap: unsafe fn(*mut N, usize, f64),
    /// [`super::panel::weights`]
    pub(super) weights: unsafe fn(Panel<N>, usize, usize),
}

/// What is done to elements. Of each function the documentation says what the caller has to ensure.
#[derive(Clone, Copy)]
pub(super) struct Elements<T: Attended> {
    /// [`super::panel::read`]
    pub(super) read: unsafe fn(*const T, *mut T::Number, usize, f64),
    /// [`super::panel::write`]
    pub(super) write: unsafe fn(*const T::Number, *mut T, usize, f64),
    /// [`super::stretch::stretch`]
    pub(super) stretch: StretchFn<T>,
}

/// Element types for which there are kernels.
#[allow(private_interfaces, private_bounds)]
pub trait Attended: AsWord {
    /// A number of the arithmetic.
    #[doc(hidden)]
    type Number: Computed;

    /// What is done to elements, for a processor with `level`.
    #[doc(hidden)]
    fn elements(level: Level) -> Elements<Self>;
}

/// The numbers of the arithmetic.
pub(super) trait Computed: Exponential + AsWord + Plain {
    /// What is done to numbers, for a processor with `level`.
    fn numbers(level: Level) -> Numbers<Self>;
}

/// One call. `y` and `partials` overlap nothing.
pub(super) struct Job<'a, T: Attended> {
    pub(super) geometry: &'a AttentionGeometry,
    pub(super) attributes: &'a AttentionAttributes,
    pub(super) numbers: Numbers<T::Number>,
    pub(super) elements: Elements<T>,
    pub(super) q: *const T,
    pub(super) k: *const T,
    pub(super) v: *const T,
    /// What `k` and `v` are made of while they are read for the first time; `None` where they are there.
    pub(super) caches: Option<[Cache<T>; 2]>,
    /// `None` where it is zero.
    pub(super) bias: Option<*const T>,
    /// `None` where it is true.
    pub(super) mask: Option<*const u8>,
    pub(super) y: *mut T,
    pub(super) partials: *mut T::Number,
}

/// How the work is cut into items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// All rows of a key head with one of `parts` parts of its keys.
    Few {
        /// Parts, which are combined in the end if there are several.
        parts: usize,
    },
    /// A block of rows with all keys.
    Many {
        /// Rows that follow each other in blocks: those of one head, or of all that share keys.
        span: usize,
        /// Blocks of a span.
        blocks: usize,
    },
}

/// Rows of one key head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// Batch.
    pub(super) batch: usize,
    /// Number of the key head in the batch.
    pub(super) key_head: usize,
    /// The first row: a query of the first head that reads the key head is one of the first `S`, and so on.
    pub(super) first: usize,
    /// Number of rows.
    pub(super) count: usize,
}

impl<T: Attended> Job<'_, T> {
    /// Rows that read one key head.
    pub(super) fn shared(&self) -> usize {
        self.geometry.shared()
    }

    /// Where the elements of row `row` of a tensor like `q` or `y` begin, with `width` elements a row.
    pub(super) fn row_start(&self, rows: &Rows, row: usize, width: usize) -> usize {
        (self.head(rows) * self.shared() + rows.first + row) * width
    }

    /// Number of the key head that the rows read, among those of all batches.
    pub(super) fn head(&self, rows: &Rows) -> usize {
        rows.batch * self.geometry.key_heads + rows.key_head
    }

    /// Where the elements of `keys` begin, and those of their values. Where they come from a cache they have been copied.
    ///
    /// # Safety
    /// The job's pointers are good for what its geometry says.
    pub(super) unsafe fn keys(&self, rows: &Rows, keys: &Range<usize>) -> [*const T; 2] {
        let head = self.head(rows);
        let AttentionGeometry {
            keys: all,
            channels,
            values,
            ..
        } = *self.geometry;
        let first = head * all + keys.start;
        // SAFETY: within the tensors, for which the pointers are good.
        unsafe {
            match self.caches {
                Some(caches) => caches.map(|cache| cache.copied(head, keys)),
                None => [self.k.add(first * channels), self.v.add(first * values)],
            }
        }
    }

    /// Head and query of row `row`.
    pub(super) fn place(&self, rows: &Rows, row: usize) -> (usize, usize) {
        let row = rows.first + row;
        let (head, query) = (row / self.geometry.queries, row % self.geometry.queries);
        (rows.key_head * self.geometry.group() + head, query)
    }

    /// Where the elements of a tensor that broadcasts to the scores begin for row `row`.
    pub(super) fn plane_row(&self, planes: &Planes, rows: &Rows, row: usize) -> usize {
        let (head, query) = self.place(rows, row);
        planes.row(rows.batch, head, query)
    }

    /// The elements of `mask` for these keys of a row that begins at `start`; one for all where `mask` does not tell keys apart.
    ///
    /// # Safety
    /// The job's pointers are good for what its geometry says.
    pub(super) unsafe fn mask_of(
        &self,
        mask: *const u8,
        start: usize,
        keys: &Range<usize>,
    ) -> &[u8] {
        let step = self.geometry.mask.steps[3];
        let count = if step == 0 { 1 } else { keys.len() };
        // SAFETY: the elements that the geometry has for these keys, for which the pointer is good.
        unsafe { std::slice::from_raw_parts(mask.add(start + keys.start * step), count) }
    }

    /// Writes row `row` of `y`, from its weighed values and the sum of the exponentials of its scores.
    ///
    /// # Safety
    /// The job's pointers are good for what its geometry says, and `weighed` for a row of values.
    pub(super) unsafe fn write_row(
        &self,
        rows: &Rows,
        row: usize,
        weighed: *const T::Number,
        sum: f64,
    ) {
        let values = self.geometry.values;
        // SAFETY: the row of `y`, for which the pointer is good.
        unsafe {
            let to = self.y.add(self.row_start(rows, row, values));
            if self.is_zero(sum) {
                std::slice::from_raw_parts_mut(to, values).fill(T::ZERO);
            } else {
                (self.elements.write)(weighed, to, values, 1.0 / sum);
            }
        }
    }
}
