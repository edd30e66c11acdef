//! Of several readings of an index the first for which the graph holds positions and a lookup table is known.

use crate::onnx::ValueId;
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;

use super::distance::Distance;
use super::positions::{Sides, Wired};
use super::search::{Lookup, Search};

/// The positions of the first reading that serves, and what `table` makes of it.
///
/// # Errors
/// Why none serves: what `table` says, if positions of one were found. `readings` are not empty.
pub(super) fn first<T>(
    search: &mut Search<'_, '_>,
    (rule, lookup): (&'static str, &Lookup),
    behind: &[ValueId],
    (readings, sides): (&[Distance], Sides),
    mut table: impl FnMut(&mut Search<'_, '_>, &Distance, &Wired) -> Result<T, String>,
) -> Result<(Wired, T), Miss> {
    let miss = |stage, reason: String| Miss::new(rule, stage, lookup.y, reason);
    let reason = "no tensors of the graph hold the positions of queries and keys";
    let mut failure = miss(Stage::Positions, reason.to_owned());
    for reading in readings {
        let Some(wired) = search.positions(lookup, behind, reading, sides) else {
            continue;
        };
        match table(search, reading, &wired) {
            Ok(table) => return Ok((wired, table)),
            Err(reason) => failure = miss(Stage::Lut, reason),
        }
    }
    Err(failure)
}
