//! Which columns of `scores` a tile of rows reads.

#![allow(unsafe_code)]

use super::lookup::Stretch;
use crate::contract::relative::{Integer, consecutive, distance, slot};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Most entries of a tile: 16 KiB, which leaves room in a first cache for the rows that are read by them.
pub(super) const ENTRIES: usize = 4096;

/// Longest side of a tile.
const SIDE: usize = ENTRIES / 2;

/// Longest side of a tile in which every row has entries of its own.
const OWN_SIDE: usize = ENTRIES / 4;

/// A lookup table, read from its start or from its end.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a, I> {
    /// Of odd length below 2^32; the entries from 0 to below 2^32.
    pub(super) table: &'a [I],
    /// Half of that, rounded down.
    pub(super) reach: usize,
    /// Slots whose entries rise or fall one by one.
    pub(super) stretch: Stretch,
    /// Whether the last entry is for the distance `-reach`.
    pub(super) reversed: bool,
}

impl<I: Integer> Entries<'_, I> {
    /// The entry at `slot`, at most twice the reach.
    #[inline(always)]
    fn at(&self, slot: usize) -> u32 {
        let slot = if self.reversed {
            self.table.len() - 1 - slot
        } else {
            slot
        };
        debug_assert!(slot < self.table.len());
        // SAFETY: below the length, which is one more than twice the reach.
        unsafe { self.table.get_unchecked(slot) }.to_i64() as u32
    }

    /// The entries for distances from `first` on.
    #[inline(always)]
    fn window(&self, first: i64, out: &mut [MaybeUninit<u32>]) {
        // The table has a length, so this is no more than i64 holds; and where `first` was rounded to what i64 holds, all of `out` is
        // beyond the table's end.
        let reach = self.reach as i64;
        let count = out.len() as i64;
        let before = (-reach).saturating_sub(first).clamp(0, count);
        let until = reach
            .saturating_sub(first)
            .saturating_add(1)
            .clamp(0, count);
        let (low, rest) = out.split_at_mut(before as usize);
        let (inside, high) = rest.split_at_mut((until - before) as usize);
        if !low.is_empty() {
            low.fill(MaybeUninit::new(self.at(0)));
        }
        if !high.is_empty() {
            high.fill(MaybeUninit::new(self.at(2 * self.reach)));
        }
        if !inside.is_empty() {
            let start = (first + before + reach) as usize;
            if self.reversed {
                let end = self.table.len() - start;
                let part = &self.table[end - inside.len()..end];
                for (to, entry) in inside.iter_mut().zip(part.iter().rev()) {
                    to.write(entry.to_i64() as u32);
                }
            } else {
                let part = &self.table[start..start + inside.len()];
                for (to, entry) in inside.iter_mut().zip(part) {
                    to.write(entry.to_i64() as u32);
                }
            }
        }
    }
}

/// Room for the entries of a tile. It is separate from the rest, because a compiler may initialise the whole of a struct that has a
/// value in it.
pub(super) type Room = [MaybeUninit<u32>; ENTRIES];

/// The columns that some rows read for some positions.
pub(super) struct Tile<'a> {
    entries: &'a mut Room,
    /// Where the entries of the first row are, and how far those of the next from them.
    start: usize,
    step: isize,
    /// Which columns the first row reads for the stretch, if there were more of them on both sides; those of the next row are
    /// one farther.
    first: i64,
    end: i64,
}

/// Farther from the first column than any column is, and small enough to be added without overflow.
const FAR: i64 = 1 << 60;

/// Whether the entries of a row are those of the row before, moved by one: both kinds of positions are consecutive.
#[inline(always)]
pub(super) fn is_shifted<I: Integer>(rows: &[I], columns: &[I]) -> bool {
    consecutive(rows) == rows.len() && consecutive(columns) == columns.len()
}

/// How many of these rows and positions a tile takes; not 0.
pub(super) fn tile_sides(shifted: bool, rows: usize, columns: usize) -> (usize, usize) {
    if shifted {
        (rows.min(SIDE), columns.min(SIDE))
    } else {
        let columns = columns.min(OWN_SIDE);
        (rows.min(ENTRIES / columns), columns)
    }
}

impl<'a> Tile<'a> {
    #[inline(always)]
    pub(super) fn new(room: &'a mut Room) -> Self {
        Self {
            entries: room,
            start: 0,
            step: 0,
            first: 0,
            end: 0,
        }
    }

    /// Fills it for rows and columns at these positions, no more of either than [`tile_sides`] says, and none empty. `shifted` is
    /// what [`is_shifted`] says of them or of more of them.
    #[inline(always)]
    pub(super) fn fill<I: Integer>(
        &mut self,
        entries: Entries<'_, I>,
        rows: &[I],
        columns: &[I],
        shifted: bool,
    ) {
        let first = columns[0].to_i64();
        if shifted {
            // The last row's come first: its distances are the smallest.
            let last = rows.len() - 1;
            let window = &mut self.entries[..last + columns.len()];
            entries.window(distance(rows[last].to_i64(), first), window);
            (self.start, self.step) = (last, -1);
            // Column `c` of the first row takes the slot `c + offset`.
            let offset = distance(rows[0].to_i64(), first).saturating_add(entries.reach as i64);
            let column_of = |slot: usize| (slot as i64).saturating_sub(offset).clamp(-FAR, FAR);
            let stretch = entries.stretch;
            (self.first, self.end) = (column_of(stretch.start), column_of(stretch.end));
            return;
        }
        (self.start, self.step) = (0, columns.len() as isize);
        (self.first, self.end) = (0, 0);
        let own = self.entries.chunks_exact_mut(columns.len());
        let windows = consecutive(columns) == columns.len();
        for (row, own) in rows.iter().zip(own) {
            let row = row.to_i64();
            if windows {
                entries.window(distance(row, first), own);
            } else {
                // In two steps: the first works on vectors.
                for (to, column) in own.iter_mut().zip(columns) {
                    to.write(slot(distance(row, column.to_i64()), entries.reach) as u32);
                }
                for to in own.iter_mut() {
                    // SAFETY: written above.
                    let slot = unsafe { to.assume_init_read() };
                    to.write(entries.at(slot as usize));
                }
            }
        }
    }

    /// Which of the first `columns` columns of row `row` take entries that rise or fall one by one. None, unless the tile is shifted.
    #[inline(always)]
    pub(super) fn stretch(&self, row: usize, columns: usize) -> Range<usize> {
        let within = |column: i64| (column + row as i64).clamp(0, columns as i64) as usize;
        if self.first == self.end {
            return 0..0;
        }
        within(self.first)..within(self.end)
    }

    /// The entries of row `row` of those it was filled for: as many as it was given columns.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> *const u32 {
        let at = self.start.wrapping_add_signed(row as isize * self.step);
        self.entries[at..].as_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relative_gather::lookup::Lookup;

    /// Entries of a filled tile, row by row.
    fn filled(reversed: bool, table: &[i64], rows: &[i64], columns: &[i64]) -> Vec<u32> {
        let shifted = is_shifted(rows, columns);
        let (r, c) = tile_sides(shifted, rows.len(), columns.len());
        assert_eq!((r, c), (rows.len(), columns.len()), "one tile");
        let lookup = Lookup::of_constant(table, &[table.len()]).unwrap();
        let stretch = lookup.stretch(reversed);
        let entries = Entries {
            table,
            reach: table.len() / 2,
            stretch,
            reversed,
        };
        let mut room = [const { MaybeUninit::uninit() }; ENTRIES];
        let mut tile = Tile::new(&mut room);
        tile.fill(entries, rows, columns, shifted);
        for row in 0..rows.len() {
            // SAFETY: the tile was filled for as many columns.
            let read = unsafe { std::slice::from_raw_parts(tile.row(row), columns.len()) };
            let part = &read[tile.stretch(row, columns.len())];
            assert!(part.windows(2).all(|pair| if stretch.falling {
                pair[0] == pair[1] + 1
            } else {
                pair[0] + 1 == pair[1]
            }));
        }
        (0..rows.len())
            .flat_map(|row| {
                let at = tile.row(row);
                // SAFETY: the tile was filled for as many columns.
                (0..columns.len()).map(move |c| unsafe { *at.add(c) })
            })
            .collect()
    }

    #[test]
    fn every_way_of_filling_is_the_formula() {
        let far = [i64::MIN, i64::MAX, 0, -1];
        let end = |count: i64| (0..count).map(|i| i64::MAX - count + 1 + i).collect();
        let lists: [Vec<i64>; 8] = [
            vec![3],
            (0..9).collect(),
            (-20..23).collect(),
            vec![5, 4, 3, 3, 3, 4, 5],
            far.to_vec(),
            end(5),
            (0..5).map(|i| i64::MIN + i).collect(),
            (100..200).collect(),
        ];
        for table in [
            vec![7],
            vec![4, 5, 6],
            (0..41).map(|i| i * i).collect::<Vec<i64>>(),
        ] {
            for (rows, columns) in lists.iter().flat_map(|r| lists.iter().map(move |c| (r, c))) {
                for reversed in [false, true] {
                    let got = filled(reversed, &table, rows, columns);
                    let reach = table.len() / 2;
                    let pairs = rows
                        .iter()
                        .flat_map(|r| columns.iter().map(move |c| (r, c)));
                    for (got, (&row, &column)) in got.into_iter().zip(pairs) {
                        let (q, k) = if reversed {
                            (column, row)
                        } else {
                            (row, column)
                        };
                        let wide = i128::from(k) - i128::from(q);
                        let reach = reach as i128;
                        let expected = table[(wide.clamp(-reach, reach) + reach) as usize];
                        assert_eq!(i64::from(got), expected, "{row} {column} {reversed}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_fit_into_their_place() {
        for (rows, columns) in [(1, 1), (64, 100_000), (100_000, 64), (100_000, 100_000)] {
            let (r, c) = tile_sides(true, rows, columns);
            assert!(r + c - 1 <= ENTRIES && r > 0 && c > 0);
            let (r, c) = tile_sides(false, rows, columns);
            assert!(r * c <= ENTRIES && r > 0 && c > 0);
        }
    }
}
