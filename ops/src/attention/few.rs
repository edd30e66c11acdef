//! Few rows, such as those of one token that is decoded: a part of the keys with all rows that read them.

#![allow(unsafe_code)]

use super::cache::Cache;
use super::job::{Attended, Job, Rows};
use super::room;
use super::state::{HEAD, clear, join};
use super::streamed;
use super::stretch::{PLACES, STRETCH};
use crate::simd::Element;
use std::ops::Range;

/// Most rows that are done this way.
pub(super) const MOST_ROWS: usize = 8;

/// Room for what is known of the rows that an item is about.
struct Room<'a, N> {
    /// The queries times the scale; every row filled up to whole vectors with zeros.
    queries: &'a mut [N],
    /// Scores, then their exponentials.
    scores: &'a mut [N],
    states: &'a mut [N],
    /// States of a single stretch.
    others: &'a mut [N],
}

/// Numbers that the parts of a call leave for the end.
pub(super) fn partial_size(heads: usize, parts: usize, rows: usize, values: usize) -> usize {
    heads * parts * rows * (HEAD + values)
}

/// The items `range` of a job, each a part of the keys of a key head.
///
/// # Safety
/// The pointers of `job` are good for what its geometry says, and nobody else touches what the items write meanwhile.
pub(super) unsafe fn items<T: Attended>(job: &Job<'_, T>, parts: usize, range: Range<usize>) {
    with_room(job, |room| {
        for item in range {
            let (head, part) = (item / parts, item % parts);
            let rows = rows_of(job, head);
            let keys = job.promised(&rows);
            let at = |part: usize| keys.start + keys.len() * part / parts;
            // SAFETY: this function's `# Safety` section is that of the functions called; partial states are of this item alone.
            unsafe {
                if part == 0 {
                    copy(job, &rows, 0..keys.start);
                }
                if part + 1 == parts {
                    copy(job, &rows, keys.end..job.geometry.keys);
                }
                scaled(job, &rows, room);
                summed(job, &rows, at(part)..at(part + 1), true, room);
                if parts == 1 {
                    finish(job, &rows, &keys, room);
                } else {
                    let to = job.partial(head, part, parts);
                    std::ptr::copy_nonoverlapping(room.states.as_ptr(), to, room.states.len());
                }
            }
        }
        streamed::finish();
    });
}

/// What is left when all items of a job are done: the parts of each key head put together.
///
/// # Safety
/// As [`items`].
pub(super) unsafe fn rest<T: Attended>(job: &Job<'_, T>, parts: usize) {
    let size = job.state_size();
    with_room(job, |room| {
        for head in 0..job.geometry.batch * job.geometry.key_heads {
            let rows = rows_of(job, head);
            room.states.chunks_mut(size).for_each(clear);
            for part in 0..parts {
                // SAFETY: the items have left states of this size.
                let others = unsafe {
                    let from = job.partial(head, part, parts);
                    std::slice::from_raw_parts(from.cast_const(), room.states.len())
                };
                for (state, other) in room.states.chunks_mut(size).zip(others.chunks(size)) {
                    join(state, other);
                }
            }
            // SAFETY: this function's `# Safety` section is that of the functions called.
            unsafe {
                scaled(job, &rows, room);
                finish(job, &rows, &job.promised(&rows), room);
            }
        }
    });
}

impl<T: Attended> Job<'_, T> {
    /// Numbers of the state of a row.
    pub(super) fn state_size(&self) -> usize {
        HEAD + self.geometry.values
    }

    /// Where the states for one part of the keys of a key head are.
    fn partial(&self, head: usize, part: usize, parts: usize) -> *mut T::Number {
        let size = self.shared() * self.state_size();
        self.partials.wrapping_add((head * parts + part) * size)
    }
}

fn rows_of<T: Attended>(job: &Job<'_, T>, head: usize) -> Rows {
    Rows {
        batch: head / job.geometry.key_heads,
        key_head: head % job.geometry.key_heads,
        first: 0,
        count: job.shared(),
    }
}

/// Calls `work` with room for the rows of a key head.
fn with_room<T: Attended>(job: &Job<'_, T>, work: impl FnOnce(&mut Room<'_, T::Number>)) {
    let rows = job.shared();
    let counts = [
        rows * job.geometry.channels.next_multiple_of(job.numbers.lanes),
        rows * PLACES,
        rows * job.state_size(),
        rows * job.state_size(),
    ];
    room::with(counts, |[queries, scores, states, others]| {
        queries.fill(T::Number::ZERO);
        work(&mut Room {
            queries,
            scores,
            states,
            others,
        });
    });
}

/// Fills `room` with the queries times the scale.
///
/// # Safety
/// As [`items`].
unsafe fn scaled<T: Attended>(job: &Job<'_, T>, rows: &Rows, room: &mut Room<'_, T::Number>) {
    let channels = job.geometry.channels;
    let width = channels.next_multiple_of(job.numbers.lanes);
    let scale = job.attributes.scale.into();
    for row in 0..rows.count {
        // SAFETY: the row of `q`, and that of the room, which is as long or longer.
        unsafe {
            let from = job.q.add(job.row_start(rows, row, channels));
            let to = room.queries.as_mut_ptr().add(row * width);
            (job.elements.read)(from, to, channels, scale);
        }
    }
}

/// Copies these keys and values from where they are cached, if they are.
///
/// # Safety
/// As [`items`].
unsafe fn copy<T: Attended>(job: &Job<'_, T>, rows: &Rows, keys: Range<usize>) {
    for cache in job.caches.iter().flatten() {
        // SAFETY: this function's `# Safety` section is that of the function called.
        unsafe { cache.copy(job.head(rows), keys.clone(), true) };
    }
}

/// The end of a stretch that begins with key `start`: no key that is cached is in one with a key that is not.
fn stretch_end<T: Attended>(job: &Job<'_, T>, start: usize) -> usize {
    let ends = job.caches.iter().flatten().map(Cache::past);
    let ends = ends.filter(|&past| past > start);
    ends.fold(start + STRETCH, usize::min)
}

/// The states of all rows after `keys`; with `first` these have not been read before.
///
/// # Safety
/// As [`items`].
unsafe fn summed<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    keys: Range<usize>,
    first: bool,
    room: &mut Room<'_, T::Number>,
) {
    let size = job.state_size();
    let Room {
        queries,
        scores,
        states,
        others,
    } = room;
    states.chunks_mut(size).for_each(clear);
    let mut start = keys.start;
    while start < keys.end {
        let some = start..stretch_end(job, start).min(keys.end);
        let is_first = start == keys.start;
        let to = if is_first { &mut *states } else { &mut *others };
        // SAFETY: this function's `# Safety` section is that of the functions called; the room is as large as it says.
        unsafe {
            if first {
                copy(job, rows, some.clone());
            }
            (job.elements.stretch)(job, rows, some.clone(), (queries, scores), to);
        }
        if !is_first {
            for (state, other) in states.chunks_mut(size).zip(others.chunks(size)) {
                join(state, other);
            }
        }
        start = some.end;
    }
}

/// Writes the rows of `y` from their states after `keys`, which are those promised visible.
///
/// # Safety
/// As [`items`].
unsafe fn finish<T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    keys: &Range<usize>,
    room: &mut Room<'_, T::Number>,
) {
    let (size, all) = (job.state_size(), 0..job.geometry.keys);
    let blind = |state: &[T::Number]| job.is_blind(state[0].into());
    if *keys != all && room.states.chunks(size).any(blind) {
        // SAFETY: this function's `# Safety` section is that of the function called.
        unsafe { summed(job, rows, all, false, room) };
    }
    for (row, state) in room.states.chunks(size).enumerate() {
        // SAFETY: the row is one of these, and the state has as many values.
        unsafe { job.write_row(rows, row, state[HEAD..].as_ptr(), state[1].into()) };
    }
}
