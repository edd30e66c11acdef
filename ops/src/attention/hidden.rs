//! Keys that need not be looked at.
//!
//! A score of -1e30 or less leaves no trace in a row that has a score of some size: `exp` of the difference is 0. Keys with such
//! scores are left out, whether they are promised hidden or their mask says so. A row whose largest score is not of some size is
//! *blind*: it is computed again with all keys, and is then what the formula makes of it.

#![allow(unsafe_code)]

use super::job::{Attended, Job, Rows};
use crate::contract::attention::HIDDEN;
use std::ops::Range;

/// What the mask of several keys says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// All are visible.
    All,
    /// Some are.
    Some,
    /// None is.
    None,
}

impl Seen {
    /// What these bytes of a mask say.
    // Inlined, so that the loop uses the instructions of the caller.
    #[inline(always)]
    pub(super) fn of(mask: &[u8]) -> Self {
        // Without an early end, so that the loop works on vectors.
        let ends = |(low, high): (u8, u8), &m: &u8| (low.min(m), high.max(m));
        match mask.iter().fold((u8::MAX, 0), ends) {
            (_, 0) => Self::None,
            (0, _) => Self::Some,
            _ => Self::All,
        }
    }

    /// What two parts of a mask say together.
    #[inline(always)]
    pub(super) fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Some }
    }
}

impl<T: Attended> Job<'_, T> {
    /// Whether keys that the mask hides may be left out, and so those that promises name.
    pub(super) fn may_skip(&self) -> bool {
        f64::from(self.attributes.fill) <= HIDDEN
    }

    /// The keys that some of the rows may see by what is promised.
    pub(super) fn promised(&self, rows: &Rows) -> Range<usize> {
        if rows.count == 0 || !self.may_skip() {
            return 0..self.geometry.keys;
        }
        let (first_head, first) = self.place(rows, 0);
        let (last_head, last) = self.place(rows, rows.count - 1);
        // Both ends rise with the query.
        let (first, last) = if first_head == last_head {
            (first, last)
        } else {
            (0, self.geometry.queries - 1)
        };
        let of = |query| self.geometry.promised(self.attributes, query);
        of(first).start..of(last).end
    }

    /// Whether a row whose largest score is `largest` may owe something to keys that were left out.
    pub(super) fn is_blind(&self, largest: f64) -> bool {
        // Where all that may be left out is negative infinity, a row without anything else is NaN with and without it.
        let traceless = self.bias.is_none() && self.attributes.fill == f32::NEG_INFINITY;
        largest < HIDDEN / 2.0 && !traceless
    }

    /// Whether a row is zero, by the sum of the exponentials of its scores: that of a row without a probability is 0 or NaN.
    pub(super) fn is_zero(&self, sum: f64) -> bool {
        let some = sum > 0.0;
        self.geometry.keys == 0 || (self.attributes.zero_nan_rows && !some)
    }
}
