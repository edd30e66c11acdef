//! Lookup tables, checked.

use super::{Integer, LUT};
use crate::contract::{ContractError, shape_text};

/// How far a lookup table of this shape reaches: `D`, the farthest distance with an entry of its own.
///
/// # Errors
/// [`ContractError::Shape`] for another rank than 1, or an even number of entries.
pub fn lut_reach(shape: &[usize]) -> Result<usize, ContractError> {
    let [count] = *shape else {
        return Err(ContractError::Shape(format!(
            "{LUT} {} has rank {}, expected 1",
            shape_text(shape),
            shape.len()
        )));
    };
    if count.is_multiple_of(2) {
        return Err(ContractError::Shape(format!(
            "{LUT} has {count} entries, expected an odd number: one for each distance from -D to D"
        )));
    }
    Ok(count / 2)
}

/// How far a lookup table reaches, and its lowest and highest entry: enough to check it against any number of rows without reading
/// it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LutRange {
    /// `D`: the farthest distance with an entry of its own.
    pub reach: usize,
    lowest: i64,
    highest: i64,
}

impl LutRange {
    /// The range of a table with these entries and this shape, which belong together.
    ///
    /// # Errors
    /// Those of [`lut_reach`].
    // Inlined, so that the loop uses the instructions of the caller.
    #[inline(always)]
    pub fn new<I: Integer>(entries: &[I], shape: &[usize]) -> Result<Self, ContractError> {
        let reach = lut_reach(shape)?;
        let (lowest, highest) = entries
            .iter()
            .map(|e| e.to_i64())
            .fold((i64::MAX, i64::MIN), |(low, high), e| {
                (low.min(e), high.max(e))
            });
        Ok(Self {
            reach,
            lowest,
            highest,
        })
    }

    /// Whether every one of `entries`, from which this was made, is one of `rows` rows. `of` says in words of what, as in
    /// "rows of table".
    ///
    /// # Errors
    /// [`ContractError::Value`] with the first one that is not.
    #[inline]
    pub fn check<I: Integer>(
        &self,
        entries: &[I],
        rows: usize,
        of: &str,
    ) -> Result<(), ContractError> {
        let below = |e: i64| usize::try_from(e).is_ok_and(|e| e < rows);
        if below(self.lowest) && below(self.highest) {
            return Ok(());
        }
        let (at, entry) = entries
            .iter()
            .map(|e| e.to_i64())
            .enumerate()
            .find(|&(_, e)| !below(e))
            .unwrap_or((0, self.lowest));
        Err(ContractError::Value(format!(
            "{LUT}[{at}] is {entry}, expected one of the {rows} {of}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<I: Integer>(entries: &[I], rows: usize) -> Result<usize, String> {
        let range = LutRange::new(entries, &[entries.len()]).map_err(|e| e.to_string())?;
        range
            .check(entries, rows, "rows of table")
            .map_err(|e| e.to_string())?;
        Ok(range.reach)
    }

    #[test]
    fn entries_are_rows() {
        assert_eq!(check(&[0i64, 2, 1], 3), Ok(1));
        assert_eq!(check(&[0i32], 1), Ok(0));
        for (got, words) in [
            (
                check(&[0i64, 3, 4], 3),
                "lut[1] is 3, expected one of the 3 rows of table",
            ),
            (check(&[0i64, 0, -1], 3), "lut[2] is -1"),
            (check(&[i64::MIN, i64::MAX, 0], 3), "lut[0] is -9223"),
            (check(&[0i64, i64::MAX, 0], 3), "lut[1] is 9223"),
            (check(&[0i32], 0), "lut[0] is 0, expected one of the 0 rows"),
            (check::<i64>(&[], 3), "lut has 0 entries"),
            (check(&[0i64, 0], 3), "lut has 2 entries"),
        ] {
            let text = got.unwrap_err();
            assert!(text.contains(words), "{text}");
        }
        for shape in [&[][..], &[1, 1]] {
            let text = LutRange::new(&[0i64], shape).unwrap_err().to_string();
            assert!(text.contains("rank"), "{text}");
        }
    }
}
