//! The part of parameters that says what a tile is, field by field as in `cpp/params.h`, which says what they mean: a test compares the two.

use crate::cuda::layout::params;

params! {
    #[derive(Clone, Copy, Debug, Default)]
    pub(in crate::cuda) struct RelativeTiles {
        pub(in crate::cuda) query_positions: u64,
        pub(in crate::cuda) key_positions: u64,
        pub(in crate::cuda) lut: u64,
        pub(in crate::cuda) reach: u64,
        pub(in crate::cuda) queries: u64,
        pub(in crate::cuda) keys: u64,
        pub(in crate::cuda) row_tiles: u32,
        pub(in crate::cuda) column_tiles: u32,
        pub(in crate::cuda) rows: u32,
        pub(in crate::cuda) columns: u32,
        pub(in crate::cuda) wide: u32,
        pub(in crate::cuda) staged: u32,
    }
}

const _: () = assert!(size_of::<RelativeTiles>() == 72);
