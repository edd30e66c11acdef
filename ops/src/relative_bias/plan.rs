//! How a bias is cut into tasks.
//!
//! An item is one head of a band: some rows of one batch, in all columns. Items are numbered with the heads innermost, so that a
//! task of several heads computes what they share only once.

use crate::contract::relative::BiasGeometry;

/// Most rows of a band: enough that the window which short rows share is small beside them.
pub(super) const MOST_ROWS: usize = 256;

/// Fewest rows of a band, unless the bias has fewer.
const FEWEST_ROWS: usize = 16;

/// Bytes of an item: large enough that the window of a band is small beside it.
const ITEM_BYTES: usize = 256 * 1024;

/// Bytes of a task: several heads, so that what they share is cheap beside them.
const TASK_BYTES: usize = 2048 * 1024;

/// A bias of at least this many bytes is written past the caches. Its reader would not find it there anyway if it is as large as
/// the last-level cache; a smaller one stays there, which pays. Measured with a cache of 32 MB.
const STREAM_BYTES: usize = 48 * 1024 * 1024;

/// The items of one bias.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub(super) geometry: BiasGeometry,
    /// Rows of a band; the last one may have fewer.
    pub(super) band_rows: usize,
    /// Bands of a batch.
    pub(super) bands: usize,
    /// Whether it is written past the caches.
    pub(super) stream: bool,
    task_items: usize,
}

impl Plan {
    /// Items for elements of `size` bytes.
    pub(super) fn new(geometry: BiasGeometry, size: usize) -> Self {
        let row_bytes = geometry.keys.saturating_mul(size).max(1);
        let band_rows = (ITEM_BYTES / row_bytes).clamp(FEWEST_ROWS, MOST_ROWS);
        let item_bytes = row_bytes.saturating_mul(band_rows.min(geometry.queries.max(1)));
        let bytes = geometry
            .output_shape()
            .iter()
            .fold(size, |bytes, &axis| bytes.saturating_mul(axis));
        Self {
            geometry,
            band_rows,
            bands: geometry.queries.div_ceil(band_rows),
            stream: bytes >= STREAM_BYTES,
            task_items: (TASK_BYTES / item_bytes).max(1),
        }
    }

    /// Number of items, which can be done in any order and at the same time.
    pub fn items(&self) -> usize {
        if self.geometry.keys == 0 {
            return 0;
        }
        // No more than the bias has rows.
        self.geometry.heads * self.geometry.batch * self.bands
    }

    /// A good number of items for one task.
    pub fn task_items(&self) -> usize {
        self.task_items
    }

    /// Shape of the bias.
    pub fn output_shape(&self) -> [usize; 4] {
        self.geometry.output_shape()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(heads: usize, query: &[usize], key: &[usize], size: usize) -> Plan {
        Plan::new(BiasGeometry::new(heads, query, key).unwrap(), size)
    }

    #[test]
    fn items_cover_the_bias() {
        let p = plan(32, &[1024], &[1024], 4);
        assert_eq!((p.band_rows, p.bands, p.items()), (64, 16, 512));
        assert_eq!((p.task_items(), p.stream), (8, true));
        let p = plan(32, &[2, 1], &[4096], 4);
        assert_eq!((p.bands, p.items(), p.task_items()), (1, 64, 128));
        assert!(!p.stream);
        let p = plan(3, &[130], &[1_000_000], 2);
        assert_eq!((p.band_rows, p.bands, p.task_items()), (16, 9, 1));
    }

    #[test]
    fn empty_ones_have_none() {
        for (heads, query, key) in [(0, 5, 5), (3, 0, 5), (3, 5, 0), (usize::MAX, 0, 0)] {
            assert_eq!(plan(heads, &[query], &[key], 4).items(), 0);
            assert_eq!(plan(heads, &[0, query], &[key], 4).items(), 0);
        }
    }
}
