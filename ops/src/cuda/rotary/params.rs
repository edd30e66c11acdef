//! The parameters of `cpp/rotary.cu`, field by field as in `cpp/params.h`, which says what they mean: a test compares the two.

use crate::contract::broadcast::MAX_RANK;
use crate::cuda::layout::params;

pub(super) const AXES: usize = MAX_RANK - 1;

params! {
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(super) struct RotaryAxis {
        pub(super) size: u64,
        pub(super) row: u64,
        pub(super) x_row: u64,
        pub(super) cos: u64,
        pub(super) sin: u64,
    }

    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct RotaryTensor {
        pub(super) x: u64,
        pub(super) y: u64,
        pub(super) channels: u64,
        pub(super) offset: u64,
        pub(super) half: u64,
        pub(super) lanes: u64,
        pub(super) tasks: u64,
        pub(super) heads: u64,
        pub(super) head_row: u64,
        pub(super) head_x_row: u64,
        pub(super) chunks: u64,
        pub(super) loops: u32,
        pub(super) rank: u32,
        pub(super) head_axis: u32,
        pub(super) by_channel: u32,
        pub(super) axes: [RotaryAxis; AXES],
    }

    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct RotaryParams {
        pub(super) cos: u64,
        pub(super) sin: u64,
        pub(super) border: u32,
        pub(super) interleaved: u32,
        pub(super) interleaved_out: u32,
        pub(super) inverse: u32,
        pub(super) tensors: [RotaryTensor; 2],
    }
}

const _: () = assert!(size_of::<RotaryTensor>() == 104 + 40 * AXES);
const _: () = assert!(size_of::<RotaryParams>() == 32 + 2 * size_of::<RotaryTensor>());
