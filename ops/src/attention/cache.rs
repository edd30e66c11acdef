//! Keys and values that a call puts behind those of a cache.

#![allow(unsafe_code)]

use super::streamed;
use crate::contract::cached_attention::Joined;
use std::ops::Range;

/// Bytes of all heads from which on copies go past the processor's cache: what is read next, the weights of the layer, would push them
/// out of it anyway before the next token is decoded.
const STREAMED: usize = 1 << 18;

/// Keys, or values: those of the past, the new ones, and where both are to be.
#[derive(Clone, Copy, Debug)]
pub struct Cache<T> {
    past: *const T,
    new: *const T,
    present: *mut T,
    joined: Joined,
}

impl<T: Copy> Cache<T> {
    /// Of tensors with the sizes of `joined`.
    pub(super) fn new(joined: Joined, past: *const T, new: *const T, present: *mut T) -> Self {
        Self {
            past,
            new,
            present,
            joined,
        }
    }

    /// Keys of a head that are cached.
    pub(super) fn past(&self) -> usize {
        self.joined.past
    }

    /// Copies `keys` of head number `head` of all.
    ///
    /// # Safety
    /// The pointers are good for the sizes of the tensors, there are such keys, and nobody else touches these of the present meanwhile.
    pub(super) unsafe fn copy(&self, head: usize, keys: Range<usize>, stream: bool) {
        let Joined {
            past, new, width, ..
        } = self.joined;
        let all = self.joined.all();
        let old = keys.start.min(past)..keys.end.min(past);
        let own = keys.start.max(past) - past..keys.end.max(past) - past;
        // SAFETY: rows of the head in each tensor.
        unsafe {
            let from = self.past.add((head * past + old.start) * width);
            let to = self.present.add((head * all + old.start) * width);
            if stream && self.is_large() {
                streamed::copy(from, to, old.len() * width);
            } else {
                std::ptr::copy_nonoverlapping(from, to, old.len() * width);
            }
            // What is new is read again from the present.
            let from = self.new.add((head * new + own.start) * width);
            let to = self.present.add((head * all + past + own.start) * width);
            std::ptr::copy_nonoverlapping(from, to, own.len() * width);
        }
    }

    /// Where `keys` of head number `head`, which have been copied, are read: in the past as long as they lie there.
    ///
    /// # Safety
    /// As [`Cache::copy`].
    pub(super) unsafe fn copied(&self, head: usize, keys: &Range<usize>) -> *const T {
        let Joined { past, width, .. } = self.joined;
        // SAFETY: rows of the head.
        unsafe {
            if keys.end <= past {
                self.past.add((head * past + keys.start) * width)
            } else {
                let all = self.joined.all();
                self.present
                    .add((head * all + keys.start) * width)
                    .cast_const()
            }
        }
    }

    /// Whether the whole is too large to stay in a cache.
    fn is_large(&self) -> bool {
        let elements: usize = self.joined.shape().iter().product();
        elements * size_of::<T>() >= STREAMED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_copied_and_found() {
        for (past, new, width) in [(3, 2, 5), (0, 4, 1), (4, 0, 3), (700, 1, 64)] {
            let joined = Joined {
                batch: 2,
                heads: 3,
                past,
                new,
                width,
            };
            let heads = 6;
            let numbers = |count: usize, from: usize| (from..from + count).map(|i| i as f32);
            let old: Vec<f32> = numbers(heads * past * width, 0).collect();
            let own: Vec<f32> = numbers(heads * new * width, 1 << 20).collect();
            let all = past + new;
            for stream in [false, true] {
                for step in [1, 2, all.max(1)] {
                    let mut present = vec![-1.0f32; heads * all * width];
                    let cache =
                        Cache::new(joined, old.as_ptr(), own.as_ptr(), present.as_mut_ptr());
                    for head in 0..heads {
                        for start in (0..all).step_by(step) {
                            let keys = start..(start + step).min(all);
                            // SAFETY: the vectors have the sizes said.
                            unsafe {
                                cache.copy(head, keys.clone(), stream);
                                streamed::finish();
                                let got = std::slice::from_raw_parts(
                                    cache.copied(head, &keys),
                                    keys.len() * width,
                                );
                                let whole = std::slice::from_raw_parts(
                                    cache.present.add((head * all + start) * width),
                                    keys.len() * width,
                                );
                                assert_eq!(got, whole);
                            }
                        }
                    }
                    let expected: Vec<f32> = (0..heads)
                        .flat_map(|head| {
                            let old = &old[head * past * width..][..past * width];
                            let own = &own[head * new * width..][..new * width];
                            old.iter().chain(own).copied().collect::<Vec<_>>()
                        })
                        .collect();
                    assert_eq!(present, expected);
                }
            }
        }
    }
}
