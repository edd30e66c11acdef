//! The walk over a bias, for any function of the distance.
//!
//! Where keys are consecutive, the values along a row are those of consecutive distances. Where queries are consecutive as well,
//! the next row is the same, moved by one: `rows + columns - 1` values make a whole tile. They are computed once into a *window* on
//! the stack, and every row is copied out of it. Elsewhere rows are computed where they belong, a block of them at a time: what all
//! heads share is computed once, and each head's part of the block is then written in one go.

#![allow(unsafe_code)]

use super::plan::{MOST_ROWS, Plan};
use super::source::Source;
use crate::contract::relative::{Integer, consecutive, distance, next_run};
use crate::simd::{Blocks, Element, copy};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Most columns of a tile: some kilobytes of a row.
const MOST_COLUMNS: usize = 1024;

/// Fewest consecutive keys that are worth a window.
const LEAST_RUN: usize = 16;

/// Marks of a block; at least those of a row, and few enough for the first cache.
const BLOCK: usize = 4 * MOST_COLUMNS;

/// Most rows of a block.
const BLOCK_ROWS: usize = 32;

/// Distances in a tile.
const WINDOW: usize = MOST_ROWS + MOST_COLUMNS;

/// One call, as a kernel sees it. `bias` overlaps nothing.
pub(super) struct Job<'a, I, T, F> {
    pub(super) plan: &'a Plan,
    pub(super) query_positions: *const I,
    pub(super) key_positions: *const I,
    pub(super) source: F,
    pub(super) bias: *mut T,
}

impl<'a, I, T, F> Job<'a, I, T, F> {
    /// The same with another source.
    pub(super) fn with<G>(&self, source: G) -> Job<'a, I, T, G> {
        Job {
            plan: self.plan,
            query_positions: self.query_positions,
            key_positions: self.key_positions,
            source,
            bias: self.bias,
        }
    }
}

/// The items `range` of a job.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its plan says and the source has all its
/// heads; nobody else touches these items of `bias` meanwhile.
#[inline(always)]
pub(super) unsafe fn items<S, I, T, F>(job: &Job<'_, I, T, F>, range: Range<usize>)
where
    S: Blocks,
    I: Integer,
    T: Element,
    F: Source<T>,
{
    let heads = job.plan.geometry.heads;
    let mut next = range.start;
    while next < range.end {
        let (band, first) = (next / heads, next % heads);
        let count = (heads - first).min(range.end - next);
        // SAFETY: the job is good for its items, as this function's `# Safety` section requires, and the items from `next` on are
        // these heads of the band.
        unsafe {
            if job.plan.stream {
                Band::new(job, band, first..first + count).run::<S, true>();
            } else {
                Band::new(job, band, first..first + count).run::<S, false>();
            }
        }
        next += count;
    }
    if job.plan.stream {
        // SAFETY: a fence touches no memory, and this function's `# Safety` section says that the processor has the instructions of
        // `S`.
        unsafe { S::fence() };
    }
}

/// Rows of one batch, for some heads.
struct Band<'a, I, T, F> {
    source: &'a F,
    queries: &'a [I],
    keys: &'a [I],
    heads: Range<usize>,
    /// The first element of the first row of head 0.
    bias: *mut T,
    /// Elements from a head to the next.
    head_step: usize,
}

impl<'a, I: Integer, T: Element, F: Source<T>> Band<'a, I, T, F> {
    /// # Safety
    /// As [`items`].
    #[inline(always)]
    unsafe fn new(job: &'a Job<'_, I, T, F>, band: usize, heads: Range<usize>) -> Self {
        let plan = job.plan;
        let g = &plan.geometry;
        let (batch, band) = (band / plan.bands, band % plan.bands);
        let first = band * plan.band_rows;
        let rows = plan.band_rows.min(g.queries - first);
        let head_step = g.queries * g.keys;
        // SAFETY: the batch has these rows of queries, and these keys.
        unsafe {
            Self {
                source: &job.source,
                queries: std::slice::from_raw_parts(
                    job.query_positions.add(batch * g.query_step + first),
                    rows,
                ),
                keys: std::slice::from_raw_parts(job.key_positions.add(batch * g.key_step), g.keys),
                heads,
                bias: job.bias.add(batch * g.heads * head_step + first * g.keys),
                head_step,
            }
        }
    }

    /// # Safety
    /// As [`items`]; where `STREAM`, a fence is owed.
    #[inline(always)]
    unsafe fn run<S: Blocks, const STREAM: bool>(&self) {
        let mut at = 0;
        while at < self.keys.len() {
            let end = (at + MOST_COLUMNS).min(self.keys.len());
            let run = next_run(&self.keys[at..end], LEAST_RUN);
            // SAFETY: `next_run` stays within the keys, so that the columns lie in the band's rows, which `items` may write.
            unsafe {
                if run.start > 0 {
                    self.apart(0..self.queries.len(), at..at + run.start, false);
                }
                self.consecutive::<S, STREAM>(at + run.start..at + run.end);
            }
            at += run.end;
        }
    }

    /// The element of a head in a row and column.
    ///
    /// # Safety
    /// The row, the column and the head exist.
    #[inline(always)]
    unsafe fn at(&self, head: usize, row: usize, column: usize) -> *mut T {
        // SAFETY: this function's `# Safety` section says that the element exists, so that its offset lies within the bias.
        unsafe {
            self.bias
                .add(head * self.head_step + row * self.keys.len() + column)
        }
    }

    /// Columns of consecutive keys, at most [`MOST_COLUMNS`] of them.
    ///
    /// # Safety
    /// As [`Band::run`].
    #[inline(always)]
    unsafe fn consecutive<S: Blocks, const STREAM: bool>(&self, columns: Range<usize>) {
        let keys = &self.keys[columns.clone()];
        if keys.is_empty() {
            return;
        }
        let mut marks = [const { MaybeUninit::uninit() }; WINDOW];
        let mut window = [const { MaybeUninit::<T>::uninit() }; WINDOW];
        let window: *mut T = window.as_mut_ptr().cast();
        let mut row = 0;
        while row < self.queries.len() {
            let rows = consecutive(&self.queries[row..]);
            if rows == 1 {
                let alone = |&row: &usize| consecutive(&self.queries[row..]) == 1;
                let end = row + (row..self.queries.len()).take_while(alone).count();
                // SAFETY: the rows are rows of the band and the columns its own, at most `MOST_COLUMNS`, as for this function.
                unsafe { self.apart(row..end, columns.clone(), true) };
                row = end;
                continue;
            }
            let (first, last) = (self.queries[row], self.queries[row + rows - 1]);
            let Some(lowest) = lowest_of(keys, first, last) else {
                // SAFETY: the rows are rows of the band and the columns its own, at most `MOST_COLUMNS`, as for this function.
                unsafe { self.apart(row..row + rows, columns.clone(), true) };
                row += rows;
                continue;
            };
            let marks = filled(&mut marks[..rows + keys.len() - 1], F::ANY);
            // SAFETY: the window has a value for each distance of the rows and keys. The last row starts with the lowest of them,
            // each row before it one further on.
            unsafe {
                let varied = self.source.marks(lowest, marks);
                for head in self.heads.clone() {
                    self.spread(head, marks, varied.clone(), window);
                    for i in 0..rows {
                        let from = window.add(rows - 1 - i);
                        let to = self.at(head, row + i, columns.start);
                        copy::<S, T, STREAM>(from, to, keys.len());
                    }
                }
            }
            row += rows;
        }
    }

    /// The values of all `marks`. Those outside of `varied` equal the nearest one within.
    ///
    /// # Safety
    /// As [`Source::values`] and [`Source::marks`].
    #[inline(always)]
    unsafe fn spread(&self, head: usize, marks: &[F::Mark], varied: Range<usize>, to: *mut T) {
        // SAFETY: `to` has a place for each mark, as `Source::values` requires, and `varied` lies within the marks and is not
        // empty, as `Source::marks` promises.
        unsafe {
            self.source
                .values(head, &marks[varied.clone()], to.add(varied.start));
            fill(to, varied.start, *to.add(varied.start));
            fill(
                to.add(varied.end),
                marks.len() - varied.end,
                *to.add(varied.end - 1),
            );
        }
    }

    /// Rows that have nothing to do with each other, in at least one and at most [`MOST_COLUMNS`] columns; `rising`: the keys are
    /// consecutive.
    ///
    /// # Safety
    /// As [`Band::run`].
    #[inline(always)]
    unsafe fn apart(&self, rows: Range<usize>, columns: Range<usize>, rising: bool) {
        let keys = &self.keys[columns.clone()];
        let width = keys.len();
        let most = (BLOCK / width).min(BLOCK_ROWS);
        let mut marks = [const { MaybeUninit::uninit() }; BLOCK];
        let mut varied = [(0, 0); BLOCK_ROWS];
        let mut row = rows.start;
        while row < rows.end {
            let count = most.min(rows.end - row);
            let marks = filled(&mut marks[..count * width], F::ANY);
            // SAFETY: each row has `width` marks of its own; rows and columns lie in the band, so that `Band::at` names elements
            // that `items` may write.
            unsafe {
                for (i, marks) in marks.chunks_exact_mut(width).enumerate() {
                    let query = self.queries[row + i];
                    let lowest = if rising {
                        lowest_of(keys, query, query)
                    } else {
                        None
                    };
                    let part = match lowest {
                        Some(lowest) => self.source.marks(lowest, marks),
                        None => {
                            for (mark, key) in marks.iter_mut().zip(keys) {
                                *mark = self.source.mark(distance(query.to_i64(), key.to_i64()));
                            }
                            0..width
                        }
                    };
                    varied[i] = (part.start, part.end);
                }
                for head in self.heads.clone() {
                    for (i, marks) in marks.chunks_exact(width).enumerate() {
                        let (start, end) = varied[i];
                        let to = self.at(head, row + i, columns.start);
                        self.spread(head, marks, start..end, to);
                    }
                }
            }
            row += count;
        }
    }
}

/// The lowest distance of consecutive keys from consecutive queries, if `i64` holds all of them.
#[inline(always)]
fn lowest_of<I: Integer>(keys: &[I], first_query: I, last_query: I) -> Option<i64> {
    let (first, last) = (keys.first()?, keys.last()?);
    last.to_i64().checked_sub(first_query.to_i64())?;
    first.to_i64().checked_sub(last_query.to_i64())
}

/// The buffer with `value` in all places. Callers pass only the part that they use; an array would be written as a whole.
#[inline(always)]
fn filled<M: Copy>(buffer: &mut [MaybeUninit<M>], value: M) -> &mut [M] {
    for place in &mut *buffer {
        place.write(value);
    }
    // SAFETY: all of it is written.
    unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), buffer.len()) }
}

/// `count` times `value`.
///
/// # Safety
/// `to` is good for as many elements.
#[inline(always)]
unsafe fn fill<T: Copy>(to: *mut T, count: usize, value: T) {
    for i in 0..count {
        // SAFETY: `i` is below `count`, for which this function's `# Safety` section says that `to` is good.
        unsafe { to.add(i).write(value) };
    }
}
