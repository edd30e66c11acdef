//! Lookup tables, and what is known of them.

use crate::contract::ContractError;
use crate::contract::relative::{Integer, LutRange, consecutive, next_run};
use std::ops::Range;

/// Fewer entries in a row are not worth a copy of their own.
const LEAST_RUN: usize = 64;

/// What is known of a lookup table before it is used.
#[derive(Clone, Debug)]
pub struct Lookup {
    range: LutRange,
    rising: Range<usize>,
}

impl Lookup {
    /// Looks at a table that is used once.
    ///
    /// # Errors
    /// Those of [`LutRange::new`].
    pub fn new<I: Integer>(entries: &[I], shape: &[usize]) -> Result<Self, ContractError> {
        Ok(Self {
            range: LutRange::new(entries, shape)?,
            rising: 0..consecutive(entries),
        })
    }

    /// Looks at a table that is used often, and longer.
    ///
    /// # Errors
    /// As [`Lookup::new`].
    pub fn of_constant<I: Integer>(entries: &[I], shape: &[usize]) -> Result<Self, ContractError> {
        Ok(Self {
            range: LutRange::new(entries, shape)?,
            rising: next_run(entries, LEAST_RUN),
        })
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

    /// Entries that rise by one from each to the next.
    pub(super) fn rising(&self) -> Range<usize> {
        self.rising.clone()
    }
}
