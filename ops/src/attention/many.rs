//! Many rows: blocks of rows in the lanes of vectors, and tiles of keys.
//!
//! Queries are turned once, so that a channel of neighbouring rows is a vector. Scores of a key with all rows are then sums of numbers
//! of the key times such vectors, and the largest score and the sum of each row are vectors too. Weighed values come out turned, and
//! are turned back at the end.

#![allow(unsafe_code)]

use super::hidden::Seen;
use super::job::{Attended, Job, Rows};
use super::panel::Panel;
use super::product::Matrix;
use super::room;
use crate::simd::Element;
use crate::simd::softmax::Exponential;
use std::ops::Range;

/// Rows of a block.
pub(super) const BLOCK: usize = 64;

/// Keys of a tile.
const TILE: usize = 64;

/// Room for a block of rows.
struct Room<'a, N> {
    /// Queries times the scale, then weighed values: a row of channels each. Between that a tile of the bias.
    rows: &'a mut [N],
    /// Queries turned: for every panel of rows a row of its lanes for each channel.
    queries: &'a mut [N],
    /// Weighed values, turned as the queries are.
    weighed: &'a mut [N],
    /// For every row the largest score, and the sum of exponentials.
    largest: [N; BLOCK],
    sums: [N; BLOCK],
    /// Where the elements of `mask` and of `bias` begin for every row.
    mask_rows: [usize; BLOCK],
    bias_rows: [usize; BLOCK],
    /// Scores of a panel with a tile of keys: a row of lanes for each key.
    scores: &'a mut [N],
    /// A tile of the bias, turned as the scores are.
    bias: &'a mut [N],
    /// Keys and values of a tile, where elements are no numbers.
    keys: &'a mut [N],
    values: &'a mut [N],
}

/// Neighbouring rows of a block that are a panel: the first, how many there are, and which of the products is theirs.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    count: usize,
    product: usize,
}

/// A tile of keys: which they are, where their keys and values begin, and what the mask says of them to each row.
struct Tile<'a, N> {
    range: Range<usize>,
    keys: *const N,
    values: *const N,
    seen: &'a [Seen; BLOCK],
}

/// Whether elements are numbers of the arithmetic.
fn is_number<T: Attended>() -> bool {
    T::TYPE == <T::Number as Element>::TYPE
}

/// Calls `work` with room for a block.
fn with_room<T: Attended>(job: &Job<'_, T>, work: impl FnOnce(&mut Room<'_, T::Number>)) {
    let (channels, values) = (job.geometry.channels, job.geometry.values);
    let biased = if job.bias.is_some() { TILE } else { 0 };
    let converted = if is_number::<T>() { 0 } else { TILE };
    let counts = [
        BLOCK * channels.max(values).max(biased),
        BLOCK * channels,
        BLOCK * values,
        BLOCK * TILE,
        BLOCK * biased,
        converted * channels,
        converted * values,
    ];
    room::with(
        counts,
        |[rows, queries, weighed, scores, bias, keys, values]| {
            work(&mut Room {
                rows,
                queries,
                weighed,
                largest: [T::Number::ZERO; BLOCK],
                sums: [T::Number::ZERO; BLOCK],
                mask_rows: [0; BLOCK],
                bias_rows: [0; BLOCK],
                scores,
                bias,
                keys,
                values,
            });
        },
    );
}

/// The items `range` of a job, each a block of rows.
///
/// # Safety
/// The pointers of `job` are good for what its geometry says, and nobody else touches what the items write meanwhile.
pub(super) unsafe fn items<T: Attended>(
    job: &Job<'_, T>,
    (span, blocks): (usize, usize),
    range: Range<usize>,
) {
    let spans = job.shared() / span;
    with_room(job, |room| {
        for item in range {
            // Heads that share keys do the same block one after another: they read the same keys, and mostly the same mask.
            let (rest, part) = (item / spans, item % spans);
            let (head, block) = (rest / blocks, rest % blocks);
            let first = block * BLOCK;
            let rows = Rows {
                batch: head / job.geometry.key_heads,
                key_head: head % job.geometry.key_heads,
                first: part * span + first,
                count: (span - first).min(BLOCK),
            };
            // SAFETY: this function's `# Safety` section is that of the function called.
            unsafe {
                if !attended(job, &rows, true, room) {
                    attended(job, &rows, false, room);
                }
            }
        }
    });
}

/// Writes the rows of `y` for a block; with `skip` without keys that are hidden. Whether it has: not if it left out keys, and rows
/// are blind without them.
///
/// # Safety
/// As [`items`].
unsafe fn attended<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    skip: bool,
    room: &mut Room<'_, T::Number>,
) -> bool {
    let all = 0..job.geometry.keys;
    let range = if skip {
        job.promised(rows)
    } else {
        all.clone()
    };
    let mut left_out = range != all;
    room.largest = [T::Number::NEGATIVE_INFINITY; BLOCK];
    room.sums = [T::Number::ZERO; BLOCK];
    room.weighed.fill(T::Number::ZERO);
    for row in 0..rows.count {
        room.mask_rows[row] = job.plane_row(&job.geometry.mask, rows, row);
        room.bias_rows[row] = job.plane_row(&job.geometry.bias, rows, row);
    }
    // SAFETY: this function's `# Safety` section is that of the functions called.
    unsafe {
        turned_queries(job, rows, room);
        let mut seen = [Seen::All; BLOCK];
        let mut start = range.start;
        while start < range.end {
            let keys = start..(start + TILE).min(range.end);
            start = keys.end;
            if seen_of(job, &room.mask_rows[..rows.count], &keys, &mut seen) == Seen::None
                && skip
                && job.may_skip()
            {
                left_out = true;
                continue;
            }
            let (from, to) = tile(job, rows, &keys, room);
            let tile = Tile {
                range: keys,
                keys: from,
                values: to,
                seen: &seen,
            };
            for part in parts(job, rows.count) {
                step(job, part, &tile, room);
            }
        }
        let mut largest = room.largest[..rows.count].iter();
        if left_out && largest.any(|&score| job.is_blind(score.into())) {
            return false;
        }
        for part in parts(job, rows.count) {
            finish(job, rows, part, room);
        }
    }
    true
}

/// The panels of so many rows: the widest, but narrower ones for the last rows.
fn parts<T: Attended>(job: &Job<'_, T>, rows: usize) -> impl Iterator<Item = Part> {
    let (lanes, products) = (job.numbers.lanes, job.numbers.products);
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = rows - first;
        let fits = |vectors: usize| vectors * lanes >= left;
        let product = products.iter().position(|&(vectors, _)| fits(vectors));
        let product = product.unwrap_or(products.len() - 1);
        let part = Part {
            first,
            count: left.min(products[product].0 * lanes),
            product,
        };
        first += part.count;
        (part.count != 0).then_some(part)
    })
}

impl Part {
    /// Lanes of the panel.
    fn width<T: Attended>(self, job: &Job<'_, T>) -> usize {
        job.numbers.products[self.product].0 * job.numbers.lanes
    }
}

/// Fills the room with turned queries.
///
/// # Safety
/// As [`items`].
unsafe fn turned_queries<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    room: &mut Room<'_, T::Number>,
) {
    let channels = job.geometry.channels;
    // SAFETY: the rows of a block follow each other in `q`, and the room is as large.
    unsafe {
        let from = job.q.add(job.row_start(rows, 0, channels));
        let scale = job.attributes.scale.into();
        (job.elements.read)(from, room.rows.as_mut_ptr(), rows.count * channels, scale);
        for part in parts(job, rows.count) {
            let from = room.rows.as_ptr().add(part.first * channels);
            let to = room.queries.as_mut_ptr().add(part.first * channels);
            let sizes = (part.count, channels);
            (job.numbers.turn)((from, channels), (to, part.width(job)), sizes);
        }
    }
}

/// What the mask says of `keys`, to every row and to all together.
///
/// # Safety
/// As [`items`].
unsafe fn seen_of<T: Attended>(
    job: &Job<'_, T>,
    rows: &[usize],
    keys: &Range<usize>,
    seen: &mut [Seen; BLOCK],
) -> Seen {
    let Some(mask) = job.mask else {
        return Seen::All;
    };
    // SAFETY: this function's `# Safety` section is that of the function called.
    let of = |start| unsafe { Seen::of(job.mask_of(mask, start, keys)) };
    let seen = &mut seen[..rows.len()];
    if job.geometry.mask.one_row() {
        seen.fill(of(rows[0]));
    } else {
        for (seen, &start) in seen.iter_mut().zip(rows) {
            *seen = of(start);
        }
    }
    seen.iter().fold(seen[0], |all, &one| all.and(one))
}

/// Keys and values of a tile as numbers: where they begin.
///
/// # Safety
/// As [`items`].
unsafe fn tile<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    keys: &Range<usize>,
    room: &mut Room<'_, T::Number>,
) -> (*const T::Number, *const T::Number) {
    let (channels, values) = (job.geometry.channels, job.geometry.values);
    // SAFETY: the keys and values that the geometry has, and room for those of a tile.
    unsafe {
        let [k, v] = job.keys(rows, keys);
        if is_number::<T>() {
            return (k.cast(), v.cast());
        }
        let (to_k, to_v) = (room.keys.as_mut_ptr(), room.values.as_mut_ptr());
        (job.elements.read)(k, to_k, keys.len() * channels, 1.0);
        (job.elements.read)(v, to_v, keys.len() * values, 1.0);
        (to_k.cast_const(), to_v.cast_const())
    }
}

/// Adds a tile of keys to what is known of the rows of a panel.
///
/// # Safety
/// As [`items`].
unsafe fn step<T: Attended>(
    job: &Job<'_, T>,
    part: Part,
    tile: &Tile<'_, T::Number>,
    room: &mut Room<'_, T::Number>,
) {
    let (channels, values) = (job.geometry.channels, job.geometry.values);
    let (vectors, product) = job.numbers.products[part.product];
    let (count, width) = (tile.range.len(), part.width(job));
    // SAFETY: the panel lies within the block, the tile has `count` keys, and the room is as large.
    unsafe {
        let panel = Panel {
            vectors,
            scores: room.scores.as_mut_ptr(),
            weighed: room.weighed.as_mut_ptr().add(part.first * values),
            largest: room.largest.as_mut_ptr().add(part.first),
            sums: room.sums.as_mut_ptr().add(part.first),
        };
        let keys = Matrix {
            start: tile.keys,
            row: channels,
            column: 1,
        };
        let queries = room.queries.as_ptr().add(part.first * channels);
        product(keys, queries, panel.scores, (count, channels), false);
        if job.attributes.softcap != 0.0 {
            let bound = job.attributes.softcap.into();
            (job.numbers.cap)(panel.scores, count * width, bound);
        }
        if let Some(bias) = job.bias {
            biased(job, part, (bias, &tile.range), room);
        }
        if let Some(mask) = job.mask {
            masked(job, part, (mask, tile), room);
        }
        (job.numbers.weights)(panel, count, values);
        let values_of_keys = Matrix {
            start: tile.values,
            row: 1,
            column: values,
        };
        product(
            values_of_keys,
            panel.scores,
            panel.weighed,
            (values, count),
            true,
        );
    }
}

/// Adds the bias to scores.
///
/// # Safety
/// As [`items`].
unsafe fn biased<T: Attended>(
    job: &Job<'_, T>,
    part: Part,
    (bias, keys): (*const T, &Range<usize>),
    room: &mut Room<'_, T::Number>,
) {
    let (planes, count) = (&job.geometry.bias, keys.len());
    let width = part.width(job);
    let (as_rows, turned) = (room.rows.as_mut_ptr(), room.bias.as_mut_ptr());
    // SAFETY: elements of the bias for the rows of the panel and for `keys`, and room for a tile of them twice.
    unsafe {
        let to_row = |row: usize| {
            let from = bias.add(room.bias_rows[part.first + row] + keys.start * planes.steps[3]);
            let to = as_rows.add(row * TILE);
            if planes.steps[3] == 0 {
                let one = T::Number::from_f64((*from).to_f64());
                std::slice::from_raw_parts_mut(to, count).fill(one);
            } else {
                (job.elements.read)(from, to, count, 1.0);
            }
        };
        if planes.one_row() {
            to_row(0);
            for key in 0..count {
                let of_key = std::slice::from_raw_parts_mut(turned.add(key * width), width);
                of_key.fill(*as_rows.add(key));
            }
        } else {
            (0..part.count).for_each(to_row);
            (job.numbers.turn)((as_rows, TILE), (turned, width), (part.count, count));
        }
        (job.numbers.add)(turned, room.scores.as_mut_ptr(), count * width);
    }
}

/// Puts `fill` where the mask hides a key.
///
/// # Safety
/// As [`items`].
unsafe fn masked<T: Attended>(
    job: &Job<'_, T>,
    part: Part,
    (mask, tile): (*const u8, &Tile<'_, T::Number>),
    room: &mut Room<'_, T::Number>,
) {
    let scores = room.scores.as_mut_ptr();
    let width = part.width(job);
    let fill = T::Number::from_f64(job.attributes.fill.into());
    let hidden = |bytes: &[u8], key: usize| bytes[key.min(bytes.len() - 1)] == 0;
    // SAFETY: elements of the mask for the rows of the panel and for the keys of the tile, and their scores.
    unsafe {
        if job.geometry.mask.one_row() {
            if tile.seen[0] == Seen::All {
                return;
            }
            let bytes = job.mask_of(mask, room.mask_rows[part.first], &tile.range);
            for key in (0..tile.range.len()).filter(|&key| hidden(bytes, key)) {
                std::slice::from_raw_parts_mut(scores.add(key * width), width).fill(fill);
            }
            return;
        }
        for row in 0..part.count {
            if tile.seen[part.first + row] == Seen::All {
                continue;
            }
            let bytes = job.mask_of(mask, room.mask_rows[part.first + row], &tile.range);
            for key in (0..tile.range.len()).filter(|&key| hidden(bytes, key)) {
                *scores.add(key * width + row) = fill;
            }
        }
    }
}

/// Writes the rows of a panel to `y`.
///
/// # Safety
/// As [`items`].
unsafe fn finish<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    part: Part,
    room: &mut Room<'_, T::Number>,
) {
    let values = job.geometry.values;
    // SAFETY: the panel's weighed values, room for them as rows, and rows of the block.
    unsafe {
        let from = room.weighed.as_ptr().add(part.first * values);
        let to = room.rows.as_mut_ptr();
        let sizes = (values, part.count);
        (job.numbers.turn)((from, part.width(job)), (to, values), sizes);
        for row in 0..part.count {
            let sum = room.sums[part.first + row].into();
            job.write_row(rows, part.first + row, to.add(row * values), sum);
        }
    }
}
