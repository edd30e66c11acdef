//! Which kernel turns the tensors of a call, and how their rows are divided among threads.

use super::params::{AXES, RotaryAxis, RotaryParams, RotaryTensor};
use crate::contract::rotary::{RotaryAttributes, RotaryGeometry, TableForm};
use crate::contract::{ContractError, ElementType};
use crate::cuda::Launch;
use crate::cuda::waves::rows_of_task;

/// Threads of a block.
const THREADS: u64 = 256;

/// Bytes of shared memory that every block may have.
const SHARED: u64 = 48 * 1024;

/// Most rows of a task: with so many, what it reads of the tables is a small part of all it reads.
const ROWS: u64 = 8;

/// Bytes of an access.
const ACCESS: u64 = 16;

/// A tensor to turn, and where the result goes.
#[derive(Clone, Copy, Debug)]
pub struct Turned<'a> {
    /// Its sizes.
    pub geometry: &'a RotaryGeometry,
    /// Address of the tensor.
    pub x: u64,
    /// Address of the result: the same, or that of memory apart.
    pub y: u64,
}

/// A kernel of `rotary.cu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cuda) enum Variant {
    /// Whole accesses, tables with an entry per pair.
    Pair,
    /// Whole accesses, tables with an entry per channel.
    Channel,
    /// One pair per thread.
    Scalar,
    /// In place, with pairs that move within the row.
    Moved,
    /// As `Pair`, for rows of X that lie otherwise than those of Y.
    HeadsPair,
    /// As `Channel`, for such rows, with accesses of half the size.
    HeadsChannel,
    /// As `Scalar`, for such rows.
    HeadsScalar,
}

/// How the rows of X lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As those of Y.
    Dense,
    /// As [`RotaryGeometry::rows`] says.
    Heads,
}

impl Reading {
    /// The kernels that it needs.
    pub(super) const fn variants(self) -> &'static [Variant] {
        match self {
            Reading::Dense => &[
                Variant::Pair,
                Variant::Channel,
                Variant::Scalar,
                Variant::Moved,
            ],
            Reading::Heads => &[
                Variant::HeadsPair,
                Variant::HeadsChannel,
                Variant::HeadsScalar,
            ],
        }
    }
}

impl Variant {
    pub(in crate::cuda) const fn name(self) -> &'static str {
        match self {
            Variant::Pair => "pair",
            Variant::Channel => "channel",
            Variant::Scalar => "scalar",
            Variant::Moved => "moved",
            Variant::HeadsPair => "heads_pair",
            Variant::HeadsChannel => "heads_channel",
            Variant::HeadsScalar => "heads_scalar",
        }
    }

    /// Blocks that a multiprocessor has registers for, at least: `cpp/registers.txt` says how many, by type and device.
    pub(in crate::cuda) const fn resident_blocks(self) -> u64 {
        match self {
            Variant::Pair | Variant::Scalar | Variant::Moved | Variant::HeadsScalar => 4,
            Variant::Channel | Variant::HeadsPair | Variant::HeadsChannel => 3,
        }
    }
}

/// A node and its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planner {
    pub(super) reading: Reading,
    pub(super) attributes: RotaryAttributes,
    pub(super) element: ElementType,
    pub(super) table: ElementType,
    pub(super) processors: u32,
}

impl Planner {
    /// The launch that turns one or two tensors by tables at these addresses; `None` where there is nothing to do.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for sizes that no kernel takes.
    pub(super) fn plan(
        &self,
        tensors: &[Turned<'_>],
        cos: u64,
        sin: u64,
    ) -> Result<Option<(Variant, Launch<RotaryParams>)>, ContractError> {
        let variant = self.variant(tensors, cos, sin)?;
        let vector = match variant {
            Variant::Pair | Variant::Channel | Variant::HeadsPair => {
                ACCESS / self.element.size() as u64
            }
            Variant::HeadsChannel => ACCESS / 2 / self.element.size() as u64,
            Variant::Scalar | Variant::Moved | Variant::HeadsScalar => 1,
        };
        let mut params = RotaryParams {
            cos,
            sin,
            interleaved: self.attributes.interleaved.into(),
            interleaved_out: self.attributes.interleaved_out().into(),
            inverse: self.attributes.inverse.into(),
            ..Default::default()
        };
        for (tensor, turned) in params.tensors.iter_mut().zip(tensors) {
            *tensor = sizes(turned, vector);
            // A kernel counts the rows of X from the first that it reads.
            let first = turned.geometry.first as u64 * tensor.channels;
            tensor.x += first * self.element.size() as u64;
        }
        let all = |each: fn(&RotaryTensor, &Turned<'_>) -> u64| {
            let parts = params.tensors.iter().zip(tensors);
            parts.map(move |(tensor, turned)| each(tensor, turned))
        };
        let total = all(|tensor, turned| tensor.lanes.saturating_mul(rows(turned)))
            .fold(0u64, |sum, part| sum.saturating_add(part));
        if total == 0 {
            return Ok(None);
        }
        let widest = all(|tensor, _| tensor.lanes).fold(1, u64::max);
        let x = widest.min(THREADS);
        let mut y = THREADS / x;
        let mut shared = 0;
        if variant == Variant::Moved {
            // At least one row fits: `variant` has checked that.
            let row =
                self.element.size() as u64 * all(|tensor, _| 2 * tensor.half).fold(1, u64::max);
            y = y.min(SHARED / row);
            shared = y * row;
        }
        for (tensor, turned) in params.tensors.iter_mut().zip(tensors) {
            axes(tensor, turned.geometry);
        }
        let blocks = |rows| {
            let of_tensor = |tensor: &RotaryTensor| tasks(tensor, rows).div_ceil(y);
            params.tensors.each_ref().map(of_tensor)
        };
        let resident = u64::from(self.processors) * variant.resident_blocks();
        let loops = match variant {
            Variant::Moved => 1,
            _ => rows_of_task(ROWS, resident, |rows| {
                blocks(rows).iter().fold(0, |n, &m| n.saturating_add(m))
            }),
        };
        let blocks = blocks(loops);
        for tensor in &mut params.tensors[..tensors.len()] {
            divide(tensor, loops);
        }
        let count = blocks.iter().try_fold(0u64, |sum, &n| sum.checked_add(n));
        let Some(count) = count
            .and_then(|n| i32::try_from(n).ok())
            .map(i32::cast_unsigned)
        else {
            return Err(ContractError::Unsupported(format!(
                "{} rows are more than one launch takes",
                tensors.iter().map(rows).fold(0, u64::saturating_add)
            )));
        };
        // Not above `count`.
        params.border = blocks[0] as u32;
        // None is above `THREADS` or `SHARED`.
        let (threads, shared) = ([x as u32, y as u32], shared as u32);
        Ok(Some((
            variant,
            Launch {
                blocks: count,
                threads,
                shared,
                params,
            },
        )))
    }

    fn variant(
        &self,
        tensors: &[Turned<'_>],
        cos: u64,
        sin: u64,
    ) -> Result<Variant, ContractError> {
        if self.reading == Reading::Dense
            && self.attributes.interleaved != self.attributes.interleaved_out()
            && tensors.iter().any(|t| t.x == t.y)
        {
            let most = SHARED / self.element.size() as u64;
            let widest = tensors.iter().map(|t| t.geometry.rotated as u64).max();
            return match widest {
                Some(channels) if channels > most => Err(ContractError::Unsupported(format!(
                    "{channels} channels are too many to turn in place with `output_interleaved` unlike `interleaved`, \
                     expected at most {most}"
                ))),
                _ => Ok(Variant::Moved),
            };
        }
        let size = self.element.size() as u64;
        let vector = ACCESS / size;
        let table_access = (vector * self.table.size() as u64).min(ACCESS);
        let aligned = |t: &Turned<'_>| {
            let RotaryGeometry {
                channels,
                offset,
                rotated,
                ..
            } = *t.geometry;
            [t.x, t.y].iter().all(|at| at.is_multiple_of(ACCESS))
                && [channels, offset, rotated / 2]
                    .iter()
                    .all(|&n| (n as u64).is_multiple_of(vector))
        };
        let tables = [cos, sin].iter().all(|at| at.is_multiple_of(table_access));
        let [pair, channel, scalar] = match self.reading {
            Reading::Dense => [Variant::Pair, Variant::Channel, Variant::Scalar],
            Reading::Heads => [
                Variant::HeadsPair,
                Variant::HeadsChannel,
                Variant::HeadsScalar,
            ],
        };
        let all = |form| tensors.iter().all(|t| t.geometry.form == form);
        Ok(match () {
            () if !tables || !tensors.iter().all(aligned) => scalar,
            () if all(TableForm::Pair) => pair,
            () if all(TableForm::Channel) => channel,
            // The two tensors read the tables differently.
            () => scalar,
        })
    }
}

fn rows(turned: &Turned<'_>) -> u64 {
    turned.geometry.rows.count() as u64
}

/// What a row has.
fn sizes(turned: &Turned<'_>, vector: u64) -> RotaryTensor {
    let geometry = turned.geometry;
    let half = (geometry.rotated / 2) as u64;
    let copied = if turned.x == turned.y {
        0
    } else {
        (geometry.channels - geometry.rotated) as u64
    };
    RotaryTensor {
        x: turned.x,
        y: turned.y,
        channels: geometry.channels as u64,
        offset: geometry.offset as u64,
        half,
        // A lane has two vectors, so that the last one may have to take one twice.
        lanes: half / vector + (copied / vector).div_ceil(2),
        by_channel: (geometry.form == TableForm::Channel).into(),
        ..Default::default()
    }
}

/// Numbers the rows, as tasks of one row each, and finds the axis along which rows have the same angles.
fn axes(tensor: &mut RotaryTensor, geometry: &RotaryGeometry) {
    let mut row = 1;
    let merged = geometry.rows.axes();
    tensor.rank = merged.len() as u32;
    tensor.head_axis = AXES as u32;
    tensor.heads = 1;
    for (at, axis) in merged.iter().enumerate().rev() {
        let [x_row, cos, sin] = axis.steps.map(|step| step as u64);
        tensor.axes[at] = RotaryAxis {
            size: axis.size as u64,
            row,
            x_row,
            cos,
            sin,
        };
        if (cos, sin) == (0, 0) && axis.size as u64 > tensor.heads {
            tensor.head_axis = at as u32;
            tensor.heads = axis.size as u64;
            (tensor.head_row, tensor.head_x_row) = (row, x_row);
        }
        row *= axis.size as u64;
    }
    (tensor.chunks, tensor.loops, tensor.tasks) = (tensor.heads, 1, row);
}

/// The number of tasks of up to `loops` rows.
fn tasks(tensor: &RotaryTensor, loops: u64) -> u64 {
    // A second tensor that is not there has no heads.
    tensor.tasks / tensor.heads.max(1) * tensor.heads.div_ceil(loops)
}

/// Makes tasks of up to `loops` rows from those of one.
fn divide(tensor: &mut RotaryTensor, loops: u64) {
    tensor.tasks = tasks(tensor, loops);
    tensor.chunks = tensor.heads.div_ceil(loops);
    tensor.loops = tensor.heads.div_ceil(tensor.chunks) as u32;
    if let Some(heads) = tensor.axes.get_mut(tensor.head_axis as usize) {
        heads.size = tensor.chunks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANNER: Planner = Planner {
        reading: Reading::Dense,
        attributes: RotaryAttributes {
            interleaved: false,
            output_interleaved: None,
            rotary_dim: 0,
            rotary_offset: 0,
            inverse: false,
        },
        element: ElementType::F16,
        table: ElementType::F32,
        processors: 132,
    };

    const SPREAD: RotaryAttributes = RotaryAttributes {
        output_interleaved: Some(true),
        ..PLANNER.attributes
    };

    /// The launch for a tensor at `x`, turned into one at `y`, by tables at address 4096.
    fn plan(
        planner: &Planner,
        shape: &[usize],
        table: &[usize],
        [x, y]: [u64; 2],
    ) -> Result<Option<(Variant, Launch<RotaryParams>)>, ContractError> {
        let geometry = &RotaryGeometry::new(&planner.attributes, shape, table, table)?;
        planner.plan(&[Turned { geometry, x, y }], 4096, 4096)
    }

    #[test]
    fn the_widest_kernel_that_fits_is_taken() {
        let variant = |planner: &Planner, shape: &[usize], width: usize, places| {
            let table = [shape[shape.len() - 2], width];
            plan(planner, shape, &table, places).unwrap().unwrap().0
        };
        let single = Planner {
            element: ElementType::F32,
            ..PLANNER
        };
        let spread = Planner {
            attributes: SPREAD,
            ..PLANNER
        };
        let apart = [1 << 20, 1 << 21];
        let same = [1 << 20, 1 << 20];
        let shape = [1, 32, 7, 128];
        assert_eq!(variant(&PLANNER, &shape, 64, apart), Variant::Pair);
        assert_eq!(variant(&PLANNER, &shape, 128, same), Variant::Channel);
        // Addresses or sizes that are not multiples of 16 bytes.
        assert_eq!(variant(&PLANNER, &shape, 64, [8, 1 << 21]), Variant::Scalar);
        assert_eq!(variant(&PLANNER, &shape, 64, [1 << 20, 2]), Variant::Scalar);
        assert_eq!(variant(&PLANNER, &[7, 72], 36, apart), Variant::Scalar);
        assert_eq!(variant(&single, &[7, 72], 36, apart), Variant::Pair);
        // Pairs that move.
        assert_eq!(variant(&spread, &shape, 64, apart), Variant::Pair);
        assert_eq!(variant(&spread, &shape, 64, same), Variant::Moved);
    }

    #[test]
    fn heads_of_a_packed_tensor_have_kernels_of_their_own() {
        use crate::contract::rotary_heads::{
            HeadRange, RotaryHeadsAttributes, RotaryHeadsGeometry,
        };
        let plan = |first: usize, width: usize, x: u64| {
            let heads = HeadRange {
                first,
                end: 40,
                step: 1,
            };
            let attributes = RotaryHeadsAttributes {
                rotary: PLANNER.attributes,
                heads,
            };
            let shape = [2, 512, 48, 128];
            let table = [512, width];
            let geometry = RotaryHeadsGeometry::new(&attributes, &shape, &table, &table);
            let turned = [Turned {
                geometry: &geometry.unwrap().turning,
                x,
                y: 1 << 40,
            }];
            let planner = Planner {
                reading: Reading::Heads,
                ..PLANNER
            };
            planner.plan(&turned, 4096, 4096).unwrap().unwrap()
        };
        let (variant, launch) = plan(32, 64, 1 << 20);
        assert_eq!(variant, Variant::HeadsPair);
        let tensor = launch.params.tensors[0];
        // 32 heads of 128 numbers of 2 bytes come before.
        assert_eq!(tensor.x, (1 << 20) + 32 * 128 * 2);
        // Batch, heads and positions.
        let rows = tensor.axes.map(|axis| (axis.row, axis.x_row));
        assert_eq!(rows[..3], [(8 * 512, 512 * 48), (512, 1), (1, 48)]);
        assert_eq!(
            (tensor.heads, tensor.head_row, tensor.head_x_row),
            (8, 512, 1)
        );
        assert_eq!(plan(0, 128, 1 << 20).0, Variant::HeadsChannel);
        assert_eq!(plan(0, 128, 2).0, Variant::HeadsScalar);
    }

    #[test]
    fn tasks_have_all_rows_and_share_angles() {
        for (shape, table, heads) in [
            (&[8, 32, 4096, 128][..], &[4096, 64][..], 8 * 32),
            (&[8, 32, 4096, 128], &[8, 1, 4096, 64], 32),
            (&[8, 4096, 32, 128], &[8, 4096, 1, 64], 32),
            (&[8, 32, 4096, 128], &[8, 32, 4096, 64], 1),
            (&[1, 40, 1, 128], &[1, 64], 40),
            (&[1, 40, 1, 128], &[64], 40),
        ] {
            let launch = plan(&PLANNER, shape, table, [1 << 20, 1 << 40]);
            let launch = launch.unwrap().unwrap().1;
            let tensor = launch.params.tensors[0];
            let rows: usize = shape[..3].iter().product();
            assert_eq!(tensor.heads, heads, "{shape:?} {table:?}");
            assert_eq!(tensor.tasks * tensor.heads, rows as u64 * tensor.chunks);
            assert!(tensor.chunks * u64::from(tensor.loops) >= tensor.heads);
            assert!(u64::from(launch.blocks * launch.threads[1]) >= tensor.tasks);
            // A small tensor is spread over as many threads as it has rows.
            let large = rows > 1000 && heads > 1;
            assert_eq!(tensor.loops, if large { ROWS as u32 } else { 1 });
        }
    }

    #[test]
    fn what_no_launch_takes_is_refused() {
        let spread = Planner {
            attributes: SPREAD,
            ..PLANNER
        };
        let same = [1 << 20, 1 << 20];
        let text = plan(&spread, &[3, 24578], &[12289], same).unwrap_err();
        let words = "24578 channels are too many to turn in place";
        assert!(text.to_string().contains(words), "{text}");
        let text = plan(&PLANNER, &[1 << 50, 2], &[1 << 50, 1], same).unwrap_err();
        let words = "rows are more than one launch takes";
        assert!(text.to_string().contains(words), "{text}");
        for empty in [&[0, 8][..], &[3, 0]] {
            let table = [empty[1] / 2];
            assert!(plan(&PLANNER, empty, &table, same).unwrap().is_none());
        }
    }
}
