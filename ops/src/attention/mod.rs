//! Kernels of `Attention` and `CachedAttention`; [`crate::contract::attention`] says what they compute.
//!
//! All heads that read one key head are one set of rows, for which keys and values are read once. `few` rows, as when one token is
//! decoded, are bound by reading: they take a `stretch` of keys at a time, with vectors along the channels. `many` take blocks of rows
//! and tiles of keys, with rows in the lanes of a `panel`: a `product` with it needs neither transposed keys nor sums over lanes. Both
//! go over the keys once, with the largest score so far and sums relative to it (`state`), so that no tensor of scores is made. `job` is
//! one call, `hidden` what of it need not be looked at, `backend` the parts that are compiled for each vector set, and `kernel` checks
//! shapes and cuts the work into items. A call may put keys and values behind those of a `cache` first (`cached`). Few rows, which read each
//! key once, copy it then, and what is large in `streamed` copies.
//!
//! Where keys are left out because they are hidden, a row may turn out to see none of the others. It is then computed anew with all.

mod backend;
mod cache;
mod cached;
mod few;
mod hidden;
mod job;
mod kernel;
mod many;
mod panel;
mod product;
mod room;
mod state;
mod streamed;
mod stretch;

pub use cache::Cache;
pub use cached::{CachedAttentionCall, CachedTensors};
pub use job::Attended;
pub use kernel::{AttentionCall, AttentionKernel, AttentionTensors};
