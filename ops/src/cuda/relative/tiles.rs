//! How planes of queries and keys are cut into tiles.
//!
//! A tile has so many rows that its block looks up little compared with what it writes, and so few that every multiprocessor gets
//! several tiles: one that runs out of work at the end waits for a small part of all.

use super::params::RelativeTiles;
use crate::contract::ContractError;

/// Threads of a block.
const THREADS: u64 = 256;

/// Bytes of an access.
const ACCESS: u64 = 16;

/// Blocks that every multiprocessor gets if there is enough work: four at a time, four times.
const BLOCKS: u64 = 16;

/// Most accesses of a thread where tiles are made row by row.
const STEPS: u64 = 64;

/// Most rows of a tile.
const ROWS: u64 = 512;

/// Bytes that a lookup table may have in shared memory: with them a multiprocessor still holds four blocks.
const STAGED: u64 = 16 * 1024;

/// Threads of a warp: those that are neighbours along a column where tiles are made column by column, and the fewest along a row.
const LANES: u64 = 32;

/// Bytes of shared memory for such a tile.
const EXCHANGE: u64 = 20 * 1024;

/// Planes of a tensor, and their elements.
#[derive(Clone, Copy, Debug)]
pub(in crate::cuda) struct Planes {
    pub(in crate::cuda) count: u64,
    pub(in crate::cuda) queries: u64,
    pub(in crate::cuda) keys: u64,
    /// Bytes of an element.
    pub(in crate::cuda) size: u64,
    /// Address of the tensor.
    pub(in crate::cuda) address: u64,
}

/// The tiles of a launch.
#[derive(Clone, Copy, Debug)]
pub(in crate::cuda) struct Cut {
    /// Number of blocks; each has a tile.
    pub(in crate::cuda) blocks: u32,
    /// Threads of a block.
    pub(in crate::cuda) threads: [u32; 2],
    /// Bytes of shared memory beside the tables.
    pub(in crate::cuda) shared: u32,
    /// Sizes alone.
    pub(in crate::cuda) tiles: RelativeTiles,
}

impl Planes {
    /// Number of elements of an access: 1 where sizes or the address allow no more.
    pub(in crate::cuda) fn vector(&self) -> u64 {
        let whole = ACCESS / self.size;
        if self.address.is_multiple_of(ACCESS) && self.keys.is_multiple_of(whole) {
            whole
        } else {
            1
        }
    }

    /// Tiles for threads that each make neighbours of a row, in as many rows as there are neighbours; `None` where there is nothing
    /// to make.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for more tiles than a launch has blocks.
    pub(in crate::cuda) fn by_rows(&self, processors: u32) -> Result<Option<Cut>, ContractError> {
        if self.is_empty() {
            return Ok(None);
        }
        let vector = self.vector();
        let vectors = self.keys.div_ceil(vector);
        let mut x = vectors.div_ceil(vectors.div_ceil(THREADS));
        let groups = self.queries.div_ceil(vector);
        let y = (THREADS / x).min(groups).min(ROWS / vector);
        // Blocks side by side in a row, so that every multiprocessor gets one.
        let others = self.count.saturating_mul(groups.div_ceil(y)).max(1);
        let wanted = u64::from(processors).div_ceil(others);
        if wanted > vectors.div_ceil(x) {
            x = x.min((vectors / wanted / LANES * LANES).max(LANES));
        }
        let rounds = [vectors.div_ceil(x), groups.div_ceil(y)]
            .iter()
            .fold(self.count, |n, m| n.saturating_mul(*m));
        let loops = share(rounds, processors)
            .min(STEPS / vector)
            .min(ROWS / (vector * y))
            .min(groups.div_ceil(y));
        self.cut([x, y], [vector * y * loops, x * vector], 0)
    }

    /// The same for threads that make neighbours of a column, and exchange them before they are stored.
    ///
    /// # Errors
    /// As [`Planes::by_rows`].
    pub(in crate::cuda) fn by_columns(
        &self,
        processors: u32,
    ) -> Result<Option<Cut>, ContractError> {
        if self.is_empty() {
            return Ok(None);
        }
        let vector = self.vector();
        // `Groups` of `relative_gather.cu`.
        let groups = if vector == 1 { 32 } else { 8 };
        let bytes = (groups + 1) * vector * self.size;
        let strips = self.queries.div_ceil(LANES);
        let columns = groups * vector;
        let rounds = [strips, self.keys.div_ceil(columns)]
            .iter()
            .fold(self.count, |n, m| n.saturating_mul(*m));
        let loops = share(rounds, processors)
            .min(4)
            .min(EXCHANGE / (LANES * bytes))
            .min(strips);
        let rows = LANES * loops;
        let x = self.queries.min(LANES);
        let y = self.keys.div_ceil(vector).min(THREADS / LANES);
        self.cut([x, y], [rows, columns], rows * bytes)
    }

    fn is_empty(&self) -> bool {
        [self.count, self.queries, self.keys].contains(&0)
    }

    fn cut(
        &self,
        threads: [u64; 2],
        [rows, columns]: [u64; 2],
        shared: u64,
    ) -> Result<Option<Cut>, ContractError> {
        let (row_tiles, column_tiles) = (self.queries.div_ceil(rows), self.keys.div_ceil(columns));
        let blocks = self
            .count
            .checked_mul(row_tiles)
            .and_then(|n| n.checked_mul(column_tiles))
            .and_then(|n| i32::try_from(n).ok());
        let Some(blocks) = blocks else {
            return Err(ContractError::Unsupported(format!(
                "{} planes of {} queries and {} keys are more than one launch takes",
                self.count, self.queries, self.keys
            )));
        };
        Ok(Some(Cut {
            blocks: blocks.cast_unsigned(),
            threads: threads.map(|n| n as u32),
            shared: shared as u32,
            // Counts of tiles are not above that of blocks, sizes not above those at the head of the file.
            tiles: RelativeTiles {
                queries: self.queries,
                keys: self.keys,
                row_tiles: row_tiles as u32,
                column_tiles: column_tiles as u32,
                rows: rows as u32,
                columns: columns as u32,
                ..Default::default()
            },
        }))
    }
}

impl Cut {
    /// Makes the launch look distances up in a table that reaches `reach` to either side; tables in shared memory have entries of
    /// `size` bytes.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for a table that is too large.
    pub(in crate::cuda) fn look_up(
        &mut self,
        reach: usize,
        size: u64,
    ) -> Result<(), ContractError> {
        let reach = reach as u64;
        if reach >= 1 << 31 {
            return Err(ContractError::Unsupported(format!(
                "lut has {} entries, expected fewer than 2^32",
                2 * reach + 1
            )));
        }
        let tiles = &mut self.tiles;
        tiles.reach = reach;
        let entries = 2 * reach + 1;
        let pairs = tiles.queries.min(tiles.rows.into()) * tiles.keys.min(tiles.columns.into());
        if entries * size <= STAGED && entries <= pairs {
            tiles.staged = entries as u32;
        }
        self.keep(size);
        Ok(())
    }

    /// Makes room for tables in shared memory of entries of `size` bytes.
    pub(in crate::cuda) fn keep(&mut self, size: u64) {
        let tiles = &self.tiles;
        let entries = (tiles.rows + tiles.columns).max(tiles.staged);
        self.shared += entries * size as u32;
    }
}

/// How many of the `rounds` that a block can do one after the other it should do.
fn share(rounds: u64, processors: u32) -> u64 {
    rounds.div_ceil((u64::from(processors) * BLOCKS).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes with an aligned address.
    fn planes(count: u64, queries: u64, keys: u64, size: u64) -> Planes {
        Planes {
            count,
            queries,
            keys,
            size,
            address: 1 << 20,
        }
    }

    #[test]
    fn tiles_cover_every_plane_and_fit_a_block() {
        for (count, queries, keys) in [
            (32, 2048, 2048),
            (96, 512, 512),
            (12, 1, 4096),
            (1, 4096, 1),
            (3, 77, 77),
            (1, 70_000, 70_001),
            (1, 100_000, 8),
            (5, 1, 1),
        ] {
            for (size, processors) in [(2, 0), (2, 132), (4, 16), (8, 0), (8, 132)] {
                let planes = planes(count, queries, keys, size);
                let vector = planes.vector();
                for by_rows in [true, false] {
                    let cut = if by_rows {
                        planes.by_rows(processors)
                    } else {
                        planes.by_columns(processors)
                    };
                    let mut cut = cut.unwrap().unwrap();
                    cut.look_up(1024, size.max(4)).unwrap();
                    let (tiles, [x, y]) = (cut.tiles, cut.threads);
                    assert!(x * y <= 256 && x * y > 0, "{planes:?} {cut:?}");
                    assert!(cut.shared <= 48 * 1024, "{planes:?} {cut:?}");
                    let [rows, columns] = [tiles.rows, tiles.columns].map(u64::from);
                    assert_eq!(u64::from(tiles.row_tiles), queries.div_ceil(rows));
                    assert_eq!(u64::from(tiles.column_tiles), keys.div_ceil(columns));
                    assert!(rows.is_multiple_of(vector) && columns.is_multiple_of(vector));
                    if by_rows {
                        // A thread has one place in a row.
                        assert_eq!(columns, u64::from(x) * vector);
                    }
                }
            }
        }
    }

    #[test]
    fn multiprocessors_get_several_tiles_each_of_what_is_large() {
        for size in [2, 4, 8] {
            let bias = planes(32, 2048, 2048, size).by_rows(132).unwrap().unwrap();
            assert!(bias.blocks >= 132 * 12, "{bias:?}");
            // Two lookups per diagonal are few compared with what is stored.
            let [rows, columns] = [bias.tiles.rows, bias.tiles.columns];
            assert!(4 * (rows + columns) <= rows * columns, "{bias:?}");
            for by_rows in [true, false] {
                let scores = planes(96, 512, 512, size);
                let cut = if by_rows {
                    scores.by_rows(132)
                } else {
                    scores.by_columns(132)
                };
                assert!(cut.unwrap().unwrap().blocks >= 132 * 8);
            }
        }
    }

    #[test]
    fn small_biases_get_every_multiprocessor() {
        let decode = planes(32, 1, 2048, 2).by_rows(132).unwrap().unwrap();
        assert_eq!((decode.blocks, decode.threads), (256, [32, 1]));
        let few = planes(2, 1, 64, 2).by_rows(132).unwrap().unwrap();
        assert_eq!((few.blocks, few.threads), (2, [8, 1]));
        let alone = planes(32, 1, 2048, 2).by_rows(16).unwrap().unwrap();
        assert_eq!((alone.blocks, alone.threads), (32, [256, 1]));
    }

    #[test]
    fn whole_accesses_need_whole_rows_and_an_aligned_address() {
        assert_eq!(planes(1, 3, 64, 2).vector(), 8);
        assert_eq!(planes(1, 3, 64, 8).vector(), 2);
        assert_eq!(planes(1, 3, 60, 2).vector(), 1);
        assert_eq!(planes(1, 3, 60, 4).vector(), 4);
        let shifted = Planes {
            address: (1 << 20) + 8,
            ..planes(1, 3, 64, 4)
        };
        assert_eq!(shifted.vector(), 1);
    }

    #[test]
    fn what_is_too_large_or_empty_is_not_launched() {
        for empty in [planes(0, 3, 4, 4), planes(1, 0, 4, 4), planes(1, 3, 0, 4)] {
            assert!(empty.by_rows(1).unwrap().is_none());
            assert!(empty.by_columns(1).unwrap().is_none());
        }
        for planes in [
            planes(1 << 40, 1, 1, 2),
            planes(1 << 40, 1 << 12, 1 << 12, 2),
            planes(u64::MAX, u64::MAX / 2, 1 << 40, 8),
        ] {
            assert!(planes.by_rows(132).is_err());
            assert!(planes.by_columns(132).is_err());
        }
        let mut cut = planes(1, 3, 4, 4).by_rows(1).unwrap().unwrap();
        assert!(cut.look_up(1 << 31, 4).is_err());
    }

    #[test]
    fn lookup_tables_are_staged_where_they_fit_and_pay() {
        let staged = |rows, keys, reach| {
            let mut cut = planes(1, rows, keys, 4).by_rows(0).unwrap().unwrap();
            cut.look_up(reach, 4).unwrap();
            cut.tiles.staged
        };
        assert_eq!(staged(512, 512, 128), 257);
        assert_eq!(staged(512, 512, 2047), 4095);
        assert_eq!(staged(512, 512, 2048), 0);
        assert_eq!(staged(1, 64, 128), 0);
    }
}
