//! Stretches of positions that rise by one.

use super::Integer;
use std::ops::Range;

/// Number of positions that are compared together, without a branch between them.
const BLOCK: usize = 32;

/// How many of the first `positions` rise by one from each to the next.
///
/// `#[inline(always)]`, as everything here, so that the loops use the instructions of the caller.
#[inline(always)]
pub fn consecutive<I: Integer>(positions: &[I]) -> usize {
    let steps = positions.len().saturating_sub(1);
    let mut at = 0;
    while at + BLOCK <= steps {
        if !rises(&positions[at..at + BLOCK + 1]) {
            break;
        }
        at += BLOCK;
    }
    while at < steps && rises(&positions[at..at + 2]) {
        at += 1;
    }
    // One more position than steps, if there is one.
    (at + 1).min(positions.len())
}

/// The first stretch of at least `least` consecutive positions, at its full length; where there is none, the empty range at the
/// end.
#[inline(always)]
pub fn next_run<I: Integer>(positions: &[I], least: usize) -> Range<usize> {
    let mut start = 0;
    while start < positions.len() {
        let count = consecutive(&positions[start..]);
        if count >= least {
            return start..start + count;
        }
        start += count;
    }
    positions.len()..positions.len()
}

#[inline(always)]
fn rises<I: Integer>(positions: &[I]) -> bool {
    // Every pair is compared, without an early end, so that the loop works on vectors. The highest number has no next one.
    positions.windows(2).fold(true, |all, pair| {
        all & (pair[1] == pair[0].next()) & (pair[0].to_i64() < pair[1].to_i64())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_every_break() {
        for length in 0..140usize {
            let rising: Vec<i64> = (0..length as i64).map(|i| i - 50).collect();
            assert_eq!(consecutive(&rising), length);
            for at in 1..length {
                for wrong in [-50, 0, 1, i64::MAX] {
                    let mut broken = rising.clone();
                    if broken[at] == wrong {
                        continue;
                    }
                    broken[at] = wrong;
                    assert_eq!(consecutive(&broken), at, "{length} {at}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_a_type_are_no_neighbours() {
        assert_eq!(consecutive(&[i64::MAX - 1, i64::MAX, i64::MIN]), 2);
        assert_eq!(consecutive(&[i32::MAX, i32::MIN, i32::MIN + 1]), 1);
    }

    #[test]
    fn runs_are_found_behind_others() {
        let positions = [0, 0, 0, 1, 2, 7, 8, 9, 10, 3];
        assert_eq!(next_run(&positions, 1), 0..1);
        assert_eq!(next_run(&positions, 2), 2..5);
        assert_eq!(next_run(&positions, 4), 5..9);
        assert_eq!(next_run(&positions, 5), 10..10);
        assert_eq!(next_run::<i64>(&[], 1), 0..0);
    }
}
