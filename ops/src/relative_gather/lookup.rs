//! Lookup tables, and what is known of them.

use crate::contract::ContractError;
use crate::contract::relative::{Integer, LUT, LutRange, consecutive};

/// Neighbouring slots of a lookup table, each of whose entries is one more, or one less, than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The first of them.
    pub(super) start: usize,
    /// The one behind the last.
    pub(super) end: usize,
    /// Whether entries fall.
    pub(super) falling: bool,
}

/// What is known of a lookup table before it is used.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    range: LutRange,
    stretch: Stretch,
}

impl Lookup {
    /// Examines a table that is used once: besides checking it, it reads each entry at most once.
    ///
    /// # Errors
    /// Those of [`LutRange::new`], and [`ContractError::Unsupported`] for 2^32 entries or more.
    pub fn new<I: Integer>(entries: &[I], shape: &[usize]) -> Result<Self, ContractError> {
        let range = range(entries, shape)?;
        let stretch = match consecutive(entries) {
            1 => Stretch {
                start: 0,
                end: length(entries, -1),
                falling: true,
            },
            count => Stretch {
                start: 0,
                end: count,
                falling: false,
            },
        };
        Ok(Self { range, stretch })
    }

    /// Examines a table that is used often, for which a longer search pays.
    ///
    /// # Errors
    /// As [`Lookup::new`].
    pub fn of_constant<I: Integer>(entries: &[I], shape: &[usize]) -> Result<Self, ContractError> {
        let range = range(entries, shape)?;
        let stretch = longest(entries);
        Ok(Self { range, stretch })
    }

    /// Whether all of `entries`, from which this was made, are columns of `scores`, which has `width` of them.
    ///
    /// # Errors
    /// Those of [`LutRange::check`].
    pub fn check<I: Integer>(&self, entries: &[I], width: usize) -> Result<(), ContractError> {
        self.range.check(entries, width, "columns of scores")
    }

    /// `D`.
    pub(super) fn reach(&self) -> usize {
        self.range.reach
    }

    /// The longest stretch that was found, by the slots of the table as it is read: from its end if `reversed`.
    pub(super) fn stretch(&self, reversed: bool) -> Stretch {
        let Stretch {
            start,
            end,
            falling,
        } = self.stretch;
        if !reversed {
            return self.stretch;
        }
        let count = 2 * self.range.reach + 1;
        Stretch {
            start: count - end,
            end: count - start,
            falling: !falling,
        }
    }
}

fn range<I: Integer>(entries: &[I], shape: &[usize]) -> Result<LutRange, ContractError> {
    if u32::try_from(entries.len()).is_err() {
        return Err(ContractError::Unsupported(format!(
            "{LUT} has {} entries, more than are supported",
            entries.len()
        )));
    }
    LutRange::new(entries, shape)
}

/// How many of the first `entries` differ by `step` from each to the next.
fn length<I: Integer>(entries: &[I], step: i64) -> usize {
    let steps = entries
        .windows(2)
        .take_while(|pair| pair[0].to_i64().checked_add(step) == Some(pair[1].to_i64()))
        .count();
    (steps + 1).min(entries.len())
}

fn longest<I: Integer>(entries: &[I]) -> Stretch {
    let mut found = Stretch {
        start: 0,
        end: 0,
        falling: false,
    };
    let mut start = 0;
    while start < entries.len() {
        let rest = &entries[start..];
        let (rising, falling) = (length(rest, 1), length(rest, -1));
        let count = rising.max(falling);
        if count > found.end - found.start {
            found = Stretch {
                start,
                end: start + count,
                falling: falling > rising,
            };
        }
        // The last entry of a stretch may be the first of the next.
        start += (count - 1).max(1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stretch_is_found() {
        for (entries, slots, down) in [
            (&[5i64][..], 0..1, false),
            (&[0, 1, 2], 0..3, false),
            (&[2, 1, 0], 0..3, true),
            (&[0, 0, 0, 1, 2, 2, 2], 2..5, false),
            (&[3, 2, 1, 2, 3, 4, 4], 2..6, false),
            (&[0, 1, 2, 1, 0, -1, -1], 2..6, true),
            (&[i64::MAX, i64::MIN, i64::MAX], 0..1, false),
        ] {
            let Stretch {
                start,
                end,
                falling,
            } = longest(entries);
            assert_eq!((start..end, falling), (slots, down), "{entries:?}");
        }
    }

    #[test]
    fn tables_are_read_from_either_end() {
        let lut = [7i64, 7, 3, 2, 1];
        let lookup = Lookup::of_constant(&lut, &[5]).unwrap();
        let stretch = |reversed| {
            let stretch = lookup.stretch(reversed);
            (stretch.start..stretch.end, stretch.falling)
        };
        assert_eq!(stretch(false), (2..5, true));
        assert_eq!(stretch(true), (0..3, false));
        let quick = |entries: &[i64]| {
            let stretch = Lookup::new(entries, &[entries.len()]).unwrap().stretch;
            (stretch.end - stretch.start, stretch.falling)
        };
        assert_eq!(quick(&[4, 5, 6]), (3, false));
        assert_eq!(quick(&[6, 5, 4]), (3, true));
        assert_eq!(quick(&[6, 5, 7]), (2, true));
        assert_eq!(quick(&[6, 8, 7]).0, 1);
    }
}
