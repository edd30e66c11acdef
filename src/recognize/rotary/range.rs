//! The ranges of channels that a node could rotate.
//!
//! A pair that is turned by angle 0 is a pair like any other, but its channels look as if they were not rotated. So a range begins
//! and ends where the graph says that something is turned, or further out; which of them it is shows in the tables.

use smallvec::SmallVec;

use crate::symbolic::poly::PolyId;

/// A channel of `y` as a sum of channels of `x` times coefficients.
pub(super) type Row = SmallVec<[(usize, PolyId); 2]>;

/// The first channel of a range, and how many there are.
pub(super) type Span = (usize, usize);

/// The ranges that hold all channels that are sums of two, the narrowest first. All channels outside are the same channel of `x`,
/// unscaled: the operator copies them. `heads` are the channels at each enumerated position before them.
///
/// # Errors
/// Why there is none.
pub(super) fn ranges(heads: &[Vec<Row>]) -> Result<Vec<Span>, &'static str> {
    let channels = heads.first().map_or(0, Vec::len);
    let turned = |j: usize| heads.iter().any(|rows| rows[j].len() == 2);
    let turned: Vec<usize> = (0..channels).filter(|&j| turned(j)).collect();
    let (Some(&first), Some(&last)) = (turned.first(), turned.last()) else {
        return Err("no channel is a sum of two");
    };
    let apart = heads.iter().find_map(|rows| match rows[first][..] {
        [(a, _), (b, _)] => Some(a.abs_diff(b)),
        _ => None,
    });
    // Of halves, each as long as the channels of a pair are apart.
    let halves = 2 * apart.unwrap_or(0);
    let whole = [
        Some((first, last + 1 - first)),
        Some((0, halves)),
        channels.checked_sub(halves).map(|start| (start, halves)),
        Some((0, channels)),
    ];
    let mut found: Vec<Span> = Vec::new();
    let mut is_contiguous = false;
    for (start, width) in whole.into_iter().flatten() {
        let end = start + width;
        if start > first || last >= end || end > channels || width % 2 == 1 {
            continue;
        }
        is_contiguous = true;
        let outside = (0..start).chain(end..channels);
        let is_copied = |j: usize| heads.iter().all(|rows| rows[j][..] == [(j, PolyId::ONE)]);
        if outside.into_iter().all(is_copied) && !found.contains(&(start, width)) {
            found.push((start, width));
        }
    }
    match (found.is_empty(), is_contiguous) {
        (false, _) => Ok(found),
        (true, true) => Err("a channel outside the rotated range is moved or scaled"),
        (true, false) => Err("the rotated channels are not one contiguous, even range"),
    }
}
