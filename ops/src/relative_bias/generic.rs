//! The walk over a bias, for any function of the distance.
//!
//! Where keys are consecutive the values along a row are those of consecutive distances, and where queries are as well the next row
//! is the same, moved by one: `rows + columns - 1` values make a whole tile. They are computed once into a *window* on the stack,
//! and every row is copied out of it. Where only keys are consecutive, each row is computed where it belongs. For the rest the
//! distances of a row are looked at one by one, once for all heads.

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
        // SAFETY: the caller's; the items are these heads of the band.
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
        // SAFETY: the caller's.
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
            // SAFETY: the caller's; the columns lie in the rows.
            unsafe {
                self.scattered(at..at + run.start);
                self.consecutive::<S, STREAM>(at + run.start..at + run.end);
            }
            at += run.end;
        }
    }

    /// The element of a head in a row and column.
    ///
    /// # Safety
    /// There is one.
    #[inline(always)]
    unsafe fn at(&self, head: usize, row: usize, column: usize) -> *mut T {
        // SAFETY: the caller's.
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
        let [first_key, .., last_key] = keys else {
            return;
        };
        let mut marks = [const { MaybeUninit::uninit() }; WINDOW];
        let mut window = [const { MaybeUninit::<T>::uninit() }; WINDOW];
        let window: *mut T = window.as_mut_ptr().cast();
        let mut row = 0;
        while row < self.queries.len() {
            let rows = consecutive(&self.queries[row..]);
            let (first, last) = (self.queries[row], self.queries[row + rows - 1]);
            let lowest = first_key.to_i64().checked_sub(last.to_i64());
            let highest = last_key.to_i64().checked_sub(first.to_i64());
            let (Some(lowest), Some(_)) = (lowest, highest) else {
                // SAFETY: the caller's.
                unsafe { self.scattered_rows(row..row + rows, columns.clone()) };
                row += rows;
                continue;
            };
            let marks = filled(&mut marks[..rows + keys.len() - 1], F::ANY);
            // SAFETY: the window has a value for each distance of the rows and keys. The last row starts with the lowest of them,
            // each row before it one further on.
            unsafe {
                let varied = self.source.marks(lowest, marks);
                for head in self.heads.clone() {
                    if rows == 1 {
                        let to = self.at(head, row, columns.start);
                        self.spread(head, marks, varied.clone(), to);
                        continue;
                    }
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

    /// The values of all `marks`, of which those outside of `varied` are as their neighbours within.
    ///
    /// # Safety
    /// As [`Source::values`] and [`Source::marks`].
    #[inline(always)]
    unsafe fn spread(&self, head: usize, marks: &[F::Mark], varied: Range<usize>, to: *mut T) {
        // SAFETY: the caller's; `varied` lies within the marks and is not empty.
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

    /// Columns of any keys, at most [`MOST_COLUMNS`] of them.
    ///
    /// # Safety
    /// As [`Band::run`].
    #[inline(always)]
    unsafe fn scattered(&self, columns: Range<usize>) {
        if !columns.is_empty() {
            // SAFETY: the caller's.
            unsafe { self.scattered_rows(0..self.queries.len(), columns) };
        }
    }

    /// [`Band::scattered`] in some of the rows.
    ///
    /// # Safety
    /// As [`Band::run`].
    #[inline(always)]
    unsafe fn scattered_rows(&self, rows: Range<usize>, columns: Range<usize>) {
        let keys = &self.keys[columns.clone()];
        let mut marks = [const { MaybeUninit::uninit() }; MOST_COLUMNS];
        let marks = filled(&mut marks[..keys.len()], F::ANY);
        for row in rows {
            let query = self.queries[row].to_i64();
            // SAFETY: the caller's.
            unsafe {
                for (mark, key) in marks.iter_mut().zip(keys) {
                    *mark = self.source.mark(distance(query, key.to_i64()));
                }
                for head in self.heads.clone() {
                    self.source
                        .values(head, marks, self.at(head, row, columns.start));
                }
            }
        }
    }
}

/// A part of a buffer, with `value` in all places: as much of it as is used, where an array would be written as a whole.
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
        // SAFETY: the caller's.
        unsafe { to.add(i).write(value) };
    }
}
