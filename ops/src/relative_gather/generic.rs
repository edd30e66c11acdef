//! The algorithm, over any vector set.
//!
//! Where columns rise or fall one by one, a row is copied, or copied from its end. Elsewhere neighbouring columns often lie in one
//! vector of the row, which is loaded once and permuted; else they are read one by one. Words that do not fill a vector are done in
//! one that overlaps the vector before.

#![allow(unsafe_code)]

use super::tile::{ENTRIES, Entries, Tile, is_shifted, tile_sides};
use crate::contract::relative::Integer;
use crate::contract::relative_gather::RelativeGatherGeometry;
use crate::simd::words::{MAX_LANES, Word, Words, transpose};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Keys whose rows are transposed together: few enough that a second-level cache holds the rows, which are read for some queries
/// and then for the next.
const TURNED_KEYS: usize = 128;

/// The same for queries where every key has columns of its own: few enough that a tile has rows for squares.
const OWN_QUERIES: usize = 64;

/// How many rows ahead scores are prefetched.
const AHEAD: usize = 2;

/// Bytes of a cache line, as far as it matters.
const LINE: usize = 64;

/// One call, as a kernel sees it. `output` overlaps nothing.
pub(super) struct Job<'a, I, W> {
    pub(super) geometry: &'a RelativeGatherGeometry,
    pub(super) cut: Cut,
    /// Read from its end if rows of scores are those of keys.
    pub(super) entries: Entries<'a, I>,
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
    /// Whether scores are prefetched: where they come from memory, and processors cannot predict which are next.
    pub(super) ahead: bool,
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
        ..
    } = job.cut;
    let RelativeGatherGeometry { queries, keys, .. } = *job.geometry;
    let mut room = [const { MaybeUninit::uninit() }; ENTRIES];
    let mut tile = Tile::new(&mut room);
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
            // SAFETY: this function's `# Safety` section requires the job's pointers and entries to be good; `query` and `key` are
            // the positions that `matrices` share.
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
    tile: &mut Tile<'_>,
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
    let falling = job.entries.stretch.falling;
    for (r, some_queries) in query.chunks(height).enumerate() {
        for (c, some_keys) in key.chunks(length).enumerate() {
            tile.fill(job.entries, some_queries, some_keys, shifted);
            for matrix in matrices.clone() {
                let first = matrix * queries + start + r * height;
                for i in 0..some_queries.len() {
                    // SAFETY: the rows are in the block, and the tile was filled for them.
                    unsafe {
                        let row = job.scores.add((first + i) * width);
                        let count = some_keys.len();
                        if job.cut.ahead {
                            expect::<S, W>(row.wrapping_add(AHEAD * width), tile.row(i), count);
                        }
                        let row = row_of::<S, W>(row, width, &mut padded);
                        let to = job.output.add((first + i) * keys + c * length);
                        one_row::<S, W>((tile, falling), i, row, to, count);
                    }
                }
            }
        }
    }
}

/// Prefetches the words of `row` between the first of `count` columns and the last, if the last lies before the first. (Processors
/// predict rows that are read from their starts.) `row` need not be a valid row.
///
/// # Safety
/// As [`items`]: there are `count` columns, and at least one.
#[inline(always)]
unsafe fn expect<S: Words<W>, W: Word>(row: *const W, columns: *const u32, count: usize) {
    // SAFETY: this function's `# Safety` section says that there are `count` columns and at least one; a prefetch may name any
    // address.
    unsafe {
        let (first, last) = (*columns as usize, *columns.add(count - 1) as usize);
        for column in (last..first).step_by(LINE / size_of::<W>()) {
            S::prefetch(row.wrapping_add(column));
        }
    }
}

/// `count` words of `row`, which is that of the tile's row `i`. Where the tile has a stretch, columns are `falling` there or
/// rising.
///
/// # Safety
/// As [`items`]: the tile was filled for as many columns, and `to` is good for them.
#[inline(always)]
unsafe fn one_row<S: Words<W>, W: Word>(
    (tile, falling): (&Tile<'_>, bool),
    i: usize,
    row: Row<W>,
    to: *mut W,
    count: usize,
) {
    let columns = tile.row(i);
    // SAFETY: the tile was filled for `count` columns, each of them below the width of `row`, and `to` is good for as many words,
    // as this function's `# Safety` section requires.
    unsafe {
        if count < S::LANES {
            for at in 0..count {
                *to.add(at) = *row.scores.add(*columns.add(at) as usize);
            }
            return;
        }
        // The vectors that lie wholly in the stretch. Its columns all differ, so the row is at least as long.
        let stretch = tile.stretch(i, count);
        let start = stretch.start.next_multiple_of(S::LANES);
        let end = stretch.end - stretch.end % S::LANES;
        let (start, end) = if start < end { (start, end) } else { (0, 0) };
        // Two loops, not a function called twice: that might not be compiled for the caller's instruction set.
        for at in (0..start).step_by(S::LANES) {
            pick::<S, W>(row, columns.add(at), to.add(at));
        }
        if start < end {
            let from = row.scores.add(*columns.add(start) as usize);
            for at in (start..end).step_by(S::LANES) {
                let words = if falling {
                    S::reverse(S::load(from.sub(at - start + S::LANES - 1)))
                } else {
                    S::load(from.add(at - start))
                };
                S::store(to.add(at), words);
            }
        }
        for at in (end..count).step_by(S::LANES) {
            let at = at.min(count - S::LANES);
            pick::<S, W>(row, columns.add(at), to.add(at));
        }
    }
}

/// [`by_query`] where rows of scores are those of keys.
///
/// # Safety
/// As [`items`].
#[inline(always)]
unsafe fn by_key<S: Words<W>, I: Integer, W: Word>(
    job: &Job<'_, I, W>,
    tile: &mut Tile<'_>,
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
    let most_queries = if shifted { query.len() } else { OWN_QUERIES };
    let sides = (key.len().min(TURNED_KEYS), query.len().min(most_queries));
    let (height, length) = tile_sides(shifted, sides.0, sides.1);
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
                    let how = (job.entries.stretch.falling, job.cut.ahead);
                    turn::<S, W>((tile, how), (scores, width), (to, keys), sides);
                }
            }
        }
    }
}

/// What a tile picks from rows that are `width` apart, transposed, to rows that are `stride` apart. Where it has a stretch, columns
/// are `falling` there or rising; `ahead` as in [`Cut`].
///
/// # Safety
/// As [`items`]; the tile was filled for as many rows and columns.
#[inline(always)]
unsafe fn turn<S: Words<W>, W: Word>(
    (tile, (falling, ahead)): (&Tile<'_>, (bool, bool)),
    (scores, width): (*const W, usize),
    (to, stride): (*mut W, usize),
    (height, length): (usize, usize),
) {
    // SAFETY: the tile was filled for `height` rows and `length` columns, as this function's `# Safety` section requires; the
    // strides are those of the tensors that `items` vouches for.
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
        let mut square = [const { MaybeUninit::<W>::uninit() }; MAX_LANES * MAX_LANES];
        let square: *mut W = square.as_mut_ptr().cast();
        // Sizes of tensors that exist.
        let (to_stride, last) = (stride as isize, S::LANES - 1);
        // Writes rows of the output to their ends: a cache holds few lines of each, as rows are often a power of two apart, and
        // writing in parts costs more than reading in parts.
        for c in (0..length).step_by(S::LANES) {
            let c = c.min(length - S::LANES);
            for r in (0..height).step_by(S::LANES) {
                let r = r.min(height - S::LANES);
                let to = to.add(c * stride + r);
                if ahead {
                    for i in r..r + S::LANES {
                        let next = (i + S::LANES) * width + *tile.row(i).add(c) as usize;
                        S::prefetch(scores.wrapping_add(next));
                    }
                }
                // The columns that are of the stretch in all rows of the square.
                let start = tile.stretch(r + last, length).start;
                let end = tile.stretch(r, length).end;
                if start <= c && c + S::LANES <= end {
                    // From a row to the next the columns move by one.
                    let column = *tile.row(r).add(c) as usize;
                    let from = scores.add(r * width + column);
                    if falling {
                        let from = (from.sub(last), width as isize + 1);
                        transpose::<S, W>(from, (to.add(last * stride), -to_stride));
                    } else {
                        transpose::<S, W>((from, width as isize - 1), (to, to_stride));
                    }
                    continue;
                }
                for i in 0..S::LANES {
                    let row = row_of::<S, W>(scores.add((r + i) * width), width, &mut padded);
                    let columns = tile.row(r + i).add(c);
                    pick::<S, W>(row, columns, square.add(i * S::LANES));
                }
                let from = (square.cast_const(), S::LANES as isize);
                transpose::<S, W>(from, (to, to_stride));
            }
        }
    }
}

/// The row of `width` words at `scores`; one that does not fill a vector is copied to `padded`.
///
/// # Safety
/// `scores` is good for `width` words.
#[inline(always)]
unsafe fn row_of<S: Words<W>, W: Word>(
    scores: *const W,
    width: usize,
    padded: &mut [W; MAX_LANES],
) -> Row<W> {
    if width < S::LANES {
        for (i, word) in padded[..width].iter_mut().enumerate() {
            // SAFETY: `i` is below `width`, for which this function's `# Safety` section says that `scores` is good.
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

/// A vector of words of a row, at `columns`.
///
/// # Safety
/// As [`items`]: the row has them, and `to` is good for as many.
#[inline(always)]
unsafe fn pick<S: Words<W>, W: Word>(row: Row<W>, columns: *const u32, to: *mut W) {
    // SAFETY: this function's `# Safety` section says that the row has the `LANES` columns named, and that `to` is good for as many
    // words.
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
