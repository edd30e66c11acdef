//! The parameters of `cpp/relative_gather.cu`, field by field as in `cpp/params.h`, which says what they mean: a test compares the two.

use crate::contract::broadcast::MAX_RANK;
use crate::cuda::layout::params;
use crate::cuda::relative::RelativeTiles;

pub(super) const AXES: usize = MAX_RANK - 1;

params! {
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(super) struct RelativeAxis {
        pub(super) size: u64,
        pub(super) query: u64,
        pub(super) key: u64,
    }

    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct RelativeGatherParams {
        pub(super) tiles: RelativeTiles,
        pub(super) scores: u64,
        pub(super) output: u64,
        pub(super) width: u32,
        pub(super) rank: u32,
        pub(super) axes: [RelativeAxis; AXES],
    }
}

const _: () = assert!(
    size_of::<RelativeGatherParams>()
        == size_of::<RelativeTiles>() + 24 + AXES * size_of::<RelativeAxis>()
);
