//! The parameters of `cpp/angles.cu`, field by field as in `cpp/params.h`, which says what they mean: a test compares the two.

use super::digits::WORDS;
use crate::cuda::layout::params;

params! {
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(super) struct AnglesParams {
        pub(super) positions: u64,
        pub(super) frequencies: u64,
        pub(super) first: u64,
        pub(super) second: u64,
        pub(super) rows: u64,
        pub(super) inner: u64,
        pub(super) apart: u64,
        pub(super) frequency_step: u64,
        pub(super) stride: u64,
        pub(super) pairs: u64,
        pub(super) used: u64,
        pub(super) lanes: u64,
        pub(super) step: u64,
        pub(super) tasks_apart: u64,
        pub(super) tasks_inside: u64,
        pub(super) padding: u64,
        pub(super) tasks: u32,
        pub(super) loops: u32,
        pub(super) lane_blocks: u32,
        pub(super) streams: u32,
        pub(super) kind: u32,
        pub(super) padded: u32,
        pub(super) exact: u32,
        pub(super) of_first: u32,
        pub(super) of_second: u32,
        pub(super) swapped: u32,
        pub(super) interleaved: u32,
        pub(super) amplitude: f32,
        pub(super) digits: [u64; WORDS],
    }
}

const _: () = assert!(size_of::<AnglesParams>() == 176 + 8 * WORDS);
