//! The algorithm, over any vector set.
//!
//! Neighbouring columns mostly lie near each other, and often all in one vector of the row, which is loaded once and permuted; else
//! they are read one by one. What does not fill a vector is done with the one before, which it overlaps.

#![allow(unsafe_code)]

use super::tile::{Entries, Tile, is_shifted, tile_sides};
use crate::contract::relative::Integer;
use crate::contract::relative_gather::RelativeGatherGeometry;
use crate::simd::words::{MAX_LANES, Word, Words, transpose};
use std::ops::Range;

/// Keys whose rows are turned together: their parts that one block of queries reads stay in a first cache.
const TURNED_KEYS: usize = 64;

/// One call, as a kernel sees it. `output` overlaps nothing.
pub(super) struct Job<'a, I, W> {
    pub(super) geometry: &'a RelativeGatherGeometry,
    pub(super) cut: Cut,
    /// Read from its end if rows of scores are those of keys.
    pub(super) entries: Entries<'a, I>,
    /// Entries that rise by one.
    pub(super) rising: Range<usize>,
    pub(super) scores: *const W,
    pub(super) query: *const I,
    pub(super) key: *const I,
    pub(super) output: *mut W,
}

/// How the work is cut into items: a block of queries in one matrix. Matrices with the same positions, `shared` of them, are
/// neighbours, and their items for one block too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Queries of a block; the last one may have fewer.
    pub(super) block: usize,
    /// Blocks of a matrix.
    pub(super) blocks: usize,
    /// Neighbouring matrices with the same positions.
    pub(super) shared: usize,
}

/// A row of scores, and where the last whole vector in it begins.
#[derive(Clone, Copy)]
struct Row<W> {
    scores: *const W,
    last: u32,
}

/// The items `range` of a job.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, entries are below its
/// width, and nobody else touches what the items write meanwhile.
#[inline(always)]
pub(super) unsafe fn items<S: Words<W>, I: Integer, W: Word>(
    job: &Job<'_, I, W>,
    range: Range<usize>,
) {
    let Cut {
        block,
        blocks,
        shared,
    } = job.cut;
    let RelativeGatherGeometry { queries, keys, .. } = *job.geometry;
    let mut tile = Tile::new();
    let mut item = range.start;
    while item < range.end {
        let (rest, within) = (item / shared, item % shared);
        let count = (shared - within).min(range.end - item);
        let first = rest / blocks * shared + within;
        let start = rest % blocks * block;
        let end = (start + block).min(queries);
        let matrices = first..first + count;
        for run in job.geometry.matrices.runs(first..first + 1) {
            let [query_row, key_row] = run.table_rows;
            // SAFETY: the rows of positions that the geometry says.
            let (query, key) = unsafe {
                (
                    std::slice::from_raw_parts(
                        job.query.add(query_row * queries + start),
                        end - start,
                    ),
                    std::slice::from_raw_parts(job.key.add(key_row * keys), keys),
                )
            };
            // SAFETY: the caller's.
            unsafe {
                if job.entries.reversed {
                    by_key::<S, I, W>(job, &mut tile, matrices.clone(), start, (query, key));
                } else {
                    by_query::<S, I, W>(job, &mut tile, matrices.clone(), start, (query, key));
                }
            }
        }
        item += count;
    }
}

/// A block of queries, from `start` on, of `matrices`, whose positions are these.
///
/// # Safety
/// As [`items`].
#[inline(always)]
unsafe fn by_query<S: Words<W>, I: Integer, W: Word>(
    job: &Job<'_, I, W>,
    tile: &mut Tile,
    matrices: Range<usize>,
    start: usize,
    (query, key): (&[I], &[I]),
) {
    let RelativeGatherGeometry {
        queries,
        keys,
        width,
        ..
    } = *job.geometry;
    let shifted = is_shifted(query, key);
    let (height, length) = tile_sides(shifted, query.len(), key.len());
    let mut padded = [W::ZERO; MAX_LANES];
    for (r, some_queries) in query.chunks(height).enumerate() {
        for (c, some_keys) in key.chunks(length).enumerate() {
            tile.fill(job.entries, some_queries, some_keys, shifted);
            for matrix in matrices.clone() {
                let first = matrix * queries + start + r * height;
                for (i, query) in some_queries.iter().enumerate() {
                    // SAFETY: the rows are in the block, and the tile was filled for them.
                    unsafe {
                        let row =
                            row::<S, W>(job.scores.add((first + i) * width), width, &mut padded);
                        let to = job.output.add((first + i) * keys + c * length);
                        let columns = tile.row(i);
                        let count = some_keys.len();
                        let copied = if shifted && width >= S::LANES {
                            rising(job, *query, some_keys)
                        } else {
                            0..0
                        };
                        if copied.len() < 2 * S::LANES {
                            pick_all::<S, W>(row, columns, to, count);
                            continue;
                        }
                        let from = *columns.add(copied.start) as usize;
                        let (at, size) = (copied.start, copied.len());
                        std::ptr::copy_nonoverlapping(row.scores.add(from), to.add(at), size);
                        // Whole vectors, as far as there are: what is copied already is written once more.
                        let before = at.next_multiple_of(S::LANES).min(count);
                        if at != 0 {
                            pick_all::<S, W>(row, columns, to, before);
                        }
                        let left = count - copied.end;
                        let at = count - left.next_multiple_of(S::LANES).min(count);
                        if left != 0 {
                            pick_all::<S, W>(row, columns.add(at), to.add(at), count - at);
                        }
                    }
                }
            }
        }
    }
}

/// Which of consecutive `keys` take the table's rising entries.
#[inline(always)]
fn rising<I: Integer, W>(job: &Job<'_, I, W>, query: I, keys: &[I]) -> Range<usize> {
    let Range { start, end } = job.rising;
    // Key `c` takes the entry `c + offset` where there is one; a table's length is below 2^62.
    let offset = keys[0].to_i64().saturating_sub(query.to_i64());
    let offset = offset.saturating_add(job.entries.reach as i64);
    let key_of = |entry: usize| {
        let key = (entry as i64).saturating_sub(offset);
        key.clamp(0, keys.len() as i64) as usize
    };
    key_of(start)..key_of(end)
}

/// [`by_query`] where rows of scores are those of keys.
///
/// # Safety
/// As [`items`].
#[inline(always)]
unsafe fn by_key<S: Words<W>, I: Integer, W: Word>(
    job: &Job<'_, I, W>,
    tile: &mut Tile,
    matrices: Range<usize>,
    start: usize,
    (query, key): (&[I], &[I]),
) {
    let RelativeGatherGeometry {
        queries,
        keys,
        width,
        ..
    } = *job.geometry;
    let shifted = is_shifted(key, query);
    let (height, length) = tile_sides(shifted, key.len(), query.len());
    for (r, some_keys) in key.chunks(height).enumerate() {
        for (c, some_queries) in query.chunks(length).enumerate() {
            tile.fill(job.entries, some_keys, some_queries, shifted);
            for matrix in matrices.clone() {
                let first_key = r * height;
                let first_query = start + c * length;
                // SAFETY: the rows and columns are in the block.
                let (scores, to) = unsafe {
                    (
                        job.scores.add((matrix * keys + first_key) * width),
                        job.output
                            .add((matrix * queries + first_query) * keys + first_key),
                    )
                };
                // SAFETY: as above, and the tile was filled for them.
                unsafe {
                    let sides = (some_keys.len(), some_queries.len());
                    turn::<S, W>(tile, (scores, width), (to, keys), sides);
                }
            }
        }
    }
}

/// What a tile picks from rows that are `width` apart, transposed, to rows that are `stride` apart.
///
/// # Safety
/// As [`items`]; the tile was filled for as many rows and columns.
#[inline(always)]
unsafe fn turn<S: Words<W>, W: Word>(
    tile: &Tile,
    (scores, width): (*const W, usize),
    (to, stride): (*mut W, usize),
    (height, length): (usize, usize),
) {
    // SAFETY: the caller's.
    unsafe {
        if height < S::LANES || length < S::LANES {
            for c in 0..length {
                for r in 0..height {
                    let column = *tile.row(r).add(c) as usize;
                    *to.add(c * stride + r) = *scores.add(r * width + column);
                }
            }
            return;
        }
        let mut padded = [W::ZERO; MAX_LANES];
        let mut square = [W::ZERO; MAX_LANES * MAX_LANES];
        for part in (0..height).step_by(TURNED_KEYS) {
            let part_end = (part + TURNED_KEYS).min(height);
            for c in (0..length).step_by(S::LANES) {
                let c = c.min(length - S::LANES);
                for r in (part..part_end).step_by(S::LANES) {
                    let r = r.min(height - S::LANES);
                    for i in 0..S::LANES {
                        let row = row::<S, W>(scores.add((r + i) * width), width, &mut padded);
                        let columns = tile.row(r + i).add(c);
                        pick::<S, W>(row, columns, square.as_mut_ptr().add(i * S::LANES));
                    }
                    transpose::<W, S>(square.as_ptr(), to.add(c * stride + r), stride);
                }
            }
        }
    }
}

/// The row of `width` words at `scores`; one that does not fill a vector is copied to `padded`.
///
/// # Safety
/// `scores` is good for `width` words.
#[inline(always)]
unsafe fn row<S: Words<W>, W: Word>(
    scores: *const W,
    width: usize,
    padded: &mut [W; MAX_LANES],
) -> Row<W> {
    if width < S::LANES {
        for (i, word) in padded[..width].iter_mut().enumerate() {
            // SAFETY: the caller's.
            *word = unsafe { *scores.add(i) };
        }
        return Row {
            scores: padded.as_ptr(),
            last: 0,
        };
    }
    Row {
        scores,
        // A vector that begins farther back is never needed: columns are below 2^32.
        last: u32::try_from(width - S::LANES).unwrap_or(u32::MAX),
    }
}

/// `count` words of a row, at `columns`.
///
/// # Safety
/// As [`items`]: the row has them, and `to` is good for as many.
#[inline(always)]
unsafe fn pick_all<S: Words<W>, W: Word>(
    row: Row<W>,
    columns: *const u32,
    to: *mut W,
    count: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        if count < S::LANES {
            for i in 0..count {
                *to.add(i) = *row.scores.add(*columns.add(i) as usize);
            }
            return;
        }
        let mut at = 0;
        while at + S::LANES <= count {
            pick::<S, W>(row, columns.add(at), to.add(at));
            at += S::LANES;
        }
        if at < count {
            let at = count - S::LANES;
            pick::<S, W>(row, columns.add(at), to.add(at));
        }
    }
}

/// A vector of words of a row, at `columns`.
///
/// # Safety
/// As [`pick_all`].
#[inline(always)]
unsafe fn pick<S: Words<W>, W: Word>(row: Row<W>, columns: *const u32, to: *mut W) {
    // SAFETY: the caller's.
    unsafe {
        match S::pick(row.scores, row.last, columns) {
            Some(words) => S::store(to, words),
            None => {
                for i in 0..S::LANES {
                    *to.add(i) = *row.scores.add(*columns.add(i) as usize);
                }
            }
        }
    }
}
