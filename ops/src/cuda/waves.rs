//! How much a task does one after the other.
//!
//! Blocks that a device holds at a time are a wave. A task of many rows reads little beside them, and one of few leaves more tasks to
//! fill the last wave with: while that runs, part of the device waits.

/// What starting a task costs, in rows: it computes where it begins and reads what its rows share.
const START: u64 = 1;

/// The number of rows, at most `most`, with which a device that holds `resident` blocks at a time is done first; `blocks` says how many
/// there are for a number of rows.
pub(super) fn rows_of_task(most: u64, resident: u64, blocks: impl Fn(u64) -> u64) -> u64 {
    let time = |&rows: &u64| {
        let waves = blocks(rows).div_ceil(resident.max(1));
        waves.saturating_mul(rows + START)
    };
    // Of equal ones the first, which has most rows.
    (1..=most).rev().min_by_key(time).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_wave_is_as_full_as_it_gets() {
        // Pairs of heads over 4096 positions, of which a device with 132 multiprocessors holds 528 blocks: in 1.94 waves, not 1.2.
        let blocks = |rows: u64| 4096 * (32u64.div_ceil(rows) + 8u64.div_ceil(rows)) / 32;
        assert_eq!(rows_of_task(8, 4 * 132, blocks), 6);
        // What fits in one wave has one row a task; what takes many waves has most.
        assert_eq!(rows_of_task(8, 528, |rows| 400 / rows), 1);
        assert_eq!(rows_of_task(8, 528, |rows| (1 << 20) / rows), 8);
        // A device of which nothing is known.
        assert_eq!(rows_of_task(8, 0, |rows| 100 / rows), 8);
    }

    /// `cpp/build.py --sass` makes the table of what the kernels compile to.
    #[test]
    fn kernels_are_as_resident_as_plans_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cpp/registers.txt");
        let Ok(table) = std::fs::read_to_string(path) else {
            return println!("skipped: there is no `{path}`");
        };
        let fewest = |family: &str, end: &str| {
            let rows = table.lines().filter_map(|line| {
                let (name, cells) = line.split_once(' ')?;
                let rest = name.strip_prefix("phasor_")?.strip_prefix(family)?;
                // The names of the two types come before that of the variant.
                let variant = rest.splitn(3, '_').nth(2);
                (end.is_empty() || variant == Some(end)).then_some(cells)
            });
            let blocks = |cells: &str| -> Option<u64> {
                // From Ampere to Hopper. Turing, the first, holds half as many threads; Blackwell, behind them, needs more registers.
                let cells = cells.split_whitespace().skip(1).take(4);
                let of_cell = |cell: &str| cell.split_once('/')?.1.parse().ok();
                cells.map(|cell| of_cell(cell).unwrap()).min()
            };
            rows.filter_map(blocks).min()
        };
        use crate::cuda::angles::RESIDENT_BLOCKS;
        use crate::cuda::rotary::Variant;
        for variant in [
            Variant::Pair,
            Variant::Channel,
            Variant::Scalar,
            Variant::HeadsPair,
            Variant::HeadsChannel,
            Variant::HeadsScalar,
        ] {
            let known = fewest("rotary_", variant.name());
            assert_eq!(known, Some(variant.resident_blocks()), "{variant:?}");
        }
        assert_eq!(fewest("angles_", ""), Some(RESIDENT_BLOCKS));
    }
}
