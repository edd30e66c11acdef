//! Which kernel computes the angles of a call, and how their rows are divided among threads.

use super::digits::TWO_OVER_PI;
use super::params::AnglesParams;
use crate::angle::PositionType;
use crate::contract::{ContractError, ElementType};
use crate::cuda::Launch;
use crate::cuda::waves::rows_of_task;

/// Threads of a block.
const THREADS: u64 = 256;

/// Most rows of a task: with so many, starting one costs little compared with its work.
const ROWS: u64 = 8;

/// Blocks that a multiprocessor has registers for, at least: `cpp/registers.txt` says how many, by type and device.
pub(in crate::cuda) const RESIDENT_BLOCKS: u64 = 3;

/// Threads of a warp.
const WARP: u64 = 32;

/// Bytes of an access.
const ACCESS: u64 = 16;

/// What a call computes. Sizes are in elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) rows: usize,
    /// Number of products that an angle adds up.
    pub(super) streams: usize,
    /// Number of rows whose positions are neighbours.
    pub(super) inner: usize,
    /// Number of frequencies of a product.
    pub(super) frequencies: usize,
    /// Size of a row of results.
    pub(super) width: usize,
    /// Number of frequencies whose functions are both kept.
    pub(super) pairs: usize,
    /// Number of frequencies of which a function is kept.
    pub(super) used: usize,
    /// Number of zeros at the end of a row.
    pub(super) zeros: usize,
    /// The first function is the cosine.
    pub(super) cos_first: bool,
    /// Functions of an angle are neighbours.
    pub(super) interleaved: bool,
    pub(super) amplitude: f32,
    /// Products are exact.
    pub(super) exact: bool,
    /// The position whose rows are zero.
    pub(super) padding: Option<i64>,
}

/// Addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) positions: u64,
    pub(super) frequencies: u64,
    /// Where the first functions go.
    pub(super) first: u64,
    /// Where the second ones go; not looked at where they are neighbours.
    pub(super) second: u64,
}

/// A kernel of `angles.cu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Whole accesses.
    Whole,
    /// One frequency per thread.
    Scalar,
}

impl Variant {
    /// In the order of their numbers.
    pub(super) const ALL: [Variant; 2] = [Variant::Whole, Variant::Scalar];

    /// The end of the kernels' names.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Variant::Whole => "",
            Variant::Scalar => "_scalar",
        }
    }
}

/// A node and its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planner {
    pub(super) positions: PositionType,
    pub(super) element: ElementType,
    pub(super) processors: u32,
}

impl Planner {
    /// The launch for some work; `None` where there is nothing to do.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for sizes that no kernel takes.
    pub(super) fn plan(
        &self,
        work: &Work,
        places: Places,
    ) -> Result<Option<(Variant, Launch<AnglesParams>)>, ContractError> {
        let variant = self.variant(work, places);
        let vector = match variant {
            Variant::Whole => ACCESS / self.element.size() as u64,
            Variant::Scalar => 1,
        };
        let rows = work.rows as u64;
        let lanes = (work.used as u64 + work.zeros as u64) / vector;
        let total = lanes.saturating_mul(rows);
        if total == 0 {
            return Ok(None);
        }
        let lane_blocks = lanes.div_ceil(THREADS);
        // Blocks side by side are about as wide, in whole warps.
        let x = match lane_blocks {
            1 => lanes,
            _ => lanes.div_ceil(lane_blocks).next_multiple_of(WARP),
        };
        let y = THREADS / x;
        let resident = u64::from(self.processors) * RESIDENT_BLOCKS;
        let blocks = |share| {
            let tasks = rows.div_ceil(share).div_ceil(y);
            tasks.saturating_mul(lane_blocks)
        };
        let tasks = rows.div_ceil(rows_of_task(ROWS, resident, blocks));
        let blocks = tasks.div_ceil(y).checked_mul(lane_blocks);
        let (Some(blocks), Ok(tasks), Ok(streams)) = (
            blocks.and_then(|n| i32::try_from(n).ok()),
            u32::try_from(tasks),
            u32::try_from(work.streams),
        ) else {
            return Err(ContractError::Unsupported(format!(
                "{rows} rows of {} frequencies for {} coordinates are more than one launch takes",
                work.used, work.streams
            )));
        };
        let params = AnglesParams {
            lanes,
            // Not above `blocks`.
            lane_blocks: lane_blocks as u32,
            tasks,
            // Not above `ROWS`.
            loops: rows.div_ceil(tasks.into()) as u32,
            step: u64::from(tasks) * work.width as u64,
            ..self.params(work, places)
        };
        let launch = Launch {
            blocks: blocks.cast_unsigned(),
            // Not above `THREADS`.
            threads: [x as u32, y as u32],
            shared: 0,
            params: with_streams(params, streams),
        };
        Ok(Some((variant, launch)))
    }

    /// All parameters but those of tasks and streams.
    fn params(&self, work: &Work, places: Places) -> AnglesParams {
        let padding = work.padding.and_then(|p| bits(p, self.positions));
        // A cosine is a sine one quarter turn further; quarter turns are the two highest bits.
        let [of_first, of_second] = if work.cos_first {
            [1 << 30, 0]
        } else {
            [0, 1 << 30]
        };
        AnglesParams {
            positions: places.positions,
            frequencies: places.frequencies,
            first: places.first,
            second: places.second,
            rows: work.rows as u64,
            inner: work.inner as u64,
            frequency_step: work.frequencies as u64,
            stride: work.width as u64,
            pairs: work.pairs as u64,
            used: work.used as u64,
            padding: padding.unwrap_or(0),
            padded: padding.is_some().into(),
            kind: kind(self.positions),
            exact: work.exact.into(),
            of_first,
            of_second,
            // The quarter turn of the cosine, doubled.
            swapped: 2 * of_first,
            interleaved: work.interleaved.into(),
            amplitude: work.amplitude,
            digits: TWO_OVER_PI,
            ..Default::default()
        }
    }

    fn variant(&self, work: &Work, places: Places) -> Variant {
        let vector = ACCESS as usize / self.element.size();
        let seconds = if work.interleaved { 0 } else { places.second };
        let aligned = [places.frequencies, places.first, seconds]
            .iter()
            .all(|at| at.is_multiple_of(ACCESS));
        let whole = [work.used, work.width, work.frequencies]
            .iter()
            .all(|n| n.is_multiple_of(vector));
        if aligned && whole && work.pairs == work.used {
            Variant::Whole
        } else {
            Variant::Scalar
        }
    }
}

/// The parameters for this number of streams.
fn with_streams(params: AnglesParams, streams: u32) -> AnglesParams {
    let AnglesParams { tasks, inner, .. } = params;
    let tasks = u64::from(tasks);
    let apart = u64::from(streams).saturating_sub(1) * inner;
    AnglesParams {
        streams,
        // Without products nothing is read.
        kind: if streams == 0 { NONE } else { params.kind },
        apart,
        // There is a row, so `inner` is not 0.
        tasks_apart: tasks / inner * apart,
        tasks_inside: tasks % inner,
        ..params
    }
}

/// As in `cpp/params.h`.
const fn kind(positions: PositionType) -> u32 {
    match positions {
        PositionType::I64 => 0,
        PositionType::I32 => 1,
        PositionType::F32 => 2,
        PositionType::F64 => 3,
    }
}

/// None of those.
const NONE: u32 = 4;

/// The bits of a position as a number of this type; `None` where no number of the type is equal to it.
fn bits(position: i64, of: PositionType) -> Option<u64> {
    match of {
        PositionType::I64 => Some(position.cast_unsigned()),
        PositionType::I32 => i32::try_from(position)
            .ok()
            .map(|p| i64::from(p).cast_unsigned()),
        PositionType::F32 => {
            let nearest = position as f32;
            (nearest as i64 == position).then(|| nearest.to_bits().into())
        }
        // Padding positions are below 2^53.
        PositionType::F64 => Some((position as f64).to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANNER: Planner = Planner {
        positions: PositionType::I64,
        element: ElementType::F32,
        processors: 132,
    };

    const PLACES: Places = Places {
        positions: 1 << 20,
        frequencies: 1 << 21,
        first: 1 << 30,
        second: 1 << 31,
    };

    /// A table of `rows` positions and `width` frequencies.
    fn table(rows: usize, width: usize) -> Work {
        Work {
            rows,
            streams: 1,
            inner: rows,
            frequencies: width,
            width,
            pairs: width,
            used: width,
            zeros: 0,
            cos_first: true,
            interleaved: false,
            amplitude: 1.0,
            exact: false,
            padding: None,
        }
    }

    fn plan(work: &Work, places: Places) -> (Variant, Launch<AnglesParams>) {
        PLANNER.plan(work, places).unwrap().unwrap()
    }

    #[test]
    fn whole_accesses_are_taken_where_they_fit() {
        let variant = |work: &Work, places| plan(work, places).0;
        let odd = |at| Places {
            first: PLACES.first + at,
            ..PLACES
        };
        assert_eq!(variant(&table(5, 64), PLACES), Variant::Whole);
        assert_eq!(variant(&table(5, 66), PLACES), Variant::Scalar);
        assert_eq!(variant(&table(5, 64), odd(16)), Variant::Whole);
        assert_eq!(variant(&table(5, 64), odd(4)), Variant::Scalar);
        let halves = Places {
            second: PLACES.second + 8,
            ..PLACES
        };
        let woven = Work {
            interleaved: true,
            width: 128,
            ..table(5, 64)
        };
        assert_eq!(variant(&table(5, 64), halves), Variant::Scalar);
        assert_eq!(variant(&woven, halves), Variant::Whole);
        let cut = Work {
            pairs: 60,
            ..table(5, 64)
        };
        assert_eq!(variant(&cut, PLACES), Variant::Scalar);
    }

    #[test]
    fn tasks_have_all_rows() {
        for (rows, width) in [
            (1, 1),
            (1, 64),
            (7, 8),
            (4096, 512),
            (32_768, 64),
            (1_000_003, 64),
            (100, 4096),
            (3, 1_000_004),
        ] {
            let (_, launch) = plan(&table(rows, width), PLACES);
            let AnglesParams {
                tasks,
                loops,
                lanes,
                lane_blocks,
                step,
                ..
            } = launch.params;
            let rows = rows as u64;
            assert!(u64::from(tasks) * u64::from(loops) >= rows);
            assert!(u64::from(tasks) * u64::from(loops - 1) < rows);
            assert_eq!(step, u64::from(tasks) * width as u64);
            let [x, y] = launch.threads;
            assert!(x * y <= 256 && y > 0);
            assert!(u64::from(x * lane_blocks) >= lanes);
            assert!(launch.blocks / lane_blocks * y >= tasks);
        }
        let small = plan(&table(64, 64), PLACES).1;
        assert_eq!(small.params.loops, 1);
        let large = plan(&table(1_000_000, 64), PLACES).1;
        assert_eq!(large.params.loops, 8);
    }

    #[test]
    fn positions_of_several_coordinates_are_found() {
        for (rows, inner, streams) in [(12, 1, 3), (12, 12, 3), (12, 4, 3), (50, 5, 2), (6, 6, 0)] {
            let work = Work {
                streams,
                inner,
                ..table(rows, 64)
            };
            let places = Planner {
                processors: 0,
                ..PLANNER
            };
            let params = places.plan(&work, PLACES).unwrap().unwrap().1.params;
            if streams == 0 {
                assert_eq!(params.kind, NONE);
                continue;
            }
            let at = |row: u64| {
                let inner = inner as u64;
                row / inner * streams as u64 * inner + row % inner
            };
            for task in 0..params.tasks.into() {
                let outer = task / params.inner;
                let (mut place, mut inside) = (task + outer * params.apart, task % params.inner);
                let mut row = task;
                while row < params.rows {
                    assert_eq!(place, at(row), "{rows} {inner} {streams}");
                    row += u64::from(params.tasks);
                    place += u64::from(params.tasks) + params.tasks_apart;
                    inside += params.tasks_inside;
                    if inside >= params.inner {
                        inside -= params.inner;
                        place += params.apart;
                    }
                }
            }
        }
    }

    #[test]
    fn padding_has_the_bits_of_its_type() {
        let ones = |of| bits(1, of);
        assert_eq!(ones(PositionType::I64), Some(1));
        assert_eq!(ones(PositionType::I32), Some(1));
        assert_eq!(ones(PositionType::F32), Some(1f32.to_bits().into()));
        assert_eq!(ones(PositionType::F64), Some(1f64.to_bits()));
        assert_eq!(bits(1 << 31, PositionType::I32), None);
        assert_eq!(bits((1 << 24) + 1, PositionType::F32), None);
    }

    #[test]
    fn what_no_launch_takes_is_refused() {
        let text = PLANNER.plan(&table(1 << 50, 2), PLACES).unwrap_err();
        let words = "1125899906842624 rows of 2 frequencies for 1 coordinates are more than one launch takes";
        assert!(text.to_string().contains(words), "{text}");
        for (rows, width) in [(0, 8), (3, 0)] {
            assert!(PLANNER.plan(&table(rows, width), PLACES).unwrap().is_none());
        }
    }
}
