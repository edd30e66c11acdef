//! The parameters of `cpp/relative_bias.cu`, field by field as in `cpp/params.h`, which says what they mean: a test compares the two.

use crate::cuda::layout::params;
use crate::cuda::relative::RelativeTiles;

params! {
    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct RelativeBiasParams {
        pub(super) tiles: RelativeTiles,
        pub(super) table: u64,
        pub(super) bias: u64,
        pub(super) table_rows: u64,
        pub(super) query_step: u64,
        pub(super) key_step: u64,
        pub(super) heads: u32,
        pub(super) absolute: u32,
    }
}

const _: () = assert!(size_of::<RelativeBiasParams>() == size_of::<RelativeTiles>() + 48);
