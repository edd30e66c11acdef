//! `CachedAttention` against its reference; what it puts together to the bit.

use crate::attended::{Inputs, ROWS, check, check_all, plain, shared, sizes};
use half::{bf16, f16};
use phasor_ops::contract::attention::{AttentionAttributes, AttentionGeometry};

#[test]
fn every_part_may_be_cached() {
    for queries in ROWS {
        for keys in [0, 1, 2, 7, 64, 65, 513, 1030] {
            for past in [0, 1, 2, 5, 64, 511, 512, 513, 600, 1029, 1030] {
                if past > keys {
                    continue;
                }
                let other = [past, 0, keys, keys / 2][(keys + past) % 4];
                check_all!(plain(), |T| Inputs::<T>::random(
                    sizes(queries, keys, 8, 16),
                    Some(&[keys]),
                    Some(&[queries, keys])
                )
                .cached(past, other));
            }
        }
    }
}

#[test]
fn heads_and_batches_are_kept_apart() {
    for (heads, key_heads) in [(3, 3), (6, 2), (7, 1), (20, 1), (0, 0), (0, 2)] {
        for queries in [1, 2, 40] {
            let sizes = shared(heads, key_heads, queries, 33);
            for past in [0, 20, 32, 33] {
                check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None)
                    .cached(past, past));
            }
        }
    }
}

/// Copies that are large, and begin at any element; channels of which there are none.
#[test]
fn large_and_uneven_copies() {
    for (queries, keys, channels, values) in [
        (1, 4096, 64, 64),
        (1, 2300, 127, 33),
        (3, 1500, 80, 5),
        (1, 1200, 0, 70),
        (1, 1200, 70, 0),
    ] {
        for new in [1, 3] {
            let past = keys - new;
            let sizes = sizes(queries, keys, channels, values);
            check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None)
                .cached(past, past));
        }
    }
}

/// Keys that are promised to be hidden are copied as well, and so are those of rows that see none.
#[test]
fn hidden_keys_are_copied() {
    for (queries, keys, past) in [(1, 90, 89), (4, 600, 596), (1, 1500, 1400), (70, 90, 20)] {
        for (causal, window_left) in [(true, None), (true, Some(20)), (false, Some(3))] {
            let attributes = AttentionAttributes {
                causal,
                window_left,
                fill: f32::MIN,
                ..plain()
            };
            let sizes = shared(4, 2, queries, keys);
            let all = Inputs::<f32>::random(sizes, None, None);
            let mut shapes = all.shapes();
            let rows = [queries, keys];
            shapes[4] = &rows;
            let geometry = AttentionGeometry::new(shapes).unwrap();
            let seen = |i, j| geometry.promised(&attributes, i).contains(&j) && j % 11 > 1;
            check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                .seeing(seen)
                .cached(past, past));
            check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                .seeing(|_, _| false)
                .cached(past, past));
        }
    }
}
