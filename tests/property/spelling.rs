//! What a generated rotary embedding looks like: every choice an exporter may make, each drawn by itself.
//!
//! The first entry of every list is the plainest, because shrinking goes there.

use proptest::prelude::*;
use proptest::sample::select;

use crate::change::{Change, Place};

/// Axes of the rotated tensor before its channels: batch, sequence, heads, groups of heads.
pub(crate) const LAYOUTS: [&str; 6] = ["BNS", "BSN", "SBN", "BSGN", "BGNS", "NS"];

/// How `x` comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A graph input in the layout.
    Input,
    /// A projection `[batch, sequence, heads * channels]`, reshaped (and transposed) to the layout.
    Projected,
    /// One of three parts of a packed projection.
    Packed,
    /// What a dense layer computes of an input `[batch, sequence, channels]`, reshaped like a projection.
    Dense,
}

/// How the two members of all pairs are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// `x * cos + turned(x) * sin` with tables as wide as `x`.
    Turned(Turn),
    /// `a * cos - b * sin` and `b * cos + a * sin` with tables of one entry a pair.
    Members(Take, Join),
    /// A matrix of two by two for each pair, times the pair.
    Matrix,
}

/// How the tensor with members exchanged, and the first of them negated, is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Two slices (strided ones for neighbours), a negation, a concatenation.
    Slices,
    /// `Split`, `Neg`, `Concat`.
    Split,
    /// Reshaped so that an axis of two tells the members apart, split there.
    Reshape,
    /// `Gather` by the permutation, times signs.
    Gather,
    /// `Gather` by the permutation, the signs in the sine table.
    GatherSignedSin,
    /// `MatMul` with a signed permutation.
    MatMul,
    /// `Einsum` with a signed permutation.
    Einsum,
    /// Rolled, and negated where a mask says so.
    Where,
    /// Scattered into zeros along the channels.
    Scatter,
}

/// How the members of all pairs are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// `Slice`, strided for neighbours.
    Slice,
    /// `Split` where they are halves, `Gather` where they are neighbours.
    Split,
    /// An axis of two, indexed by `Gather`.
    ReshapeGather,
    /// An axis of two, split and squeezed.
    ReshapeSplit,
}

/// How the members are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// `Concat`, on a new axis and reshaped for neighbours.
    Concat,
    /// `ScatterElements` of one after the other.
    ScatterElements,
    /// `ScatterND` with the channels in front.
    ScatterNd,
}

/// Where the angles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Angles {
    /// Positions times frequencies, element by element.
    Mul,
    /// The same as a product of matrices.
    MatMul,
    /// Frequencies times positions as matrices, transposed.
    MatMulTransposed,
    /// The same as an `Einsum`.
    Einsum,
    /// Constant tables, looked up at positions.
    Lookup,
    /// Constant tables, cut to the length of the sequence.
    Cut,
    /// Tables that are graph inputs.
    Given,
}

/// Where the positions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// A graph input with a row for each batch.
    Batched,
    /// A graph input with one row.
    Shared,
    /// Counted up to the length of the sequence.
    Counted,
}

/// How a table of one entry a pair becomes one of an entry a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Widen {
    /// `Concat` with itself (on a new axis and reshaped for neighbours).
    Concat,
    /// `Tile` (of a new axis, and reshaped).
    Tile,
    /// `Expand` of a new axis, and reshaped.
    Expand,
    /// `Gather` of every entry twice.
    Gather,
}

/// Element types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Everything in single precision.
    Single,
    /// Half precision, with tables cast to it.
    Half,
    /// Half precision, with the rotation in single precision.
    HalfAround,
}

/// What makes it no rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Nothing: it is one.
    None,
    /// Both members take the sine with the same sign.
    Sign,
    /// The second members are in the reverse order.
    Partner,
    /// The cosine is of a shifted angle.
    Shift,
    /// The sine is of another frequency.
    Frequency,
    /// One channel's cosine is scaled.
    Scale,
    /// The cosine stands in for the sine.
    CosForSin,
    /// The second members begin one channel early, where the first still are.
    Overlap,
}

/// One generated model.
#[derive(Clone, Debug)]
pub(crate) struct Spelling {
    pub(crate) layout: &'static str,
    pub(crate) source: Source,
    pub(crate) rotation: Rotation,
    /// Members are neighbours, before and after.
    pub(crate) interleaved: (bool, bool),
    pub(crate) pairs: usize,
    /// Channels before and after the rotated ones.
    pub(crate) around: (usize, usize),
    pub(crate) inverse: bool,
    pub(crate) angles: Angles,
    pub(crate) positions: Positions,
    pub(crate) widen: Widen,
    /// Angles are widened, not cosines and sines.
    pub(crate) widen_angles: bool,
    /// The cosine is a sine a quarter turn on.
    pub(crate) shifted_sine: bool,
    pub(crate) amplitude: Option<f64>,
    pub(crate) precision: Precision,
    /// Axes of tables are inserted before cosine and sine are taken.
    pub(crate) early_axes: bool,
    /// Axes are inserted in front too, where broadcasting would.
    pub(crate) all_axes: bool,
    /// Factors and terms stand the other way round.
    pub(crate) swapped: [bool; 3],
    /// The rotated channels are split off, not sliced out.
    pub(crate) split_range: bool,
    /// Differences are sums with a negated term.
    pub(crate) added_negative: bool,
    /// Batch and sequence are symbols.
    pub(crate) symbolic: bool,
    /// The result is scaled, as queries are.
    pub(crate) scaled: bool,
    pub(crate) sizes: (i64, i64, i64),
    pub(crate) broken: Break,
    /// What is done to tensors on their way, in this order.
    pub(crate) changes: Vec<(Place, Change)>,
}

fn rotations() -> Vec<(Rotation, (bool, bool))> {
    use Join::*;
    use Rotation::*;
    use Turn::{Einsum, GatherSignedSin, MatMul, Reshape, Scatter, Slices, Where};
    let mut list = Vec::new();
    for interleaved in [false, true] {
        let same = (interleaved, interleaved);
        for turn in [
            Slices,
            Turn::Split,
            Reshape,
            Turn::Gather,
            GatherSignedSin,
            MatMul,
            Einsum,
            Where,
            Scatter,
        ] {
            // Neighbours are no two pieces of a tensor.
            if !(interleaved && turn == Turn::Split) {
                list.push((Turned(turn), same));
            }
        }
        for take in [
            Take::Slice,
            Take::Split,
            Take::ReshapeGather,
            Take::ReshapeSplit,
        ] {
            for join in [Concat, ScatterElements, ScatterNd] {
                list.push((Members(take, join), same));
            }
            list.push((Members(take, Concat), (interleaved, !interleaved)));
        }
        list.push((Matrix, same));
    }
    list
}

/// Any spelling, with one of the breaks.
pub(crate) fn any(breaks: Vec<Break>) -> impl Strategy<Value = Spelling> {
    let shape = (
        select(LAYOUTS.to_vec()),
        select(vec![
            Source::Input,
            Source::Projected,
            Source::Packed,
            Source::Dense,
        ]),
        select(rotations()),
        2usize..5,
        (0usize..4, 0usize..4),
        select(vec![(2i64, 3i64, 2i64), (1, 4, 3), (3, 2, 1), (2, 1, 2)]),
    );
    let angles = (
        select(vec![
            Angles::Mul,
            Angles::MatMul,
            Angles::MatMulTransposed,
            Angles::Einsum,
            Angles::Lookup,
            Angles::Cut,
            Angles::Given,
        ]),
        select(vec![
            Positions::Batched,
            Positions::Shared,
            Positions::Counted,
        ]),
        select(vec![
            Widen::Concat,
            Widen::Tile,
            Widen::Expand,
            Widen::Gather,
        ]),
        any_bool(),
        any_bool(),
        select(vec![None, Some(0.75), Some(1.25)]),
        (any_bool(), any_bool()),
    );
    let rest = (
        select(vec![
            Precision::Single,
            Precision::Half,
            Precision::HalfAround,
        ]),
        (any_bool(), any_bool(), any_bool(), any_bool()),
        any_bool(),
        any_bool(),
        any_bool(),
        any_bool(),
        select(breaks),
    );
    (shape, angles, rest).prop_map(|(shape, angles, rest)| {
        let (layout, source, (rotation, interleaved), pairs, around, sizes) = shape;
        let (angles, positions, widen, widen_angles, shifted_sine, amplitude, axes) = angles;
        let (precision, swapped, added_negative, symbolic, scaled, inverse, broken) = rest;
        let counted = positions == Positions::Counted || angles == Angles::Cut;
        // One position, always the first, turns nothing.
        let symbolic = symbolic || (counted && sizes.1 == 1);
        let reshaped = match rotation {
            Rotation::Turned(turn) => turn == Turn::Reshape,
            Rotation::Members(take, _) => matches!(take, Take::ReshapeGather | Take::ReshapeSplit),
            Rotation::Matrix => true,
        };
        // A fixed axis of two before the channels, in five dimensions, is taken for the members of pairs.
        let symbolic = symbolic || (layout == "BGNS" && sizes.1 == 2);
        // So are the columns of a fixed table of two.
        let symbolic = symbolic || (angles == Angles::Given && pairs == 2);
        // Without a batch, two halves of one head look like two heads.
        let layout = if layout == "NS" && reshaped && !interleaved.0 {
            "BNS"
        } else {
            layout
        };
        // A matrix makes NaN of an infinite channel's neighbours: it is a rotation only of what is infinite in no channel alone.
        let by_matrix = matches!(rotation, Rotation::Turned(Turn::MatMul | Turn::Einsum));
        let source = if by_matrix { Source::Dense } else { source };
        Spelling {
            layout,
            source,
            rotation,
            interleaved,
            pairs,
            around,
            inverse,
            angles,
            positions,
            widen,
            widen_angles,
            shifted_sine,
            amplitude,
            precision,
            early_axes: axes.0,
            all_axes: axes.1,
            swapped: [swapped.0, swapped.1, swapped.2],
            split_range: swapped.3,
            added_negative,
            symbolic,
            scaled,
            sizes,
            broken,
            changes: Vec::new(),
        }
    })
}

impl Spelling {
    /// Rotated channels.
    pub(crate) fn width(&self) -> usize {
        2 * self.pairs
    }

    /// Channels in all.
    pub(crate) fn channels(&self) -> usize {
        self.around.0 + self.width() + self.around.1
    }

    /// The break, or one that this spelling can show in its place.
    pub(crate) fn fault(&self) -> Break {
        use Turn::{Einsum, GatherSignedSin, MatMul};
        let permuted = match self.rotation {
            Rotation::Turned(turn) => {
                matches!(turn, Turn::Gather | GatherSignedSin | MatMul | Einsum)
            }
            Rotation::Members(..) => true,
            Rotation::Matrix => false,
        };
        let sliced = matches!(
            self.rotation,
            Rotation::Turned(Turn::Slices) | Rotation::Members(Take::Slice, _)
        );
        match self.broken {
            Break::Partner if !permuted => Break::Sign,
            Break::Overlap if !sliced || self.interleaved.0 => Break::Sign,
            Break::Shift | Break::Frequency | Break::CosForSin if self.angles == Angles::Given => {
                Break::Sign
            }
            fault => fault,
        }
    }

    /// Whether the operator computes the broken one too: what tables hold need not be cosines and sines.
    pub(crate) fn may_be_linear(&self) -> bool {
        let constant = match self.angles {
            Angles::Lookup | Angles::Cut => true,
            Angles::Given => false,
            _ => self.positions == Positions::Counted && !self.symbolic,
        };
        match self.fault() {
            Break::Shift | Break::Frequency | Break::CosForSin => constant,
            Break::Scale => constant || self.angles == Angles::Given,
            _ => false,
        }
    }
}

fn any_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}
